"""Ids whose rows are lost lead to nothing, least of all to the task that has their place by now.

On a cluster the row that leads from an id to a task, and the task's own, may lie on two machines.
One of them may be replaced by a standby that lacks the last commits.
"""

from __future__ import annotations

import json

import pytest

from plaudit.store.engine import checks
from tests.support.builders import make_task
from tests.support.harness import World
from tests.support.operations import GOOD, NAMES, OPERATIONS, ask, calling

LOST = NAMES["task_id"]
NAMES_OF_TASKS = ("task_id", "taskId", "annotation_id")
OF_GOLD = {"get_gold", "end_gold"}
"""Of gold tasks, whose ids are apart; one of them is called like the task that is lost."""

EXCHANGED, GONE = "exchanged", "gone"


@pytest.fixture(params=[EXCHANGED, GONE])
def lost(request: pytest.FixtureRequest, world: World, ann: str) -> World:
    """A store in which another task has the place of one, or none has it."""

    async def lose(tx):
        [[key, seq]] = await tx.all(
            "SELECT project_key, seq FROM task WHERE task_id = :id AND project_key > 0",
            {"id": LOST},
        )
        at = "project_key = :key AND seq = :seq"
        tables = ("task_body", "task_content", "task")
        for table in tables[: 2 if request.param == EXCHANGED else 3]:
            await tx.run(f"DELETE FROM {table} WHERE {at}", {"key": key, "seq": seq})
        if request.param == GONE:
            await tx.run("DELETE FROM dataset_task WHERE task_id = :id", {"id": LOST})
        else:
            for table in ("task", "dataset_task"):
                await tx.run(
                    f"UPDATE {table} SET task_id = 'another' WHERE task_id = :id", {"id": LOST}
                )

    world.run(world.db.write(lose))
    return world


def test_every_operation_answers_that_there_is_no_such_task(lost, ann):
    asked = []
    with calling(lost, ann) as client:
        for operation in OPERATIONS:
            for good in GOOD.get(operation.operation_id, [])[:1]:
                named = [name for name in NAMES_OF_TASKS if good.get(name) == NAMES.get(name)]
                if named and operation.operation_id not in OF_GOLD and set(named) & good.keys():
                    answer = ask(client, operation, good)
                    asked.append(operation.operation_id)
                    assert answer.status_code == 404, (operation.operation_id, answer.text)

    assert {"get_task", "get_legacy_task", "get_annotation", "get_dataset_task"} <= set(asked)
    assert {"set_task_metadata", "reopen_task"} <= set(asked)


def test_an_import_refuses_the_task_and_takes_the_rest(lost):
    found, rejects = lost.load([make_task(LOST), make_task("task_fresh")])

    assert (found.counts["task", "added"], [one.line for one in rejects]) == (1, [1])
    assert "has lost this task" in str(rejects[0])


def test_a_task_cannot_be_created_under_the_id(lost, ann):
    row = {"task_id": LOST, "content": make_task(LOST)["threads"]}

    with calling(lost, ann) as client:
        path = f"/manage/v1/projects/{NAMES['project_id']}/tasks"
        answer = client.post(path, content=json.dumps(row))

    [result] = answer.json()["results"]
    assert (answer.status_code, result["outcome"]) == (200, "rejected")


def test_a_delivery_cannot_be_made_of_the_id(lost, ann):
    with calling(lost, ann) as client:
        path = f"/manage/v1/projects/{NAMES['project_id']}/deliveries"
        answer = client.post(path, json={"name": "Of the lost", "task_ids": [LOST]})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_content")
    assert "has no task" in answer.text


def test_the_check_of_the_store_tells_of_the_id(lost):
    assert lost.run(checks.violations(lost.db))["every id leads to a task"] == 1
