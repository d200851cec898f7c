"""Webhooks as administrators see them: over HTTP and from the command line."""

from __future__ import annotations

import re

import pytest

from plaudit.core.webhooks import endpoints as webhooks
from plaudit.errors import Misconfigured, Unavailable
from plaudit.model.webhooks import CHOOSABLE, Event, EventType, WebhookMessageRow
from plaudit.settings import from_environment
from plaudit.store.common import audit
from plaudit.store.webhooks import outbox
from tests.support.harness import on_sqlite_alone, one_engine, run_cli, store_arguments
from tests.support.webhook_sending import endpoint_of

URL = "https://93.184.216.34/hook"
ALL = "/manage/v1/webhooks"


def add(client, **body):
    answer = client.post(ALL, json={"url": URL} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def give_up(world, environment_id, endpoint_id=None, count=1, url=URL):
    """Webhook messages that were given up, for tests of what is done with them."""
    queue = endpoint_id or "callbacks"

    async def work(tx):
        await outbox.insert_events(
            tx, [Event(0, f"evt_{queue}", environment_id, EventType.ping, 1, b"{}")]
        )
        await outbox.insert_messages(
            tx,
            [
                WebhookMessageRow(0, f"message_{queue}_{n:04d}", environment_id, f"evt_{queue}",
                                  endpoint_id, url, queue, 1)
                for n in range(count)
            ],
        )  # fmt: skip
        while await outbox.discard(tx, queue, outcome="timeout", now=2, limit=1000):
            pass

    world.run(world.db.write(work))


def test_the_secret_of_an_endpoint_is_shown_once(world, client):
    made = add(client, events=["task.completed"])

    listed = client.get(ALL).json()["webhooks"]
    got = client.get(f"{ALL}/{made['id']}").json()

    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.pop("secret"))
    assert listed == [made]
    assert got == made
    assert set(made) == {"id", "url", "events", "status", "created_at"}


def test_without_a_choice_an_endpoint_is_told_of_everything(client):
    assert add(client)["events"] == ["*"]


def test_a_repeated_request_is_answered_without_the_secret(world, client, settings):
    headers = {"Idempotency-Key": "once"}
    first = client.post(ALL, json={"url": URL}, headers=headers)
    again = client.post(ALL, json={"url": URL}, headers=headers)

    secret = first.json().pop("secret")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {n: v for n, v in first.json().items() if n != "secret"}
    assert len(client.get(ALL).json()["webhooks"]) == 1
    if settings.database is None:
        for path in settings.data.glob("plaudit.sqlite*"):
            assert secret.removeprefix("whsec_").encode() not in path.read_bytes()


