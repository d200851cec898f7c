"""Label Studio exports: whose annotations count, what regions say, and configurations."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.errors import InvalidContent
from plaudit.formats import label_studio
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.label_studio import FORMAT, NEEDS_CONFIG, annotators
from tests.formats.judged.label_studio_tasks import CONFIG, by, left, region, task
from tests.formats.judged.rows import (
    annotation_of,
    messages_of,
    read,
    rows_of,
    sweep,
    value_of,
    votes_of,
)

SAMPLE = task(
    by(
        {"id": 3, "email": "ann@example.org"},
        left(),
        region("overall_one", "rating", {"rating": 6}, "one"),
        region("faults", "choices", {"choices": ["long", "wrong"]}, "two"),
        region("rewrite", "textarea", {"text": ["Nobody", "knows."]}, "two"),
        region("spans", "labels", {"start": 0, "end": 4, "labels": ["error"]}, "two"),
    ),
    by(4, region("else", "choices", {"choices": ["tie"]})),
)


def test_left_is_the_response_that_the_configuration_names_first():
    turn = read(FORMAT, task(by(1, left("right"))), config=CONFIG).last_turn

    assert value_of(turn, "selected_model_id") == "heron"
    assert [one["source_id"] for one in turn["messages"]] == ["user", "otter", "heron"]
    assert turn["messages"][2]["model_parameters"] == {"model": "heron"}


def test_pairwise_regions_without_a_configuration_refuse_the_import():
    with pytest.raises(InvalidContent, match="--config"):
        read(FORMAT, task(), task(by(1, left())))


def test_each_row_is_refused_where_the_form_is_not_asked_for():
    reader = label_studio.LabelStudioReader(ImportOptions(), ImportNotes())
    rows = rows_of([task(), task(by(1, left()))])
    for row in rows:
        reader.observe(row)

    with pytest.raises(InvalidContent) as refused:
        next(reader.read(rows[:1]))

    assert refused.value.message == NEEDS_CONFIG


def test_a_configuration_without_the_control_refuses_the_row():
    config = CONFIG.replace('name="better"', 'name="other"')

    outcome = read(FORMAT, task(by(1, left())), config=config)

    assert [(row, pointer) for row, pointer, _ in outcome.refused] == [
        (1, "/annotations/0/result/0/from_name")
    ]


def test_only_left_and_right_are_selected():
    outcome = read(FORMAT, task(by(1, left("middle"))), config=CONFIG)

    assert outcome.refused == [
        (1, "/annotations/0/result/0/value/selected", "expected 'left' or 'right', not 'middle'")
    ]


def test_votes_of_all_persons_stand_under_the_verdict():
    outcome = read(
        FORMAT, task(by(1, left()), by(2, left()), by({"id": 3}, left("right"))), config=CONFIG
    )

    assert votes_of(outcome.last_turn, "selected_model_id") == {
        "1": "otter",
        "2": "otter",
        "3": "heron",
    }
    assert value_of(outcome.last_turn, "selected_model_id") == "otter"
    assert [one["contributor_id"] for one in outcome.task.threads[0]["submissions"]] == [
        "1",
        "2",
        "3",
    ]


@pytest.mark.parametrize(("word", "verdict"), [("tie", "tie"), ("both_bad", "all_bad")])
def test_choices_say_that_no_response_is_better(word, verdict):
    turn = read(
        FORMAT, task(by(1, region("else", "choices", {"choices": [word]}))), config=CONFIG
    ).last_turn

    assert value_of(turn, "preference") == verdict
    assert annotation_of(turn, "selected_model_id") is None
    assert annotation_of(turn, "else") is None


def test_votes_that_come_to_nothing_are_kept_with_null():
    turn = read(
        FORMAT,
        task(by(1, left()), by(2, region("else", "choices", {"choices": ["tie"]}))),
        config=CONFIG,
    ).last_turn

    assert value_of(turn, "selected_model_id") is None
    assert votes_of(turn, "selected_model_id") == {"1": "otter", "2": "tie"}


def test_answers_about_a_response_lose_its_name_in_their_key():
    task_ = read(FORMAT, SAMPLE, config=CONFIG)
    otter, heron = task_.last_turn["messages"][1:]

    assert value_of(otter, "overall") == 6
    assert annotation_of(otter, "overall")["possible_values"] == [1, 2, 3, 4, 5, 6, 7]
    assert value_of(heron, "faults") == ["long", "wrong"]
    assert value_of(heron, "rewrite") == "Nobody\nknows."
    assert value_of(heron, "spans") == [{"label": "error", "text": "Very"}]
    assert task_.task.metadata["label_studio"]["spans"][0]["value"]["start"] == 0


def test_the_form_asks_what_the_controls_ask():
    form = read(FORMAT, SAMPLE, config=CONFIG).form

    assert form is not None
    fields = {field.key: field for field in form.fields}
    assert list(fields) == [
        "selected_model_id",
        "preference",
        "overall",
        "faults",
        "rewrite",
        "spans",
    ]
    assert fields["rewrite"].use == "rewrite"
    assert fields["spans"].labels == ["error"]
    assert fields["faults"].possible_values == ["long", "wrong"]


def test_cancelled_and_rejected_annotations_are_no_votes():
    outcome = read(
        FORMAT,
        task(
            by(1, left(), was_cancelled=True),
            by(2, left("right"), last_action="rejected"),
            by(3, left("right"), reviews=[{"created_at": "2026-01-02", "accepted": False}]),
            by(4, left(), reviews=[{"accepted": False}], last_action="accepted"),
        ),
        config=CONFIG,
    )

    assert votes_of(outcome.last_turn, "selected_model_id") == {"4": "otter"}
    kept = outcome.task.metadata["label_studio"]
    assert [len(kept["cancelled"]), len(kept["rejected"])] == [1, 2]
    assert outcome.notes.count(annotators.REJECTED) == 2


def test_drafts_and_predictions_are_no_votes():
    value = task() | {"drafts": [by(1, left())], "predictions": [{"result": [left()]}]}

    outcome = read(FORMAT, value, config=CONFIG)

    assert not outcome.task.is_judged
    assert outcome.last_turn["annotations"] == []
    assert set(outcome.task.metadata["label_studio"]) >= {"drafts", "predictions"}


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "otter"),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "heron"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "heron"),
        ("no time", None, "heron"),
    ],
)
def test_the_later_of_a_persons_annotations_counts(first, second, winner):
    outcome = read(
        FORMAT,
        task(by(1, left(), at=first), by({"id": 1}, left("right"), at=second)),
        config=CONFIG,
    )

    assert votes_of(outcome.last_turn, "selected_model_id") == {"1": winner}
    assert outcome.notes.count(annotators.REPLACED) == 1
    assert "email" not in json.dumps(outcome.task.metadata)


def test_annotators_without_an_id_have_made_up_names():
    outcome = read(FORMAT, task(by(None, left()), by({}, left())), config=CONFIG)

    assert votes_of(outcome.last_turn, "selected_model_id") == {
        "unnamed annotator 1": "otter",
        "unnamed annotator 2": "otter",
    }
    assert outcome.notes.count(annotators.ANONYMOUS) == 2


def test_a_task_without_annotations_is_open_work():
    values = [task(), task() | {"annotations": None}]

    outcome = read(FORMAT, *values, config=CONFIG)

    assert [one.is_judged for one in outcome.tasks] == [False, False]


def test_ratings_out_of_range_are_refused():
    value = task(by(1, region("overall_one", "rating", {"rating": 8}, "one")))

    outcome = read(FORMAT, value, config=CONFIG)

    assert outcome.refused == [
        (1, "/annotations/0/result/0/value/rating", "expected an integer from 1 to 7, not 8")
    ]


def test_unknown_regions_stay_in_the_metadata():
    odd = region("boxes", "rectanglelabels", {"x": 1, "rectanglelabels": ["Car"]})

    outcome = read(FORMAT, task(by(1, odd)))

    assert outcome.task.metadata["label_studio"]["other_regions"] == [odd]
    assert outcome.notes.count(label_studio.OTHER_REGION) == 1
    assert outcome.task.flags == ["non_text"]


def test_without_a_configuration_columns_with_plain_names_are_the_conversation():
    value = task(
        by(
            1,
            region("quality_answer_a", "rating", {"rating": 2}, "answer_a"),
            region("topic", "choices", {"choices": ["water"]}, "$question"),
        )
    )

    outcome = read(FORMAT, value)

    assert [one["content"]["text"] for one in messages_of(outcome.task)] == [
        "How deep is the lake?",
        "Nine metres.",
        "Very deep.",
    ]
    assert value_of(outcome.last_turn["messages"][1], "quality") == 2
    assert value_of(outcome.last_turn, "topic") == "water"


def test_a_ranker_orders_the_items_of_a_list():
    items = [{"id": "x", "title": "One"}, {"id": "y", "title": "Two", "body": "More"}]
    ranked = region("order", "ranker", {"ranker": {"order": ["y", "x"]}}, "list")
    value = {"id": 1, "data": {"query": "Which?", "items": items}, "annotations": [by(1, ranked)]}

    turn = read(FORMAT, value).last_turn

    assert value_of(turn, "ranking") == ["y", "x"]
    assert [one["content"]["text"] for one in turn["messages"]] == ["Which?", "One", "Two\n\nMore"]


def test_a_rankers_buckets_say_where_each_item_lies():
    items = [{"id": "x", "title": "One"}, {"id": "y", "title": "Two"}]
    ranked = region("fit", "ranker", {"ranker": {"good": ["y"], "_": ["x"]}}, "list")
    value = {"id": 1, "data": {"query": "Which?", "items": items}, "annotations": [by(1, ranked)]}

    turn = read(FORMAT, value).last_turn

    assert [value_of(one, "fit") for one in turn["messages"]] == [None, None, "good"]


def test_chats_that_annotators_wrote_are_threads_of_their_own():
    def said(role: str, text: str) -> dict[str, Any]:
        return region("chat", "chatmessage", {"chatmessage": {"role": role, "content": text}})

    annotations = [by(n, said("user", "Hi"), said("assistant", f"Hello {n}")) for n in (1, 2)]
    value = {"id": 1, "data": {"scenario_prompt": "Act!", "chat": []}, "annotations": annotations}

    threads = read(FORMAT, value).task.threads

    assert [one["submissions"][0]["contributor_id"] for one in threads] == ["1", "2"]
    assert [len(one["turns"][0]["messages"]) for one in threads] == [2, 2]


def test_a_chat_in_the_data_is_annotated_as_a_whole():
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    value = {
        "id": 1,
        "data": {"chat": chat},
        "annotations": [by(1, region("safe", "choices", {"choices": ["yes"]}, "chat"))],
    }

    task_ = read(FORMAT, value).task

    assert value_of(task_.threads[0], "safe") == "yes"


def test_hostile_rows_are_refused_or_taken_but_never_fail():
    assert sweep(FORMAT, SAMPLE, CONFIG) > 100


@pytest.mark.parametrize(
    "value",
    [
        {"data": {"text": "Hi"}},
        {"data": {"text": "Hi"}, "annotations": {}},
        {"data": [1], "annotations": []},
        {"data": {"x": 1}, "annotations": [{"label": "a"}]},
        {"id": 1, "annotations": []},
    ],
)
def test_other_shapes_are_not_detected(value):
    assert FORMAT.detect is not None
    assert FORMAT.detect(rows_of([value])) is None


SHOWN_WHEN = """<View>
  <Text name="q" value="$prompt"/>
  <View visibleWhen="choice-selected" whenTagName="verdict" whenChoiceValue="bad, ugly">
    <TextArea name="reason" toName="q"/>
    <Choices name="flaw" toName="q" visibleWhen="choice-selected" whenTagName="reason">
      <Choice value="rude"/></Choices>
  </View>
  <Choices name="verdict" toName="q">
    <Choice value="good"/><Choice value="bad"/><Choice value="ugly"/></Choices>
  <Choices name="other" toName="q" visibleWhen="region-selected"><Choice value="x"/></Choices>
  <Choices name="lost" toName="q" visibleWhen="choice-selected" whenTagName="nothing">
    <Choice value="y"/></Choices>
  <Choices name="wrong" toName="q" visibleWhen="choice-selected" whenTagName="verdict"
    whenChoiceValue="unknown"><Choice value="z"/></Choices>
