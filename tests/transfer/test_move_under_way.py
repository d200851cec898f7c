"""A move with work under way: row by row, the other store tells the same afterwards."""

from __future__ import annotations

import re

import pytest

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason
from plaudit.core.transfer import attachment_archive, import_summary, row_import
from plaudit.core.transfer.archive_contents import CARRIED, LEFT_BEHIND, REBUILT
from plaudit.core.webhooks import endpoints
from plaudit.model.core import TaskStatus
from plaudit.model.labeling import DisagreementReason, Lease, LeaseStatus, WorkState
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import AdaptiveOverlap
from tests.support.busy_organization import add_people, begin_everything, begin_work, task_of
from tests.support.databases import shard_rules
from tests.support.harness import ROOT, World, one_engine, run_cli, store_arguments
from tests.support.labeling_project import LabelingProject
from tests.support.moves import archive_of, move, rows_of, stored, tables_of, values_of

STARS = {"key": "stars", "level": "thread", "type": "integer", "possible_values": [1, 2, 3, 4, 5]}


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite"])
def moving(request, sqlite_settings, postgres_settings):
    """Two stores on different engines: one to move from, one to move to."""
    worlds = [World(sqlite_settings), World(postgres_settings)]
    if request.param == "postgres to sqlite":
        worlds.reverse()
    for world in worlds:
        world.org()
    yield worlds
    for world in worlds:
        world.close()


def test_a_move_with_work_under_way_leaves_nothing_out(moving):
    source, target = moving
    floor = begin_everything(source)
    before = stored(source)

    first = move(source, target)
    after = stored(target)
    again = [move(source, target), move(source, source)]

    assert [table for table in CARRIED if not before[table]] == []
    assert [table for table, rows in before.items() if after[table] != rows] == []
    assert (first.total("added") > 60, first.total("rejected")) == (True, 0)
    assert [summary.total("added") + summary.total("updated") for summary in again] == [0, 0]
    assert (stored(source), stored(target)) == (before, after)
    assert votes_in(target) == votes_in(source) != []
    assert floor.on(target).violations() == {}


def votes_in(world):
    """Every vote of a store, with its task by id."""
    columns = "contributor_id, number, is_imported, question_key, at, source_id, place, value"
    ids = dict(rows_of(world, "task", "project_key || ' ' || seq, task_id"))
    rows = rows_of(world, "vote", f"project_key || ' ' || seq, {columns}, form_version")
    return sorted(((ids[place], *rest) for place, *rest in rows), key=repr)


def test_every_table_is_carried_made_anew_or_named_with_the_reason_why_not(world):
    left = {table: one for one in LEFT_BEHIND for table in one.tables}
    missing = set() if world.settings.database is None else shard_rules.OF_SQLITE
    places = [*CARRIED, *REBUILT, *left]

    assert sorted(set(places) - missing) == sorted(tables_of(world))
    assert len(set(places)) == len(places)
    assert set(CARRIED.values()) | {"organization", "review"} == set(import_summary.KINDS)
    assert all(one.noun and one.reason and one.remedy for one in LEFT_BEHIND)


def test_the_manual_lists_the_kinds_and_what_never_comes():
    text = (ROOT / "docs" / "operate.md").read_text("utf-8")
    section = text.partition("#### Kinds of lines")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| .* \| (everybody|the operator) \|$", section, re.M)
    told = {kind: by for kinds, by in rows for kind in re.findall(r"`(\w+)`", kinds)}
    never = text.partition("| never in an archive |")[2].partition("####")[0]

    operators = {*row_import.KINDS, attachment_archive.KIND}
    assert told == {
        kind: "the operator" if kind in operators else "everybody" for kind in import_summary.KINDS
    }
    for left in LEFT_BEHIND:
        assert f"| {left.noun} | {left.reason} | {left.remedy} |" in never.replace("`", "")


