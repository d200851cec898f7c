"""Statements for teams, for the people in them, and for people's languages and tags."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.staffing import Skills, TeamRow
from plaudit.store.engine.engine import Transaction

_COLUMNS = "organization_id, team_id, name, created_ms"


async def insert_team(tx: Transaction, team: TeamRow, name_key: str) -> bool:
    """Insert a team; False if the organization has one of this name."""
    return bool(
        await tx.run(
            f"INSERT INTO team ({_COLUMNS}, name_key) VALUES (:organization_id, :team_id, :name,"
            " :created_ms, :name_key) ON CONFLICT DO NOTHING",
            {
                "organization_id": team.organization_id,
                "team_id": team.team_id,
                "name": team.name,
                "created_ms": team.created_ms,
                "name_key": name_key,
            },
        )
    )


async def rename_team(
    tx: Transaction, organization_id: str, team_id: str, name: str, name_key: str
) -> bool:
    """Rename a team; False if another team of the organization has the name."""
    taken = await tx.one(
        "SELECT 1 FROM team WHERE organization_id = :organization_id AND name_key = :name_key"
        " AND team_id <> :team_id",
        {"organization_id": organization_id, "name_key": name_key, "team_id": team_id},
    )
    if taken is not None:
        return False
    return bool(
        await tx.run(
            "UPDATE team SET name = :name, name_key = :name_key"
            " WHERE organization_id = :organization_id AND team_id = :team_id",
            {
                "organization_id": organization_id,
                "team_id": team_id,
                "name": name,
                "name_key": name_key,
            },
        )
    )


async def find_team(tx: Transaction, organization_id: str, team_id: str) -> TeamRow | None:
    """Find a team of an organization by id."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM team WHERE organization_id = :organization_id"
        " AND team_id = :team_id",
        {"organization_id": organization_id, "team_id": team_id},
    )
    return TeamRow(*row) if row else None


async def find_team_by_name(tx: Transaction, organization_id: str, name_key: str) -> TeamRow | None:
    """Find a team of an organization by the key form of its name."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM team WHERE organization_id = :organization_id"
        " AND name_key = :name_key",
        {"organization_id": organization_id, "name_key": name_key},
    )
    return TeamRow(*row) if row else None


async def list_teams(
    tx: Transaction, organization_id: str, *, after: str, limit: int
) -> list[tuple[TeamRow, int]]:
    """List up to `limit` teams by id, those after the id `after`, with how many are in each."""
    rows = await tx.all(
        f"SELECT {_COLUMNS}, (SELECT COUNT(*) FROM team_member AS m"
        " WHERE m.organization_id = team.organization_id AND m.team_id = team.team_id)"
        " FROM team WHERE organization_id = :organization_id AND team_id > :after"
        " ORDER BY team_id LIMIT :row_limit",
        {"organization_id": organization_id, "after": after, "row_limit": limit},
    )
    return [(TeamRow(*row), int(count)) for *row, count in rows]


async def count_teams(tx: Transaction, organization_id: str) -> int:
    """Count the teams of an organization."""
    row = await tx.one(
        "SELECT COUNT(*) FROM team WHERE organization_id = :organization_id",
        {"organization_id": organization_id},
    )
    return int(row[0]) if row else 0


async def add_people(
    tx: Transaction, organization_id: str, team_id: str, user_ids: Sequence[str]
) -> None:
    """Put people into a team; those who are in it stay."""
    for user_id in user_ids:
        await tx.run(
            "INSERT INTO team_member (organization_id, team_id, user_id)"
            " VALUES (:organization_id, :team_id, :user_id) ON CONFLICT DO NOTHING",
            {"organization_id": organization_id, "team_id": team_id, "user_id": user_id},
        )


async def remove_person(tx: Transaction, organization_id: str, team_id: str, user_id: str) -> bool:
    """Take a person out of a team; False if they were not in it."""
    return bool(
        await tx.run(
            "DELETE FROM team_member WHERE organization_id = :organization_id"
            " AND team_id = :team_id AND user_id = :user_id",
            {"organization_id": organization_id, "team_id": team_id, "user_id": user_id},
        )
    )


async def list_people_of(
    tx: Transaction, organization_id: str, team_id: str, *, limit: int
) -> list[str]:
    """List up to `limit` user ids of a team, by id."""
    rows = await tx.all(
        "SELECT user_id FROM team_member WHERE organization_id = :organization_id"
        " AND team_id = :team_id ORDER BY user_id LIMIT :row_limit",
        {"organization_id": organization_id, "team_id": team_id, "row_limit": limit},
    )
    return [row[0] for row in rows]


async def find_skills(tx: Transaction, organization_id: str, user_id: str) -> Skills:
    """Languages, tags and teams of a person."""
    rows = await tx.all(
        "SELECT kind, value FROM person_skill WHERE organization_id = :organization_id"
        " AND user_id = :user_id UNION ALL SELECT 'team', team_id FROM team_member"
        " WHERE organization_id = :organization_id AND user_id = :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )
    of_kind = {
        wanted: frozenset(value for kind, value in rows if kind == wanted)
        for wanted in ("language", "tag", "team")
    }
    return Skills(user_id, of_kind["language"], of_kind["tag"], of_kind["team"])


async def list_people_with_skills(
    tx: Transaction, organization_id: str, *, after: str, limit: int
) -> list[str]:
    """List up to `limit` ids of users who have a language or a tag, those after the id `after`."""
    rows = await tx.all(
        "SELECT DISTINCT user_id FROM person_skill WHERE organization_id = :organization_id"
        " AND user_id > :after ORDER BY user_id LIMIT :row_limit",
        {"organization_id": organization_id, "after": after, "row_limit": limit},
    )
    return [row[0] for row in rows]


async def list_skills(tx: Transaction, organization_id: str, *, limit: int) -> list[Skills]:
    """Languages, tags and teams of active people who have any, of up to `limit` in all."""
    rows = await tx.all(
        "SELECT s.user_id, s.kind, s.value FROM person_skill AS s JOIN person AS p"
        " ON p.organization_id = s.organization_id AND p.user_id = s.user_id"
        " WHERE s.organization_id = :organization_id AND p.status = 'active' UNION ALL"
        " SELECT m.user_id, 'team', m.team_id FROM team_member AS m JOIN person AS p"
        " ON p.organization_id = m.organization_id AND p.user_id = m.user_id"
        " WHERE m.organization_id = :organization_id AND p.status = 'active' LIMIT :row_limit",
        {"organization_id": organization_id, "row_limit": limit},
    )
    found: dict[str, dict[str, set[str]]] = {}
    for user_id, kind, value in rows:
        own = found.setdefault(user_id, {"language": set(), "tag": set(), "team": set()})
        own[kind].add(value)
    return [
        Skills(user_id, frozenset(own["language"]), frozenset(own["tag"]), frozenset(own["team"]))
        for user_id, own in found.items()
    ]


async def replace_skills(
    tx: Transaction, organization_id: str, user_id: str, kind: str, values: Sequence[str]
) -> None:
    """Replace the languages (kind `language`) or the tags (`tag`) of a person."""
    key = {"organization_id": organization_id, "user_id": user_id, "kind": kind}
    await tx.run(
        "DELETE FROM person_skill WHERE organization_id = :organization_id"
        " AND user_id = :user_id AND kind = :kind",
        key,
    )
    for value in values:
        await tx.run(
            "INSERT INTO person_skill (organization_id, user_id, kind, value) VALUES"
            " (:organization_id, :user_id, :kind, :value) ON CONFLICT DO NOTHING",
            key | {"value": value},
        )
