"""Writers of one batch take their locks in one order, so that PostgreSQL ends none for a deadlock.

`PLAUDIT_TEST_RACE_SECONDS=60` lets the race run longer than in the suite.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from plaudit.core.deliveries import builder, task_selection
from plaudit.core.labeling import leases, submissions
from plaudit.core.tasks import batches, lifecycle
from plaudit.core.tasks.projects import create_batch
from plaudit.core.transfer.importer import ImportEntry, Source, import_sources
from plaudit.errors import Conflict, IllegalMove, InvalidContent, LeaseLost
from plaudit.model.core import SERVER
from plaudit.store.engine.checks import violations
from plaudit.store.tasks import tasks
from tests.support.builders import make_task, make_thread
from tests.support.harness import World
from tests.support.labeling_project import (
    LabelingProject,
    good_answers,
    lease_ref,
    make_content,
)

RACE_SECONDS = float(os.environ.get("PLAUDIT_TEST_RACE_SECONDS", "3"))
REFUSALS = Conflict, IllegalMove, InvalidContent, LeaseLost
"""What one of two writers may be told; `Unavailable` is none of these."""
IMPORTS = 6
TASKS = 24
ANNOTATORS = ("ann", "ben", "cy", "dee", "eve", "flo")


@pytest.fixture
def race(postgres_settings):
    """A project of two submissions a task on PostgreSQL, with how to end it: the deadlocks."""
    url = postgres_settings.database
    earlier = asyncio.run(count_deadlocks(url))
    world = World(postgres_settings)
    world.org()

    def end() -> int:
        """Deadlocks that the server counted; a session reports its own when it is closed."""
        assert world.run(violations(world.db)) == {}
        assert world.run(count_stranded(world.db)) == 0
        world.close()
        return asyncio.run(count_deadlocks(url)) - earlier

    return LabelingProject(world, overlap=2), end


async def count_deadlocks(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


async def count_stranded(db) -> int:
    """Pending tasks of cancelled batches, which nobody would ever do."""
    async with db.read() as tx:
        [row] = await tx.all(
            "SELECT COUNT(*) FROM task AS t JOIN batch AS b ON b.project_key = t.project_key"
            " AND b.batch_id = t.batch_id WHERE t.status = 0 AND b.status = 'cancelled'",
            {},
        )
    return int(row[0])


def test_imports_beside_completions_of_their_batch_do_not_deadlock(race):
    project, end = race

    async def work() -> None:
        batch, task_ids, _ = await prepare(project, 0)
        await asyncio.gather(
            *(import_tasks(project, batch, number, task_ids) for number in range(IMPORTS)),
            *(move(project, lifecycle.complete_task, one, [make_thread()]) for one in task_ids),
        )

    project.world.run(work())

    assert end() == 0


def test_writers_of_every_kind_do_not_deadlock(race):
    """Imports, completions, cancels, submits and deliveries of one batch, and of tasks in none."""
    project, end = race
    dice = random.Random("locks")

    async def work() -> int:
        until, rounds = time.monotonic() + RACE_SECONDS, 0
        while time.monotonic() < until or rounds == 0:
            batch, task_ids, leased = await prepare(project, rounds)
            writers = [
                *(import_tasks(project, batch, number, task_ids) for number in range(IMPORTS)),
                import_tasks(project, batch, IMPORTS, task_ids, strict=True),
                *(move(project, lifecycle.complete_task, one, [make_thread()]) for one in task_ids),
                *(move(project, lifecycle.cancel_task, one) for one in task_ids),
                *(submit(project, lease, answers) for lease, answers in leased),
                deliver(project, f"Delivery {rounds}"),
                deliver(project, f"Delivery {rounds}"),
            ]
            if rounds % 3 == 0:
                writers.append(cancel_batch(project, batch))
            dice.shuffle(writers)
            await asyncio.gather(*writers)
            rounds += 1
        return rounds

    assert project.world.run(work()) > 0
    assert end() == 0


async def prepare(project: LabelingProject, number: int):
    """A batch with tasks, tasks in no batch, and leases of two people on some of both."""

    async def work(tx):
        batch = await create_batch(tx, project.project, name=f"Batch {number}")
        made = [
            await lifecycle.create_task(
                tx, project.project, batch=None if place % 4 == 0 else batch, content=make_content()
            )
            for place in range(TASKS)
        ]
        held = [
            await leases.lease_next(tx, project.project, f"{name}_{number}")
            for name in ANNOTATORS
            for _ in range(2)
        ]
        answered = [(lease, await answers_to(tx, project, lease)) for lease in held]
        return batch, [task.task_id for task in made], answered

    return await project.world.db.write(work)


async def answers_to(tx, project: LabelingProject, lease):
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    return good_answers(project.asked_of(task, lease))


async def import_tasks(project, batch, number: int, task_ids, *, strict: bool = False) -> None:
    """Import tasks of the batch: new ones of both kinds, and what others complete meanwhile."""
    common = {"project": project.project.project_id, "batch": batch.batch_id}
    rows = [
        make_task(f"{batch.batch_id}_{number}_{place}", unique_id=f"{batch.name} {place}", **common)
        for place in range(8)
    ]
    rows += [
        make_task(
            f"{batch.batch_id}_{number}_p{place}", "pending", content=[make_thread()], **common
        )
        for place in range(4)
    ]
    rows += [make_task(one, **common) for one in task_ids[number :: IMPORTS + 1]]
    random.Random(number).shuffle(rows)
    entries = [ImportEntry("task", row, line) for line, row in enumerate(rows, 1)]
    source = Source(Path("race.jsonl"), lambda: iter(entries))
    await import_sources(
        project.world.db,
        project.environment_id,
        lambda: [source],
        strict=strict,
        on_reject=lambda reject: None,
    )


async def move(project, verb, task_id: str, *arguments) -> None:
    async def work(tx):
        task = await tasks.find_task(tx, project.environment_id, task_id)
        await verb(tx, project.environment_id, task, *arguments)

    with suppress(*REFUSALS):
        await project.world.db.write(work)


async def submit(project, lease, answers) -> None:
    def work(tx):
        return submissions.submit(
            tx, project.project, lease_ref(lease), answers, client_key="once", active_ms=1
        )

    with suppress(*REFUSALS):
        await project.world.db.write(work)


async def deliver(project, name: str) -> None:
    with suppress(*REFUSALS):
        selection = await task_selection.select_tasks(project.world.db, project.project, most=9999)
        await builder.deliver(
            project.world.db,
            project.project,
            name,
            selection,
            SERVER,
            "race",
            on_progress=lambda count: None,
        )


async def cancel_batch(project, batch) -> None:
    with suppress(*REFUSALS):
        await project.world.db.write(lambda tx: batches.apply_action(tx, batch, "cancel"))
