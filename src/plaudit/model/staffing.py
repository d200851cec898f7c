"""Staffing: who may work in a project, how much, and what tasks ask of people."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import PersonRole, PersonStatus


class Requirement(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Requirement of a task: all of the languages and tags, one of the people."""

    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    """User ids."""
    team: str | None = None
    """Id of the team that the task's batch was handed to."""


class Skills(Struct, frozen=True):
    """Languages, tags and teams of a person, by which they meet requirements."""

    user_id: str
    languages: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


class TaskQuota(Struct, frozen=True):
    """Most tasks that a person is given in a project; None for no bound."""

    per_day: int | None = None
    in_all: int | None = None


class Seat(Struct, frozen=True):
    """A person in a project: their role there, None where they have no access, and their quota."""

    role: PersonRole | None
    quota: TaskQuota
    status: PersonStatus


class MemberRow(Struct, frozen=True):
    """Member of a project, a person or a team."""

    project_key: int
    member_id: str
    role: PersonRole
    quota: TaskQuota
    added_ms: int


class TeamRow(Struct, frozen=True):
    """A team of an organization."""

    organization_id: str
    team_id: str
    name: str
    created_ms: int


class StudyLinkRow(Struct, frozen=True):
    """A link by which people come to one project without a password."""

    link_id: str
    organization_id: str
    project_key: int
    name: str
    tasks_in_all: int
    """Tasks that each person does."""
    people_max: int
    people_count: int
    completion_code: str
    completion_url: str | None
    created_ms: int
    expires_ms: int
    ended_ms: int | None
