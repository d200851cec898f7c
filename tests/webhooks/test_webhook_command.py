"""`plaudit webhooks`: endpoints and messages from the command line."""

from __future__ import annotations

import re

import pytest

from plaudit.core.webhooks import endpoints as webhooks
from plaudit.store.common import audit
from tests.support.harness import run_cli, store_arguments
from tests.support.webhook_sending import ALL_WEBHOOKS, add_webhook, give_up


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
    made = add_webhook(client, events=["task.error"])
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
    first, second = add_webhook(client), add_webhook(client)
    for made in (first, second):
        give_up(world, environment_id, made["id"], 3)
    give_up(world, environment_id, None, 700)
    client.patch(f"{ALL_WEBHOOKS}/{second['id']}", json={"status": "disabled"})

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
    made = add_webhook(client)

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
    add_webhook(client)
    world.org("Stranger")

    assert "No webhooks yet" in command("list", "--org", "Stranger")
    assert "No webhooks yet" in command("list", "--mode", "test")
