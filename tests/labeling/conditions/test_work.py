"""Conditions while people work: what is kept, what is delivered, and what reviewers may decide."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling.adjudication.disagreement import disagreement
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.votes import DecodedSubmission
from plaudit.core.tasks.form_checks import read_form
from plaudit.errors import AnswersRejected
from plaudit.model.core import TaskStatus
from plaudit.store.labeling import votes as votes_store
from tests.labeling.test_work_review import correct, outcome, turn_of
from tests.labeling.test_work_submissions import values
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import LabelingProject, make_content

VERDICT = {
    "key": "verdict",
    "level": "turn",
    "type": "category",
    "possible_values": ["good", "bad"],
    "required": True,
}
FLAW = {
    "key": "flaw",
    "level": "turn",
    "type": "category",
    "possible_values": ["rude", "wrong"],
    "required": True,
    "ask_if": {"key": "verdict", "operator": "is", "value": "bad"},
}
SCORE = {
    "key": "score",
    "level": "criterion",
    "type": "boolean",
    "ask_if": {"key": "verdict", "level": "turn", "operator": "is", "value": "bad"},
}
FORM = {"fields": [VERDICT, FLAW]}


def said(key: str, value: Any) -> dict[str, Any]:
    return {"at": "t0u0", "key": key, "value": value}


def judged(labeling: LabelingProject, user_id: str, verdict: str, *more: dict[str, Any]) -> None:
    labeling.submit(labeling.take(user_id), [said("verdict", verdict), *more])


def delivered(labeling: LabelingProject, task_id: str) -> dict[str, Any]:
    return values(turn_of(labeling, task_id)["annotations"])


def votes_of(labeling: LabelingProject, task_id: str, key: str) -> list[str]:
    seq, project_key = labeling.task(task_id).seq, labeling.project.project_key
    found = labeling.write(lambda tx: votes_store.list_votes_on_question(tx, project_key, seq, key))
    return [vote.contributor_id for vote in found]


def test_who_is_not_asked_has_no_vote_and_is_no_disagreement(world):
    labeling = LabelingProject(world, form=FORM, overlap=3)
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"))
    judged(labeling, "ben", "bad", said("flaw", "rude"))
    judged(labeling, "cem", "good", said("flaw", "wrong"))

    assert labeling.status(task_id) is TaskStatus.completed
    assert delivered(labeling, task_id) == {"verdict": "bad", "flaw": "rude"}
    assert votes_of(labeling, task_id, "verdict") == ["ann", "ben", "cem"]
    assert votes_of(labeling, task_id, "flaw") == ["ann", "ben"]
    assert not outcome(labeling, task_id, "flaw").is_disputed
    assert labeling.violations() == {}


def test_what_few_were_asked_is_not_delivered_where_most_answered_otherwise(world):
    labeling = LabelingProject(world, form=FORM, overlap=3, review="all")
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"))
    judged(labeling, "ben", "good")
    judged(labeling, "cem", "good")

    found = outcome(labeling, task_id, "flaw")
    labeling.accept(task_id)

    assert (found.is_asked, found.answer, len(found.answers)) == (False, None, 1)
    assert delivered(labeling, task_id) == {"verdict": "good"}
    assert votes_of(labeling, task_id, "flaw") == ["ann"]


def test_what_nobody_agrees_on_waits_for_nobody_if_it_is_not_asked(world):
    labeling = LabelingProject(world, form=FORM, overlap=5)
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"))
    judged(labeling, "ben", "bad", said("flaw", "wrong"))
    for user_id in ("cem", "dee", "eva"):
        judged(labeling, user_id, "good")

    assert labeling.status(task_id) is TaskStatus.completed
    assert delivered(labeling, task_id) == {"verdict": "good"}


def test_a_reviewer_who_decides_one_question_is_asked_for_those_that_depend_on_it(world):
    labeling = LabelingProject(world, form=FORM, overlap=4)
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"))
    judged(labeling, "ben", "bad", said("flaw", "wrong"))
    judged(labeling, "cem", "good")
    judged(labeling, "dee", "good")

    bad, good = said("verdict", "bad"), said("verdict", "good")

    assert outcome(labeling, task_id, "verdict").is_unresolved
    assert not outcome(labeling, task_id, "flaw").is_unresolved
    with pytest.raises(AnswersRejected) as refused:
        labeling.accept(task_id, [bad])
    assert [fault.key for fault in refused.value.faults] == ["flaw"]
    with pytest.raises(AnswersRejected) as refused:
        labeling.accept(task_id, [good, said("flaw", "rude")])
    assert [(one.key, one.message) for one in refused.value.faults] == [
        ("flaw", "this is not asked, as another question is answered")
    ]
    labeling.accept(task_id, [bad, said("flaw", "wrong")])
    assert delivered(labeling, task_id) == {"verdict": "bad", "flaw": "wrong"}


def test_a_correction_takes_away_what_is_not_asked_any_more(world):
    rubric = {"criteria_definitions": [{"id": "c1", "criterion": "Short?", "annotations": []}]}
    labeling = LabelingProject(world, form={"fields": [VERDICT, FLAW, SCORE]})
    said_by = [make_message("user"), make_message("base_model"), make_message("test_model")]
    content = make_content(make_turn(messages=said_by, rubrics=[rubric]))
    [task_id] = labeling.create(content=content)
    scores = [
        {"at": "t0u0", "position": n, "criterion": "c1", "key": "score", "value": True}
        for n in (1, 2)
    ]
    judged(labeling, "ann", "bad", said("flaw", "rude"), *scores)
    was = turn_of(labeling, task_id)

    correct(labeling, task_id, [said("verdict", "good")])

    now = turn_of(labeling, task_id)
    assert values(was["annotations"]) == {"verdict": "bad", "flaw": "rude"}
    assert values(now["annotations"]) == {"verdict": "good"}
    [evaluation] = now["messages"][1]["rubric_evaluations"]
    assert evaluation["criteria_evaluations"][0].get("score") is None
    assert labeling.violations() == {}


def test_people_who_were_asked_alone_can_disagree():
    form = read_form(FORM)

    def one(user_id: str, **given: str) -> DecodedSubmission:
        answers = [Answer(at="t0u0", key=key, value=value) for key, value in given.items()]
        return DecodedSubmission(user_id, 0, answers)

    people = [one("ann", verdict="bad", flaw="rude"), one("ben", verdict="good")]

    assert disagreement(form, make_content(), people).questions == {"verdict": 1.0}
