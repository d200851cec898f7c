"""Who works on what comes with an archive: teams, members, quotas, and what tasks ask of people."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.staffing import pools
from tests.support.busy_organization import add_people
from tests.support.harness import World, one_engine
from tests.support.moves import archive_of, move, rows_of, values_of

AT = "2025-01-01T00:00:00.000Z"
TEAM = {"kind": "team", "value": {"id": "team_1", "name": "Blue", "created_at": AT}}
IN_TEAM = {"kind": "team_member", "value": {"team": "team_1", "user": "ann"}}
SKILLS = {"kind": "skills", "value": {"user": "ann", "languages": ["fr"], "tags": ["law"]}}
PROJECT = {"kind": "project", "value": {"id": "P", "name": "Law", "created_at": AT}}
MEMBER = {
    "kind": "member",
    "value": {"project": "P", "member": "ann", "role": "annotator", "added_at": AT},
}
BATCH = {"kind": "batch", "value": {"id": "B", "project": "P", "name": "B"}}
BATCH_TEAM = {"kind": "batch_team", "value": {"batch": "B", "team": "team_1"}}
TASK = {
    "kind": "task",
    "value": {"task_id": "T", "project": "P", "batch": "B", "status": "pending"},
}
REQUIREMENT = {"kind": "requirement", "value": {"task": "T", "languages": ["es"]}}
EVERYTHING = [TEAM, IN_TEAM, SKILLS, PROJECT, MEMBER, BATCH, BATCH_TEAM, TASK, REQUIREMENT]


def with_values(line: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**line, "value": {**line["value"], **changes}}


def messages(world: World, *lines: dict[str, Any], **options: Any) -> list[str]:
    """Load lines of an archive; return why lines were refused, in their order."""
    rejects = world.load(list(lines), "archive", **options)[1]
    return [reject.message for reject in sorted(rejects, key=lambda reject: reject.line)]


@pytest.fixture
def staffed(world):
    """An organization with two people, and everything of this kind."""
    add_people(world, "ann", "bob")
    assert messages(world, *EVERYTHING) == []
    return world


def test_what_was_seen_by_members_alone_is_not_open_to_all_after_a_move(world):
    add_people(world, "ann")
    assert messages(world, with_values(PROJECT, members_only=True, tasks_per_day=7), MEMBER) == []
    other = world.tenant()

    move(world, other)

    access = rows_of(other, "project", "is_members_only, tasks_per_day, tasks_in_all")
    assert access == [(1, 7, None)] * 2


def test_an_archive_that_a_manager_writes_keeps_a_project_closed(world):
    add_people(world, "ann")
    assert messages(world, with_values(PROJECT, members_only=True), MEMBER) == []

    [project] = values_of(archive_of(world, for_operator=False), "project")

    assert project["members_only"] is True


def test_a_second_archive_says_the_same(staffed):
    other = staffed.tenant()

    move(staffed, other)

    assert archive_of(other) == archive_of(staffed)


def test_lines_that_are_stored_change_nothing(staffed):
    summary, rejects = staffed.load(EVERYTHING, "archive")

    assert rejects == []
    assert (summary.total("added"), summary.total("updated")) == (0, 0)


CHANGED = {
    "team": with_values(TEAM, name="Green"),
    "skills": with_values(SKILLS, tags=["tax"]),
    "member": with_values(MEMBER, tasks_per_day=5),
    "requirement": with_values(REQUIREMENT, languages=["de"]),
    "project": with_values(PROJECT, members_only=True),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_other_values_than_those_stored_are_refused(staffed, kind):
    [message] = messages(staffed, CHANGED[kind])

    assert "is stored with other values; see --replace" in message


@pytest.mark.parametrize("kind", CHANGED)
def test_other_values_than_those_stored_are_taken_with_replace(staffed, kind):
    summary, rejects = staffed.load([CHANGED[kind]], "archive", replace=True)

    assert (rejects, summary.total("updated")) == ([], 1)
    assert messages(staffed, CHANGED[kind]) == []


WRONG = {
    "a team of nobody's name": (with_values(TEAM, id="team_2", name=" "), "name"),
    "a team whose name is taken": (with_values(TEAM, id="team_2", name="BLUE"), "already"),
    "a team of an id that is none": (with_values(TEAM, id=""), "1 to 255 characters"),
    "a team of another time": (with_values(TEAM, created_at="2024-01-01"), "another time"),
    "a person in an unknown team": (with_values(IN_TEAM, team="team_9"), "no team 'team_9'"),
    "an unknown person in a team": (with_values(IN_TEAM, user="eve"), "no user 'eve'"),
    "skills of an unknown person": (with_values(SKILLS, user="eve"), "no user 'eve'"),
    "a language that is none": (with_values(SKILLS, languages=["?"]), "language tag"),
    "a tag with a comma": (with_values(SKILLS, tags=["a,b"]), "no comma"),
    "more languages than allowed": (
        with_values(SKILLS, user="bob", languages=[f"aa-{n:04}" for n in range(51)]),
        "at most 50",
    ),
    "more tags than allowed beside a language": (
        with_values(SKILLS, user="bob", tags=[f"tag {n}" for n in range(51)]),
        "at most 50",
    ),
    "a member of an unknown project": (with_values(MEMBER, project="Q"), "no project 'Q'"),
    "an unknown member": (with_values(MEMBER, member="eve"), "no user and no team 'eve'"),
    "a member who is admin": (with_values(MEMBER, role="admin"), "annotator, reviewer or manager"),
    "a member with a quota of nothing": (with_values(MEMBER, tasks_in_all=0), "a quota is"),
    "a member without a time": (with_values(MEMBER, added_at="soon"), "ISO 8601"),
    "a project with a quota of nothing": (with_values(PROJECT, tasks_per_day=0), "a quota is"),
    "an unknown batch": (with_values(BATCH_TEAM, batch="C"), "no batch 'C'"),
    "a batch of an unknown team": (with_values(BATCH_TEAM, team="team_9"), "no team 'team_9'"),
    "an unknown task": (with_values(REQUIREMENT, task="U"), "no task 'U'"),
    "a requirement with a language that is none": (
        with_values(REQUIREMENT, languages=["?"]),
        "language tag",
    ),
    "a requirement of too many people": (
        with_values(REQUIREMENT, people=[str(n) for n in range(21)]),
        "at most 20",
    ),
}


def test_a_line_that_cannot_be_is_refused_and_its_neighbours_are_stored(staffed):
    lines = [line for line, _ in WRONG.values()]

    found = messages(staffed, *lines, with_values(IN_TEAM, user="bob"))

    said = dict(zip(WRONG, found, strict=True))
    assert {case: said[case] for case, (_, words) in WRONG.items() if words not in said[case]} == {}
    assert {row[0] for row in rows_of(staffed, "team_member", "user_id")} == {"ann", "bob"}
    assert {row[0] for row in rows_of(staffed, "person_skill", "user_id")} == {"ann"}


def test_a_requirement_beyond_the_most_leaves_the_task_as_it_was(staffed, monkeypatch):
    before = rows_of(staffed, "task_requirement", "requirement")
    monkeypatch.setattr(pools, "POOLS_MAX", 1)

    [message] = messages(staffed, CHANGED["requirement"], replace=True)

    assert "different requirements" in message
    assert rows_of(staffed, "task_requirement", "requirement") == before


@one_engine
def test_a_manager_imports_neither_teams_nor_members(world):
    lines = [line for line in EVERYTHING if line["kind"] not in ("project", "batch", "task")]

    found = messages(world, *lines, is_operator=False)

    assert len(found) == len(lines)
    assert all("is imported by the operator alone" in message for message in found)
