"""Disagreement: how it is measured, the order of the review list, and why people differed."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication import disagreement as rules
from plaudit.core.labeling.adjudication import disagreement_reasons as reasons
from plaudit.core.labeling.adjudication import review_order
from plaudit.core.labeling.adjudication.disagreement_reasons import (
    GivenReason,
    ReasonCounts,
    count_by_question,
    count_reasons,
    list_settled,
)
from plaudit.core.labeling.adjudication.review_order import EVERYTHING, FIRST, ReviewFilter
from plaudit.core.labeling.ballots import Ballot
from plaudit.core.tasks import batches, lifecycle
from plaudit.core.tasks.forms import Field, Level
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.labeling import DisagreementReason, WorkState
from plaudit.store.labeling import disagreement_reasons
from tests.support.labeling_project import LabelingProject
from tests.support.running.every_case import every_case

GOOD = {"key": "good", "level": "thread", "type": "boolean", "required": True}
STARS = {"key": "stars", "level": "thread", "type": "integer", "possible_values": [1, 2, 3, 4, 5]}
WHY = {"key": "why", "level": "thread", "type": "text"}
FORM = {"fields": [GOOD, STARS, WHY]}
PEOPLE = ("ann", "ben", "cem")


def field(kind, level=Level.thread, **members):
    return Field(key="k", level=level, type=kind, **members)


def span(label, start, end):
    return {"label": label, "text": "x" * (end - start), "start": start, "end": end}


LIKERT = field("integer", Level.turn, scale="low_is_first")


@every_case(
    "asked, one, other, expected",
    [
        (field("boolean"), True, True, 0),
        (field("boolean"), True, False, 1),
        (field("category"), "a", "b", 1),
        (field("integer", possible_values=[1, 2, 3, 4, 5]), 1, 5, 1),
        (field("integer", possible_values=[5, 1, 3]), 1, 3, 0.25),
        (LIKERT, 1, 4, 0.25),
        (field("integer"), 10, 30, 0.25),
        (field("rubric_rating"), {"score": 1}, {"score": 1, "justification": "x"}, 0),
        (field("rubric_rating"), {"score": 0}, {"score": 0}, 0),
        (field("category_multiple"), ["a"], ["a", "b"], 1 - 2 / 3 / 2),
        (field("category_multiple"), ["a", "c"], ["a", "b"], 1 - 1 / 3 / 3),
        (field("category_multiple"), [], ["a"], 1),
        (field("ranked_choices", Level.turn), ["a", "b", "c"], ["c", "b", "a"], 1),
        (field("ranked_groups", Level.turn), [["a"], ["b"]], [["a", "b"]], 0.5),
        (field("labeled_text"), [span("x", 0, 10)], [span("x", 5, 10)], 1 - 10 / 15),
        (field("labeled_text"), [span("x", 0, 4), span("x", 2, 8)], [span("x", 0, 8)], 0),
        (field("labeled_text"), [span("x", 0, 4)], [span("y", 0, 4)], 1),
        (field("labeled_text"), [], [], 0),
    ],
)
def test_the_distance_of_two_answers_is_that_of_their_type(asked, one, other, expected):
    for pair in ((one, other), (other, one)):
        assert rules.distance(asked, *map(Ballot, pair)) == pytest.approx(expected)


def test_an_abstention_is_far_from_every_answer_and_texts_are_not_compared():
    asked = field("integer", possible_values=[1, 2])

    assert rules.distance(asked, Ballot(not_applicable=True), Ballot(1)) == 1
    assert rules.distance(asked, Ballot(not_applicable=True), Ballot(not_applicable=True)) == 0
    assert not rules.is_compared(field("text"))
    assert rules.is_compared(field("category"))


@pytest.fixture
def project(world):
    project = LabelingProject(world, form=FORM, overlap=3, review="all")
    yield project
    assert project.violations() == {}


def judge(project, *answers):
    """Let PEOPLE answer the next task: `good` and `stars` of each."""
    for user_id, (good, stars) in zip(PEOPLE, answers, strict=True):
        lease = project.take(user_id)
        given = [{"at": "t0", "key": "good", "value": good}]
        given += [{"at": "t0", "key": "stars", "value": stars}]
        project.submit(lease, given)


def listed(project, chosen=EVERYTHING, **more):
    found = project.write(
        lambda tx: review_order.list_in_review(tx, project.project, chosen=chosen, **more)
    )
    return [(one.queued.seq, round(one.disagreement, 3)) for one in found]


def four_tasks(project):
    """Tasks 1 to 4: agreed, disputed on both questions, on stars a little, and on good."""
    task_ids = project.create(4)
    judge(project, (True, 3), (True, 3), (True, 3))
    judge(project, (True, 1), (False, 5), (True, 3))
    judge(project, (True, 3), (True, 4), (True, 3))
    judge(project, (True, 3), (False, 3), (True, 3))
    return task_ids


def test_tasks_on_which_people_disagree_most_come_first_then_the_oldest(project):
    four_tasks(project)
    project.create()
    judge(project, (True, 3), (True, 3), (True, 3))

    assert listed(project) == [(2, 0.583), (4, 0.333), (3, 0.021), (1, 0), (5, 0)]
    page = project.write(lambda tx: review_order.list_in_review(tx, project.project, limit=2))
    assert [seq for seq, _ in listed(project, after=page[-1].place, limit=2)] == [3, 1]
    assert page[0].questions == [("good", pytest.approx(2 / 3)), ("stars", 0.5)]


def test_the_list_is_narrowed_to_a_question_and_to_who_answered(project):
    task_ids = four_tasks(project)
    project.set(overlap=1)
    project.create()
    lease = project.take("dan")
    project.submit(lease, [{"at": "t0", "key": "good", "value": True}])

    assert listed(project, ReviewFilter("stars")) == [(2, 0.5), (3, 0.042)]
    assert listed(project, ReviewFilter(user_id="dan")) == [(5, 0)]
    assert listed(project, ReviewFilter("good", "ann")) == [(2, 0.667), (4, 0.667)]
    assert listed(project, ReviewFilter("good", "dan")) == []
    place = (-500_000, 2)
    for chosen, following in ((EVERYTHING, task_ids[3]), (ReviewFilter("stars"), task_ids[2])):
        assert following == project.write(
            lambda tx, chosen=chosen: review_order.next_in_review(
                tx, project.project, place, chosen, "rev"
            )
        )


def test_a_reviewer_is_led_past_tasks_that_they_answered_unless_the_project_allows_it(project):
    task_ids = four_tasks(project)
    project.set(overlap=1)
    [other] = project.create()
    lease = project.take("dan")
    project.submit(lease, [{"at": "t0", "key": "good", "value": True}])

    def following(reader_id):
        return project.write(
            lambda tx: review_order.next_in_review(
                tx, project.project, FIRST, EVERYTHING, reader_id
            )
        )

    def own(reader_id):
        found = project.write(
            lambda tx: review_order.list_in_review(tx, project.project, reader_id=reader_id)
        )
        return [one.queued.seq for one in found if one.is_own]

    assert (following("ann"), following("dan"), following("rev")) == (
        other,
        task_ids[1],
        task_ids[1],
    )
    assert (own("ann"), own("dan"), own("rev"), own("")) == ([2, 4, 3, 1], [5], [], [])
    project.set(self_review=True)
    assert following("ann") == task_ids[1]
    assert own("ann") == []


@pytest.mark.parametrize("end", ["accept", "send_back", "reopen", "cancel", "cancel_batch"])
def test_a_task_that_leaves_review_leaves_the_list(world, end):
    project = LabelingProject(world, form=FORM, overlap=3, review="all")
    batch = project.batch()
    [task_id] = project.create(batch=batch)
    judge(project, (True, 1), (False, 5), (True, 3))

    if end == "accept":
        project.accept(task_id)
    elif end == "send_back":
        project.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Once more.")
    elif end == "reopen":
        project.reopen(project.lease_on(task_id, "ben"))
    elif end == "cancel":
        project.move(lifecycle.cancel_task, task_id)
    else:
        project.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    assert listed(project) == []
    assert project.violations() == {}
    if end == "send_back":
        again = [{"at": "t0", "key": "good", "value": False}]
        project.submit(project.take("ann"), again, key="again")
        assert listed(project) == [(1, 0.458)]


def test_a_changed_form_ranks_what_is_in_review_anew(project):
    four_tasks(project)

    project.set(form={"fields": [GOOD]})
    project.follow_settings()

    assert listed(project) == [(2, 0.667), (4, 0.667), (1, 0), (3, 0)]


def test_the_reason_why_people_differed_is_kept_and_counted(project):
    task_ids = four_tasks(project)
    good = GivenReason(question=0, key="good", why=DisagreementReason.error)
    stars = GivenReason(question=1, key="stars", why=DisagreementReason.guideline)

    project.decide(review_decisions.accept, task_ids[1], "rev", reasons=[good, stars])
    project.decide(review_decisions.accept, task_ids[2], "rev", reasons=[stars])
    fix = {"at": "t0", "key": "stars", "value": 5}
    again = GivenReason(question=1, key="stars", why=DisagreementReason.ambiguous)
    project.decide(review_decisions.correct, task_ids[2], "rev", fixes=[fix], reasons=[again])

    counts = project.write(lambda tx: count_reasons(tx, project.project))
    assert counts == dict.fromkeys(DisagreementReason, 1)
    assert project.write(
        lambda tx: disagreement_reasons.count_by_question(tx, project.project.project_key)
    ) == [("good", "error", 1), ("stars", "ambiguous", 1), ("stars", "guideline", 1)]


def test_reasons_are_counted_by_question_with_the_last_tasks_of_each(project, monkeypatch):
    task_ids = four_tasks(project)
    stars = GivenReason(question=1, key="stars", why=DisagreementReason.guideline)
    for task_id in task_ids[1:3]:
        project.decide(review_decisions.accept, task_id, "rev", reasons=[stars])
    none = dict.fromkeys(DisagreementReason, 0)

    def told():
        return project.write(lambda tx: count_by_question(tx, project.project))

    assert told() == ReasonCounts({"stars": none | {DisagreementReason.guideline: 2}}, False)
    settled = project.write(lambda tx: list_settled(tx, project.project, "stars"))
    assert {why: [one.task_id for one in some] for why, some in settled.items()} == {
        DisagreementReason.guideline: task_ids[2:0:-1],
        DisagreementReason.ambiguous: [],
        DisagreementReason.error: [],
    }
    monkeypatch.setattr(reasons, "LISTED_MAX", 1)
    monkeypatch.setattr(reasons, "LATEST_MAX", 1)
    assert told() == ReasonCounts({"stars": none | {DisagreementReason.guideline: 1}}, True)
    settled = project.write(lambda tx: list_settled(tx, project.project, "stars"))
    assert [one.task_id for one in settled[DisagreementReason.guideline]] == task_ids[2:3]


def test_a_reason_is_of_a_question_on_which_people_differ(project):
    task_ids = four_tasks(project)
    reason = GivenReason(question=0, key="good", why=DisagreementReason.error)
    other = GivenReason(question=0, key="stars", why=DisagreementReason.error)

    with pytest.raises(InvalidContent) as refused:
        project.decide(review_decisions.accept, task_ids[0], "rev", reasons=[reason])
    with pytest.raises(Conflict):
        project.decide(review_decisions.accept, task_ids[1], "rev", reasons=[other])

    assert refused.value.pointer == "/reasons/0/question"
    assert project.place(task_ids[0]).state is WorkState.in_review


def test_many_people_and_questions_are_compared_within_a_bound(monkeypatch, project):
    monkeypatch.setattr(rules, "PAIRS_MAX", 2)
    project.create()
    judge(project, (True, 3), (True, 3), (False, 5))

    assert listed(project) == [(1, 0)]
