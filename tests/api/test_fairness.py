"""One organization that asks for all it can get leaves the others their share of the server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from plaudit.api.http import admission
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.middleware import Edge
from plaudit.api.http.operation import Services
from plaudit.api.http.stall_meter import StallMeter
from plaudit.core.common import server_secret
from plaudit.errors import Problem
from plaudit.settings import Settings, from_environment
from plaudit.store.engine import connect
from tests.support.annotators import AnnotationTeam
from tests.support.harness import World, above_the_store, one_engine
from tests.support.network.connections import Site

IN_WORK, WAITING = 2, 3
Handler = Callable[[Any, Any, Any], Awaitable[None]]


class Gate:
    """An application behind the admission, whose requests end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.in_work = 0
        self.most_in_work = 0
        self._ends: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(name := scope["path"])
        self.in_work += 1
        self.most_in_work = max(self.most_in_work, self.in_work)
        try:
            await self._ends.setdefault(name, asyncio.Event()).wait()
        finally:
            self.in_work -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def end(self, *names: str) -> None:
        for name in names:
            self._ends.setdefault(name, asyncio.Event()).set()


class Requests:
    """Requests to an application, each a task, with the messages that they were answered with."""

    def __init__(self, edge: Edge, metrics: Metrics, keys: dict[str, str]) -> None:
        self.edge, self.metrics, self.keys = edge, metrics, keys
        self.sent: dict[str, list[Any]] = {}

    def ask(self, who: str, path: str, **scope: Any) -> asyncio.Task[None]:
        """Send a request with the key of an organization."""
        messages: list[Any] = []
        self.sent[path] = messages
        headers = [(b"authorization", f"Bearer {self.keys[who]}".encode())] if who else []
        body = scope.pop("body", [])
        asked = {
            "type": "http", "method": "GET", "path": path, "headers": headers,
            "query_string": b"", "client": ("192.0.2.1", 1), **scope,
        }  # fmt: skip

        async def receive() -> Any:
            return await body.pop(0)

        async def send(message: Any) -> None:
            messages.append(message)

        return asyncio.create_task(self.edge(asked, receive, send))

    async def learn(self, gate: Gate) -> None:
        """Let each key be seen once, so that its organization is known."""
        for who in self.keys:
            gate.end(f"/first/{who}")
            await self.ask(who, f"/first/{who}")
        gate.begun.clear()
        gate.most_in_work = 0

    def status(self, path: str) -> int:
        return int(self.sent[path][0]["status"])


@pytest.fixture
def keys(shared_world: World) -> dict[str, str]:
    return {"crowd": shared_world.tenant().key(), "other": shared_world.tenant().key()}


@pytest.fixture
def opened(shared_world: World, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open the middleware around an application, on a loop of the test's own."""
    monkeypatch.setattr(admission, "REFUSAL_SECONDS", 0.0)

    @asynccontextmanager
    async def open_one(inner: Handler) -> AsyncIterator[Requests]:
        settings = msgspec.structs.replace(
            shared_world.settings, org_requests_in_work=IN_WORK, org_requests_waiting=WAITING
        )
        services = Services(settings, server_secret.load(settings.secret_path))
        services.db = connect.open_database(settings)
        metrics, no_path = Metrics(), re.compile("(?!)")
        edge = Edge(
            inner, services, metrics, StallMeter(metrics),
            open_paths=no_path, stream_paths=no_path, long_paths=no_path,
            show_problem=lambda scope, problem: None, is_astray=lambda scope: None,
            session_of=lambda scope: "",
        )  # fmt: skip
        try:
            yield Requests(edge, metrics, keys)
        finally:
            await services.db.close()

    return open_one


async def settle(condition: Callable[[], bool] = lambda: False) -> None:
    """Let every task run as far as it can, or until something holds."""
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.001)


def crowd_of(requests: Requests, number: int, **scope: Any) -> list[asyncio.Task[None]]:
    return [requests.ask("crowd", f"/crowd/{one}", **scope) for one in range(number)]


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


