"""Many tasks at once: every line has its outcome, and an upload that comes again adds nothing."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from builders import make_message, make_thread, make_turn
from harness import Server, World, on_sqlite_alone, walk
from plaudit.api import manage_tasks
from plaudit.core import batching, chunks, uploads
from plaudit.core.projects import create_batch
from plaudit.model import BatchStatus, EventType
from plaudit.store import audit, batches, tasks
from plaudit.store.checks import violations

PATH = "/manage/v1/projects/project_1/tasks"
CONTENT = [make_thread(turns=[make_turn(messages=[make_message("user", "A question?")])])]
OTHER = [make_thread(turns=[make_turn(messages=[make_message("user", "Another one?")])])]


@pytest.fixture
def project(world):
    return world.project(public_id="project_1")


def jsonl(*rows: Any) -> bytes:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return b"".join(line + b"\n" for line in lines)


def upload(client, *rows: Any, key: str | None = None, path: str = PATH) -> Any:
    headers = {"Content-Type": "application/x-ndjson"} | ({"Idempotency-Key": key} if key else {})
    return client.post(path, content=jsonl(*rows), headers=headers)


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["outcome"] for one in answer.json()["results"]]


def stored(world: World, task_id: str) -> Any:
    org_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await tasks.find_task(tx, org_id, task_id)

    return world.run(read())


def listed(client) -> list[Any]:
    return walk(client, project_id="project_1")


def counts_of(world: World, batch_id: str) -> dict[str, int]:
    org_id = world.org()

    async def work(tx):
        batch = await batches.find_batch(tx, org_id, batch_id)
        return await batches.add_progress(tx, batch.project_id, batch_id, {})

    return {status.value: n for status, n in world.run(world.db.write(work)).items() if n}


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
    "not JSON": (b"{", None, "ends too early"),
    "not UTF-8": (b'{"unique_id":"\xff"}', None, "UTF-8"),
    "a list": ([], None, "object"),
    "a number": (b"7", None, "object"),
    "a key twice": (b'{"metadata":{"a":1,"a":2}}', "/metadata/a", "twice"),
    "a NUL": ({"metadata": {"a": "\0"}}, "/metadata/a", "NUL"),
    "too deep": (b'{"metadata":' + b'{"a":' * 70 + b"1" + b"}" * 71, None, "nested"),
    "a huge number": (b'{"metadata":{"a":' + b"9" * 30 + b"}}", None, "64-bit"),
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


@pytest.mark.parametrize("row", [bad for bad, _, _ in BAD_ROWS.values()], ids=BAD_ROWS)
def test_a_line_that_is_refused_leaves_nothing_behind(world, client, batches_of_all_kinds, row):
    if isinstance(row, dict):
        row = {"unique_id": "claimed"} | row

    assert outcomes(upload(client, row)) == ["rejected"]

    assert listed(client) == []
    if isinstance(row, dict) and row["unique_id"] == "claimed":
        assert outcomes(upload(client, {"unique_id": "claimed"})) == ["created"]


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
    monkeypatch.setattr(manage_tasks, "BODY_BYTES_MAX", 1000)
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
    monkeypatch.setattr(uploads, "ROWS_MAX", 5)

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


@pytest.mark.parametrize("clash", CLASHES)
def test_a_line_that_says_something_else_of_a_stored_task_is_refused(world, client, project, clash):
    row, pointer, word = CLASHES[clash]
    world.run(world.db.write(lambda tx: create_batch(tx, project, name="B")))
    world.project("Other", public_id="project_2")
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


def test_two_organizations_may_use_the_same_ids(world, client, project):
    world.project(org="Stranger", public_id="project_1")
    row = {"unique_id": "u", "task_id": "t", "content": CONTENT}

    with world.client(world.key("Stranger")) as stranger:
        answers = [upload(client, row), upload(stranger, row | {"content": OTHER})]

    assert [outcomes(one) for one in answers] == [["created"]] * 2


def mixed_rows(count: int) -> list[Any]:
    """Rows without unique_id, each tenth of them bad."""
    bad = [b"{", {"priority": 1}, {"batch_id": "nobody"}, {"content": []}]
    return [
        bad[n // 10 % 4] if n % 10 == 3 else {"content": CONTENT, "metadata": {"n": n}}
        for n in range(count)
    ]


def broken_off(server: Server, key: str, headers: dict[str, str], body: bytes, cut: int) -> None:
    """Send a part of a body, and hang up."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    link.putrequest("POST", PATH)
    for name, value in {**headers, "Authorization": f"Bearer {key}"}.items():
        link.putheader(name, value)
    link.putheader("Content-Length", str(len(body)))
    link.endheaders()
    link.send(body[:cut])
    link.close()


