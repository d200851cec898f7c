"""Rules: crossed by counted cases, each acted on once."""

from __future__ import annotations

import pytest
from scipy import stats

from plaudit.core.quality.estimates import wilson
from plaudit.core.quality_control import follow_up
from plaudit.core.quality_control.crossings import is_below
from plaudit.core.quality_control.pauses import why
from plaudit.core.quality_control.taking_back import take_back
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.labeling import WorkState
from plaudit.model.quality_control import Collector
from tests.quality.pandalm import golden
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.support.labeling_project import OVERALL
from tests.support.running.every_case import every_case

FORM = {"form": {"fields": [OVERALL]}}
GOLD_PAUSE = rule("gold", 0.7)


@pytest.fixture
def controlled(world):
    return lambda *rules, **detail: ControlledProject(world, rules=list(rules), **detail)


@pytest.fixture
def project(controlled):
    """A project without a rule."""
    return controlled()


@pytest.mark.parametrize(
    ("right", "n", "expected"),
    [(3, 10, True), (4, 10, True), (5, 10, False), (12, 20, False), (10, 20, False), (0, 9, False)],
)
def test_a_rule_needs_ten_cases_and_no_doubt(right, n, expected):
    assert is_below(right, n, 0.7) is expected


def test_the_published_upper_bounds_are_reached():
    for right, n, upper in golden("wilson-pause")["expected"]:
        assert wilson(right, n).high == pytest.approx(upper, abs=1e-4)
        exact = stats.binomtest(right, n).proportion_ci(method="wilson").high
        assert wilson(right, n).high == pytest.approx(exact, abs=1e-12)


def test_four_of_ten_pause_at_seven_tenths_and_five_do_not(controlled):
    project = controlled(GOLD_PAUSE)

    project.gold("ann", 4, 6)
    project.gold("bob", 5, 5)

    assert project.pause("bob") is None
    pause = project.pause("ann")
    assert (pause.right_cases, pause.cases) == (4, 10)
    assert why(pause) == (
        "Of 10 tasks whose right answers are known, 4 were answered right (40 %);"
        " 70 % are asked for here."
    )


def test_nine_cases_pause_nobody(controlled):
    project = controlled(GOLD_PAUSE)

    project.gold("ann", 0, 9)

    assert project.pause() is None


def test_a_rule_acts_once_until_the_share_is_back_at_its_threshold(controlled):
    project = controlled(rule("gold", 0.7, "note"))
    project.gold("ann", 0, 20)
    project.gold("ann", 20, 10)

    assert len(project.crossings()) == 1
    project.gold("ann", 100, 0)  # 120 of 150 are above the threshold again
    project.gold("ann", 0, 40)
    assert len(project.crossings()) == 2
    assert [row.user_id for row in project.crossings()] == ["ann", "ann"]


def test_between_the_interval_and_the_threshold_nothing_is_crossed_anew(controlled):
    project = controlled(rule("gold", 0.7, "note"))
    project.gold("ann", 4, 6)

    project.count("ann", Collector.gold, True, False, False)  # 5 of 11 may be 0.7, 5 of 13 are not

    assert not is_below(5, 11, 0.7)
    assert is_below(5, 13, 0.7)
    assert len(project.crossings()) == 1


def test_rules_on_one_collector_act_each_for_itself(controlled):
    project = controlled(rule("gold", 0.9, "note"), rule("gold", 0.5))

    project.gold("ann", 10, 10)

    # 10 right of 13 may still be nine tenths, 10 of 14 are not.
    assert [(row.right_cases, row.cases) for row in project.crossings()] == [(10, 14)]
    assert project.pause() is None
    project.gold("ann", 0, 20)
    assert len(project.crossings()) == 2
    assert project.pause() is not None


def test_ten_skips_in_a_row_pause_and_a_submission_between_them_begins_anew(controlled):
    project = controlled(rule("skips", 10))
    project.create(25)
    for _ in range(9):
        project.skip(project.take())
    project.submit(project.take())
    for _ in range(9):
        project.skip(project.take())
    assert project.pause() is None

    project.skip(project.take())

    assert why(project.pause()) == "10 tasks in a row were skipped; 10 are too many here."


def test_agreement_counts_a_case_for_everybody_when_the_task_is_decided(controlled):
    project = controlled(rule("agreement", 0.7), overlap=3, **FORM)
    project.create(1)
    for user_id, last in (("ann", False), ("bob", False), ("eve", True)):
        project.work_on(user_id, lambda values, last=last: values[-1 if last else 0])

    counted = {one: project.counted(one, Collector.agreement) for one in ("ann", "bob", "eve")}

    # The others of Ann are Bob and Eve, who differ; those of Eve agree.
    assert counted == {"ann": (0, 0), "bob": (0, 0), "eve": (0, 1)}


def test_a_submission_that_is_undone_and_sent_again_is_compared_once(controlled):
    project = controlled(rule("agreement", 0.7), overlap=3)
    project.create(1)
    project.work_on("ann")
    project.work_on("bob")
    lease = project.take("eve")
    project.submit(lease)
    again = project.undo(lease)

    project.submit(again, key="again")

    assert project.counted("eve", Collector.agreement) == (1, 1)
    assert project.counted("ann", Collector.agreement) == (1, 1)


