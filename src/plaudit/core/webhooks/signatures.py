"""Signs what is sent to webhooks, as Standard Webhooks has it (standardwebhooks.com).

A receiver recomputes HMAC-SHA256 over `id.timestamp.body` with its endpoint's secret and refuses
timestamps more than five minutes off. While a secret is being replaced, there is one signature for
each, so that receivers may change over at any moment.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


def mint_secret() -> str:
    """A new secret of an endpoint: `whsec_` and the base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signature_headers(
    secrets_: Sequence[str], *, message_id: str, sent_ms: int, body: bytes
) -> dict[str, str]:
    """The three headers of a signed message, with one signature for each secret, in their order.

    `message_id` stays the same for every attempt, `sent_ms` is the attempt's own time. The body is
    UTF-8.
    """
    assert "." not in message_id, "a full stop would let two messages share a signature"
    seconds = sent_ms // 1000
    moment, text = datetime.fromtimestamp(seconds, UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(
            Webhook(secret).sign(message_id, moment, text) for secret in secrets_
        ),
    }
