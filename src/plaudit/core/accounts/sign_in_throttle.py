"""Limits on failed sign-ins, which bound guessing without letting strangers lock anybody out.

Attempts are counted by account and network together, so whoever guesses elsewhere is held back
there. What many networks do to one account is bounded too, far above what a few of them can do. A
browser in which somebody signed in before is known by a signed cookie (OWASP's "device cookies"):
it has a quota of its own for that account, and no stranger can use it up.

The networks are those that are routed on the internet by themselves at the smallest, an IPv4 /24
and an IPv6 /48: within them an attacker may have as many addresses as they like.
"""

from __future__ import annotations

import hmac
import secrets

from msgspec import Struct

from plaudit.core.common.rate_limits import Bucket, bound_wait_s
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import TooManyRequests
from plaudit.model.core import Quota

PER_ACCOUNT_AND_NETWORK = Quota(10, 15 * 60)
"""Also that of an account and a known browser."""
PER_NETWORK = Quota(60, 5 * 60)
PER_ACCOUNT = Quota(1000, 60 * 60)
"""At this rate the guesses that a password withstands (`passwords.GUESSES_MIN`) take an age."""

_ID_BYTES = 12
_COOKIE_CHARS_MAX = 200


class ClientInfo(Struct, frozen=True):
    """Client of an attempt: its network, and what it says it is known by."""

    network: str
    at: float
    """Seconds of a monotonic clock."""
    known_by: str = ""
    """Value of the cookie of a known browser, empty without one; untrusted."""


def make_known(secret: ServerSecret, account: str) -> str:
    """Return the cookie by which a browser is known from now on, for this account alone."""
    browser_id = secrets.token_hex(_ID_BYTES)
    return f"{browser_id}.{_signatures(secret, account, browser_id)[0]}"


def known_browser(secret: ServerSecret, account: str, client: ClientInfo) -> str | None:
    """Return the id of a browser in which this account was signed in to before, else None."""
    browser_id, _, signature = client.known_by[:_COOKIE_CHARS_MAX].partition(".")
    is_known = any(
        hmac.compare_digest(right.encode(), signature.encode())
        for right in _signatures(secret, account, browser_id)
    )
    return browser_id if is_known else None


class Throttle:
    """Limits of one process, as in core/common/rate_limits. Unknown accounts count as well."""

    def __init__(self) -> None:
        self._account = Bucket("sign-in-account", PER_ACCOUNT)
        self._network = Bucket("sign-in-network", PER_NETWORK)
        self._both = Bucket("sign-in-account-network", PER_ACCOUNT_AND_NETWORK)

    def admit(self, account: str, client: ClientInfo, browser: str | None = None) -> None:
        """Admit an attempt, from a known browser or none; raises TooManyRequests after too many.

        It counts as failed until `succeeded`, so that concurrent attempts do not evade the limit.
        """
        counted = self._counted(account, client, browser)
        wait = max(bucket.wait(who, client.at) for bucket, who in counted)
        if wait:
            raise TooManyRequests(
                "too many attempts with a wrong password; wait a few minutes and try again",
                wait_s=bound_wait_s(wait),
            )
        for bucket, who in counted:
            bucket.take(who, client.at)

    def succeeded(self, account: str, client: ClientInfo, browser: str | None = None) -> None:
        """Take back the count of an attempt that `admit` admitted."""
        for bucket, who in self._counted(account, client, browser):
            bucket.give_back(who)

    def _counted(
        self, account: str, client: ClientInfo, browser: str | None
    ) -> list[tuple[Bucket, str]]:
        if browser is not None:
            return [(self._both, f"{account} known {browser}")]
        return [
            (self._both, f"{account} from {client.network}"),
            (self._network, client.network),
            (self._account, account),
        ]


def _signatures(secret: ServerSecret, account: str, browser_id: str) -> list[str]:
    payload = f"{browser_id} {account}".encode("utf-8", "surrogatepass")
    return [mac.hex() for mac in secret.known_browser_macs(payload)]
