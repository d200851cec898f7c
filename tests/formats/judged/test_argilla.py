"""Argilla records: which answers are votes, kinds of questions, and the shapes there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats import argilla
from plaudit.formats.argilla import FORMAT
from tests.formats.judged.rows import (
    annotation_of,
    messages_of,
    read,
    rows_of,
    sweep,
    value_of,
    votes_of,
)
from tests.support.running.every_case import every_case

FIELDS = {"prompt": "How deep is the lake?", "response_1": "Nine metres.", "response_2": "Deep."}

SETTINGS = json.dumps(
    {
        "fields": [{"name": "prompt", "settings": {"type": "text"}}],
        "questions": [
            {
                "name": "quality",
                "title": "How good?",
                "settings": {"type": "rating", "options": [{"value": n} for n in (1, 2, 3)]},
            },
            {
                "name": "topic",
                "settings": {
                    "type": "label_selection",
                    "options": [{"value": "w", "text": "Water"}, {"value": "f", "text": "Fire"}],
                },
            },
            {
                "name": "spans",
                "settings": {
                    "type": "span",
                    "field": "response_1",
                    "options": [{"value": "error"}],
                },
            },
            {"name": "why", "settings": {"type": "text"}},
        ],
    }
)


def answer(value: Any, user: Any = "ann", **more: Any) -> dict[str, Any]:
    return {"value": value, "user_id": user, **more}


def nested(responses: Any, fields: Any = FIELDS, **more: Any) -> dict[str, Any]:
    return {
        "id": "r1",
        "fields": fields,
        "metadata": {"source": "made"},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
        "status": "completed",
        "_server_id": "s1",
        **more,
    }


def flat(**columns: Any) -> dict[str, Any]:
    return {"id": "r1", "_server_id": "s1", "status": "completed", **FIELDS, **columns}


def by_person(*responses: Any) -> dict[str, Any]:
    return {"fields": FIELDS, "metadata": {}, "responses": list(responses), "suggestions": []}


def test_only_submitted_answers_are_votes():
    outcome = read(
        FORMAT,
        flat(
            **{
                "quality.responses": [5, 1, 2],
                "quality.responses.users": ["ann", "ben", "cat"],
                "quality.responses.status": ["submitted", "draft", "discarded"],
            }
        ),
    )

    assert votes_of(outcome.last_turn, "quality") == {"ann": 5}
    assert outcome.notes.count(argilla.NOT_SUBMITTED) == 2
    kept = outcome.task.metadata["argilla"]
    assert kept["draft_answers"] == [{"question": "quality", "value": 1, "user": "ben"}]
    assert kept["discarded_answers"][0]["user"] == "cat"


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_answers_in_cells_are_read(write):
    columns = {
        "quality.responses": [5, 1],
        "quality.responses.users": ["ann", "ben"],
        "quality.responses.status": ["submitted", "draft"],
    }
    cells = {name: write(value) for name, value in columns.items()}

    outcome = read(FORMAT, flat(**cells, **{"why.responses": "", "why.responses.users": ""}))

    assert votes_of(outcome.last_turn, "quality") == {"ann": 5}


def test_a_record_with_drafts_alone_is_open_work():
    columns = {
        "quality.responses": [5],
        "quality.responses.users": ["ann"],
        "quality.responses.status": ["draft"],
    }

    assert not read(FORMAT, flat(**columns)).task.is_judged


def test_nested_records_have_lost_the_status_which_is_said_and_counted():
    outcome = read(FORMAT, nested({"quality": [answer(3), answer(4, "ben"), answer(4, "cat")]}))

    assert votes_of(outcome.last_turn, "quality") == {"ann": 3, "ben": 4, "cat": 4}
    assert value_of(outcome.last_turn, "quality") == 4
    assert outcome.notes.count(argilla.STATUS_LOST) == 3
    assert outcome.task.item_id == "r1"


def test_suggestions_are_no_votes():
    suggested = {"quality": {"value": 3, "score": 0.9, "agent": "model"}}

    outcome = read(FORMAT, nested({}, suggestions=suggested))

    assert not outcome.task.is_judged
    assert outcome.last_turn["annotations"] == []
    assert outcome.task.metadata["argilla"]["suggestions"] == suggested


def test_records_of_version_1_have_the_status_of_each_person():
    outcome = read(
        FORMAT,
        by_person(
            {"user_id": "ann", "status": "submitted", "values": {"quality": {"value": 2}}},
            {"user_id": "ben", "status": "discarded", "values": None},
            {"user_id": "cat", "status": "draft", "values": {"quality": {"value": 1}}},
        ),
    )

    assert votes_of(outcome.last_turn, "quality") == {"ann": 2}
    assert outcome.notes.count(argilla.STATUS_LOST) == 0


def test_fields_become_prompt_and_responses():
    messages = messages_of(read(FORMAT, nested({})).task)

    assert [(one["role"], one["source_id"], one["content"]["text"]) for one in messages] == [
        ("user", "user", "How deep is the lake?"),
        ("assistant", "response_1", "Nine metres."),
        ("assistant", "response_2", "Deep."),
    ]


def test_a_chat_field_is_the_conversation():
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]

    turns = read(FORMAT, nested({}, {"chat": chat})).task.threads[0]["turns"]

    assert [one["role"] for one in turns[0]["messages"]] == ["user", "assistant"]


def test_a_label_that_names_a_response_is_a_verdict():
    values = [
        nested({"better": [answer("response_1"), answer("response_2", "ben")]}),
        nested({"better": [answer("response_1"), answer("response_1", "ben")]}),
        nested({"better": [answer("tie")]}),
    ]

    tasks = read(FORMAT, *values).tasks

    turns = [task.threads[0]["turns"][-1] for task in tasks]
    assert [value_of(turn, "selected_model_id") for turn in turns] == [None, "response_1", None]
    assert value_of(turns[2], "preference") == "tie"
    assert votes_of(turns[0], "selected_model_id") == {"ann": "response_1", "ben": "response_2"}


@pytest.mark.parametrize(
    "value",
    [
        ["response-2", "response-1"],
        [{"value": "response-1", "rank": 2}, {"value": "response-2", "rank": 1}],
    ],
)
def test_rankings_of_responses_name_them(value):
    outcome = read(FORMAT, nested({"order": [answer(value)]}))

    assert value_of(outcome.last_turn, "ranking") == ["response_2", "response_1"]
    assert outcome.form is not None
    assert [field.key for field in outcome.form.fields] == ["ranking"]


def test_kinds_of_questions_follow_from_their_answers():
    values = [
        nested(
            {
                "topic": [answer("water")],
                "why": [answer(f"Because {n}.")],
                "tags": [answer(["a", "b"])],
                "quality": [answer(n)],
            }
        )
        for n in (1, 2, 3)
    ]

    form = read(FORMAT, *values).form

    assert form is not None
    assert {field.key: field.type for field in form.fields} == {
        "topic": "category",
        "why": "text",
        "tags": "category_multiple",
        "quality": "integer",
    }


def test_the_settings_say_what_the_questions_are():
    outcome = read(
        FORMAT,
        nested({"quality": [answer(3)], "topic": [answer("w")], "why": [answer("So.")],
                "spans": [answer([{"label": "error", "start": 0, "end": 4}])]}),
        config=SETTINGS,
    )  # fmt: skip

    assert outcome.form is not None
    fields = {field.key: field for field in outcome.form.fields}
    assert fields["quality"].possible_values == [1, 2, 3]
    assert fields["quality"].title == "How good?"
    assert fields["topic"].labels == ["Water", "Fire"]
    assert fields["spans"].labels == ["error"]
    spans = value_of(outcome.last_turn["messages"][1], "spans")
    assert spans == [{"label": "error", "text": "Nine"}]


def test_answers_that_do_not_fit_stay_in_the_metadata():
    outcome = read(FORMAT, nested({"quality": [answer(9)]}), config=SETTINGS)

    assert annotation_of(outcome.last_turn, "quality") is None
    assert outcome.notes.count(argilla.OTHER_ANSWER) == 1
    assert outcome.task.metadata["argilla"]["other_answers"] == [
        {"question": "quality", "value": 9, "user": "ann"}
    ]


def test_a_question_about_a_response_is_asked_about_it():
    outcome = read(FORMAT, nested({"quality_response_1": [answer(4)]}))

    assert value_of(outcome.last_turn["messages"][1], "quality") == 4


def test_people_who_are_gone_have_made_up_names():
    outcome = read(FORMAT, nested({"quality": [answer(1, None), answer(2, "None")]}))

    assert votes_of(outcome.last_turn, "quality") == {
        "unnamed annotator 1": 1,
        "unnamed annotator 2": 2,
    }
    assert outcome.notes.count(argilla.ANONYMOUS) == 2


def test_a_person_answers_a_question_once():
    outcome = read(FORMAT, nested({"quality": [answer(1), answer(2)]}))

    assert votes_of(outcome.last_turn, "quality") == {"ann": 2}
    assert outcome.notes.count(argilla.ANSWERED_TWICE) == 1


def test_images_stay_in_the_metadata():
    outcome = read(FORMAT, nested({}, FIELDS | {"image": "data:image/png;base64,AAAA"}))

    assert outcome.task.flags == ["non_text"]
    assert "image" in outcome.task.metadata["argilla"]["fields"]


@every_case(
    "value, pointer",
    [
        (nested({"quality": {"value": 1}}), "/responses/quality"),
        (nested({"quality": [1]}), "/responses/quality/0"),
        (nested({}, []), "/fields"),
        (nested({}, {}), "/fields"),
        (nested({}, {"prompt": None}), "/fields"),
        (nested("x"), "/responses"),
        (by_person({"user_id": "ann", "status": "odd", "values": {"q": {"value": 1}}}),
         "/responses/0/status"),
        (flat(**{"q.responses": [1, 2], "q.responses.users": ["ann"]}), "/q.responses"),
    ],
)  # fmt: skip
def test_unsound_records_are_refused(value, pointer):
    assert [at for _, at, _ in read(FORMAT, value).refused] == [pointer]


@pytest.mark.parametrize("config", ["", "<View/>", "{}", '{"questions": [{"name": "q"}]}', "[1]"])
def test_unsound_settings_are_refused(config):
    with pytest.raises(InvalidContent):
        read(FORMAT, nested({}), config=config)


def test_hostile_rows_are_refused_or_taken_but_never_fail():
    sample = nested(
        {
            "quality": [answer(3), answer(4, "ben")],
            "better": [answer("response_1")],
            "order": [answer([{"value": "response_1", "rank": 1}])],
            "spans": [answer([{"label": "error", "start": 0, "end": 4}])],
        }
    )
    columns = {"q.responses": ["a"], "q.responses.users": ["b"], "q.responses.status": ["draft"]}

    assert sweep(FORMAT, sample) > 100
    assert sweep(FORMAT, sample, SETTINGS) > 100
    assert sweep(FORMAT, flat(**columns)) > 10
    assert sweep(FORMAT, by_person({"user_id": "a", "status": "submitted", "values": {}})) > 10


def test_each_shape_is_detected_and_others_are_not():
    assert FORMAT.detect is not None
    columns = {"q.responses": [], "q.responses.users": []}
    for value in (nested({}), flat(**columns), by_person()):
        assert FORMAT.detect(rows_of([value]))
    for value in ({"fields": {}, "responses": {}}, {"q.responses": []}, {"id": 1}, FIELDS, [], 7):
        assert FORMAT.detect(rows_of([value])) is None
