"""One export: what is chosen, the manifest, equal bytes, and nothing left of a failed one."""

from __future__ import annotations

import hashlib

import pytest

import plaudit
from plaudit import clock
from plaudit.core.tasks.resolve import find_batch_by_name_or_id
from plaudit.errors import Misconfigured, NotFound
from plaudit.formats.exporting import run, selection
from plaudit.formats.exporting.selection import TaskChoice, read_conditions
from plaudit.formats.exporting.splits import read_splits
from plaudit.model.core import TaskStatus
from plaudit.store.tasks import task_heads
from tests.support import deliveries
from tests.support.builders import make_task
from tests.support.exports.judged_tasks import judged_task, judged_tasks
from tests.support.exports.projects import export_project, project_named
from tests.support.harness import one_engine
from tests.support.running.every_case import every_case


def export(world, out, name="trl-preference", **options):
    return export_project(world, out, name, project="project_123", **options)


def ids_of(exported):
    return list(dict.fromkeys(row["task_id"] for row in exported.rows))


def time_of(second):
    return f"2025-01-02T00:00:{second:02d}.000Z"


def timed_tasks(count):
    return [judged_task(n, "alpha", completed_at=time_of(n)) for n in range(count)]


# --- equal bytes ---


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.csv", "a.csv.gz"]
)
@one_engine
def test_an_export_made_twice_has_equal_bytes(world, tmp_path, name):
    world.load(judged_tasks())
    (tmp_path / "again").mkdir()
    format_name = "csv" if ".csv" in name else "trl-preference"

    first, second = (
        export(world, folder / name, format_name) for folder in (tmp_path, tmp_path / "again")
    )

    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.result.manifest.read_bytes() == second.result.manifest.read_bytes()


def test_tasks_come_in_the_order_in_which_they_were_made(world, tmp_path):
    world.load([judged_task(number, "alpha") for number in (3, 1, 2)])

    assert ids_of(export(world, tmp_path / "a.jsonl")) == ["task_3", "task_1", "task_2"]


# --- what is chosen ---


def test_a_status_chooses_tasks(world, tmp_path):
    world.load([judged_task(0, "alpha"), make_task("open", "pending")])

    found = {
        status: ids_of(
            export(world, tmp_path / "a.jsonl", "tasks", choice=TaskChoice(status=status))
        )
        for status in (None, TaskStatus.pending, TaskStatus.completed)
    }

    assert found == {
        None: ["task_0", "open"],
        TaskStatus.pending: ["open"],
        TaskStatus.completed: ["task_0"],
    }


def test_bounds_of_completion_are_exclusive(world, tmp_path):
    world.load(timed_tasks(5))
    choice = TaskChoice(
        completed_after=clock.parse_moment(time_of(1)),
        completed_before=clock.parse_moment(time_of(4)),
    )

    done = export(world, tmp_path / "a.jsonl", choice=choice)

    assert ids_of(done) == ["task_2", "task_3"]


def test_a_batch_chooses_its_tasks(world, tmp_path):
    world.load([judged_task(0, "alpha", batch="b1"), judged_task(1, "alpha", batch="b2")])
    project = project_named(world, "project_123")

    async def find():
        async with world.db.read() as tx:
            return await find_batch_by_name_or_id(tx, project, "b2")

    assert ids_of(export(world, tmp_path / "a.jsonl", batch=world.run(find()))) == ["task_1"]


LABELS = [{"set": "a", "size": 3}, {"set": "b", "size": 3.5}, {"set": "true"}, {"set": True}, {}]


@every_case(
    "conditions, chosen",
    [
        (["set=a"], [0, 5]),
        (["set=b", "set=a"], [0, 1, 5, 6]),
        (["set=b", "set=a", "size=3"], [0, 5]),
        (["size=3.5"], [1, 6]),
        (["set=true"], [2, 3, 7, 8]),
        (["set=null"], []),
        (["size="], []),
        (["a=b=c"], [9]),
    ],
)
@pytest.mark.parametrize("by_completion", [False, True])
def test_metadata_chooses_tasks(labelled, tmp_path, conditions, chosen, by_completion):
    """A text is compared as it stands and any other value as its JSON."""
    after = clock.parse_moment("2020-01-01") if by_completion else None
    choice = TaskChoice(completed_after=after, metadata=read_conditions(conditions))

    found = ids_of(export(labelled, tmp_path / "a.jsonl", choice=choice))

    order = chosen[::-1] if by_completion else chosen
    assert found == [f"task_{number}" for number in order]
    assert choice.named()["metadata"] == conditions


