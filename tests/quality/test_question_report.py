"""The report on a question as JSON: each member from its votes, drawn once for all questions."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import msgspec
import numpy as np
import pytest

from benchmarks.plan import quick_plan
from benchmarks.quality import measurement
from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel, mirrored
from plaudit.core.quality.agreement.question_report import QuestionVotes, question_reports
from plaudit.core.quality.agreement.rankings import PAIR_CATEGORIES, response_pairs
from plaudit.core.quality.agreement.voters import RepeatedVotes
from plaudit.core.quality.replicates import task_hashes
from plaudit.core.quality.texts import TextVote
from tests.quality.published_votes import arrays_of, expected, pandalm
from tests.quality.test_rankings import ranks_of
from tests.quality.test_spans import arrays_of as spans_of

PEOPLE = ["ann", "bea", "cem"]
RNG = np.random.default_rng(7)
TABLE = RNG.integers(-1, 5, (40, 3))
NO_VOTES = arrays_of(np.zeros((0, 3), dtype=int), 1)


def question(**changes: Any) -> QuestionVotes:
    members: dict[str, Any] = {
        "key": "helpful",
        "about": "message",
        "type": "integer",
        "level": MeasurementLevel.ordinal,
        "categories": [1, 2, 3, 4, 5],
        "scale": CategoryScale(5, is_ordered=True, scores=(1.0, 2.0, 3.0, 4.0, 5.0)),
        "contributor_ids": PEOPLE,
        "votes": arrays_of(TABLE, 5),
    }
    return QuestionVotes(**members | changes)


def report_of(*questions: QuestionVotes, tasks: int = 40) -> list[dict[str, Any]]:
    hashes = task_hashes(f"task-{at}" for at in range(tasks))
    return msgspec.json.decode(msgspec.json.encode(question_reports(questions, hashes)))


def test_a_rating_has_its_members():
    (found,) = report_of(question())

    assert list(found) == [
        *("key", "about", "level", "type", "categories", "units", "pairable", "votes"),
        *("abstained", "agreement", "dawid_skene", "people", "disagreements", "repeats"),
    ]
    sizes = (TABLE >= 0).sum(axis=1)
    counts = [found[name] for name in ("units", "pairable", "votes")]
    assert counts == [(sizes > 0).sum(), (sizes > 1).sum(), sizes.sum()]
    agreement = found["agreement"]
    assert list(agreement["alpha"]) == ["nominal", "ordinal", "interval", "ratio"]
    for one in [agreement["percent"], *agreement["alpha"].values(), *agreement["ac2"].values()]:
        assert one["low"] <= one["value"] <= one["high"]
    assert agreement["orientation"] is None
    assert [one["people"] for one in agreement["cohen"]] == [
        ["ann", "bea"],
        ["ann", "cem"],
        ["bea", "cem"],
    ]
    assert [one["contributor_id"] for one in found["people"]] == PEOPLE


def test_the_annotator_model_lists_its_units_if_their_tasks_are_told():
    ids = [f"task-{at}" for at in range(40)]
    votes = arrays_of(TABLE[:, :2], 5)

    plain, listed, refused = report_of(
        question(), question(unit_task_ids=ids), question(votes=votes)
    )

    assert sum(plain["dawid_skene"]["labels"].values()) == plain["units"]
    assert list(plain["dawid_skene"]["people"]) == PEOPLE
    assert "units" not in plain["dawid_skene"]
    labelled = listed["dawid_skene"]["units"]
    assert [one["task_id"] for one in labelled] == [
        name for name, row in zip(ids, TABLE, strict=True) if (row >= 0).any()
    ]
    assert {one["label"] for one in labelled} <= {1, 2, 3, 4, 5}
    assert list(refused["dawid_skene"]) == ["why"]


def test_what_is_undefined_is_null_and_says_why():
    (found,) = report_of(question(votes=arrays_of(np.full((40, 3), 2), 5)))

    why = {"value": None, "why": "everybody always said 3"}
    assert found["agreement"]["alpha"]["ordinal"] == why
    assert found["agreement"]["fleiss"] == why
    assert found["agreement"]["cohen"][0]["kappa"] is None


def test_all_members_of_a_preference_with_final_answers_repeats_and_slices():
    table = np.clip(TABLE, -1, 2)
    first = np.array([0, 0, 2], dtype=np.int32)
    (found,) = report_of(
        question(
            votes=arrays_of(table, 3),
            categories=["left", "tie", "right"],
            scale=CategoryScale(3, is_ordered=True, orbits=mirrored(3)),
            orientation="free",
            final=np.full(40, 2, dtype=np.int32),
            repeats=RepeatedVotes(first, first[::-1].copy()),
            abstentions=arrays_of(np.where(TABLE < 0, 1, 0), 2),
            slices={"week 1": np.arange(40) < 15, "week 2": np.arange(40) >= 15},
        )
    )

    assert found["agreement"]["orientation"] == "free"
    assert found["abstained"] == found["abstention"]["share"]["right"] == (TABLE < 0).sum()
    assert found["abstention"]["share"]["n"] == TABLE.size
    assert found["abstention"]["alpha"]["value"] < 1
    assert found["repeats"] == {"n": 3, "equal": 1, "same_side": 1}
    assert {name: one["units"] for name, one in found["slices"].items()} == {
        "week 1": 15,
        "week 2": 25,
    }
    (alone,) = report_of(
        question(
            votes=arrays_of(table[:15], 3),
            categories=["left", "tie", "right"],
            scale=CategoryScale(3, is_ordered=True, orbits=mirrored(3)),
        )
    )
    for level in ("nominal", "ordinal", "interval"):
        part = found["slices"]["week 1"]["agreement"]["alpha"][level]
        assert part == pytest.approx(alone["agreement"]["alpha"][level])
    assert sum(found["disagreements"]["final_of"].values()) > 0
    for person, one in enumerate(found["people"]):
        assert one["with_final"]["right"] == (table[:, person] == 2).sum()


def test_choices_have_an_alpha_each():
    sets = (frozenset(), frozenset([0]), frozenset([0, 1]))
    (found,) = report_of(
        question(
            type="category_multiple",
            level=MeasurementLevel.nominal,
            categories=["true", "kind"],
            scale=CategoryScale(3, sets=sets),
            votes=arrays_of(np.clip(TABLE, -1, 2), 3),
        )
    )
    (kind,) = report_of(
        question(
            votes=arrays_of(np.where(TABLE < 0, -1, TABLE >= 2), 2),
            categories=[False, True],
            scale=CategoryScale(2),
        )
    )

    assert list(found["agreement"]["alpha"]) == [
        *("nominal", "ordinal", "interval", "ratio", "masi"),
    ]
    assert list(found["agreement"]["choices"]) == ["true", "kind"]
    nominal = kind["agreement"]["alpha"]["nominal"]
    assert found["agreement"]["choices"]["kind"] == pytest.approx(nominal)


def test_a_ranking_has_its_pairs_and_its_coefficients():
    published = expected("ranking-fixture")
    rankings = response_pairs(ranks_of([published["ranks"]]))
    (found,) = report_of(
        question(
            type="ranked_groups",
            level=MeasurementLevel.nominal,
            categories=PAIR_CATEGORIES,
            scale=CategoryScale(3, is_ordered=True, orbits=mirrored(3)),
            orientation="free",
            votes=rankings.votes,
            rankings=rankings,
        ),
        tasks=1,
    )

    assert (found["units"], found["pairable"], found["votes"]) == (1, 1, 3)
    assert [one["votes"] for one in found["people"]] == [1, 1, 1]
    nominal = found["agreement"]["alpha"]["nominal"]["value"]
    assert nominal == pytest.approx(published["pair_alpha_nominal_symmetrised"])
    assert found["ranking"]["kendall_w"]["value"] == pytest.approx(published["kendall_w"])
    assert found["ranking"]["pairs"][0] == {
        "people": ["ann", "bea"],
        "n": 1,
        "tau_b": pytest.approx(published["tau_b"][0]),
    }


def test_spans_and_texts_have_no_votes_but_are_counted():
    spans = spans_of([[[(0, 4, 0)], [(0, 5, 0)]], [[(2, 4, 0)], [(2, 4, 0)]]], [9, 9], 1)
    texts = [TextVote(0, 0, "A text of some five words"), TextVote(0, 1, "")]

    marked, written = report_of(
        question(votes=NO_VOTES, type="labeled_text", spans=spans, categories=["error"]),
        question(votes=NO_VOTES, type="text", texts=texts, categories=[]),
        tasks=2,
    )

    assert "agreement" not in marked
    assert marked["spans"]["f1_exact"]["value"] == 0.5
    assert marked["spans"]["f1_overlap"]["value"] == 1
    assert (marked["units"], marked["pairable"], marked["votes"]) == (2, 2, 4)
    assert [one["votes"] for one in marked["people"]] == [2, 2]
    assert (written["units"], written["votes"], written["texts"]["empty"]) == (1, 2, 1)


def test_a_question_reads_the_same_alone_and_beside_others():
    other = question(key="other", votes=arrays_of(np.flip(TABLE), 5))

    assert report_of(other, question())[1] == report_of(question())[0]


def test_equal_votes_give_equal_bytes():
    hashes = task_hashes(f"task-{at}" for at in range(40))

    first, second = (msgspec.json.encode(question_reports([question()], hashes)) for _ in range(2))

    assert first == second


def test_a_report_over_no_votes_at_all():
    (found,) = report_of(question(votes=arrays_of(np.zeros((0, 3), dtype=int), 5)), tasks=0)

    assert (found["units"], found["votes"], found["people"]) == (0, 0, [])
    assert found["agreement"]["percent"]["why"] == "no unit has votes of two people"


def test_pandalm_in_a_report_is_as_published():
    votes = arrays_of(pandalm(), 3)
    (found,) = report_of(
        question(
            votes=votes,
            categories=["left", "tie", "right"],
            scale=CategoryScale(3, is_ordered=True),
            orientation="stored",
        ),
        tasks=len(pandalm()),
    )

    value = found["agreement"]["alpha"]["nominal"]["value"]
    assert value == pytest.approx(expected("pandalm-alpha-nominal"), abs=1e-9)
    published, model = expected("pandalm-ds"), found["dawid_skene"]
    assert model["log_likelihood"] == pytest.approx(published["loglik"], abs=0.05)
    assert sorted(model["labels"].values()) == sorted(published["label_counts"].values())
    assert model["changed"] == published["changed_vs_strict_plurality"]


def test_the_benchmark_measures_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "CASES", [measurement.JUDGED])
    plan = dataclasses.replace(quick_plan(tmp_path), quality_tasks=200)
    plan.work.mkdir(parents=True, exist_ok=True)

    statistics, command = itertools.islice(measurement.measure_quality(plan), 2)

    assert [row[:3] for row in statistics.rows] == [(measurement.JUDGED, "200", "600")]
    assert command.rows[0][:2] == ("200", "600")
    assert all(figure.value > 0 for figure in (*statistics.figures, *command.figures))
