"""Lists of tasks for managers: conditions, orders, pages, and what each page looks at."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import task_notes
from plaudit.core.managing import task_list
from plaudit.core.tasks import lifecycle
from plaudit.model.core import TaskStatus
from tests.managing.managed_project import ManagedProject
from tests.support.builders import make_tasks
from tests.support.labeling_project import OVERALL

MARKED = {"fields": [OVERALL]}


@pytest.fixture
def project(world):
    return ManagedProject(world)


def test_tasks_are_listed_by_every_condition_and_all_of_them_together(project):
    first, second, third = project.say("pizza one", "pizza two", "pasta")
    lease = project.take("ann")
    batch = project.batch("B")
    [fourth] = project.say("pizza four", batch=project.fresh_batch(batch))
    project.do(task_notes.flag, lease, reason="odd")
    project.move(lifecycle.cancel_task, second)
    project.read_words()

    assert project.ids() == [first, second, third, fourth]
    assert project.ids("newest") == [fourth, third, second, first]
    assert project.ids(status=TaskStatus.canceled) == [second]
    assert project.ids("newest", status=TaskStatus.pending) == [fourth, third, first]
    assert project.ids(batch_id=batch.batch_id) == [fourth]
    assert project.ids(user_id="ann") == [first]
    assert project.ids(is_flagged=True) == [first]
    assert project.ids(text="pizza", status=TaskStatus.pending) == [first, fourth]
    assert project.ids("newest", text="pizza", batch_id=batch.batch_id) == [fourth]
    assert project.ids(text="pizza", user_id="ann", is_flagged=True) == [first]
    assert project.ids(text="pasta", user_id="ann") == []
    assert project.ids("flags", text="pizza") == [first]
    assert project.ids("disagreement", text="pizza") == []
    created = project.task(first).created_ms
    assert project.ids(created_after=created - 1, created_before=created + 1)[0] == first
    assert project.ids(user_id="ann", created_after=created) == []


def test_the_last_completed_come_first_page_by_page(project):
    project.world.load(make_tasks(7, "t", project=None), project="Floor")
    project.say("pending")
    newest = [f"t_{number:05d}" for number in reversed(range(7))]

    assert project.ids("completed") == newest
    assert project.ids("completed", limit=2) == newest
    assert project.find("question", order="completed", limit=2) == newest
    assert project.ids("completed", status=TaskStatus.pending) == []


def test_the_most_disputed_and_the_most_flagged_come_first(world):
    project = ManagedProject(world, overlap=2, review="all", form=MARKED)
    calm, disputed = project.say("a", "b")
    once, twice = project.say("c", "d")
    for user_id, marks in (("ann", [1, 1]), ("bea", [2, 5])):
        for mark in marks:
            project.work_on(user_id, lambda possible, mark=mark: possible[mark - 1])
    for task_id, count in ((once, 1), (twice, 2)):
        lease = project.take("cat")
        assert project.seq(task_id) == lease.seq
        for _ in range(count):
            project.do(task_notes.flag, lease, reason="odd")

    assert project.ids("disagreement") == [disputed, calm]
    assert project.ids("disagreement", limit=1) == [disputed, calm]
    assert project.find("a", order="disagreement") == [calm]
    assert project.ids("flags") == [twice, once]
    assert project.ids("flags", limit=1) == [twice, once]


def test_a_page_looks_at_a_bounded_number_of_tasks_and_goes_on_from_there(project, monkeypatch):
    monkeypatch.setattr(task_list, "LOOKED_MAX", 3)
    ids = project.say(*["pizza"] * 10)
    created = project.task(ids[-1]).created_ms
    last = project.seq(ids[-1])
    project.write(lambda tx: age(tx, project, last, created + 5000))
    project.read_words()

    page = project.page(created_after=created + 1)
    assert (page.rows, page.next_place.seq) == ([], 3)
    assert project.ids(created_after=created + 1) == ids[-1:]
    assert project.ids("newest", created_after=created + 1) == ids[-1:]
    assert project.ids("newest", text="pizza", created_after=created + 1) == ids[-1:]
    assert project.ids(text="pizza", status=TaskStatus.pending) == ids


async def age(tx, project, seq, created_ms):
    await tx.run(
        "UPDATE task SET created_ms = :created_ms WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project.project.project_key, "seq": seq, "created_ms": created_ms},
    )


def test_only_the_newest_are_sorted_where_no_index_has_order_and_conditions(project, monkeypatch):
    monkeypatch.setattr(task_list, "GATHERED_MAX", 3)
    project.world.load(make_tasks(5, "t", project=None), project="Floor")
    project.read_words()

    page = project.page("completed", text="question")

    assert ([row.task_id for row in page.rows], page.is_cut) == (
        ["t_00004", "t_00003", "t_00002"], True
    )  # fmt: skip
    assert not project.page("completed").is_cut
