"""Signatures, verified by the library that receivers use."""

from __future__ import annotations

import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from datanectar.notifications.sending.signing import is_secret, new_secret, signed_headers


def test_receivers_verify_what_was_signed_and_refuse_what_was_changed() -> None:
    secret, body = new_secret(), '{"täsk": 1}'.encode()
    headers = signed_headers(secret, "id-1", int(time.time()), body)

    assert Webhook(secret).verify(body, headers) == {"täsk": 1}
    for wrong in (body + b" ", body):
        changed = headers if wrong != body else {**headers, "webhook-id": "id-2"}
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(wrong, changed)
    old = signed_headers(secret, "id-1", int(time.time()) - 3600, body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, old)


def test_what_is_a_secret() -> None:
    assert is_secret(new_secret())
    assert new_secret() != new_secret()
    for text in ("", "whsec_", "whsec_c2hvcnQ=", "secret", "whsec_" + "A" * 200, "whsec_ä" * 9):
        assert not is_secret(text), text