</View>"""


def test_of_a_form_that_is_too_long_the_first_questions_are_taken_with_their_conditions():
    """Each is compared with the others, which thousands of controls would make long."""
    controls = "".join(
        f'<Choices name="c{number}" toName="q" visibleWhen="choice-selected"'
        f' whenTagName="c{max(0, number - 1)}"><Choice value="x"/></Choices>'
        for number in range(4000)
    )
    given = [region(f"c{number}", "choices", {"choices": ["x"]}, "q") for number in range(4000)]
    row = {"id": 1, "data": {"prompt": "Why?"}, "annotations": [by(1, *given)]}

    began = time.process_time()
    form = read(FORMAT, row, config=f'<View><Text name="q" value="$prompt"/>{controls}</View>').form

    assert time.process_time() - began < 10
    assert form is not None
    assert len(form.fields) == 200
    assert all(field.ask_if is not None for field in form.fields[1:])


def test_what_is_visible_when_a_choice_is_selected_is_asked_only_then():
    given = [
        region(name, "choices", {"choices": [word]}, "q")
        for name, word in (("flaw", "rude"), ("other", "x"), ("lost", "y"), ("wrong", "z"))
    ]
    given.append(region("reason", "textarea", {"text": ["Rude."]}, "q"))
    given.append(region("verdict", "choices", {"choices": ["bad"]}, "q"))
    row = {"id": 1, "data": {"prompt": "Why?"}, "annotations": [by(1, *given)]}

    form = read(FORMAT, row, config=SHOWN_WHEN).form

    assert form is not None
    conditions = {one.key: one.ask_if for one in form.fields}
    verdict, reason = conditions["reason"], conditions["flaw"]
    assert (verdict.key, verdict.operator, verdict.value) == ("verdict", "is", ["bad", "ugly"])
    assert (reason.key, reason.operator, reason.value) == ("reason", "answered", None)
    assert [conditions[name] for name in ("verdict", "other", "lost", "wrong")] == [None] * 4
    check_form(form)


def test_conditions_are_applied_to_what_several_people_come_to():
    """Who is outvoted in what a condition names is outvoted in what it asks, and keeps her vote."""

    def said(word: str, *more: Any) -> list[Any]:
        return [region("verdict", "choices", {"choices": [word]}, "q"), *more]

    why = region("reason", "textarea", {"text": ["Rude."]}, "q")
    flaw = region("flaw", "choices", {"choices": ["rude"]}, "q")
    people = {"good": (said("good"), said("good")), "bad": (said("bad"), said("good"))}
    found = {}
    for word, others in people.items():
        given = [by(1, *said("bad", why, flaw)), *(by(n, *one) for n, one in enumerate(others, 2))]
        row = {"id": 1, "data": {"prompt": "Why?"}, "annotations": given}
        found[word] = read(FORMAT, row, config=SHOWN_WHEN)
    alone = read(
        FORMAT,
        {"id": 1, "data": {"prompt": "Why?"},
         "annotations": [by(1, *said("good", why))]},
        config=SHOWN_WHEN,
    )  # fmt: skip

    hidden, asked = found["good"].last_turn, found["bad"].last_turn
    assert [value_of(hidden, key) for key in ("verdict", "reason", "flaw")] == ["good", None, None]
    assert votes_of(hidden, "flaw") != []
    assert [value_of(asked, key) for key in ("verdict", "reason")] == ["bad", "Rude."]
    assert value_of(alone.last_turn, "reason") == "Rude."
    assert found["good"].notes.count(label_studio.UNASKED) == 2