def test_extra_reviews_send_the_next_tasks_to_review_and_no_more(controlled):
    project = controlled(rule("gold", 0.7, "extra_reviews", 2))
    ids = project.create(5)
    project.work_on("ann")
    project.gold("ann", 0, 10)

    outcomes = [project.work_on("ann").outcome for _ in range(3)]

    assert outcomes == ["in_review", "in_review", "completed"]
    place = project.place(ids[1])
    assert (place.state, place.reason) == (WorkState.in_review, "extra review")
    assert project.work_on("bob").outcome == "completed"


def test_a_watched_task_is_reviewed_whoever_submits_last(controlled):
    project = controlled(rule("gold", 0.7, "extra_reviews", 5), overlap=2)
    project.create(1)
    project.gold("ann", 0, 10)

    assert project.work_on("ann").outcome == "waiting"
    assert project.work_on("bob").outcome == "in_review"


def test_the_last_undelivered_submissions_are_taken_back_and_others_do_them(controlled):
    project = controlled(rule("gold", 0.7, "redo_last", 2), **FORM)
    ids = project.create(4)
    for _ in range(3):
        project.work_on("ann")
    project.work_on("bob")
    project.gold("ann", 0, 10)

    assert project.follow_up() > 0

    assert [project.status(one).value for one in ids] == [
        "completed", "pending", "pending", "completed",
    ]  # fmt: skip
    assert [row.taken_back_count for row in project.crossings()] == [2]
    assert project.follow_up() == 0
    assert project.violations() == {}
    assert {project.take("bob").seq for _ in range(2)} == {
        project.task(one).seq for one in ids[1:3]
    }


def test_what_was_reviewed_or_delivered_is_not_taken_back(controlled, world):
    project = controlled(rule("gold", 0.7, "redo_last", 5), review="all", **FORM)
    reviewed, waiting = project.create(2)
    for _ in range(2):
        project.work_on("ann")
    project.accept(reviewed)
    project.gold("ann", 0, 10)

    project.follow_up()

    assert project.status(reviewed).value == "completed"
    assert project.place(waiting).state is WorkState.open
    assert project.violations() == {}


def test_a_submission_that_is_reviewed_meanwhile_stays(controlled):
    project = controlled(review="all", **FORM)
    [task_id] = project.create(1)
    receipt = project.work_on("ann")
    project.accept(task_id)

    taken = project.write(
        lambda tx: take_back(tx, project.project, receipt.submission_id, "server")
    )

    assert taken is None
    assert project.status(task_id).value == "completed"
    assert project.violations() == {}


def test_one_that_cannot_be_taken_back_keeps_no_other_waiting(controlled, monkeypatch):
    project = controlled(rule("gold", 0.7, "redo_last", 3), **FORM)
    first, second = project.create(2)
    project.work_on("ann")
    newest = project.work_on("ann")
    real = follow_up.take_back

    async def refused(tx, row, submission_id, author_id):
        if submission_id == newest.submission_id:
            raise Conflict
        return await real(tx, row, submission_id, author_id)

    monkeypatch.setattr(follow_up, "take_back", refused)
    project.gold("ann", 0, 10)
    project.follow_up()

    assert project.status(first).value == "pending"
    assert project.status(second).value == "completed"
    assert [row.is_under_way for row in project.crossings()] == [False]


def test_a_submission_in_a_batch_is_taken_back_and_its_batch_counts_it(controlled):
    project = controlled(rule("gold", 0.7, "redo_last", 5), overlap=2, **FORM)
    batch = project.batch()
    [task_id] = project.create(1, batch=batch)
    project.work_on("ann")
    project.work_on("bob")
    project.gold("ann", 0, 10)

    project.follow_up()

    place = project.place(task_id)
    assert (place.needed, place.submitted_count, place.open_count) == (2, 1, 0)
    assert project.violations() == {}


def test_people_and_collectors_without_a_rule_are_left_alone(controlled):
    project = controlled(rule("fast", 0.8))
    project.create(1)

    project.gold("ann", 0, 50)
    project.work_on("ann")

    assert project.crossings() == []
    assert project.counted("ann", Collector.skips) == (0, 0)


@every_case(
    "rules, pointer",
    [
        ({}, "/rules"),
        ([[]], "/rules/0"),
        ([rule("luck", 0.5)], "/rules/0/collector"),
        ([rule("gold", 0.5, "fire")], "/rules/0/action"),
        ([rule("gold", 0)], "/rules/0/threshold"),
        ([rule("gold", 1.0)], "/rules/0/threshold"),
        ([rule("gold", "0.5")], "/rules/0/threshold"),
        ([rule("skips", 10.5)], "/rules/0/threshold"),
        ([rule("skips", 9)], "/rules/0/threshold"),
        ([rule("skips", 1e308)], "/rules/0/threshold"),
        ([rule("gold", 0.5, "pause", 3)], "/rules/0/n"),
        ([rule("gold", 0.5, "redo_last")], "/rules/0/n"),
        ([rule("gold", 0.5, "redo_last", 201)], "/rules/0/n"),
        ([rule("gold", 0.5, "extra_reviews", 0)], "/rules/0/n"),
        ([GOLD_PAUSE, GOLD_PAUSE], "/rules/1"),
        ([GOLD_PAUSE | {"more": 1}], "/rules/0"),
        ([rule("gold", 0.1 + number / 100) for number in range(21)], "/rules"),
    ],
)
def test_rules_that_cannot_be_are_refused_by_name(project, rules, pointer):
    with pytest.raises(InvalidContent) as refused:
        project.set(rules=rules)

    assert refused.value.pointer == pointer
