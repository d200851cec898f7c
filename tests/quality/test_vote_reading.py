"""Votes as statistics read them: coded by what is declared, by source, and anew where changed."""

from __future__ import annotations

import json

import numpy as np

from plaudit.core.labeling import review_decisions
from plaudit.core.quality import vote_reading
from plaudit.core.quality.question_columns import ABSTAINED
from plaudit.core.quality.vote_codes import CodeKind
from plaudit.core.tasks import lifecycle
from tests.support.builders import make_annotation
from tests.support.labeling_project import FORM, LabelingProject
from tests.support.votes.vote_checks import vote_differences
from tests.support.votes.vote_rows import annotated, imported

CHOICE = {
    "key": "topic",
    "level": "thread",
    "type": "category",
    "possible_values": ["egg", "ham", "spam"],
    "cannot_assess": True,
}
RANKS = {"key": "ranking", "level": "turn", "type": "ranked_choices"}


def read(labeling, votes=None):
    """Votes of a project, or those read before with what has changed."""
    if votes is None:
        return labeling.world.run(vote_reading.read_votes(labeling.world.db, labeling.project))
    labeling.world.run(vote_reading.read_changes(labeling.world.db, labeling.project, votes))
    return votes


def content_of(votes):
    """What is known of each vote, by question: task, person and what the code stands for."""
    people, seqs = votes.contributor_ids, votes.task_seqs()
    return {
        (one.level.value, one.field.key): sorted(
            (
                int(seqs[one.unit_tasks[unit]]),
                people[person],
                "abstained" if code == ABSTAINED else [*one.meanings, "a text"][code],
            )
            for unit, person, code in zip(one.units, one.people, one.codes, strict=True)
        )
        for one in votes.questions()
    }


def question(votes, key):
    [found] = [one for one in votes.questions() if one.field.key == key]
    return found


def said(labeling, user_id, key, value):
    """Submit the next task with this value for a key, said of the responses in their own order."""
    lease = labeling.take(user_id)
    answers = labeling.answers(lease)
    for one in answers:
        if one["key"] == key:
            is_swapped = key == "likert_value" and json.loads(lease.display)["t0u0"] == [2, 1]
            one["value"] = 8 - value if is_swapped else value
    labeling.submit(lease, answers)
    return lease


def test_votes_are_coded_by_what_the_form_declares_and_not_by_what_occurred(world):
    labeling = LabelingProject(world, form={"fields": [CHOICE, *FORM["fields"]]}, overlap=2)
    labeling.create()
    said(labeling, "ann", "topic", "spam")
    said(labeling, "ben", "topic", "ham")

    votes = read(labeling)
    topic, overall = question(votes, "topic"), question(votes, "overall")

    assert (topic.categories, topic.meanings) == (["egg", "ham", "spam"],) * 2
    assert sorted(topic.codes) == [1, 2]
    assert (overall.votes().category_count, len(overall.units)) == (5, 4)
    assert overall.votes().units.tolist() == [0, 0, 1, 1]
    assert {one.field.key for one in votes.questions()} == {
        "topic", "overall", "likert_value", "justification",
    }  # fmt: skip


def test_a_preference_is_coded_by_source_wherever_the_responses_stood(world):
    labeling = LabelingProject(world, overlap=12)
    labeling.create()
    for number in range(12):
        said(labeling, f"u{number}", "likert_value", 2)

    likert = question(read(labeling), "likert_value")

    assert set(likert.codes) == {1}
    assert likert.responses == [("base_model", "test_model")]
    assert set(likert.shown) == {("base_model", "test_model"), ("test_model", "base_model")}
    assert set(likert.orders) == {0, 1}


def test_a_ranking_is_coded_by_the_ranks_of_the_responses_in_their_own_order(world):
    labeling = LabelingProject(world, form={"fields": [RANKS]}, overlap=12)
    labeling.create()
    for number in range(12):
        lease = labeling.take(f"u{number}")
        first = json.loads(lease.display)["t0u0"].index(2) + 1
        labeling.submit(lease, [{"at": "t0u0", "key": "ranking", "value": [first, 3 - first]}])

    ranking = question(read(labeling), "ranking")

    assert (ranking.kind, ranking.meanings) == (CodeKind.rankings, [(1, 0)])


def test_an_abstention_is_no_value_and_is_counted_apart(world):
    labeling = LabelingProject(world, form={"fields": [CHOICE]}, overlap=2)
    labeling.create()
    labeling.submit(labeling.take("ann"), [{"at": "t0", "key": "topic", "cannot_assess": True}])
    said(labeling, "ben", "topic", "ham")

    topic = question(read(labeling), "topic")

    assert topic.votes().values.tolist() == [1]
    assert sorted(topic.abstentions().values.tolist()) == [0, 1]


def test_answers_to_an_older_form_are_counted_out_by_name(world):
    labeling = LabelingProject(world, form={"fields": [CHOICE, RANKS]}, overlap=2)
    labeling.create(2)
    said(labeling, "ann", "topic", "spam")
    said(labeling, "ann", "topic", "egg")
    labeling.set(form={"fields": [CHOICE | {"possible_values": ["egg", "ham"]}]})

    votes = read(labeling)

    assert question(votes, "topic").codes.tolist() == [0]
    assert {(one.key, one.why): count for one, count in votes.counted_out.items()} == {
        ("topic", "the form does not take this value"): 1,
        ("ranking", "the form does not ask this"): 2,
    }


