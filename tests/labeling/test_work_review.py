"""Review: who sees what, what a decision changes, and what is told and kept of it."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import (
    leases,
    question_results,
    review_decisions,
    review_queue,
)
from plaudit.errors import AnswersRejected, Conflict, Forbidden, InvalidContent, Problem
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.tasks import tasks
from tests.labeling.test_work_submissions import delivered, judge
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import LabelingProject, make_content

LIKERT_2 = {"at": "t0u0", "key": "likert_value", "value": 2}


def standing(labeling: LabelingProject, task_id: str):
    async def run(tx):
        task = await tasks.find_task(tx, labeling.environment_id, task_id)
        return await question_results.review_state(tx, labeling.project, task)

    return labeling.write(run)


def said(labeling: LabelingProject, task_id: str):
    seq = labeling.task(task_id).seq
    return labeling.write(lambda tx: review_queue.list_actions(tx, labeling.project, seq))


def outcome(labeling: LabelingProject, task_id: str, key: str):
    return next(one for one in standing(labeling, task_id).results if one.question.field.key == key)


def turn_of(labeling: LabelingProject, task_id: str) -> dict:
    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    return turn


def correct(labeling: LabelingProject, task_id: str, fixes, user_id: str = "rev", **more):
    return labeling.decide(review_decisions.correct, task_id, user_id, fixes=fixes, **more)


def completed_at(labeling: LabelingProject, task_id: str) -> str:
    return delivered(labeling, task_id)["completed_at"]


# What a reviewer sees


def test_each_answer_stands_with_who_gave_it_and_what_they_come_to(world):
    labeling = LabelingProject(world, overlap=3, review="all")
    [task_id] = labeling.create()
    for user_id, likert in (("ann", 1), ("ben", 2), ("cem", 2)):
        judge(labeling, user_id, likert)

    found = outcome(labeling, task_id, "likert_value")

    assert [(one.submission.user_id, one.answer.value) for one in found.answers] == [
        ("ann", 1),
        ("ben", 2),
        ("cem", 2),
    ]
    assert (found.answer.value, found.is_disputed, found.is_unresolved) == (2, True, False)
    agreed = outcome(labeling, task_id, "overall")
    assert (agreed.answer.value, agreed.is_disputed) == (3, False)
    assert not outcome(labeling, task_id, "justification").is_disputed


def test_a_question_without_a_majority_is_unresolved_until_it_is_fixed(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    for user_id, likert in (("ann", 1), ("ben", 3)):
        judge(labeling, user_id, likert)

    found = outcome(labeling, task_id, "likert_value")

    assert (found.is_unresolved, found.answer) == (True, None)
    with pytest.raises(AnswersRejected) as refused:
        labeling.accept(task_id)
    assert [(one.at, one.key) for one in refused.value.faults] == [("t0u0", "likert_value")]
    labeling.accept(task_id, [LIKERT_2])
    delivered_one = outcome(labeling, task_id, "likert_value")
    assert (delivered_one.answer.value, delivered_one.is_unresolved) == (2, False)
    assert labeling.violations() == {}


def test_what_was_delivered_is_read_back_for_each_kind_of_question(world):
    rubric = {
        "criteria_definitions": [
            {"id": "short", "criterion": "Is it short?", "weight": 2, "annotations": []},
            {"id": "true", "criterion": "Is it true?", "weight": 3, "annotations": []},
        ]
    }
    labeling = LabelingProject(world, types=["Rubrics"], form=None)
    turn = make_turn(messages=[make_message("user"), make_message("model")], rubrics=[rubric])
    [task_id] = labeling.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1}
    given = {"short": True, "true": False}
    labeling.submit(
        labeling.take(),
        [where | {"criterion": c, "key": "score", "value": v} for c, v in given.items()],
    )

    found = {
        one.question.target.criterion: one.answer.value
        for one in standing(labeling, task_id).results
        if one.question.field.key == "score"
    }

    assert found == given


# Decisions


def test_a_decision_on_answers_that_have_changed_since_is_refused(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    lease = judge(labeling, "ann", 1)
    seen = standing(labeling, task_id).revision
    again = labeling.undo(lease)
    labeling.submit(again, key="second")

    for verb, args, more in (
        (review_decisions.accept, ("rev",), {}),
        (review_decisions.send_back, ("rev", "ann"), {"comment": "Look again."}),
    ):
        with pytest.raises(Conflict, match="changed since"):
            labeling.decide(verb, task_id, *args, revision=seen, **more)

    assert labeling.status(task_id) is TaskStatus.pending
    labeling.decide(
        review_decisions.accept, task_id, "rev", revision=standing(labeling, task_id).revision
    )


@pytest.mark.parametrize(
    "comment", ["", " \n ", "\u200b\u3164", "x" * (review_decisions.COMMENT_CHARS_MAX + 1)]
)
def test_work_goes_back_with_a_comment_or_not_at_all(labeling, comment):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)

    with pytest.raises(InvalidContent):
        labeling.decide(review_decisions.send_back, task_id, "rev", "ann", comment=comment)

    assert labeling.place(task_id).state is WorkState.in_review


def test_who_gets_work_back_is_told_why_until_they_submit_again(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)
    labeling.decide(
        review_decisions.send_back, task_id, "rev", "ann", comment="Read the prompt again."
    )

    def told(user_id):
        return labeling.write(lambda tx: review_queue.list_returned(tx, labeling.project, user_id))

    def reason(lease):
        return labeling.write(
            lambda tx: review_queue.find_returned_task(tx, labeling.project, lease)
        )

    [returned] = told("ann")
    assert returned.comment == "Read the prompt again."
    assert told("ben") == []
    lease = labeling.take("ann")
    assert told("ann") == []
    assert reason(lease).comment == "Read the prompt again."
    labeling.submit(lease, key="second")
    assert reason(labeling.lease(lease)) is None


def test_reasons_alone_are_no_fix(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)

    with pytest.raises(AnswersRejected):
        labeling.accept(task_id, [{"at": "t0u0", "key": "likert_value", "justification": "So."}])

    assert labeling.status(task_id) is TaskStatus.pending


def test_an_empty_list_is_no_fix_of_a_required_question(world):
    field = {"key": "tags", "level": "thread", "type": "category_multiple", "required": True}
    labeling = LabelingProject(world, form={"fields": [field]}, review="all")
    [task_id] = labeling.create()
    labeling.submit(labeling.take("ann"), [{"at": "t0", "key": "tags", "value": ["a"]}])

    with pytest.raises(AnswersRejected):
        labeling.accept(task_id, fixes=[{"at": "t0", "key": "tags", "value": []}])

    assert labeling.status(task_id) is TaskStatus.pending


def test_accepting_keeps_what_people_answered_and_what_was_changed(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    [before] = labeling.counting(task_id)

    labeling.accept(task_id, [LIKERT_2])

    [after] = labeling.counting(task_id)
    assert after.answers == before.answers
    [note] = said(labeling, task_id)
    assert (note.kind, note.user_id) == ("accept", "rev")
    assert [(was.value, now.value) for was, now in note.fixes] == [(6, 2)]


def test_the_same_task_is_drawn_for_the_sample_however_often_it_is_done(world):
    labeling = LabelingProject(world, review="sample", review_percent=50)
    task_ids = labeling.create(12)
    first = {}
    for _ in task_ids:
        lease = labeling.take()
        labeling.submit(lease)
        task_id = next(one for one in task_ids if labeling.task(one).seq == lease.seq)
        first[task_id] = labeling.status(task_id)
        again = labeling.undo(lease)
        labeling.submit(again, key="second")

    assert {one: labeling.status(one) for one in task_ids} == first
    assert set(first.values()) == {TaskStatus.pending, TaskStatus.completed}
    for task_id in task_ids:
        place = labeling.place(task_id)
        assert (place is None) == (first[task_id] is TaskStatus.completed)
        if place is not None:
            assert (place.state, place.reason) == (WorkState.in_review, "sample")


def test_nobody_decides_on_a_task_that_they_answered_unless_the_project_allows_it(labeling):
    labeling.set(review="all", overlap=2)
    [task_id] = labeling.create()
    judge(labeling, "ann", 1)
    judge(labeling, "rev", 2)
    before = standing(labeling, task_id)

    with pytest.raises(Forbidden, match="somebody else decides on it"):
        labeling.accept(task_id, [LIKERT_2], user_id="rev")
    with pytest.raises(Forbidden, match="somebody else decides on it"):
        labeling.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Again.")

    assert standing(labeling, task_id) == before
    assert said(labeling, task_id) == []
    labeling.set(self_review=True)
    labeling.accept(task_id, [LIKERT_2], user_id="rev")
    assert labeling.status(task_id) is TaskStatus.completed


def test_who_took_their_submission_back_may_decide_on_the_task(labeling):
    labeling.set(review="all")
    [task_id] = labeling.create()
    lease = labeling.take("rev")
    labeling.submit(lease)
    labeling.do(leases.release, labeling.undo(lease))
    judge(labeling, "ann", 1)

    labeling.accept(task_id, user_id="rev")

    assert labeling.status(task_id) is TaskStatus.completed


# At the same moment


def test_who_takes_their_answers_back_at_that_moment_accepts_nothing_either(labeling, at_once):
    labeling.set(review="all")
    for _ in range(4):
        [task_id] = labeling.create()
        lease = labeling.take("rev")
        labeling.submit(lease)

        found = at_once(
            labeling,
            lambda own, t=task_id: own.accept(t, user_id="rev"),
            lambda own, one=lease: own.undo(one),
        )

        assert isinstance(found[0], Problem)
        assert labeling.status(task_id) is TaskStatus.pending
        labeling.submit(found[1], key="again")
        labeling.accept(task_id, user_id="boss")


def test_of_two_reviewers_who_decide_at_once_one_decides(labeling, at_once):
    labeling.set(review="all")
    for number in range(6):
        [task_id] = labeling.create()
        judge(labeling, f"user_{number}", 1)

        found = at_once(
            labeling,
            lambda own, t=task_id: own.accept(t, [LIKERT_2]),
            lambda own, t=task_id: own.accept(t, user_id="boss"),
            lambda own, t=task_id, u=f"user_{number}": own.decide(
                review_decisions.send_back, t, "chief", u, comment="Look again."
            ),
        )

        assert sum(isinstance(one, Problem) for one in found) == 2
        [note] = said(labeling, task_id)
        assert (note.kind == "send_back") == (labeling.status(task_id) is TaskStatus.pending)
        if note.kind == "send_back":
            labeling.submit(labeling.take(f"user_{number}"), key="second")
            labeling.accept(task_id)
