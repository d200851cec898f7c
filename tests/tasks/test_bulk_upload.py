"""Many tasks at once: every line has its outcome, and an upload that comes again adds nothing."""

from __future__ import annotations

import json
import random
from itertools import chain
from typing import Any

import httpx2
import pytest

from plaudit.api.manage import tasks
from plaudit.core.tasks import bulk_upload
from plaudit.core.tasks.projects import create_batch
from plaudit.json_guard import BOM
from plaudit.model.core import BatchStatus
from plaudit.model.webhooks import EventType
from plaudit.store.common import audit
from plaudit.store.engine.checks import violations
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import on_sqlite_alone, one_engine
from tests.support.running.every_case import every_case
from tests.tasks.bulk_upload import PATH, counts_of, jsonl, listed, outcomes, upload

CONTENT = [make_thread(turns=[make_turn(messages=[make_message("user", "A question?")])])]
OTHER = [make_thread(turns=[make_turn(messages=[make_message("user", "Another one?")])])]


@pytest.fixture
def project(world):
    return world.project(project_id="project_1")


def test_each_line_becomes_a_pending_task_with_its_own_content(world, client, project):
    world.run(world.db.write(lambda tx: create_batch(tx, project, name="B", batch_id="batch_1")))

    answer = upload(
        client,
        {"content": CONTENT, "metadata": {"n": 1}, "unique_id": "u1"},
        {"task_id": "mine", "batch_id": "batch_1", "content": OTHER},
        {"batch_name": "B", "template_variables": {"prompt": "Why?"}},
        {},
    )

    body = answer.json()
    assert (body["created"], body["unchanged"], body["rejected"]) == (4, 0, 0)
    assert [one["line"] for one in body["results"]] == [1, 2, 3, 4]
    ids = [one["task_id"] for one in body["results"]]
    assert ids[1] == "mine"
    assert [one["task_id"] for one in listed(client)] == ids
    assert [one["status"] for one in listed(client)] == ["pending"] * 4
    assert [one.get("batch") for one in listed(client)] == [None, "batch_1", "batch_1", None]
    assert listed(client)[0]["metadata"] == {"n": 1}
    contents = [client.get(f"/manage/v1/tasks/{one}/content").json()["content"] for one in ids]
    assert contents[:2] == [CONTENT, OTHER]
    assert contents[2][0]["turns"][0]["messages"][0]["content"] == {"text": "Why?"}
    assert contents[3] == []
    assert counts_of(world, "batch_1") == {"pending": 2}


BAD_ROWS: dict[str, tuple[Any, str | None, str]] = {
    "not JSON": (b"{", None, "JSON"),
    "not UTF-8": (b'{"unique_id":"\xff"}', None, "UTF-8"),
    "a list": ([], None, "object"),
    "a number": (b"7", None, "object"),
    "a key twice": (b'{"metadata":{"a":1,"a":2}}', "/metadata/a", "twice"),
    "a NUL": ({"metadata": {"a": "\0"}}, "/metadata/a", "NUL"),
    "too deep": (b'{"metadata":' + b'{"a":' * 70 + b"1" + b"}" * 71, None, "nested"),
    "a huge number": (b'{"metadata":{"a":' + b"9" * 30 + b"}}", "/metadata/a", "64-bit"),
    "an unknown member": ({"priority": 3}, None, "'priority'"),
    "a status": ({"status": "completed"}, None, "'status'"),
    "an empty unique_id": ({"unique_id": ""}, "/unique_id", "255"),
    "a long task_id": ({"task_id": "x" * 256}, "/task_id", "255"),
    "a line feed in an id": ({"task_id": "a\nb"}, "/task_id", "control"),
    "metadata that is a list": ({"metadata": []}, "/metadata", "object"),
    "no thread": ({"content": []}, "/content", "at least one"),
    "a role that is none": (
        {"content": [make_thread(turns=[make_turn(messages=[make_message(role="robot")])])]},
        "/content/0/turns/0/messages/0/role",
        "accepted: system, user, assistant, function",
    ),
    "a source twice": (
        {"content": [make_thread(turns=[make_turn(messages=[make_message(), make_message()])])]},
        "/content/0/turns/0/messages/1/source_id",
        "twice",
    ),
    "content twice": (
        {"content": CONTENT, "template_variables": {}}, "/template_variables", "not both",
    ),
    "an unknown variable": (
        {"template_variables": {"nobody": 1}}, "/template_variables", "nobody",
    ),
    "an unknown batch": ({"batch_id": "nobody"}, "/batch_id", "no such batch"),
    "an unknown batch name": ({"batch_name": "nobody"}, "/batch_name", "no such batch"),
    "another project's batch": ({"batch_id": "batch_other"}, "/batch_id", "no such batch"),
    "a stranger's batch": ({"batch_id": "batch_strange"}, "/batch_id", "no such batch"),
    "a closed batch": ({"batch_id": "batch_closed"}, "/batch_id", "cancelled"),
    "a file as callback": ({"callback_url": "file:///etc/passwd"}, "/callback_url", "http"),
    "our own address": ({"callback_url": "http://127.0.0.1/x"}, "/callback_url", ""),
    "no host": ({"callback_url": "http://"}, "/callback_url", ""),
}  # fmt: skip


