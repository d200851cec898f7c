"""Questions that nobody was asked until answers came together, or a reviewer gave another one."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.tasks import lifecycle
from plaudit.errors import AnswersRejected
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.tasks import tasks, work_queue
from tests.labeling.conditions.test_work import (
    FLAW,
    FORM,
    VERDICT,
    delivered,
    judged,
    said,
)
from tests.labeling.test_work_review import correct, outcome, turn_of
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import LabelingProject, make_content

BAD, GOOD = said("verdict", "bad"), said("verdict", "good")
HARSH = {
    "key": "harsh",
    "level": "turn",
    "type": "boolean",
    "required": True,
    "ask_if": {"key": "flaw", "operator": "is", "value": "rude"},
}
NOW = "this is asked now, as another question is answered, and an answer is required"


def faults(decide: Any) -> list[tuple[str | None, str]]:
    with pytest.raises(AnswersRejected) as refused:
        decide()
    return [(fault.key, fault.message) for fault in refused.value.faults]


def test_what_only_a_reviewers_answer_asks_is_demanded_before_the_task_is_accepted(world):
    labeling = LabelingProject(world, form=FORM, overlap=2, review="all")
    [task_id] = labeling.create()
    judged(labeling, "ann", "good")
    judged(labeling, "ben", "good")
    found = outcome(labeling, task_id, "flaw")

    assert (found.is_asked, found.is_open, found.is_unresolved) == (False, True, False)
    assert faults(lambda: labeling.accept(task_id, [BAD])) == [("flaw", NOW)]
    assert labeling.place(task_id).state == "in_review"
    labeling.accept(task_id, [BAD, said("flaw", "rude")])
    assert delivered(labeling, task_id) == {"verdict": "bad", "flaw": "rude"}


def test_what_nobody_was_asked_is_not_demanded_where_it_is_not_required(world):
    labeling = LabelingProject(
        world, form={"fields": [VERDICT, FLAW | {"required": False}]}, review="all"
    )
    [task_id] = labeling.create()
    judged(labeling, "ann", "good")

    labeling.accept(task_id, [BAD])

    assert delivered(labeling, task_id) == {"verdict": "bad"}


def test_answers_that_together_ask_what_none_of_them_did_wait_for_a_reviewer(world):
    """Two say 2 and 4; what they come to, 3, asks a question that neither was asked."""
    score = {"key": "score", "level": "turn", "type": "integer", "required": True}
    score |= {"possible_values": [1, 2, 3, 4, 5], "scale": "low_is_first"}
    why = {"key": "why", "level": "turn", "type": "text", "required": True}
    why["ask_if"] = {"key": "score", "operator": "is", "value": 3}
    labeling = LabelingProject(world, form={"fields": [score, why]}, overlap=2)
    [task_id] = labeling.create()
    for user_id, value in (("ann", 2), ("ben", 4)):
        lease = labeling.take(user_id)
        is_mirrored = labeling.asked(lease).display["t0u0"] == [2, 1]
        labeling.submit(lease, [said("score", 6 - value if is_mirrored else value)])
    found = outcome(labeling, task_id, "why")

    assert labeling.place(task_id).reason == "open questions"
    assert (found.is_asked, found.is_unresolved) == (True, True)
    assert faults(lambda: labeling.accept(task_id)) == [("why", "an answer is required")]
    labeling.accept(task_id, [said("why", "Both are fair.")])
    assert {"score": 3, "why": "Both are fair."}.items() <= delivered(labeling, task_id).items()


def test_a_question_that_the_form_got_later_is_not_demanded_of_earlier_answers(world):
    labeling = LabelingProject(world, form={"fields": [VERDICT]}, overlap=2, review="all")
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad")
    judged(labeling, "ben", "bad")
    labeling.set(form=FORM)

    found = outcome(labeling, task_id, "flaw")
    labeling.accept(task_id)

    assert (found.is_asked, found.is_open) == (True, False)
    assert delivered(labeling, task_id) == {"verdict": "bad"}


def test_in_a_chain_of_three_the_last_follows_from_what_the_one_between_comes_to(world):
    """A reviewer's verdict asks for the flaw, on which two agreed; that asks for the third."""
    labeling = LabelingProject(world, form={"fields": [VERDICT, FLAW, HARSH]}, overlap=5)
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"), said("harsh", True))
    judged(labeling, "ben", "bad", said("flaw", "rude"), said("harsh", False))
    for user_id in ("cem", "dee", "eva"):
        judged(labeling, user_id, "good")
    assert labeling.status(task_id) is TaskStatus.completed
    [other] = labeling.create()
    labeling.set(review="all")
    judged(labeling, "ann", "bad", said("flaw", "rude"), said("harsh", True))
    judged(labeling, "ben", "bad", said("flaw", "rude"), said("harsh", False))
    for user_id in ("cem", "dee", "eva"):
        judged(labeling, user_id, "good")

    assert faults(lambda: labeling.accept(other, [BAD])) == [("harsh", "an answer is required")]
    labeling.accept(other, [BAD, said("harsh", True)])
    assert delivered(labeling, other) == {"verdict": "bad", "flaw": "rude", "harsh": True}


