"""Turns of jobs: one organization's do not keep another's waiting while there is room."""

from __future__ import annotations

import asyncio

from plaudit.api.http.job_turns import Turns


def granted(turns: list[asyncio.Future[None]]) -> list[bool]:
    return [turn.done() and not turn.cancelled() for turn in turns]


def test_one_organization_has_its_share_of_the_turns_and_others_have_the_rest():
    async def run() -> None:
        turns = Turns(4, 2)
        own = [turns.ask("a") for _ in range(5)]
        others = [turns.ask("b"), turns.ask("c"), turns.ask("d")]

        assert granted(own) == [True, True, False, False, False]
        assert granted(others) == [True, True, False]
        turns.end("a")
        assert granted(others) == [True, True, True]
        assert granted(own)[2:] == [False] * 3
        turns.end("b")
        assert granted(own)[2:] == [True, False, False]

    asyncio.run(run())


def test_the_next_turn_is_of_whoever_has_the_fewest_and_then_of_who_waits_longest():
    async def run() -> None:
        turns = Turns(2, 2)
        turns.ask("a"), turns.ask("z")
        waiting = [turns.ask(owner) for owner in ("a", "b", "c")]

        turns.end("z")
        assert granted(waiting) == [False, True, False]
        turns.end("b")
        assert granted(waiting) == [False, True, True]
        turns.end("c")
        assert granted(waiting) == [True, True, True]

    asyncio.run(run())


def test_who_gives_up_waiting_takes_no_turn():
    async def run() -> None:
        turns = Turns(1, 1)
        turns.ask("a")
        given_up, last = turns.ask("b"), turns.ask("c")

        given_up.cancel()
        turns.end("a")

        assert granted([given_up, last]) == [False, True]

    asyncio.run(run())