@pytest.fixture
def batches_of_all_kinds(world, project):
    other = world.project("Other")
    strange = world.project("Strange", org="Stranger")

    async def work(tx):
        await create_batch(tx, other, name="O", batch_id="batch_other")
        await create_batch(tx, strange, name="S", batch_id="batch_strange")
        status = BatchStatus.cancelled
        await create_batch(tx, project, name="C", batch_id="batch_closed", status=status)

    world.run(world.db.write(work))


def test_a_bad_line_is_told_with_its_number_and_costs_no_other_its_place(
    world, client, batches_of_all_kinds
):
    rows: list[Any] = [{"unique_id": "first"}]
    for bad, _, _ in BAD_ROWS.values():
        rows += [bad, {"metadata": {"after": len(rows)}}]

    body = upload(client, *rows).json()

    assert body["created"] == len(BAD_ROWS) + 1
    assert body["rejected"] == len(BAD_ROWS)
    assert [one["line"] for one in body["results"]] == list(range(1, len(rows) + 1))
    told = [one for one in body["results"] if one["outcome"] == "rejected"]
    for one, (name, (_, pointer, word)) in zip(told, BAD_ROWS.items(), strict=True):
        assert (one.get("pointer"), word in one["error"]) == (pointer, True), (name, one)
        assert "task_id" not in one
    assert len(listed(client)) == body["created"]


@one_engine
@every_case("number, row", enumerate(bad for bad, _, _ in BAD_ROWS.values()))
def test_a_line_that_is_refused_leaves_nothing_behind(
    world, client, batches_of_all_kinds, number, row
):
    claimed, before = f"claimed-{number}", listed(client)
    if isinstance(row, dict):
        row = {"unique_id": claimed} | row

    assert outcomes(upload(client, row)) == ["rejected"]

    assert listed(client) == before
    if isinstance(row, dict) and row["unique_id"] == claimed:
        assert outcomes(upload(client, {"unique_id": claimed})) == ["created"]


def test_blank_lines_and_line_ends_of_every_kind_are_passed_over(client, project):
    body = b'\n  \r\n{"unique_id":"a"}\r\n\n{"unique_id":"b"}\n\t\n{"unique_id":"c"}'

    answer = client.post(PATH, content=body)

    assert [one["line"] for one in answer.json()["results"]] == [3, 5, 7]
    assert outcomes(answer) == ["created"] * 3


def test_an_empty_body_creates_nothing(client, project):
    for body in (b"", b"\n\n"):
        assert client.post(PATH, content=body).json() == {
            "created": 0, "unchanged": 0, "rejected": 0, "results": [],
        }  # fmt: skip


def test_lines_are_found_wherever_the_network_cuts_the_body(client, project):
    whole = jsonl(*({"unique_id": f"é{n}", "metadata": {"n": n}} for n in range(20)))
    dice = random.Random(5)
    for run in range(20):
        cuts = sorted(dice.sample(range(len(whole)), 30))
        pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        answer = client.post(PATH, content=iter(pieces))
        assert outcomes(answer) == ["unchanged" if run else "created"] * 20


def test_a_line_that_is_too_long_is_refused_alone_and_never_held(client, project, monkeypatch):
    monkeypatch.setattr(tasks, "BODY_BYTES_MAX", 1000)
    long = b'{"metadata":{"a":"' + b"x" * 5000 + b'"}}'
    exact = b'{"metadata":{"a":"' + b"x" * (1000 - 21) + b'"}}'
    assert len(exact) == 1000

    pieces = [{"unique_id": "a"}, long, exact, b" " + exact, {"unique_id": "b"}, long]
    answer = client.post(
        PATH, content=iter([jsonl(*pieces)[n : n + 700] for n in range(0, 14000, 700)])
    )

    assert outcomes(answer) == [
        "created", "rejected", "created", "rejected", "created", "rejected",
    ]  # fmt: skip
    assert "longer than" in answer.json()["results"][1]["error"]


