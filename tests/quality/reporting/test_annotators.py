"""Work of each person through the whole path: answered, skipped, reviewed, beside the others."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.quality.reporting import reviewed_work
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.report import whole_report
from plaudit.model.quality_control import Collector
from tests.quality.reporting.test_report_command import (
    BETTER,
    TOPIC,
    WHY,
    Floor,
    better,
    content,
    topic,
)
from tests.quality_control.controlled_project import ControlledProject
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject

TASKS = 12


def why(text):
    return {"at": "t0u0", "key": "why", "value": text}


def found_by(labeling: LabelingProject):
    world = labeling.world
    whole = world.run(whole_report(world.db, labeling.project, ReportOptions()))
    return {one.contributor_id: one for one in whole.people}


@pytest.fixture
def floor(sqlite_settings):
    """Three people of whom cem differs from the others from the seventh task on."""
    floor = Floor(sqlite_settings, [TOPIC, BETTER, WHY], overlap=3, review="all")
    floor.create(TASKS)
    for user_id in ("ann", "bea", "cem"):
        for number in range(TASKS):
            differs = user_id == "cem" and number >= 6
            floor.say(user_id, topic("ham" if differs else "egg"), better(1), why(f"{number}"))
    yield floor
    floor.close()


def test_each_person_is_beside_the_majority_of_the_others(floor):
    people = found_by(floor.labeling)
    cem, ann = people["cem"], people["ann"]

    assert (cem.tasks, cem.with_others.right, cem.with_others.n) == (12, 18, 24)
    assert cem.with_others.low < 0.75 < cem.with_others.high
    assert (ann.with_others.right, ann.with_others.n) == (18, 18)
    assert [(one.key, one.value, one.others) for one in cem.differing] == [
        ("topic", "ham", "egg")
    ] * 6
    assert ann.differing == []
    by_key = {one.key: one for one in cem.questions}
    assert (by_key["topic"].with_others.right, by_key["topic"].votes) == (6, 12)
    assert by_key["topic"].accuracy < by_key["better"].accuracy


def test_the_confusion_matrix_says_what_a_person_answers_where_the_rest_say_egg(floor):
    cem = found_by(floor.labeling)["cem"]
    confusion = next(one for one in cem.questions if one.key == "topic").confusion

    assert confusion.categories == ["egg", "ham", "=spam"]
    assert confusion.n == pytest.approx([12, 0, 0], abs=0.1)
    assert confusion.rows[0] == pytest.approx([0.5, 0.5, 0], abs=0.01)


def test_the_moving_average_goes_down_from_the_seventh_task_on(floor):
    line = found_by(floor.labeling)["cem"].moving_average

    values = [point.value for point in line.points]
    assert (line.n, len(values)) == (12, 12)
    assert values[5] > line.centre > values[-1]
    assert values == sorted(values[:6]) + sorted(values[6:], reverse=True)
    assert line.low < line.centre < line.high


def test_time_is_the_median_of_tasks_and_of_a_hundred_words_of_responses(floor):
    floor.hurry("bea")
    people = found_by(floor.labeling)

    assert (people["bea"].active_time.n, people["bea"].active_time.median_ms) == (12, 1000)
    # Two responses, "A long answer, with more words." and "A short one.", are nine words.
    assert people["ann"].active_time.median_ms_per_100_words == pytest.approx(100 * 10_000 / 9)


def test_gold_has_no_case_without_gold(floor):
    assert found_by(floor.labeling)["ann"].gold.n == 0


def test_gold_and_repeats_are_the_cases_that_rules_count(world: World, monkeypatch):
    monkeypatch.setattr(reviewed_work, "PEOPLE_AT_ONCE", 1)
    project = ControlledProject(world, "Gold", form={"fields": [TOPIC]}, overlap=2)
    project.create(content=content(0))
    for user_id in ("ann", "bea"):
        project.submit(project.take(user_id), [topic("egg")])
    project.count("ann", Collector.gold, True, False, True)
    project.count("ann", Collector.repeats, False)
    project.count("bea", Collector.gold, False)
    people = found_by(project)

    assert [(one.gold.right, one.gold.n) for one in people.values()] == [(2, 3), (0, 1)]
    assert people["ann"].gold.low < 2 / 3 < people["ann"].gold.high
    assert (people["ann"].repeats.right, people["ann"].repeats.n) == (0, 1)
    assert people["bea"].repeats.share is None


def test_skips_and_what_reviewers_changed_or_sent_back_are_counted(world: World):
    form = {"fields": [TOPIC, WHY]}
    labeling = LabelingProject(world, "Reviewed", form=form, overlap=2, review="all")
    fixed, sent_back, corrected, accepted = [
        labeling.create(content=content(number))[0] for number in range(4)
    ]
    for user_id, word in (("ann", "egg"), ("bea", "ham")):
        for _ in range(4):
            labeling.submit(labeling.take(user_id), [topic(word), why(word)])
    labeling.create(content=content(5))
    lease = labeling.take("ann")
    labeling.do(task_notes.skip, lease, reason="too hard")

    labeling.accept(fixed, [topic("egg")])
    labeling.decide(review_decisions.send_back, sent_back, "rev", "bea", comment="Again, please.")
    labeling.accept(corrected, [topic("ham")])
    labeling.decide(review_decisions.correct, corrected, "rev", fixes=[topic("=spam")])
    labeling.accept(accepted, [topic("egg"), why("ham")])
    people = found_by(labeling)
    ann, bea = people["ann"], people["bea"]

    assert (ann.skips.right, ann.skips.n) == (1, 5)
    assert (bea.skips.right, bea.skips.n) == (0, 3)
    # Of ann the last correction and the last text differ, of bea all but what was sent back do.
    assert (ann.reviews.changed.right, ann.reviews.changed.n) == (2, 3)
    assert (ann.reviews.sent_back.right, ann.reviews.sent_back.n) == (0, 3)
    assert (bea.reviews.changed.right, bea.reviews.changed.n) == (3, 4)
    assert (bea.reviews.sent_back.right, bea.reviews.sent_back.n) == (1, 4)


def test_what_was_fixed_before_an_answer_was_given_again_is_no_fix_of_it(world: World):
    labeling = LabelingProject(world, "Again", form={"fields": [TOPIC]}, review="all")
    (task_id,) = labeling.create(content=content(0))
    labeling.submit(labeling.take("ann"), [topic("ham")])
    labeling.accept(task_id, [topic("egg")])
    seq = labeling.task(task_id).seq

    async def vote_later(tx):
        await tx.run(
            "UPDATE vote SET submitted_ms = submitted_ms + 3600000 WHERE project_key = :key"
            " AND seq = :seq",
            {"key": labeling.project.project_key, "seq": seq},
        )

    assert found_by(labeling)["ann"].reviews.changed.right == 1
    labeling.write(vote_later)
    assert found_by(labeling)["ann"].reviews.changed.right == 0


def test_a_person_whom_nobody_can_be_compared_with_has_reasons_for_figures(world: World):
    labeling = LabelingProject(world, "Alone", form={"fields": [TOPIC]})
    labeling.create(content=content(0))
    labeling.submit(labeling.take("ann"), [topic("ham")])

    ann = found_by(labeling)["ann"]

    assert ann.with_others.share is None
    assert "two others" in ann.moving_average.why
    assert ann.questions[0].accuracy is None
