"""Signatures of webhooks, verified by the reference library as a receiver would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from plaudit import clock
from plaudit.core.webhooks import signatures

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
"""As Standard Webhooks has it: the prefix, and the base64 of 24 to 64 bytes; ours are of 32."""

BODY = json.dumps({"task_id": "task_1", "text": "\u00e4\u2028\U0001f600"}, ensure_ascii=False)


def signed(*secrets: str, body: str = BODY, sent_ms: int | None = None) -> dict[str, str]:
    at = clock.now_ms() if sent_ms is None else sent_ms
    return signatures.signature_headers(secrets, event_id="msg_1", sent_ms=at, body=body.encode())


@given(st.text(st.characters(codec="utf-8")))
def test_every_body_verifies(text):
    secret = signatures.mint_secret()
    body = json.dumps({"text": text}, ensure_ascii=False)

    assert Webhook(secret).verify(body.encode(), signed(secret, body=body)) == {"text": text}


def test_the_signature_is_the_one_that_the_specification_describes():
    """Computed here from its text alone: HMAC-SHA256 over id, timestamp and body."""
    key = b"k" * 24
    secret = "whsec_" + base64.b64encode(key).decode()

    headers = signed(secret, sent_ms=1_674_087_231_999)

    payload = f"msg_1.1674087231.{BODY}".encode()
    code = base64.b64encode(hmac.digest(key, payload, hashlib.sha256)).decode()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1674087231",
        "webhook-signature": f"v1,{code}",
    }


@pytest.mark.parametrize("place", [0, 7, len(BODY) - 1])
def test_a_changed_byte_of_the_body_does_not_verify(place):
    secret = signatures.mint_secret()
    changed = BODY[:place] + chr(ord(BODY[place]) ^ 1) + BODY[place + 1 :]

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(changed, signed(secret))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_changed_header_does_not_verify(name):
    secret = signatures.mint_secret()
    headers = signed(secret)
    end = "1" if headers[name][-1] != "1" else "2"
    if name == "webhook-signature":  # the last character is padding
        changed = headers[name][:-2] + ("A" if headers[name][-2] != "A" else "E") + "="
    else:
        changed = headers[name][:-1] + end

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers | {name: changed})


def test_an_old_message_does_not_verify():
    secret = signatures.mint_secret()
    headers = signed(secret, sent_ms=clock.now_ms() - 301_000)

    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, headers)


def test_while_a_secret_is_replaced_both_verify_and_no_other():
    old, new, other = (signatures.mint_secret() for _ in range(3))

    headers = signed(new, old)

    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)
    assert len(headers["webhook-signature"].split(" ")) == 2
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


def test_a_message_id_with_a_full_stop_is_not_signed():
    with pytest.raises(AssertionError):
        signatures.signature_headers(["whsec_"], event_id="a.1", sent_ms=0, body=b"")


def test_minted_secrets_have_the_form_and_differ():
    minted = {signatures.mint_secret() for _ in range(100)}

    assert len(minted) == 100
    assert all(SECRET.fullmatch(secret) for secret in minted)
