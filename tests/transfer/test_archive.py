"""Archives: what goes out comes back, byte for byte; and the files that carry it."""

from __future__ import annotations

import gzip
import itertools
import json
import signal
import time
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plaudit.cli import app
from plaudit.core.transfer import export
from plaudit.core.transfer.importer import Source, import_sources
from plaudit.errors import InvalidContent
from plaudit.formats import files
from plaudit.model.core import STORED_STATUSES
from plaudit.settings import Settings
from tests.support.builders import (
    make_annotation,
    make_message,
    make_task,
    make_tasks,
    make_thread,
    make_turn,
)
from tests.support.forked_process import ForkedProcess, forked_command
from tests.support.harness import World, clean_environment, on_sqlite_alone, one_engine
from tests.support.moves import without_audit
from tests.support.running import memory
from tests.support.sample_tasks import (
    CREATED_AT,
    VALUES,
    all_annotations,
    archive_rows,
    full_message,
    mixed_tasks,
)

SAMPLE = Path(str(package_files("plaudit.demo"))) / "sample.jsonl"
_numbers = itertools.count()


def lines_of(world: World, org: str = "default") -> list[bytes]:
    """The archive of an organization."""
    environment_id = world.org(org)

    async def read() -> list[bytes]:
        return [line async for line in export.archive_lines(world.db, environment_id)]

    return world.run(read())


def tasks_of(lines: list[bytes]) -> dict[str, Any]:
    values = [json.loads(line) for line in lines]
    return {one["value"]["task_id"]: one["value"] for one in values if one["kind"] == "task"}


def place(settings: Settings) -> list[str]:
    """The options that lead a command to this store."""
    found = ["--data", str(settings.data)]
    return found if settings.database is None else [*found, "--database", settings.database]


def assert_comes_back(world: World, lines: list[bytes], org: str = "fresh") -> None:
    """Importing the lines into another organization and archiving it gives the same lines."""
    summary, rejects = world.load(lines, "archive", org=org)

    assert rejects == []
    assert set(dict(summary.counts)) <= {(kind, "added") for kind in ("project", "batch", "task")}
    assert lines_of(world, org) == lines


def test_the_sample_data_comes_back_byte_for_byte(world):
    world.load(SAMPLE, "archive")

    assert_comes_back(world, lines_of(world))


def test_the_sample_data_shows_everything_that_the_wire_has():
    text = SAMPLE.read_text("utf-8")
    tasks = tasks_of([line.encode() for line in text.splitlines()])
    messages = [
        message
        for task in tasks.values()
        for thread in [*task.get("threads", ()), *task.get("content", ())]
        for turn in thread["turns"]
        for message in turn["messages"]
    ]

    assert {task["status"] for task in tasks.values()} == set(STORED_STATUSES)
    assert {kind for kind in VALUES if f'"type":"{kind}"' in text} == set(VALUES)
    assert {name for message in messages for name in message["content"]} == {
        "text", "reference_texts", "attachments", "chunks", "reasoning",
    }  # fmt: skip
    assert {message["role"] for message in messages} >= {"system", "user", "assistant"}


def test_real_conversations_come_back_byte_for_byte(world, oasst):
    world.load(oasst, "oasst", project="Trees")

    assert_comes_back(world, lines_of(world))


def test_tasks_of_every_status_and_shape_come_back_byte_for_byte(world):
    pending = make_task("task_p", "pending", content=[make_thread()], unique_id="u")
    extra = [pending | {"callback_url": "https://example.com/é"}, make_task("t", completed_at=None)]
    other = make_task("task_other", project="project_other", batch="batch_other")
    world.load(archive_rows([*mixed_tasks(), *extra]), "archive")
    world.load([other])

    lines = lines_of(world)

    assert_comes_back(world, lines)
    kept = tasks_of(lines)["task_p"]
    assert (kept["unique_id"], kept["callback_url"]) == ("u", "https://example.com/é")
    assert kept["content"][0]["turns"][0]["messages"][0]["content"]["text"] == "A question?"


characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
texts = st.text(characters, max_size=6) | st.sampled_from(
    ["", "é", "e\u0301", '":', "\\u0000", "\u2028", "𝄞"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
annotations = st.lists(
    st.sampled_from(all_annotations())
    | st.builds(make_annotation, texts, texts, id=st.sampled_from(["a1", "a2", "ann_t0a0_x"]))
    | st.builds(
        make_annotation, texts, st.integers(-5, 5), metadata=st.dictionaries(texts, anything),
        votes=st.just([{"contributor_id": "é", "value": 1}]),
    ),
    max_size=3,
)  # fmt: skip
contents = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "reasoning": st.just([{"content": "First"}, {}]),
        "attachments": st.sampled_from([[], [{}], [{"name": "a", "duration": 0.5}, {"url": "u"}]]),
        "chunks": st.lists(
            st.fixed_dictionaries({"type": texts, "text": texts, "annotations": annotations}),
            max_size=2,
        ),
        "reference_texts": st.just([{}]),
    },
)
messages = st.just(full_message()) | st.builds(
    make_message, texts, role=st.sampled_from(["system", "user", "assistant", "function"]),
    content=contents, annotations=annotations,
)  # fmt: skip
turns = st.builds(
    make_turn, st.sampled_from(["turn_0", "turn_1"]),
    st.lists(messages, max_size=3, unique_by=lambda message: message["source_id"]),
    annotations=annotations,
)  # fmt: skip
threads = st.lists(
    st.builds(make_thread, texts, st.lists(turns, max_size=2), annotations=annotations), max_size=3
)


@st.composite
def archived_tasks(draw: Any) -> list[Any]:
    """Archive lines of tasks with everything drawn at random."""
    rows = []
    for number in range(draw(st.integers(1, 4))):
        status = draw(st.sampled_from(["completed", "completed", "pending", "canceled", "error"]))
        fields: dict[str, Any] = {"batch": draw(st.sampled_from([None, "batch_123"]))}
        for name, values in {
            "metadata": st.dictionaries(texts, anything),
            "content": threads,
            "callback_url": texts,
        }.items():
            fields[name] = draw(st.none() | values)
        if status == "completed":
            fields["threads"] = draw(threads)
            fields["completed_at"] = draw(st.sampled_from([None, CREATED_AT, "1969-07-20"]))
        if status == "error":
            fields["errors"] = draw(st.sampled_from([[], [{"message": "No"}, {}]]))
        rows.append(make_task(f"task_{number}", status, unique_id=f"u{number}", **fields))
    return archive_rows(rows)


@one_engine
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=archived_tasks())
def test_any_task_comes_back_byte_for_byte_and_is_the_same_again(world, rows):
    number = next(_numbers)
    world.load(rows, "archive", org=f"first {number}")
    lines = lines_of(world, f"first {number}")

    assert_comes_back(world, lines, f"second {number}")
    again, _ = world.load(rows, "archive", org=f"second {number}")
    assert (again.total("unchanged"), again.total("rejected")) == (len(rows), 0)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_an_archive_file_restores_a_fresh_store_under_another_name(settings, tmp_path, suffix):
    world = World(settings)
    world.load(archive_rows(mixed_tasks()), "archive")
    lines = lines_of(world)
    world.close()
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    fresh = ["--data", str(tmp_path / "fresh")]

    for arguments in (
        ["archive", *place(settings), "--out", str(first)],
        ["init", *fresh],
        ["keys", "create", *fresh, "--org", "Renamed", "--create"],
        ["import", str(first), *fresh, "--org", "Renamed", "--format", "archive", "--strict"],
        ["archive", *fresh, "--org", "Renamed", "--out", str(second)],
    ):
        assert app(arguments, exit_on_error=False, result_action="return_value") is None

    assert suffix != ".jsonl.gz" or first.read_bytes()[4:8] == bytes(4)  # no time of writing
    unpack = {".jsonl": bytes, ".jsonl.gz": gzip.decompress, ".jsonl.zst": zstd.decompress}[suffix]
    packed = [unpack(path.read_bytes()).splitlines() for path in (first, second)]
    assert without_audit(packed[0]) == without_audit(packed[1]) == lines
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {first.name, second.name}


def test_nothing_secret_is_in_an_archive(world):
    keys = [world.key(), world.key(mode="test", role="read")]
    world.load(mixed_tasks())
    text = b"\n".join(lines_of(world))

    secret = world.settings.secret_path.read_bytes().strip()
    held = [part for key in keys for part in (key, key[:12], key[5:20])]
    digests = [digest.hex() for key in keys for digest in world.secret.key_digests(key)]

    assert secret not in text
    assert [part for part in [*held, *digests, world.org()] if part.encode() in text] == []


@pytest.mark.parametrize("at", [2, 3, 300])
def test_an_archive_ends_with_the_tasks_that_were_there_when_it_began(world, tmp_path, at):
    world.load(make_tasks(450, "old", batch="batch_old"))
    environment_id = world.org()
    added = tmp_path / "added.jsonl"
    found = [*make_tasks(3, "new", batch="batch_old"), make_task("far", project="p2", batch="b2")]
    added.write_text("".join(json.dumps(task) + "\n" for task in found))
    source = Source(added, lambda: files.entries(added, "v2", lambda at: None))

    async def read() -> list[bytes]:
        lines = []
        async for line in export.archive_lines(world.db, environment_id):
            lines.append(line)
            if len(lines) == at:
                await import_sources(
                    world.db, environment_id, lambda: [source], on_reject=pytest.fail
                )
        return lines

    lines = world.run(read())

    assert list(tasks_of(lines)) == [f"old_{number:05d}" for number in range(450)]


