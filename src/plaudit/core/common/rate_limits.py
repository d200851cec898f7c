"""Rate limits: requests per API key and per environment, failed authentications per address.

Each quota is a bucket that refills evenly over the quota's time (generic cell rate algorithm,
ITU-T I.371). One number is kept per caller: the time at which the bucket is full again. `now` is
always in seconds of a monotonic clock. Limits belong to a process: with four serving processes a
caller may send four times as much.
"""

from __future__ import annotations

import math

from msgspec import Struct

from plaudit.errors import TooManyRequests
from plaudit.model.core import Caller, Quota
from plaudit.settings import Settings

WAIT_SECONDS_MAX = 60
"""Bound of Retry-After: the official client sleeps as long as it is told."""
SWEPT_AT = 1000


class QuotaState(Struct, frozen=True):
    """State of one quota, for the RateLimit header (draft-ietf-httpapi-ratelimit-headers)."""

    name: str
    remaining: int
    reset_s: int
    """Seconds until the bucket is full again."""


class Bucket:
    """Buckets of one quota, by caller."""

    def __init__(self, name: str, quota: Quota) -> None:
        self.name = name
        self.quota = quota
        self._cost = quota.seconds / quota.amount
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEPT_AT

    def wait(self, who: str, now: float) -> float:
        """Return the seconds until one more request fits; 0 if it fits now."""
        behind = max(self._full_at.get(who, now), now) - now
        # A thousandth of a request is forgiven, for sums of fractions are not exact.
        short = behind + self._cost - self.quota.seconds
        return short if short > self._cost / 1000 else 0

    def take(self, who: str, now: float) -> None:
        """Count one request, also one that does not fit."""
        if len(self._full_at) >= self._sweep_at:
            self._sweep(now)
        self._full_at[who] = max(self._full_at.get(who, now), now) + self._cost

    def give_back(self, who: str) -> None:
        """Undo one `take`, for requests that turn out not to count."""
        if who in self._full_at:
            self._full_at[who] -= self._cost

    def state_of(self, who: str, now: float) -> QuotaState:
        """Return the remaining requests of a caller and the seconds until the bucket is full."""
        behind = max(self._full_at.get(who, now), now) - now
        left = (self.quota.seconds - behind) / self._cost
        return QuotaState(self.name, max(0, math.floor(left + 0.001)), math.ceil(behind))

    def _sweep(self, now: float) -> None:
        """Drop callers whose buckets are full, which need no entry."""
        self._full_at = {who: at for who, at in self._full_at.items() if at > now}
        self._sweep_at = max(SWEPT_AT, 2 * len(self._full_at))


class RateLimits:
    """Quotas for requests with an API key; None turns one off."""

    def __init__(self, per_key: Quota | None, per_org: Quota | None) -> None:
        self._buckets: list[tuple[Bucket, str]] = []
        if per_key is not None:
            self._buckets.append((Bucket("key", per_key), "key_id"))
        if per_org is not None:
            self._buckets.append((Bucket("org", per_org), "environment_id"))
        self.policies = [(bucket.name, bucket.quota) for bucket, _ in self._buckets]

    def admit(self, caller: Caller, now: float) -> None:
        """Count a request against all quotas; raises TooManyRequests, counting nothing then."""
        self.require(caller, now)
        for bucket, field in self._buckets:
            bucket.take(getattr(caller, field), now)

    def require(self, caller: Caller, now: float) -> None:
        """Raise TooManyRequests if a request fits no longer; nothing is counted."""
        for bucket, field in self._buckets:
            if wait := bucket.wait(getattr(caller, field), now):
                whose = "this API key" if bucket.name == "key" else "this organization"
                raise TooManyRequests(
                    f"{whose} has used up its requests; wait as long as Retry-After says",
                    wait_s=bound_wait_s(wait),
                )

    def list_states(self, caller: Caller, now: float) -> list[QuotaState]:
        """List the state of each quota of a caller."""
        return [bucket.state_of(getattr(caller, field), now) for bucket, field in self._buckets]


class FailedAuth:
    """Quota of requests without a valid key, by client address.

    Requests with a valid key are never limited by it, so people behind one address do each other
    no harm.
    """

    def __init__(self, quota: Quota) -> None:
        self._bucket = Bucket("failed-auth", quota)

    def count_failure(self, address: str, now: float) -> None:
        """Count a failure; raises TooManyRequests once an address has failed too often."""
        if wait := self._bucket.wait(address, now):
            raise TooManyRequests(
                "too many requests without a valid API key from this address; wait as long as "
                "Retry-After says",
                wait_s=bound_wait_s(wait),
            )
        self._bucket.take(address, now)


def from_settings(settings: Settings) -> tuple[RateLimits | None, FailedAuth | None]:
    """Return the limits that the settings turn on, None for each that is off."""
    is_on = settings.rate_per_key is not None or settings.rate_per_org is not None
    limits = RateLimits(settings.rate_per_key, settings.rate_per_org) if is_on else None
    quota = settings.rate_failed_auth
    return limits, None if quota is None else FailedAuth(quota)


def bound_wait_s(seconds: float) -> int:
    """Round a wait up to whole seconds for Retry-After: 1 to `WAIT_SECONDS_MAX`."""
    return min(max(1, math.ceil(seconds)), WAIT_SECONDS_MAX)