def test_more_lines_than_an_upload_has_are_refused_and_those_before_are_stored(
    client, project, monkeypatch
):
    monkeypatch.setattr(bulk_upload, "ROWS_MAX", 5)

    answer = upload(client, *({"unique_id": str(n)} for n in range(7)))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "line 6" in answer.json()["error"]
    assert len(listed(client)) == 5


def test_the_same_lines_again_are_unchanged_and_name_their_tasks(world, client, project):
    world.run(world.db.write(lambda tx: create_batch(tx, project, name="B", batch_id="batch_1")))
    rows = [
        {"unique_id": "u1", "content": CONTENT, "metadata": {"n": 1}},
        {"unique_id": "u2", "batch_id": "batch_1"},
        {"task_id": "t3", "content": OTHER},
        {"task_id": "t4", "unique_id": "u4", "template_variables": {"prompt": "?"}},
    ]
    first = upload(client, *rows).json()
    client.post("/v2/task/metadata", json={"task_id": "t3", "metadata": {"later": True}})
    client.post("/v2/batch/cancel", json={"batch_id": "batch_1"})

    again = upload(client, *rows).json()

    assert (again["created"], again["unchanged"], again["rejected"]) == (0, 4, 0)
    assert [one["task_id"] for one in again["results"]] == [
        one["task_id"] for one in first["results"]
    ]
    assert len(listed(client)) == 4
    assert listed(client)[2]["metadata"] == {"later": True}
    assert world.run(violations(world.db)) == {}


CLASHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "other content": ({"unique_id": "u", "content": OTHER}, "/unique_id", "other content"),
    "no content": ({"unique_id": "u"}, "/unique_id", "other content"),
    "a batch": ({"unique_id": "u", "batch_name": "B"}, "/unique_id", "batch"),
    "another task_id": ({"unique_id": "u", "task_id": "x"}, "/unique_id", "another task_id"),
    "a task_id that is taken": ({"task_id": "named"}, "/task_id", "other content"),
    "its task_id and another unique_id": (
        {"unique_id": "v", "task_id": "named", "content": OTHER}, "/task_id", "another unique_id",
    ),
    "another project's unique_id": ({"unique_id": "elsewhere"}, "/unique_id", "another project"),
    "another project's task_id": ({"task_id": "elsewhere"}, "/task_id", "another project"),
}  # fmt: skip


@one_engine
@pytest.mark.parametrize("clash", CLASHES)
def test_a_line_that_says_something_else_of_a_stored_task_is_refused(world, client, project, clash):
    row, pointer, word = CLASHES[clash]
    world.run(world.db.write(lambda tx: create_batch(tx, project, name="B")))
    world.project("Other", project_id="project_2")
    upload(client, {"unique_id": "u", "content": CONTENT}, {"task_id": "named", "content": OTHER})
    other = "/manage/v1/projects/project_2/tasks"
    upload(client, {"task_id": "elsewhere", "unique_id": "elsewhere"}, path=other)
    before = listed(client)

    (told,) = upload(client, row).json()["results"]

    assert told["outcome"] == "rejected"
    assert told["pointer"] == pointer
    assert word in told["error"]
    assert repr(told["task_id"]) in told["error"]
    assert listed(client) == before
    assert outcomes(upload(client, {"unique_id": "v"})) == ["created"], "it was not claimed"


def test_lines_of_one_upload_that_ask_for_one_task_are_one_task(client, project):
    answer = upload(
        client,
        {"unique_id": "u", "content": CONTENT},
        {"unique_id": "u", "content": CONTENT},
        {"unique_id": "u", "content": OTHER},
        {"task_id": "t"},
        {"task_id": "t"},
        {"task_id": "t", "content": OTHER},
        {"task_id": "t", "unique_id": "u2"},
    )

    assert outcomes(answer) == [
        "created", "unchanged", "rejected", "created", "unchanged", "rejected", "rejected",
    ]  # fmt: skip
    ids = [one["task_id"] for one in answer.json()["results"]]
    assert ids[0] == ids[1] == ids[2]
    assert set(ids[3:]) == {"t"}
    assert len(listed(client)) == 2


