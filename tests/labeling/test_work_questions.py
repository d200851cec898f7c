"""What each kind of question comes to in the delivered task."""

from __future__ import annotations

import json

from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.render.text_batch import TextBatch
from tests.labeling.test_work_submissions import delivered, values
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import FORM, LIKERT, OVERALL, WHY, LabelingProject, make_content

RANKING = {"key": "ranking", "level": "turn", "type": "ranked_groups", "required": True}


def test_more_than_two_responses_are_ranked(world):
    labeling = LabelingProject(world, form={"fields": [RANKING, LIKERT, OVERALL]})
    messages = [make_message("user"), *(make_message(f"model_{n}") for n in "abc")]
    [task_id] = labeling.create(content=make_content(make_turn(messages=messages)))
    lease = labeling.take()
    order = json.loads(lease.display)["t0u0"]
    at = {name: order.index(index) + 1 for index, name in enumerate("abc", 1)}
    graded = [
        {"at": "t0u0", "position": position, "key": "overall", "value": 3} for position in (1, 2, 3)
    ]

    labeling.submit(
        lease,
        [*graded, {"at": "t0u0", "key": "ranking", "value": [[at["b"]], [at["a"], at["c"]]]}],
    )

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    found = values(turn["annotations"])
    assert found["ranking"][0] == ["model_b"]
    assert set(found["ranking"][1]) == {"model_a", "model_c"}
    assert found["selected_model_id"] == "model_b"
    assert "likert_value" not in found


def test_a_response_written_from_nothing_becomes_a_message(world):
    labeling = LabelingProject(world, types=["SFT"], form=None)
    turn = make_turn(messages=[make_message("user", "Say hello.")])
    [task_id] = labeling.create(content=make_content(turn))
    lease = labeling.take()

    labeling.submit(lease, [{"at": "t0u0", "key": "response", "value": "Hello! @Response 1"}])

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    written = turn["messages"][-1]
    assert (written["role"], written["source_id"]) == ("assistant", "human")
    assert written["content"]["text"] == "Hello! @Response 1"


def test_several_people_write_several_responses(world):
    labeling = LabelingProject(world, types=["SFT"], form=None, overlap=2)
    turn = make_turn(messages=[make_message("user", "Say hello.")])
    [task_id] = labeling.create(content=make_content(turn))
    for user_id in ("ann", "ben"):
        said = f"Hello from {user_id}."
        labeling.submit(labeling.take(user_id), [{"at": "t0u0", "key": "response", "value": said}])

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]

    assert [(one["source_id"], one["content"]["text"]) for one in turn["messages"][1:]] == [
        ("human", "Hello from ann."),
        ("human_2", "Hello from ben."),
    ]


def test_steps_are_marked_one_by_one(world):
    labeling = LabelingProject(world, types=["Process Supervision"], form=None)
    chunks = [{"type": "text", "text": text, "annotations": []} for text in ("1 + 1", "= 3")]
    message = make_message("model", content={"text": "1 + 1 = 3", "chunks": chunks})
    turn = make_turn(messages=[make_message("user", "1 + 1?"), message])
    [task_id] = labeling.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1, "key": "step_label"}

    labeling.submit(
        labeling.take(),
        [where | {"chunk": 0, "value": "correct"}, where | {"chunk": 1, "value": "incorrect"}],
    )

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    marked = turn["messages"][1]["content"]["chunks"]
    assert [values(one["annotations"]) for one in marked] == [
        {"step_label": "correct"},
        {"step_label": "incorrect"},
    ]


def test_rubric_criteria_are_scored_with_their_weights(world):
    labeling = LabelingProject(world, types=["Rubrics"], form=None)
    rubric = {
        "criteria_definitions": [
            {"id": "short", "criterion": "Is it short?", "weight": 2, "annotations": []},
            {"id": "true", "criterion": "Is it true?", "weight": 3, "annotations": []},
            {"id": "rude", "criterion": "Is it rude?", "weight": -1, "annotations": []},
        ]
    }
    turn = make_turn(messages=[make_message("user"), make_message("model")], rubrics=[rubric])
    [task_id] = labeling.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1}
    met = {"short": True, "true": False, "rude": True}

    labeling.submit(
        labeling.take(),
        [
            *(where | {"criterion": c, "key": "score", "value": v} for c, v in met.items()),
            where | {"criterion": "true", "key": "evidence", "value": "It says 3."},
        ],
    )

    [turn] = delivered(labeling, task_id)["threads"][0]["turns"]
    [evaluation] = turn["messages"][1]["rubric_evaluations"]
    scores = {
        one["criterion_definition_id"]: one["score"] for one in evaluation["criteria_evaluations"]
    }
    assert scores == {"short": 1, "true": 0, "rude": 1}
    assert (evaluation["total_score"], evaluation["percentage"]) == (1, 20)
    evidence = evaluation["criteria_evaluations"][1]["annotations"]
    assert values(evidence) == {"evidence": "It says 3."}


def test_no_answer_is_an_answer_where_the_form_offers_it(world):
    fields = [OVERALL | {"cannot_assess": True, "not_applicable": True}, LIKERT, WHY]
    labeling = LabelingProject(world, form={"fields": fields})
    [task_id] = labeling.create()
    lease = labeling.take()
    where = {"at": "t0u0", "key": "overall"}

    labeling.submit(
        lease,
        [
            where | {"position": 1, "cannot_assess": True, "justification": "It is in Welsh."},
            where | {"position": 2, "not_applicable": True},
            {"at": "t0u0", "key": "likert_value", "value": 4},
        ],
    )

    messages = delivered(labeling, task_id)["threads"][0]["turns"][0]["messages"][1:]
    found = [one["annotations"][0] for one in messages]
    by_kind = {bool(one.get("cannot_assess")): one for one in found}
    assert by_kind[True]["justification"] == "It is in Welsh."
    assert by_kind[False]["not_applicable"] is True
    assert all(one.get("value") is None for one in found)


def test_turns_that_only_led_there_are_not_asked_about(world):
    labeling = LabelingProject(world, form=FORM)
    earlier = make_turn("turn_0", [make_message("user", "Hi."), make_message("model", "Hello.")])
    later = make_turn("turn_1", [make_message("user"), make_message("a"), make_message("b")])
    labeling.create(content=make_content(earlier, later))

    task = labeling.asked(labeling.take())

    assert {question.target.at for question in task.questions} == {"t0u1"}
    [thread] = annotation_view.build(
        task.form, task.content, task.display, texts=TextBatch()
    ).threads
    assert [turn.is_asked for turn in thread.turns] == [False, True]
