"""Importing: the same again, further on, in conflict; projects and batches; strict; files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit import clock
from plaudit.core.transfer import export
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import World, one_engine
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import BATCH, PROJECT, archive_rows, full_threads, mixed_tasks

TABLES = (
    "project", "batch", "project_clock", "project_sequence", "batch_progress", "task", "task_body",
    "task_content", "task_locator", "reserved_unique_id", "annotation_locator",
)  # fmt: skip
OTHER_THREADS = [make_thread(turns=[make_turn(messages=[make_message("user", "Other.")])])]


def rows_of(world: World) -> dict[str, list[Any]]:
    """Every row that an import can write."""

    async def read() -> dict[str, list[Any]]:
        async with world.db.read() as tx:
            return {
                table: sorted(await tx.all(f"SELECT * FROM {table}", {}), key=repr)
                for table in TABLES
            }

    return world.run(read())


def stored(world: World, kind: str = "task", org: str = "default") -> dict[str, Any]:
    """What an archive says of the organization's things of one kind, by id."""

    environment_id = world.org(org)

    async def read() -> list[Any]:
        return [json.loads(line) async for line in export.archive_lines(world.db, environment_id)]

    values = [line["value"] for line in world.run(read()) if line["kind"] == kind]
    return {value["task_id" if kind == "task" else "id"]: value for value in values}


def project_row(project_id: str, **fields: Any) -> Any:
    return {"kind": "project", "value": {"id": project_id} | fields}


def batch_row(batch_id: str, project: str = "project_123", **fields: Any) -> Any:
    return {"kind": "batch", "value": {"id": batch_id, "project": project} | fields}


def task_row(*args: Any, **fields: Any) -> Any:
    return {"kind": "task", "value": make_task(*args, **fields)}


# --- the same again, further on, in conflict ---


def test_importing_the_same_again_changes_nothing(world):
    rows = archive_rows(mixed_tasks())
    first, _ = world.load(rows, "archive")
    before = rows_of(world)

    second, rejects = world.load(rows, "archive")

    assert str(first) == "projects: 1 added; batches: 1 added; tasks: 11 added"
    assert str(second) == "projects: 1 unchanged; batches: 1 unchanged; tasks: 11 unchanged"
    assert rejects == []
    assert rows_of(world) == before


def test_rows_as_the_seed_page_prints_them_are_the_same_again(world):
    """What the server filled in (ids, types, times) does not count as a difference."""
    bare = make_task("task_bare")
    del bare["created_at"], bare["completed_at"]
    pending = {"task_id": "task_new", "project": "project_123", "status": "pending"}
    world.load([bare, pending])
    before = rows_of(world)

    summary, _ = world.load([bare, pending])

    assert str(summary) == "tasks: 2 unchanged"
    assert rows_of(world) == before


CONFLICTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "threads": ({}, {"threads": OTHER_THREADS}),
    "completed_at": ({}, {"completed_at": "2025-01-02T04:00:39.924Z"}),
    "completed_at in 1970": ({}, {"completed_at": "1970-01-01T00:00:00.000Z"}),
    "created_at": ({}, {"created_at": "2025-01-01T08:31:03.170Z"}),
    "status": ({}, {"status": "canceled", "completed_at": None, "threads": None}),
    "project": ({}, {"project": "project_other"}),
    "batch": ({"batch": "batch_1"}, {"batch": "batch_2"}),
    "no batch": ({"batch": "batch_1"}, {}),
    "unique_id": ({"unique_id": "u1"}, {"unique_id": "u2"}),
    "callback_url": ({"callback_url": "https://a"}, {"callback_url": "https://b"}),
    "content": ({"content": [make_thread()]}, {"content": OTHER_THREADS}),
    "reports": (
        {"threads": None, "sensitive_content_reports": [{"type": "a"}]},
        {"threads": None, "sensitive_content_reports": [{"type": "b"}]},
    ),
}


@every_case("was, now", CONFLICTS.values())
def test_other_content_under_a_stored_id_is_a_named_conflict(world, was, now):
    world = world.tenant()
    world.load([make_task("task_a", **was)])
    before = stored(world)
    page = {"tasks": [make_task("task_b"), make_task("task_a", **now)]}

    summary, rejects = world.load([b"", page])

    [reject] = rejects
    assert (reject.file, reject.line, reject.pointer) == ("rows.jsonl", 2, "/tasks/1")
    assert "'task_a'" in reject.message
    assert str(summary) == "tasks: 1 added, 1 rejected"
    assert stored(world) == before | {"task_b": stored(world)["task_b"]}


