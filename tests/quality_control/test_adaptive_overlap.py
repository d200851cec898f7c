"""Adaptive overlap: a task has exactly the judges that its answers ask for, whatever happens."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from plaudit.core.labeling import free_tasks, leases, review_decisions, submissions, task_notes
from plaudit.core.quality_control import counters, judge_rules, submitting
from plaudit.core.quality_control.control_tasks import SLOTS
from plaudit.core.quality_control.judge_rules import JudgedUnit
from plaudit.core.tasks import lifecycle
from plaudit.errors import InvalidContent
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.model.quality_control import Collector, GoldSettings
from plaudit.store.tasks import work_queue
from plaudit.wire.v2.resources import AdaptiveOverlap
from tests.support.gold.gold_project import GoldProject
from tests.support.harness import one_engine
from tests.support.labeling_project import FORM, LIKERT, SELECTED, LabelingProject, lease_ref

VALUES = ["yes", "no", "unsure"]
SAFE = {"key": "safe", "level": "thread", "type": "category", "possible_values": VALUES}
SAFE |= {"not_applicable": True, "consolidate": "first"}


def adaptive(least, most, confidence, question="safe"):
    return AdaptiveOverlap(min=least, max=most, confidence=confidence, question=question)


JUDGES = adaptive(2, 5, 0.9)
"""Two who agree are enough: three categories make it 0.97 sure. Two of three make it 0.88."""
WORKERS = 50


@pytest.fixture
def project(world):
    project = LabelingProject(world, form={"fields": [SAFE]}, judges=JUDGES)
    yield project
    assert project.violations() == {}


def say(project, user_id, value, lease=None):
    lease = lease or project.take(user_id)
    answer = {"value": value} if value else {"not_applicable": True}
    return project.submit(lease, [{"at": "t0", "key": "safe"} | answer], key=f"{lease.leased_ms}")


def slots(project, task_id):
    """Submitted, leased and needed slots of a task; its status once it is not in the queue."""
    place = project.place(task_id)
    if place is None:
        return project.status(task_id).value
    return place.submitted_count, place.open_count, place.needed


def is_enough(values, judges=JUDGES):
    unit = JudgedUnit(3, [(VALUES.index(value), 0.8) for value in values])
    return judge_rules.has_judges_enough(
        [unit],
        len(values),
        judges_min=judges.min,
        judges_max=judges.max,
        confidence=judges.confidence,
    )


def test_two_who_agree_are_enough(project):
    [task_id] = project.create()

    outcomes = [say(project, user_id, "no").outcome for user_id in ("ann", "ben")]

    assert outcomes == ["waiting", "completed"]
    assert len(project.counting(task_id)) == 2
    assert project.lease_next("cem") is None


def test_who_disagree_get_one_more_judge_at_a_time_up_to_the_most(project):
    [task_id] = project.create()
    seen = []

    for user_id, value in zip("abcde", ["yes", "no", "unsure", "no", "yes"], strict=True):
        lease = project.take(user_id)
        if user_id != "a":
            assert project.lease_next(f"late_{user_id}") is None
        outcome = say(project, user_id, value, lease).outcome
        seen.append((outcome, slots(project, task_id)))

    assert seen == [
        ("waiting", (1, 0, 2)),
        ("waiting", (2, 0, 3)),
        ("waiting", (3, 0, 4)),
        ("waiting", (4, 0, 5)),
        ("completed", "completed"),
    ]


def test_who_abstains_is_a_judge_and_makes_nothing_sure(project):
    [task_id] = project.create()

    for user_id, value in zip("abc", ["yes", None, "yes"], strict=True):
        say(project, user_id, value)

    assert (project.status(task_id), len(project.counting(task_id))) == (TaskStatus.completed, 3)


def test_judges_who_often_fail_on_gold_need_more_beside_them(project):
    async def count(tx):
        for _ in range(30):
            await counters.count_case(tx, project.project, "bad", Collector.gold, right=False)
            await counters.count_case(tx, project.project, "good", Collector.gold, right=True)

    project.write(count)
    weak, strong = project.create(2)

    for user_id, value in (("bad", "yes"), ("ann", "yes"), ("good", "yes")):
        say(project, user_id, value)

    assert project.status(weak) is TaskStatus.completed
    assert len(project.counting(weak)) == 3
    say(project, "good", "no")
    say(project, "dan", "no")
    assert len(project.counting(strong)) == 2


@pytest.mark.parametrize("end", ["skip", "release", "expire"])
def test_a_judge_who_does_not_submit_is_followed_by_one_other(project, end):
    [task_id] = project.create()
    say(project, "ann", "yes")
    say(project, "ben", "no")
    cem = project.take("cem")

    if end == "skip":
        project.do(task_notes.skip, cem, reason="hard")
    elif end == "release":
        project.do(leases.release, cem)
    else:
        project.age(cem)
        project.sweep()
    dan = project.take("dan")

    assert project.lease_next("eva") is None
    assert say(project, "dan", "no", dan).outcome == "waiting"
    assert slots(project, task_id) == (3, 0, 4)


def test_who_undoes_may_submit_again_and_the_answers_are_counted_anew(project):
    [task_id] = project.create()
    ann = project.take("ann")
    say(project, "ann", "yes", ann)
    say(project, "ben", "yes")
    assert project.status(task_id) is TaskStatus.completed

    again = project.undo(ann)
    assert project.lease_next("cem") is None
    outcome = say(project, "ann", "no", again).outcome

    assert outcome == "waiting"
    assert slots(project, task_id) == (2, 0, 3)


@pytest.mark.parametrize(
    ("said", "leaver", "after"),
    [
        ("no yes yes yes", "a", "completed"),
        ("yes no yes yes", "d", (3, 0, 4)),
        ("yes yes", "a", (1, 0, 2)),
    ],
)
def test_who_undoes_and_never_comes_back_is_replaced_only_if_the_rest_is_unsure(
    project, said, leaver, after
):
    [task_id] = project.create()
    for user_id, value in zip("abcd", said.split(), strict=False):
        say(project, user_id, value)
    assert project.status(task_id) is TaskStatus.completed

    project.age(project.reopen(project.lease_on(task_id, leaver)))
    project.sweep()
    given = project.lease_next("late") if len(said) > 7 else None
    project.follow_settings()

    assert given is None
    assert slots(project, task_id) == after


def test_a_submission_that_was_sent_back_is_counted_when_it_comes_again(project):
    project.set(review="all")
    [task_id] = project.create()
    for user_id in ("ann", "ben"):
        say(project, user_id, "yes")
    assert project.place(task_id).state is WorkState.in_review

    project.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Once more.")
    assert project.lease_next("cem") is None
    say(project, "ann", "no", project.take("ann"))
    say(project, "cem", "no")
    say(project, "dan", "no")

    assert project.place(task_id).state is WorkState.in_review
    assert len(project.counting(task_id)) == 4


def test_a_task_that_is_done_anew_begins_with_the_least(project):
    [task_id] = project.create()
    for user_id in ("ann", "ben"):
        say(project, user_id, "yes")

    project.move(lifecycle.reopen_task, task_id)

    assert slots(project, task_id) == (0, 0, 2)


@pytest.mark.parametrize(
    ("said", "change", "after"),
    [
        ("yes", {"judges": adaptive(1, 5, 0.75)}, "completed"),
        ("yes", {"judges": adaptive(1, 5, 0.9)}, (1, 0, 2)),
        ("yes", {"judges": adaptive(3, 5, 0.9)}, (1, 0, 3)),
        ("yes no", {"judges": adaptive(2, 2, 0.9)}, "completed"),
        ("yes no yes", {"judges": adaptive(2, 5, 0.8)}, "completed"),
        ("yes no yes", {"judges": adaptive(2, 9, 0.9)}, (3, 0, 4)),
        ("yes no", {"judges": None, "overlap": 2}, "completed"),
        ("yes no", {"judges": None, "overlap": 5}, (2, 0, 3)),
        ("", {"judges": None, "overlap": 4}, (0, 0, 4)),
    ],
)
def test_changed_judges_hold_for_tasks_that_are_begun(project, said, change, after):
    [task_id] = project.create()
    for user_id, value in zip("abc", said.split(), strict=False):
        say(project, user_id, value)

    project.set(**change)
    project.follow_settings()

    assert slots(project, task_id) == after


def test_a_fixed_overlap_becomes_adaptive_while_somebody_holds_the_task(world):
    project = LabelingProject(world, form={"fields": [SAFE]}, overlap=4)
    [task_id] = project.create()
    say(project, "ann", "yes")
    ben, cem = project.take("ben"), project.take("cem")

    project.set(judges=JUDGES)
    project.follow_settings()
    assert project.lease_next("dan") is None
    assert project.violations() == {}
    first = say(project, "ben", "yes", ben).outcome
    assert project.lease_next("dan") is None
    second = say(project, "cem", "yes", cem).outcome

    assert (first, second) == ("waiting", "completed")
    assert len(project.counting(task_id)) == 3


def test_a_submission_that_nobody_counted_is_counted_by_the_worker(project):
    """Somebody who stores it with the room of labeling alone leaves the task marked."""
    task_ids = project.create(2)
    for user_id in ("ann", "ben"):
        lease = project.take(user_id)
        given = [{"at": "t0", "key": "safe", "value": "yes"}]
        project.write(
            lambda tx, lease=lease, given=given: submissions.submit(
                tx, project.project, lease_ref(lease), given, client_key="k", active_ms=1
            )
        )

    project.follow_settings()

    assert [slots(project, task_id) for task_id in task_ids] == ["completed", (0, 0, 2)]


@pytest.mark.parametrize(("field", "said"), [(LIKERT, "1 3 5"), (SELECTED, "1 1 2")])
def test_a_preference_counts_by_its_side_and_a_choice_by_its_response(world, field, said):
    first, second, other = map(int, said.split())
    mirror = {1: 7, 3: 5, 5: 3} if field is LIKERT else {1: 2, 2: 1}
    judges = adaptive(2, 3, 0.9, field["key"])
    field = field | {"consolidate": "first"}
    project = LabelingProject(world, form={"fields": [field]}, judges=judges)
    agreed, split = project.create(2)

    for user_id, values in (("ann", (first, first)), ("ben", (second, other))):
        for value in values:
            lease = project.take(user_id)
            is_swapped = json.loads(lease.display)["t0u0"] == [2, 1]
            value = mirror[value] if is_swapped else value
            project.submit(lease, [{"at": "t0u0", "key": field["key"], "value": value}])

    assert [slots(project, task_id) for task_id in (agreed, split)] == ["completed", (2, 0, 3)]


def test_gold_is_no_task_that_may_have_judges_enough(world):
    judges = adaptive(1, 2, 0.9, "likert_value")
    project = GoldProject(world, judges=judges, gold=GoldSettings(rate=0.5))
    project.add_gold()
    project.create(20)

    gold = project.take_gold()
    project.submit(gold, key="gold")
    project.undo(gold)
    place = project.write(lambda tx: work_queue.find_work(tx, gold.project_key, gold.seq))

    assert (place.needed, place.open_count) == (SLOTS, 1)
    assert project.follow_settings() == 0
    assert project.violations() == {}


@one_engine
@pytest.mark.parametrize(
    ("judges", "pointer"),
    [
        ((0, 5, 0.9, "safe"), "/judges/min"),
        ((3, 2, 0.9, "safe"), "/judges/max"),
        ((2, 101, 0.9, "safe"), "/judges/max"),
        ((2, 5, 0.4, "safe"), "/judges/confidence"),
        ((2, 5, 1.0, "safe"), "/judges/confidence"),
        ((2, 5, 0.9, "other"), "/judges/question"),
    ],
)
def test_judges_that_cannot_be_are_refused(project, judges, pointer):
    with pytest.raises(InvalidContent) as refused:
        project.set(judges=adaptive(*judges))

    assert refused.value.pointer == pointer


def test_the_question_that_judges_are_counted_by_cannot_leave_the_form(project):
    with pytest.raises(InvalidContent) as refused:
        project.set(form=FORM)

    assert refused.value.pointer == "/judges/question"
    project.set(form=FORM, judges=None)


def test_fifty_people_at_once_give_each_task_what_the_rule_asks_for(world):
    """Never more or fewer judges than the rule says, none twice; some skip or give back."""
    project = LabelingProject(world, form={"fields": [SAFE]}, judges=JUDGES)
    batch = project.batch()
    task_ids = project.create(12, batch=batch) + project.create(6)

    async def do(function, *args, **more):
        return await world.db.write(lambda tx: function(tx, project.project, *args, **more))

    async def work(number):
        chance = random.Random(number)
        for _ in range(30):
            lease = await do(leases.lease_next, f"user_{number:02}")
            if lease is None and await do(
                free_tasks.count_free_tasks, f"user_{number:02}", limit_max=1
            ):
                continue
            if lease is None:
                return
            held = lease_ref(lease)
            if chance.random() < 0.1:
                await do(task_notes.skip, held, reason="hard")
                continue
            given = [{"at": "t0", "key": "safe"}]
            given[0]["value"] = chance.choice(["yes", "yes", "no", "unsure"])
            await do(submitting.submit, held, given, client_key="once", active_ms=1)

    async def run():
        await asyncio.gather(*(work(number) for number in range(WORKERS)))

    world.run(run())
    while (lease := project.lease_next("last")) is not None:
        say(project, "last", "yes", lease)
    for number in range(JUDGES.max):
        while (lease := project.lease_next(f"later_{number}")) is not None:
            say(project, f"later_{number}", "yes", lease)

    for task_id in task_ids:
        counted = project.counting(task_id)
        said = [json.loads(one.answers)[0]["value"] for one in counted]
        assert project.status(task_id) is TaskStatus.completed
        assert len({one.user_id for one in counted}) == len(said)
        assert is_enough(said)
        assert not any(map(is_enough, (said[:count] for count in range(2, len(said)))))
    assert project.fresh_batch(batch).status.value == "completed"
    assert project.violations() == {}
