"""The hot route: reads that it answers, those it leaves to the ordinary way, and when it is due.

Beside these tests each read of the whole suite is asked for on both ways, see `hot_answers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from plaudit import app, clock
from plaudit.api.http import hot_log, hot_route
from plaudit.api.http.middleware import Edge
from plaudit.core.accounts import api_keys
from plaudit.model.core import Role
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_task, make_tasks, make_thread, make_turn
from tests.support.harness import World, on_shared_sqlite
from tests.support.running import hot_answers
from tests.support.running.every_case import every_case

PAGE = "/v2/tasks?project_id=project_123"
TASK = "/v2/task?task_id=task_00003"

pytestmark = on_shared_sqlite


@pytest.fixture(scope="module")
def reading(open_shared) -> World:
    world = open_shared()
    world.load(make_tasks(30))
    return world


class Asked:
    """A hot route that is asked as the protocol does it."""

    def __init__(self, client: Any, key: str) -> None:
        self.edge = cast("Edge", client.app)
        self._client = client
        self._key = key

    def known(self, key: str | None = None) -> Asked:
        """After a first request, without which no key is known."""
        header = {"authorization": f"Bearer {key or self._key}"}
        assert self._client.get(PAGE, headers=header).status_code == 200
        return self

    def answer(self, path: str = PAGE, *more: tuple[bytes, bytes], key: str = "") -> bytes | None:
        """The answer's head and body, None if it is left to the ordinary way."""

        async def ask() -> bytes | None:
            given = [(b"host", b"x"), (b"authorization", f"Bearer {key or self._key}".encode())]
            name, _, query = path.encode().partition(b"?")
            found = self.edge.hot.answer(name, query, [*given, *more])
            if found is not None:
                self.edge.hot.note_sent(found)
            return None if found is None else found.head + b"".join(found.body.read())

        return cast("bytes | None", self._client.running.call(ask()))


@contextmanager
def asking(world: World) -> Iterator[Asked]:
    key = world.key()
    with world.client(key) as client:
        yield Asked(client, key)


@pytest.mark.parametrize(
    "path",
    [
        PAGE,
        f"{PAGE}&limit=1",
        f"{PAGE}&status=completed&completed_after=2024-01-01&expand=project",
        f"{PAGE}&opts=annotation_details&opts=submissions",
        TASK,
    ],
)
def test_plain_reads_are_answered_by_the_hot_route_with_the_same_bytes(reading, path):
    with reading.client() as client:
        client.get(path)  # a key is known once it was used
        before = hot_answers.compared.total()
        assert client.get(path).status_code == 200
    assert hot_answers.compared.total() == before + 1


@every_case(
    "path, headers",
    [
        (f"{PAGE}&limit=0", []),
        ("/v2/tasks?project_id=nothing", []),
        ("/v2/tasks", []),
        (f"{PAGE}&next_token=AAAA", []),
        ("/v2/task?task_id=none", []),
        ("/v2//tasks?project_id=project_123", []),
        ("/v2/projects", []),
        (PAGE, [(b"content-length", b"0")]),
        (PAGE, [(b"transfer-encoding", b"chunked")]),
        (PAGE, [(b"expect", b"100-continue")]),
        (PAGE, [(b"authorization", b"Bearer another")]),
    ],
)
def test_what_is_not_plain_is_left_to_the_ordinary_way(reading, path, headers):
    with asking(reading) as asked:
        assert asked.known().answer() is not None
        assert asked.answer(path, *headers) is None


def test_a_key_is_unknown_until_it_was_used_and_opens_nothing_once_it_is_revoked(reading):
    world = reading.tenant()
    with asking(world) as asked:
        second = world.key()
        world.load(make_tasks(2))
        asked.known()
        assert asked.answer(key=second) is None
        assert asked.known(second).answer(key=second) is not None
        world.run(api_keys.revoke_key(world.db, environment_id=world.org(), key=second))
        assert asked.answer(key=second) is None
        assert asked.answer(key="live_" + "0" * 46) is None


