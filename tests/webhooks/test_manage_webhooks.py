"""Webhooks as administrators see them over HTTP."""

from __future__ import annotations

import re

import pytest

from plaudit.core.webhooks import endpoints as webhooks
from plaudit.errors import Misconfigured, Unavailable
from plaudit.model.webhooks import CHOOSABLE
from plaudit.settings import from_environment
from tests.support.harness import on_sqlite_alone, one_engine
from tests.support.running.every_case import every_case
from tests.support.webhook_sending import ALL_WEBHOOKS, HOOK_URL, add_webhook, endpoint_of, give_up


def test_the_secret_of_an_endpoint_is_shown_once(world, client):
    made = add_webhook(client, events=["task.completed"])

    listed = client.get(ALL_WEBHOOKS).json()["webhooks"]
    got = client.get(f"{ALL_WEBHOOKS}/{made['id']}").json()

    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.pop("secret"))
    assert listed == [made]
    assert got == made
    assert set(made) == {"id", "url", "events", "status", "created_at"}


def test_without_a_choice_an_endpoint_is_told_of_everything(client):
    assert add_webhook(client)["events"] == ["*"]


def test_a_repeated_request_is_answered_without_the_secret(world, client, settings):
    headers = {"Idempotency-Key": "once"}
    first = client.post(ALL_WEBHOOKS, json={"url": HOOK_URL}, headers=headers)
    again = client.post(ALL_WEBHOOKS, json={"url": HOOK_URL}, headers=headers)

    secret = first.json().pop("secret")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {n: v for n, v in first.json().items() if n != "secret"}
    assert len(client.get(ALL_WEBHOOKS).json()["webhooks"]) == 1
    if settings.database is None:
        for path in settings.data.glob("plaudit.sqlite*"):
            assert secret.removeprefix("whsec_").encode() not in path.read_bytes()


@one_engine
@every_case(
    "body, pointer",
    [
        ({}, ""),
        ({"url": "ftp://93.184.216.34/"}, "/url"),
        ({"url": "http://127.0.0.1/"}, "/url"),
        ({"url": "http://169.254.169.254/"}, "/url"),
        ({"url": "https://user:pw@93.184.216.34/"}, "/url"),
        ({"url": "ann@example.com"}, "/url"),
        ({"url": HOOK_URL, "events": []}, "/events"),
        ({"url": HOOK_URL, "events": ["task.done"]}, "/events/0"),
        ({"url": HOOK_URL, "events": ["ping"]}, "/events/0"),
        ({"url": HOOK_URL, "events": ["*", "task.error"]}, "/events/0"),
        ({"url": HOOK_URL, "events": ["task.error", "task.error"]}, "/events/1"),
        ({"url": HOOK_URL, "secret": "whsec_x"}, ""),
        ({"url": 5}, "/url"),
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused_with_the_place(client, body, pointer):
    answer = client.post(ALL_WEBHOOKS, json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json().get("pointer", "").startswith(pointer)
    assert client.get(ALL_WEBHOOKS).json() == {"webhooks": []}


def test_every_event_can_be_chosen(client):
    assert add_webhook(client, events=list(CHOOSABLE))["events"] == list(CHOOSABLE)


def test_an_endpoint_is_changed_disabled_and_enabled(client):
    one = f"{ALL_WEBHOOKS}/{add_webhook(client)['id']}"

    changed = client.patch(one, json={"events": ["task.error"], "url": HOOK_URL + "2"}).json()
    disabled = client.patch(one, json={"status": "disabled"}).json()
    refused = client.post(f"{one}/test", json={})
    enabled = client.post(f"{one}/enable").json()

    assert (changed["url"], changed["events"]) == (HOOK_URL + "2", ["task.error"])
    assert (disabled["status"], disabled["reason"]) == ("disabled", "disabled on request")
    assert (refused.status_code, refused.json()["code"]) == (400, "illegal_move")
    assert enabled == changed
    assert client.patch(one, json={"url": "http://127.0.0.1/"}).status_code == 400
    assert client.patch(one, json={"status": "off"}).status_code == 400


def test_a_deleted_endpoint_is_not_there_any_more(client):
    one = f"{ALL_WEBHOOKS}/{add_webhook(client)['id']}"

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
        add_webhook(client)

    answer = client.post(ALL_WEBHOOKS, json={"url": HOOK_URL})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_rotating_shows_the_new_secret_and_how_long_the_old_one_lives(client):
    one = f"{ALL_WEBHOOKS}/{add_webhook(client)['id']}"

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
    one = f"{ALL_WEBHOOKS}/{add_webhook(client)['id']}"

    with world.client(world.key(role=role)) as other:
        answers = [
            other.get(ALL_WEBHOOKS), other.get(one),
            other.post(ALL_WEBHOOKS, json={"url": HOOK_URL}),
            other.patch(one, json={}), other.request("DELETE", one), other.post(f"{one}/rotate"),
            other.get("/manage/v1/webhook_messages"), other.get("/manage/v1/callback_secret"),
        ]  # fmt: skip

    assert {answer.status_code for answer in answers} == {403}


def test_messages_are_listed_page_by_page_each_once_newest_first(world, client):
    environment_id = world.org()
    one = add_webhook(client)["id"]
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
    one = f"{ALL_WEBHOOKS}/{add_webhook(client)['id']}"
    client.post(f"{one}/test")
    [message] = client.get("/manage/v1/webhook_messages").json()["webhook_messages"]

    answer = client.post(f"/manage/v1/webhook_messages/{message['id']}/replay")

    assert (message["state"], message["event_type"], message["attempts"]) == ("pending", "ping", [])
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_what_went_to_an_endpoint_that_takes_nothing_is_not_replayed(world, client):
    made = add_webhook(client)
    one = f"{ALL_WEBHOOKS}/{made['id']}"
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
    made = add_webhook(client)
    give_up(world, world.org(), made["id"], 1200)
    give_up(world, world.org(), None, 1)

    steps = [client.post(f"{ALL_WEBHOOKS}/{made['id']}/replay").json() for _ in range(3)]

    assert [step["replayed"] for step in steps] == [500, 500, 200]
    assert [step["has_more"] for step in steps] == [True, True, False]
    listed = client.get("/manage/v1/webhook_messages?state=failed").json()
    assert [message["target"] for message in listed["webhook_messages"]] == [HOOK_URL]


def test_a_change_over_one_that_was_made_meanwhile_is_refused(world):
    """It says so instead of writing back what it had read."""
    environment_id = world.org()

    async def main():
        made, _ = await world.db.write(
            lambda tx: webhooks.create_endpoint(
                tx, world.secret, environment_id, url=HOOK_URL, events=["*"]
            )
        )
        await world.db.write(lambda tx: webhooks.change_endpoint(tx, made, is_active=False))
        with pytest.raises(Unavailable):
            await world.db.write(lambda tx: webhooks.change_endpoint(tx, made, url=HOOK_URL + "2"))
        with pytest.raises(Unavailable):
            await world.db.write(
                lambda tx: webhooks.rotate_endpoint(tx, world.secret, made, keep_old_s=9)
            )
        return await endpoint_of(world, made)

    assert not world.run(main()).is_active


@on_sqlite_alone
def test_a_stolen_database_tells_no_secret(world, client, settings):
    made = add_webhook(client)
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
