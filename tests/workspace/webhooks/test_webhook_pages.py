"""The pages of webhooks and of what was sent to them."""

from __future__ import annotations

import re

import msgspec
import pytest
from markupsafe import escape

from plaudit import clock, ids
from plaudit.core.webhooks import endpoints as webhooks
from plaudit.model.webhooks import Event, EventType, WebhookMessageRow
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.store.webhooks import outbox
from tests.support.pages.browser_client import add_person, signed_in
from tests.support.running.every_case import every_case
from tests.support.webhook_sending import add_endpoint
from tests.workspace.accounts.test_user_pages import trace

URL = "https://93.184.215.14/hook"


def endpoints(world, org="default"):
    environment_id = world.org(org)

    async def read():
        async with world.db.read() as tx:
            return await endpoints_store.list_endpoints(tx, environment_id)

    return world.run(read())


def secret_on(page) -> str:
    return re.search(r'id="secret" readonly value="([^"]+)"', page.text)[1]


def failed_message(world, endpoint) -> str:
    """A message to this endpoint that was given up."""
    now, event_id, message_id = clock.now_ms(), ids.mint("evt"), ids.mint("message")

    async def work(tx):
        event = Event(0, event_id, endpoint.environment_id, EventType.task_completed, now, b"{}")
        message = WebhookMessageRow(
            project_key=0,
            message_id=message_id,
            environment_id=endpoint.environment_id,
            event_id=event_id,
            endpoint_id=endpoint.endpoint_id,
            target=endpoint.url,
            queue=endpoint.endpoint_id,
            created_ms=now,
        )
        await outbox.insert_events(tx, [event])
        await outbox.insert_messages(tx, [message])
        await outbox.discard(tx, endpoint.endpoint_id, outcome="status", now=now, limit=10)

    world.run(world.db.write(work))
    return message_id


def states(text: str) -> list[str]:
    return re.findall(r'<span class="tag \w+">(pending|delivered|failed)</span>', text)


@pytest.fixture
def admin(world):
    return add_person(world, "admin")


@pytest.fixture
def endpoint(world):
    """An endpoint of the default organization, as the store has it."""
    return world.run(add_endpoint(world, URL, environment_id=world.org()))[0]


def test_a_webhook_is_added_changed_paused_resumed_and_deleted_with_a_trace_of_each(world):
    key = world.key()
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        added = browser.post("/webhooks", {"url": URL, "events": ["task.completed", "task.error"]})
        (one,) = endpoints(world)
        path = f"/webhooks/{one.endpoint_id}"
        chosen = msgspec.json.decode(one.events)
        browser.post(path, {"url": f"{URL}/2", "every": "yes"})
        (changed,) = endpoints(world)
        browser.post(f"{path}/pause")
        (paused,) = endpoints(world)
        browser.post(f"{path}/resume")
        (resumed,) = endpoints(world)
        browser.post(f"{path}/delete")

    assert added.status_code == 200
    assert chosen == ["task.completed", "task.error"]
    assert (changed.url, msgspec.json.decode(changed.events)) == (f"{URL}/2", ["*"])
    assert (paused.is_active, resumed.is_active) == (False, True)
    assert endpoints(world) == []
    assert [one[0] for one in trace(world, key)][:5] == [
        "remove_webhook", "resume_webhook", "pause_webhook", "edit_webhook", "add_webhook",
    ]  # fmt: skip


