"""Rate limits: who is held up, for how long, and what they are told."""

from __future__ import annotations

import math
import os
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scaleapi import ScaleClient

from plaudit import app, settings
from plaudit.core.accounts import api_keys
from plaudit.core.common import rate_limits
from plaudit.core.common.rate_limits import Bucket, FailedAuth, RateLimits
from plaudit.errors import Misconfigured, TooManyRequests
from plaudit.model.core import Caller, Quota, Role
from plaudit.settings import Settings, from_environment
from tests.support.app_client import AppClient
from tests.support.harness import World
from tests.support.operations import assert_is_error
from tests.support.running.every_case import every_case

SLOW = Quota(3, 3600)


def limited(world: World, **rates: Quota | None) -> World:
    """The same store, served with these limits."""
    world.settings = msgspec.structs.replace(world.settings, **rates)
    return world


def test_a_bucket_gives_what_its_quota_says_and_refills_evenly():
    bucket = Bucket("key", Quota(10, 60))

    for _ in range(10):
        assert bucket.wait("a", 1000.0) == 0
        bucket.take("a", 1000.0)

    assert bucket.wait("a", 1000.0) == pytest.approx(6)
    assert bucket.wait("a", 1005.9) == pytest.approx(0.1)
    assert bucket.wait("a", 1006.0) == 0
    assert bucket.wait("b", 1000.0) == 0
    assert bucket.state_of("a", 1030.0).remaining == 5
    assert bucket.state_of("a", 1030.0).reset_s == 30
    assert bucket.state_of("a", 1060.0).remaining == 10


@given(
    quota=st.builds(Quota, st.integers(1, 50), st.sampled_from([1, 60, 3600])),
    pauses=st.lists(st.floats(0, 100), max_size=200),
)
def test_no_more_passes_than_a_full_bucket_and_what_refilled_since(quota, pauses):
    """Over any stretch of time; and whoever waits as long as they are told is let through."""
    bucket, now, passed = Bucket("key", quota), 50.0, []
    for pause in pauses:
        now += pause
        if wait := bucket.wait("a", now):
            assert bucket.wait("a", now + wait + quota.seconds / quota.amount / 500) == 0
            assert bucket.state_of("a", now).remaining == 0
            continue
        bucket.take("a", now)
        passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            refilled = (passed[last] - passed[first]) * quota.amount / quota.seconds
            assert last - first + 1 <= quota.amount + refilled + 1.01


def test_buckets_of_whoever_has_gone_are_forgotten():
    bucket = Bucket("failed-auth", Quota(10, 60))

    for n in range(100_000):
        bucket.take(f"address {n}", n / 10)

    assert len(bucket._full_at) <= 2 * rate_limits.SWEPT_AT


def test_a_wait_is_never_told_to_be_longer_than_a_minute():
    failed = FailedAuth(Quota(1, 86_400))
    failed.count_failure("a", 0.0)

    with pytest.raises(TooManyRequests) as caught:
        failed.count_failure("a", 1.0)

    assert caught.value.wait_s == 60


def test_what_one_limit_refuses_costs_nothing_in_the_other():
    limits = RateLimits(Quota(5, 60), Quota(2, 60))
    caller = Caller("org", "key", Role.read)
    for _ in range(2):
        limits.admit(caller, 0.0)

    for _ in range(10):
        with pytest.raises(TooManyRequests):
            limits.admit(caller, 0.0)

    assert [(state.name, state.remaining) for state in limits.list_states(caller, 0.0)] == [
        ("key", 3), ("org", 0),
    ]  # fmt: skip


RATE = re.compile(r'"key";r=(\d+);t=(\d+), "org";r=(\d+);t=(\d+)')