def test_five_thousand_lines_that_broke_off_are_sent_again_and_none_is_made_twice(
    world, start_server, project
):
    """Lines without a unique_id, under one Idempotency-Key, cut wherever the network likes."""
    server, key = start_server(), world.key()
    rows = mixed_rows(5000)
    body, headers = jsonl(*rows), {"Idempotency-Key": "nightly"}
    dice = random.Random(11)
    for _ in range(4):
        broken_off(server, key, headers, body, dice.randrange(len(body)))

    asking = {"Authorization": f"Bearer {key}", **headers}
    url = server.url + PATH
    answers = [httpx2.post(url, content=body, headers=asking, timeout=60) for _ in range(2)]

    first = answers[0].json()
    assert (first["created"], first["rejected"]) == (4500, 500)
    assert answers[1].content == answers[0].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in answers[0].headers
    assert [one["line"] for one in first["results"]] == list(range(1, 5001))
    with world.client(key) as client:
        made = {one["task_id"]: one["metadata"]["n"] for one in listed(client)}
    assert made == {
        one["task_id"]: one["line"] - 1 for one in first["results"] if one["outcome"] == "created"
    }
    assert world.run(violations(world.db)) == {}


def test_without_a_key_lines_without_a_unique_id_are_made_each_time(client, project):
    for _ in range(2):
        assert outcomes(upload(client, {}, {})) == ["created"] * 2

    assert len(listed(client)) == 4


def test_a_key_used_for_other_lines_is_refused_and_nothing_is_stored(client, project):
    upload(client, {}, {}, key="k")

    for rows in ([{}], [{}, {"metadata": {}}], [{}, b"{"]):
        answer = upload(client, *rows, key="k")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_mismatch")

    assert len(listed(client)) == 2


def test_keys_of_uploads_and_of_requests_never_meet(world, client, project):
    body = {"project_id": "project_1"}
    headers = {"Idempotency-Key": "k"}

    assert client.post("/v2/task/chat", json=body, headers=headers).status_code == 200
    assert outcomes(upload(client, {}, key="k")) == ["created"]
    assert client.post("/v2/task/chat", json=body, headers=headers).status_code == 200
    assert len(listed(client)) == 2
    spaced = client.post(PATH, content=b"{}", headers={"Idempotency-Key": "upload k 0"})
    assert spaced.status_code == 400


def at_once(server: Server, key: str, bodies: list[bytes], **headers: str) -> list[Any]:
    start = threading.Barrier(len(bodies))
    headers = {"Authorization": f"Bearer {key}", **headers}

    def send(body: bytes) -> Any:
        start.wait(20)
        return httpx2.post(server.url + PATH, content=body, headers=headers, timeout=60)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def test_uploads_of_the_same_lines_at_once_make_each_task_once(world, start_server, project):
    """In different orders, so that they meet in every way; each line is created by exactly one."""
    server, key = start_server(), world.key()
    rows = [{"unique_id": f"u{n}", "content": CONTENT} for n in range(700)]
    rows += [{"task_id": f"t{n}", "content": CONTENT} for n in range(300)]
    dice = random.Random(3)
    bodies = [jsonl(*dice.sample(rows, len(rows))) for _ in range(4)]

    answers = at_once(server, key, bodies)

    assert {one.status_code for one in answers} == {200}, [one.text[:300] for one in answers]
    assert sum(one.json()["created"] for one in answers) == 1000
    assert sum(one.json()["unchanged"] for one in answers) == 3000
    with world.client(key) as client:
        assert len({one["task_id"] for one in listed(client)}) == len(listed(client)) == 1000
    assert world.run(violations(world.db)) == {}


def test_uploads_under_one_key_at_once_are_one_upload(world, start_server, project):
    server, key = start_server(), world.key()
    body = jsonl(*mixed_rows(600))

    answers = at_once(server, key, [body] * 4, **{"Idempotency-Key": "one"})

    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    with world.client(key) as client:
        assert len(listed(client)) == 540


