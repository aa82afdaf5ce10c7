"""Signatures as Standard Webhooks has them (standardwebhooks.com), so that its libraries verify them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_PREFIX = "whsec_"
#: The bytes of a new secret, and what a given one may have, as the specification says.
_BYTES, _LEAST, _MOST = 32, 24, 64


def new_secret() -> str:
    """Return a random secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Tell whether a text can be a secret: ``whsec_`` and 24 to 64 bytes in base64."""
    try:
        return text.startswith(_PREFIX) and _LEAST <= len(_key(text)) <= _MOST
    except ValueError:
        return False


def signed_headers(secret: str, id: str, stamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that tell a receiver who has sent a body, and when.

    Args:
        secret: the webhook's.
        id: the message's; the same whenever it is sent again.
        stamp: the present Unix stamp.
        body: what is sent.
    """
    content = f"{id}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