@pytest.fixture
def labelled(world, monkeypatch):
    """Ten tasks with metadata, completed in the opposite order, looked at three at a time."""
    monkeypatch.setattr(selection, "HEADS_PER_READ", 3)
    monkeypatch.setattr(selection, "TASKS_PER_READ", 2)
    metadata = [*LABELS, *LABELS[:-1], {"a": "b=c"}]
    world.load(
        [
            judged_task(number, "alpha", completed_at=time_of(20 - number), metadata=one)
            for number, one in enumerate(metadata)
        ]
    )
    return world


@one_engine
def test_only_the_conversations_of_wanted_metadata_are_read(labelled, tmp_path, monkeypatch):
    read = []
    list_tasks_at = task_heads.list_tasks_at

    async def counted(tx, where, seqs):
        read.extend(seqs)
        return await list_tasks_at(tx, where, seqs)

    monkeypatch.setattr(task_heads, "list_tasks_at", counted)
    choice = TaskChoice(metadata=read_conditions(["set=a"]))
    export(labelled, tmp_path / "a.jsonl", choice=choice)

    assert len(read) == 2


@one_engine
def test_tasks_too_long_for_one_read_are_all_chosen_by_metadata(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("plaudit.store.common.pages.PAGE_BYTES_MAX", 4000)
    choice = TaskChoice(metadata=read_conditions(["set=a", "set=b", "set=true"]))

    found = ids_of(export(labelled, tmp_path / "a.jsonl", choice=choice))

    assert found == [f"task_{number}" for number in (0, 1, 2, 3, 5, 6, 7, 8)]


def test_an_export_of_a_delivery_stays_as_it_was_delivered(world, tmp_path):
    world.load(timed_tasks(3))
    with world.client() as client:
        deliveries.deliver(client)
    choice = TaskChoice(delivery="January")
    before = export(world, tmp_path / "a.jsonl", choice=choice)

    deliveries.move(world, "correct", "task_1", judged_task(1, "beta")["threads"])
    deliveries.move(world, "reopen", "task_2")
    world.load([judged_task(7, "alpha")])
    after = export(world, tmp_path / "b.jsonl", choice=choice)

    assert ids_of(before) == ["task_0", "task_1", "task_2"]
    assert after.content == before.content
    assert export(world, tmp_path / "c.jsonl").content != before.content


@one_engine
def test_a_delivery_that_is_not_there_is_not_found(world, tmp_path):
    world.load(timed_tasks(1))

    with pytest.raises(NotFound, match="no delivery 'January'"):
        export(world, tmp_path / "a.jsonl", choice=TaskChoice(delivery="January"))

    assert list(tmp_path.glob("a*")) == []


def test_more_tasks_than_one_read_are_all_exported_once(world, tmp_path, monkeypatch):
    monkeypatch.setattr("plaudit.formats.exporting.selection.TASKS_PER_READ", 3)
    world.load(timed_tasks(8))
    with world.client() as client:
        deliveries.deliver(client)
    choices = [
        TaskChoice(),
        TaskChoice(completed_after=clock.parse_moment("2020-01-01")),
        TaskChoice(delivery="January"),
    ]

    found = [ids_of(export(world, tmp_path / "a.jsonl", choice=choice)) for choice in choices]

    assert found == [[f"task_{number}" for number in range(8)]] * 3


# --- whole tasks ---


def test_a_v2_export_is_what_the_api_gives(world, tmp_path):
    tasks = [*judged_tasks(), make_task("open", "pending", metadata={"k": 1})]
    world.load([{**task, "batch": "b1"} for task in tasks])

    rows = export(world, tmp_path / "a.jsonl", "v2").rows

    with world.client() as client:
        answers = [
            client.get("/v2/task", params={"task_id": row["task_id"], "opts": deliveries.ALL_OPTS})
            for row in rows
        ]
    assert rows == [answer.json() for answer in answers]


# --- the manifest ---


@one_engine
def test_the_manifest_says_what_was_done(world, tmp_path):
    world.load(judged_tasks())
    choice = TaskChoice(status=TaskStatus.completed)

    done = export(
        world, tmp_path / "a.parquet", choice=choice, filters=choice.named(),
    )  # fmt: skip

    manifest = done.manifest
    assert manifest["plaudit"] == plaudit.__version__
    assert manifest["pyarrow"] is not None
    assert (manifest["format"], manifest["project"]["name"]) == ("trl-preference", "project_123")
    assert manifest["filters"] == {"status": "completed"}
    assert manifest["options"]["rows"]["pairs"] == "best-vs-rest"
    assert (manifest["tasks"], manifest["rows"]) == (8, 5)
    assert manifest["skipped"] == {"all_bad": 1, "judges_disagree": 1, "single_response": 8,
                                   "tie": 1}  # fmt: skip
    assert manifest["files"] == [
        {
            "name": "a.parquet",
            "rows": 5,
            "bytes": done.path.stat().st_size,
            "sha256": hashlib.sha256(done.path.read_bytes()).hexdigest(),
        }
    ]
    assert "why_no_rows" not in manifest


@one_engine
def test_the_manifest_names_the_origin_of_each_row_in_order(world, tmp_path):
    world.load([judged_task(number, "alpha", "alpha", "beta") for number in range(3)])

    done = export(world, tmp_path / "a.jsonl")

    assert done.manifest["origins"] == [
        {
            "task_id": row["task_id"],
            "thread_id": "thread_0",
            "turn_id": "turn_1",
            "contributor_ids": ["anna", "ben", "cleo"],
            "flags": ["rating_conflict"],
        }
        for row in done.rows
    ]


@one_engine
def test_an_export_without_rows_says_why(world, tmp_path):
    world.load([judged_task(0, "tie")])

    done = export(world, tmp_path / "a.jsonl")

    assert done.content == b""
    assert done.manifest["why_no_rows"] == (
        "nothing could be exported: 1 × single_response, 1 × tie"
    )


@one_engine
def test_an_optional_column_is_there_if_every_row_has_it(world, tmp_path):
    with_margin, without = judged_task(0, "alpha"), judged_task(1, "alpha")
    del without["threads"][0]["turns"][1]["annotations"][1]
    world.load([with_margin])
    [alone] = export(world, tmp_path / "a.jsonl").rows
    world.load([without])

    both = export(world, tmp_path / "b.jsonl")

    assert list(alone) == ["prompt", "chosen", "rejected", "margin", "task_id"]
    assert [list(row) for row in both.rows] == [["prompt", "chosen", "rejected", "task_id"]] * 2
    assert both.manifest["columns"] == ["prompt", "chosen", "rejected", "task_id"]


# --- failures ---


@one_engine
def test_a_container_that_a_format_is_not_written_in_is_refused(world, tmp_path):
    world.load(timed_tasks(1))

    with pytest.raises(Misconfigured, match=r"trl-preference is written to \.jsonl, \.parquet"):
        export(world, tmp_path / "a.xlsx")

    assert list(tmp_path.glob("a*")) == []


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
@one_engine
def test_an_export_that_breaks_leaves_what_was_there(world, tmp_path, monkeypatch, name):
    world.load(judged_tasks())
    splits = read_splits("train=0.5,test=0.5")
    (tmp_path / name).write_bytes(b"before")
    before = {path.name for path in tmp_path.iterdir()}
    count = iter(range(3))

    def broken(values):
        next(count)
        return values

    kept = run.kept_rows
    monkeypatch.setattr(
        "plaudit.formats.exporting.run.kept_rows",
        lambda file: (row for row in kept(file) if broken(row)),
    )

    for options in ({}, {"splits": splits}):
        with pytest.raises(RuntimeError):
            export(world, tmp_path / name, **options)

    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / name).read_bytes() == b"before"


