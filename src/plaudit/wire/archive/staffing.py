"""Staffing as archives carry it: teams, skills, members, requirements of tasks."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from plaudit.model.core import PersonRole

Words = Annotated[list[str], Meta(max_length=1000)]


class ArchivedTeam(Struct, omit_defaults=True, kw_only=True):
    """A team of the organization."""

    id: str
    name: str
    created_at: str


class ArchivedTeamMember(Struct, omit_defaults=True, kw_only=True):
    """A person of a team."""

    team: str
    user: str


class ArchivedSkills(Struct, omit_defaults=True, kw_only=True):
    """Languages and tags of a person who has any."""

    user: str
    languages: Words = []
    tags: Words = []


class ArchivedMember(Struct, omit_defaults=True, kw_only=True):
    """A member of a project, a person or a team, by id."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": PersonRole}

    project: str
    member: str
    role: PersonRole
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None
    added_at: str


class ArchivedBatchTeam(Struct, omit_defaults=True, kw_only=True):
    """The team that alone works on a batch."""

    batch: str
    team: str


class ArchivedRequirement(Struct, omit_defaults=True, kw_only=True):
    """Requirement of a task, where its metadata does not state it."""

    task: str
    languages: Words = []
    tags: Words = []
    people: Words = []
