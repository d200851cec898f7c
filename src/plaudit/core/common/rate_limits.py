"""How much a caller may ask, per key and per organization; how often an address may fail.

A bucket of as many requests as the quota says, which refills evenly over the quota's time (the
generic cell rate algorithm). Of each caller one number is kept: when their bucket will be full
again. Time is an argument, from a clock that never goes back. Limits are a process's own: with
four serving processes a caller may have four times as much.
"""

from __future__ import annotations

import math

from msgspec import Struct

from plaudit.errors import TooManyRequests
from plaudit.model.core import Caller, Quota
from plaudit.settings import Settings

WAIT_SECONDS_MAX = 60
"""The official client sleeps as long as it is told (reliability 3.3)."""
SWEPT_AT = 1000


class QuotaState(Struct, frozen=True):
    """Where a caller stands with one quota; what the RateLimit header says (IETF draft)."""

    name: str
    remaining: int
    reset_s: int
    """In how many seconds the bucket is full again."""


class Bucket:
    """One quota and everybody it holds for."""

    def __init__(self, name: str, quota: Quota) -> None:
        self.name = name
        self.quota = quota
        self._cost = quota.seconds / quota.amount
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEPT_AT

    def wait(self, who: str, now: float) -> float:
        """In how many seconds one more would fit; 0 if it does now."""
        behind = max(self._full_at.get(who, now), now) - now
        # A thousandth of a request is forgiven, for sums of fractions are not exact.
        short = behind + self._cost - self.quota.seconds
        return short if short > self._cost / 1000 else 0

    def take(self, who: str, now: float) -> None:
        """Take one, whether it fits or not."""
        if len(self._full_at) >= self._sweep_at:
            self._sweep(now)
        self._full_at[who] = max(self._full_at.get(who, now), now) + self._cost

    def give_back(self, who: str) -> None:
        """Take one back that was taken before it was known whether it counts."""
        if who in self._full_at:
            self._full_at[who] -= self._cost

    def standing(self, who: str, now: float) -> QuotaState:
        behind = max(self._full_at.get(who, now), now) - now
        left = (self.quota.seconds - behind) / self._cost
        return QuotaState(self.name, max(0, math.floor(left + 0.001)), math.ceil(behind))

    def _sweep(self, now: float) -> None:
        """Forget whose bucket is full: they are as good as new."""
        self._full_at = {who: at for who, at in self._full_at.items() if at > now}
        self._sweep_at = max(SWEPT_AT, 2 * len(self._full_at))


class RateLimits:
    """The buckets that requests with a key pass."""

    def __init__(self, per_key: Quota | None, per_org: Quota | None) -> None:
        self._buckets: list[tuple[Bucket, str]] = []
        if per_key is not None:
            self._buckets.append((Bucket("key", per_key), "key_id"))
        if per_org is not None:
            self._buckets.append((Bucket("org", per_org), "environment_id"))
        self.policies = [(bucket.name, bucket.quota) for bucket, _ in self._buckets]

    def admit(self, caller: Caller, now: float) -> None:
        """Let a request through; raises TooManyRequests, and then it costs nothing."""
        for bucket, field in self._buckets:
            if wait := bucket.wait(getattr(caller, field), now):
                whose = "this API key" if bucket.name == "key" else "this organization"
                raise TooManyRequests(
                    f"{whose} has used up its requests; wait as long as Retry-After says",
                    wait_s=bounded(wait),
                )
        for bucket, field in self._buckets:
            bucket.take(getattr(caller, field), now)

    def standings(self, caller: Caller, now: float) -> list[QuotaState]:
        """Where a caller stands now, quota by quota."""
        return [bucket.standing(getattr(caller, field), now) for bucket, field in self._buckets]


class FailedAuth:
    """Counts requests without a valid key by the address they come from.

    A valid key is never held up by it, so people behind one address do each other no harm.
    """

    def __init__(self, quota: Quota) -> None:
        self._bucket = Bucket("failed-auth", quota)

    def note(self, address: str, now: float) -> None:
        """Count one; raises TooManyRequests where an address has failed too often."""
        if wait := self._bucket.wait(address, now):
            raise TooManyRequests(
                "too many requests without a valid API key from this address; wait as long as "
                "Retry-After says",
                wait_s=bounded(wait),
            )
        self._bucket.take(address, now)


def from_settings(settings: Settings) -> tuple[RateLimits | None, FailedAuth | None]:
    """What the settings turn on."""
    is_on = settings.rate_per_key is not None or settings.rate_per_org is not None
    limits = RateLimits(settings.rate_per_key, settings.rate_per_org) if is_on else None
    quota = settings.rate_failed_auth
    return limits, None if quota is None else FailedAuth(quota)


def bounded(seconds: float) -> int:
    """How long somebody is told to wait, in whole seconds: 1 to WAIT_SECONDS_MAX."""
    return min(max(1, math.ceil(seconds)), WAIT_SECONDS_MAX)
