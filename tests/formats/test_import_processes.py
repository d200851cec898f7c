"""Processes that read the lines of an import: the entries of one process, whatever happens."""

from __future__ import annotations

import gzip
import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plaudit import clock, settings
from plaudit.core.transfer import prepared_tasks
from plaudit.core.transfer.importer import ImportEntry
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.errors import InvalidContent
from plaudit.formats.common import file_import, import_process
from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.common.import_pool import ImportPool, _Block
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from tests.support.builders import make_task

NOW = 1_800_000_000_000
LOSS = "a process that read lines was killed by signal 9; they were read again without it"


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "BYTES_MIN", 0)


def make_lines(count: int) -> list[bytes]:
    """Tasks, with everything between them that a line can be instead."""
    lines: list[bytes] = [b"\xef\xbb\xbf", b"", b"  \t", b'{"tasks": []}']
    for number in range(count):
        plain = make_task(f"task_{number}", batch=f"batch_{number % 3}")
        lines.append(json.dumps(plain).encode())
        if number % 7 == 0:
            page = {"tasks": [make_task(f"page_{number}_{n}", metadata=None) for n in (1, 2)]}
            lines += [
                b"  " + json.dumps(page).encode() + b" \r",
                json.dumps({"tasks": [plain, plain | {"status": "deleted"}]}).encode(),
                json.dumps(plain | {"colour": "red"}).encode(),
                json.dumps(plain).replace('"task_id"', '"task_id": 1, "task_id"').encode(),
                json.dumps(plain | {"completed_at": "2999-01-01"}).encode(),
                json.dumps(plain | {"callback_url": "https://a/" + "a" * 5000}).encode(),
                json.dumps(plain | {"metadata": {"n": 2**70}}).encode(),
                b"[" * 100 + b"]" * 100,
                b"{",
                b"\xff",
                b"\x0b",
                b"7",
            ]
    return lines


def entries(
    path: Path, name: str, *, process_count: int, notes: list[str] | None = None, kill: bool = False
) -> list[tuple[Any, ...]]:
    """Entries of a file, with tasks as they are prepared; all processes are killed on the way."""
    with closing(
        FileImport(
            [InputFile(path, path.name, path.stat().st_size)],
            FORMATS[name],
            ImportOptions(),
            process_count=process_count,
        )
    ) as prepared:
        prepared.prepare()
        [source] = prepared.sources(prepares=True)
        found = []
        for number, entry in enumerate(source.entries()):
            found.append(as_values(entry))
            if kill and number == 2 and prepared.pool is not None:
                for process in prepared.pool.processes:
                    wait_until_ready(prepared.pool)
                    os.kill(process.pid, signal.SIGKILL)
        if notes is not None:
            notes += prepared.notes.list_sentences()
    return found


def wait_until_ready(pool: ImportPool) -> None:
    """Wait for all, and give them what is left: the first may have read it all by then."""
    while not all(process.is_ready for process in pool.processes):
        pool.exchange(wait_ms=100)
    pool.exchange(wait_ms=0)