def test_a_correction_demands_what_it_asks_also_where_people_had_answered_that(world):
    labeling = LabelingProject(world, form=FORM, overlap=3)
    [task_id] = labeling.create()
    judged(labeling, "ann", "bad", said("flaw", "rude"))
    judged(labeling, "ben", "good")
    judged(labeling, "cem", "good")
    [alone] = labeling.create()
    for user_id in ("ann", "ben", "cem"):
        judged(labeling, user_id, "good")

    assert faults(lambda: correct(labeling, task_id, [BAD])) == [("flaw", "an answer is required")]
    assert faults(lambda: correct(labeling, alone, [BAD])) == [("flaw", NOW)]
    correct(labeling, task_id, [BAD, said("flaw", "wrong")])
    assert delivered(labeling, task_id) == {"verdict": "bad", "flaw": "wrong"}
    assert labeling.violations() == {}


def test_a_written_response_that_is_not_asked_for_any_more_is_taken_away(world):
    able = {"key": "able", "level": "turn", "type": "boolean", "required": True}
    write = {"key": "response", "level": "turn", "type": "text", "use": "response"}
    write |= {"required": True, "ask_if": {"key": "able", "operator": "is", "value": True}}
    labeling = LabelingProject(world, form={"fields": [able, write]})
    [task_id] = labeling.create(content=make_content(make_turn(messages=[make_message("user")])))
    labeling.submit(labeling.take("ann"), [said("able", True), said("response", "Like this.")])
    before = [one["content"]["text"] for one in turn_of(labeling, task_id)["messages"]]

    correct(labeling, task_id, [said("able", False)])

    assert before[1:] == ["Like this."]
    assert len(turn_of(labeling, task_id)["messages"]) == 1
    assert delivered(labeling, task_id) == {"able": False}
    assert [key for key, _ in faults(lambda: correct(labeling, task_id, [said("able", True)]))] == [
        "response"
    ]
    correct(labeling, task_id, [said("able", True), said("response", "Anew.")])
    assert turn_of(labeling, task_id)["messages"][1]["content"]["text"] == "Anew."


def test_an_acceptance_judges_the_task_as_it_is_once_it_is_locked(world):
    """Read while it was completed, it comes back into review before its reviewer has the lock."""
    labeling = LabelingProject(world, form={"fields": [VERDICT]}, overlap=2)
    [task_id] = labeling.create()
    judged(labeling, "ann", "good")
    judged(labeling, "ben", "bad")
    labeling.accept(task_id, [BAD])

    async def accept_what_was_read(tx: Any) -> None:
        completed = await tasks.find_task(tx, labeling.environment_id, task_id)
        await lifecycle.reopen_task(tx, labeling.environment_id, completed, keeps_submissions=True)
        await work_queue.change_state(
            tx,
            completed.project_key,
            completed.seq,
            expected=WorkState.open,
            state=WorkState.in_review,
            reason="all",
        )
        await review_decisions.accept(tx, labeling.project, completed, "rev")

    assert faults(lambda: labeling.write(accept_what_was_read)) == [
        ("verdict", "an answer is required")
    ]
