"""The JSON of members, teams, skills, requirements and study links under /manage/v1."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType

from plaudit.model.core import PersonRole


class ProjectAccess(Struct, kw_only=True, forbid_unknown_fields=True):
    """Access to a project, and how many tasks each person is given, null for no bound."""

    members_only: bool = False
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None


class Member(Struct, omit_defaults=True, kw_only=True):
    """A member of a project: a person (`email` or `user_name`), or a team."""

    member_id: str
    kind: str
    email: str | None = None
    user_name: str | None = None
    name: str | None = None
    role: PersonRole
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None
    added_at: str


class MemberPage(Struct, omit_defaults=True, kw_only=True):
    """One page of members by id; `next_token` is present while more follow."""

    members: list[Member]
    next_token: str | None = None


class SetMember(Struct, forbid_unknown_fields=True, kw_only=True):
    """Role and quota of a member."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": PersonRole}

    role: PersonRole = PersonRole.annotator
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None


class MemberRemoved(Struct, kw_only=True):
    """A member who was taken out."""

    member_id: str
    removed: bool = True


class TeamName(Struct, forbid_unknown_fields=True, kw_only=True):
    """Name of a team."""

    name: str


class Team(Struct, omit_defaults=True, kw_only=True):
    """A team, and with one team alone the ids of its people."""

    team_id: str
    name: str
    created_at: str
    people: int
    user_ids: list[str] | None = None


class TeamPage(Struct, omit_defaults=True, kw_only=True):
    """One page of teams by id; `next_token` is present while more follow."""

    teams: list[Team]
    next_token: str | None = None


class TeamPeople(Struct, forbid_unknown_fields=True, kw_only=True):
    """People to put into a team."""

    user_ids: list[str]


class PersonSkills(Struct, kw_only=True):
    """Languages and tags of a person, and the ids of their teams."""

    user_id: str
    languages: list[str]
    tags: list[str]
    team_ids: list[str]


class SetSkills(Struct, forbid_unknown_fields=True, kw_only=True):
    """Languages and tags of a person; what is absent stays as it is."""

    languages: list[str] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET


class TaskRequirement(Struct, forbid_unknown_fields=True, kw_only=True):
    """Requirement of a task: all languages and tags, and one of the people."""

    languages: list[str] = []
    tags: list[str] = []
    people: list[str] = []


class BatchTeam(Struct, forbid_unknown_fields=True, kw_only=True):
    """The team that alone works on a batch; null for everybody."""

    team_id: str | None


class CreateStudyLink(Struct, forbid_unknown_fields=True, kw_only=True):
    """A study link to be made."""

    name: str
    tasks: int
    completion_code: str
    completion_url: str | None = None
    people_max: int = 100
    days: int = 30


class StudyLink(Struct, omit_defaults=True, kw_only=True):
    """A study link without its secret."""

    link_id: str
    name: str
    tasks: int
    completion_code: str
    completion_url: str | None = None
    people_max: int
    people: int
    created_at: str
    expires_at: str
    revoked_at: str | None = None


class CreatedStudyLink(StudyLink, omit_defaults=True, kw_only=True):
    """A new study link. `url` is shown this once: a repeated request gets it no more."""

    url: str | UnsetType = UNSET


class StudyLinkPage(Struct, omit_defaults=True, kw_only=True):
    """One page of study links, newest first; `next_token` is present while more follow."""

    study_links: list[StudyLink]
    next_token: str | None = None