def test_a_request_is_told_that_its_client_has_gone():
    scopes: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await asyncio.Event().wait()

    async def run() -> list[bool]:
        peer = await Site(application).connect()
        await peer.ask()
        before = scopes[0]["plaudit.gone"].done()
        peer.transport.abort()
        await settle(lambda: scopes[0]["plaudit.gone"].done())
        return [before, scopes[0]["plaudit.gone"].done()]

    assert asyncio.run(run()) == [False, True]


@above_the_store
def test_a_slow_sender_holds_no_place(opened):
    order: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            order.append((await receive())["body"].decode())
        order.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> None:
        async with opened(inner) as requests:
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}")
            order.clear()
            bodies = [asyncio.get_running_loop().create_future() for _ in range(IN_WORK)]
            slow = [
                requests.ask("crowd", f"/slow/{number}", method="POST", body=[body])
                for number, body in enumerate(bodies)
            ]
            await settle()
            quick = asyncio.get_running_loop().create_future()
            quick.set_result({"type": "http.request", "body": b"quick"})
            await requests.ask("crowd", "/quick", method="POST", body=[quick])
            for body in bodies:
                body.set_result({"type": "http.request", "body": b"slow"})
            await asyncio.gather(*slow)

    asyncio.run(run())

    assert order[:2] == ["quick", "/quick"]
    assert sorted(order[2:]) == ["/slow/0", "/slow/1", "slow", "slow"]


@above_the_store
def test_a_slow_reader_holds_no_place(opened):
    begun: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    async def run() -> None:
        async with opened(inner) as requests:
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}")
            begun.clear()
            is_read = asyncio.Event()
            scope = {
                "type": "http", "method": "GET", "path": "/slow", "query_string": b"",
                "headers": [(b"authorization", f"Bearer {requests.keys['crowd']}".encode())],
            }  # fmt: skip

            async def send_slowly(message: Any) -> None:
                if message.get("more_body"):
                    await is_read.wait()

            slow = [
                asyncio.create_task(requests.edge(dict(scope), None, send_slowly))
                for _ in range(IN_WORK)
            ]
            await settle()
            await requests.ask("crowd", "/quick")
            is_read.set()
            await asyncio.gather(*slow)

    asyncio.run(run())

    assert begun == ["/slow", "/slow", "/quick"]


@above_the_store
@pytest.mark.parametrize("is_stream", [False, True])
def test_slow_senders_of_one_organization_hold_bounded_memory(opened, monkeypatch, is_stream):
    """A large body is told to come again; a small one, another one's, and a stream are taken."""
    monkeypatch.setattr(admission, "HELD_BYTES_MAX", 150)
    monkeypatch.setattr(admission, "UNCOUNTED_BYTES_MAX", 50)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> list[int]:
        async with opened(inner) as requests:
            requests.edge._is_stream = re.compile(".*" if is_stream else "(?!)").fullmatch
            for who in requests.keys:
                await requests.ask(who, f"/first/{who}", method="POST", body=[piece(0)])
            last = asyncio.get_running_loop().create_future()
            slow = requests.ask("crowd", "/slow", method="POST", body=[piece(100, True), last])
            await settle()
            for who, path, size in (
                ("crowd", "/large", 60), ("crowd", "/small", 50), ("other", "/other", 60),
            ):  # fmt: skip
                await requests.ask(who, path, method="POST", body=[piece(size)])
            last.set_result(await piece(1))
            await slow
            await requests.ask("crowd", "/again", method="POST", body=[piece(140)])
            paths = ("/large", "/small", "/other", "/slow", "/again")
            return [requests.status(path) for path in paths]

    assert asyncio.run(run()) == [200 if is_stream else 503, 200, 200, 200, 200]


def piece(size: int, more_body: bool = False) -> asyncio.Future[Any]:
    """A piece of a body that has come."""
    found = asyncio.get_running_loop().create_future()
    found.set_result({"type": "http.request", "body": b"x" * size, "more_body": more_body})
    return found


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
