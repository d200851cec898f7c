"""The form that an import gives to an unused project, beside somebody who sets one meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plaudit.core.tasks.forms import preset
from plaudit.core.tasks.projects import change_project, create_project
from plaudit.core.transfer import references
from plaudit.core.transfer.references import ProjectReferences
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import project_detail
from tests.support.harness import World

OWN = {"fields": [{"key": "own", "level": "turn", "type": "boolean"}]}


async def form_after_import(world: World, environment_id: str) -> Any:
    importing = ProjectReferences(
        world.db.write, environment_id, replace=False, project_form=preset("Rubrics")
    )
    project = await importing.project_for(None, "P")
    async with world.db.read() as tx:
        stored = await projects.get_project(tx, project.project_key)
    assert stored == project
    return (project_detail(stored).form or {})["fields"][0]["key"]


def test_an_unused_project_gets_the_form_of_the_import(world):
    environment_id = world.org()
    world.run(world.db.write(lambda tx: create_project(tx, environment_id, name="P")))

    assert world.run(form_after_import(world, environment_id)) == "score"


@pytest.mark.parametrize("settings", ["postgres"], indirect=True)
def test_a_form_that_is_set_at_the_same_moment_stays(world, monkeypatch):
    """SQLite has one writer, so there nothing comes between."""
    environment_id = world.org()
    project = world.run(world.db.write(lambda tx: create_project(tx, environment_id, name="P")))
    next_seq = projects.next_seq

    async def next_seq_and_a_manager(tx: Any, project_key: int) -> int:
        await world.db.write(
            lambda other: change_project(other, environment_id, project.project_id, {"form": OWN})
        )
        return await next_seq(tx, project_key)

    monkeypatch.setattr(references.projects, "next_seq", next_seq_and_a_manager)

    assert world.run(form_after_import(world, environment_id)) == "own"


def test_imports_that_make_one_project_at_once_all_go_into_it(world):
    environment_id = world.org()

    async def all_at_once() -> set[str]:
        found = await asyncio.gather(
            *(
                ProjectReferences(
                    world.db.write, environment_id, replace=False, project_form=preset("SFT")
                ).project_for(None, "P")
                for _ in range(8)
            )
        )
        return {project.project_id for project in found}

    assert len(world.run(all_at_once())) == 1
