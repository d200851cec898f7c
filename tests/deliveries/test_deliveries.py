"""Deliveries: what is frozen, and that it stays what it was."""

from __future__ import annotations

import pytest

from plaudit.api.manage import deliveries
from plaudit.core.common import idempotency
from plaudit.store.engine import checks
from tests.support.builders import make_task, make_tasks, make_thread
from tests.support.deliveries import (
    ALL_OPTS,
    COMPLETED,
    PATH,
    deliver,
    ids_of,
    move,
    rows_of,
    set_metadata,
    stored,
)
from tests.support.harness import one_engine
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows, mixed_tasks


@pytest.fixture
def full(world):
    """The world with tasks of every status and shape in project_123."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    return world


@pytest.fixture
def many(world):
    """The world with 250 completed tasks in project_123."""
    assert world.load(make_tasks(250), project=None)[1] == []
    return world


# What a delivery holds


def test_a_delivery_holds_the_completed_tasks_and_no_others(full, client):
    made = deliver(client)

    assert ids_of(client, made["id"]) == COMPLETED
    assert made["task_count"] == len(COMPLETED)
    assert (made["name"], made["project"]) == ("January", "project_123")


@every_case(
    "filters, expected",
    [
        ({"batch_id": "batch_123"}, ["task_in_batch", "task_plain"]),
        ({"batch_name": "First batch"}, ["task_in_batch", "task_plain"]),
        ({"completed_after": "2025-01-02T00:00:02Z", "completed_before": "2025-01-02T00:00:05Z"},
         ["late_00003", "late_00004"]),
        ({"batch_id": "b2", "completed_after": "2025-01-02T00:00:07Z"},
         ["late_00008", "late_00009"]),
        ({"task_ids": ["task_plain", "task_full", "task_plain"]}, ["task_full", "task_plain"]),
    ],
)  # fmt: skip
def test_a_filter_or_ids_choose_what_is_delivered(full, client, filters, expected):
    full.load(make_tasks(10, "late", batch="b2"))

    made = deliver(client, f"of {filters}", **filters)

    assert ids_of(client, made["id"]) == expected


def test_tasks_come_in_the_order_of_the_listing_with_the_same_filter(world, client):
    """By completion where a bound on it is given, else as they came into the store."""
    found = make_tasks(20)
    world.load(list(reversed(found)))
    names = [one["task_id"] for one in found]

    by_place = deliver(client, "by place")
    by_time = deliver(client, "by time", completed_after="2025-01-01")

    assert ids_of(client, by_place["id"]) == names[::-1]
    assert ids_of(client, by_time["id"]) == names


@one_engine
@every_case(
    "body, status, word",
    [
        ({}, 400, "name"),
        ({"name": " "}, 400, "visible"),
        ({"name": "a\nb"}, 400, "control"),
        ({"name": "x" * 256}, 400, "255"),
        ({"name": 7}, 400, "/name"),
        ({"name": "x", "nonsense": 1}, 400, "nonsense"),
        ({"name": "x", "batch_id": "nobody"}, 404, "batch"),
        ({"name": "x", "task_ids": ["nobody"]}, 400, "nobody"),
        ({"name": "x", "task_ids": ["task_full", "task_pending"]}, 400, "pending"),
        ({"name": "x", "task_ids": []}, 400, "nothing to deliver"),
        ({"name": "x", "task_ids": ["elsewhere"]}, 400, "elsewhere"),
        ({"name": "x", "task_ids": ["task_full"], "batch_id": "batch_123"}, 400, "not both"),
        ({"name": "x", "completed_after": "2999-01-01"}, 400, "nothing to deliver"),
        ({"name": "x", "completed_after": "soon"}, 400, "ISO 8601"),
        ({"name": "x", "response_schema_id": "\u0007"}, 400, "control"),
    ],
)
def test_a_delivery_that_cannot_be_made_is_refused_and_leaves_nothing(
    full, client, body, status, word
):
    full.load([make_task("elsewhere", project="p2")])

    answer = client.post(PATH, json=body)

    assert (answer.status_code, word in answer.text) == (status, True), answer.text
    assert client.get("/v2/deliveries?project_id=project_123").json() == {"deliveries": []}
    assert stored(full) == {"delivery": 0, "delivered_task": 0, "frozen_task": 0}


def test_a_request_for_more_than_it_may_have_points_to_the_command(many, client, monkeypatch):
    monkeypatch.setattr(deliveries, "DELIVERY_TASKS_MAX", 249)

    answers = [
        client.post(PATH, json={"name": "x"}),
        client.post(PATH, json={"name": "x", "task_ids": [f"task_{n:05d}" for n in range(250)]}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("plaudit deliver" in answer.json()["error"] for answer in answers)
    assert stored(many)["delivery"] == 0


def test_a_name_is_taken_once_in_a_project_however_it_is_spelled(full, client):
    full.load([make_task("elsewhere", project="p2")])
    deliver(client, "Caf\u00e9")

    again = client.post(PATH, json={"name": " Cafe\u0301 "})
    other = client.post("/manage/v1/projects/p2/deliveries", json={"name": "Caf\u00e9"})

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert other.status_code == 200
    asked = {"project_id": "project_123", "delivery_name": "Cafe\u0301"}
    assert client.get("/v2/delivery", params=asked).status_code == 200


def test_the_same_request_again_under_its_key_gives_the_first_answer(full, client):
    headers = {"Idempotency-Key": "once"}
    first = client.post(PATH, json={"name": "x"}, headers=headers)
    for task_id in COMPLETED:
        move(full, "reopen", task_id)

    second = client.post(PATH, json={"name": "x"}, headers=headers)

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert stored(full)["delivery"] == 1


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_request_that_is_refused_for_its_key_leaves_the_name_free(
    full, client, monkeypatch, is_seen
):
    """Also where the key is used between the look at it and the transaction."""
    headers = {"Idempotency-Key": "once"}
    client.post(PATH, json={"name": "one", "task_ids": ["task_full"]}, headers=headers)

    async def not_yet(tx, environment_id, key):
        return False

    if not is_seen:
        monkeypatch.setattr(idempotency, "is_used", not_yet)
    before = stored(full)
    refused = client.post(PATH, json={"name": "two"}, headers=headers)
    after = stored(full)
    made = deliver(client, "two")

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_mismatch")
    assert (after["delivery"], after["delivered_task"]) == (1, 1)
    assert (after == before) == is_seen, "nothing is copied for a key that is known"
    assert made["task_count"] == len(COMPLETED)
    assert full.run(checks.violations(full.db)) == {}


def test_a_request_with_an_odd_key_copies_nothing(full, client):
    answer = client.post(PATH, json={"name": "x"}, headers={"Idempotency-Key": "a b"})

    assert (answer.status_code, answer.json()["param"]) == (400, "Idempotency-Key")
    assert stored(full) == {"delivery": 0, "delivered_task": 0, "frozen_task": 0}


def test_making_a_delivery_is_written_into_the_audit_log(full, client):
    made = deliver(client)

    async def read():
        async with full.db.read() as tx:
            return await tx.all(
                "SELECT action, object_id FROM audit_entry WHERE object_kind = 'delivery'", {}
            )

    assert full.run(read()) == [("create_delivery", made["id"])]


# What was delivered stays


def test_what_was_delivered_never_changes_whatever_becomes_of_the_task(full, client):
    """Byte for byte: after new metadata, reopening, completing anew, and canceling."""
    made = deliver(client)
    shown = [{"delivery_id": made["id"], "opts": opts} for opts in ("", ALL_OPTS, "submissions")]

    def everything():
        pages = [client.get("/v2/delivery", params=params).content for params in shown]
        return [*pages, client.get(f"/v2/delivery/tasks?delivery_id={made['id']}").content]

    before = everything()
    set_metadata(client, "task_full", {"new": True})
    assert everything() == before
    move(full, "reopen", "task_plain")
    assert everything() == before
    move(full, "complete", "task_plain", [make_thread("another")])
    move(full, "reopen", "task_full")
    move(full, "cancel", "task_full")
    full.load(archive_rows([make_task("task_in_batch", batch="batch_123")]), "archive",
              replace=True)  # fmt: skip

    assert everything() == before


def test_the_latest_delivery_of_a_task_is_shown_and_each_keeps_its_own(full, client):
    first = deliver(client, "first")
    was = rows_of(client, project_id="project_123")["task_plain"]
    move(full, "reopen", "task_plain")
    assert rows_of(client, project_id="project_123")["task_plain"] == was
    move(full, "complete", "task_plain", [make_thread("another")])
    second = deliver(client, "second", task_ids=["task_plain"])

    latest = rows_of(client, project_id="project_123")["task_plain"]

    assert (latest["delivery_id"], latest["delivered_at"]) == (second["id"], second["delivered_at"])
    assert [thread["id"] for thread in latest["response"]["threads"]] == ["another"]
    assert rows_of(client, delivery_id=first["id"])["task_plain"] == was
    assert was["delivery_id"] == first["id"]


def test_a_version_that_was_delivered_twice_is_stored_once(many, client):
    for name in ("a", "b", "c"):
        deliver(client, name)

    assert stored(many) == {"delivery": 3, "delivered_task": 750, "frozen_task": 250}