def test_after_a_move_everybody_goes_on_where_they_were(moving):
    source, target = moving
    floor = begin_work(source)
    held = next(lease for lease in leases_of(floor, "bob", LeaseStatus.open) if lease.draft)
    [returned] = leases_of(floor, "ann", LeaseStatus.returned)
    waiting = next(row["task"] for row in values_of(archive_of(source), "work"))
    move(source, target)
    there = floor.on(target)
    there.environment_id = target.org()
    there.project = there.write(
        lambda tx: projects.find_project(tx, there.environment_id, floor.project.project_id)
    )

    there.draft(there.lease(held), 2, there.answers(there.lease(held)))
    there.submit(there.lease(held), key="after the move")
    resumed = there.resume(returned)
    there.submit(resumed, key="better")
    there.submit(there.take("dan"))
    for task_id in {waiting, task_of(there, held.seq), task_of(there, returned.seq)}:
        there.accept(task_id)

    assert resumed.draft is not None
    assert there.status(task_of(there, held.seq)) is TaskStatus.completed
    assert there.violations() == {}


def test_a_move_brings_adaptive_overlap_and_what_reviewers_are_shown_first(moving):
    source, target = moving
    add_people(source, "ann", "bob", "cat", "rev")
    judges = AdaptiveOverlap(min=2, max=5, confidence=0.9, question="stars")
    floor = LabelingProject(source, form={"fields": [STARS]}, judges=judges, review="all")
    agreed, split, settled, begun = floor.create(4)
    said = {"ann": (1, 1, 1, 1), "bob": (1, 5, 5, 5), "cat": (5, 5)}
    for user_id, values in said.items():
        for value in values:
            lease = floor.take(user_id)
            floor.submit(lease, [{"at": "t0", "key": "stars", "value": value}])
    reason = GivenReason(question=0, key="stars", why=DisagreementReason.guideline)
    floor.decide(review_decisions.accept, settled, "rev", reasons=[reason])
    move(source, target)
    there = floor.on(target)
    there.environment_id = target.org()
    there.project = there.write(
        lambda tx: projects.find_project(tx, there.environment_id, floor.project.project_id)
    )

    for table in ("review_order", "disagreement_reason"):
        columns = {"review_order": "question_key, rank", "disagreement_reason": "why"}[table]
        assert sorted(rows_of(target, table, columns)) == sorted(rows_of(source, table, columns))
    assert there.place(begun).needed == floor.place(begun).needed == 3
    assert {one.state for one in map(there.place, (agreed, split))} == {WorkState.in_review}
    assert there.violations() == {}


def leases_of(floor: LabelingProject, user_id: str, status: LeaseStatus) -> list[Lease]:
    """A person's leases in a status."""
    key = floor.project.project_key
    return floor.write(lambda tx: leases_store.list_leases(tx, key, user_id, status, limit=10))


@one_engine
def test_an_import_ends_with_what_came_and_what_cannot_come(world, tmp_path):
    begin_work(world)
    place, out = store_arguments(world.settings), str(tmp_path / "a.jsonl")
    run_cli("archive", "--out", out, *place)

    done = run_cli("import", out, "--format", "archive", *place)

    text = done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert "leases" in text.partition("\n")[2]
    for left in LEFT_BEHIND:
        assert left.noun in text
        assert left.reason in text
        assert left.remedy in text


@one_engine
def test_secrets_stay_and_endpoints_get_new_ones(world):
    begin_everything(world)
    text = str(archive_of(world))
    [(endpoint_id, secret)] = rows_of(world, "webhook_endpoint", "endpoint_id, secret")
    environment_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await endpoints.get_endpoint(tx, environment_id, endpoint_id)

    [shown] = endpoints.endpoint_secrets(world.secret, world.run(read()))

    assert (shown in text, secret.hex() in text) == (False, False)
    assert values_of(archive_of(world), "endpoint")[0].keys() == {
        "id", "url", "events", "is_active", "created_at",
    }  # fmt: skip


@one_engine
def test_an_archive_for_a_manager_has_nothing_that_the_operator_alone_imports(world):
    begin_everything(world)

    lines = archive_of(world, for_operator=False)
    _, rejects = world.tenant().load(archive_of(world), "archive", is_operator=False)

    kinds = {line["kind"] for line in lines}
    operators = {line["kind"] for line in archive_of(world)} - kinds
    assert operators == {
        "user", "work", "lease", "submission", "note", "review", "attachment", "endpoint",
        "event", "message", "audit_entry", "team", "team_member", "skills", "member", "batch_team",
        "requirement",
    }  # fmt: skip
    refused = {reject.message for reject in rejects if "by the operator alone" in reject.message}
    assert len(refused) == len(operators)
