"""Logging in by an OpenID provider (OpenID Connect Core 1.0): the code flow with PKCE, by Authlib."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests
from flask import request, session

from datanectar.errors import StartupError, Unauthorized, Unavailable
from datanectar.settings import Settings

_SECONDS = 10.0
#: Seconds for which the provider's addresses and keys are kept.
_KEPT = 600.0
_SCOPE = "openid email profile"


class Oidc:
    """The OpenID provider of ``DATANECTAR_OIDC_ISSUER``.

    Raises:
        StartupError: when Authlib is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            import authlib  # noqa: F401
        except ImportError:
            raise StartupError(
                "DATANECTAR_OIDC_ISSUER needs Authlib: pip install 'datanectar[oidc]'."
            ) from None
        self._settings = settings
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._metadata: dict[str, Any] = {}
        self._keys: Any = None

    def begin(self, back: str) -> str:
        """Return the provider's address for a browser that wants to log in.

        Args:
            back: where the provider is to send it afterwards.

        Raises:
            Unavailable: when the provider can't be reached.
        """
        from authlib.common.security import generate_token

        verifier, nonce = generate_token(48), generate_token(20)
        address, state = self._client(back).create_authorization_url(
            self._provider()[0]["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        session["oidc"] = {"state": state, "verifier": verifier, "nonce": nonce}
        return str(address)

    def end(self, back: str) -> str:
        """Return the name of who has logged in, as the provider's signed answer has it.

        Raises:
            Unauthorized: when the answer is none to a question of this browser, or is not signed.
            Unavailable: when the provider can't be reached.
        """
        from authlib.common.errors import AuthlibBaseError

        asked = session.pop("oidc", None)
        if asked is None or request.args.get("state") != asked["state"]:
            raise Unauthorized("This login was begun elsewhere, or is over already: try again.")
        try:
            claims = self._claims(back, asked)
        except (AuthlibBaseError, ValueError, KeyError) as problem:
            raise Unauthorized(f"The OpenID provider does not let you in: {problem}") from problem
        except requests.RequestException as problem:
            raise Unavailable(f"The OpenID provider can't be reached: {problem}") from problem
        name = claims.get(self._settings.oidc_claim)
        is_own = self._settings.oidc_claim != "email" or claims.get("email_verified", True) is True
        if not isinstance(name, str) or not is_own:
            raise Unauthorized(
                f"The OpenID provider names no (verified) {self._settings.oidc_claim} for you."
            )
        return name

    def _claims(self, back: str, asked: dict[str, str]) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.jwk import KeySet

        metadata, keys = self._provider()
        token = self._client(back).fetch_token(
            metadata["token_endpoint"],
            authorization_response=request.url,
            code_verifier=asked["verifier"],
            timeout=_SECONDS,
        )
        algorithms = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        signed = [name for name in algorithms if name != "none" and not name.startswith("HS")]
        decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=signed)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": metadata["issuer"]},
                "aud": {"essential": True, "value": self._settings.oidc_client_id},
            },
            params={"nonce": asked["nonce"], "client_id": self._settings.oidc_client_id},
        )
        claims.validate(leeway=30)
        return dict(claims)

    def _client(self, back: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self._settings.oidc_client_id,
            self._settings.oidc_client_secret or None,
            scope=_SCOPE,
            redirect_uri=back,
            code_challenge_method="S256",
        )

    def _provider(self) -> tuple[dict[str, Any], Any]:
        """Return the provider's metadata (OpenID Connect Discovery 1.0) and its keys."""
        with self._lock:
            if time.monotonic() - self._read_at > _KEPT or self._keys is None:
                issuer = self._settings.oidc_issuer.rstrip("/")
                try:
                    metadata = _get(f"{issuer}/.well-known/openid-configuration")
                    if metadata["issuer"].rstrip("/") != issuer:
                        raise ValueError(f"it calls itself {metadata['issuer']}")
                    self._metadata, self._keys = metadata, _get(metadata["jwks_uri"])
                except (requests.RequestException, ValueError, KeyError) as problem:
                    raise Unavailable(
                        f"The OpenID provider {issuer} can't be asked: {problem}"
                    ) from problem
                self._read_at = time.monotonic()
            return self._metadata, self._keys


def _get(address: str) -> dict[str, Any]:
    reply = requests.get(address, timeout=_SECONDS)
    reply.raise_for_status()
    content: dict[str, Any] = reply.json()
    return content
