"""Page tokens: used as they were given they work, changed in any way they are refused."""

from __future__ import annotations

import base64
import secrets as random_secrets

import msgspec
import pytest

from plaudit.core.accounts import api_keys
from plaudit.core.common import page_tokens, server_secret
from plaudit.model.core import TaskStatus
from tests.api.page_tokens import (
    SCOPE,
    TASKS,
    decoded,
    encoded,
    fill_shelf,
    first_token,
    ids,
    refused,
)
from tests.support.builders import make_tasks
from tests.support.harness import World, above_the_store, walk
from tests.support.running.every_case import every_case


@pytest.fixture(scope="module")
def shelf(open_shared):
    """A store filled by `fill_shelf`, to read from."""
    world = open_shared()
    fill_shelf(world)
    return world


@pytest.fixture(scope="module")
def client(shelf):
    with shelf.client() as client:
        yield client


@pytest.fixture(scope="module")
def token(client):
    """The token of the first page of two tasks."""
    return first_token(client)


@pytest.fixture
def own_shelf(world):
    """The test's own store filled by `fill_shelf`."""
    fill_shelf(world)
    return world


@pytest.fixture
def own_token(own_shelf):
    """The token of the first page of two tasks in the test's own store."""
    with own_shelf.client() as client:
        return first_token(client)


def test_a_token_alone_continues_its_walk(shelf, client, token):
    assert ids(client.get("/v2/tasks", params={"next_token": token}))[0] == "task_00002"


@above_the_store
def test_every_flipped_bit_of_a_token_is_refused(shelf, client, token):
    data = decoded(token)
    accepted = []
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        answer = client.get("/v2/tasks", params={"next_token": encoded(bytes(changed))})
        if not refused(answer):
            accepted.append((place, answer.status_code))

    assert accepted == []


