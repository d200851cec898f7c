"""People come with an archive, for the operator: with ids and roles, without any way in."""

from __future__ import annotations

import msgspec
import pytest

from plaudit.core.accounts import authentication, users
from plaudit.model.core import PersonRole, PersonStatus
from tests.support.harness import World, run_cli, store_arguments
from tests.support.moves import archive_of, move, rows_of, values_of

COLUMNS = "user_id, email, email_key, name, role, status, created_ms"


def invite(world: World, email: str, role: str = "annotator", name: str | None = None, **changes):
    environment_id = world.org()

    async def work(tx):
        organization_id = await users.find_live_organization(tx, environment_id)
        person = await users.invite(
            tx, organization_id, email=email, name=name, role=PersonRole(role)
        )
        if changes:
            person = await users.change(tx, organization_id, person.user_id, changes)
        return person

    return world.run(world.db.write(work))


def test_people_come_with_ids_roles_states_and_times(world):
    people = [
        invite(world, "Ada@example.com", "admin", "Ada", status=PersonStatus.active),
        invite(world, "bob@example.com", "reviewer"),
        invite(world, "eve@example.com", status=PersonStatus.removed),
    ]
    other = world.tenant()

    summary = move(world, other)

    assert str(summary) == "users: 3 added"
    rows = rows_of(world, "person", COLUMNS)
    assert len(rows) == 2 * len(people) == 2 * len(set(rows))
    assert str(move(world, other)) == "users: 3 unchanged"


def test_who_has_come_chooses_a_password_by_a_link(world):
    person = invite(world, "ada@example.com", "admin", status=PersonStatus.active)
    other = world.tenant()
    move(world, other)
    environment_id = other.org()

    async def link(tx):
        organization_id = await users.find_live_organization(tx, environment_id)
        return await authentication.invite_again(tx, world.secret, organization_id, person.user_id)

    invited, token = world.run(world.db.write(link))

    assert (invited.user_id, bool(token)) == (person.user_id, True)
    assert rows_of(world, "person_password") == []


GOOD = {
    "id": "user_1", "email": "ada@example.com", "role": "annotator", "status": "active",
    "created_at": "2025-01-01T00:00:00.000Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": ""}, "/value/id"), ({"id": "a\nb"}, "/value/id"), ({"id": "x" * 256}, "/value/id"),
        ({"email": "a da"}, "/value/email"), ({"email": "a" * 300 + "@b.de"}, "/value/email"),
        ({"name": ""}, "/value/name"), ({"name": 7}, "/value/name"),
        ({"role": "owner"}, "/value/role"), ({"status": "asleep"}, "/value/status"),
        ({"created_at": "soon"}, "/value/created_at"), ({"created_at": 7}, "/value/created_at"),
    ],
)  # fmt: skip
def test_a_hostile_person_is_refused_at_its_member(shared_world, changes, pointer):
    tenant = shared_world.tenant()

    _, rejects = tenant.load([{"kind": "user", "value": GOOD | changes}], "archive")

    assert [reject.pointer for reject in rejects] == [pointer]
    assert values_of(archive_of(tenant), "user") == []


def test_a_person_who_is_stored_otherwise_is_changed_by_replace_alone(world):
    line = {"kind": "user", "value": GOOD}
    world.load([line], "archive")
    other = {"kind": "user", "value": GOOD | {"role": "admin", "name": "Ada"}}
    taken = {"kind": "user", "value": GOOD | {"id": "user_2", "email": "ADA@example.com"}}

    _, rejects = world.load([other, taken], "archive")
    replaced, _ = world.load([other], "archive", replace=True)

    assert [reject.message.partition(";")[0] for reject in rejects] == [
        "user 'user_1' is stored with other values",
        "'ADA@example.com' is the e-mail address of user 'user_1' already",
    ]
    assert str(replaced) == "users: 1 updated"
    assert values_of(archive_of(world), "user") == [other["value"]]


def test_a_manager_and_a_test_environment_take_no_people(world):
    line = {"kind": "user", "value": GOOD}
    world.org()

    _, by_manager = world.load([line], "archive", is_operator=False)
    path = world.settings.data / "people.jsonl"
    path.write_bytes(msgspec.json.encode(line))
    place = store_arguments(world.settings)
    into_test = run_cli("import", str(path), "--format", "archive", "--mode", "test", *place)

    assert [reject.message for reject in by_manager] == [
        "a user is imported by the operator alone, with the command 'plaudit import'"
    ]
    assert (into_test.returncode, "live data" in into_test.stderr) == (1, True)
    assert values_of(archive_of(world, for_operator=False), "user") == []
    assert rows_of(world, "person") == []
