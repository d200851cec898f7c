"""Whoever draws another sample of the same tasks begins with what the earlier ones have said."""

from __future__ import annotations

import asyncio

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.acceptance_samples import draw, wrong_share_max
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.managing import acceptances, earlier_samples
from plaudit.errors import Conflict, InvalidContent
from tests.managing.reviewed_project import FIX, ReviewedProject
from tests.support.labeling_project import OVERALL


@pytest.fixture
def project(world):
    project = ReviewedProject(world, overlap=2, review="all", form={"fields": [OVERALL]})
    yield project
    assert project.violations() == {}


def give_up(project, acceptance, user_id="rae"):
    async def work(tx):
        locked = await acceptances.lock_own(tx, project.project, acceptance.acceptance_id, user_id)
        await acceptances.give_up(tx, locked)

    project.write(work)


def found_wrong(project, user_id="rae", count=1):
    """A sample of which all tasks are wrong, given up."""
    acceptance = project.begin(user_id, sample_count=count)
    for task_id in project.sampled(acceptance):
        project.accept(task_id, FIX, user_id)
    give_up(project, acceptance, user_id)
    return acceptance


def test_wrong_tasks_of_earlier_samples_count_whoever_drew_them(project):
    project.wait(9)
    first = found_wrong(project)
    with pytest.raises(InvalidContent) as refused:
        project.begin("zoe")
    second = project.begin("zoe", wrong_max=1)
    for task_id in project.sampled(second):
        project.accept(task_id, user_id="zoe")
    sample = project.sample(second)

    assert refused.value.pointer == "/wrong_max"
    assert [(one.acceptance_id, one.wrong) for one in sample.earlier.samples] == [
        (first.acceptance_id, 1)
    ]
    assert (sample.looked, sample.wrong) == (3, 1)
    assert sample.wrong_share_max == wrong_share_max(1, 3, looks=2) > wrong_share_max(1, 3)
    assert project.run(*project.accept_others(second, "zoe")).changed_count == 6


def test_a_sample_that_runs_beside_another_one_is_refused_by_what_is_found_there(project):
    project.wait(9)
    clean, other = project.begin("rae", sample_count=1), project.begin("zoe", sample_count=3)
    [drawn] = project.sampled(clean)
    project.accept(drawn, user_id="rae")
    wrong = next(task_id for task_id in project.sampled(other) if task_id != drawn)
    project.accept(wrong, FIX, "zoe")

    with pytest.raises(Conflict, match="too many"):
        project.accept_others(clean)


def test_of_samples_that_are_drawn_at_once_each_knows_the_others(project):
    project.wait(9)
    people = [f"rae_{number}" for number in range(5)]

    async def draw_all():
        return await asyncio.gather(
            *(
                project.world.db.write(
                    lambda tx, user_id=user_id: acceptances.begin(
                        tx, project.project, user_id, ReviewFilter(), sample_count=2
                    )
                )
                for user_id in people
            )
        )

    begun = project.world.run(draw_all())

    known = [len(acceptances.read_detail(one.detail).related) for one in begun]
    assert sorted(known) == list(range(5))


def test_a_task_that_was_drawn_and_not_decided_on_is_drawn_again(project):
    """Giving a sample up, or leaving it open, gets nobody around a task."""
    project.wait(8)
    drawn = set()
    for is_given_up in (True, False):
        acceptance = project.begin(sample_count=1)
        assert drawn <= set(project.sampled(acceptance))
        drawn |= set(project.sampled(acceptance))
        if is_given_up:
            give_up(project, acceptance)
    again = project.begin(sample_count=3)
    detail = acceptances.read_detail(again.detail)

    assert drawn <= set(project.sampled(again))
    assert (detail.carried_count, detail.sample_count) == (len(drawn), 3)
    assert len(set(project.sampled(again))) == 3


def test_what_somebody_else_still_looks_at_is_left_to_her(project):
    project.wait(40)
    open_elsewhere = set(project.sampled(project.begin("zoe", sample_count=4)))

    again = project.begin("rae", sample_count=4)

    assert acceptances.read_detail(again.detail).carried_count == 0
    assert set(project.sampled(again)) != open_elsewhere


def test_where_all_were_drawn_before_no_sample_is_left_to_draw(project):
    ids = project.wait(3)
    acceptance = project.begin(sample_count=2)
    [other] = set(ids) - set(project.sampled(acceptance))
    project.decide(review_decisions.send_back, other, "zoe", "ann", comment="Look again.")

    with pytest.raises(InvalidContent) as refused:
        project.begin(sample_count=1)

    assert refused.value.pointer == "/sample_count"
    assert "drawn before" in str(refused.value)


def test_what_was_found_in_other_answers_does_not_count(project):
    """Once people have answered all of the tasks anew, it says nothing of them."""
    ids = project.wait(4)
    first = project.begin(sample_count=1)
    [drawn] = project.sampled(first)
    project.accept(drawn, FIX, "rae")
    for task_id in ids:
        if task_id != drawn:
            reopened = project.reopen(project.lease_on(task_id, "ann"))
            project.submit(reopened, project.answers(reopened), key=task_id)

    again = project.begin(sample_count=1)

    assert project.sample(again).earlier.samples == []


def test_in_a_list_of_one_person_only_her_tasks_of_earlier_samples_count(project):
    of_bea, of_cat = project.wait(9, "ann", "bea"), project.wait(16, "ann", "cat")
    drawn = project.sampled(project.begin(sample_count=6))
    for task_id in drawn:
        project.accept(task_id, FIX if task_id in of_cat else (), "rae")
    wrong = len(set(drawn) & set(of_cat))
    lists = {
        "bea": {"sample_count": 1},
        "cat": {"sample_count": wrong + 1, "wrong_max": wrong},
    }

    bea, cat = [
        project.sample(project.begin("zoe", ReviewFilter(user_id=person), **sizes)).earlier
        for person, sizes in lists.items()
    ]

    assert (bea.looked, bea.wrong) == (len(set(drawn) & set(of_bea)), 0)
    assert (cat.looked, cat.wrong) == (wrong, wrong)


def test_samples_of_the_same_tasks_are_drawn_so_often_and_not_more_often(project, monkeypatch):
    monkeypatch.setattr(earlier_samples, "SAMPLES_MAX", 2)
    project.wait(9)
    for number in range(3):
        project.begin(f"rae_{number}", sample_count=1)

    with pytest.raises(InvalidContent, match="drawn 2 times"):
        project.begin("rae_4", sample_count=1)


def test_who_draws_until_a_sample_is_good_is_wrong_in_one_of_twenty_lists_at_most():
    """Ten tasks are added at a time, and the best limit is taken of those after the first."""
    truth, misses, samples = 0.15, 0, range(2, 5)
    tasks = [number < 150 for number in range(1000)]
    for seed in range(400):
        order = draw(range(1000), 10 * samples[-1], seed)
        misses += any(
            wrong_share_max(sum(tasks[at] for at in order[: 10 * count]), 10 * count, count) < truth
            for count in samples
        )

    assert truth == sum(tasks) / len(tasks)
    assert misses <= 20