def test_an_import_that_was_killed_is_finished_by_running_it_again(settings, tmp_path):
    tasks = make_tasks(1600, batch="batch_123", callback_url="https://example.com")
    rows = [json.dumps(row).encode() + b"\n" for row in archive_rows(tasks)]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(rows))
    world = World(settings)
    killed_at, orgs = [], []
    for number in range(12):
        # At once, and then in the middle, which a busy machine may take some attempts to meet.
        goal = min(number, 1)
        orgs.append(org := f"org {number}")
        world.org(org)
        arguments = ["import", *place(settings), "--org", org, "--format", "archive", str(path)]
        process = forked_command(*arguments, environ=clean_environment())
        while process.poll() is None and count_of(world, org) < goal:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        killed_at.append((process.wait(), count_of(world, org)))
        world.load(path, "archive", org=org)
        if number and killed_at[-1][0] == -signal.SIGKILL and 0 < killed_at[-1][1] < 1600:
            break
    world.load(path, "archive", org="in one run")

    whole = lines_of(world, "in one run")
    assert len(tasks_of(whole)) == 1600
    assert [lines_of(world, org) == whole for org in orgs] == [True] * len(orgs)
    assert any(code == -9 and 0 < count < 1600 for code, count in killed_at), killed_at
    world.close()


def count_of(world: World, org: str) -> int:
    """How many tasks an organization has."""
    environment_id = world.org(org)

    async def read() -> int:
        async with world.db.read() as tx:
            sql = "SELECT count(*) FROM task_locator WHERE environment_id = :environment_id"
            return int((await tx.all(sql, {"environment_id": environment_id}))[0][0])

    return world.run(read())


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_a_file_that_is_not_finished_leaves_the_one_before_it_alone(tmp_path, suffix):
    path = tmp_path / f"archive{suffix}"
    path.write_bytes(b"before")

    def stop() -> None:
        with files.writing(path) as write:
            write(b"half a line")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stop()

    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(path.name, b"before")]


CONTAINERS = {
    "plain": lambda text: text,
    "gzip": gzip.compress,
    "gzip in two members": lambda text: gzip.compress(text[:300]) + gzip.compress(text[300:]),
    "zstd": zstd.compress,
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "byte order mark in gzip": lambda text: gzip.compress(b"\xef\xbb\xbf" + text),
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "blank lines": lambda text: b"\n \t\n" + text.replace(b"\n", b"\n\n"),
    "no line end at the end": lambda text: text.rstrip(b"\n"),
}


@one_engine
@pytest.mark.parametrize("wrap", CONTAINERS.values(), ids=CONTAINERS)
def test_a_file_is_read_whatever_its_container_and_line_ends(world, tmp_path, wrap):
    text = b"".join(json.dumps(task).encode() + b"\n" for task in make_tasks(3))
    path = tmp_path / "rows"
    path.write_bytes(wrap(text))

    summary, rejects = world.load(path)

    assert (str(summary), rejects) == ("tasks: 3 added", [])


@one_engine
@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused_and_the_whole_one_finishes_it(
    world, tmp_path, pack, part
):
    rows = archive_rows(make_tasks(600))
    text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    packed, path = pack(text), tmp_path / "rows.gz"
    path.write_bytes(packed[: int(len(packed) * part)])

    with pytest.raises(InvalidContent, match=r"rows\.gz is damaged after line \d+"):
        world.load(path, "archive")
    path.write_bytes(packed)
    world.load(path, "archive")
    world.load(path, "archive", org="fresh")

    assert lines_of(world) == lines_of(world, "fresh")
    assert len(tasks_of(lines_of(world))) == 600


@on_sqlite_alone
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("shape", "expected", "growth_max"),
    [("many tasks", "tasks: 3000 added", 200), ("one line", "rows: 1 rejected", 40)],
)
def test_memory_does_not_grow_with_the_file(world, tmp_path, shape, expected, growth_max):
    path = tmp_path / "large.jsonl"
    filler = make_message("model_a", "x" * 20_000)
    with path.open("w") as file:
        for number in range(3000):
            turn = make_turn(messages=[make_message("user", str(number)), filler])
            task = make_task(f"task_{number}", threads=[make_thread(turns=[turn])])
            file.write(json.dumps(task) + ("\n" if shape == "many tasks" else " "))
    log = tmp_path / "log"
    process = ForkedProcess(
        memory.tell_growth, world.settings, path, environ=clean_environment(), log=log
    )
    assert process.wait(120) == 0, log.read_text()

    summary, _, growth = log.read_text().strip().rpartition("|")
    assert summary == expected
    assert int(growth) < growth_max