def test_a_secret_is_shown_once_and_is_the_one_that_signs(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        first = secret_on(browser.post("/webhooks", {"url": URL, "every": "yes"}))
        (one,) = endpoints(world)
        signing = webhooks.endpoint_secrets(world.secret, one)
        rotated = browser.post(f"/webhooks/{one.endpoint_id}/rotate", {"keep_old_s": "3600"})
        (after,) = endpoints(world)
        later = browser.get("/webhooks").text + browser.get(f"/webhooks/{one.endpoint_id}").text

    assert signing == [first]
    assert webhooks.endpoint_secrets(world.secret, after) == [secret_on(rotated), first]
    assert first not in later
    assert secret_on(rotated) not in later


def test_a_callback_secret_is_made_and_replaced_with_its_key(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        first = browser.post("/webhooks/callback-secret", {})
        second = browser.post("/webhooks/callback-secret", {"keep_old_s": "0"})
        later = browser.get("/webhooks").text

    key = re.search(r'id="callback-key" readonly value="([^"]+)"', second.text)[1]
    assert secret_on(first) != secret_on(second)
    assert key == webhooks.callback_key(secret_on(second))
    assert secret_on(second) not in later


@every_case(
    "fields, where",
    [
        ({"url": "http://127.0.0.1/x", "every": "yes"}, "url-wrong"),
        ({"url": "ftp://93.184.215.14/", "every": "yes"}, "url-wrong"),
        ({"url": "javascript:alert(1)", "every": "yes"}, "url-wrong"),
        ({"url": "", "every": "yes"}, "url-wrong"),
        ({"url": URL}, "events-wrong"),
        ({"url": URL, "events": ["task.completed", "ping"]}, "events-wrong"),
        ({"url": URL, "events": ["*"] * 2}, "events-wrong"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_beside_its_field(world, admin, fields, where):
    with signed_in(world, admin) as browser:
        browser.get("/webhooks")
        answer = browser.post("/webhooks", fields)

    assert answer.status_code == 400
    assert f'id="{where}"' in answer.text
    assert str(escape(fields["url"])) in answer.text
    assert endpoints(world) == []


@every_case("seconds", ["-1", "99999999", "x", "1.5", "9" * 30])
def test_an_old_secret_is_kept_for_a_time_that_there_is(world, endpoint, admin, seconds):
    with signed_in(world, admin) as browser:
        browser.get("/webhooks")
        answers = [
            browser.post(f"/webhooks/{endpoint.endpoint_id}/rotate", {"keep_old_s": seconds}),
            browser.post("/webhooks/callback-secret", {"keep_old_s": seconds}),
        ]

    assert [one.status_code for one in answers] == [400, 400]
    assert endpoints(world) == [endpoint]


def test_a_ping_waits_to_be_sent_and_is_listed(world, endpoint):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        listed = browser.post(f"/webhooks/{endpoint.endpoint_id}/ping", follow=True)

    assert listed.url.path == "/webhooks/messages"
    assert ">ping<" in listed.text
    assert states(listed.text) == ["pending"]


def test_a_paused_webhook_is_not_pinged_and_the_page_says_why(world, endpoint):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        browser.post(f"/webhooks/{endpoint.endpoint_id}/pause")
        answer = browser.post(f"/webhooks/{endpoint.endpoint_id}/ping")

    assert answer.status_code == 400
    assert "The webhook is disabled" in answer.text


def test_messages_are_filtered_by_state_and_receiver(world, endpoint):
    other = world.run(add_endpoint(world, f"{URL}/other", environment_id=world.org()))[0]
    failed_message(world, endpoint)
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks")
        browser.post(f"/webhooks/{endpoint.endpoint_id}/ping")
        found = {
            query: states(browser.get(f"/webhooks/messages{query}").text)
            for query in (
                "", "?state=failed", "?state=delivered", f"?endpoint_id={other.endpoint_id}",
                f"?state=pending&endpoint_id={endpoint.endpoint_id}",
            )
        }  # fmt: skip
        wrong = browser.get("/webhooks/messages?state=lost")

    assert list(found.values()) == [["pending", "failed"], ["failed"], [], [], ["pending"]]
    assert wrong.status_code == 400


def test_a_failed_message_is_sent_again_alone_and_with_all_the_others(world, endpoint):
    key = world.key()
    message_ids = [failed_message(world, endpoint) for _ in range(3)]
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/webhooks/messages")
        browser.post(f"/webhooks/messages/{message_ids[0]}/replay")
        one = states(browser.get("/webhooks/messages").text)
        said = browser.post("/webhooks/messages/replay", follow=True).text
        twice = browser.post(f"/webhooks/messages/{message_ids[0]}/replay")

    assert sorted(one) == ["failed", "failed", "pending"]
    assert states(said) == ["pending"] * 3
    assert "2 failed messages are pending again." in said
    assert twice.status_code == 409
    assert "is still pending" in twice.text
    assert [one[0] for one in trace(world, key)][:2] == ["replay_failed_messages", "replay_message"]


def test_an_admin_reaches_no_webhook_and_no_message_of_another_organization(world):
    theirs = world.run(add_endpoint(world, URL, environment_id=world.org("Other")))[0]
    message_id = failed_message(world, theirs)
    path = f"/webhooks/{theirs.endpoint_id}"
    with signed_in(world, add_person(world, "admin")) as browser:
        pages = [browser.get("/webhooks"), browser.get("/webhooks/messages")]
        answers = [
            browser.get(path),
            browser.get(f"/webhooks/messages?endpoint_id={theirs.endpoint_id}"),
            browser.post(path, {"url": URL, "every": "yes"}),
            *(browser.post(f"{path}/{what}") for what in ("ping", "pause", "resume", "delete")),
            browser.post(f"{path}/rotate", {"keep_old_s": "0"}),
            browser.post(f"/webhooks/messages/{message_id}/replay"),
            browser.post("/webhooks/messages/replay", {"endpoint_id": theirs.endpoint_id}),
        ]

    assert all(URL not in page.text and message_id not in page.text for page in pages)
    assert [one.status_code for one in answers] == [404] * len(answers)
    assert endpoints(world, "Other") == [theirs]


def test_hostile_urls_of_webhooks_are_shown_and_never_run(world):
    hostile = "https://93.184.215.14/\"><img/src=x onerror=alert(1)>'"
    world.run(add_endpoint(world, hostile, environment_id=world.org()))
    (one,) = endpoints(world)
    failed_message(world, one)
    with signed_in(world, add_person(world, "admin")) as browser:
        pages = [
            browser.get(path).text
            for path in ("/webhooks", f"/webhooks/{one.endpoint_id}", "/webhooks/messages")
        ]

    for page in pages:
        assert "<img" not in page
        assert str(escape(hostile)) in page
