"""The table of votes: a row for each, with place, times and contributor."""

from __future__ import annotations

import csv
import json

import pyarrow
import pyarrow.parquet
import pytest

from tests.support.exports.projects import export_project
from tests.support.labeling_project import OVERALL, LabelingProject
from tests.support.votes.vote_rows import annotated, imported

ABSTAINING = OVERALL | {"cannot_assess": True}


@pytest.fixture
def labeling(world):
    """A project with a task that waits for a second submission, and an imported one."""
    labeling = LabelingProject(world, form={"fields": [ABSTAINING]}, overlap=2)
    labeling.create()
    lease = labeling.take("ann")
    answers = labeling.answers(lease)
    answers[1] |= {"value": None, "cannot_assess": True}
    labeling.submit(lease, answers)
    votes = [{"contributor_id": "p1", "value": 4, "submitted_at": "2025-01-01T00:00:00Z"}]
    submissions = [{"contributor_id": "p1", "active_ms": 7, "display": {"u0": ["m1", "m0"]}}]
    assert imported(labeling, "t", annotated(votes=votes, submissions=submissions)) == []
    return labeling


def test_each_vote_has_a_row_with_where_when_and_by_whom(labeling, tmp_path):
    out = tmp_path / "votes.jsonl"
    export_project(labeling.world, out, "votes", project="Floor")
    first, second, last = map(json.loads, out.read_bytes().splitlines())

    assert [(row["contributor_id"], row["value_number"], row["cannot_assess"])
            for row in (first, second, last)] == [
        ("ann", 1.0, False), ("ann", None, True), ("p1", 4.0, False),
    ]  # fmt: skip
    assert {first["place_shown"], second["place_shown"]} == {1, 2}
    assert (last["place_shown"], last["is_imported"], first["is_imported"]) == (2, True, False)
    assert {name: last[name] for name in (
        "task_id", "thread_id", "turn_id", "level", "source_id", "place", "key", "type",
        "submitted_at", "active_ms", "form_version",
    )} == {
        "task_id": "t", "thread_id": "th", "turn_id": "u0", "level": "message",
        "source_id": "m0", "place": 1, "key": "overall", "type": "integer",
        "submitted_at": "2025-01-01T00:00:00.000Z", "active_ms": 7, "form_version": None,
    }  # fmt: skip
    assert len(first["form_version"]) == 16


def test_parquet_and_csv_hold_the_same_votes(labeling, tmp_path):
    paths = [tmp_path / f"votes.{suffix}" for suffix in ("parquet", "csv")]
    for path in paths:
        export_project(labeling.world, path, "votes", project="Floor")

    table = pyarrow.parquet.read_table(paths[0])
    with paths[1].open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert (table.num_rows, len(rows)) == (3, 3)
    assert table.schema.field("active_ms").type == pyarrow.int64()
    assert str(table.schema.field("submitted_at").type) == "timestamp[us, tz=UTC]"
    assert [row["contributor_id"] for row in rows] == table.column("contributor_id").to_pylist()
