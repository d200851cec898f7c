"""Corrections of what was delivered: what they change, and whom they reach."""

from __future__ import annotations

import json

import msgspec
import pytest

from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.tasks import lifecycle
from plaudit.core.webhooks import endpoints
from plaudit.errors import AnswersRejected, Conflict, Forbidden, Problem
from plaudit.model.core import TaskStatus
from tests.labeling.test_work_review import LIKERT_2, completed_at, correct, said, standing, turn_of
from tests.labeling.test_work_submissions import delivered, judge, values
from tests.support.builders import make_message, make_turn
from tests.support.deliveries import ids_of
from tests.support.harness import one_engine, walk
from tests.support.labeling_project import FORM, OVERALL, LabelingProject, make_content


def test_a_correction_changes_what_it_says_and_nothing_else(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    was = delivered(labeling, task_id)

    correct(labeling, task_id, [LIKERT_2])

    now = delivered(labeling, task_id)
    assert now["completed_at"] > was["completed_at"]
    [old], [new] = (one["threads"][0]["turns"] for one in (was, now))
    assert values(old["annotations"])["selected_model_id"] == "test_model"
    assert values(new["annotations"]) == values(old["annotations"]) | {
        "likert_value": 2,
        "selected_model_id": "base_model",
    }
    assert [one["id"] for one in new["annotations"]] == [one["id"] for one in old["annotations"]]
    for one in (was, now):
        del one["completed_at"], one["threads"][0]["turns"][0]["annotations"]
    assert now == was


def test_who_answered_a_task_does_not_take_the_decision_on_it_back(labeling):
    """Unless the project allows it, or nobody reviews its tasks."""
    labeling.set(review="all")
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    labeling.accept(task_id, [LIKERT_2], user_id="rev")
    was = delivered(labeling, task_id)

    with pytest.raises(Forbidden, match="somebody else decides on it"):
        correct(labeling, task_id, [LIKERT_2 | {"value": 6}], user_id="ann")

    assert delivered(labeling, task_id) == was
    for allowed in ({"self_review": True}, {"self_review": False, "review": "none"}):
        labeling.set(**allowed)
        for value in (6, 2):
            correct(labeling, task_id, [LIKERT_2 | {"value": value}], user_id="ann")


def test_a_poller_sees_a_corrected_task_again(labeling):
    task_ids = labeling.create(2)
    for _ in task_ids:
        judge(labeling, "ann", 6)
    seen = max(completed_at(labeling, one) for one in task_ids)
    correct(labeling, task_ids[0], [LIKERT_2])

    with labeling.world.client() as client:
        asked = {"project_id": labeling.project.project_id, "completed_after": seen}
        found = walk(client, "/v2/tasks", **asked)

    assert [one["task_id"] for one in found] == [task_ids[0]]
    [turn] = found[0]["threads"][0]["turns"]
    assert values(turn["annotations"])["likert_value"] == 2


def test_a_correction_is_announced_and_called_back_again(labeling):
    labeling.write(
        lambda tx: endpoints.create_endpoint(
            tx,
            labeling.world.secret,
            labeling.environment_id,
            url="http://127.0.0.1:1/",
            events=["task.completed"],
        )
    )
    [task_id] = labeling.create(callback_url="http://127.0.0.1:1/back")
    judge(labeling, "ann", 6)
    correct(labeling, task_id, [LIKERT_2])

    async def told(tx):
        rows = await tx.all("SELECT payload FROM event WHERE type = 'task.completed'", {})
        sent = await tx.one("SELECT COUNT(*) FROM webhook_message WHERE target LIKE '%/back'", {})
        return [msgspec.json.decode(bytes(row[0])) for row in rows], sent[0]

    events, called_back = labeling.write(told)
    preferences = {
        values(one["task"]["threads"][0]["turns"][0]["annotations"])["likert_value"]
        for one in events
    }
    assert (len(events), preferences, called_back) == (2, {6, 2}, 2)


def test_a_frozen_delivery_stays_what_it_was(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    with labeling.world.client() as client:
        made = client.post(
            f"/manage/v1/projects/{labeling.project.project_id}/deliveries",
            json={"name": "January"},
        ).json()
        where = {"delivery_id": made["id"]}
        was = walk(client, "/v2/delivery", **where)

        correct(labeling, task_id, [LIKERT_2])

        assert walk(client, "/v2/delivery", **where) == was
        assert ids_of(client, made["id"]) == [task_id]
        changed = walk(client, f"/manage/v1/deliveries/{made['id']}/changes")
        assert [(one["task_id"], one["threads_changed"]) for one in changed] == [(task_id, True)]
    assert turn_of(labeling, task_id) != was[0]["threads"][0]["turns"][0]


def test_every_correction_stays_in_the_history_with_before_and_after(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    correct(labeling, task_id, [LIKERT_2])
    correct(labeling, task_id, [LIKERT_2 | {"value": 5}], "boss")

    found = said(labeling, task_id)

    assert [(one.kind, one.user_id) for one in found] == [("correct", "boss"), ("correct", "rev")]
    assert [[(was.value, now.value) for was, now in one.fixes] for one in found] == [
        [(2, 5)],
        [(6, 2)],
    ]
    [one] = labeling.counting(task_id)
    preference = json.loads(one.answers)
    assert 6 in [answer.get("value") for answer in preference]


def test_votes_stay_beside_a_corrected_value(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    for user_id, likert in (("ann", 3), ("ben", 3)):
        judge(labeling, user_id, likert)

    correct(labeling, task_id, [LIKERT_2])

    likert = next(
        one for one in turn_of(labeling, task_id)["annotations"] if one["key"] == "likert_value"
    )
    assert (likert["value"], [one["value"] for one in likert["votes"]]) == (2, [3, 3])


def test_what_was_completed_by_an_import_can_be_corrected(world):
    from_elsewhere = make_content()[0]
    labeling = LabelingProject(world)
    threads = [msgspec.to_builtins(from_elsewhere)]
    threads[0]["turns"][0]["annotations"] = [
        {"id": "foreign_1", "key": "likert_value", "type": "integer", "value": 7},
        {"id": "foreign_2", "key": "selected_model_id", "type": "category", "value": "test_model"},
    ]
    row = {
        "task_id": "task_elsewhere",
        "project": labeling.project.project_id,
        "status": "completed",
        "created_at": "2025-01-01T00:00:00Z",
        "completed_at": "2025-01-02T00:00:00Z",
        "threads": threads,
    }
    _, rejects = world.load([{"kind": "task", "value": row}], "archive")
    assert rejects == []

    correct(labeling, "task_elsewhere", [LIKERT_2])

    annotations = turn_of(labeling, "task_elsewhere")["annotations"]
    assert [(one["id"], one["value"]) for one in annotations] == [
        ("foreign_1", 2),
        ("foreign_2", "base_model"),
    ]
    with world.client() as client:
        by_id = client.get("/v2/annotation", params={"annotation_id": "foreign_1"}).json()
    assert by_id["value"] == 2


def test_one_score_of_a_rubric_is_corrected_and_the_total_follows(world):
    rubric = {
        "criteria_definitions": [
            {"id": "short", "criterion": "Is it short?", "weight": 2, "annotations": []},
            {"id": "true", "criterion": "Is it true?", "weight": 3, "annotations": []},
        ]
    }
    labeling = LabelingProject(world, types=["Rubrics"], form=None)
    turn = make_turn(messages=[make_message("user"), make_message("model")], rubrics=[rubric])
    [task_id] = labeling.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1, "key": "score"}
    labeling.submit(
        labeling.take(), [where | {"criterion": c, "value": True} for c in ("short", "true")]
    )

    correct(labeling, task_id, [where | {"criterion": "true", "value": False}])

    [evaluation] = turn_of(labeling, task_id)["messages"][1]["rubric_evaluations"]
    scores = {
        one["criterion_definition_id"]: one["score"] for one in evaluation["criteria_evaluations"]
    }
    assert scores == {"short": 1, "true": 0}
    assert (evaluation["total_score"], evaluation["percentage"]) == (2, 40)


def test_a_response_that_was_written_is_replaced_by_a_correction(world):
    labeling = LabelingProject(world, types=["SFT"], form=None, overlap=2)
    turn = make_turn(messages=[make_message("user", "Say hello.")])
    [task_id] = labeling.create(content=make_content(turn))
    for user_id in ("ann", "ben"):
        written = [{"at": "t0u0", "key": "response", "value": f"Hello from {user_id}."}]
        labeling.submit(labeling.take(user_id), written)

    correct(labeling, task_id, [{"at": "t0u0", "key": "response", "value": "Good day."}])

    messages = turn_of(labeling, task_id)["messages"]
    assert [(one["role"], one["content"]["text"]) for one in messages] == [
        ("user", "Say hello."),
        ("assistant", "Good day."),
    ]


def test_a_preference_that_is_taken_back_names_no_response_any_more(world):
    likert = {"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first"}
    labeling = LabelingProject(world, form={"fields": [OVERALL, likert | {"not_applicable": True}]})
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    assert values(turn_of(labeling, task_id)["annotations"])["selected_model_id"] == "test_model"

    correct(labeling, task_id, [{"at": "t0u0", "key": "likert_value", "not_applicable": True}])

    [left] = turn_of(labeling, task_id)["annotations"]
    assert (left["key"], left["not_applicable"]) == ("likert_value", True)


def test_a_form_that_has_changed_since_takes_nothing_from_what_was_delivered(labeling):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    labeling.set(form={"fields": [one for one in FORM["fields"] if one["key"] != "overall"]})

    correct(labeling, task_id, [LIKERT_2])

    messages = turn_of(labeling, task_id)["messages"][1:]
    assert [values(one["annotations"]) for one in messages] == [{"overall": 3}, {"overall": 3}]


@one_engine
@pytest.mark.parametrize(
    "fixes",
    [
        [],
        None,
        {},
        [LIKERT_2 | {"value": 9}],
        [LIKERT_2, LIKERT_2],
        [LIKERT_2 | {"at": "t9u0"}],
        [LIKERT_2 | {"key": "nothing"}],
        [{"at": "t0u0", "position": 3, "key": "overall", "value": 1}],
        [{"at": "t0u0", "key": "likert_value"}],
        [{"at": "t0u0", "key": "likert_value", "justification": "So."}],
        ["x"],
    ],
)
def test_a_correction_that_is_not_in_order_changes_nothing(labeling, fixes):
    [task_id] = labeling.create()
    judge(labeling, "ann", 6)
    was = delivered(labeling, task_id)

    with pytest.raises(AnswersRejected):
        correct(labeling, task_id, fixes)

    assert delivered(labeling, task_id) == was
    assert said(labeling, task_id) == []


def test_what_is_not_completed_or_has_no_threads_cannot_be_corrected(labeling):
    open_id, canceled_id, reported_id = labeling.create(3)
    labeling.move(lifecycle.cancel_task, canceled_id)
    lease = next(
        one
        for one in (labeling.take(), labeling.take("ben"))
        if one.seq == labeling.task(reported_id).seq
    )
    labeling.do(task_notes.report_sensitive, lease, kind="violence")
    labeling.decide(review_decisions.confirm_report, reported_id, "boss")

    for task_id in (open_id, canceled_id, reported_id):
        with pytest.raises(Conflict):
            correct(labeling, task_id, [LIKERT_2])


def test_who_has_submitted_cannot_undo_what_was_corrected(labeling):
    [task_id] = labeling.create()
    lease = judge(labeling, "ann", 6)
    correct(labeling, task_id, [LIKERT_2])

    for verb in (labeling.undo, labeling.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(lease)

    assert values(turn_of(labeling, task_id)["annotations"])["likert_value"] == 2


@pytest.mark.parametrize("has_batch", [True, False])
def test_of_two_corrections_at_once_one_is_made_and_the_other_is_told(labeling, at_once, has_batch):
    for number in range(6):
        batch = labeling.batch(f"batch {number}") if has_batch else None
        [task_id] = labeling.create(batch=batch)
        judge(labeling, "ann", 6)
        seen = standing(labeling, task_id).revision

        found = at_once(
            labeling,
            *(
                lambda own, t=task_id, s=seen, v=value: correct(
                    own, t, [LIKERT_2 | {"value": v}], f"rev_{v}", revision=s
                )
                for value in (1, 2, 3)
            ),
        )

        made = [one for one in found if not isinstance(one, Problem)]
        assert len(made) == 1
        assert all(isinstance(one, Conflict) for one in found if isinstance(one, Problem))
        [note] = said(labeling, task_id)
        [(_, now)] = note.fixes
        assert values(turn_of(labeling, task_id)["annotations"])["likert_value"] == now.value


def test_corrections_of_different_answers_at_once_are_never_half_lost(labeling, at_once):
    for _ in range(6):
        [task_id] = labeling.create()
        judge(labeling, "ann", 6)
        first = {"at": "t0u0", "position": 1, "key": "overall", "value": 1}

        found = at_once(
            labeling,
            lambda own, t=task_id: correct(own, t, [LIKERT_2], "rev"),
            lambda own, t=task_id, fix=first: correct(own, t, [fix], "boss"),
        )

        turn = turn_of(labeling, task_id)
        assert isinstance(found[0], Problem) or values(turn["annotations"])["likert_value"] == 2
        overall = values(turn["messages"][1]["annotations"])["overall"]
        assert isinstance(found[1], Problem) or overall == 1
        assert (
            len(said(labeling, task_id)) == sum(not isinstance(one, Problem) for one in found) >= 1
        )


def test_a_correction_and_an_undo_at_once_exclude_each_other(labeling, at_once):
    for number in range(6):
        [task_id] = labeling.create(batch=labeling.batch(f"batch {number}"))
        lease = judge(labeling, f"user_{number}", 6)

        corrected, undone = at_once(
            labeling,
            lambda own, t=task_id: correct(own, t, [LIKERT_2]),
            lambda own, of=lease: own.undo(of),
        )

        assert isinstance(corrected, Problem) != isinstance(undone, Problem)
        is_corrected = not isinstance(corrected, Problem)
        assert (labeling.status(task_id) is TaskStatus.completed) == is_corrected
        assert len(said(labeling, task_id)) == is_corrected
        if not is_corrected:
            labeling.submit(undone, key="second")