def test_a_key_opens_nothing_once_it_has_expired_though_nothing_was_written(reading, monkeypatch):
    """What was read of it before is still true then, and kept."""
    world = reading.tenant()
    with asking(world) as asked:
        world.load(make_tasks(2))
        soon = clock.now_ms() + 3_600_000
        made = api_keys.create_key(
            world.db,
            world.secret,
            environment_id=world.org(),
            mode="live",
            name="",
            role=Role.read,
            expires_ms=soon,
        )
        key = world.run(made)
        assert asked.known(key).answer(key=key) is not None
        assert asked.answer(key=key) is not None
        assert asked.known().answer() is not None
        monkeypatch.setattr(clock, "now_ms", lambda: soon)
        assert asked.answer(key=key) is None
        assert asked.answer() is not None


def test_a_change_is_seen_by_the_next_read(reading):
    world = reading.tenant()
    with asking(world) as asked:
        world.load(make_tasks(1))
        found = asked.known().answer()
        assert found is not None
        assert b"task_00007" not in found
        world.load(make_tasks(9))
        changed = asked.answer()
        assert changed is not None
        assert b"task_00007" in changed


def test_a_long_answer_goes_the_ordinary_way_and_so_do_the_next_ones_like_it(reading, monkeypatch):
    world = reading.tenant()
    text = "x" * 20_000
    turn = make_turn(messages=[make_message("user", text), make_message("base_model")])
    world.load([make_task(f"long_{n}", threads=[make_thread(turns=[turn])]) for n in range(3)])
    with asking(world) as asked:
        asked.known()
        monkeypatch.setattr(hot_route, "WHOLE_BYTES_MAX", 50_000)
        monkeypatch.setattr(hot_route, "SKIPPED", 2)
        assert asked.answer() is None
        monkeypatch.setattr(hot_route, "WHOLE_BYTES_MAX", 500_000)
        assert asked.answer(f"{PAGE}&limit=1") is not None, "another kind of request"
        assert [asked.answer() is None for _ in range(3)] == [True, True, False]


def counted(asked: Asked) -> float:
    """Pages that the metrics have counted."""
    text = asked.edge._metrics.text().decode()
    name = 'plaudit_requests_total{operation="list_tasks",status="200"} '
    return float(text.partition(name)[2].split()[0])


def test_one_request_is_one_line_and_counts_once_in_the_metrics(reading, capfdbinary):
    with asking(reading) as asked:
        asked.known()
        before = counted(asked)
        capfdbinary.readouterr()
        found = asked.answer(PAGE, (b"x-request-id", b"my-id"))
        assert found is not None
        assert counted(asked) == before + 1
    lines = [line for line in capfdbinary.readouterr().err.splitlines() if b'"my-id"' in line]
    assert len(lines) == 1
    assert b"x-request-id: my-id\r\n" in found


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_read_does_not_pass_those_of_its_organization_that_wait(reading, is_waiting):
    with asking(reading) as asked:
        asked.known()
        semaphore = asked.edge._admission._semaphores["read"]
        if is_waiting:
            semaphore._waiting[reading.org()] = cast("Any", [])
        try:
            assert (asked.answer() is None) is is_waiting
        finally:
            semaphore._waiting.pop(reading.org(), None)


def test_what_was_noted_is_written_when_the_server_stops(reading, monkeypatch, capfdbinary):
    monkeypatch.setattr(hot_log, "FLUSH_S", 60.0)
    key = reading.key()
    header = {"Authorization": f"Bearer {key}"}
    with AppClient(app.create_app(reading.settings, reading.secret), headers=header) as client:
        asked = Asked(client, key).known()
        assert asked.answer(PAGE, (b"x-request-id", b"last-of-all")) is not None
        assert b"last-of-all" not in capfdbinary.readouterr().err
    assert capfdbinary.readouterr().err.count(b"last-of-all") == 1
