"""API keys over the management API: made, shown once, bounded by their maker, revoked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from plaudit.core.accounts import api_keys
from plaudit.errors import Forbidden
from plaudit.model.core import Caller, Role
from tests.accounts.test_manage_users import AUDIT, KEYS, at_once, bearer
from tests.support.harness import World, on_sqlite_alone, one_engine
from tests.support.running.every_case import every_case


def test_a_new_key_is_shown_once_and_works_at_once(world, client):
    made = client.post(
        KEYS, json={"role": "write", "name": "nightly", "expires_at": "2999-01-01T00:00:00Z"}
    ).json()

    assert api_keys.is_key(made["key"])
    assert made["key"].startswith(made["begins"])
    assert made["expires_at"] == "2999-01-01T00:00:00.000Z"
    listed = client.get(KEYS).json()["keys"]
    assert listed[-1] == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in client.get(KEYS).text + client.get(AUDIT).text
    with world.client(made["key"]) as other:
        assert other.get("/v2/projects").status_code == 200
        assert other.post("/v2/task/metadata", json={}).status_code == 400
        assert other.get(KEYS).status_code == 403


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_key_makes_keys_of_its_own_world_alone(world, mode):
    world.project()
    with world.client(world.key(mode=mode)) as client:
        made = client.post(KEYS, json={"role": "admin"}).json()["key"]

    assert made.startswith(mode)
    with world.client(made) as other:
        found = other.get("/v2/projects").json()["projects"]
    assert len(found) == (mode == "live")


def test_no_key_makes_one_that_may_do_more_than_itself(world):
    """Whoever comes to be allowed to make keys, this holds."""
    environment_id = world.org()

    def make(caller_role: Role, role: Role) -> Any:
        caller = Caller(environment_id, "key_1", caller_role)
        return world.run(world.db.write(lambda tx: api_keys.add_key_for_caller(
            tx, world.secret, caller, name="", role=role, expires_ms=None)))  # fmt: skip

    for caller_role in Role:
        for role in Role:
            if role <= caller_role:
                assert make(caller_role, role)[0].role is role
            else:
                with pytest.raises(Forbidden):
                    make(caller_role, role)


@one_engine
@every_case(
    "fields, pointer, word",
    [
        ({"role": "owner"}, "/role", "read, write, admin"),
        ({"role": 3}, "/role", "str"),
        ({"expires_at": "2001-01-01"}, "/expires_at", "past"),
        ({"expires_at": "soon"}, "/expires_at", "ISO 8601"),
        ({"name": "a\u0000b"}, "/name", "NUL"),
        ({"name": "x" * 256}, "/name", "255"),
        ({"key": "live_x"}, None, "'key'"),
        ({"environment_id": "x"}, None, "'environment_id'"),
        ({"key_id": "x"}, None, "'key_id'"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_name(client, fields, pointer, word):
    before = client.get(KEYS).json()

    answer = client.post(KEYS, json={"role": "read"} | fields)

    assert (answer.status_code, answer.json().get("pointer")) == (400, pointer)
    assert word in answer.json()["error"]
    assert client.get(KEYS).json() == before


def test_a_repeated_request_gets_the_key_without_its_text(client):
    headers = {"Idempotency-Key": "k"}
    first = client.post(KEYS, json={"role": "read"}, headers=headers)

    again = client.post(KEYS, json={"role": "read"}, headers=headers)

    assert again.headers["idempotency-replayed"] == "true"
    shown = {name: value for name, value in first.json().items() if name != "key"}
    assert again.json() == shown
    assert len(client.get(KEYS).json()["keys"]) == 2


def test_nothing_that_is_kept_of_a_request_holds_the_key(world, client):
    made = [
        client.post(KEYS, json={"role": "read"}, headers={"Idempotency-Key": f"k{n}"}).json()["key"]
        for n in range(3)
    ]

    async def everything():
        async with world.db.read() as tx:
            rows = await tx.all("SELECT * FROM idempotency", {})
            return rows + await tx.all("SELECT * FROM audit_entry", {})

    kept = str(world.run(everything()))
    assert '"begins":' in kept
    for key in made:
        assert key not in kept
        assert key[20:] not in kept


@on_sqlite_alone
def test_no_file_of_the_store_holds_a_key_that_was_made_over_http(world, client):
    key = client.post(KEYS, json={"role": "read"}, headers={"Idempotency-Key": "k"}).json()["key"]

    for path in world.settings.data.rglob("*"):
        if path.is_file():
            assert key[20:].encode() not in path.read_bytes(), path.name


def test_a_revoked_key_opens_nothing_and_cannot_be_revoked_twice(world, client):
    made = client.post(KEYS, json={"role": "read"}).json()
    path = f"{KEYS}/{made['key_id']}/revoke"

    revoked = client.post(path)

    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] >= made["created_at"]
    assert "key" not in revoked.json()
    assert client.get("/v2/projects", headers=bearer(made["key"])).status_code == 401
    assert client.post(path).json()["code"] == "conflict"
    assert client.post(f"{KEYS}/nobody/revoke").status_code == 404


def test_a_key_may_revoke_itself_even_if_it_is_the_last(world):
    with world.client() as client:
        (own,) = client.get(KEYS).json()["keys"]
        assert client.post(f"{KEYS}/{own['key_id']}/revoke").status_code == 200
        assert client.get(KEYS).status_code == 401


def test_keys_made_at_once_never_exceed_what_a_world_may_have(world, client, monkeypatch):
    monkeypatch.setattr(api_keys, "ACTIVE_KEYS_MAX", 10)
    environment_id, revoked = world.org(), client.post(KEYS, json={"role": "read"}).json()["key_id"]
    client.post(f"{KEYS}/{revoked}/revoke")
    client.post(KEYS, json={"role": "read"})

    def make(_: int) -> str:
        own = World(world.settings)
        try:
            return own.run(api_keys.create_key(
                own.db, own.secret, environment_id=environment_id, mode="live", name="",
                role=Role.read
            ))  # fmt: skip
        except Exception as problem:
            return type(problem).__name__
        finally:
            own.close()

    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(make, range(12)))

    assert (made.count("Conflict"), sum(map(api_keys.is_key, made))) == (4, 8)
    refused = client.post(KEYS, json={"role": "read"})
    assert (refused.status_code, "revoke some" in refused.json()["error"]) == (409, True)


def test_of_several_who_revoke_a_key_at_once_one_does(tenant, tenant_client, shared_server):
    server = shared_server
    made = tenant_client.post(KEYS, json={"role": "read"}).json()["key_id"]

    answers = at_once(server.url, tenant.key(), [("POST", f"{KEYS}/{made}/revoke", {})] * 8)

    assert sorted(one.status_code for one in answers) == [200] + [409] * 7