def test_every_answer_to_a_key_says_where_it_stands(world):
    limited(world, rate_per_key=Quota(4, 3600), rate_per_org=Quota(40, 3600))
    with world.client() as client:
        answers = [client.get("/v2/projects"), client.get("/v2/nothing"), client.put("/v2/task"),
                   client.get("/v2/task"), client.get("/v2/projects")]  # fmt: skip

    assert [one.status_code for one in answers] == [200, 404, 405, 400, 429]
    assert {one.headers["ratelimit-policy"] for one in answers} == {
        '"key";q=4;w=3600, "org";q=40;w=3600'
    }
    found = [RATE.fullmatch(one.headers["ratelimit"]) for one in answers]
    assert [int(one[1]) for one in found if one] == [3, 2, 1, 0, 0]
    assert [int(one[3]) for one in found if one] == [39, 38, 37, 36, 36]
    assert all(0 < int(one[2]) <= 3600 for one in found if one)


def test_a_refusal_is_the_one_body_with_a_short_wait(world):
    limited(world, rate_per_key=SLOW)
    with world.client() as client:
        answers = [client.get("/v2/projects") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert_is_error(429, answers[3].headers, answers[3].json())
    assert answers[3].json()["code"] == "too_many_requests"
    assert answers[3].headers["retry-after"] == "60"
    assert "retry-after" not in answers[0].headers


def test_a_key_is_limited_alone_and_an_organization_as_a_whole(world):
    limited(world, rate_per_key=SLOW, rate_per_org=Quota(5, 3600))
    keys = [world.key(), world.key(), world.key(mode="test"), world.key("Stranger")]

    with world.client(keys[0]) as client:

        def passed(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            statuses = [client.get("/v2/projects", headers=headers).status_code for _ in range(4)]
            assert set(statuses) <= {200, 429}
            return statuses.count(200)

        assert [passed(key) for key in keys] == [3, 2, 3, 3]


def test_a_throttled_change_has_no_effect_and_can_be_sent_again(world):
    world.project()
    limited(world, rate_per_key=Quota(1, 1))
    headers, body = {"Idempotency-Key": "k"}, {"project_name": "My Test Project"}
    with world.client() as client:
        client.get("/v2/projects")
        refused = client.post("/v2/task/chat", json=body, headers=headers)
        upload = client.post("/manage/v1/projects/x/tasks", content=b"{}")
        time.sleep(int(refused.headers["retry-after"]) + 0.05)
        done = client.post("/v2/task/chat", json=body, headers=headers)
        time.sleep(1.05)
        found = client.get("/v2/tasks", params=body).json()["tasks"]

    assert (refused.status_code, upload.status_code, done.status_code) == (429, 429, 200)
    assert "idempotency-replayed" not in done.headers
    assert [one["task_id"] for one in found] == [done.json()["task_id"]]


def test_open_routes_are_never_limited_and_say_nothing_of_limits(world):
    limited(world, rate_per_key=Quota(1, 3600), rate_per_org=Quota(1, 3600))
    world.settings = msgspec.structs.replace(world.settings, metrics_public=True)
    with world.client() as client:
        client.get("/v2/projects")
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/metrics"):
            answers = [client.get(path) for _ in range(5)]

            assert {answer.status_code for answer in answers} == {200}, path
            assert not {"ratelimit", "ratelimit-policy"} & set(answers[0].headers), path


def test_without_a_limit_nothing_is_said_of_one(world):
    with world.client() as client:
        answers = [client.get("/v2/projects") for _ in range(50)]

    assert {answer.status_code for answer in answers} == {200}
    assert not {"ratelimit", "ratelimit-policy"} & set(answers[0].headers)


class FromElsewhere:
    """The application, asked from the address that a header of the test names."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        address = dict(scope.get("headers", ())).get(b"x-test-address")
        if address is not None:
            scope["client"] = (address.decode(), 50_000)
        await self.inner(scope, receive, send)


def test_who_fails_too_often_is_told_to_wait_and_a_valid_key_is_not(world):
    limited(world, rate_failed_auth=SLOW)
    key, revoked = world.key(), world.key()
    world.run(api_keys.revoke_key(world.db, environment_id=world.org(), key=revoked))
    made = FromElsewhere(app.create_app(world.settings, world.secret))
    with AppClient(made) as client:

        def ask(address: str, key: str | None = None) -> Any:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            return client.get("/v2/projects", headers=headers | {"X-Test-Address": address})

        def statuses(address: str, *keys: str | None) -> list[int]:
            return [ask(address, key).status_code for key in keys]

        tries = (None, "live_x", revoked, None, revoked)
        assert statuses("203.0.113.7", *tries) == [401] * 3 + [429] * 2
        assert statuses("203.0.113.7", key) == [200], "others there are not harmed"
        assert statuses("203.0.113.8", None) == [401]
        assert [ask(f"2001:db8:0:1::{n}").status_code for n in range(4)] == [401] * 3 + [429]
        assert statuses("2001:db8:0:2::1", None) == [401]
        answer = ask("203.0.113.7")
    assert_is_error(429, answer.headers, answer.json())
    assert answer.headers["retry-after"] == "60"
    assert "ratelimit" not in answer.headers


def test_the_official_client_waits_and_goes_on(world, start_server):
    """Its GETs heal by themselves: it sleeps as long as Retry-After says, and tries again."""
    world.project("My Test Project")
    server = start_server(PLAUDIT_RATE_PER_KEY="2/second")
    client = ScaleClient(world.key())
    client.v2.api_client.configuration.host = server.url

    began = time.monotonic()
    pages = [client.v2.get_tasks(project_name="My Test Project") for _ in range(6)]

    assert [page.tasks for page in pages] == [[]] * 6
    assert time.monotonic() - began > 1
    assert b'"status":429' in server.log_path.read_bytes()


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("", None), ("off", None), ("1/second", Quota(1, 1)), ("600/minute", Quota(600, 60)),
        ("5000/hour", Quota(5000, 3600)), ("999999999/day", Quota(999_999_999, 86_400)),
    ],
)  # fmt: skip
def test_a_limit_is_read_from_the_environment(text, quota):
    settings = from_environment({"PLAUDIT_RATE_PER_KEY": text, "PLAUDIT_RATE_PER_ORG": text})

    assert (settings.rate_per_key, settings.rate_per_org) == (quota, quota)


def test_failed_authentication_is_limited_unless_turned_off():
    assert from_environment({}).rate_failed_auth == Quota(600, 60)
    assert from_environment({"PLAUDIT_RATE_FAILED_AUTH": "off"}).rate_failed_auth is None
    assert rate_limits.from_settings(Settings(rate_failed_auth=None)) == (None, None)


@every_case(
    "text", ["600", "600/", "/minute", "0/minute", "-1/minute", "6e2/minute", "600/fortnight",
             "600 / minute", "1.5/second", "٦/minute", "1/minutes", "OFF", "10000000000/day"],
)  # fmt: skip
def test_a_limit_that_is_none_is_refused_by_name(text):
    for name in ("PLAUDIT_RATE_PER_KEY", "PLAUDIT_RATE_PER_ORG", "PLAUDIT_RATE_FAILED_AUTH"):
        with pytest.raises(Misconfigured, match=name):
            from_environment({name: text})


def test_limits_reach_the_processes_that_serve(monkeypatch):
    chosen = Settings(rate_per_key=Quota(7, 60), rate_failed_auth=None)
    with monkeypatch.context() as patch:
        for name in [*settings.VARIABLES, settings.METRICS_FOLDER]:
            patch.setenv(name, "")
        settings.to_environment(chosen, metrics_folder="unused")
        found = from_environment(dict(os.environ))

    assert (found.rate_per_key, found.rate_per_org, found.rate_failed_auth) == (
        Quota(7, 60), None, None,
    )  # fmt: skip


def test_what_a_limit_costs_is_small():
    limits = RateLimits(Quota(10**9, 1), Quota(10**9, 1))
    caller = Caller("org", "key", Role.read)
    for n in range(10_000):
        limits.admit(Caller(f"org {n}", f"key {n}", Role.read), 0.0)

    began = time.perf_counter()
    for _ in range(10_000):
        limits.admit(caller, 0.0)
        limits.list_states(caller, 0.0)
    took_us = (time.perf_counter() - began) * 100

    assert math.isfinite(took_us)
    assert took_us < 100, "microseconds a request, with 10,000 others about"
