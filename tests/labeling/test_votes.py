"""Votes as rows: which ones count, what they say, and that they go with what they follow from."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.counting.vote_writing import fill_project, is_to_fill
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.form_version import form_version
from plaudit.core.tasks.forms import form_of
from plaudit.errors import Problem
from plaudit.model.core import TaskStatus
from plaudit.store.engine import connect
from plaudit.wire.v2.resources import project_detail
from plaudit.worker import Worker
from tests.support.harness import World
from tests.support.labeling_project import FORM, OVERALL, LabelingProject
from tests.support.votes.vote_rows import annotated, imported, said, votes_of

ROUNDS = 6


def test_a_submission_writes_a_vote_for_each_answer_with_where_it_was_shown(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create()
    lease = labeling.take("ann")
    labeling.submit(lease)

    votes = votes_of(labeling, task_id)
    order = json.loads(lease.display)["t0u0"]
    names = {1: "base_model", 2: "test_model"}

    assert sorted(said(votes, "question_key", "at", "source_id", "place", "value"), key=str) == [
        ("justification", "t0u0", None, None, votes_text(votes)),
        ("likert_value", "t0u0", None, None, 1 if order == [1, 2] else 7),
        *sorted(
            ("overall", "t0u0", names[index], place, 1) for place, index in enumerate(order, 1)
        ),
    ]  # fmt: skip
    [turn_vote] = [vote for vote in votes if vote.question_key == "likert_value"]
    assert json.loads(turn_vote.shown) == [names[index] for index in order]
    assert json.loads(turn_vote.responses) == ["base_model", "test_model"]
    version = form_version(form_of(project_detail(labeling.project)))
    [submission] = labeling.counting(task_id)
    assert submission.form_version == version
    assert {(one.active_ms, one.submitted_ms, one.form_version) for one in votes} == {
        (submission.active_ms, submission.submitted_ms, version)
    }
    assert not any(vote.is_imported for vote in votes)


def votes_text(votes):
    return next(json.loads(one.value) for one in votes if one.question_key == "justification")


def test_a_form_has_one_version_until_its_questions_change(world):
    labeling = LabelingProject(world, overlap=9)
    [task_id] = labeling.create()
    for changes in ({}, {"overlap": 8}, {"form": {"fields": [OVERALL, *FORM["fields"][2:]]}}):
        labeling.set(**changes) if changes else None
        labeling.work_on(f"u{len(labeling.counting(task_id))}")

    first, second, third = (one.form_version for one in labeling.counting(task_id))

    assert first == second != third


def test_an_abstention_has_no_value_and_a_reason_alone_is_no_vote(world):
    abstaining = OVERALL | {"not_applicable": True, "required": False}
    labeling = LabelingProject(world, form={"fields": [abstaining]})
    [task_id] = labeling.create()
    labeling.submit(
        labeling.take("ann"),
        [
            {"at": "t0u0", "position": 1, "key": "overall", "not_applicable": True},
            {"at": "t0u0", "position": 2, "key": "overall", "justification": "Hm."},
        ],
    )

    [vote] = votes_of(labeling, task_id)

    assert (vote.value, vote.abstention, vote.place) == (None, "not_applicable", 1)


def test_delivered_votes_say_who_abstained_and_leave_out_who_said_nothing(world):
    abstaining = OVERALL | {"cannot_assess": True, "required": False}
    labeling = LabelingProject(world, form={"fields": [abstaining]}, overlap=3)
    [task_id] = labeling.create()
    where = {"at": "t0u0", "position": 1, "key": "overall"}
    for user_id, answer in (
        ("ann", {"cannot_assess": True}), ("ben", {"cannot_assess": True}), ("cleo", None),
    ):  # fmt: skip
        labeling.submit(labeling.take(user_id), [where | answer] if answer else [])

    threads = labeling.task(task_id).body
    if threads is None:
        labeling.accept(task_id)
    with world.client() as client:
        params = {"task_id": task_id, "opts": "submissions,annotation_details"}
        task = client.get("/v2/task", params=params).json()
    found = [
        vote
        for message in task["threads"][0]["turns"][0]["messages"]
        for annotation in message["annotations"]
        for vote in annotation.get("votes", ())
    ]

    assert {vote["contributor_id"] for vote in found} == {"ann", "ben"}
    assert all(vote["cannot_assess"] is True and "value" not in vote for vote in found)


def test_votes_go_with_the_submission_that_is_undone_and_come_with_the_next(world):
    labeling = LabelingProject(world, overlap=2)
    [task_id] = labeling.create()
    lease = labeling.take("ann")
    labeling.submit(lease, labeling.answers(lease, lambda possible: possible[0]))
    labeling.work_on("ben")
    reopened = labeling.undo(lease)

    between = {vote.contributor_id for vote in votes_of(labeling, task_id)}
    labeling.submit(reopened, labeling.answers(reopened, lambda possible: possible[-1]), "again")

    votes = votes_of(labeling, task_id)
    assert between == {"ben"}
    assert {
        vote.value for vote in votes if (vote.contributor_id, vote.question_key)
        == ("ann", "overall")
    } == {b"5"}  # fmt: skip
    assert labeling.violations() == {}


def test_what_is_sent_back_or_done_again_does_not_count(world):
    labeling = LabelingProject(world, overlap=2, review="all")
    [task_id] = labeling.create()
    labeling.work_on("ann")
    labeling.work_on("ben")
    labeling.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Once more.")
    sent_back = {vote.contributor_id for vote in votes_of(labeling, task_id)}
    labeling.submit(labeling.resume(labeling.lease_on(task_id, "ann")), key="better")
    labeling.accept(task_id)
    labeling.move(lifecycle.reopen_task, task_id)

    assert sent_back == {"ben"}
    assert votes_of(labeling, task_id) == []
    assert labeling.violations() == {}


def test_a_reviewers_fix_and_a_correction_change_no_vote(world):
    labeling = LabelingProject(world, overlap=1, review="all")
    [task_id] = labeling.create()
    labeling.work_on("ann")
    before = votes_of(labeling, task_id)
    fix = {"at": "t0u0", "position": 1, "key": "overall", "value": 5}
    labeling.accept(task_id, [fix])
    labeling.decide(review_decisions.correct, task_id, "rev", fixes=[fix | {"value": 4}])

    assert votes_of(labeling, task_id) == before
    assert {vote.contributor_id for vote in before} == {"ann"}


def test_two_who_submit_at_once_both_vote(world, at_once):
    labeling = LabelingProject(world, overlap=2)
    for task_id in labeling.create(ROUNDS):
        leases = [labeling.take("ann"), labeling.take("ben")]
        answers = [labeling.answers(one) for one in leases]

        at_once(
            labeling,
            *(lambda own, n=n, of=leases, said=answers: own.submit(of[n], said[n]) for n in (0, 1)),
        )

        assert {vote.contributor_id for vote in votes_of(labeling, task_id)} == {"ann", "ben"}
    assert labeling.violations() == {}


def test_whatever_review_submission_and_import_do_at_once_votes_are_what_counts(world, at_once):
    labeling = LabelingProject(world, overlap=2, review="all")
    for number, task_id in enumerate(labeling.create(ROUNDS)):
        first, second = labeling.take("ann"), labeling.take("ben")
        labeling.submit(first)
        answers = labeling.answers(second)
        threads = annotated(votes=[{"contributor_id": "p1", "value": 4}])

        def completes(own, task_id=task_id, threads=threads):
            return own.move(
                lambda tx, environment_id, task: lifecycle.complete_task(
                    tx, environment_id, task, threads
                ),
                task_id,
            )

        at_once(
            labeling,
            lambda own, of=second, said=answers: own.submit(of, said),
            completes,
            lambda own, of=first: own.undo(of),
            lambda own, one=task_id, given=threads: imported(own, one, given),
        )

        assert labeling.violations() == {}, number


STEPS = 60


@pytest.mark.parametrize("seed", range(2))
def test_after_any_sequence_of_changes_votes_are_what_submissions_say(world, seed):
    chance = random.Random(seed)
    labeling = LabelingProject(world, overlap=2, review="sample", review_percent=50)
    task_ids = labeling.create(5)
    for step in range(STEPS):
        task_id, user_id = chance.choice(task_ids), chance.choice(["ann", "ben", "cleo"])
        try:
            _change(labeling, chance, task_id, user_id, step)
        except Problem:
            continue  # it is not possible now, and has changed nothing

    assert labeling.violations() == {}


def _change(labeling, chance, task_id, user_id, step):
    match chance.randrange(7):
        case 0 | 1 | 2:
            if (lease := labeling.lease_next(user_id)) is not None:
                labeling.submit(lease, key=f"step {step}")
        case 3:
            if (lease := labeling.lease_on(task_id, user_id)) is not None:
                labeling.submit(labeling.reopen(lease), key=f"step {step}")
        case 4:
            labeling.decide(
                review_decisions.send_back, task_id, "rev", user_id, comment="Once more."
            )
        case 5:
            if labeling.status(task_id) is TaskStatus.completed:
                labeling.move(lifecycle.reopen_task, task_id)
        case 6:
            labeling.accept(task_id)


def forget_votes(labeling):
    """Make the store one of before there were votes, with the migration that makes them undone."""

    async def run(tx):
        for sql in (
            "DROP TABLE vote", "DROP TABLE voted_threads", "DROP TABLE vote_clock",
            "DROP INDEX submission_by_change", "ALTER TABLE submission DROP COLUMN change_no",
            "ALTER TABLE submission DROP COLUMN form_version",
            "DELETE FROM schema_migration WHERE name = '0012_votes.sql'",
        ):  # fmt: skip
            await tx.run(sql, {})

    labeling.write(run)


def test_votes_of_a_store_from_before_there_were_votes_are_written_afterwards(world):
    labeling = LabelingProject(world, overlap=2)
    task_ids = labeling.create(3)
    for user_id in ("ann", "ann", "ben"):
        labeling.work_on(user_id)
    threads = annotated(votes=[{"contributor_id": "p1", "value": 4}])
    assert imported(labeling, "t", threads) == []
    before = {one: said_of_old(votes_of(labeling, one)) for one in [*task_ids, "t"]}
    forget_votes(labeling)
    other = World(world.settings)
    assert connect.prepare(world.settings) == ["0012_votes.sql"]
    labeling = labeling.on(other)
    project_key = labeling.project.project_key
    labeling.work_on("cleo")  # at once, before the rest

    was_to_fill = other.run(is_to_fill(other.db, project_key))
    other.run(fill_project(other.db, project_key))

    after = {one: said_of_old(votes_of(labeling, one)) for one in [*task_ids, "t"]}
    assert was_to_fill
    assert not other.run(is_to_fill(other.db, project_key))
    assert {
        task_id: [vote for vote in votes if vote[0] != "cleo"] for task_id, votes in after.items()
    } == before
    assert any(vote[0] == "cleo" for votes in after.values() for vote in votes)
    assert labeling.violations() == {}
    other.close()


def test_the_worker_writes_what_an_older_store_lacks_by_itself(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create()
    labeling.work_on("ann")
    before = said_of_old(votes_of(labeling, task_id))
    forget_votes(labeling)
    connect.prepare(world.settings)
    other = World(world.settings)

    worker = Worker(other.db, other.secret, other.settings)
    counts = [other.run(worker.write_votes()) for _ in range(4)]

    after = said_of_old(votes_of(labeling.on(other), task_id))
    other.close()
    assert after == before != []
    assert counts[-1] == 0


def said_of_old(votes):
    """All that an older store knows of votes."""
    return [
        (vote.contributor_id, *msgspec.structs.astuple(msgspec.structs.replace(
            vote, form_version=None
        ))[3:])
        for vote in votes
    ]  # fmt: skip


def test_an_imported_vote_has_a_value_or_abstains_in_one_way(world):
    labeling = LabelingProject(world)
    who = {"contributor_id": "p1"}
    good = ({"value": 4}, {"not_applicable": True}, {"cannot_assess": True})
    wrong = (
        {"value": None},
        {},
        {"value": 4, "cannot_assess": True},
        {"not_applicable": True, "cannot_assess": True},
        {"value": None, "not_applicable": True},
    )

    refused = [bool(imported(labeling, f"t{n}", annotated(votes=[who | one])))
               for n, one in enumerate((*good, *wrong))]  # fmt: skip

    assert refused == [False] * len(good) + [True] * len(wrong)
