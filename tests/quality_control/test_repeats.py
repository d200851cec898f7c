"""Repeats: a person's own earlier task again, as a copy, compared with their first answers."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import task_notes
from plaudit.core.quality.estimates import Estimate, Undefined
from plaudit.core.quality_control import repeats
from plaudit.core.quality_control.counters import counts_of
from plaudit.model.quality_control import Collector, RepeatSettings
from tests.support.gold.gold_project import RIGHT, WRONG, GoldProject

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def floor(world, monkeypatch):
    """A project where every second task is a repeat, as soon as a day and two tasks are between."""
    monkeypatch.setattr(repeats, "REPEAT_AFTER", 2)
    return GoldProject(world, repeats=RepeatSettings(rate=0.5))


def answer(floor, count, value=RIGHT, user_id="ann"):
    """Answer ordinary tasks a day ago."""
    found = []
    for _ in range(count):
        lease = floor.take(user_id)
        assert not floor.is_gold(lease)
        floor.submit(lease, floor.prefer(lease, value), key=lease.assignment_id)
        floor.age(lease, DAY_MS + 1)
        found.append(lease)
    return found


def test_a_task_is_repeated_once_after_others_and_a_day_and_compared_with_the_first_answers(floor):
    floor.create(12)
    done = answer(floor, 3)
    again = floor.take()

    assert floor.is_gold(again)
    assert floor.asked(again).content == floor.asked(done[0]).content
    floor.submit(again, floor.prefer(again, WRONG))
    counted = floor.write(lambda tx: counts_of(tx, floor.project, ["ann"], Collector.repeats))
    kinds = [floor.is_gold(lease) for lease in iter_work(floor)]

    # Each of the three once; what was done today is too young.
    assert kinds.count(True) == 2
    results = {one.question_key: one for one in floor.results(again)}
    assert results["likert_value"].is_right is False
    assert (results["likert_value"].expected, results["likert_value"].given) == (b"2", b"6")
    assert "justification" not in results
    assert [one.is_right for one in floor.results(again)].count(True) == 2
    assert counted["ann"] == (1, 1)
    assert floor.violations() == {}


def iter_work(floor):
    while (lease := floor.lease_next()) is not None:
        floor.submit(lease, key=lease.assignment_id)
        yield lease


def test_agreement_with_oneself_is_a_share_and_an_alpha(floor):
    floor.create(40)
    answer(floor, 3, RIGHT)
    for _ in range(8):
        lease = floor.take()
        if floor.is_gold(lease):
            floor.submit(lease, floor.prefer(lease, RIGHT), key=lease.assignment_id)
        else:
            floor.submit(lease, floor.prefer(lease, WRONG), key=lease.assignment_id)
            floor.age(lease, DAY_MS + 1)
    found = {
        one.question_key: one
        for one in floor.write(lambda tx: repeats.self_agreement(tx, floor.project))
    }

    likert, overall = found["likert_value"], found["overall"]
    assert 3 <= likert.n <= 5
    assert overall.equal == overall.n == 2 * likert.n
    assert isinstance(overall.alpha, Undefined)
    assert overall.alpha.why == "everybody always said 1"
    if likert.equal < likert.n:
        assert isinstance(likert.alpha, Estimate)
        assert likert.alpha.value < 1


def test_what_was_reported_is_not_repeated(floor):
    floor.set(overlap=2)
    floor.create(6)
    [first, *_] = answer(floor, 3)
    reported = floor.take("ben")
    assert reported.seq == first.seq
    floor.do(task_notes.report_sensitive, reported, kind="violence")

    assert not any(floor.is_gold(floor.take()) for _ in range(3))


def test_nobody_is_given_the_repeat_of_another(floor):
    floor.set(overlap=2)
    floor.create(6)
    answer(floor, 3)

    assert floor.is_gold(floor.take())
    assert not any(floor.is_gold(floor.take("ben")) for _ in range(3))
