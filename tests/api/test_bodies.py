"""Bounds of request bodies: what is over one is refused unread, what is within holds nobody up."""

from __future__ import annotations

import functools
import itertools
import re
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest

from plaudit.api.http.bodies import LARGE_BODY, BodyLimit
from plaudit.api.manage import tasks
from plaudit.core.tasks.templates import GivenResponse
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.wire.v2.unknown_members import is_slip, refuse_misspelt
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import above_the_store
from tests.support.operations import KEYED, WRITING, ask, calling
from tests.support.pages.browser_client import HTML, URL, add_person, signed_in
from tests.workspace.http.page_requests import CHANGING, FIELDS, path_of

STEP_CPU_S_MAX = 0.15
"""Three times what a step may take, because the machine of a test is busy."""

STREAMING = [one for one in KEYED if one.streams]
HEAD = {"host": urlsplit(URL).netloc, "origin": URL}


class Pieces:
    """A body that comes piece by piece, and knows how many of them were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.read_count = 0

    async def __call__(self) -> dict[str, Any]:
        piece = self._pieces[self.read_count]
        self.read_count += 1
        is_last = self.read_count == len(self._pieces)
        return {"type": "http.request", "body": piece, "more_body": not is_last}


def code_of(client: Any, method: str, path: str, headers: dict[str, str], pieces: Pieces) -> str:
    """Send a request without a client's help; return the status and the code of the refusal."""
    path, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "scheme": "https",
    }
    client.running.call(client.app(scope, pieces, send))
    code = re.search(rb'"code":"(\w+)"', sent[1]["body"])
    return f"{sent[0]['status']} {code[1].decode() if code else ''}"


def head_of(page: Any, browser: Any) -> dict[str, str]:
    kind = page.streams or (
        "application/json" if page.body else "application/x-www-form-urlencoded"
    )
    return HEAD | {
        "cookie": f"__Host-plaudit={browser.cookie}",
        "x-csrf-token": browser.token,
        "accept": "application/json",
        "content-type": kind,
    }


@pytest.fixture(scope="module")
def shared_admin(shared_world):
    return add_person(shared_world, "admin")


@above_the_store
def test_a_length_over_the_bound_is_refused_before_anything_is_read(shared_world, shared_admin):
    never = Pieces()
    key = {"authorization": f"Bearer {shared_world.key()}"}
    with shared_world.client() as client:
        for operation in [*WRITING, *STREAMING]:
            most = STREAM_BYTES_MAX if operation.streams else operation.body_limit.bytes_max
            headers = HEAD | key | {"content-length": str(most + 1)}
            refused = code_of(client, operation.method, path_of(operation), headers, never)
            assert refused == "413 too_large", operation.operation_id
    with signed_in(shared_world, shared_admin) as browser:
        for page in CHANGING:
            most = STREAM_BYTES_MAX if page.streams else page.body_limit.bytes_max
            headers = head_of(page, browser) | {"content-length": str(most + 1)}
            path = path_of(page) + (f"?{urlencode(FIELDS[page.page_id])}" if page.streams else "")
            refused = code_of(browser.client, "POST", path, headers, never)
            assert refused == "413 too_large", page.page_id
    assert never.read_count == 0


def overlong(limit: BodyLimit, *, is_json: bool) -> list[tuple[bytes, ...]]:
    """Bodies of which the second piece goes over a bound, and the third must not be read."""
    bodies = [(b" " * limit.bytes_max, b" ", b" ")]
    if is_json:
        bodies.append((b"[" + b"," * (limit.structure_max - 1), b"]", b" "))
    return bodies


@above_the_store
def test_a_body_is_refused_at_the_first_byte_over_the_bound(shared_world, shared_admin):
    key = {"authorization": f"Bearer {shared_world.key()}"}
    with shared_world.client() as client:
        for operation in WRITING:
            for body in overlong(operation.body_limit, is_json=True):
                pieces = Pieces(*body)
                refused = code_of(client, operation.method, path_of(operation), HEAD | key, pieces)
                assert (refused, pieces.read_count) == ("413 too_large", 2), operation.operation_id
    with signed_in(shared_world, shared_admin) as browser:
        for page in [page for page in CHANGING if not page.streams]:
            for body in overlong(page.body_limit, is_json=page.body is not None):
                pieces = Pieces(*body)
                refused = code_of(
                    browser.client, "POST", path_of(page), head_of(page, browser), pieces
                )
                assert (refused, pieces.read_count) == ("413 too_large", 2), page.page_id