@pytest.mark.parametrize("status", ["completed", "canceled", "error"])
def test_a_pending_task_that_has_come_further_is_an_update(world, status):
    prepared = full_threads()
    pending = make_task("task_a", "pending", batch="batch_1", content=prepared, unique_id="u1")
    world.load([pending, make_task("task_b", "pending", batch="batch_1")])
    further = make_task("task_a", status, batch="batch_1")

    summary, rejects = world.load([further])

    after = stored(world)["task_a"]
    assert (str(summary), rejects) == ("tasks: 1 updated", [])
    assert after["status"] == status
    assert after.get("completed_at") == further.get("completed_at")
    assert len(after["threads"]) == len(further.get("threads", []))
    assert len(after["content"]) == len(prepared)
    assert after["unique_id"] == "u1"
    assert stored(world, "batch")["batch_1"]["status"] == "in_progress"
    assert str(world.load([further])[0]) == "tasks: 1 unchanged"


def test_new_metadata_is_an_update_and_left_out_metadata_is_not(world):
    world.load([make_task("task_a", metadata={"wave": 1})])

    updated, _ = world.load([make_task("task_a", metadata={"wave": 2, "more": {"b": 1, "a": 2}})])
    unchanged, _ = world.load([make_task("task_a")])

    assert (str(updated), str(unchanged)) == ("tasks: 1 updated", "tasks: 1 unchanged")
    assert stored(world)["task_a"]["metadata"] == {"wave": 2, "more": {"b": 1, "a": 2}}
    assert len(stored(world)["task_a"]["threads"]) == 1


@pytest.mark.parametrize("replace", [False, True])
def test_an_older_copy_of_a_task_that_has_come_further_changes_nothing(world, replace):
    world.load([make_task("task_a"), make_task("task_b", "canceled")])
    before = rows_of(world)

    old = [make_task("task_a", "pending"), make_task("task_b", "pending")]
    summary, rejects = world.load(old, replace=replace)

    assert (str(summary), rejects) == ("tasks: 2 unchanged", [])
    assert rows_of(world) == before


@pytest.mark.parametrize("name", ["threads", "completed_at", "created_at", "status", "reports"])
def test_replacing_makes_the_conflict_an_update(world, name):
    was, now = CONFLICTS[name]
    world.load([make_task("task_a", **was)])

    summary, rejects = world.load([make_task("task_a", **now)], replace=True)
    replaced = stored(world)["task_a"]
    world.load([make_task("task_a", **now)], org="fresh")

    assert (str(summary), rejects) == ("tasks: 1 updated", [])
    assert replaced == stored(world, org="fresh")["task_a"]


def test_repeats_in_one_file_count_as_if_they_came_in_two(world):
    rows = [
        make_task("task_a", "pending"), make_task("task_a", "pending"), make_task("task_a"),
        make_task("task_a", threads=OTHER_THREADS), make_task("task_a", metadata={"n": 1}),
    ]  # fmt: skip

    summary, rejects = world.load(rows)

    assert str(summary) == "tasks: 1 added, 2 updated, 1 unchanged, 1 rejected"
    assert [reject.line for reject in rejects] == [4]


def test_a_unique_id_belongs_to_one_task_of_an_organization(world):
    world.load([make_task("task_a", unique_id="u1")])

    summary, rejects = world.load(
        [make_task("task_b", unique_id="u1"), make_task("task_c", unique_id="u2"),
         make_task("task_d", unique_id="u2")]
    )  # fmt: skip
    elsewhere, _ = world.load([make_task("task_b", unique_id="u1")], org="stranger")

    assert str(summary) == "tasks: 1 added, 2 rejected"
    assert [(reject.line, reject.message) for reject in rejects] == [
        (1, "unique_id 'u1' belongs to task 'task_a'"),
        (3, "unique_id 'u2' belongs to task 'task_c'"),
    ]
    assert str(elsewhere) == "tasks: 1 added"


