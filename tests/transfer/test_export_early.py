"""Exports over HTTP that take long: their first bytes are sent while the rest is made."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from plaudit.api.http import job_runner
from plaudit.api.transfer import export_making
from plaudit.errors import Unavailable
from tests.support.builders import make_annotation
from tests.support.harness import above_the_store
from tests.support.network.leaving_client import leaving_at, scope_of
from tests.support.operations import calling
from tests.transfer.judged_exports import judged, path_of

pytestmark = above_the_store

CHOSEN = ("selected_model_id", "test_model")

READ_BEFORE = 4
"""The read of the store at which making waits: the bound, and some tasks, were read before."""


@pytest.fixture(scope="module")
def stored(open_shared):
    world = open_shared()
    first = judged(0)
    first["threads"][0]["turns"][0]["annotations"] = [make_annotation(*CHOSEN, type="category")]
    world.load([first, *(judged(n, metadata={"has": "margin"}) for n in range(1, 200))])
    return world


class Held:
    """Making that waits at a read of the store until it may go on, or fails there."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.fails = False
        self.reads = 0


@pytest.fixture
def held(monkeypatch) -> Held:
    held = Held()
    read = job_runner._JobDatabase.read

    def read_held(database: Any, **options: Any) -> Any:
        held.reads += 1
        if held.reads == READ_BEFORE:
            assert held.may_go_on.wait(20)
            if held.fails:
                raise Unavailable("the store is gone")
        return read(database, **options)

    monkeypatch.setattr(job_runner._JobDatabase, "read", read_held)
    monkeypatch.setattr("plaudit.formats.exporting.selection.TASKS_PER_READ", 40)
    monkeypatch.setattr(export_making, "EARLY_S", 0.01)
    monkeypatch.setattr(export_making, "POLL_S", 0.01)
    return held


def take(
    client: Any, target: str, held: Held, *, leaves: bool = False, version: str = "1.1"
) -> tuple[Any, bytes, Any]:
    """The head, the body, and the failure, if any, of a download that makes the rest go on."""
    head: list[Any] = []
    body = bytearray()
    left, failures = threading.Event(), []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            head.append(message)
            return
        if not left.is_set():
            body.extend(message.get("body", b""))
        if body:
            if leaves:
                left.set()
            held.may_go_on.set()

    async def run() -> None:
        try:
            scope = scope_of(client, target) | {"http_version": version}
            await client.app(scope, leaving_at(left), send)
        except Exception as exc:
            failures.append(exc)
        finally:
            left.set()

    client.running.call(run())
    return head[0], bytes(body), failures


def names_of(head: Any) -> dict[bytes, bytes]:
    return dict(head["headers"])


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("v2", "jsonl"),
        ("trl-preference", "jsonl"),
        ("trl-kto", "jsonl.gz"),
        ("annotations", "parquet"),
        ("csv", "csv"),
    ],
)
def test_rows_are_sent_while_later_ones_are_made(stored, held, monkeypatch, name, container):
    is_packed = container in ("jsonl.gz", "parquet")
    # The first pair has no margin, so that the column is known to be left out.
    target = path_of(format=name, container=container)
    with calling(stored, stored.key()) as client:
        if is_packed:  # the first bytes may wait for more rows than these
            held.may_go_on.set()
        head, body, failures = take(client, target, held)
        monkeypatch.setattr(export_making, "EARLY_S", 20.0)
        whole = client.get(target)

    assert (head["status"], failures) == (200, [])
    assert body == whole.content
    if not is_packed:
        assert b"content-length" not in names_of(head)
        assert names_of(head)[b"etag"].decode() != whole.headers["etag"]
    assert names_of(head)[b"content-type"].decode() == whole.headers["content-type"]


def test_who_leaves_after_the_first_bytes_goes_on_with_the_rest(stored, held):
    target = path_of(format="v2")
    with calling(stored, stored.key()) as client:
        head, begun, _ = take(client, target, held, leaves=True)
        etag = names_of(head)[b"etag"].decode()
        rest = client.get(target, headers={"Range": f"bytes={len(begun)}-", "If-Range": etag})
        anew = client.get(target)

    assert 0 < len(begun) < len(anew.content)
    assert (rest.status_code, rest.headers["etag"]) == (206, etag)
    assert begun + rest.content == anew.content


def test_what_fails_after_the_first_bytes_is_never_taken_for_whole(stored, held):
    """The connection is closed before the end, and nothing is kept."""
    held.fails = True
    target = path_of(format="v2")
    with calling(stored, stored.key()) as client:
        head, body, failures = take(client, target, held)
        etag = names_of(head)[b"etag"].decode()
        anew = client.get(target, headers={"Range": f"bytes={len(body)}-", "If-Range": etag})

    assert head["status"] == 200
    assert [type(one) for one in failures] == [Unavailable]
    assert anew.status_code == 200
    assert 0 < len(body) < len(anew.content)


def test_a_client_without_chunks_gets_the_file_whole(stored, held):
    """The end of the connection is the end of the body for it, also where that broke off."""
    held.may_go_on.set()
    with calling(stored, stored.key()) as client:
        head, body, _ = take(client, path_of(format="v2"), held, version="1.0")

    assert names_of(head)[b"content-length"] == str(len(body)).encode()


def test_what_fails_before_the_first_byte_is_a_problem(stored, held):
    held.fails = True
    held.may_go_on.set()
    with calling(stored, stored.key()) as client:
        answer = client.get(path_of(format="trl-preference", metadata="has=margin"))

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"


@pytest.mark.parametrize("rule", ["always", "never"])
def test_no_row_waits_where_optional_columns_are_known(stored, held, rule):
    """Each row has a margin, so that by default all of them would be kept back."""
    with calling(stored, stored.key()) as client:
        [partition] = client.get("/manage/v1/projects/project_123/partitions?n=1").json()
        held.reads = 0
        target = path_of(
            format="trl-preference",
            metadata="has=margin",
            optional_columns=rule,
            partition=partition["token"],
        )
        head, body, failures = take(client, target, held)

    assert (head["status"], failures) == (200, [])
    assert b"content-length" not in names_of(head)
    assert body.count(b"\n") == 199
    assert (b"margin" in body) == (rule == "always")


def test_a_column_that_is_left_to_be_decided_on_keeps_the_rows_back(stored, held):
    with calling(stored, stored.key()) as client:
        going_on = threading.Timer(0.3, held.may_go_on.set)
        going_on.start()
        answer = client.get(path_of(format="trl-preference", metadata="has=margin"))

    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "margin" in answer.text
