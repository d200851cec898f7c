"""Managers' page of batches: seen, made, moved, prioritized."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from plaudit.core.tasks import lifecycle
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.workspace.projects import batch_pages
from tests.support.harness import World, both_engines
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, add_person, signed_in
from tests.support.pages.manager_pages import entries, invalid_fields, said_at
from tests.support.running.every_case import every_case


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world)


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def path_of(labeling: LabelingProject, rest: str = "") -> str:
    return f"/projects/{labeling.project.project_id}/batches{rest}"


def rows_of(text: str) -> dict[str, str]:
    """The rows of the table, by the name of the batch."""
    rows = re.findall(r"<tr>.*?</tr>", text, re.S)
    return {re.search(r"<bdi>([^<]+)</bdi>", row)[1]: row for row in rows if "<bdi>" in row}


def buttons(row: str) -> list[str]:
    return re.findall(r'/batches/[^/"]+/(finalize|pause|resume|cancel)"', row)


def test_batches_are_listed_with_bars_of_their_progress(labeling, mia):
    batch = labeling.batch("First")
    ids = labeling.create(4, batch=batch)
    labeling.work_on("ann")
    labeling.move(lifecycle.cancel_task, ids[3])
    labeling.batch("Empty")

    rows = rows_of(mia.get(path_of(labeling)).text)

    widths = dict(re.findall(r'class="share-(\w+)"[^>]*width="([\d.]+)"', rows["First"]))
    assert list(rows) == ["First", "Empty"]
    assert widths == {"none": "100", "completed": "25.0", "canceled": "25.0", "pending": "50.0"}
    assert 'aria-label="First: 1 of 4 tasks completed"' in rows["First"]
    assert "1 of 4, 1 canceled" in rows["First"]
    assert "no tasks yet" in rows["Empty"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (BatchStatus.staging, ["finalize", "cancel"]),
        (BatchStatus.in_progress, ["pause", "cancel"]),
        (BatchStatus.paused, ["resume", "cancel"]),
        (BatchStatus.completed, []),
        (BatchStatus.cancelled, []),
    ],
)
def test_only_the_moves_that_a_batch_can_make_are_offered(labeling, mia, status, expected):
    labeling.batch("B", status)

    row = rows_of(mia.get(path_of(labeling)).text)["B"]

    assert buttons(row) == expected
    assert ("data-confirm" in row) == ("cancel" in expected)


@pytest.mark.parametrize("is_staging", [True, False])
def test_a_batch_is_created(labeling, mia, is_staging):
    mia.get(path_of(labeling))
    fields = {"name": "Made"} | ({"is_staging": "on"} if is_staging else {})
    answer = mia.post(path_of(labeling), fields)
    page = mia.get(answer.headers["location"]).text

    assert answer.status_code == 303
    assert "Batch Made is there." in page
    assert buttons(rows_of(page)["Made"])[0] == ("finalize" if is_staging else "pause")
    assert [entry.action for entry in entries(labeling.world)] == ["create_batch_on_page"]


@every_case("name", ["", " ", "x" * 256, "a\u202eb", "a\x01b"])
def test_a_batch_that_cannot_be_is_refused_at_its_field(labeling, mia, name):
    mia.get(path_of(labeling))
    answer = mia.post(path_of(labeling), {"name": name})

    assert answer.status_code == 400
    assert invalid_fields(answer.text) == ["name"]
    assert said_at(answer.text, "name")
    assert "No batches here" in answer.text


def test_a_name_that_a_batch_of_another_project_has_is_refused(labeling, mia):
    labeling.batch("Taken")
    other = labeling.world.project("Other")
    path = f"/projects/{other.project_id}/batches"
    mia.get(path)
    answer = mia.post(path, {"name": "Taken"})

    assert answer.status_code == 409
    assert "There is a batch named" in answer.text


def test_a_batch_goes_through_its_moves_and_each_is_noted(labeling, mia):
    batch = labeling.batch("B", BatchStatus.staging)
    ids = labeling.create(2, batch=batch)
    mia.get(path_of(labeling))
    statuses = []
    for verb in ("finalize", "pause", "resume", "cancel"):
        answer = mia.post(path_of(labeling, f"/{batch.batch_id}/{verb}"))
        assert answer.status_code == 303
        statuses.append(labeling.fresh_batch(batch).status)

    assert statuses == ["in_progress", "paused", "in_progress", "cancelled"]
    assert {labeling.status(one) for one in ids} == {TaskStatus.canceled}
    noted = [json.loads(one.detail) for one in entries(labeling.world)]
    assert noted[0] == {"from": "in_progress", "to": "cancelled"}
    assert len(noted) == 4
    assert not any(labeling.violations().values())


def test_a_move_that_comes_too_late_is_told_on_the_page_and_changes_nothing(labeling, mia):
    batch = labeling.batch("B", BatchStatus.completed)
    mia.get(path_of(labeling))
    answer = mia.post(path_of(labeling, f"/{batch.batch_id}/pause"))

    assert answer.status_code == 400
    assert "The batch is completed; to pause it, it must be in_progress" in answer.text
    assert "B" in rows_of(answer.text)
    assert entries(labeling.world) == []


def test_a_batch_with_a_greater_priority_is_worked_on_first(labeling, mia):
    labeling.create(1, batch=labeling.batch("Earlier"))
    urgent = labeling.batch("Urgent")
    [wanted] = labeling.create(1, batch=urgent)
    mia.get(path_of(labeling))
    answer = mia.post(path_of(labeling, f"/{urgent.batch_id}/priority"), {"priority": "5"})
    lease = labeling.take("ann")

    assert answer.status_code == 303
    assert lease.seq == labeling.task(wanted).seq
    assert 'value="5"' in rows_of(mia.get(path_of(labeling)).text)["Urgent"]
    (entry,) = entries(labeling.world)
    assert json.loads(entry.detail) == {"priority": {"from": 0, "to": 5}}


@pytest.mark.parametrize("priority", ["", "x", "1.5", "0x10", "--1"])
def test_a_priority_that_is_no_whole_number_is_refused(labeling, mia, priority):
    batch = labeling.batch("B")
    labeling.batch("Other")
    mia.get(path_of(labeling))
    answer = mia.post(path_of(labeling, f"/{batch.batch_id}/priority"), {"priority": priority})

    assert answer.status_code == 400
    assert labeling.fresh_batch(batch).priority == 0
    assert 'id="priority-wrong"' in rows_of(answer.text)["B"]
    assert 'id="priority-wrong"' not in rows_of(answer.text)["Other"]


def test_a_priority_beyond_the_bounds_counts_as_the_bound(labeling, mia):
    batch = labeling.batch("B")
    mia.get(path_of(labeling))
    mia.post(path_of(labeling, f"/{batch.batch_id}/priority"), {"priority": "9" * 30})

    assert labeling.fresh_batch(batch).priority == 1_000_000
    (entry,) = entries(labeling.world)
    assert json.loads(entry.detail) == {"priority": {"from": 0, "to": 1_000_000}}


def test_a_batch_of_another_project_is_not_moved_from_here(labeling, mia):
    batch = labeling.batch("B")
    other = labeling.world.project("Other")
    mia.get(path_of(labeling))
    answers = [
        mia.post(f"/projects/{project}/batches/{one}/{verb}", fields).status_code
        for project, one in (
            (other.project_id, batch.batch_id),
            (labeling.project.project_id, "absent"),
            ("absent", batch.batch_id),
        )
        for verb, fields in (("cancel", {}), ("priority", {"priority": "1"}))
    ]

    assert set(answers) == {404}
    assert labeling.fresh_batch(batch).status is BatchStatus.in_progress


@both_engines
def test_batches_are_filtered_by_status_and_come_in_pages(labeling, mia, monkeypatch):
    monkeypatch.setattr(batch_pages, "PAGE_MAX", 2)
    for name in ("A", "B", "C"):
        labeling.batch(name)
    labeling.batch("Paused", BatchStatus.paused)

    first = mia.get(path_of(labeling, "?status=in_progress")).text
    following = re.search(r'href="([^"]*next_token=[^"]+)"', first)
    assert following is not None
    second = mia.get(following[1].replace("&amp;", "&")).text
    wrong = mia.get(path_of(labeling, "?status=nonsense"))

    assert [len(rows_of(first)), len(rows_of(second))] == [2, 1]
    assert {*rows_of(first), *rows_of(second)} == {"A", "B", "C"}
    assert list(rows_of(mia.get(path_of(labeling, "?status=paused")).text)) == ["Paused"]
    assert wrong.status_code == 400