@one_engine
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"url": "ftp://93.184.216.34/"}, "/url"),
        ({"url": "http://127.0.0.1/"}, "/url"),
        ({"url": "http://169.254.169.254/"}, "/url"),
        ({"url": "https://user:pw@93.184.216.34/"}, "/url"),
        ({"url": "ann@example.com"}, "/url"),
        ({"url": URL, "events": []}, "/events"),
        ({"url": URL, "events": ["task.done"]}, "/events/0"),
        ({"url": URL, "events": ["ping"]}, "/events/0"),
        ({"url": URL, "events": ["*", "task.error"]}, "/events/0"),
        ({"url": URL, "events": ["task.error", "task.error"]}, "/events/1"),
        ({"url": URL, "secret": "whsec_x"}, ""),
        ({"url": 5}, "/url"),
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused_with_the_place(client, body, pointer):
    answer = client.post(ALL, json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json().get("pointer", "").startswith(pointer)
    assert client.get(ALL).json() == {"webhooks": []}


def test_every_event_can_be_chosen(client):
    assert add(client, events=list(CHOOSABLE))["events"] == list(CHOOSABLE)


def test_an_endpoint_is_changed_disabled_and_enabled(client):
    one = f"{ALL}/{add(client)['id']}"

    changed = client.patch(one, json={"events": ["task.error"], "url": URL + "2"}).json()
    disabled = client.patch(one, json={"status": "disabled"}).json()
    refused = client.post(f"{one}/test", json={})
    enabled = client.post(f"{one}/enable").json()

    assert (changed["url"], changed["events"]) == (URL + "2", ["task.error"])
    assert (disabled["status"], disabled["reason"]) == ("disabled", "disabled on request")
    assert (refused.status_code, refused.json()["code"]) == (400, "illegal_move")
    assert enabled == changed
    assert client.patch(one, json={"url": "http://127.0.0.1/"}).status_code == 400
    assert client.patch(one, json={"status": "off"}).status_code == 400


def test_a_deleted_endpoint_is_not_there_any_more(client):
    one = f"{ALL}/{add(client)['id']}"

    deleted = client.request("DELETE", one)

    assert deleted.json()["deleted"] is True
    for answer in (
        client.get(one),
        client.request("DELETE", one),
        client.patch(one, json={}),
        *(client.post(f"{one}/{verb}") for verb in ("enable", "test", "rotate", "replay")),
    ):
        assert answer.status_code == 404


def test_there_is_an_end_to_the_number_of_endpoints(client):
    for _ in range(webhooks.ENDPOINTS_MAX):
        add(client)

    answer = client.post(ALL, json={"url": URL})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_rotating_shows_the_new_secret_and_how_long_the_old_one_lives(client):
    one = f"{ALL}/{add(client)['id']}"

    rotated = client.post(f"{one}/rotate", json={"keep_old_s": 60}).json()
    at_once = client.post(f"{one}/rotate", json={"keep_old_s": 0}).json()

    assert rotated["secret"] != at_once["secret"]
    assert "old_secret_until" in rotated
    assert "old_secret_until" not in at_once
    for seconds in (-1, webhooks.KEEP_OLD_S_MAX + 1, 2**63 - 1, 1.5, "1"):
        assert client.post(f"{one}/rotate", json={"keep_old_s": seconds}).status_code == 400


def test_the_callback_secret_is_shown_when_it_is_made_and_never_again(client):
    path = "/manage/v1/callback_secret"
    before = client.get(path).json()

    first = client.post(f"{path}/rotate").json()
    second = client.post(f"{path}/rotate", headers={"Idempotency-Key": "k"}).json()
    again = client.post(f"{path}/rotate", headers={"Idempotency-Key": "k"}).json()

    assert before == {"exists": False}
    assert first["callback_key"] == webhooks.callback_key(first["secret"])
    assert "old_secret_until" not in first
    assert second["secret"] != first["secret"]
    assert set(again) == set(client.get(path).json()) == {"exists", "old_secret_until"}


@pytest.mark.parametrize("role", ["read", "write"])
def test_only_administrators_see_and_change_webhooks(world, client, role):
    one = f"{ALL}/{add(client)['id']}"

    with world.client(world.key(role=role)) as other:
        answers = [
            other.get(ALL), other.get(one), other.post(ALL, json={"url": URL}),
            other.patch(one, json={}), other.request("DELETE", one), other.post(f"{one}/rotate"),
            other.get("/manage/v1/webhook_messages"), other.get("/manage/v1/callback_secret"),
        ]  # fmt: skip

    assert {answer.status_code for answer in answers} == {403}


def test_messages_are_listed_page_by_page_each_once_newest_first(world, client):
    environment_id = world.org()
    one = add(client)["id"]
    give_up(world, environment_id, one, 30)
    give_up(world, environment_id, None, 25)
    for number in range(0, 30, 3):
        client.post(f"/manage/v1/webhook_messages/message_{one}_{number:04d}/replay")

    def walk(**params):
        found, token = [], None
        for _ in range(100):
            again = {"next_token": token} if token else params
            page = client.get("/manage/v1/webhook_messages", params=again | {"limit": 7}).json()
            found += page["webhook_messages"]
            token = page.get("next_token")
            if token is None:
                return found
        raise AssertionError("the walk does not end")

    every, failed, pending = walk(), walk(state="failed"), walk(state="pending")
    of_one = walk(endpoint_id=one)

    names = [message["id"] for message in every]
    assert names == sorted(names, reverse=True)
    assert len(set(names)) == len(names) == 55
    assert (len(failed), len(pending), len(of_one)) == (45, 10, 30)
    assert {message["state"] for message in failed} == {"failed"}
    assert all("next_at" in message and "ended_at" not in message for message in pending)
    assert {message.get("endpoint_id") for message in of_one} == {one}


def test_a_token_belongs_to_its_filters_and_its_organization(world, client):
    give_up(world, world.org(), None, 3)
    path = "/manage/v1/webhook_messages"
    token = client.get(path, params={"state": "failed", "limit": 1}).json()["next_token"]

    world.org("Stranger")
    with world.client(world.key("Stranger")) as stranger:
        theirs = stranger.get(path, params={"next_token": token})

    assert client.get(path, params={"next_token": token, "state": "delivered"}).status_code == 400
    assert theirs.json()["code"] == "invalid_page_token"
    assert client.get(path, params={"next_token": token, "state": "failed"}).status_code == 200


def test_a_message_that_still_waits_is_not_replayed(world, client):
    one = f"{ALL}/{add(client)['id']}"
    client.post(f"{one}/test")
    [message] = client.get("/manage/v1/webhook_messages").json()["webhook_messages"]

    answer = client.post(f"/manage/v1/webhook_messages/{message['id']}/replay")

    assert (message["state"], message["event_type"], message["attempts"]) == ("pending", "ping", [])
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_what_went_to_an_endpoint_that_takes_nothing_is_not_replayed(world, client):
    made = add(client)
    one = f"{ALL}/{made['id']}"
    give_up(world, world.org(), made["id"], 2)
    name = f"message_{made['id']}_0000"
    client.patch(one, json={"status": "disabled"})

    disabled = client.post(f"/manage/v1/webhook_messages/{name}/replay")
    of_all = client.post(f"{one}/replay")
    client.request("DELETE", one)
    deleted = client.post(f"/manage/v1/webhook_messages/{name}/replay")

    assert [one.status_code for one in (disabled, of_all, deleted)] == [409, 409, 409]
    assert "enable it" in disabled.json()["error"]
    assert "deleted" in deleted.json()["error"]


def test_all_that_was_given_up_for_an_endpoint_is_replayed_in_bounded_steps(world, client):
    made = add(client)
    give_up(world, world.org(), made["id"], 1200)
    give_up(world, world.org(), None, 1)

    steps = [client.post(f"{ALL}/{made['id']}/replay").json() for _ in range(3)]

    assert [step["replayed"] for step in steps] == [500, 500, 200]
    assert [step["has_more"] for step in steps] == [True, True, False]
    listed = client.get("/manage/v1/webhook_messages?state=failed").json()
    assert [message["target"] for message in listed["webhook_messages"]] == [URL]


def test_a_change_over_one_that_was_made_meanwhile_is_refused(world):
    """It says so instead of writing back what it had read."""
    environment_id = world.org()

    async def main():
        made, _ = await world.db.write(
            lambda tx: webhooks.create_endpoint(
                tx, world.secret, environment_id, url=URL, events=["*"]
            )
        )
        await world.db.write(lambda tx: webhooks.change_endpoint(tx, made, is_active=False))
        with pytest.raises(Unavailable):
            await world.db.write(lambda tx: webhooks.change_endpoint(tx, made, url=URL + "2"))
        with pytest.raises(Unavailable):
            await world.db.write(
                lambda tx: webhooks.rotate_endpoint(tx, world.secret, made, keep_old_s=9)
            )
        return await endpoint_of(world, made)

    assert not world.run(main()).is_active


def trace(world, environment_id):
    async def read():
        async with world.db.read() as tx:
            found, _ = await audit.list_entries(
                tx, environment_id, before=None, object_id=None, limit=100
            )
            return found

    return [(one.action, one.actor.kind) for one in world.run(read())]


@pytest.fixture
def command(world):
    """Run `plaudit webhooks …` on the test's store; what it printed."""

    def run(*words, code=0):
        done = run_cli("webhooks", *words, *store_arguments(world.settings))
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_the_command_lists_endpoints_and_messages(world, client, command):
    assert "No webhooks yet" in command("list")
    made = add(client, events=["task.error"])
    give_up(world, world.org(), made["id"], 2)

    endpoints, failed, done = (
        command("list"),
        command("list", "--messages", "failed"),
        command("list", "--messages", "delivered"),
    )

    assert made["id"] in endpoints
    assert "task.error" in endpoints
    assert "whsec_" not in endpoints
    assert failed.count(made["id"]) >= 2
    assert "timeout" in failed
    assert "none" in done


@pytest.mark.slow
def test_the_command_replays_one_or_all_and_leaves_its_trace(world, client, command):
    environment_id = world.org()
    first, second = add(client), add(client)
    for made in (first, second):
        give_up(world, environment_id, made["id"], 3)
    give_up(world, environment_id, None, 700)
    client.patch(f"{ALL}/{second['id']}", json={"status": "disabled"})

    one = command("replay", "--message", f"message_{first['id']}_0001")
    rest = command("replay", "--webhook", first["id"])
    every = command("replay")
    nothing = command("replay")

    assert [re.match(r"\d+", text)[0] for text in (one, rest, every, nothing)] == [
        "1", "2", "700", "0",
    ]  # fmt: skip
    assert ("replay_webhook_message", "command") in trace(world, environment_id)
    assert ("replay_webhook", "command") in trace(world, environment_id)
    command("replay", "--message", "nobody", code=1)
    command("replay", "--webhook", "nobody", code=1)
    command("replay", "--webhook", "a", "--message", "b", code=2)


@pytest.mark.slow
def test_the_command_prints_and_rotates_secrets(world, client, command):
    environment_id = world.org()
    made = add(client)

    shown = dict(line.split("\t") for line in command("secrets").splitlines())
    rotated = command("secrets", "--rotate", made["id"], "--keep-old-s", "0").strip()
    callback = command("secrets", "--rotate", "callbacks", "--keep-old-s", "0").strip()
    again = dict(line.split("\t") for line in command("secrets").splitlines())

    assert shown[made["id"]] == made["secret"]
    assert shown["scale-callback-auth"] == webhooks.callback_key(shown["callbacks"])
    assert again[made["id"]] == rotated != made["secret"]
    assert again["callbacks"] == callback != shown["callbacks"]
    actions = [action for action, kind in trace(world, environment_id) if kind == "command"]
    assert actions == [
        "show_webhook_secrets", "rotate_callback_secret", "rotate_webhook_secret",
        "show_webhook_secrets",
    ]  # fmt: skip
    command("secrets", "--rotate", "nobody", code=1)


def test_another_organization_has_its_own(world, client, command):
    add(client)
    world.org("Stranger")

    assert "No webhooks yet" in command("list", "--org", "Stranger")
    assert "No webhooks yet" in command("list", "--mode", "test")


@on_sqlite_alone
def test_a_stolen_database_tells_no_secret(world, client, settings):
    made = add(client)
    rotated = client.post("/manage/v1/callback_secret/rotate").json()

    files = b"".join(path.read_bytes() for path in settings.data.glob("plaudit.sqlite*"))

    for text in (made["secret"], rotated["secret"], rotated["callback_key"]):
        assert text.removeprefix("whsec_").encode() not in files


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", "1,,x", "1e9", ",".join("1" * 101)])
def test_waits_that_make_no_sense_are_refused_by_name(text):
    with pytest.raises(Misconfigured, match="PLAUDIT_WEBHOOK_RETRY_S"):
        from_environment({"PLAUDIT_WEBHOOK_RETRY_S": text})


def test_waits_are_read():
    assert from_environment({"PLAUDIT_WEBHOOK_RETRY_S": "1, 2.5,30"}).webhook_retry_s == (
        1,
        2.5,
        30,
    )
    assert from_environment({}).webhook_retry_s == ()