def test_every_refused_row_is_named_with_file_line_and_pointer(world):
    rows = [
        make_task("task_a"), b"{", make_task("task_b", "pending", threads=[make_thread()]),
        {"tasks": [make_task("task_c"), make_task("")]}, 5, make_task("task_d", project=None),
    ]  # fmt: skip

    summary, rejects = world.load(rows)

    starts = ["2: ", "3: /threads ", "4: /tasks/1/task_id ", "5: ", "6: /project "]
    assert str(summary) == "tasks: 2 added, 3 rejected; rows: 2 rejected"
    for reject, start in zip(rejects, starts, strict=True):
        assert str(reject).startswith(f"rows.jsonl:{start}")
        assert len(str(reject)) > len(f"rows.jsonl:{start}") + 10


# --- times ---


def test_a_completion_in_the_future_is_refused(world):
    ahead = [clock.format_ms(clock.now_ms() + minutes * 60_000) for minutes in (4, 6)]

    summary, rejects = world.load(
        [make_task(f"task_{number}", completed_at=at) for number, at in enumerate(ahead)]
    )

    assert str(summary) == "tasks: 1 added, 1 rejected"
    assert (rejects[0].line, rejects[0].pointer) == (2, "/completed_at")


def test_completed_rows_without_a_time_share_a_tick_after_every_time_before(world):
    latest = clock.format_ms(clock.now_ms() + 120_000)
    world.load([make_task("task_a", completed_at=latest)])

    world.load([make_task(f"task_{number}", completed_at=None) for number in range(3)])

    times = {stored(world)[f"task_{number}"]["completed_at"] for number in range(3)}
    assert len(times) == 1
    assert times.pop() > latest


# --- projects and batches ---


def test_what_is_merely_referred_to_is_made_with_the_id_as_the_name(world):
    embedded = PROJECT | {"id": "project_9", "name": "Embedded"}

    world.load([make_task("task_a", batch="batch_1"), make_task("task_b", project=embedded)])

    projects, batches = stored(world, "project"), stored(world, "batch")
    assert projects["project_123"]["name"] == "project_123"
    assert projects["project_9"] == embedded
    assert (batches["batch_1"]["name"], batches["batch_1"]["project"]) == ("batch_1", "project_123")


def test_a_declaration_names_what_was_merely_referred_to(world):
    world.load([make_task("task_a", "pending", batch="batch_123")])

    summary, rejects = world.load(archive_rows([]), "archive")

    assert (str(summary), rejects) == ("projects: 1 updated; batches: 1 updated", [])
    assert stored(world, "project")["project_123"] == PROJECT
    assert stored(world, "batch")["batch_123"] == BATCH


def test_another_declaration_of_a_stored_project_or_batch_needs_replace(world):
    world.load(archive_rows([]), "archive")
    before = rows_of(world)
    rows = [project_row("project_123", name="B"), batch_row("batch_123", name="B")]

    _, rejects = world.load(rows, "archive")
    unchanged = rows_of(world)
    summary, _ = world.load(rows, "archive", replace=True)

    assert [(reject.line, reject.pointer) for reject in rejects] == [(1, "/value"), (2, "/value")]
    assert unchanged == before
    assert str(summary) == "projects: 1 updated; batches: 1 updated"
    assert stored(world, "batch")["batch_123"]["name"] == "B"


def test_a_batch_that_was_not_declared_completes_with_its_last_task(world):
    world.load(
        [make_task("task_a", batch="batch_1"), make_task("task_b", "pending", batch="batch_1")]
    )
    open_batch = stored(world, "batch")["batch_1"]

    world.load([make_task("task_b", "error", batch="batch_1")])

    done = stored(world, "batch")["batch_1"]
    assert (open_batch["status"], done["status"]) == ("in_progress", "completed")
    assert "completed_at" in done


def test_a_declared_batch_keeps_its_status_and_never_goes_back(world):
    rows = [project_row("project_123"), batch_row("batch_1", name="One"),
            task_row("task_a", batch="batch_1")]  # fmt: skip
    world.load(rows, "archive")
    kept = stored(world, "batch")["batch_1"]["status"]
    world.load([batch_row("batch_1", name="One", status="cancelled")], "archive")

    summary, _ = world.load([batch_row("batch_1", name="One", status="staging")], "archive")

    assert kept == "in_progress"
    assert str(summary) == "batches: 1 unchanged"
    assert stored(world, "batch")["batch_1"]["status"] == "cancelled"


