"""Single tasks over the management API: complete, cancel, error, reopen, and their content."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from plaudit.core.tasks.projects import create_batch
from plaudit.store.engine.checks import violations
from plaudit.store.tasks import batches
from tests.support.builders import make_annotation, make_message, make_thread, make_turn
from tests.support.harness import walk
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import full_threads

PROMPT = make_message("user", "A question?")
CONTENT = [make_thread(turns=[make_turn(messages=[PROMPT, make_message("base_model")])])]
ERRORS = [{"type": "PROMPT_INFEASIBLE", "message": "No."}]
BODIES: dict[str, Any] = {
    "complete": {"threads": [make_thread()]},
    "cancel": {},
    "error": {"errors": ERRORS},
    "reopen": {},
}


@pytest.fixture
def project(world):
    project = world.project(project_id="project_1")
    world.run(world.db.write(lambda tx: create_batch(tx, project, name="B", batch_id="batch_1")))
    return project


@pytest.fixture
def task(client, project) -> str:
    """A pending task in a batch of its own."""
    return add(client)


def add(client, **fields: Any) -> str:
    row = {"batch_id": "batch_1", "content": CONTENT, "metadata": {"n": 1}} | fields
    answer = client.post("/manage/v1/projects/project_1/tasks", json=row)
    return str(answer.json()["results"][0]["task_id"])


def move(client, task_id: str, verb: str, body: Any = None) -> Any:
    body = BODIES[verb] if body is None else body
    return client.post(f"/manage/v1/tasks/{task_id}/{verb}", json=body)


def shown(client, task_id: str) -> Any:
    return client.get("/v2/task", params={"task_id": task_id}).json()


def batch_of(world) -> tuple[str, dict[str, int]]:
    environment_id = world.org()

    async def work(tx):
        batch = await batches.find_batch(tx, environment_id, "batch_1")
        counts = await batches.add_progress(tx, batch.project_key, "batch_1", {})
        return batch.status.value, {one.value: n for one, n in counts.items() if n}

    return world.run(world.db.write(work))


@pytest.mark.parametrize(
    ("verb", "status"), [("complete", "completed"), ("cancel", "canceled"), ("error", "error")]
)
def test_a_pending_task_ends_and_is_answered_as_v2_shows_it(world, client, task, verb, status):
    answer = move(client, task, verb)

    assert answer.status_code == 200, answer.text
    assert answer.json() == shown(client, task)
    assert answer.json()["status"] == status
    assert answer.json()["metadata"] == {"n": 1}
    assert ("completed_at" in answer.json()) == (verb == "complete")
    assert answer.json().get("errors") == (ERRORS if verb == "error" else None)
    assert batch_of(world) == ("completed", {status: 1})


def test_what_a_task_is_completed_with_is_delivered_with_every_option(client, task):
    threads = full_threads()

    answer = move(client, task, "complete", {"threads": threads})

    assert answer.status_code == 200, answer.text
    opts = "annotation_details,attachment_details,model_parameters,submissions"
    page = client.get("/v2/tasks", params={"project_id": "project_1", "opts": opts}).json()
    found = page["tasks"][0]["threads"][0]
    message = found["turns"][0]["messages"][1]
    given = threads[0]["turns"][0]["messages"][1]
    assert message["content"]["attachments"] == given["content"]["attachments"]
    assert [one["key"] for one in message["annotations"]] == [
        one["key"] for one in given["annotations"]
    ]
    assert found["submissions"] == threads[0]["submissions"]
    minted = message["annotations"][0]["id"]
    annotation = client.get("/v2/annotation", params={"annotation_id": minted})
    assert annotation.status_code == 200


def test_an_annotation_id_that_a_machine_chose_is_found(client, task):
    note = make_annotation(id="mine/1", type="integer")
    turn = make_turn(messages=[PROMPT], annotations=[note])

    move(client, task, "complete", {"threads": [make_thread(turns=[turn])]})

    found = client.get("/v2/annotation", params={"annotation_id": "mine/1"})
    assert found.json() == note


@pytest.mark.parametrize("verb", BODIES)
def test_a_task_that_is_not_where_a_move_starts_is_a_conflict(world, client, project, verb):
    ends = {"complete": "completed", "cancel": "canceled", "error": "error"}
    starts = {"reopen": {"completed"}}.get(verb, {"pending"})
    found = {status: add(client) for status in ("pending", *ends.values())}
    for end, status in ends.items():
        move(client, found[status], end)
    before = {status: shown(client, task_id) for status, task_id in found.items()}

    for status in found.keys() - starts:
        answer = move(client, found[status], verb)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), status
        assert status in answer.json()["error"]

    assert {status: shown(client, task_id) for status, task_id in found.items()} == before
    assert world.run(violations(world.db)) == {}


def test_a_reopened_task_can_be_completed_again_and_is_seen_again(world, client, task):
    first = move(client, task, "complete").json()

    reopened = move(client, task, "reopen").json()
    second = move(client, task, "complete").json()

    assert (reopened["status"], reopened["threads"]) == ("pending", [])
    assert "completed_at" not in reopened
    later = {"project_id": "project_1", "completed_after": first["completed_at"]}
    assert [one["task_id"] for one in walk(client, **later)] == [task]
    assert second["completed_at"] > first["completed_at"]


def test_a_task_of_a_cancelled_batch_is_not_reopened(client, task):
    add(client)
    before = move(client, task, "complete").json()
    client.post("/v2/batch/cancel", json={"batch_id": "batch_1"})

    answer = move(client, task, "reopen")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "cancelled" in answer.json()["error"]
    assert shown(client, task) == before
    listed = walk(client, batch_id="batch_1")
    assert sorted(one["status"] for one in listed) == ["canceled", "completed"]


def test_reopening_keeps_the_content_or_makes_it_of_what_was_asked(client, project):
    task, bare = add(client), add(client, content=None)
    for one in (task, bare):
        move(client, one, "complete")
        move(client, one, "reopen")

    kept, made = (client.get(f"/manage/v1/tasks/{one}/content").json() for one in (task, bare))

    assert kept == {"task_id": task, "content": CONTENT}
    assert made["content"][0]["turns"][0]["messages"][0]["content"] == {"text": "A question?"}
    assert all(not one["annotations"] for one in made["content"][0]["turns"][0]["messages"])


BAD: dict[str, tuple[str, Any, str | None, str]] = {
    "no threads": ("complete", {}, None, "'threads'"),
    "an empty list of threads": ("complete", {"threads": []}, "/threads", "at least one"),
    "threads that are null": ("complete", {"threads": None}, "/threads", "array"),
    "a thread without turns": ("complete", {"threads": [{"id": "t"}]}, "/threads/0", "'turns'"),
    "a value of another type": (
        "complete",
        {"threads": [make_thread(annotations=[make_annotation(value="x", type="integer")])]},
        "/threads/0/annotations/0/value", "int",
    ),
    "a source twice": (
        "complete", {"threads": [make_thread(turns=[make_turn(messages=[PROMPT, PROMPT])])]},
        "/threads/0/turns/0/messages/1/source_id", "twice",
    ),
    "a time that is none": (
        "complete", {"threads": [make_thread(submissions=[{"submitted_at": "yesterday"}])]},
        "/threads/0/submissions/0/submitted_at", "ISO 8601",
    ),
    "its own completed_at": (
        "complete", {"threads": [make_thread()], "completed_at": "2020-01-01"}, None,
        "'completed_at'",
    ),
    "a member of cancel": ("cancel", {"reason": "x"}, None, "'reason'"),
    "no errors": ("error", {}, None, "'errors'"),
    "an empty list of errors": ("error", {"errors": []}, "/errors", "1 to 100"),
    "too many errors": ("error", {"errors": ERRORS * 101}, "/errors", "1 to 100"),
    "an unknown error": (
        "error", {"errors": [{"type": "BORED"}]}, "/errors/0/type", "PROMPT_INFEASIBLE",
    ),
    "a member of reopen": ("reopen", {"status": "pending"}, None, "'status'"),
}  # fmt: skip


@every_case("bad", BAD.values())
def test_what_cannot_be_done_is_refused_at_its_place_and_changes_nothing(world, client, task, bad):
    verb, body, pointer, word = bad
    before = shown(client, task)

    answer = move(client, task, verb, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_content"), answer.text
    assert answer.json().get("pointer") == pointer
    assert word in answer.json()["error"]
    assert shown(client, task) == before
    assert batch_of(world) == ("in_progress", {"pending": 1})


def test_a_task_may_be_moved_without_a_body_where_none_is_needed(client, task):
    assert client.post(f"/manage/v1/tasks/{task}/cancel").status_code == 200


def test_an_imported_tasks_content_is_shown_and_a_completed_ones_is_empty(world, client):
    world.load(
        [
            {"kind": "task", "value": {"task_id": "t1", "project": "p", "status": "pending",
                                       "content": CONTENT}},
            {"kind": "task", "value": {"task_id": "t2", "project": "p", "status": "completed",
                                       "threads": [make_thread()]}},
        ],
        "archive",
    )  # fmt: skip

    found = [
        client.get(f"/manage/v1/tasks/{one}/content").json()["content"] for one in ("t1", "t2")
    ]

    assert found == [CONTENT, []]


def test_of_all_moves_at_once_exactly_one_is_made(world, client, project, start_server):
    """The batch's counts and the task's status agree with the one answer that was 200."""
    server, headers = start_server(), {"Authorization": f"Bearer {world.key()}"}
    ends = {"complete": "completed", "cancel": "canceled", "error": "error"}
    add(client)  # keeps the batch in progress

    def send(task_id: str, verb: str, start: threading.Barrier) -> Any:
        with httpx2.Client(base_url=server.url, headers=headers, timeout=30) as one:
            start.wait(20)
            return verb, move(one, task_id, verb)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(15):
            task_id, start = add(client), threading.Barrier(6)
            verbs = [*ends, *ends]
            racing = [pool.submit(send, task_id, verb, start) for verb in verbs]
            answers = [one.result() for one in racing]
            won = [verb for verb, answer in answers if answer.status_code == 200]
            assert sorted(answer.status_code for _, answer in answers) == [200] + [409] * 5
            assert shown(client, task_id)["status"] == ends[won[0]]

    assert batch_of(world)[0] == "in_progress"
    assert world.run(violations(world.db)) == {}
