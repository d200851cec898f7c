"""Short words for what tests do with deliveries."""

from __future__ import annotations

from plaudit.core.deliveries import builder, task_selection
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.resolve import ScopeNames, find_project
from plaudit.errors import Conflict
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.harness import walk
from tests.support.sample_tasks import mixed_tasks

ALL_OPTS = "annotation_details,attachment_details,model_parameters,submissions"
COMPLETED = [one["task_id"] for one in mixed_tasks() if one["status"] == "completed"]
PATH = "/manage/v1/projects/project_123/deliveries"


def deliver(client, name="January", **body):
    """Make a delivery of project_123; its record."""
    answer = client.post(PATH, json={"name": name, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_of(client, delivery_id, **params):
    found = walk(client, "/v2/delivery", delivery_id=delivery_id, **{"limit": 100} | params)
    return [task["task_id"] for task in found]


def rows_of(client, **params):
    return {row["task_id"]: row for row in walk(client, "/v2/delivery/tasks", "docs", **params)}


def move(world, kind, task_id, threads=None):
    """Reopen, cancel, correct or complete a task, as the management API does."""
    environment_id = world.org()

    async def work(tx):
        task = await tasks.find_task(tx, environment_id, task_id)
        if kind == "reopen":
            await lifecycle.reopen_task(tx, environment_id, task)
        elif kind == "cancel":
            await lifecycle.cancel_task(tx, environment_id, task)
        elif kind == "correct":
            await lifecycle.correct_task(tx, environment_id, task, threads or [make_thread()])
        else:
            await lifecycle.complete_task(tx, environment_id, task, threads or [make_thread()])

    world.run(world.db.write(work))


def set_metadata(client, task_id, metadata):
    body = {"task_id": task_id, "metadata": metadata}
    assert client.post("/v2/task/metadata", json=body).status_code == 200


def stored(world):
    """How many rows the tables of deliveries have."""

    async def read():
        async with world.db.read() as tx:
            return {
                name: (await tx.one(f"SELECT COUNT(*) FROM {name}", {}))[0]
                for name in ("delivery", "delivered_task", "frozen_task")
            }

    return world.run(read())


def manifest_of(client, delivery_id, limit=1000):
    path = f"/manage/v1/deliveries/{delivery_id}/manifest"
    return walk(client, path, limit=limit)


def project_of(world):
    environment_id = world.org()
    return world.run(
        world.db.write(lambda tx: find_project(tx, environment_id, ScopeNames("project_123")))
    )


def select(world, **bounds):
    project = project_of(world)
    return world.run(task_selection.select_tasks(world.db, project, most=10**9, **bounds))


def make(world, name="January", **bounds):
    """Make a delivery as the command does; the delivery, or a Conflict."""
    project = project_of(world)
    delivery_builder = world.run(
        builder.freeze_selection(world.db, project, name, select(world, **bounds))
    )
    if delivery_builder is None:
        raise Conflict
    return world.run(world.db.write(delivery_builder.finish))


def start_delivery(world, name="January", lease_ms=builder.LEASE_MS):
    """A run that has claimed the name."""
    delivery_builder = builder.DeliveryBuilder(
        world.db.write, project_of(world), name, lease_ms=lease_ms
    )
    return delivery_builder, world.run(delivery_builder.start())