@functools.cache
def many_names(count: int) -> bytes:
    return b"{" + b",".join(b'"%08dme":1' % n for n in range(count)) + b"}"


def hostile_json(limit: BodyLimit, name: str, turn: int) -> list[bytes]:
    """Bodies within the bounds that cost the most: each fills one of them, or both.

    Lists and names for everything that takes little, and the others in turn.
    """
    size, structure = limit.bytes_max - 64, limit.structure_max - 16
    start = b'{"%b": ' % name.encode()

    def fill(item: bytes, count: int) -> bytes:
        return start + b"[" + item * min(count, size // len(item)) + b"1]}"

    kinds = [
        lambda: fill(b"[],", structure // 3),
        lambda: many_names(min(structure // 2, size // 12)),
        lambda: start + b'"' + b"\\n" * (size // 2) + b'"}',
        lambda: fill(b"1.2345678901234567e-300,", structure),
        lambda: fill(b'{"a" :1},', structure // 4),
    ]
    if size > 2**17:  # numbers and objects of such lengths take seconds, though not on the loop
        return [kinds[turn % 3]()] if size > 2**20 else [make() for make in kinds[:3]]
    return [kinds[0](), kinds[1](), kinds[2 + turn % 3]()]


def hostile_forms(limit: BodyLimit, name: str, token: str, turn: int) -> list[bytes]:
    """A long text and many fields; one of them, in turn, where the form may be long."""
    start = f"csrf={token}&{name}=".encode()
    size = limit.bytes_max - len(start) - 64
    bodies = [start + b"%C3%A9" * (size // 6), start + b"&a=1" * min(998, size // 4)]
    return bodies if size <= 2**17 else [bodies[turn % 2]]


def measured(world: Any) -> dict[str, float]:
    """Most CPU seconds of one step on the loop, by operation; those below 10 ms are left out."""
    with calling(world, None) as client:
        text = client.get("/metrics").text
    found = re.findall(r'^plaudit_step_cpu_max_seconds{operation="(\w+)"} (\S+)$', text, re.M)
    return {name: float(seconds) for name, seconds in found}


def first_field(kind: Any) -> str:
    return next(iter(kind.__struct_fields__), "x")


@above_the_store
def test_no_body_within_the_bounds_holds_the_loop(shared_world, shared_admin):
    sent = 0
    with calling(shared_world, shared_world.key()) as client:
        for turn, operation in enumerate(sorted(WRITING, key=lambda one: one.body_limit.bytes_max)):
            name = first_field(operation.body)
            for body in hostile_json(operation.body_limit, name, turn):
                answer = ask(client, operation, {}, content=body)
                assert 400 <= answer.status_code < 413, (operation.operation_id, answer.text)
                sent += 1
    with signed_in(shared_world, shared_admin) as browser:
        for turn, page in enumerate(page for page in CHANGING if not page.streams):
            headers = head_of(page, browser) | ({"accept": HTML} if page.form else {})
            kind, limit = page.form or page.body, page.body_limit
            bodies = (
                hostile_json(limit, first_field(kind), turn)
                if page.body
                else hostile_forms(limit, first_field(kind), browser.token, turn)
            )
            for body in bodies:
                answer = browser.client.post(path_of(page), content=body, headers=headers)
                assert 400 <= answer.status_code < 413, (page.page_id, answer.text)
                sent += 1

    steps = measured(shared_world)
    print(f"{sent} bodies, longest steps:", sorted(steps.items(), key=lambda one: -one[1])[:5])
    assert sent > 200
    assert max(steps.values(), default=0.0) < STEP_CPU_S_MAX


@above_the_store
def test_no_body_that_is_accepted_holds_the_loop(shared_world):
    world = shared_world.tenant()
    project = world.project()
    tasks_path = f"/manage/v1/projects/{project.project_id}/tasks"
    said = [make_turn(messages=[make_message(f"m{n}", "y") for n in range(9_000)])]
    long = msgspec.json.encode({"content": [make_thread(turns=said)]})
    short = msgspec.json.encode({"template_variables": {"prompt": "?"}})
    with calling(world, world.key()) as client:
        text = {"template_variables": {"prompt": "{{x}}\n\n" * 1_000_000}}
        number = {"project_id": project.project_id, "metadata": {"a": [1.5] * 200_000}}
        answers = [
            client.post("/v2/task/chat", json=number | text),
            client.post(tasks_path, content=b"\n" * 200_000),
            client.post(tasks_path, content=b"x\n" * 10_000),
            client.post(tasks_path, content=b"\n".join([short] * 1_000)),
            client.post(tasks_path, content=long),
        ]
        task_id = answers[-1].json()["results"][0]["task_id"]
        threads = msgspec.json.decode(long)["content"]
        answers.append(
            client.post(f"/manage/v1/tasks/{task_id}/complete", json={"threads": threads})
        )
        dataset = client.post("/manage/v1/datasets", json={"name": "D"}).json()["id"]
        file = {"content": "QUFB" * 100_000, "name": "a"}
        delivered = [{"task_id": f"t{n}", "response": {"a": n}} for n in range(10_000)]
        delivered[0] |= {"attachments": [file] * 10}
        answers.append(
            client.post(
                f"/manage/v1/datasets/{dataset}/deliveries", json={"name": "1", "tasks": delivered}
            )
        )

        hidden = msgspec.json.encode({"a": [[]] * 90_000}).decode()
        answers.append(client.post("/manage/v1/schemas", json={"name": "s", "json": hidden}))

    assert [answer.status_code for answer in answers] == [200] * len(answers)
    steps = measured(world)
    print("longest steps:", sorted(steps.items(), key=lambda one: -one[1])[:5])
    assert max(steps.values(), default=0.0) < STEP_CPU_S_MAX


def test_names_that_are_nearly_known_cost_little_to_compare():
    """26 responses may bring such names, and the comparison is plain Python."""
    meant = "model_parameters"
    shuffled = map("".join, itertools.islice(itertools.permutations(meant), 0, 10**6, 4_000))
    value = {name: 1 for name in shuffled if not (name == meant or is_slip(name, meant))}
    compared = dict(itertools.islice(value.items(), 50))

    def cost(names: dict[str, int]) -> float:
        """Least of several times, because the machine of a test is busy."""
        times = []
        for _ in range(7):
            before = time.thread_time()
            refuse_misspelt(names, GivenResponse)
            times.append(time.thread_time() - before)
        return min(times)

    assert len(value) > 200
    assert cost(value) < 2 * cost(compared), "no more than fifty are compared"
    assert cost(value) < 3 * STEP_CPU_S_MAX / 26


@above_the_store
def test_a_line_with_too_much_structure_is_rejected_alone(shared_world):
    world = shared_world.tenant()
    project = world.project()
    flood = b'{"metadata":{"a":[' + b"[]," * (LARGE_BODY.structure_max // 3) + b"1]}}"
    with calling(world, world.key()) as client:
        answer = client.post(
            f"/manage/v1/projects/{project.project_id}/tasks", content=flood + b"\n{}\n"
        )

    rows = answer.json()["results"]
    assert [row["outcome"] for row in rows] == ["rejected", "created"]
    assert str(LARGE_BODY.structure_max) in rows[0]["error"]


@above_the_store
def test_a_schema_s_text_has_no_more_structure_than_a_body(shared_world):
    text = "[" * 60 + "[]," * (LARGE_BODY.structure_max // 3) + "1" + "]" * 60
    with calling(shared_world, shared_world.key()) as client:
        answer = client.post("/manage/v1/schemas", json={"name": "s", "json": text})

    assert (answer.status_code, answer.json()["pointer"]) == (400, "/json")
    assert str(LARGE_BODY.structure_max) in answer.json()["error"]


@above_the_store
def test_an_upload_is_refused_at_the_first_byte_over_what_it_may_have(shared_world, monkeypatch):
    """Lines before it are stored; a line that is too long is rejected alone."""
    monkeypatch.setattr(tasks, "STREAM_BYTES_MAX", 100)
    monkeypatch.setattr(tasks, "BODY_BYTES_MAX", 20)
    world = shared_world.tenant()
    project = world.project()
    path = f"/manage/v1/projects/{project.project_id}/tasks"
    key = {"authorization": f"Bearer {world.key()}"}
    pieces = Pieces(b"{}\n" * 10, b" " * 70, b" ", b" ")
    with world.client() as client:
        refused = code_of(client, "POST", path, HEAD | key, pieces)
        rows = client.post(path, content=b"{}\n" + b" " * 30 + b"\n{}\n").json()["results"]

    assert (refused, pieces.read_count) == ("413 too_large", 3)
    assert [row["outcome"] for row in rows] == ["created", "rejected", "created"]
