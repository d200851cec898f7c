"""Uploads of many tasks, and what a store and its lists say of them."""

from __future__ import annotations

import json
from typing import Any

from plaudit.store.tasks import batches
from plaudit.store.tasks import tasks as tasks_store
from tests.support.harness import World, walk

PATH = "/manage/v1/projects/project_1/tasks"


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
    environment_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await tasks_store.find_task(tx, environment_id, task_id)

    return world.run(read())


def listed(client) -> list[Any]:
    return walk(client, project_id="project_1")


def counts_of(world: World, batch_id: str) -> dict[str, int]:
    environment_id = world.org()

    async def work(tx):
        batch = await batches.find_batch(tx, environment_id, batch_id)
        return await batches.add_progress(tx, batch.project_key, batch_id, {})

    return {status.value: n for status, n in world.run(world.db.write(work)).items() if n}
