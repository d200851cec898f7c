"""Votes that threads carry: of files, of archives, and of requests that complete a task."""

from __future__ import annotations

import pytest

from plaudit.core.tasks import lifecycle
from tests.support.builders import make_annotation
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.moves import archive_of, values_of
from tests.support.votes.vote_rows import annotated, imported, said, votes_of


def test_votes_of_imported_threads_count_like_ours(world):
    labeling = LabelingProject(world)
    votes = [
        {"contributor_id": "p1", "value": 4, "submitted_at": "2025-01-01T00:00:00Z"},
        {"contributor_id": "p2", "not_applicable": True},
    ]
    submissions = [
        {"contributor_id": "p1", "active_ms": 61_000, "display": {"u0": ["m1", "m0"]}},
        {"contributor_id": "p2", "submitted_at": "2025-01-02T00:00:00Z"},
    ]
    assert imported(labeling, "t", annotated(votes=votes, submissions=submissions)) == []

    found = votes_of(labeling, "t")

    assert said(found, "contributor_id", "source_id", "place", "value", "abstention") == [
        ("p1", "m0", 2, 4, None),
        ("p2", "m0", None, None, "not_applicable"),
    ]
    assert said(found, "active_ms", "is_imported", "form_version") == [
        (61_000, True, None), (None, True, None),
    ]  # fmt: skip
    assert [vote.submitted_ms for vote in found] == [1735689600000, 1735776000000]
    assert labeling.violations() == {}


def test_annotations_of_one_person_are_votes_and_those_of_several_are_not(world):
    labeling = LabelingProject(world)
    alone = [{"contributor_id": "p1"}]
    assert imported(labeling, "one", annotated(submissions=alone)) == []
    assert (
        imported(labeling, "two", annotated(submissions=[*alone, {"contributor_id": "p2"}])) == []
    )

    assert said(votes_of(labeling, "one"), "contributor_id", "value") == [("p1", 2)]
    assert votes_of(labeling, "two") == []


def test_what_a_person_said_twice_is_kept_earliest_first(world):
    labeling = LabelingProject(world)
    votes = [
        {"contributor_id": "p1", "value": 4, "submitted_at": "2025-01-02T00:00:00Z"},
        {"contributor_id": "p1", "value": 1, "submitted_at": "2025-01-01T00:00:00Z"},
    ]
    assert imported(labeling, "t", annotated(votes=votes)) == []

    assert said(votes_of(labeling, "t"), "number", "value") == [(0, 1), (1, 4)]


@pytest.mark.parametrize(
    ("vote", "word"),
    [
        ({"value": None}, "a vote has a value ('tie' for a tie)"),
        ({}, "a vote has a value ('tie' for a tie)"),
        ({"value": 2, "not_applicable": True}, "has no value"),
        ({"not_applicable": True, "cannot_assess": True}, "one of them"),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_vote_that_says_nothing_or_two_things_is_refused(request, engine, vote, word):
    world = World(request.getfixturevalue(f"{engine}_settings"))
    labeling = LabelingProject(world)

    [reason] = imported(labeling, "t", annotated(votes=[{"contributor_id": "p1"} | vote]))

    world.close()
    assert word in reason


@pytest.mark.parametrize(
    ("display", "word"),
    [({"u9": ["m0"]}, "no turn with this id"), ({"u0": ["m0", "m0"]}, "each once"),
     ({"u0": ["user"]}, "lists responses")],
)  # fmt: skip
def test_a_display_of_what_is_not_there_is_refused(world, display, word):
    labeling = LabelingProject(world)
    submissions = [{"contributor_id": "p1", "display": display}]

    [reason] = imported(labeling, "t", annotated(submissions=submissions))

    assert word in reason


def test_replaced_threads_bring_their_votes_and_take_the_old_ones_along(world):
    labeling = LabelingProject(world)
    for value in (4, 5):
        votes = [{"contributor_id": "p1", "value": value}]
        assert imported(labeling, "t", annotated(votes=votes, value=value), replace=True) == []

    assert said(votes_of(labeling, "t"), "value") == [(5,)]
    assert imported(labeling, "t", annotated(), replace=True) == []
    assert votes_of(labeling, "t") == []
    assert labeling.violations() == {}


def test_an_archive_carries_active_time_and_display_of_imported_submissions(world):
    labeling = LabelingProject(world)
    display = {"u0": ["m1", "m0"]}
    submissions = [{"contributor_id": "p1", "active_ms": 61_000, "display": display}]
    assert imported(labeling, "t", annotated(submissions=submissions)) == []
    lines = archive_of(world)
    tenant = world.tenant()

    assert tenant.load(lines, "archive")[1] == []

    [task] = [row for row in values_of(archive_of(tenant), "task") if row["task_id"] == "t"]
    [thread] = task["threads"]
    assert thread["submissions"] == submissions
    assert tenant.load(lines, "archive")[0].total("unchanged") > 0


def test_a_tie_is_the_word_and_no_abstention(world):
    labeling = LabelingProject(world)
    threads = annotated()
    threads[0]["turns"][0]["annotations"] = [
        make_annotation(
            "selected_model_id", None, type="category",
            votes=[{"contributor_id": "p1", "value": "tie"},
                   {"contributor_id": "p2", "cannot_assess": True}],
        )
    ]  # fmt: skip
    assert imported(labeling, "t", threads) == []

    assert said(votes_of(labeling, "t"), "value", "abstention") == [
        ("tie", None), (None, "cannot_assess"),
    ]  # fmt: skip


def test_threads_that_a_request_completes_a_task_with_have_votes_while_no_submission_counts(world):
    labeling = LabelingProject(world, overlap=2)
    bare, begun = labeling.create(2)
    labeling.work_on("ann")
    threads = annotated(votes=[{"contributor_id": "p1", "value": 4}])

    def complete(tx, environment_id, task):
        return lifecycle.complete_task(tx, environment_id, task, threads)

    for task_id in (bare, begun):
        labeling.move(complete, task_id)

    people = [{vote.contributor_id for vote in votes_of(labeling, one)} for one in (bare, begun)]
    assert sorted(people, key=str) == sorted([{"p1"}, {"ann"}], key=str)
    assert labeling.violations() == {}
