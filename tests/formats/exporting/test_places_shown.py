"""The place in which each person was shown a response, in the table of annotations."""

from __future__ import annotations

import msgspec
import pytest

from plaudit.core.tasks import lifecycle
from plaudit.formats.exporting.selection import TaskChoice
from tests.support.builders import make_message, make_turn
from tests.support.exports.judged_tasks import judged_task
from tests.support.exports.projects import export_project
from tests.support.harness import one_engine
from tests.support.labeling_project import OVERALL, SELECTED, LabelingProject, make_content
from tests.support.operations import calling

SOURCES = ("one", "two", "three", "four")
FORM = {"fields": [OVERALL, SELECTED | {"required": True}]}
PEOPLE = ("ann", "ben")


@pytest.fixture
def floor(world):
    """A project in which two people judge each of three tasks with four responses."""
    floor = LabelingProject(world, form=FORM, overlap=2)
    messages = [make_message("user", "A question?"), *map(make_message, SOURCES)]
    floor.create(3, content=make_content(make_turn(messages=messages)))
    for person in PEOPLE:
        for _ in range(3):
            submit_one(floor, person)
    return floor


def submit_one(floor, person):
    """Submit a person's next task, with the first of its responses selected."""
    lease = floor.take(person)
    (order,) = msgspec.json.decode(lease.display).values()
    answers = floor.answers(lease)
    selected = next(answer for answer in answers if answer["key"] == "selected_model_id")
    floor.submit(lease, [*answers[:-1], selected | {"value": order.index(1) + 1}])


def rows_of(world, folder, **options):
    path = folder / "annotations.jsonl"
    return export_project(world, path, "annotations", project="Floor", **options).rows


def orders(floor):
    """The sources of each task's responses in the order of each person's display."""
    found = {}
    for task_id in {row[0] for row in located(floor)}:
        for person in PEOPLE:
            lease = floor.lease_on(task_id, person)
            (order,) = msgspec.json.decode(lease.display).values()
            found[task_id, person] = [SOURCES[index - 1] for index in order]
    return found


def located(floor):
    async def find():
        async with floor.world.db.read() as tx:
            return await tx.all("SELECT task_id FROM task", {})

    return floor.world.run(find())


def test_a_vote_says_where_its_person_saw_the_response(floor, tmp_path):
    rows = rows_of(floor.world, tmp_path)

    seen = orders(floor)
    assert len(set(map(tuple, seen.values()))) > 1
    votes = [row for row in rows if not row["is_consolidated"]]
    assert len(votes) == 3 * 2 * 5
    for row in votes:
        source = row["source_id"] or row["value_text"]
        order = seen[row["task_id"], row["contributor_id"]]
        assert row["place_shown"] == order.index(source) + 1
    assert {row["value_text"] for row in votes if row["level"] == "turn"} == {"one"}
    assert {row["place_shown"] for row in rows if row["is_consolidated"]} == {None}


@one_engine
def test_a_value_of_one_person_says_it_too(world, tmp_path):
    floor = LabelingProject(world, form=FORM)
    messages = [make_message("user", "A question?"), *map(make_message, SOURCES)]
    floor.create(content=make_content(make_turn(messages=messages)))
    submit_one(floor, "ann")

    rows = rows_of(world, tmp_path)

    assert sorted(row["place_shown"] for row in rows if row["level"] == "message") == [1, 2, 3, 4]
    shown = {row["source_id"] or "chosen": row["place_shown"] for row in rows}
    assert shown["chosen"] == shown["one"]
    assert len({row["place"] for row in rows if row["level"] == "message"}) == 4


@one_engine
def test_a_delivery_keeps_the_places_of_its_own_submissions(floor, tmp_path):
    with calling(floor.world, floor.world.key()) as client:
        path = f"/manage/v1/projects/{floor.project.project_id}/deliveries"
        assert client.post(path, json={"name": "May"}).status_code == 200
    choice = TaskChoice(delivery="May")
    before = rows_of(floor.world, tmp_path, choice=choice)
    for (task_id,) in located(floor):
        floor.move(lifecycle.reopen_task, task_id)

    assert rows_of(floor.world, tmp_path, choice=choice) == before
    places = [row["place_shown"] for row in before if row["level"] == "message"]
    assert set(places) == {None, 1, 2, 3, 4}


@one_engine
def test_a_range_of_tasks_has_places_too_save_for_an_id_whose_row_is_lost(floor, tmp_path):
    tasks = sorted(task_id for (task_id,) in located(floor))
    choice = TaskChoice(after=0, until=10**9)
    whole = rows_of(floor.world, tmp_path)
    assert rows_of(floor.world, tmp_path, choice=choice) == whole

    sql = "UPDATE task_locator SET seq = 999 WHERE task_id = :task_id"
    floor.world.run(floor.world.db.write(lambda tx: tx.run(sql, {"task_id": tasks[0]})))
    shown = {task_id: set() for task_id in tasks}
    for row in rows_of(floor.world, tmp_path, choice=choice):
        shown[row["task_id"]].add(row["place_shown"])

    assert shown.pop(tasks[0]) == {None}
    assert [*shown.values()] == [{None, 1, 2, 3, 4}] * 2


@one_engine
def test_nobody_knows_where_imported_judgments_saw_a_response(world, tmp_path):
    world.load([judged_task(0, "alpha", "beta", "alpha")])

    path = tmp_path / "a.jsonl"
    rows = export_project(world, path, "annotations", project="project_123").rows

    assert {row["place_shown"] for row in rows} == {None}