def test_an_upload_beside_the_cancelling_of_its_batch_leaves_no_pending_task(
    world, start_server, project
):
    """Each line is in the batch before it was cancelled, or is refused; the counts are right."""
    for number in range(4):
        name = f"batch_{number}"
        world.run(world.db.write(lambda tx, name=name: batching.open_batch(
            tx, project, name=name, is_staging=False, metadata={}, callback=None)))  # fmt: skip
    server, key = start_server(), world.key()
    headers = {"Authorization": f"Bearer {key}"}
    body = jsonl(*({"batch_name": f"batch_{n % 4}"} for n in range(2000)))

    def cancel(number: int) -> Any:
        named = {"batch_name": f"batch_{number}"}
        with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
            while not client.get("/v2/tasks", params=named).json()["tasks"]:
                pass
            return client.post("/v2/batch/cancel", json=named)

    with ThreadPoolExecutor(5) as pool:
        uploading = pool.submit(
            lambda: httpx2.post(server.url + PATH, content=body, headers=headers, timeout=60)
        )
        canceled = list(pool.map(cancel, range(4)))
        answer = uploading.result()

    assert {one.status_code for one in canceled} == {200}
    assert answer.status_code == 200, answer.text
    assert set(outcomes(answer)) == {"created", "rejected"}
    with world.client(key) as client:
        statuses = Counter(one["status"] for one in listed(client))
    assert statuses == {"canceled": answer.json()["created"]}
    assert world.run(violations(world.db)) == {}


def test_a_batch_that_closes_between_look_and_lock_refuses_its_lines(
    world, client, project, monkeypatch
):
    """What a race on PostgreSQL comes to, made to happen: the chunk starts again and sees it."""
    batch = world.run(world.db.write(lambda tx: create_batch(tx, project, name="B")))
    real, looks = chunks.find_batch, []

    async def stale(tx, org_id, words, inside):
        found = await real(tx, org_id, words, inside)
        looks.append(found.status)
        if len(looks) == 1:
            await batches.move_batch(tx, found, expected=found.status, status=BatchStatus.cancelled)
        return found

    monkeypatch.setattr(chunks, "find_batch", stale)
    with pytest.raises(chunks.BatchClosed):
        world.run(world.db.write(lambda tx: chunks.store_rows(
            tx, project, [row_in(batch.batch_id)], None, "upload_tasks")))  # fmt: skip

    monkeypatch.undo()
    assert looks == [BatchStatus.in_progress]
    assert listed(client) == []
    assert outcomes(upload(client, {"unique_id": "u"})) == ["created"], "nothing was claimed"


def test_a_chunk_that_found_its_batch_closing_is_stored_again(client, project, monkeypatch):
    real, runs = chunks.store_rows, []

    async def closing(*args):
        found = await real(*args)
        runs.append(found)
        if len(runs) < 3:
            raise chunks.BatchClosed
        return found

    monkeypatch.setattr(chunks, "store_rows", closing)

    assert outcomes(upload(client, {"unique_id": "u"}, {}, key="k")) == ["created"] * 2
    assert len(runs) == 3
    assert len(listed(client)) == 2


def row_in(batch_id: str) -> chunks.Row:
    return chunks.Row(
        line=1, task_id="t", is_named=False, unique_id="u", batch_id=batch_id, batch_name=None,
        metadata=None, callback_url=None, content=None,
    )  # fmt: skip


def test_each_created_task_has_one_entry_in_the_audit_log(world, client, project):
    answer = upload(client, *({} for _ in range(450)), b"{", {"content": []})
    org_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await audit.list_entries(tx, org_id, before=None, object_id=None, limit=10_000)

    entries = [one for one in world.run(read()) if one.action == "upload_tasks"]
    made = [one["task_id"] for one in answer.json()["results"] if one["outcome"] == "created"]
    assert sorted(one.object_id for one in entries) == sorted(made)
    assert {one.actor.request_id for one in entries} == {answer.headers["x-request-id"]}


def test_whoever_wants_to_hear_of_new_tasks_hears_of_each(world, client, project):
    org_id = world.org()

    async def subscribe(tx):
        await tx.run(
            "INSERT INTO webhook_endpoint VALUES (:org_id, 'e', 'https://x.test/', :events,"
            " 'active', '', :secret, NULL, NULL, 1)",
            {"org_id": org_id, "events": b'["task.created"]', "secret": b"s"},
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
    """60 MB of lines, most of them bad, grow the server by a fraction of that."""
    server, key = start_server(), world.key()
    good = jsonl({"metadata": {"text": "x" * 3000}})
    piece = good + (b'{"priority":"' + b"y" * 3000 + b'"}\n') * 9

    def resident_kb() -> int:
        with open(f"/proc/{server.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def send(count: int) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        pieces = (piece for _ in range(count))
        return httpx2.post(server.url + PATH, content=pieces, headers=headers, timeout=120).json()

    send(200)
    before = resident_kb()
    answer = send(2000)

    assert (answer["created"], answer["rejected"]) == (2000, 18_000)
    assert resident_kb() - before < 40_000
