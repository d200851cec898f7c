"""Permits go to organizations in turn, and back whatever becomes of those who wait for them."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from plaudit.core.common import fair_semaphore
from plaudit.core.common.fair_semaphore import (
    ALONE_AFTER_S,
    TURN_SECONDS,
    FairSemaphore,
    LoopTurn,
)
from plaudit.errors import Unavailable


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def granted(semaphore: FairSemaphore, *wanted: str) -> list[str]:
    """The order in which calls, one at a time, are granted that ask in this order."""
    order = []

    async def call(organization_id: str) -> None:
        await semaphore.take(organization_id)
        order.append(organization_id)
        await settle()
        semaphore.release(organization_id)

    await asyncio.gather(*map(call, wanted))
    return order


def test_organizations_take_turns_however_much_one_of_them_asks_for():
    order = asyncio.run(granted(FairSemaphore(1), "a", "a", "a", "a", "b", "c", "b"))

    assert order == ["a", "a", "b", "c", "a", "b", "a"]


def test_one_permit_is_left_for_another_organization():
    async def run() -> list[bool]:
        semaphore = FairSemaphore(3, turn=LoopTurn(lambda: 0.0))
        calls = [asyncio.create_task(semaphore.take(name)) for name in "aaab"]
        await settle()
        return [call.done() for call in calls]

    assert asyncio.run(run()) == [True, True, False, True]


def test_calls_with_one_key_have_a_permit_one_after_the_other():
    async def run() -> list[list[bool]]:
        semaphore = FairSemaphore(3)
        calls = [
            asyncio.create_task(semaphore.take("a", key)) for key in (b"page", b"page", b"other")
        ]
        await settle()
        before = [call.done() for call in calls]
        semaphore.release("a", b"page")
        await settle()
        return [before, [call.done() for call in calls]]

    assert asyncio.run(run()) == [[True, False, True], [True, True, True]]


@pytest.mark.parametrize("is_granted", [False, True])
def test_a_call_that_ends_while_it_waits_takes_no_permit_with_it(is_granted: bool):
    """Also if it ends in the very turn of the loop in which its permit is granted."""

    async def run() -> None:
        semaphore = FairSemaphore(1)
        await semaphore.take("a")
        gone = asyncio.create_task(semaphore.take("b"))
        await settle()
        if is_granted:
            semaphore.release("a")
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        if not is_granted:
            semaphore.release("a")

        async with asyncio.timeout(10):
            await semaphore.take("c")

    asyncio.run(run())


def test_a_call_is_refused_while_too_many_of_its_organization_wait(monkeypatch):
    monkeypatch.setattr(fair_semaphore, "WAITING_MAX", 2)

    async def run() -> None:
        semaphore = FairSemaphore(1)
        await semaphore.take("a")
        waiting = [asyncio.create_task(semaphore.take("a")) for _ in range(2)]
        other = asyncio.create_task(semaphore.take("b"))
        await settle()
        try:
            with pytest.raises(Unavailable):
                await semaphore.take("a")
        finally:
            for call in (*waiting, other):
                call.cancel()

    asyncio.run(run())


def begun_after_a_turn(turn: LoopTurn, *wanted: str) -> list[str]:
    """Calls that were granted a permit when the turn of the loop in which they came has ended."""

    async def run() -> list[str]:
        semaphore = FairSemaphore(10, turn=turn)
        calls = {one: asyncio.create_task(semaphore.take(one[0])) for one in wanted}
        await asyncio.sleep(0)
        granted = [one for one, call in calls.items() if call.done()]
        for call in calls.values():
            await call
        return granted

    return asyncio.run(run())


def test_an_organization_is_granted_one_permit_in_each_turn_of_the_loop():
    assert begun_after_a_turn(LoopTurn(), "a1", "a2", "b1", "a3") == ["a1", "b1"]


def test_semaphores_with_one_turn_grant_an_organization_one_permit_in_it():
    async def run() -> list[bool]:
        turn = LoopTurn()
        semaphores = [FairSemaphore(5, turn=turn) for _ in range(2)]
        return [semaphores[at].take_now(name) for at, name in ((0, "a"), (1, "a"), (1, "b"))]

    assert asyncio.run(run()) == [True, False, True]


def served_of_a_crowd(monkeypatch: pytest.MonkeyPatch, *, size: int, other: str) -> int:
    """How many of a crowd's calls are served at once, beside another organization's state.

    What waits is served in the end all the same, and the other one at once.
    """
    monkeypatch.setattr(fair_semaphore, "PAUSE_SECONDS_MAX", 0.02)
    monkeypatch.setattr(fair_semaphore, "EXPECTED_SECONDS_MAX", 0.02)
    ticks = itertools.count()

    async def run() -> int:
        semaphore = FairSemaphore(10, held_max=2, turn=LoopTurn(lambda: next(ticks)))

        async def call() -> None:
            await semaphore.take("crowd")
            semaphore.release("crowd")

        if other != "idle":
            assert semaphore.take_now("other")
        if other in ("expected", "expected long ago"):
            semaphore.release("other")
            returned = semaphore.expect("other")
        if other == "expected long ago":
            await asyncio.sleep(0.05)
            returned()
        calls = [asyncio.create_task(call()) for _ in range(size)]
        await settle()
        await settle()
        before = sum(one.done() for one in calls)
        assert semaphore.take_now("other")
        await asyncio.gather(*calls)
        return before

    return asyncio.run(run())


@pytest.mark.parametrize("other", ["at work", "expected"])
def test_a_crowd_is_held_back_while_others_work_or_are_expected_back(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    assert served_of_a_crowd(monkeypatch, size=8, other=other) == 1


@pytest.mark.parametrize("other", ["idle", "expected long ago"])
def test_a_crowd_is_not_held_back_for_who_does_not_work(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    assert served_of_a_crowd(monkeypatch, size=8, other=other) == 8


def test_a_few_calls_that_wait_are_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served_of_a_crowd(monkeypatch, size=3, other="at work") == 3


def test_what_was_given_back_is_taken_again_before_what_has_not_begun():
    async def run() -> list[str]:
        semaphore, order = FairSemaphore(1), []

        async def begin(name: str) -> None:
            await semaphore.take("a")
            order.append(name)

        async def go_on() -> None:
            await semaphore.retake("a")
            order.append("again")
            semaphore.release("a")

        await semaphore.take("a")
        calls = [asyncio.create_task(begin("first")), asyncio.create_task(go_on())]
        await settle()
        semaphore.release("a")
        await asyncio.gather(*calls)
        return order

    assert asyncio.run(run()) == ["again", "first"]


def test_an_organization_has_a_bounded_time_of_each_turn():
    turn = LoopTurn()
    turn.serve = turn.served.add  # type: ignore[method-assign]  # without an event loop
    now = 100.0
    turn.spend("crowd", TURN_SECONDS / 2, now)
    assert turn.has_time("crowd", now)
    turn.spend("crowd", TURN_SECONDS / 2, now)
    assert not turn.has_time("crowd", now)
    assert turn.has_time("other", now)
    assert turn.has_time("crowd", now + ALONE_AFTER_S * 1.1), "it was alone for a second"
    turn.spend("other", 0.0001, now + 2)
    turn.spend("crowd", 0.0, now + 2)
    assert not turn.has_time("crowd", now + 2)