def as_values(entry: ImportEntry) -> tuple[Any, ...]:
    """An entry with its task as it is prepared, or with the reason why it is refused."""
    value, problem = entry.value, entry.problem
    if entry.kind == "task" and not isinstance(value, PreparedTask):
        try:
            value = prepared_tasks.read(value)
        except InvalidContent as refusal:
            value, problem = None, refusal
    reason = problem and (problem.message, problem.pointer)
    return (entry.kind, value, entry.line, entry.pointer, entry.size, reason, entry.file)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "tasks.jsonl"
    made = make_lines(1_500)
    made.insert(2_500, b'{"task_id":"' + b"x" * 11_000_000 + b'"}')
    path.write_bytes(b"\n".join(made))
    return path


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks without a time of creation would differ."""
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


def test_processes_bring_the_entries_of_one_process_in_its_order(lines, tmp_path):
    packed = tmp_path / "tasks.jsonl"
    packed.write_bytes(gzip.compress(lines.read_bytes(), 1))
    alone = entries(lines, "v2", process_count=0)

    assert len({entry[5] for entry in alone}) > 5
    assert entries(lines, "v2", process_count=2) == alone
    assert entries(packed, "v2", process_count=1) == alone


def test_an_archive_comes_as_from_one_process(tmp_path):
    path = tmp_path / "archive.jsonl"
    values: list[tuple[str, Any]] = [("organization", {"version": 1}), ("project", {"id": "p"})]
    for number in range(2_000):
        values.append(("task", make_task(f"t{number}", project="p", batch="b")))
        if number % 50 == 0:
            values += [("batch", {"id": f"b{number}", "project": "p"}), ("task", {"a": number})]
            values += [("nonsense", number), ("task", 7)]
    path.write_text("".join(f"{json.dumps({'kind': k, 'value': v})}\n" for k, v in values))

    alone = entries(path, "archive", process_count=0)

    assert len(alone) == len(values)
    assert entries(path, "archive", process_count=1) == alone


def test_processes_that_are_killed_are_told_of_and_their_lines_read_again(lines):
    notes: list[str] = []

    found = entries(lines, "v2", process_count=2, notes=notes, kill=True)

    assert notes == [f"2 × {LOSS}"]
    assert found == entries(lines, "v2", process_count=0)


def test_nothing_is_sent_to_a_process_whose_end_was_noted(monkeypatch):
    """Its descriptors are closed, and may be those of something else by then."""
    sent: list[bool] = []
    with closing(ImportPool(FORMATS["v2"], 1, on_loss=lambda _: None)) as pool:
        [process] = pool.processes
        while not process.is_ready:
            pool.exchange(wait_ms=100)
        process.give(_Block(1, b"\n"))
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        monkeypatch.setattr(process, "send", lambda: sent.append(process in pool.processes))
        while pool.processes:
            pool.exchange(wait_ms=100)

    assert False not in sent


def test_only_a_few_blocks_are_held_however_long_the_file_is(lines):
    taken = 0
    block = json.dumps(make_task()).encode()

    def blocks() -> Iterator[tuple[int, bytes]]:
        nonlocal taken
        while True:
            taken += 1
            yield taken, block

    with closing(ImportPool(FORMATS["v2"], 2, on_loss=pytest.fail)) as pool:
        for number, _ in enumerate(pool.read(blocks()), 1):
            assert taken - number <= 10
            if number == 500:
                break


def test_a_process_without_memory_for_a_block_ends_and_takes_none_of_it_for_another(monkeypatch):
    class Input(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size == len(block):
                raise MemoryError
            return super().read(size)

    inner = json.dumps(make_task()).encode()
    block = import_process.REQUEST.pack(7, len(inner)) + inner
    answers = io.BytesIO()
    request = import_process.REQUEST.pack(1, len(block)) + block
    monkeypatch.setattr(import_process, "_restrict", lambda: None)
    monkeypatch.setattr(sys, "argv", ["import_process", "v2"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Input(request)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=answers))

    with pytest.raises(MemoryError):
        import_process.main()

    assert answers.getvalue() == import_process.LENGTH.pack(0)


PARENT = """
import os, signal, sys
from plaudit.formats.common.import_pool import ImportPool
from plaudit.formats.registry import FORMATS
pool = ImportPool(FORMATS["v2"], 2, on_loss=print)
def blocks():
    while True:
        yield 1, b"{}\\n" * 1000
for number, _ in enumerate(pool.read(blocks())):
    if number == 20:
        print(*(process.pid for process in pool.processes), flush=True)
    if number > 20 and all(process.blocks for process in pool.processes):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_process_outlives_an_import_that_is_killed():
    parent = subprocess.Popen(
        (sys.executable, "-c", PARENT),
        stdout=subprocess.PIPE,
        env=settings.child_environment(),
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    ends = [os.pidfd_open(pid) for pid in pids]
    parent.communicate()

    assert len(pids) == 2
    for end in ends:
        assert select.select([end], [], [], 30)[0], "it still runs"
        os.close(end)
