"""What can be asked of a delivery: its manifest, a diff, what has changed since."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from plaudit.core.deliveries import reports
from plaudit.store.engine import checks
from tests.support.builders import make_annotation, make_task, make_thread, make_turn
from tests.support.deliveries import ALL_OPTS, COMPLETED, deliver, manifest_of, move, set_metadata
from tests.support.harness import walk
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows, mixed_tasks


@pytest.fixture
def full(world):
    """The world with tasks of every status and shape in project_123."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    return world


# Manifest, diff, changes


def test_a_manifest_has_the_hash_of_each_task_exactly_as_it_is_served(full, client):
    made = deliver(client)
    page = client.get("/v2/delivery", params={"delivery_id": made["id"], "opts": ALL_OPTS})
    text = page.content.decode()
    starts = [found.start() for found in re.finditer(r'\{"task_id":"', text)]
    ends = [start - 1 for start in starts[1:]] + [len(text) - len("]}")]
    served = [text[start:end] for start, end in zip(starts, ends, strict=True)]

    entries, *others = (manifest_of(client, made["id"], limit) for limit in (1, 3, 1000))

    assert [json.loads(one)["task_id"] for one in served] == COMPLETED
    assert entries == [
        {"task_id": json.loads(one)["task_id"], "sha256": hashlib.sha256(one.encode()).hexdigest()}
        for one in served
    ]
    assert others == [entries] * 2
    lines = "".join(f"{one['sha256']}  {one['task_id']}\n" for one in entries)
    assert hashlib.sha256(lines.encode()).hexdigest() == made["manifest_sha256"]
    record = client.get(f"/manage/v1/deliveries/{made['id']}").json()
    assert record == made


@pytest.fixture
def two_made(full, client):
    """Two deliveries, between which a task was edited."""
    first = deliver(client, "first", task_ids=["task_full", "task_plain", "task_in_batch"])
    set_metadata(client, "task_plain", {"edited": 1})
    second = deliver(client, "second", task_ids=["task_plain", "task_in_batch", "task_reported"])
    return first, second


@every_case("limit", [1, 2, 5, 1000])
def test_a_diff_says_what_came_what_went_and_what_changed(two_made, client, limit):
    first, second = two_made
    found = {"added": [], "removed": [], "changed": []}
    params, path = {"other": second["id"], "limit": limit}, f"/manage/v1/deliveries/{first['id']}"
    for _ in range(20):
        page = client.get(f"{path}/diff", params=params).json()
        for key, listed in found.items():
            listed += page[key]
        if "next_token" not in page:
            break
        params["next_token"] = page["next_token"]

    assert found == {
        "added": ["task_reported"], "removed": ["task_full"], "changed": ["task_plain"],
    }  # fmt: skip


def test_a_delivery_differs_from_itself_in_nothing_and_other_projects_are_refused(full, client):
    full.load([make_task("elsewhere", project="p2")])
    made = deliver(client)
    other = client.post("/manage/v1/projects/p2/deliveries", json={"name": "x"}).json()
    path = f"/manage/v1/deliveries/{made['id']}/diff"

    same = client.get(path, params={"other": made["id"]}).json()
    refused = client.get(path, params={"other": other["id"]})

    assert same == {"added": [], "removed": [], "changed": []}
    assert (refused.status_code, refused.json()["param"]) == (400, "other")


def test_changes_are_the_tasks_that_are_not_what_was_delivered(full, client, monkeypatch):
    """In pages of any length, also where few bytes are compared at a time."""
    made = deliver(client)
    path = f"/manage/v1/deliveries/{made['id']}/changes"

    def walks():
        for limit, bytes_max in ((1, 2**24), (3, 2**24), (100, 2**24), (100, 9)):
            monkeypatch.setattr(reports, "COMPARED_BYTES_MAX", bytes_max)
            yield walk(client, path, limit=limit)

    assert list(walks()) == [[]] * 4
    set_metadata(client, "task_full", {"new": 1})
    move(full, "reopen", "task_plain")
    move(full, "reopen", "task_in_batch")
    move(full, "complete", "task_in_batch", [make_thread(turns=[make_turn("anew")])])

    changed = [
        {"task_id": "task_full", "status": "completed", "threads_changed": False},
        {"task_id": "task_in_batch", "status": "completed", "threads_changed": True},
        {"task_id": "task_plain", "status": "pending", "threads_changed": True},
    ]
    assert list(walks()) == [changed] * 4


def test_a_change_of_an_annotation_s_details_alone_is_a_change(full, client):
    """What the default options do not show is part of what was delivered."""
    note = make_annotation(id="a", type="integer", title="Before")
    rows = [make_task("noted", threads=[make_thread(annotations=[note])])]
    full.load(rows)
    made = deliver(client, task_ids=["noted"])
    rows[0]["threads"][0]["annotations"][0]["title"] = "After"
    full.load(rows, replace=True)

    found = walk(client, f"/manage/v1/deliveries/{made['id']}/changes")

    assert found == [{"task_id": "noted", "status": "completed", "threads_changed": True}]


def test_what_must_be_true_of_deliveries_is_checked(full, client):
    deliver(client)
    assert full.run(checks.violations(full.db)) == {}

    async def break_it(tx):
        await tx.run("UPDATE delivery SET task_count = task_count + 1", {})
        await tx.run("DELETE FROM frozen_task WHERE seq = 1", {})

    full.run(full.db.write(break_it))

    assert full.run(checks.violations(full.db)) == {
        "each delivery counts its tasks": 1,
        "every delivered task is kept as it was delivered": 1,
    }
