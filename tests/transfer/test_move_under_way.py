"""A move with work under way: row by row, the other store tells the same afterwards."""

from __future__ import annotations

import pytest

from plaudit.model.core import TaskStatus
from plaudit.model.labeling import Lease, LeaseStatus
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import projects
from tests.support.busy_organization import begin_work, task_of
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.moves import archive_of, move, values_of


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite"])
def moving(request, sqlite_settings, postgres_settings):
    """Two stores on different engines: one to move from, one to move to."""
    worlds = [World(sqlite_settings), World(postgres_settings)]
    if request.param == "postgres to sqlite":
        worlds.reverse()
    for world in worlds:
        world.org()
    yield worlds
    for world in worlds:
        world.close()


def test_after_a_move_everybody_goes_on_where_they_were(moving):
    source, target = moving
    floor = begin_work(source)
    held = next(lease for lease in leases_of(floor, "bob", LeaseStatus.open) if lease.draft)
    [returned] = leases_of(floor, "ann", LeaseStatus.returned)
    waiting = next(row["task"] for row in values_of(archive_of(source), "work"))
    move(source, target)
    there = floor.on(target)
    there.environment_id = target.org()
    there.project = there.write(
        lambda tx: projects.find_project(tx, there.environment_id, floor.project.project_id)
    )

    there.draft(there.lease(held), 2, there.answers(there.lease(held)))
    there.submit(there.lease(held), key="after the move")
    resumed = there.resume(returned)
    there.submit(resumed, key="better")
    there.submit(there.take("dan"))
    for task_id in {waiting, task_of(there, held.seq), task_of(there, returned.seq)}:
        there.accept(task_id)

    assert resumed.draft is not None
    assert there.status(task_of(there, held.seq)) is TaskStatus.completed
    assert there.violations() == {}


def leases_of(floor: LabelingProject, user_id: str, status: LeaseStatus) -> list[Lease]:
    """A person's leases in a status."""
    key = floor.project.project_key
    return floor.write(lambda tx: leases_store.list_leases(tx, key, user_id, status, limit=10))
