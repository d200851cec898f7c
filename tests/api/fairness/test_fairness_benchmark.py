"""The benchmark `fairness` and `soak` reach what they measure, and count as they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmark
from benchmarks.fairness import soak
from benchmarks.fairness.measurement import CROWD, OTHERS, measure_fairness
from benchmarks.fairness.traffic import KINDS, Sample
from benchmarks.plan import quick_plan

PLAN = replace(quick_plan(Path()), fairness_seconds=0.4, fairness_connections=8, soak_minutes=0.02)


def test_an_organization_beside_a_crowd_is_answered_on_every_kind_of_request(tmp_path):
    (section,) = measure_fairness(replace(PLAN, work=tmp_path))

    figures = {figure.name: figure.value for figure in section.figures}
    assert figures["SQLite: answers 5xx but 503 beside a crowd"] == 0
    assert figures["SQLite: requests of another organization that failed beside a crowd"] == 0
    alone, beside, crowd = section.rows[:3]
    assert all(row[-1] for row in (alone, beside, crowd))


def test_a_soak_counts_what_grows_and_what_fails(tmp_path):
    (section,) = soak.measure_soak(replace(PLAN, work=tmp_path))

    figures = {figure.name: figure.value for figure in section.figures}
    assert figures["requests that failed"] == 0
    assert figures["most open files"] > 3
    assert len(section.rows) == 1


def test_every_kind_of_traffic_is_known_and_asked_for():
    assert {*CROWD, *OTHERS} <= KINDS.keys()
    assert set(soak.ACTORS) == KINDS.keys()


@pytest.mark.parametrize("warm_up", [0.0, 50.0])
def test_growth_is_that_after_the_warm_up(warm_up: float):
    sizes = [(float(minute), warm_up * (minute < 10) + minute / 60) for minute in range(1, 41)]

    assert soak.growth_mb_per_hour(sizes) == pytest.approx(1.0)


def test_statuses_are_counted():
    samples = [Sample("list", status, 0.1) for status in (200, 503, 200)]

    assert soak.statuses(samples) == "2×200, 1×503"


def test_what_takes_hours_runs_only_where_it_is_named(monkeypatch):
    ran: list[str] = []

    def note(plan, part, console):
        ran.append(part)
        return benchmark.new_run(0.0, 0.0, [])

    monkeypatch.setattr(benchmark, "_measure", note)

    benchmark.main(["--quick"])
    assert ran == [part for part in benchmark.PARTS if part not in benchmark.ON_REQUEST]
    ran.clear()
    benchmark.main(["--quick", "--only", "soak", "--minutes", "2"])
    assert ran == ["soak"]
