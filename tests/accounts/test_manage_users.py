"""Users, keys and the audit log over the management API."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apsw
import httpx2
import pytest

from plaudit.core.accounts import users
from plaudit.store.engine.connect import FILE_NAME
from tests.support.harness import on_sqlite_alone, one_engine, run_cli, store_arguments, walk
from tests.support.running.every_case import every_case

USERS, KEYS, AUDIT = "/manage/v1/users", "/manage/v1/keys", "/manage/v1/audit"


def invite(client, email: str = "ada@example.com", **fields: Any) -> Any:
    return client.post(USERS, json={"email": email, "role": "annotator"} | fields)


def invited(client, email: str = "ada@example.com", **fields: Any) -> dict[str, Any]:
    """What is known of somebody who was just invited, without the link, which is told once."""
    user: dict[str, Any] = invite(client, email, **fields).json()
    assert user.pop("invitation_link")
    return user


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_an_invited_user_is_listed_with_everything_that_is_known(client):
    made = invite(client, name="Ada", role="reviewer")

    assert made.status_code == 200, made.text
    link = made.json()["invitation_link"]
    listed = {name: value for name, value in made.json().items() if name != "invitation_link"}
    assert re.fullmatch(r"http://testserver/welcome#[\w-]+", link)
    assert listed == {
        "user_id": made.json()["user_id"], "email": "ada@example.com", "name": "Ada",
        "role": "reviewer", "status": "invited", "created_at": made.json()["created_at"],
    }  # fmt: skip
    assert client.get(USERS).json() == {"users": [listed]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@example.com", "ADA@Example.COM"),
        ("zoë@example.com", "zoe\u0308@example.com"),
        ("straße@example.com", "STRASSE@example.com"),
        ("ｆ@example.com", "Ｆ@example.com"),
    ],
)
def test_an_address_is_the_same_whatever_its_case_and_composition(client, first, second):
    made = invite(client, first).json()

    again = invite(client, second)

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert made["user_id"] in again.json()["error"]
    assert [one["email"] for one in client.get(USERS).json()["users"]] == [first]


@one_engine
@every_case(
    "email",
    ["", "ada", "@example.com", "ada@", "a@b@c", "a b@example.com", "ada@example.com\r\nBcc: x@y",
     "ada\t@example.com", "ada@exa\u200bmple.com", "ada@\u202eexample.com", "a" * 250 + "@b.de",
     "ada@example.com\u2028", "ada\x7f@example.com",
     *(f"{mark}ada@example.com" for mark in '()<>[]:;@\\,"'), "<ada@example.com>",
     "ada@example.com>", "ada@[127.0.0.1]", "ada@example.com,x.de"],
)  # fmt: skip
def test_what_can_be_nobodys_address_is_refused(client, email):
    answer = invite(client, email)

    assert (answer.status_code, answer.json().get("pointer")) == (400, "/email")
    assert client.get(USERS).json() == {"users": []}


@one_engine
@every_case(
    "fields, word",
    [
        ({"role": "owner"}, "admin, manager, reviewer, annotator"),
        ({"role": None}, "role"),
        ({"email": None}, "email"),
        ({"name": "a\nb"}, "control"),
        ({"name": ""}, "visible"),
        ({"status": "active"}, "'status'"),
        ({"user_id": "user_1"}, "'user_id'"),
        ({"organization_id": "x"}, "'organization_id'"),
    ],
)
def test_a_user_that_cannot_be_is_refused_by_name(client, fields, word):
    answer = invite(client, **fields)

    assert answer.status_code == 400
    assert word in answer.json()["error"] + answer.json().get("pointer", "")


def test_a_change_of_a_user_leaves_alone_what_it_does_not_name(client):
    user = invited(client, name="Ada")
    path = f"{USERS}/{user['user_id']}"

    assert client.patch(path, json={"role": "manager"}).json() == user | {"role": "manager"}
    assert client.patch(path, json={"status": "removed"}).json()["role"] == "manager"
    assert client.patch(path, json={"name": None}).json() == {
        key: value for key, value in user.items() if key != "name"
    } | {"role": "manager", "status": "removed"}
    assert client.patch(path, json={}).status_code == 200
    for body, words in (
        ({"role": None}, "role"), ({"status": "gone"}, "invited, active, removed"),
        ({"email": "b@example.com"}, "'email'"), ({"created_at": "2020-01-01"}, "'created_at'"),
    ):  # fmt: skip
        answer = client.patch(path, json=body)
        assert (answer.status_code, words in answer.text) == (400, True), body


def test_a_removed_user_stays_listed_and_keeps_their_address(client):
    user = invited(client)
    other = invited(client, "bo@example.com")
    removed = client.patch(f"{USERS}/{user['user_id']}", json={"status": "removed"}).json()

    assert client.get(USERS).json()["users"] == [removed, other]
    assert client.get(USERS, params={"status": "removed"}).json()["users"] == [removed]
    assert client.get(USERS, params={"status": "invited"}).json()["users"] == [other]
    assert "removed" in invite(client).json()["error"]
    assert client.delete(f"{USERS}/{user['user_id']}").status_code == 405


def test_people_belong_to_the_account_and_no_test_key_reaches_them(world, client):
    """What a test key could change would open live data to whoever holds it."""
    user = invited(client)

    with world.client(world.key(mode="test")) as tester:
        assert invite(tester, "eve@example.com", role="admin").status_code == 403
        assert tester.get(USERS).status_code == 403
        assert tester.patch(f"{USERS}/{user['user_id']}", json={"role": "admin"}).status_code == 404
    with world.client(world.key("Stranger")) as stranger:
        assert stranger.get(USERS).json() == {"users": []}
        assert invite(stranger).status_code == 200
    assert client.get(USERS).json() == {"users": [user]}


def test_lists_are_walked_page_by_page_and_pages_of_other_lists_are_refused(world, client):
    for n in range(7):
        invite(client, f"a{n}@example.com")
        client.post(KEYS, json={"role": "read", "name": f"k{n}"})

    assert len(walk(client, USERS, "users", limit=3)) == 7
    assert [one["name"] for one in walk(client, KEYS, "keys", limit=3)][1:] == [
        f"k{n}" for n in range(7)
    ]
    # Walked in one go and in small steps, the log is the same.
    assert walk(client, AUDIT, "entries", limit=4) == walk(client, AUDIT, "entries")
    tokens = {
        path: client.get(path, params={"limit": 1}).json()["next_token"]
        for path in (USERS, KEYS, AUDIT)
    }
    for path in tokens:
        for other, token in tokens.items():
            answer = client.get(path, params={"next_token": token})
            assert (answer.status_code == 200) == (path == other)
    filtered = {"status": "removed", "next_token": tokens[USERS]}
    assert client.get(USERS, params=filtered).json()["code"] == "invalid_page_token"
    with world.client(world.key("Stranger")) as stranger:
        for path, token in tokens.items():
            assert stranger.get(path, params={"next_token": token}).status_code == 400


def at_once(url: str, key: str, sends: list[tuple[str, str, Any]]) -> list[Any]:
    """Requests that leave at one moment: (method, path, body)."""
    start = threading.Barrier(len(sends))

    def send(one: tuple[str, str, Any]) -> Any:
        method, path, body = one
        with httpx2.Client(base_url=url, headers=bearer(key), timeout=30) as client:
            start.wait(20)
            return client.request(method, path, json=body)

    with ThreadPoolExecutor(len(sends)) as pool:
        return list(pool.map(send, sends))


def test_of_several_who_invite_one_person_at_once_one_does(tenant, tenant_client, shared_server):
    body = {"email": "ada@example.com", "role": "annotator"}

    answers = at_once(shared_server.url, tenant.key(), [("POST", USERS, body)] * 8)

    assert sorted(one.status_code for one in answers) == [200] + [409] * 7
    assert len(tenant_client.get(USERS).json()["users"]) == 1


def test_changes_of_a_user_at_once_lose_nothing(tenant, tenant_client, shared_server):
    server, key = shared_server, tenant.key()
    path = f"{USERS}/{invite(tenant_client, name='A').json()['user_id']}"
    wanted = {"name": "B", "role": "manager", "status": "active"}

    for _ in range(5):
        tenant_client.patch(path, json={"name": None, "role": "annotator", "status": "invited"})
        answers = at_once(server.url, key, [("PATCH", path, {n: v}) for n, v in wanted.items()])
        assert {one.status_code for one in answers} == {200}
        shown = tenant_client.get(USERS).json()["users"][0]
        assert {name: shown.get(name) for name in wanted} == wanted


def test_the_log_says_who_did_what_to_what_newest_first(world, client):
    own = client.get(KEYS).json()["keys"][0]["key_id"]
    project = client.post("/manage/v1/projects", json={"name": "P"}).json()["id"]
    done = client.patch(
        f"/manage/v1/projects/{project}",
        json={"name": "Q", "overlap": 2},
        headers={"X-Request-Id": "mine"},
    )
    assert done.status_code == 200

    entries = client.get(AUDIT).json()["entries"]

    assert [(one["action"], one["object_kind"], one["object_id"]) for one in entries[:2]] == [
        ("change_project", "project", project), ("create_project", "project", project),
    ]  # fmt: skip
    assert entries[0]["actor"] == {"kind": "key", "id": own}
    assert entries[0]["request_id"] == "mine"
    assert entries[0]["detail"] == {
        "fields": ["name", "overlap"], "name": {"from": "P", "to": "Q"},
    }  # fmt: skip
    assert entries[0]["created_at"] >= entries[1]["created_at"]


def test_the_log_of_one_thing_is_its_own_alone_and_of_one_world(world, client):
    world.project(project_id="project_1")
    rows = b'{"task_id":"t1"}\n{"task_id":"t2"}\n'
    client.post("/manage/v1/projects/project_1/tasks", content=rows)
    client.post("/manage/v1/tasks/t1/cancel")

    def log(one: Any, **params: Any) -> list[str]:
        return [entry["action"] for entry in one.get(AUDIT, params=params).json()["entries"]]

    assert log(client, object_id="t1") == ["cancel_task", "upload_tasks"]
    assert log(client, object_id="t2", limit=1) == ["upload_tasks"]
    assert log(client, object_id="nobody") == []
    for key in (world.key("Stranger"), world.key(mode="test")):
        with world.client(key) as other:
            assert log(other, object_id="t1") == log(other, object_id="nobody") == []
            assert set(log(other)) == {"create_key"}


@on_sqlite_alone
def test_the_log_of_one_thing_is_found_by_an_index(world):
    connection = apsw.Connection(str(world.settings.data / FILE_NAME))
    plan = str(connection.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM audit_entry WHERE environment_id = 'o' AND entry_id < 'e'"
        " AND object_id = 'x' ORDER BY entry_id DESC LIMIT 9"
    ).fetchall())  # fmt: skip

    assert "audit_entry_of_object" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.slow
def test_commands_that_change_something_stand_in_the_log(world):
    at = store_arguments(world.settings)

    def run(*words: str) -> str:
        done = run_cli(*words, *at)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    key = run("keys", "create", "--role", "read")
    run("keys", "revoke", key)
    project = run("projects", "create", "P", "--form", "RLHF: Pref Ranking")
    link = run("users", "create", "ada@example.com", "--role", "reviewer", "--name", "[b]Ada")

    with world.client() as client:
        entries = client.get(AUDIT).json()["entries"]
        commands = [one for one in entries if one["actor"]["kind"] == "command"]
        shown = client.get(f"/manage/v1/projects/{project}").json()
        [user] = client.get(USERS).json()["users"]
    assert link.startswith("http://127.0.0.1:8000/welcome#")
    assert [(one["action"], one["actor"]["id"]) for one in commands] == [
        ("create_user", "users create"), ("create_project", "projects create"),
        ("revoke_key", "keys revoke"), ("create_key", "keys create"),
    ]  # fmt: skip
    assert [one["object_id"] for one in commands[:2]] == [user["user_id"], project]
    assert commands[2]["object_id"] == commands[3]["object_id"]
    assert shown["form"]["fields"][0]["key"] == "instruction_following"
    listing = run("users", "list")
    assert "ada@example.com" in listing
    assert "[b]Ada" in listing
    assert "ada@example.com" not in run("users", "list", "--status", "removed")


@every_case(
    "words, code, said",
    [
        (("users", "create", "a da", "--role", "admin"), 1, "/email"),
        (("users", "create", "a@b.de", "--role", "owner"), 2, "owner"),
        (("users", "create", "a@b.de", "--role", "admin", "--org", "None"), 1, "no organization"),
        (("projects", "create", "P", "--form", "nobody.json"), 1, "RLHF: Pref Ranking"),
        (("projects", "create", "P", "--form", "."), 1, "RLHF: Pref Ranking"),
    ],
)
def test_a_command_that_cannot_be_done_says_so(world, words, code, said, tmp_path):
    done = run_cli(*words, *store_arguments(world.settings), cwd=tmp_path)

    assert done.returncode == code
    assert said in done.stderr
    with world.client() as client:
        assert client.get(USERS).json() == {"users": []}
        assert client.get("/v2/projects").json() == {"projects": []}


def test_an_addresss_key_is_one_form_for_all_its_spellings():
    for spelling in ("Zoë@Example.com", "zoe\u0308@example.COM", "ZOE\u0308@example.com"):
        assert users.email_key(spelling) == "zoë@example.com"
