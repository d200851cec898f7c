"""Charts of answers: what a bar stands for, models by their names, and imported annotations."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling import answer_charts, answer_samples
from plaudit.core.labeling.answer_charts import SampledCharts, ValueDistribution
from plaudit.core.labeling.answer_samples import AnswerSample
from plaudit.core.labeling.types import TYPES
from plaudit.core.tasks.forms import Field, Form, Level, form_of
from plaudit.store.labeling.statistics import SampledSubmission
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.resources import project_detail
from tests.labeling.test_types import SAMPLES
from tests.support.builders import make_message, make_task, make_turn
from tests.support.labeling_project import LIKERT, OVERALL, LabelingProject, make_content

ANSWER = {"at": "t0u0", "key": "k"}


def field(kind: str, level: Level = Level.turn, **more: Any) -> Field:
    return Field(key="k", level=level, type=kind, **more)  # type: ignore[arg-type]


def chart_of(asked: Field, *answers: dict[str, Any], models: Any = ()) -> ValueDistribution:
    """The chart of answers to one field, each to a task of its own with these models."""
    rows = [
        SampledSubmission(seq, msgspec.json.encode([ANSWER | answer]), 1000, True)
        for seq, answer in enumerate(answers)
    ]
    contents = {
        seq: msgspec.json.encode(
            make_content(make_turn(messages=[make_message("user"), *map(response, names)]))
        )
        for seq, names in enumerate(models)
    }
    [spread] = answer_charts.sampled(Form(fields=[asked]), AnswerSample(rows, contents, [])).spreads
    return spread


def response(model: str) -> Any:
    source_id, _, name = model.partition("=")
    parameters = {"model_parameters": {"model": name}} if name else {}
    return make_message(source_id, **parameters)


def bars(spread: ValueDistribution) -> dict[str, int]:
    return {bar.label: bar.count for bar in spread.bars}


def test_a_category_that_is_called_not_applicable_has_a_bar_of_its_own():
    values = ["Not applicable", "Cannot assess", "None of them", "Others"]
    flags = ({"not_applicable": True}, {"cannot_assess": True}, {"value": []})
    chosen = [{"value": [value]} for value in values]

    spread = chart_of(field("category_multiple", possible_values=values), *chosen, *flags)

    assert [(bar.label, bar.count) for bar in spread.bars if bar.is_value] == [
        (value, 1) for value in values
    ]
    assert [(bar.label, bar.count) for bar in spread.bars if not bar.is_value] == [
        ("None of them", 1), ("Not applicable", 1), ("Cannot assess", 1),
    ]  # fmt: skip


def test_a_preference_names_the_model_wherever_its_response_stands():
    spread = chart_of(
        field("integer", scale="low_is_first"),
        {"value": 1}, {"value": 7}, {"value": 6}, {"value": 4},
        models=[["a=Plum", "b=Fig"], ["a=Fig", "b=Plum"], ["a=Plum", "b=Fig"], ["Fig", "Plum"]],
    )  # fmt: skip

    assert list(bars(spread).items()) == [
        ("Fig, by 2", 1), ("Neither is better", 1), ("Plum, by 3", 2),
    ]  # fmt: skip
    assert [(one.name, one.first, one.ranked) for one in spread.standings] == [
        ("Plum", 2, 4), ("Fig", 1, 4),
    ]  # fmt: skip
    assert [one.mean_rank for one in spread.standings] == [1.375, 1.625]


def test_a_ranking_has_the_mean_rank_of_each_model_and_how_often_it_stood_first():
    spread = chart_of(
        field("ranked_groups"),
        {"value": [["b"], ["a", "c"]]}, {"value": [["a"], ["b"], ["c"]]},
        {"value": [["a", "b"], ["c"]]},
        models=[["a=Plum", "b=Fig", "c=Pear"], ["a=Fig", "b=Plum", "c=Pear"], ["a", "b", "c"]],
    )  # fmt: skip

    assert bars(spread) == {"Fig": 2, "Several equally": 1}
    assert {one.name: (one.mean_rank, one.first) for one in spread.standings} == {
        "Fig": (1, 2), "a": (1.5, 0), "b": (1.5, 0), "Plum": (2.25, 0), "Pear": (2.75, 0),
        "c": (3, 0),
    }  # fmt: skip


def test_a_response_that_was_picked_is_named_by_its_model_or_said_to_be_unknown():
    picked = [{"value": "response_2"}, {"value": "response_1"}, {"value": "gone"}]
    models = [["response_1=Plum", "response_2=Fig"], ["response_1", "response_2"], []]

    assert bars(chart_of(field("category"), *picked, models=models)) == {
        "Fig": 1, "Response 1 (model unknown)": 1, "gone": 1,
    }  # fmt: skip
    several = [{"value": [one["value"]]} for one in picked]
    assert bars(chart_of(field("category_multiple"), *several, models=models)) == {
        "Fig": 1, "Response 1 (model unknown)": 1, "gone": 1,
    }  # fmt: skip


def test_labels_and_scores_are_counted_by_answer():
    spans = [{"label": label, "text": "x"} for label in ("wrong", "wrong", "rude")]
    marked = chart_of(
        field("labeled_text", labels=["wrong", "odd"]), {"value": spans}, {"value": []}
    )
    rated = chart_of(
        field("rubric_rating"), *({"value": {"score": score}} for score in (10, 0.5, 2, 2.0))
    )

    assert bars(marked) == {"wrong": 1, "odd": 0, "rude": 1, "Nothing marked": 1}
    assert list(bars(rated).items()) == [("0.5", 1), ("2", 2), ("10", 1)]


def values_of(kind: str, sources: list[str], chance: random.Random) -> Any:
    """A value of a type, as it is stored."""
    some = chance.sample(sources, chance.randint(0, len(sources)))
    return {
        "boolean": chance.random() < 0.5,
        "integer": chance.randint(1, 7),
        "category": chance.choice([*sources, "Not applicable"]),
        "category_multiple": some,
        "labeled_text": [{"label": one, "text": "x"} for one in some],
        "ranked_choices": chance.sample(sources, len(sources)),
        "ranked_groups": [some, [one for one in sources if one not in some]],
        "rubric_rating": {"score": chance.choice([1, 2.5])},
    }[kind]


CHARTED = [kind for kind in AnnotationType if TYPES[kind].chart is not None]
SEVERAL = {"category_multiple", "labeled_text"}


@pytest.mark.parametrize("kind", CHARTED)
@pytest.mark.parametrize("shape", [{}, {"scale": "low_is_first"}, {"is_closed": True}])
def test_the_bars_of_generated_answers_come_to_the_answers_given(kind, shape):
    """Several values of one answer have a bar each; every other answer is in one bar."""
    closed = {"possible_values": SAMPLES.get(kind)} if "is_closed" in shape else {}
    scale = {name: value for name, value in shape.items() if name == "scale"}
    chance = random.Random(f"{kind}{shape}")
    given: list[dict[str, Any]] = []
    for _ in range(200):
        flag = chance.choice(["not_applicable", "cannot_assess", *["value"] * 6])
        value = True if flag != "value" else values_of(kind, ["a", "b", "c"], chance)
        given.append({flag: value})
    given += [{"value": "of another type"}, {"value": {"x": [1]}}]
    models = [["a=Not applicable", "b=Plum", "c"]] * len(given)

    spread = chart_of(field(kind, **closed, **scale), *given, models=models)

    several = [
        len(set(one["value"])) if kind == "category_multiple" else len(one["value"])
        for one in given
        if kind in SEVERAL and isinstance(one.get("value"), list)
    ]
    assert spread.answered == len(given)
    assert sum(bar.count for bar in spread.bars) == len(given) + sum(
        max(0, count - 1) for count in several
    )
    flagged = {bar.label: bar.count for bar in spread.bars if not bar.is_value}
    for flag, label in (("not_applicable", "Not applicable"), ("cannot_assess", "Cannot assess")):
        assert flagged[label] == sum(flag in one for one in given)


def test_a_reason_alone_is_no_answer():
    spread = chart_of(field("boolean"), {"justification": "Because."}, {"value": True})

    assert (spread.answered, bars(spread)) == (1, {"Yes": 1, "No": 0})


def imported(*annotations: dict[str, Any], on: str = "turn", **more: Any) -> dict[str, Any]:
    """A completed task with these annotations on its turn, or on its first response."""
    first = make_message("a", annotations=list(annotations) if on == "message" else [], **more)
    turn = make_turn(messages=[make_message("user"), first, make_message("b")])
    if on == "turn":
        turn["annotations"] = list(annotations)
    thread = {"id": "thread", "turns": [turn], "annotations": []}
    return {"threads": [thread]}


@pytest.fixture
def brought(world):
    """Load completed tasks into a project with questions; return its charts."""

    def bring(*fields: dict[str, Any], tasks: Any) -> SampledCharts:
        labeling = LabelingProject(world, form={"fields": list(fields)})
        world.load(
            [make_task(f"task_{n}", **task) for n, task in enumerate(tasks)], project="Floor"
        )
        sample = labeling.write(lambda tx: answer_samples.load_sample(tx, labeling.project))
        return answer_charts.sampled(form_of(project_detail(labeling.project)), sample)

    return bring


def test_imported_votes_and_values_are_counted_and_said_to_be_imported(brought):
    votes = [{"contributor_id": f"c{n}", "value": n} for n in (1, 1, 7)]
    voted = {"key": "likert_value", "type": "integer", "value": 1, "votes": votes}
    alone = {"key": "likert_value", "type": "integer", "value": 4}
    silent = {"key": "likert_value", "type": "integer", "not_applicable": True}
    rated = {"key": "overall", "type": "integer", "value": 5}

    charts = brought(
        OVERALL,
        LIKERT,
        tasks=[imported(voted), imported(alone), imported(silent), imported(rated, on="message")],
    )

    spreads = {spread.field.key: spread for spread in charts.spreads}
    likert = spreads["likert_value"]
    assert (charts.count, charts.imported) == (0, 4)
    assert bars(likert) == {
        "a, by 3": 2, "Neither is better": 1, "b, by 3": 1, "Not applicable": 1,
    }  # fmt: skip
    assert (likert.answered, likert.imported, likert.is_asked) == (5, 5, True)
    assert bars(spreads["overall"])["5"] == 1


def test_imported_keys_that_nothing_asks_for_are_charted_behind_the_questions(brought):
    quality = {"key": "quality", "type": "category", "value": "good", "title": "Quality"}
    remark = {"key": "remark", "type": "text", "value": "Fine."}
    scores = [{"criteria_evaluations": [{"criterion_definition_id": "c", "score": 2}]}]

    charts = brought(
        OVERALL, tasks=[imported(quality, remark, on="message", rubric_evaluations=scores)]
    )

    assert [(one.field.key, one.field.level, one.is_asked) for one in charts.spreads] == [
        ("overall", "message", True), ("quality", "message", False), ("score", "criterion", False),
    ]  # fmt: skip
    assert bars(charts.spreads[1]) == {"good": 1}
    assert bars(charts.spreads[2]) == {"2": 1}
    assert [(one.field.key, one.answered, bool(one.reason)) for one in charts.uncharted] == [
        ("remark", 1, True)
    ]


def test_what_people_submitted_here_is_not_counted_a_second_time_as_imported(world):
    labeling = LabelingProject(world)
    labeling.create(2)
    labeling.work_on("ann")

    sample = labeling.write(lambda tx: answer_samples.load_sample(tx, labeling.project))
    charts = answer_charts.sampled(form_of(project_detail(labeling.project)), sample)

    assert (charts.count, charts.imported) == (1, 0)
    likert = next(one for one in charts.spreads if one.field.key == "likert_value")
    assert {one.name for one in likert.standings} == {"base_model", "test_model"}


def test_conversations_beyond_the_bytes_of_a_sample_are_left_out(world, monkeypatch):
    labeling = LabelingProject(world, overlap=2)
    labeling.create(3)
    for name in ("ann", "ben"):
        for _ in range(3):
            labeling.work_on(name)
    monkeypatch.setattr(answer_samples, "SAMPLE_BYTES_MAX", 1)

    sample = labeling.write(lambda tx: answer_samples.load_sample(tx, labeling.project))

    assert (len(sample.submissions), len(sample.contents)) == (1, 1)
