"""People as pages show them: side by side and one by one, with counts, limits and reasons."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.quality.reporting.annotator_pages import PAGE_PEOPLE, kept_people
from plaudit.wire.manage.quality_annotators import AnnotatorQuality, MovingAverage
from plaudit.wire.manage.quality_people import PersonFlag
from plaudit.workspace.language.languages import LANGUAGES
from plaudit.workspace.language.speech import speaking
from plaudit.workspace.quality import figures, people_view, person_view
from plaudit.workspace.render.line_plots import LineLimits, LinePoint, line_plot

HOSTILE = '"><script>window.__pwned = 1</script>'


def share(right: int = 0, n: int = 0) -> dict[str, Any]:
    known = (
        {"share": right / n, "low": 0.1, "high": 0.9}
        if n
        else dict.fromkeys(("share", "low", "high"))
    )
    return {"right": right, "n": n} | known


def person(contributor_id: str = "ann", **members: Any) -> AnnotatorQuality:
    reviews = {"changed": share(1, 4), "sent_back": share(2, 4)}
    time = {"n": 9, "median_ms": 83_000, "median_ms_per_100_words": 4200}
    return msgspec.convert(
        {
            "contributor_id": contributor_id,
            "tasks": 9,
            "active_time": time,
            "skips": share(1, 10),
            "gold": share(),
            "with_others": share(8, 9),
            "consistency": share(),
            "repeats": share(),
            "reviews": reviews,
            "moving_average": {"n": 0, "why": "nothing"},
            "questions": [],
            "differing": [],
            "flags": [],
        }
        | members,
        AnnotatorQuality,
    )


def test_a_flag_names_its_question_by_the_title_and_says_why_in_the_readers_language():
    run = "12 times “4” in a row among 20 answers, which the project gives 10% of the time"
    flags = [
        PersonFlag(flag="straight-liner", why=f"overall: {run}"),
        PersonFlag(flag="straight-liner", why=f"gone: {run}"),
        PersonFlag(flag="speeder", why="30 of 60 tasks in under 0.3 of the median time"),
    ]

    english = people_view.shown_flags(flags, {"overall": "Overall quality"})
    with speaking(LANGUAGES["de"]):
        german = people_view.shown_flags(flags, {"overall": "Qualität insgesamt"})

    assert [(one.title, one.why) for one in english] == [
        ("Overall quality", run),
        ("", f"gone: {run}"),
        ("", flags[2].why),
    ]
    assert german[0].title == "Qualität insgesamt"
    assert german[0].why.startswith("12-mal „4“ hintereinander unter 20 Antworten")
    assert german[1].why.startswith("gone: 12-mal")


def test_people_with_flags_come_first_and_then_those_who_agree_least():
    flag = {"flag": "speeder", "why": "30 of 60 tasks in under 4 s"}
    people = [
        person("ann", with_others=share(8, 9)),
        person("ben", with_others=share(4, 9)),
        person("cem", with_others=share()),
        person("dan", with_others=share(9, 9), flags=[flag]),
    ]

    kept = kept_people(people)
    found = people_view.people_view(kept.pages[0], 1, {})

    assert [row.contributor_id for row in found.rows] == ["dan", "ben", "ann", "cem"]
    assert [one.number for one in kept.people] == [4, 2, 1, 3]
    assert (found.flagged, found.words.value, found.more) == (1, "77.8%", 0)
    assert found.rows[0].reviews == "1 changed, 2 sent back of 4"
    drawn = people_view.caterpillar(found, dict.fromkeys(("ann", "ben", "cem", "dan"), HOSTILE))
    assert drawn.count("plot-mark") == 3
    assert "<script" not in drawn


def test_many_people_are_kept_page_by_page_and_the_busiest_of_too_many(monkeypatch):
    monkeypatch.setattr("plaudit.core.quality.reporting.annotator_pages.PEOPLE_MAX", 120)
    people = [person(f"user_{number}", tasks=number) for number in range(130)]

    kept = kept_people(people)

    assert [len(page.people) for page in kept.pages] == [PAGE_PEOPLE, PAGE_PEOPLE, 20]
    assert min(one.quality.tasks for one in kept.people) == 10
    found = people_view.people_view(kept.pages[2], 3, {})
    assert (found.page, found.pages, found.people_count, found.more) == (3, 3, 130, 10)


def test_a_project_without_people_has_one_empty_page():
    (page,) = kept_people([]).pages

    assert (page.people, page.together.share) == ([], None)


def test_managers_see_gold_and_the_person_does_not():
    names = [row.name for row in person_view.figure_rows(person(gold=share(3, 5)))]
    own = person_view.own_figure_rows(person(gold=share(3, 5)))

    assert "Right on gold tasks" in names
    words = " ".join(row.name + row.cases for row in own).casefold()
    assert not any(word in words for word in ("gold", "again", "repeat"))
    # Gold tasks are not among these 9, so that the number would tell of them.
    assert not any("9 tasks" in row.cases for row in own)


def test_a_figure_says_what_it_comes_from_or_that_there_is_nothing():
    rows = {row.name: row for row in person_view.figure_rows(person())}

    assert rows["Time per task, median"].figure.value == "1 min 23 s"
    assert rows["Tasks skipped"].cases == "1 of 10 tasks skipped or done"
    assert rows["Right on gold tasks"].figure.value == "no gold yet"
    assert rows["Votes equal when given again"].cases == "no votes given again"
    assert rows["As the majority of the others"].figure.interval == "[10.0, 90.0]"


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (None, "–"),
        (4200, "4.2 s"),
        (59_600, "1 min 0 s"),
        (45_000, "45 s"),
        (7_260_000, "2 h 1 min"),
    ],
)
def test_times_are_in_words(ms, words):
    assert figures.duration_words(ms) == words


def average(values: list[float], below_since: int | None = None) -> MovingAverage:
    points = [
        [at, value, f"2026-01-{at % 28 + 1:02}T00:00:00Z"] for at, value in enumerate(values, 1)
    ]
    return msgspec.convert(
        {"n": len(values), "centre": 0.8, "low": 0.53, "high": 1.0, "points": points}
        | {"below_since": below_since},
        MovingAverage,
    )


def test_a_moving_average_is_drawn_with_its_limits_beside_a_table():
    found = person_view.line_view(average([0.8] * 60 + [0.4] * 40, below_since=61))

    assert found.plot.count("plot-out") == 40
    assert "lower limit" in found.plot
    assert (found.rows[-1].tasks, found.rows[-1].value, found.rows[-1].is_below) == (
        100,
        "40.0%",
        True,
    )
    assert 20 <= len(found.rows) <= person_view.LINE_ROWS_MAX
    assert "at task 61 of 100" in found.says


def test_without_a_moving_average_there_is_the_reason():
    assert person_view.line_view(person().moving_average).why == "nothing"


@pytest.mark.parametrize("values", [[0.5], [0.0, 1.0], [0.801, 0.802, 0.8]])
def test_any_line_is_within_its_picture(values):
    points = [LinePoint(at, value) for at, value in enumerate(values, 1)]

    drawn = line_plot("a <line>", points, LineLimits(0.8, 0.79, 0.81))

    line = drawn.split('class="plot-line" points="')[1].split('"')[0]
    places = [tuple(map(float, one.split(","))) for one in line.split()]
    assert all(52 <= x <= 510 and 14 <= y <= 220 for x, y in places)
    assert "a &lt;line&gt;" in drawn


def test_truths_without_votes_have_no_row_in_the_confusion_matrix():
    confusion = {"categories": ["a", ["b", "c"]], "n": [4.2, 0.1], "rows": [[0.9, 0.1], [0.5, 0.5]]}
    question = {
        "key": "k",
        "about": "turn",
        "votes": 5,
        "with_final": share(),
        "with_others": share(2, 3),
        "accuracy": 0.87,
        "confusion": confusion,
    }

    (row,) = person_view.question_rows(person(questions=[question]))

    assert row.answers == ["a", "b, c"]
    assert [(one.truth, one.n, one.cells) for one in row.confusion] == [
        ("a", "4.2", [("0.90", 7), ("0.10", 1)])
    ]
    assert row.accuracy == "0.870"