def test_a_line_like_one_that_was_refused_is_judged_for_itself(world, client, batches_of_all_kinds):
    """It is no repetition of a task, for there is none."""
    closed, row = "batch_closed", {"unique_id": "u", "content": CONTENT}

    answer = upload(
        client,
        row | {"batch_id": closed},
        row | {"batch_id": closed},
        row,
        row,
        {"task_id": "t", "batch_id": closed},
        {"task_id": "t", "batch_id": closed},
    )

    assert outcomes(answer) == [
        "rejected", "rejected", "created", "unchanged", "rejected", "rejected",
    ]  # fmt: skip
    told = answer.json()["results"]
    assert told[1] == told[0] | {"line": 2}
    assert {one["pointer"] for one in told if one["outcome"] == "rejected"} == {"/batch_id"}
    assert [one["task_id"] for one in listed(client)] == [told[2]["task_id"]]
    assert told[3]["task_id"] == told[2]["task_id"]


def test_two_organizations_may_use_the_same_ids(world, client, project):
    world.project(org="Stranger", project_id="project_1")
    row = {"unique_id": "u", "task_id": "t", "content": CONTENT}

    with world.client(world.key("Stranger")) as stranger:
        answers = [upload(client, row), upload(stranger, row | {"content": OTHER})]

    assert [outcomes(one) for one in answers] == [["created"]] * 2


def test_each_created_task_has_one_entry_in_the_audit_log(world, client, project):
    answer = upload(client, *({} for _ in range(450)), b"{", {"content": []})
    environment_id = world.org()

    async def read():
        async with world.db.read() as tx:
            found, _ = await audit.list_entries(
                tx, environment_id, before=None, object_id=None, limit=10_000
            )
            return found

    entries = [one for one in world.run(read()) if one.action == "upload_tasks"]
    made = [one["task_id"] for one in answer.json()["results"] if one["outcome"] == "created"]
    assert sorted(one.object_id for one in entries) == sorted(made)
    assert {one.actor.request_id for one in entries} == {answer.headers["x-request-id"]}


def test_whoever_wants_to_hear_of_new_tasks_hears_of_each(world, client, project):
    environment_id = world.org()

    async def subscribe(tx):
        await tx.run(
            "INSERT INTO webhook_endpoint VALUES (:environment_id, 'e', 'https://x.test/', :events,"
            " 'active', '', :secret, NULL, NULL, 1)",
            {"environment_id": environment_id, "events": b'["task.created"]', "secret": b"s"},
        )

    world.run(world.db.write(subscribe))
    answer = upload(client, *({"content": CONTENT} for _ in range(250)), b"{")

    async def events():
        async with world.db.read() as tx:
            return await tx.all("SELECT type, payload FROM event ORDER BY event_id", {})

    found = world.run(events())
    assert {kind for kind, _ in found} == {EventType.task_created.value}
    assert sorted(json.loads(payload)["task_id"] for _, payload in found) == sorted(
        one["task_id"] for one in answer.json()["results"] if one["outcome"] == "created"
    )


def test_a_compressed_body_and_an_odd_key_are_refused(client, project):
    packed = client.post(PATH, content=b"{}", headers={"Content-Encoding": "gzip"})
    odd = client.post(PATH, content=b"{}", headers={"Idempotency-Key": "x" * 256})

    assert (packed.status_code, odd.status_code) == (400, 400)
    assert listed(client) == []


@on_sqlite_alone
def test_memory_stays_bounded_over_a_large_upload(world, start_server, project):
    """60 MB of lines, most of them bad, grow the server by a fraction of that, and so does a line
    of 150 MB, of which nothing is kept."""
    server, key = start_server(), world.key()
    good = jsonl({"metadata": {"text": "x" * 6000}})
    piece = good + (b'{"priority":"' + b"y" * 6000 + b'"}\n') * 9

    def resident_kb() -> int:
        with open(f"/proc/{server.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def send(count: int) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        pieces = chain([piece] * count, [b"z" * 100_000] * (1500 if count > 100 else 0))
        return httpx2.post(server.url + PATH, content=pieces, headers=headers, timeout=120).json()

    send(100)
    before = resident_kb()
    answer = send(1000)

    assert (answer["created"], answer["rejected"]) == (1000, 9001)
    assert resident_kb() - before < 40_000


def test_a_byte_order_mark_before_an_upload_is_skipped(client, project):
    answer = client.post(PATH, content=BOM + jsonl({"task_id": "task_a"}, {"task_id": "task_b"}))

    assert outcomes(answer) == ["created", "created"]
