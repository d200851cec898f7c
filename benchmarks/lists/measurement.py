"""Measure managers' lists: pages, searches, the overview, words that are read, actions and undo.

The store has people who were given tasks, flags, tasks in review, and texts of words that are as
unevenly common as those of a language.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from structlog.testing import capture_logs

from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Figure, Section
from plaudit.core.common import server_secret
from plaudit.core.managing import actions, indexing, undo
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.tasks.projects import create_batch, create_project
from plaudit.model.core import Actor, BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.managing import ActionKind, TaskConditions
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, tasks
from plaudit.wire.v2 import render
from plaudit.wire.v2.render import HeadFields
from plaudit.wire.v2.resources import ProjectDetail
from tests.support.databases.statement_counter import counting
from tests.support.harness import World
from tests.support.pages.browser_client import add_person, signed_in

REST_SECONDS_MAX = 120
SECONDS_MAX = 0.3
STATEMENTS_MAX = 25
CHUNK = 1_000
REPEATS = 5
WORDS_OF_A_TASK = 300
BATCHES = 20
ONE_IN_REVIEW = 40
ONE_IN_FLAGGED = 100

_encode = msgspec.json.Encoder().encode


def measure_lists(plan: Plan) -> Iterator[Section]:
    """Yield a section for each engine."""
    with capture_logs():
        yield _measured("SQLite", plan, plan.work / "sqlite", None)
        with running((plan.postgres_binaries or find_binaries())[0]) as url:
            yield _measured("PostgreSQL", plan, plan.work / "postgres", url)


def _measured(engine: str, plan: Plan, data: Path, database: str | None) -> Section:
    data.mkdir(parents=True)
    settings = Settings(data=data, database=database)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    world = World(settings)
    try:
        world.keep_application()
        return _measure(engine, plan, world)
    finally:
        world.close()


def _measure(engine: str, plan: Plan, world: World) -> Section:
    project, vocabulary = _fill(world, plan)
    if world.settings.database is not None:
        world.run(world.db.write(lambda tx: tx.run("ANALYZE", {})))
    reading = _clocked(lambda: _read_words(world, project))
    rows = [("words of a task are read", f"{reading / plan.list_tasks * 1e3:.2f} ms", "")]
    slowest, most = 0.0, 0
    path = f"/projects/{project.project_id}"
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get(path)  # what is built in the background begins with a request
        _wait_for_rest(REST_SECONDS_MAX * plan.rest_share)
        paths = {name: f"{path}/tasks?{query}" for name, query in _queries(vocabulary).items()}
        paths |= {"overview of the project": path, "why tasks wait": f"{path}/waiting"}
        for name, page in paths.items():
            answer = browser.get(page)
            assert answer.status_code == 200, answer.text
            counts = []
            for _ in range(REPEATS):
                with counting() as counter:
                    browser.get(page)
                counts.append(len(counter))
            seconds = min(_clocked(lambda page=page: browser.get(page)) for _ in range(REPEATS))
            slowest, most = max(slowest, seconds), max(most, min(counts))
            rows.append((name, f"{seconds * 1e3:.0f} ms", str(min(counts))))
    count, seconds = _act(world, project)
    rows.append((f"{count:,} tasks are canceled, and taken back", f"{seconds:.1f} s", ""))
    return Section(
        f"Managers' lists of {plan.list_tasks:,} tasks and {plan.list_people} people, {engine}",
        "The best of five requests to the whole application in one process, the page's HTML"
        " included, and the fewest statements of five. Words are read and page files built before.",
        ("page", "time", "statements"),
        rows=rows,
        figures=[
            Figure(f"slowest page, {engine}", slowest * 1e3, at_most=SECONDS_MAX * 1e3, unit=" ms"),
            Figure(f"statements of a page, {engine}", most, at_most=STATEMENTS_MAX, unit=""),
        ],
    )


def _wait_for_rest(seconds_max: float) -> None:
    """Wait until no statement runs for a second, and no longer than this."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        with counting() as counter:
            time.sleep(1)
        if not len(counter):
            return


def _queries(vocabulary: list[str]) -> dict[str, str]:
    common, rather, rare = vocabulary[0], vocabulary[40], vocabulary[5_000]
    return {
        "all tasks": "",
        "newest first": "order=newest",
        "pending, newest first": "status=pending&order=newest",
        "one batch": "batch=Batch+3",
        "given to one person": "person=user_7",
        "in review, most disputed first": "order=disagreement",
        "flagged": "only=flagged",
        "completed last, first": "order=completed",
        "created after, not completed": "created_after=2020-01-01&status=pending&order=newest",
        "a word of nearly all tasks": f"q={common}",
        "a word of some tasks": f"q={rather}&order=newest",
        "a rare word": f"q={rare}",
        "three words": f"q={common}+{rather}+{vocabulary[90]}",
        "the beginning of a word": f"q={rather[:4]}*",
        "a word that nobody wrote": "q=zzzzzz",
        "a word of nearly all, in error": f"q={common}&status=error",
        "a word of nearly all, completed last": f"q={common}&order=completed",
        "a word of nearly all, one person": f"q={common}&person=user_7",
    }


