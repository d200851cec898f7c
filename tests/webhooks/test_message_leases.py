"""Leases of webhook messages: their number shuts out whoever held the message before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit import clock
from plaudit.model.webhooks import Attempt, AttemptStatus, MessageState, StoredMessage
from plaudit.store.webhooks import messages, outbox
from plaudit.store.webhooks.outbox import LeasedMessage, RecordedResult
from tests.support.harness import World
from tests.support.webhook_sending import add_endpoint, store_task

LEASE_MS = 1000


class Outbox:
    """The only message of a store, leased and recorded as senders do it."""

    def __init__(self, world: World) -> None:
        project = world.project()
        self.environment_id = project.environment_id
        self.world = world
        world.run(
            add_endpoint(world, "https://example.com/", environment_id=project.environment_id)
        )
        world.run(store_task(world, project))
        self.start_ms = clock.now_ms() + LEASE_MS  # the store's clock may be a little ahead
        self.message_id = self.due().message_id

    def due(self) -> LeasedMessage:
        """The message as a sender finds it once every lease has run out."""

        async def read() -> LeasedMessage:
            async with self.world.db.read() as tx:
                [(queue, _)] = await outbox.list_queues(tx, after="", limit=10)
                later = self.start_ms + 100 * LEASE_MS
                [message] = await outbox.list_due(tx, queue, now=later, limit=10)
                return message

        return self.world.run(read())

    def lease(self, found: LeasedMessage, *, after_ms: int) -> bool:
        now = self.start_ms + after_ms
        return self._write(lambda tx: outbox.lease(tx, found, now=now, until=now + LEASE_MS))

    def record(self, message: LeasedMessage, state: MessageState) -> bool:
        now = self.start_ms
        attempt = Attempt(message.attempt_count + 1, now, AttemptStatus.ok, 200, 1)
        result = RecordedResult(state, now, 1, now)
        return self._write(lambda tx: outbox.record_result(tx, message, attempt, result))

    def replay(self) -> bool:
        async def work(tx: Any) -> bool:
            stored = await self.stored(tx)
            return await messages.replay(tx, stored, now=self.start_ms)

        return self._write(work)

    async def stored(self, tx: Any) -> StoredMessage:
        found = await messages.find_message(tx, self.environment_id, self.message_id)
        assert found is not None
        return found

    def state(self) -> tuple[MessageState, int]:
        """The message's state and the number of its attempts on record."""

        async def work(tx: Any) -> tuple[MessageState, int]:
            stored = await self.stored(tx)
            [attempts] = await messages.list_attempts(tx, [stored])
            return stored.state, len(attempts)

        return self._write(work)

    def _write(self, work: Any) -> Any:
        return self.world.run(self.world.db.write(work))


@pytest.fixture
def box(world: World) -> Outbox:
    return Outbox(world)


def numbered(message: LeasedMessage, lease_no: int) -> LeasedMessage:
    """A message as the holder of its lease of that number knows it."""
    return msgspec.structs.replace(message, lease_no=lease_no)


def test_each_lease_has_the_next_number(box):
    for number in range(3):
        found = box.due()
        assert found.lease_no == number
        assert box.lease(found, after_ms=2 * number * LEASE_MS)


def test_a_message_found_before_another_s_lease_is_not_leased_after_it(box):
    first, second = box.due(), box.due()

    assert box.lease(first, after_ms=0)
    assert not box.lease(second, after_ms=LEASE_MS // 2)
    assert not box.lease(second, after_ms=2 * LEASE_MS)
    assert box.lease(box.due(), after_ms=2 * LEASE_MS)


@pytest.mark.parametrize("state", [MessageState.delivered, MessageState.pending])
def test_whoever_held_an_earlier_lease_records_nothing(box, state):
    found = box.due()
    assert box.lease(found, after_ms=0)
    assert box.lease(box.due(), after_ms=2 * LEASE_MS)

    assert not box.record(numbered(found, 1), state)
    assert box.state() == (MessageState.pending, 0)
    assert box.record(numbered(found, 2), state)
    assert box.state() == (state, 1)


def test_what_was_recorded_is_not_recorded_again_over_a_replay(box):
    """As by a sender that was not told whether its first commit arrived."""
    found = box.due()
    assert box.lease(found, after_ms=0)
    assert box.record(numbered(found, 1), MessageState.failed)
    assert box.replay()

    assert not box.record(numbered(found, 1), MessageState.delivered)
    assert box.state() == (MessageState.pending, 1)
