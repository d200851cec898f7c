"""What the last submissions come to, and the geometry of the pictures of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.answer_charts import ValueCount
from plaudit.core.labeling.answer_charts import sampled as charts_of
from plaudit.core.labeling.answer_samples import AnswerSample
from plaudit.core.labeling.statistics import CompletionPace
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.store.labeling.statistics import SampledSubmission
from plaudit.workspace.render import charts

DAY_MS = 24 * 3600 * 1000


def field(key: str, kind: str = "integer", level: Level = Level.turn, **more: Any) -> Field:
    return Field(key=key, level=level, type=kind, **more)  # type: ignore[arg-type]


def submission(*answers: dict[str, Any], seconds: float = 1, counts: bool = True) -> Any:
    return SampledSubmission(1, msgspec.json.encode(list(answers)), int(seconds * 1000), counts)


def sampled(form: Form, rows: Any) -> Any:
    return charts_of(form, AnswerSample(list(rows), {}, []))


def bars(form: Form, *rows: Any) -> dict[str, dict[str, int]]:
    found = sampled(form, rows).spreads
    return {one.field.key: {bar.label: bar.count for bar in one.bars} for one in found}


def test_values_are_named_by_their_labels_and_counted_even_where_nobody_gave_them():
    form = Form(
        fields=[
            field("grade", possible_values=[1, 2], labels=["Bad", "Good"]),
            field("kind", "category", possible_values=["a", "b"], labels=["Apple", "Pear"]),
        ]
    )
    given = submission(
        {"at": "t0u0", "key": "grade", "value": 2}, {"at": "t0u0", "key": "kind", "value": "b"}
    )

    assert bars(form, given) == {
        "grade": {"1 · Bad": 0, "2 · Good": 1},
        "kind": {"Apple": 0, "Pear": 1},
    }


def test_a_preference_that_nobody_gave_has_no_models_to_show():
    form = Form(fields=[field("likert", scale="low_is_first")])

    assert bars(form, submission()) == {}


def test_several_values_of_one_answer_are_each_counted():
    form = Form(fields=[field("tags", "category_multiple", possible_values=["x", "y"])])
    one = submission({"at": "t0u0", "key": "tags", "value": ["x", "y"]})
    other = submission({"at": "t0u0", "key": "tags", "value": ["y"]})

    assert bars(form, one, other) == {"tags": {"x": 1, "y": 2}}


def test_yes_and_no_stand_for_true_and_false():
    form = Form(fields=[field("ok", "boolean")])
    rows = [
        submission({"at": "t0u0", "key": "ok", "value": value}) for value in (True, False, True)
    ]

    assert bars(form, *rows) == {"ok": {"Yes": 2, "No": 1}}


def test_what_is_said_instead_of_a_value_is_counted_beside_the_values():
    form = Form(fields=[field("grade", possible_values=[1])])
    rows = [
        submission({"at": "t0u0", "key": "grade", "not_applicable": True}),
        submission({"at": "t0u0", "key": "grade", "cannot_assess": True}),
    ]

    assert bars(form, *rows) == {"grade": {"1": 0, "Not applicable": 1, "Cannot assess": 1}}


def test_the_same_key_at_several_levels_is_counted_apart():
    levels = (Level.message, Level.turn, Level.thread, Level.chunk, Level.criterion)
    form = Form(fields=[field("k", level=level) for level in levels])
    given = submission(
        {"at": "t0u0", "source_id": "m", "key": "k", "value": 1},
        {"at": "t0u0", "key": "k", "value": 2},
        {"at": "t0", "key": "k", "value": 3},
        {"at": "t0u0", "source_id": "m", "chunk": 0, "key": "k", "value": 4},
        {"at": "t0u0", "source_id": "m", "criterion": "c", "key": "k", "value": 5},
    )

    found = sampled(form, [given]).spreads
    assert [(one.field.level, one.bars) for one in found] == [
        (level, [ValueCount(str(number), 1)]) for number, level in enumerate(levels, 1)
    ]


def test_open_numbers_are_in_order_and_rare_ones_counted_together():
    form = Form(fields=[field("n")])
    rows = [submission({"at": "t0u0", "key": "n", "value": value}) for value in range(40, -1, -1)]

    found = bars(form, *rows)["n"]
    assert list(found)[:3] == ["0", "1", "2"]
    assert found["Others"] == 11
    assert sum(found.values()) == 41


def test_submissions_that_do_not_count_and_answers_that_are_no_longer_asked_are_left_out():
    form = Form(fields=[field("n")])
    rows = [
        submission({"at": "t0u0", "key": "n", "value": 1}, counts=False),
        submission({"at": "t0u0", "key": "old", "value": 1}),
    ]

    found = sampled(form, rows)
    assert (found.count, found.spreads) == (1, [])


def test_texts_are_not_counted():
    form = Form(fields=[field("why", "text"), field("span", "labeled_text")])

    assert bars(form, submission({"at": "t0u0", "key": "why", "value": "x"})) == {}


def test_times_fall_into_one_bar_each_and_the_middle_one_is_told():
    seconds = (0, 29.9, 30, 59, 60, 3000, 10**6)

    found = sampled(Form(fields=[field("n")]), [submission(seconds=one) for one in seconds])

    counts = {bar.label: bar.count for bar in found.times}
    assert {label: count for label, count in counts.items() if count} == {
        "0–30 s": 2,
        "30–60 s": 2,
        "1–2 min": 1,
        "over 40 min": 2,
    }
    assert found.median_s == 59


def test_without_submissions_there_is_no_middle():
    assert sampled(Form(fields=[field("n")]), []).median_s is None


@pytest.mark.parametrize("counts", [[0], [1], [3, 0, 5], [7] * 30, [10**9, 1], [0] * 30])
def test_columns_stand_inside_the_picture_and_the_tallest_fits(counts):
    chart = charts.bars_chart([ValueCount(str(n), count) for n, count in enumerate(counts)])

    for one in chart.columns:
        assert chart.left <= one.x
        assert one.x + one.width <= chart.width
        assert 0 <= one.y <= chart.base
        assert one.y + one.height == pytest.approx(chart.base, abs=0.02)
    assert chart.ticks[0].count == 0
    assert chart.ticks[-1].count >= max(counts)
    assert 2 <= len(chart.ticks) <= 6
    assert chart.total == sum(counts)


def test_days_are_written_without_their_year_and_not_all_of_them():
    chart = charts.days_chart(CompletionPace([(n * DAY_MS, n) for n in range(30)], is_cut=False))

    captions = [one.caption for one in chart.columns if one.caption]
    assert len(captions) == 10
    assert captions[-1] == "01-30"
    assert chart.columns[-1].label == "1970-01-30"


def test_shares_fill_the_whole_bar():
    found = charts.shares({"a": 1, "b": 0, "c": 3})

    assert [(one.name, one.x, one.width) for one in found] == [("a", 0, 25), ("c", 25, 75)]
    assert charts.shares({"a": 0}) == []