@pytest.mark.parametrize("broken", ["_write_manifest", "_write_side_file"])
@one_engine
def test_an_export_whose_files_beside_cannot_be_written_leaves_nothing(
    world, tmp_path, monkeypatch, broken
):
    world.load(judged_tasks())
    before = sorted(tmp_path.iterdir())

    def full(*arguments):
        raise Misconfigured("the disk is full")

    monkeypatch.setattr(run, broken, full)

    with pytest.raises(Misconfigured, match="the disk is full"):
        export(world, tmp_path / "a.jsonl")

    assert sorted(tmp_path.iterdir()) == before


@one_engine
def test_a_folder_in_the_place_of_the_manifest_is_refused_and_nothing_else_moves(world, tmp_path):
    world.load(judged_tasks())
    (tmp_path / "a.jsonl.manifest.json").mkdir()

    with pytest.raises(Misconfigured, match=r"a\.jsonl\.manifest\.json is not a regular file"):
        export(world, tmp_path / "a.jsonl")

    assert not (tmp_path / "a.jsonl").exists()


@one_engine
def test_what_a_killed_export_has_left_is_removed(world, tmp_path):
    world.load(judged_tasks())
    left = tmp_path / ".a.jsonl.parts"
    left.mkdir()
    (left / "a.jsonl").write_bytes(b"half")

    export(world, tmp_path / "a.jsonl")

    assert sorted(path.name for path in tmp_path.glob("*a.*")) == [
        "a.jsonl", "a.jsonl.manifest.json",
    ]  # fmt: skip
