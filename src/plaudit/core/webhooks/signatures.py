"""Webhook signatures by the Standard Webhooks specification (standardwebhooks.com).

A receiver recomputes HMAC-SHA256 over `id.timestamp.body` with its endpoint's secret and refuses
timestamps more than five minutes off. While a secret is being rotated, messages carry a signature
by each, so that receivers may switch at any time.
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
    """Return a new signing secret: `whsec_` and the base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signature_headers(
    secrets_: Sequence[str], *, event_id: str, sent_ms: int, body: bytes
) -> dict[str, str]:
    """Return the three signature headers of a message, signed by each secret in this order.

    `event_id` is the `webhook-id`, equal in every attempt; `sent_ms` is the attempt's time in
    milliseconds; `body` is UTF-8.
    """
    assert "." not in event_id, "a full stop would let two messages share a signature"
    seconds = sent_ms // 1000
    moment, text = datetime.fromtimestamp(seconds, UTC), body.decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(
            Webhook(secret).sign(event_id, moment, text) for secret in secrets_
        ),
    }
