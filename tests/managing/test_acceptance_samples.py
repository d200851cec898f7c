"""Samples of tasks in review: how they are drawn, what counts as right, and what they say."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.acceptance_samples import draw, wrong_share_max
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import TaskStatus
from tests.managing.reviewed_project import FIX, ReviewedProject
from tests.support.labeling_project import OVERALL


@pytest.fixture
def project(world):
    project = ReviewedProject(world, overlap=2, review="all", form={"fields": [OVERALL]})
    yield project
    assert project.violations() == {}


@pytest.mark.parametrize(
    ("wrong", "looked", "most"),
    [(0, 20, 0.1391), (1, 20, 0.2161), (0, 1, 0.95), (5, 100, 0.1023), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_what_a_sample_says_is_the_limit_of_clopper_and_pearson(wrong, looked, most):
    assert wrong_share_max(wrong, looked) == pytest.approx(most, abs=5e-5)


def test_the_limit_is_never_below_what_was_found_however_many_were_wrong():
    """Its closed forms: of n tasks none is wrong, or all but one are."""
    for looked in (1, 2, 20, 199, 200):
        none, one_right = wrong_share_max(0, looked), wrong_share_max(looked - 1, looked)

        assert none == pytest.approx(1 - 0.05 ** (1 / looked), abs=1e-9)
        assert one_right == pytest.approx(0.95 ** (1 / looked), abs=1e-9)
    shares = [wrong_share_max(wrong, 200) for wrong in range(201)]
    assert shares == sorted(shares)
    assert all(share > wrong / 200 for wrong, share in enumerate(shares[:200]))


def test_the_limit_is_kept_in_nineteen_of_twenty_samples():
    truth, misses = 0.15, 0
    tasks = [number < 150 for number in range(1000)]
    for seed in range(1000):
        wrong = sum(tasks[at] for at in draw(range(1000), 20, seed))
        misses += wrong_share_max(wrong, 20) < truth

    assert truth == sum(tasks) / len(tasks)
    assert misses <= 60


def test_what_was_sent_back_is_wrong_and_what_others_decided_does_not_count(project):
    project.wait(5)
    acceptance = project.begin()
    first, second = project.sampled(acceptance)
    project.decide(review_decisions.send_back, first, "rae", "ann", comment="Look again.")
    project.accept(second, user_id="zoe")

    sample = project.sample(acceptance)

    assert [one.outcome for one in sample.tasks] == ["wrong", "changed"]
    assert (sample.is_looked_at, sample.is_refused) == (True, True)


@pytest.mark.parametrize(
    ("sizes", "pointer"),
    [
        ({"sample_count": 0}, "/sample_count"),
        ({"sample_count": 201}, "/sample_count"),
        ({"sample_count": 3}, "/sample_count"),
        ({"sample_count": 2, "wrong_max": 2}, "/wrong_max"),
    ],
)
def test_a_sample_is_smaller_than_all_of_them(project, sizes, pointer):
    project.wait(3)

    with pytest.raises(InvalidContent) as refused:
        project.begin(**sizes)

    assert refused.value.pointer == pointer


def test_what_is_accepted_unseen_is_right_in_no_sample(project):
    """Of two samples that overlap, the acceptance after one looks at no task for the other."""
    ids = project.wait(6)
    first = project.begin(sample_count=1)
    second = project.begin(sample_count=5)
    [drawn] = project.sampled(first)
    project.accept(drawn, user_id="rae")
    project.run(*project.accept_others(first))

    sample = project.sample(second)

    assert set(project.statuses(ids)) == {TaskStatus.completed}
    assert sample.count("right") == (drawn in project.sampled(second))
    assert sample.count("right") + sample.count("changed") == 5


def test_a_sample_is_of_the_answers_that_it_was_drawn_with(project):
    project.wait(3)
    acceptance = project.begin(sample_count=2)
    one, other = project.sampled(acceptance)
    for task_id in (one, other):
        lease = project.lease_on(task_id, "ann")
        reopened = project.reopen(lease)
        project.submit(reopened, project.answers(reopened), key="again")

    project.accept(one, user_id="rae")
    project.decide(
        review_decisions.send_back, other, "rae", "bea", comment="Look again.", revision=None
    )

    assert [task.outcome for task in project.sample(acceptance).tasks] == ["changed", "changed"]


def test_who_fixes_after_all_what_she_accepted_makes_it_wrong(project):
    project.wait(3)
    acceptance = project.begin(sample_count=2)
    one, other = project.sampled(acceptance)
    for task_id in (one, other):
        project.accept(task_id, user_id="rae")

    project.decide(review_decisions.correct, one, "rae", fixes=FIX)
    project.decide(review_decisions.correct, other, "zoe", fixes=FIX)

    assert [task.outcome for task in project.sample(acceptance).tasks] == ["wrong", "right"]
    with pytest.raises(Conflict):
        project.accept_others(acceptance)
