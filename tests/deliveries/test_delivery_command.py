"""`plaudit deliver`: what it says, when it refuses, and what becomes of a run that is killed."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from plaudit.store.engine import checks
from tests.deliveries.test_delivery_runs import TASKS
from tests.support.builders import make_task, make_tasks
from tests.support.deliveries import (
    PATH,
    deliver,
    ids_of,
    manifest_of,
    stored,
)
from tests.support.forked_process import forked_command
from tests.support.harness import clean_environment, one_engine, run_cli, store_arguments

MORE = 1300


def deliver_in_another_process(world, *arguments):
    return forked_command(
        "deliver", *store_arguments(world.settings), "--project", "project_123",
        "--name", "January", *arguments, environ=clean_environment(),
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_that_was_killed_leaves_nothing_visible_and_the_next_one_makes_the_same(
    many, client, monkeypatch
):
    """Killed anywhere by SIGKILL; until the lease ends the name is taken, then the set is whole."""
    many.load(make_tasks(MORE, "more"))
    wanted = [*TASKS, *(f"more_{number:05d}" for number in range(MORE))]
    dice, killed_early = random.Random(), 0
    for run_no, goal in enumerate((1, dice.randint(2, 600), dice.randint(600, 1500)), 1):
        process = deliver_in_another_process(many)
        try:
            for _ in range(5000):
                if process.poll() is not None or progress_of(many) >= (run_no, goal):
                    break
                time.sleep(0.002)
        finally:
            process.send_signal(signal.SIGKILL)
            killed = process.wait(30)
        if killed == -signal.SIGKILL:
            killed_early += 1
            answer = client.get("/v2/deliveries?project_id=project_123").json()
            assert answer == {"deliveries": []}
            assert client.post(PATH, json={"name": "January"}).status_code == 409
        expire(many)

    done = run_cli("deliver", *store_arguments(many.settings), "--project", "project_123",
                   "--name", "January")  # fmt: skip

    assert (killed_early > 0, done.returncode) == (True, 0), done.stderr
    [made] = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
    assert ids_of(client, made["id"]) == wanted
    assert [one["task_id"] for one in manifest_of(client, made["id"])] == wanted
    assert stored(many) == {"delivery": 1, "delivered_task": len(wanted),
                            "frozen_task": len(wanted)}  # fmt: skip
    assert many.run(checks.violations(many.db)) == {}


def progress_of(world) -> tuple[int, int]:
    """The number of the run that makes the delivery, and how many tasks it has put in."""

    async def read():
        async with world.db.read() as tx:
            row = await tx.one("SELECT run_no, task_count, delivery_seq FROM delivery", {})
            return (0, 0) if row is None else row[:2]

    return world.run(read())


def expire(world):
    """Let the lease of a dead run end now rather than in a minute."""
    world.run(
        world.db.write(lambda tx: tx.run("UPDATE delivery SET lease_ms = 0"
                                         " WHERE delivered_ms IS NULL", {}))
    )  # fmt: skip


def cli(world, *arguments):
    return run_cli("deliver", *store_arguments(world.settings), *arguments)


def test_the_command_says_in_one_line_what_it_delivered(many, client, tmp_path):
    named = tmp_path / "ids.txt"
    named.write_text("\n".join(["task_00007", "", " task_00003 ", "task_00007"]))

    done = cli(many, "--project", "project_123", "--name", "listed", "--tasks", str(named))
    narrow = cli(many, "--project", "project_123", "--name", "narrow",
                 "--completed-after", "2025-01-02T00:00:03Z",
                 "--completed-before", "2025-01-02T00:00:06Z",
                 "--response-schema", "schema_1")  # fmt: skip

    [first, second] = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
    record = client.get(f"/manage/v1/deliveries/{first['id']}").json()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"Delivered 2 tasks as {first['id']} (manifest sha256 {record['manifest_sha256']}).\n"
    )
    assert ids_of(client, first["id"]) == ["task_00003", "task_00007"]
    assert narrow.returncode == 0
    assert ids_of(client, second["id"]) == ["task_00004", "task_00005"]


@one_engine
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--project", "project_123"], 2, "--name"),
        (["--project", "nobody", "--name", "x"], 1, "no such project"),
        (["--project", "project_123", "--name", "x", "--batch", "nobody"], 1, "no such batch"),
        (["--project", "project_123", "--name", "x", "--batch", "b2"], 1, "nothing to deliver"),
        (["--project", "project_123", "--name", "taken"], 1, "already"),
        (["--project", "project_123", "--name", "x", "--completed-after", "soon"], 2, "ISO 8601"),
        (["--project", "project_123", "--name", "x", "--tasks", "IDS", "--batch", "b2"], 2, "out"),
        (["--project", "project_123", "--name", "x", "--tasks", "IDS"], 1, "no task 'nobody'"),
        (["--project", "project_123", "--name", "\u200b"], 1, "visible"),
    ],
)
def test_the_command_refuses_in_one_line(world, client, tmp_path, arguments, code, word):
    world.load([*make_tasks(2), make_task("waits", "pending", batch="b2")])
    deliver(client, "taken")
    (tmp_path / "ids.txt").write_text("task_00000\nnobody\n")
    arguments = [one.replace("IDS", str(tmp_path / "ids.txt")) for one in arguments]

    done = cli(world, *arguments)

    assert done.returncode == code
    assert word in done.stderr
    assert code == 2 or done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert stored(world)["delivery"] == 1


def test_the_command_s_delivery_is_in_the_audit_log_and_its_event_in_the_outbox(many, client):
    """The event is written with the delivery, for an endpoint that chose its type."""
    environment_id = many.org()

    async def subscribe(tx):
        await tx.run(
            "INSERT INTO webhook_endpoint (environment_id, endpoint_id, url, events, status,"
            " reason,"
            " secret, created_ms) VALUES (:environment_id, 'ep', 'https://example.com', :events,"
            " 'active',"
            " '', :secret, 0)",
            {"environment_id": environment_id, "events": b'["delivery.created"]', "secret": b""},
        )

    async def read(tx):
        return [
            await tx.all("SELECT type, payload FROM event", {}),
            await tx.all(
                "SELECT actor_kind, action, object_id FROM audit_entry"
                " WHERE object_kind = 'delivery'",
                {},
            ),
        ]

    many.run(many.db.write(subscribe))

    done = cli(many, "--project", "project_123", "--name", "x")

    [shown] = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
    [[event], entries] = many.run(many.db.write(read))
    assert done.returncode == 0
    assert event[0] == "delivery.created"
    assert json.loads(event[1]) == {"delivery_id": shown["id"], "delivery": shown}
    assert entries == [("command", "create_delivery", shown["id"])]
