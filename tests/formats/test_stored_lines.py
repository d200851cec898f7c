"""Whole tasks as lines: joined of what is stored, they equal those that are made anew."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from plaudit.formats.exporting import run, v2
from plaudit.formats.exporting.containers import json_line
from plaudit.formats.exporting.export_format import ExportFormat, ExportOptions
from plaudit.formats.exporting.exported_tasks import exported_task
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.selection import ChosenTask, TaskChoice
from plaudit.formats.exporting.splits import read_splits
from plaudit.model.core import ProjectRow
from plaudit.wire.v2 import parse, render
from tests.formats.exporting.making import NO_FORM
from tests.support import deliveries
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.exports.projects import export_project
from tests.support.sample_tasks import archive_rows, mixed_tasks
from tests.support.strategies import THREADS

V2 = EXPORT_FORMATS["v2"]
MADE_ANEW = msgspec.structs.replace(V2, join_stored=None)
SPLITS = read_splits("train=0.5,test=0.3,rest=0.2")


def varied_tasks() -> list[Any]:
    """Tasks whose lines differ in what joining has to mind."""
    content = {
        "text": "Look.\u2028At\u2029this\u0085“é”",
        "reasoning": [{"content": "Because."}],
        "attachments": [{"name": "a.png", "url": "https://example.com/a.png"}],
        "chunks": [{"type": "step", "text": "First", "annotations": []}],
    }
    odd = make_turn(messages=[make_message("user", f"\u2028{2}"), make_message(content=content)])
    asked = [
        make_task(
            f"task_asked_{number}",
            threads=[
                make_thread(turns=[make_turn(messages=[make_message("user", f"Q {number}")])])
            ],
            metadata={"number": number / 3, "text": "\u0085", "list": [1e22, -0.0, 2**60]},
        )
        for number in range(20)
    ]
    return [*mixed_tasks(), make_task("task_odd_é", threads=[make_thread(turns=[odd])]), *asked]


@pytest.fixture(scope="module")
def stored(open_shared):
    world = open_shared()
    assert world.load(archive_rows(varied_tasks()), "archive")[1] == []
    with world.client() as client:
        deliveries.deliver(client, "January")
    return world


def exports(world, folder, monkeypatch, **asked):
    """What both ways make: their files by name."""
    found = []
    for way in (V2, MADE_ANEW):
        monkeypatch.setitem(EXPORT_FORMATS, "v2", way)
        place = folder / str(len(found))
        place.mkdir()
        export_project(
            world, place / f"out.{asked.get('suffix', 'jsonl')}", "v2", project="project_123",
            **{name: value for name, value in asked.items() if name != "suffix"},
        )  # fmt: skip
        found.append({path.name: path.read_bytes() for path in place.iterdir()})
    return found


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"suffix": "jsonl.gz"},
        {"splits": SPLITS},
        {"choice": TaskChoice(delivery="January")},
        {"choice": TaskChoice(completed_after=0)},
        {"choice": TaskChoice(after=3, until=20), "splits": SPLITS},
    ],
    ids=["all", "compressed", "in parts", "a delivery", "by completion", "a range in parts"],
)
def test_joined_lines_are_those_that_are_made_anew(stored, tmp_path, monkeypatch, asked):
    joined, made = exports(stored, tmp_path, monkeypatch, **asked)

    assert joined == made
    assert len(b"".join(joined.values())) > 1000


def test_tasks_are_joined_in_pieces(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(v2, "PIECE_BYTES", 5_000)
    monkeypatch.setattr("plaudit.formats.exporting.selection.BYTES_PER_READ", 10_000)

    joined, made = exports(stored, tmp_path, monkeypatch)

    assert joined == made


def test_joining_makes_nothing_anew(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "exported_task", None)

    exported = export_project(stored, tmp_path / "a.jsonl", "v2", project="project_123")

    assert len(exported.rows) == len(varied_tasks())


PROJECT = ProjectRow(1, "env", "project_é", "Set", 0, b"{}")


def made_anew(export_format: ExportFormat, row: Any) -> bytes:
    task = exported_task(ChosenTask(row), PROJECT, NO_FORM, ExportOptions())
    (made,) = export_format.make(task, ExportOptions())
    return json_line(made.values) + b"\n"


@given(threads=THREADS)
@settings(max_examples=60)
def test_threads_of_any_parts_are_joined_as_they_are_made(threads):
    task = parse.read_task(make_task(threads=threads, batch="batch_1")).task
    rendered = render.render(task, 0, 1)
    row = (1, 1, "batch_1", rendered.head, rendered.body, rendered.patches, 1)

    assert b"".join(v2.join_stored([row], PROJECT)) == made_anew(V2, row)
