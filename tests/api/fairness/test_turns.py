"""One organization that asks for all it can get leaves the others their share of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from plaudit.api.http import admission
from plaudit.errors import Problem
from plaudit.settings import Settings, from_environment
from tests.api.fairness.waiting_requests import (
    IN_WORK,
    WAITING,
    Gate,
    Requests,
    crowd_of,
    settle,
)
from tests.support.annotators import AnnotationTeam
from tests.support.harness import above_the_store, one_engine


@above_the_store
def test_an_organization_has_a_bounded_number_of_requests_in_work_and_is_served_in_order(opened):
    gate = Gate()

    async def run() -> None:
        async with opened(gate) as requests:
            await requests.learn(gate)
            crowd = crowd_of(requests, IN_WORK + WAITING)
            await settle(lambda: gate.in_work == IN_WORK)
            assert gate.begun == ["/crowd/0", "/crowd/1"]
            assert 'plaudit_requests_waiting{kind="read"} 3.0' in requests.metrics.text().decode()
            gate.end(*(f"/crowd/{number}" for number in range(IN_WORK + WAITING)))
            await asyncio.gather(*crowd)

    asyncio.run(run())

    assert gate.most_in_work == IN_WORK
    assert gate.begun == [f"/crowd/{number}" for number in range(IN_WORK + WAITING)]


@above_the_store
def test_another_organization_is_served_before_the_crowd_that_waits(opened):
    gate = Gate()

    async def run() -> None:
        async with opened(gate) as requests:
            await requests.learn(gate)
            crowd = crowd_of(requests, IN_WORK + WAITING)
            await settle(lambda: gate.in_work == IN_WORK)
            gate.end("/other")
            await requests.ask("other", "/other")
            assert requests.status("/other") == 200
            assert gate.begun == ["/crowd/0", "/crowd/1", "/other"]
            gate.end(*(f"/crowd/{number}" for number in range(IN_WORK + WAITING)))
            await asyncio.gather(*crowd)

    asyncio.run(run())


@above_the_store
def test_what_changes_something_does_not_keep_what_reads_waiting(opened):
    gate = Gate()

    async def run() -> None:
        async with opened(gate) as requests:
            await requests.learn(gate)
            crowd = crowd_of(requests, IN_WORK + 1, method="POST")
            await settle(lambda: gate.in_work == IN_WORK)
            gate.end("/read")
            await requests.ask("crowd", "/read")
            gate.end(*(f"/crowd/{number}" for number in range(IN_WORK + 1)))
            await asyncio.gather(*crowd)

    asyncio.run(run())

    assert gate.begun == ["/crowd/0", "/crowd/1", "/read", "/crowd/2"]


@above_the_store
def test_beyond_what_may_wait_a_request_is_told_to_come_again(opened):
    gate = Gate()

    async def run() -> Requests:
        async with opened(gate) as requests:
            await requests.learn(gate)
            crowd = crowd_of(requests, IN_WORK + WAITING)
            await settle(lambda: gate.in_work == IN_WORK)
            await requests.ask("crowd", "/refused")
            gate.end(*(f"/crowd/{number}" for number in range(IN_WORK + WAITING)))
            await asyncio.gather(*crowd)
            return requests

    requests = asyncio.run(run())

    start, body = requests.sent["/refused"]
    assert start["status"] == 503
    assert (b"retry-after", b"2") in start["headers"]
    assert msgspec.json.decode(body["body"])["code"] == "unavailable"
    assert "/refused" not in gate.begun
    assert 'plaudit_requests_refused_total{kind="read"} 1.0' in requests.metrics.text().decode()


@above_the_store
def test_who_waits_too_long_is_told_to_come_again(opened, monkeypatch):
    monkeypatch.setattr(admission, "WAIT_SECONDS_MAX", 0.01)
    gate = Gate()

    async def run() -> Requests:
        async with opened(gate) as requests:
            await requests.learn(gate)
            crowd = crowd_of(requests, IN_WORK + 1)
            await crowd.pop()
            gate.end("/crowd/0", "/crowd/1")
            await asyncio.gather(*crowd)
            return requests

    requests = asyncio.run(run())

    assert requests.status("/crowd/2") == 503
    assert gate.begun == ["/crowd/0", "/crowd/1"]


@above_the_store
@pytest.mark.parametrize("how", ["cancelled", "gone"])
def test_a_request_that_ends_while_it_waits_leaves_the_queue(opened, how):
    gate = Gate()

    async def run() -> None:
        async with opened(gate) as requests:
            await requests.learn(gate)
            gone = asyncio.get_running_loop().create_future()
            crowd = crowd_of(requests, IN_WORK)
            leaving = requests.ask("crowd", "/leaving", **{"plaudit.gone": gone})
            last = requests.ask("crowd", "/last")
            await settle(lambda: gate.in_work == IN_WORK)
            if how == "gone":
                gone.set_result(None)
            else:
                leaving.cancel()
            await asyncio.wait([leaving])
            gate.end("/crowd/0", "/crowd/1", "/last")
            await asyncio.gather(*crowd, last)
            assert leaving.cancelled() == (how == "cancelled")

    asyncio.run(run())

    assert gate.begun == ["/crowd/0", "/crowd/1", "/last"]


@above_the_store
def test_strangers_of_one_network_share_one_place_and_keep_no_known_key_waiting(opened):
    gate = Gate()

    async def run() -> None:
        async with opened(gate) as requests:
            await requests.learn(gate)
            requests.keys["stranger"] = "live_x"
            semaphore = requests.edge._admission._semaphores["read"]
            for _ in range(IN_WORK):
                await semaphore.take("192.0.2.1")
                await asyncio.sleep(0)
            stranger = requests.ask("stranger", "/stranger")
            await settle()
            assert not stranger.done()
            gate.end("/other")
            await requests.ask("other", "/other")
            semaphore.release("192.0.2.1")
            await stranger
            assert requests.status("/stranger") == 401

    asyncio.run(run())

    assert gate.begun == ["/other"]


@one_engine
def test_a_browser_is_told_in_a_page(world, monkeypatch):
    monkeypatch.setattr(admission, "REFUSAL_SECONDS", 0.0)
    monkeypatch.setattr(admission.FairSemaphore, "take_now", lambda *_: False)
    monkeypatch.setattr(admission.FairSemaphore, "is_full", lambda *_: True)
    team = AnnotationTeam(world)

    with world.connect() as client:
        page = team.worker(client).get(team.path)

    assert page.status_code == 503
    assert page.headers["retry-after"] == "2"
    assert page.headers["content-type"].startswith("text/html")
    assert "Too many of your requests wait here" in page.text


@one_engine
def test_people_count_for_their_organization_after_their_first_page(world, monkeypatch):
    asked: list[str] = []
    admit = admission.Admission.admit

    async def note(self: Any, scope: Any, who: str) -> Any:
        asked.append(who)
        return await admit(self, scope, who)

    monkeypatch.setattr(admission.Admission, "admit", note)
    world.keep_application()
    team = AnnotationTeam(world)

    with world.connect() as client:
        worker = team.worker(client)
        for _ in range(2):
            assert worker.get(team.path).status_code == 200

    assert asked[0] != asked[1] == team.environment_id


@pytest.mark.parametrize("value", ["0", "1001", "x", "-1"])
def test_a_setting_that_is_no_number_of_requests_is_refused(value):
    with pytest.raises(Problem, match="from 1 to 1000"):
        from_environment({"PLAUDIT_ORG_REQUESTS_IN_WORK": value})


def test_settings_say_how_many_requests_there_may_be():
    found = from_environment(
        {"PLAUDIT_ORG_REQUESTS_IN_WORK": "7", "PLAUDIT_ORG_REQUESTS_WAITING": "9"}
    )

    assert (found.org_requests_in_work, found.org_requests_waiting) == (7, 9)
    assert (Settings().org_requests_in_work, Settings().org_requests_waiting) == (2, 100)