@above_the_store
def test_every_flipped_bit_of_a_token_s_text_is_refused(shelf, token):
    """Some of the flips change nothing but bits that decoding drops; they are refused as well."""
    accepted = []
    environment_id = shelf.org()
    for place in range(len(token) * 7):
        changed = list(token)
        changed[place // 7] = chr(ord(changed[place // 7]) ^ 1 << place % 7)
        try:
            page_tokens.decode(shelf.secret, environment_id, "".join(changed), msgspec.Struct)
        except page_tokens.InvalidPageToken:
            continue
        accepted.append(place)

    assert accepted == []


@above_the_store
def test_every_beginning_of_a_token_is_refused(shelf, client, token):
    accepted = [
        length
        for length in range(1, len(token))
        if not refused(client.get("/v2/tasks", params={"next_token": token[:length]}))
    ]

    assert accepted == []


@above_the_store
@every_case(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token + "A",
        lambda token: token + "AAAA",
        lambda token: token * 2,
        lambda token: "A" + token,
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token[:20] + "\r\n" + token[20:],
        lambda token: token.swapcase(),
        lambda token: token[::-1],
        lambda token: token[:-1] + "é",
        lambda token: token + "😀",
        lambda token: "１" + token[1:],
        lambda token: base64.b64encode(token.encode()).decode(),
        lambda token: "null",
        lambda token: "0",
        lambda token: "A" * 22,
        lambda token: "A" * 2048,
        lambda token: "A" * 2049,
        lambda token: token + "A" * 4000,
        lambda token: "A" * 60_000,
        lambda token: encoded(b"\x01"),
        lambda token: encoded(random_secrets.token_bytes(len(token) * 3 // 4)),
    ],
)
def test_what_only_resembles_a_token_is_refused(shelf, client, token, spoil):
    answer = client.get("/v2/tasks", params={"next_token": spoil(token)})

    assert refused(answer)


@above_the_store
def test_a_token_has_one_spelling(shelf, client):
    """The alphabet's `-` and `_` are not accepted as `+` and `/`."""
    found = set()
    for after in range(200):
        params = SCOPE | {"completed_after": f"2025-01-01T00:{after // 60:02d}:{after % 60:02d}Z"}
        token = first_token(client, **params)
        for own, other in (("-", "+"), ("_", "/")):
            if own in token:
                found.add(own)
                spelled = token.replace(own, other)
                assert refused(client.get("/v2/tasks", params={"next_token": spelled}))
        if len(found) == 2:
            return
    raise AssertionError("no token held the letters this is about")


@above_the_store
def test_an_unauthenticated_payload_is_refused_however_well_formed(shelf, client, token):
    """Changing a filter inside a token needs the server's secret."""
    data = decoded(token)

    other = server_secret.ServerSecret([random_secrets.token_bytes(32)])
    forged = data[:-16] + other.token_macs(shelf.org().encode() + b"\x00" + data[:-16])[0]

    assert refused(client.get("/v2/tasks", params={"next_token": encoded(forged)}))


@pytest.mark.parametrize("also", [{}, SCOPE])
def test_another_organization_cannot_use_a_token(shelf, token, also):
    """Its project of the same id makes no difference."""
    shelf.load(make_tasks(TASKS, "task_other"), org="other")

    with shelf.client(shelf.key("other")) as stranger:
        answer = stranger.get("/v2/tasks", params={"next_token": token} | also)

    assert refused(answer)


def test_another_organization_cannot_use_a_token_of_batches(shelf, client):
    """Such a token may name no project, only a place; it is refused all the same."""
    token = client.get("/v2/batches", params={"limit": "1"}).json()["next_token"]
    shelf.load(make_tasks(2, "task_other", batch="batch_other"), org="other")

    for key in (shelf.key("other"), shelf.key(mode="test")):
        with shelf.client(key) as stranger:
            assert refused(stranger.get("/v2/batches", params={"next_token": token}))


def test_a_token_of_live_data_is_no_token_of_test_data(shelf, client, token):
    with shelf.client(shelf.key(mode="test")) as tester:
        answer = tester.get("/v2/tasks", params={"next_token": token})

    assert refused(answer)
    assert ids(client.get("/v2/tasks", params={"next_token": token}))


@above_the_store
def test_tokens_of_tasks_and_of_batches_are_not_interchangeable(shelf, client, token):
    of_batches = first_token(client, "/v2/batches")

    assert refused(client.get("/v2/batches", params={"next_token": token}))
    assert refused(client.get("/v2/tasks", params={"next_token": of_batches}))
    assert len(walk(client, "/v2/batches", "batches", next_token=of_batches)) == 1


FILTERED = {
    "batch_id": "batch_1",
    "status": "completed",
    "completed_after": "2025-01-01T00:00:00.000Z",
    "completed_before": "2025-01-03T00:00:00.000Z",
} | SCOPE

CHANGES = [
    {"status": "pending"},
    {"status": "deleted"},
    {"completed_after": "2025-01-01T00:00:00.001Z"},
    {"completed_before": "2025-01-02T23:59:59.999Z"},
    {"project_id": "project_456", "batch_id": None},
    {"project_id": None, "project_name": "Other Project", "batch_id": None},
    {"batch_id": "batch_2"},
    {"batch_id": None, "batch_name": "Second batch"},
    {"project_id": None, "batch_id": "batch_3"},
]


@above_the_store
@pytest.mark.parametrize("change", CHANGES)
def test_filters_that_differ_from_the_token_s_are_refused(shelf, client, change):
    token = first_token(client, **FILTERED)
    params = {name: value for name, value in (FILTERED | change).items() if value is not None}

    assert refused(client.get("/v2/tasks", params=params | {"next_token": token}))


@above_the_store
@pytest.mark.parametrize("name", ["batch_id", "status", "completed_after", "completed_before"])
def test_a_filter_that_the_walk_did_not_begin_with_is_refused(shelf, client, token, name):
    answer = client.get("/v2/tasks", params={"next_token": token, name: FILTERED[name]})

    assert refused(answer)


@above_the_store
@pytest.mark.parametrize(
    "kept",
    [
        {},
        FILTERED,
        *({name: value} for name, value in FILTERED.items()),
        {"project_name": "My Test Project"},
        {"batch_name": "First batch"},
        {"completed_after": "2025-01-01T01:00:00+01:00"},
    ],
)
def test_the_same_filters_may_be_sent_again_or_left_out(shelf, client, kept):
    token = first_token(client, **FILTERED)

    rest = walk(client, **kept, next_token=token, limit=3)

    assert [task["task_id"] for task in rest] == [f"task_{n:05d}" for n in range(2, TASKS)]


@above_the_store
@pytest.mark.parametrize(
    "change",
    [
        {"limit": "1"},
        {"limit": "100"},
        {"expand": "project"},
        {"expand": ["project", "batch"]},
        {"opts": ["annotation_details", "submissions"]},
    ],
)
def test_limit_expand_and_opts_may_change_from_page_to_page(shelf, client, token, change):
    page = ids(client.get("/v2/tasks", params={"next_token": token} | change))

    assert page == [f"task_{n:05d}" for n in range(2, TASKS)][: int(change.get("limit", 100))]


@above_the_store
@pytest.mark.parametrize(
    ("began", "change"),
    [
        ({}, {"project_id": "project_456"}),
        ({}, {"status": "in_progress"}),
        ({"project_id": "project_123"}, {"project_id": "project_456"}),
        ({"created_after": "2020-01-01"}, {"created_after": "2020-01-02"}),
        ({"created_before": "2100-01-01"}, {"created_before": "2100-01-02"}),
    ],
)
def test_a_walk_over_batches_keeps_its_filters_too(shelf, client, began, change):
    token = client.get("/v2/batches", params=began | {"limit": "1"}).json()["next_token"]

    assert refused(client.get("/v2/batches", params=began | change | {"next_token": token}))
    assert walk(client, "/v2/batches", "batches", **began, next_token=token)


def test_a_revoked_key_cannot_go_on_with_its_walk(shelf):
    key = shelf.key()
    with shelf.client(key) as client:
        token = first_token(client)
        shelf.run(api_keys.revoke_key(shelf.db, environment_id=shelf.org(), key=key))

        answer = client.get("/v2/tasks", params={"next_token": token})

    assert answer.status_code == 401
    assert "tasks" not in answer.json()


def test_another_key_of_the_organization_can_go_on_with_the_walk(shelf, token):
    with shelf.client(shelf.key(role="read")) as colleague:
        assert ids(colleague.get("/v2/tasks", params={"next_token": token}))


def test_the_same_request_gets_the_same_token(own_shelf, own_token):
    """From another process too: nothing in a own_token is drawn by lot."""
    with own_shelf.client() as other:
        assert first_token(other) == own_token


def test_tokens_do_not_show_that_a_project_of_another_organization_exists(shelf, token):
    shelf.load(make_tasks(TASKS), org="other")
    with shelf.client(shelf.key("other")) as stranger:
        foreign = stranger.get("/v2/tasks", params={"next_token": token})
        invented = stranger.get("/v2/tasks", params={"next_token": token[:-4] + "AAAA"})

    known = [{**one.json(), "request_id": ""} for one in (foreign, invented)]
    assert known[0] == known[1]


class TestRotation:
    """The secret file holds a new secret first and the old one after it."""

    def rotate(self, world, *, keep_old=True):
        path = world.settings.secret_path
        old = path.read_text()
        path.write_text(random_secrets.token_hex(32) + "\n" + (old if keep_old else ""))
        return World(world.settings)

    def test_old_tokens_and_old_keys_stay_valid(self, own_shelf, own_token):
        key = own_shelf.key()

        rotated = self.rotate(own_shelf)

        with rotated.client(key) as client:
            assert ids(client.get("/v2/tasks", params={"next_token": own_token}))[0] == "task_00002"
            assert first_token(client) != own_token
        rotated.close()

    def test_new_tokens_and_new_keys_outlive_the_old_secret(self, own_shelf, own_token):
        old_key = own_shelf.key()
        rotated = self.rotate(own_shelf)
        new_key = rotated.key()
        with rotated.client(new_key) as client:
            new_token = first_token(client)
        rotated.close()
        path = own_shelf.settings.secret_path
        path.write_text(path.read_text().split()[0] + "\n")

        world = World(own_shelf.settings)

        with world.client(new_key) as client:
            assert ids(client.get("/v2/tasks", params={"next_token": new_token}))
            assert refused(client.get("/v2/tasks", params={"next_token": own_token}))
        with world.client(old_key) as client:
            assert client.get("/v2/projects").status_code == 401
        world.close()


def test_a_walk_over_a_batch_with_the_longest_id_goes_on(world):
    """An id has up to 255 characters of up to four bytes, and stands in the token."""
    batch_id = "😀" * 255
    world.load(make_tasks(3, "task_long", batch=batch_id))

    with world.client() as client:
        walked = walk(client, batch_id=batch_id, status="completed", limit=1)

    assert [task["task_id"] for task in walked] == [f"task_long_{n:05d}" for n in range(3)]


def test_a_token_says_nothing_but_where_the_walk_is(shelf, client, token):
    """No content, no name and no organization travels in it; it is short enough for any URL."""
    data = decoded(first_token(client, **FILTERED))

    assert len(token) < 512
    for word in (b"My Test Project", b"task_0", shelf.org().encode(), b"An answer"):
        assert word not in data


@pytest.mark.parametrize("status", [None, *TaskStatus])
def test_the_last_page_has_no_token(shelf, client, status):
    params = SCOPE if status is None else SCOPE | {"status": status.value}

    body = client.get("/v2/tasks", params=params | {"limit": str(TASKS)}).json()

    assert "next_token" not in body