def test_a_batch_is_never_shared_by_two_projects(world):
    world.load([make_task("task_a", batch="batch_1")])
    elsewhere = [make_task("task_b", project="p2", batch="batch_1")]

    _, task_rejects = world.load(elsewhere)
    _, batch_rejects = world.load([batch_row("batch_1", "p2")], "archive")

    for [reject] in (task_rejects, batch_rejects):
        assert reject.message == "batch 'batch_1' belongs to another project"
    assert list(stored(world)) == ["task_a"]


def test_one_project_on_the_command_line_takes_every_task(world):
    tasks = [make_task("task_a", project=None), make_task("task_b", project="p2")]

    world.load(tasks, project="Café")
    summary, _ = world.load(tasks, project="Cafe\u0301 ")

    [project] = stored(world, "project").values()
    assert project["name"] == "Café"
    assert {task["project"] for task in stored(world).values()} == {project["id"]}
    assert str(summary) == "tasks: 2 unchanged"


# --- --strict ---

STRICT = {
    "good rows": [project_row("p1"), batch_row("b1", "p1"), task_row("task_a", batch="b1")],
    "a broken row": [b"{", task_row("task_a")],
    "another copy": [task_row("task_123", threads=OTHER_THREADS)],
    "a copy that has come further": [task_row("task_a", "pending"), task_row("task_a")],
    "two copies that differ": [task_row("task_a"), task_row("task_a", threads=OTHER_THREADS)],
    "a unique_id that is taken": [task_row("task_a", unique_id="taken")],
    "a unique_id twice": [task_row("task_a", unique_id="u"), task_row("task_b", unique_id="u")],
    "a project name that is taken": [project_row("p1", name="Project_123".lower())],
    "a project name twice": [project_row("p1", name="N"), project_row("p2", name="N")],
    "a batch name twice": [batch_row("b1", name="N"), batch_row("b2", name="N")],
    "a project id with a control character": [project_row("p\u0001", name="N")],
    "a batch id with a control character": [batch_row("b\u0001", name="N")],
    "a project of no time": [project_row("p1", created_at="yesterday")],
    "a batch in two projects": [
        task_row("task_a", batch="b1"), task_row("task_b", project="p2", batch="b1"),
    ],
}  # fmt: skip


@every_case("rows", STRICT.values())
def test_a_strict_import_refuses_what_another_would_and_then_stores_nothing(world, rows):
    world = world.tenant()
    world.load([make_task(unique_id="taken")])
    before = rows_of(world)

    _, strict_rejects = world.load(rows, "archive", strict=True)
    after = rows_of(world)
    _, rejects = world.load(rows, "archive")

    assert after == before or not strict_rejects
    assert [reject.line for reject in strict_rejects] == [reject.line for reject in rejects]


@one_engine
@pytest.mark.parametrize(
    ("format_name", "most"), [("v2", 10 * 1024 * 1024), ("archive", 64 * 1024 * 1024)]
)
def test_a_line_that_is_too_long_is_refused_and_the_next_one_read(world, format_name, most):
    def row(task_id: str) -> Any:
        task = make_task(task_id)
        return {"kind": "task", "value": task} if format_name == "archive" else task

    longest = json.dumps(row("task_long") | {"ignored": ""}).encode()
    fits = longest.replace(b'"ignored": ""', b'"ignored": "%b"' % (b"x" * (most - len(longest))))
    over = fits.replace(b"task_long", b"task_longer")

    summary, rejects = world.load([fits, over, row("task_after")], format_name)

    assert (len(fits), str(summary)) == (most, "tasks: 2 added; rows: 1 rejected")
    assert str(rejects[0]) == f"rows.jsonl:2: the line is longer than {most} bytes"


@pytest.mark.parametrize("other", ["Cafe\u0301", " Café\u2003"], ids=["decomposed", "edges"])
def test_names_that_look_the_same_are_the_same_name(world, other):
    world.load([{"kind": "project", "value": {"id": "p1", "name": "Café"}}], "archive")

    _, [reject] = world.load([{"kind": "project", "value": {"id": "p2", "name": other}}], "archive")

    assert "already" in reject.message
