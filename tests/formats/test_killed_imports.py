"""An import that is killed in its midst, and the same command again: the store of one whole run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases.postgres_cluster import wait_until
from tests.support.forked_process import ForkedProcess, forked_command
from tests.support.harness import World, walk

ROWS = 1500
MAPPING = 'item = ["q"]\nprompt = "q"\n[[responses]]\ntext = "a"\nmodel = "m"\n'


def run_import(world: World, path: Path, project: str) -> ForkedProcess:
    at = ["--data", str(world.settings.data)]
    if world.settings.database is not None:
        at += ["--database", world.settings.database]
    mapping = path.with_suffix(".toml")
    mapping.write_text(MAPPING)
    return forked_command(
        *("import", str(path), "--mapping", str(mapping), "--project", project, *at),
        environ=dict(os.environ),
    )


def threads_in(world: World, project: str) -> list[Any]:
    with world.client() as client:
        tasks = walk(client, limit=100, project_name=project)
        return sorted(json.dumps(task["threads"][0]["turns"][0]["messages"]) for task in tasks)


@pytest.mark.slow
def test_the_same_command_after_a_kill_ends_in_the_same_store(world, tmp_path):
    world.org()
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps({"q": f"Question {n}?", "a": f"{model} {n}", "m": model}) + "\n"
            for model in ("m1", "m2")
            for n in range(ROWS)
        )
    )
    whole = run_import(world, path, "Whole")
    assert whole.wait(120) == 0

    async def count() -> int:
        async with world.db.read() as tx:
            row = await tx.one("SELECT COUNT(*) FROM task", {})
            return 0 if row is None else int(row[0])

    for attempt in range(5):  # on a busy machine one may end before it is killed
        project, before = f"Cut {attempt}", world.run(count())
        killed = run_import(world, path, project)
        wait_until(lambda before=before: world.run(count()) > before, "some rows are stored")
        killed.kill()
        killed.wait(60)
        stored = world.run(count()) - before
        if stored < ROWS:
            break
    again = run_import(world, path, project)
    assert again.wait(120) == 0

    assert 0 < stored < ROWS
    assert threads_in(world, project) == threads_in(world, "Whole")