def _fill(world: World, plan: Plan) -> tuple[ProjectRow, list[str]]:
    environment_id, draw = world.org(), random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(draw.choices(letters, k=draw.randint(4, 9))) for _ in range(50_000)]
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    salad = draw.choices(vocabulary, weights, k=500_000)

    async def begin(tx: Transaction) -> tuple[ProjectRow, list[Any]]:
        detail = ProjectDetail(overlap=2)
        project = await create_project(tx, environment_id, name="Lists", detail=detail)
        status = BatchStatus.in_progress
        return project, [
            await create_batch(tx, project, name=f"Batch {number}", status=status)
            for number in range(BATCHES)
        ]

    project, batches = world.run(world.db.write(begin))
    for number in range(plan.list_people):
        world.run(world.db.write(lambda tx, n=number: _add_person(tx, world, n)))
    for first in range(0, plan.list_tasks, CHUNK):

        async def add(tx: Transaction, first: int = first) -> None:
            seq = await projects.reserve_seqs(tx, project.project_key, CHUNK)
            made = [
                _task(project, seq + number, batches, draw, salad)
                for number in range(min(CHUNK, plan.list_tasks - first))
            ]
            await tasks.insert_tasks(tx, environment_id, made)
            await _add_work(tx, made, draw, plan.list_people)

        world.run(world.db.write(add))
    return project, vocabulary


async def _add_person(tx: Transaction, world: World, number: int) -> None:
    row = await tx.one("SELECT organization_id FROM organization", {})
    assert row is not None
    columns = ("organization_id", "user_id", "email", "email_key", "name", "role", "status")
    email = f"user_{number}@example.com"
    values = (row[0], f"user_{number}", email, email, f"Person {number}", "annotator", "active", 1)
    await tx.add("person", (*columns, "created_ms"), [values])


def _task(
    project: ProjectRow, seq: int, batches: list[Any], draw: random.Random, salad: list[str]
) -> StoredTask:
    start = draw.randrange(len(salad) - WORDS_OF_A_TASK)
    words = salad[start : start + WORDS_OF_A_TASK]
    messages = [
        {"content": {"text": " ".join(part)}, "role": role, "source_id": source, "annotations": []}
        for role, source, part in (
            ("user", "user", words[:40]),
            ("assistant", "a", words[40:170]),
            ("assistant", "b", words[170:]),
        )
    ]
    turn = {"id": "u", "messages": messages, "annotations": []}
    threads = _encode([{"id": "t", "turns": [turn], "annotations": []}])
    is_done = seq % 5 < 2
    status = TaskStatus.completed if is_done else TaskStatus.pending
    task_id = f"task_{seq:08d}"
    fields = HeadFields(task_id=task_id, status=status, created_at="2025-01-01T00:00:00.000Z")
    return StoredTask(
        project.project_key, seq, task_id, batches[seq % BATCHES].batch_id, status,
        1_700_000_000_000 + seq * 1000, 1_750_000_000_000 + seq if is_done else None,
        render.render_head(fields, has_body=is_done),
        b'"threads":' + threads + b"}" if is_done else None, None,
        None if is_done else threads,
    )  # fmt: skip


async def _add_work(
    tx: Transaction, made: list[StoredTask], draw: random.Random, people: int
) -> None:
    key = made[0].project_key
    pending = [task for task in made if task.status is TaskStatus.pending]
    review = [task for task in pending if task.seq % ONE_IN_REVIEW == 3]
    in_review = {task.seq for task in review}
    await tx.add(
        "task_work",
        (
            *("project_key", "seq", "batch_id", "rank", "since_ms", "needed", "submitted_count"),
            *("open_count", "state", "is_on_hold"),
        ),
        [
            (
                *(key, task.seq, task.batch_id, 0, 1, 2, 0, 0),
                *("in_review" if task.seq in in_review else "open", 0),
            )
            for task in pending
        ],
    )
    await tx.add(
        "review_order",
        ("project_key", "seq", "question_key", "user_id", "rank"),
        [(key, task.seq, "", "", -draw.randrange(1_000_000)) for task in review],
    )
    await tx.add(
        "task_flag",
        ("project_key", "seq", "flag_count", "flagged_ms"),
        [(key, task.seq, 1, 1) for task in made if task.seq % ONE_IN_FLAGGED == 0],
    )
    await tx.add(
        "assignment",
        (
            *("project_key", "assignment_id", "seq", "user_id", "status", "lease_version"),
            *("created_ms", "leased_ms", "expires_ms", "ended_ms", "active_ms", "display"),
            "draft_revision",
        ),
        [
            (
                *(key, f"a{task.seq}_{n}", task.seq, f"user_{(task.seq + n * 7) % people}"),
                *("submitted", 1, 1, 1, 1, 1, 1, b"{}", 0),
            )
            for task in made
            for n in range(2)
        ],
    )


def _read_words(world: World, project: ProjectRow) -> None:
    while world.run(indexing.read_words(world.db, project.project_key)):
        pass


def _act(world: World, project: ProjectRow) -> tuple[int, float]:
    """Cancel the pending tasks of a batch, and take that back."""
    actor = Actor("user", "boss")
    request = ActionRequest(kind=ActionKind.cancel)
    begun = time.perf_counter()

    async def both() -> int:
        async with world.db.read() as tx:
            row = await tx.one("SELECT batch_id FROM batch WHERE name = 'Batch 3'", {})
        assert row is not None
        action = await world.db.write(lambda tx: actions.begin(tx, project, "boss", request))
        done = await actions.run(
            world.db, project, action, actor, TaskConditions(batch_id=row[0]), lambda one: None
        )
        undoing = await world.db.write(lambda tx: undo.begin_undo(tx, project, done.action_id))
        await undo.run_undo(world.db, project, undoing, actor, lambda one: None)
        return done.changed_count

    return world.run(both()), time.perf_counter() - begun


def _clocked(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
