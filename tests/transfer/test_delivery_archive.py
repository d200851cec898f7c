"""Deliveries in archives: they come back byte for byte, also when tasks have changed since."""

from __future__ import annotations

import itertools
import json
import signal
import time

import pytest

from plaudit.core.transfer import delivery_archive, export
from plaudit.store.engine import checks
from tests.support.builders import make_message, make_task, make_tasks, make_thread, make_turn
from tests.support.deliveries import (
    ALL_OPTS,
    COMPLETED,
    deliver,
    ids_of,
    manifest_of,
    move,
    rows_of,
    select,
    set_metadata,
    start_delivery,
    stored,
)
from tests.support.forked_process import forked_command
from tests.support.harness import clean_environment, one_engine, store_arguments
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows, mixed_tasks
from tests.transfer.test_archive import lines_of


@pytest.fixture
def full(world, client):
    """The world with two deliveries, some tasks of which have changed since."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    deliver(client, "first")
    set_metadata(client, "task_full", {"new": [1, None]})
    move(world, "reopen", "task_plain")
    deliver(client, "second", batch_id="batch_123", response_schema_id="schema_1")
    move(world, "reopen", "task_in_batch")
    move(world, "complete", "task_in_batch", [make_thread("another")])
    return world


def deliveries_in(lines):
    values = [json.loads(line) for line in lines]
    return [one["value"] for one in values if one["kind"] == "delivery"]


def load(world, lines, org="fresh"):
    """Import lines into another organization; counts by kind and outcome, and what was refused."""
    summary, rejects = world.load(lines, "archive", org=org)
    return dict(summary.counts), rejects


def everything(world, org):
    """All that is served of the deliveries of an organization."""
    with world.client(world.key(org)) as client:
        found = [client.get("/v2/deliveries?project_id=project_123").json()]
        for one in found[0]["deliveries"]:
            asked = {"delivery_id": one["id"], "opts": ALL_OPTS}
            found.append(client.get("/v2/delivery", params=asked).content)
            found.append(client.get(f"/v2/delivery/tasks?delivery_id={one['id']}").content)
            found.append(manifest_of(client, one["id"]))
        found.append(rows_of(client, project_id="project_123"))
        return found


@pytest.mark.parametrize("ids_per_line", [1, 2, 1000])
def test_deliveries_come_back_byte_for_byte_though_tasks_have_changed(
    full, monkeypatch, ids_per_line
):
    monkeypatch.setattr(delivery_archive, "IDS_PER_LINE", ids_per_line)
    monkeypatch.setattr(delivery_archive, "READ_AT_ONCE", min(ids_per_line, 100))
    lines = lines_of(full)

    counts, rejects = load(full, lines)

    assert rejects == []
    assert counts["delivery", "added"] == 2
    assert lines_of(full, "fresh") == lines
    assert everything(full, "fresh") == everything(full, "default")
    assert load(full, lines) == (
        {("project", "unchanged"): 1, ("batch", "unchanged"): 1, ("task", "unchanged"): 11,
         ("delivery", "unchanged"): 2}, [],
    )  # fmt: skip
    assert full.run(checks.violations(full.db)) == {}


@pytest.mark.parametrize("read_at_once", [3, 100])
def test_a_line_of_a_delivery_is_ended_before_the_task_that_would_make_it_long(
    world, client, monkeypatch, read_at_once
):
    monkeypatch.setattr(delivery_archive, "LINE_BYTES", 40_000)
    monkeypatch.setattr(delivery_archive, "READ_AT_ONCE", read_at_once)
    monkeypatch.setattr(delivery_archive, "CHUNK_BYTES", 40_000)
    texts = [9_000, 9_000, 100_000, 9_000, 9_000, 9_000, 9_000, 9_000, 39_000, 100_000]
    rows = [
        make_task(
            f"task_{n}",
            threads=[make_thread(turns=[make_turn(messages=[make_message(text="x" * size)])])],
        )
        for n, size in enumerate(texts)
    ]
    assert world.load(archive_rows(rows), "archive")[1] == []
    deliver(client)
    for n in range(len(texts)):
        if n not in (1, 7):
            set_metadata(client, f"task_{n}", {"new": n})

    lines = lines_of(world)
    counts, rejects = load(world, lines)

    parts = deliveries_in(lines)
    assert [len(one["task_ids"]) for one in parts] == [2, 1, 5, 1, 1]
    assert [len(one["frozen"]) for one in parts] == [1, 1, 4, 1, 1]
    assert (rejects, counts["delivery", "added"]) == ([], 1)
    assert lines_of(world, "fresh") == lines
    assert everything(world, "fresh") == everything(world, "default")


def test_only_tasks_that_have_changed_are_carried_a_second_time(full):
    [first, second] = deliveries_in(lines_of(full))

    assert first["task_ids"] == COMPLETED
    assert [one["task_id"] for one in first["frozen"]] == [
        "task_full", "task_in_batch", "task_plain",
    ]  # fmt: skip
    assert first["frozen"][0]["metadata"] == {"a": {"b": None}}
    assert second["task_ids"] == ["task_in_batch"]
    assert [thread["id"] for thread in second["frozen"][0]["threads"]] == ["thread_0", "thread_1"]
    assert (first.get("response_schema_id"), second["response_schema_id"]) == (None, "schema_1")


def test_a_line_with_ids_alone_is_a_delivery(world):
    """What other tools write: no count, no hash, no part."""
    value = {"id": "d1", "project": "project_123", "task_ids": ["task_plain", "task_full"]}
    rows = [*archive_rows(mixed_tasks()), {"kind": "delivery", "value": value}]

    counts, rejects = load(world, rows)

    assert rejects == []
    assert counts["delivery", "added"] == 1
    with world.client(world.key("fresh")) as client:
        assert ids_of(client, "d1") == ["task_plain", "task_full"]
        [shown] = client.get("/v2/deliveries?project_id=project_123").json()["deliveries"]
        assert (shown["name"], shown["task_count"]) == ("d1", 2)
        later = deliver(client, "later")
        assert later["delivered_at"] > shown["delivered_at"]


AT = "2025-03-01T00:00:00.000Z"
GOOD = {"id": "d1", "name": "D", "project": "project_123", "delivered_at": AT,
        "task_ids": ["task_full", "task_plain"]}  # fmt: skip
PENDING = make_task("task_plain", "pending", batch="batch_123")


WRONG = [
    ({"id": ""}, "/value/id", "255"),
    ({"id": 7}, "/value/id", "str"),
    ({"name": "\n"}, "/value/name", "visible"),
    ({"project": None}, "/value/project", "str"),
    ({"delivered_at": "soon"}, "/value/delivered_at", "ISO 8601"),
    ({"delivered_at": "2999-01-01"}, "/value/delivered_at", "5 minutes"),
    ({"task_ids": []}, "/value/task_ids", "at least one"),
    ({"task_ids": "task_full"}, "/value/task_ids", "array"),
    ({"task_ids": ["nobody"]}, "/value/task_ids/0", "nobody"),
    ({"task_ids": ["task_full", "elsewhere"]}, "/value/task_ids/1", "elsewhere"),
    ({"task_ids": ["task_full", "task_pending"]}, "/value/task_ids/1", "not completed"),
    ({"task_ids": ["task_full", "task_full"]}, "/value/task_ids", "twice"),
    ({"task_ids": ["task_full"] * 301}, "/value/task_ids", "twice"),
    ({"task_count": 1}, "/value/task_ids", "more tasks"),
    ({"task_count": 3}, "/value", "missing"),
    ({"position": 2}, "/value/position", "missing"),
    ({"position": 0}, "/value/position", "missing"),
    ({"manifest_sha256": "0" * 64}, "/value", "not the ones"),
    ({"response_schema_id": "\u0007"}, "/value/response_schema_id", "control"),
    ({"frozen": [{"task_id": "task_plain"}]}, "/value/frozen/0", "status"),
    ({"frozen": [PENDING]}, "/value/frozen/0", "completed_at"),
    ({"frozen": [make_task("task_plain")]}, "/value/task_ids/1", "another batch"),
]


@one_engine
def test_a_delivery_that_is_wrong_is_refused_with_its_place_and_leaves_nothing(world):
    """Each after the other, and then the good one, whose id and name are still free."""
    rows = archive_rows([*mixed_tasks(), make_task("elsewhere", project="p2")])
    assert load(world, rows)[1] == []

    for change, pointer, word in WRONG:
        counts, [reject] = load(world, [{"kind": "delivery", "value": GOOD | change}])
        assert (counts["delivery", "rejected"], reject.pointer) == (1, pointer), reject
        assert word in reject.message
        assert stored(world)["delivery"] == stored(world)["delivered_task"] == 0, change

    assert load(world, [{"kind": "delivery", "value": GOOD}])[1] == []


@pytest.fixture
def with_delivery(world):
    """A store with tasks, of which two were delivered."""
    rows = archive_rows([*mixed_tasks(), make_task("elsewhere", project="p2")])
    assert load(world, [*rows, {"kind": "delivery", "value": GOOD}], "default")[1] == []
    return world


CHANGED = [
    {"name": "Other"},
    {"delivered_at": "2025-03-02"},
    {"task_ids": ["task_plain", "task_full"]},
    {"task_ids": ["task_full"]},
    {"response_schema_id": "s"},
    {"manifest_sha256": "0" * 64},
    {"id": "d2"},
    {"id": "d2", "name": " D "},
    {"project": "p2", "name": "x"},
]


@one_engine
@every_case("change, replace", itertools.product(CHANGED, (False, True)))
def test_a_stored_delivery_is_never_changed_by_an_import(with_delivery, change, replace):
    world, before = with_delivery, everything(with_delivery, "default")

    _, [reject] = world.load(
        [{"kind": "delivery", "value": GOOD | change}], "archive", replace=replace
    )

    assert "delivery" in reject.message
    assert everything(world, "default") == before


def test_a_strict_import_takes_a_delivery_back_with_the_rest(world):
    wrong = GOOD | {"id": "d2", "name": "E", "task_ids": ["nobody"]}
    rows = archive_rows(mixed_tasks())
    rows += [{"kind": "delivery", "value": one} for one in (GOOD, wrong)]

    summary, rejects = world.load(rows, "archive", strict=True)

    assert (summary.total("rejected"), len(rejects)) == (1, 1)
    assert stored(world) == {"delivery": 0, "delivered_task": 0, "frozen_task": 0}
    assert world.load(rows[:-1], "archive", strict=True)[1] == []
    assert stored(world)["delivery"] == 1


def test_a_delivery_made_while_an_archive_is_written_is_not_half_in_it(full):
    """The list of deliveries is that of the beginning, as the tasks are."""
    environment_id, lines = full.org(), []
    delivery_builder, _ = start_delivery(full, "meanwhile")

    async def read():
        async for line in export.archive_lines(full.db, environment_id):
            lines.append(line)
            if len(lines) == 2:
                await delivery_builder.freeze(selection, lambda count: None)
                await full.db.write(delivery_builder.finish)

    selection = select(full)
    full.run(read())

    assert [one["name"] for one in deliveries_in(lines)] == ["first", "second"]
    assert [one["name"] for one in deliveries_in(lines_of(full))][2:] == ["meanwhile"]


@pytest.mark.slow
def test_an_import_that_was_killed_within_a_delivery_is_finished_by_running_it_again(
    world, tmp_path
):
    rows = archive_rows(make_tasks(1000))
    names = [f"task_{number:05d}" for number in range(1000)]
    parts = [names[start : start + 50] for start in range(0, 1000, 50)]
    value = {"id": "d1", "project": "project_123", "delivered_at": AT, "task_count": 1000}
    rows += [
        {"kind": "delivery", "value": value | {"position": n * 50 + 1, "task_ids": part}}
        for n, part in enumerate(parts)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number in range(12):  # a busy machine may take some attempts to meet the middle
        world.org(org := f"org {number}")
        if killed_within_a_delivery(world, org, path) == -signal.SIGKILL:
            break
    else:
        raise AssertionError("each import was done before it was killed")

    with world.client(world.key(org)) as client:
        assert client.get("/v2/delivery?delivery_id=d1").status_code == 404
        summary, rejects = world.load(path, "archive", org=org)

        assert rejects == []
        assert summary.counts["delivery", "added"] == 1
        assert ids_of(client, "d1") == names
    assert world.run(checks.violations(world.db)) == {}


def killed_within_a_delivery(world, org, path):
    """Import into an organization, kill that once a task was delivered; how the process ended."""
    before = stored(world)["delivered_task"]
    process = forked_command(
        "import", *store_arguments(world.settings), "--org", org, "--format", "archive", str(path),
        environ=clean_environment(),
    )  # fmt: skip
    try:
        for _ in range(10_000):
            if process.poll() is not None or stored(world)["delivered_task"] > before:
                break
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        killed = process.wait(30)
    return killed
