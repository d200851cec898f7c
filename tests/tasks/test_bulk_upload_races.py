"""Uploads that break off, come again, or meet: nothing is made twice, nothing is lost."""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from plaudit.core.tasks import batches, bulk_insert
from plaudit.core.tasks.projects import create_batch
from plaudit.model.core import BatchStatus
from plaudit.store.engine.checks import violations
from plaudit.store.tasks import batches as batches_store
from tests.support.harness import Server
from tests.tasks.bulk_upload import PATH, jsonl, listed, outcomes, upload
from tests.tasks.test_bulk_upload import CONTENT


@pytest.fixture
def project(world):
    return world.project(project_id="project_1")


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


def test_a_thousand_lines_that_broke_off_are_sent_again_and_none_is_made_twice(
    world, start_server, project
):
    """Lines without a unique_id, under one Idempotency-Key, cut wherever the network likes."""
    server, key = start_server(), world.key()
    rows = mixed_rows(1000)
    body, headers = jsonl(*rows), {"Idempotency-Key": "nightly"}
    dice = random.Random(11)
    for _ in range(4):
        broken_off(server, key, headers, body, dice.randrange(len(body)))

    asking = {"Authorization": f"Bearer {key}", **headers}
    url = server.url + PATH
    answers = [httpx2.post(url, content=body, headers=asking, timeout=60) for _ in range(2)]

    first = answers[0].json()
    assert (first["created"], first["rejected"]) == (900, 100)
    assert answers[1].content == answers[0].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in answers[0].headers
    assert [one["line"] for one in first["results"]] == list(range(1, 1001))
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
    rows = [{"unique_id": f"u{n}", "content": CONTENT} for n in range(350)]
    rows += [{"task_id": f"t{n}", "content": CONTENT} for n in range(150)]
    dice = random.Random(3)
    bodies = [jsonl(*dice.sample(rows, len(rows))) for _ in range(4)]

    answers = at_once(server, key, bodies)

    assert {one.status_code for one in answers} == {200}, [one.text[:300] for one in answers]
    assert sum(one.json()["created"] for one in answers) == 500
    assert sum(one.json()["unchanged"] for one in answers) == 1500
    with world.client(key) as client:
        assert len({one["task_id"] for one in listed(client)}) == len(listed(client)) == 500
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
        world.run(world.db.write(lambda tx, name=name: batches.open_batch(
            tx, project, name=name, is_staging=False, metadata={}, callback=None)))  # fmt: skip
    server, key = start_server(), world.key()
    headers = {"Authorization": f"Bearer {key}"}
    are_canceled = threading.Event()

    def body() -> Iterator[bytes]:
        """Its last lines come when all batches are cancelled, however slow that is."""
        for chunk in range(10):
            if chunk == 9:
                are_canceled.wait(60)
            yield jsonl(*({"batch_name": f"batch_{n % 4}"} for n in range(200)))

    def cancel(number: int) -> Any:
        named = {"batch_name": f"batch_{number}"}
        with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
            while not client.get("/v2/tasks", params=named).json()["tasks"]:
                pass
            return client.post("/v2/batch/cancel", json=named)

    with ThreadPoolExecutor(5) as pool:
        uploading = pool.submit(
            lambda: httpx2.post(server.url + PATH, content=body(), headers=headers, timeout=60)
        )
        canceled = list(pool.map(cancel, range(4)))
        are_canceled.set()
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
    real, looks = bulk_insert.find_batch, []

    async def stale(tx, environment_id, words, inside):
        found = await real(tx, environment_id, words, inside)
        looks.append(found.status)
        if len(looks) == 1:
            await batches_store.move_batch(
                tx, found, expected=found.status, status=BatchStatus.cancelled
            )
        return found

    monkeypatch.setattr(bulk_insert, "find_batch", stale)
    with pytest.raises(bulk_insert.BatchClosed):
        world.run(world.db.write(lambda tx: bulk_insert.store_rows(
            tx, project, [row_in(batch.batch_id)], None, "upload_tasks")))  # fmt: skip

    monkeypatch.undo()
    assert looks == [BatchStatus.in_progress]
    assert listed(client) == []
    assert outcomes(upload(client, {"unique_id": "u"})) == ["created"], "nothing was reserved"


def look_too_early(monkeypatch) -> None:
    """What a race on PostgreSQL comes to: the first read finds nothing, the id is taken."""
    real, looks = bulk_insert.unique_ids_store.list_reserved, []

    async def too_early(tx, environment_id, unique_ids):
        looks.append(unique_ids)
        return {} if len(looks) == 1 else await real(tx, environment_id, unique_ids)

    monkeypatch.setattr(bulk_insert.unique_ids_store, "list_reserved", too_early)


def test_lines_like_one_that_was_outrun_are_compared_with_the_task_that_was_quicker(
    client, project, monkeypatch
):
    quicker = upload(client, {"unique_id": "u", "content": CONTENT}).json()["results"][0]
    look_too_early(monkeypatch)
    answer = upload(
        client,
        {"unique_id": "u", "content": CONTENT},
        {"unique_id": "u", "content": CONTENT},
        {"unique_id": "u", "task_id": "t"},
        {"task_id": "t"},
        {"task_id": "t"},
    )

    assert outcomes(answer) == ["unchanged", "unchanged", "rejected", "created", "unchanged"]
    told = answer.json()["results"]
    assert [one["task_id"] for one in told] == [quicker["task_id"]] * 3 + ["t"] * 2
    assert {one["task_id"] for one in listed(client)} == {quicker["task_id"], "t"}


def test_lines_of_a_task_whose_first_was_outrun_are_still_told_apart(client, project, monkeypatch):
    upload(client, {"unique_id": "u"})
    look_too_early(monkeypatch)
    rows = [{"unique_id": "u", "task_id": "t"}, {"unique_id": "u2", "task_id": "t"},
            {"unique_id": "u2"}]  # fmt: skip
    told = upload(client, *rows).json()["results"]

    assert [one["outcome"] for one in told] == ["rejected", "rejected", "created"]
    assert repr(told[2]["task_id"]) in told[1]["error"]
    assert "another task_id" in told[1]["error"]


def test_a_chunk_that_found_its_batch_closing_is_stored_again(client, project, monkeypatch):
    real, runs = bulk_insert.store_rows, []

    async def closing(*args):
        found = await real(*args)
        runs.append(found)
        if len(runs) < 3:
            raise bulk_insert.BatchClosed
        return found

    monkeypatch.setattr(bulk_insert, "store_rows", closing)

    assert outcomes(upload(client, {"unique_id": "u"}, {}, key="k")) == ["created"] * 2
    assert len(runs) == 3
    assert len(listed(client)) == 2


def row_in(batch_id: str) -> bulk_insert.NewTaskRow:
    return bulk_insert.NewTaskRow(
        line=1, task_id="t", has_own_id=False, unique_id="u", batch_id=batch_id, batch_name=None,
        metadata=None, callback_url=None, content=None,
    )  # fmt: skip
