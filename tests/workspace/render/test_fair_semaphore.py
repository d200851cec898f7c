"""Permits go to organizations in turn, and back whatever becomes of those who wait for them."""

from __future__ import annotations

import asyncio

import pytest

from plaudit.errors import Unavailable
from plaudit.workspace.render import fair_semaphore
from plaudit.workspace.render.fair_semaphore import FairSemaphore


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
        semaphore = FairSemaphore(3)
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