def test_a_later_reading_reads_what_has_changed_and_nothing_else(world):
    labeling = LabelingProject(world, overlap=2, review="all")
    task_ids = labeling.create(6)
    for _ in range(4):
        labeling.work_on("ann", chosen_last)
    votes = read(labeling)
    before = votes.change_no

    labeling.work_on("ben")
    labeling.reopen(labeling.lease_on(task_ids[1], "ann"))
    labeling.decide(review_decisions.send_back, task_ids[0], "rev", "ben", comment="Once more.")
    changed = labeling.world.run(
        vote_reading.read_changes(labeling.world.db, labeling.project, votes)
    )

    assert len(changed) == 2
    assert votes.change_no > before
    assert content_of(votes) == content_of(read(labeling))
    assert labeling.violations() == {}
    assert (
        labeling.world.run(vote_reading.read_changes(labeling.world.db, labeling.project, votes))
        == []
    )


def chosen_last(possible):
    return possible[-1]


def test_a_snapshot_is_read_on_from_by_another_process(world):
    labeling = LabelingProject(world, form={"fields": [CHOICE, RANKS, *FORM["fields"]]}, overlap=2)
    task_ids = labeling.create(4)
    for user_id in ("ann", "ann", "ben"):
        labeling.work_on(user_id)
    snapshot = refreshed(labeling, None).snapshot
    labeling.work_on("cleo", chosen_last)
    labeling.undo(labeling.lease_on(task_ids[0], "ann"))

    votes, later, changed = refreshed(labeling, snapshot)

    assert content_of(votes) == content_of(read(labeling))
    assert len(changed) == 2
    assert later != snapshot
    assert refreshed(labeling, later)[1] == later
    labeling.set(form={"fields": [CHOICE]})
    assert set(content_of(refreshed(labeling, later)[0])) == {("thread", "topic")}
    assert content_of(refreshed(labeling, b"damaged")[0]) == content_of(read(labeling))


def refreshed(labeling, snapshot):
    return labeling.world.run(
        vote_reading.refresh_votes(labeling.world.db, labeling.project, snapshot)
    )


def test_verdicts_of_imported_sets_are_one_question_with_a_tie_among_its_values(world):
    fields = [field("selected_model_id"), field("preference", possible_values=["tie", "all_bad"])]
    labeling = LabelingProject(world, form={"fields": fields})
    chosen = voted("selected_model_id", p1="m0", p2="m1", p3="tie")
    tied = voted("preference", p1="tie", p2="m1", p3="all_bad")
    for task_id, annotation in (("a", chosen), ("b", tied)):
        threads = annotated()
        threads[0]["turns"][0]["annotations"] = [annotation]
        assert imported(labeling, task_id, threads) == []

    votes = read(labeling)
    verdict = question(votes, "selected_model_id")

    assert verdict.meanings == ["m0", "m1", "all_bad", "tie"]
    assert [value[2] for value in content_of(votes)["turn", "selected_model_id"]] == [
        *("m0", "m1", "tie"), *("tie", "m1", "all_bad"),
    ]  # fmt: skip
    assert {one.key for one in votes.counted_out} <= {"overall"}


def field(key, **members):
    return {"key": key, "level": "turn", "type": "category"} | members


def voted(key, **said_by):
    votes = [{"contributor_id": person, "value": value} for person, value in said_by.items()]
    return make_annotation(key, None, type="category", votes=votes)


def test_a_persons_last_vote_on_a_unit_counts_and_the_first_is_kept(world):
    labeling = LabelingProject(world)
    values = [("p1", 4, 2), ("p2", 5, 1), ("p1", 1, 1), ("p1", 3, 3)]
    votes = [
        {"contributor_id": person, "value": value, "submitted_at": f"2025-01-0{day}T00:00:00Z"}
        for person, value, day in values
    ]
    assert imported(labeling, "t", annotated(votes=votes)) == []

    overall = question(read(labeling), "overall")

    assert [overall.meanings[code] for code in overall.codes] == [3, 5]
    [(unit, person, first, last)] = overall.repeats.tolist()
    assert (unit, person, overall.meanings[first], overall.meanings[last]) == (0, 0, 1, 3)


def test_a_selected_response_that_follows_from_a_scale_is_no_question_of_its_own(world):
    labeling = LabelingProject(world)
    threads = annotated(submissions=[{"contributor_id": "p1"}])
    threads[0]["turns"][0]["annotations"] = [
        make_annotation("selected_model_id", "m0", type="category"),
        make_annotation("likert_value", 2),
    ]
    assert imported(labeling, "t", threads) == []

    assert set(content_of(read(labeling))) == {("turn", "likert_value"), ("message", "overall")}


def test_a_task_that_is_done_again_leaves_no_vote(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    votes = read(labeling)
    labeling.move(lifecycle.reopen_task, task_id)

    assert content_of(read(labeling, votes)) == {}
    assert vote_differences(world) == {}


def test_columns_are_of_the_widths_that_they_are_said_to_be(world):
    labeling = LabelingProject(world)
    labeling.create()
    labeling.work_on("ann")

    overall = question(read(labeling), "overall")

    assert {overall.units.dtype, overall.people.dtype, overall.codes.dtype} == {np.dtype(np.int32)}
    assert overall.times.dtype == np.int64
