"""Files of an import: where they come from, what is no JSON lines, and rows that are refused."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import os
import sys
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from plaudit.cli.rejects import PRINTED_MAX
from plaudit.json_guard import BOM
from tests.cli.test_cli import Done, assert_refused, at, rows, run
from tests.support.builders import make_task, make_tasks
from tests.support.harness import one_engine
from tests.support.sample_tasks import archive_rows

__all__ = ["at", "rows", "run"]  # fixtures


TASKS = [json.dumps(task).encode() for task in make_tasks(3)]
LINES = b"".join(task + b"\n" for task in TASKS)


def summary_of(done: Done) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


# --- where rows come from ---


@pytest.mark.parametrize("options", [[], ["--strict"]])
def test_a_pipe_is_read_to_its_end(run, at, tmp_path, options):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(LINES), daemon=True)
    writer.start()

    done = run("import", "pipe", *at, "--format", "v2", *options)
    writer.join(10)

    assert summary_of(done) == (0, "tasks: 3 added\n", "")


@one_engine
def test_a_dash_is_standard_input_and_is_named_so(run, at, monkeypatch, tmp_path):
    text = TASKS[0] + b"\n{\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    (tmp_path / "more.jsonl").write_bytes(TASKS[1])

    done = run("import", "more.jsonl", "-", *at, "--format", "v2")

    assert done.stdout == "tasks: 2 added; rows: 1 rejected\n", done
    assert done.stderr.startswith("standard input:2: ")


@one_engine
def test_a_copy_of_a_pipe_is_not_left_behind(run, at, monkeypatch, tmp_path):
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))

    run("import", "-", *at, "--format", "v2")

    assert list((tmp_path / "copies").iterdir()) == []


# --- what holds no rows, and rows of one document ---


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tasks.jsonl", content)
    return file.getvalue()


def tarred(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("tasks.jsonl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


OTHER: dict[str, tuple[bytes, str]] = {
    "a zip": (zipped(LINES), "ZIP archive"),
    "a tar in gzip": (tarred(LINES), "tar archive"),
    "bzip2": (bz2.compress(LINES), "bzip2"),
    "xz": (lzma.compress(LINES), "xz"),
    "UTF-16": (LINES.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without its mark": (LINES.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, the other way round": (LINES.decode().encode("utf-16-be"), "UTF-16"),
    "UTF-32": (LINES.decode().encode("utf-32"), "UTF-32"),
}


@one_engine
@pytest.mark.parametrize(("content", "word"), OTHER.values(), ids=OTHER)
def test_a_file_without_rows_is_named_as_what_it_is(run, at, tmp_path, content, word):
    (tmp_path / "tasks.jsonl").write_bytes(content)

    done = run("import", "tasks.jsonl", *at, "--format", "v2")

    assert_refused(done, "plaudit: tasks.jsonl is ", word)


ONE_DOCUMENT: dict[str, bytes] = {
    "an array on one line": b"[" + b",".join(TASKS) + b"]",
    "an array, a task a line": b"[\n" + b",\n".join(TASKS) + b"\n]\n",
    "an indented array": json.dumps([json.loads(task) for task in TASKS], indent=2).encode(),
    "an indented page": json.dumps(
        {"tasks": [json.loads(task) for task in TASKS]}, indent="\t"
    ).encode(),
    "an indented page after a mark": BOM
    + json.dumps({"tasks": [json.loads(task) for task in TASKS]}, indent=1).encode(),
}


@one_engine
@pytest.mark.parametrize("content", ONE_DOCUMENT.values(), ids=ONE_DOCUMENT)
def test_one_document_of_json_is_read_as_its_rows(run, at, tmp_path, content):
    (tmp_path / "tasks.jsonl").write_bytes(content)

    done = run("import", "tasks.jsonl", *at, "--format", "v2")

    assert summary_of(done) == (0, "tasks: 3 added\n", "")


@one_engine
@pytest.mark.parametrize("first", ["{", '{"a":1,', "[1]", '{"a": {}}', '"text"', "[]"])
def test_a_broken_first_row_does_not_make_other_content_of_a_file(run, at, rows, first):
    done = run("import", rows(first, make_task()), *at, "--format", "v2")

    assert (done.returncode, "tasks: 1 added" in done.stdout) == (0, True)


@one_engine
@pytest.mark.parametrize("content", [b"", b"\n \n\r\n", BOM], ids=["empty", "blank", "a mark"])
def test_an_import_that_reads_nothing_is_no_success(run, at, tmp_path, content):
    (tmp_path / "rows.jsonl").write_bytes(content)

    done = run("import", "rows.jsonl", *at, "--format", "v2")

    assert_refused(done, "nothing was imported", "nothing to read")


@one_engine
def test_an_import_that_refuses_every_row_is_no_success(run, at, rows):
    done = run("import", rows(*archive_rows(make_tasks(2))), *at, "--format", "v2")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("plaudit: nothing was imported: ")


# --- a byte order mark ---


@one_engine
def test_a_byte_order_mark_before_a_form_is_skipped(run, at, tmp_path):
    form = {"fields": [{"key": "overall", "level": "turn", "type": "text", "title": "How?"}]}
    (tmp_path / "form.json").write_bytes(BOM + json.dumps(form).encode())

    done = run("projects", "create", "Pilot", *at, "--form", "form.json")

    assert (done.returncode, done.stderr) == (0, "")


@one_engine
def test_a_byte_order_mark_before_ids_of_tasks_is_skipped(run, at, rows, tmp_path):
    run("import", rows(make_task("task_a")), *at, "--format", "v2", "--project", "P")
    (tmp_path / "ids.txt").write_bytes(BOM + b"task_a\n")

    done = run("deliver", *at, "--project", "P", "--name", "One", "--tasks", "ids.txt")

    assert (done.returncode, done.stdout.startswith("Delivered 1 tasks")) == (0, True)


# --- rows that are refused ---


def bad_rows(count: int) -> list[Any]:
    return [make_task("task_good"), *(make_task(f"task_{n}", "bogus\n") for n in range(count))]


@one_engine
@pytest.mark.parametrize("count", [PRINTED_MAX, PRINTED_MAX + 1, 1000])
def test_twenty_refused_rows_are_printed_and_all_of_more_are_in_a_file(
    run, at, rows, monkeypatch, tmp_path, count
):
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))

    done = run("import", rows(*bad_rows(count)), *at, "--format", "v2")

    assert (done.returncode, done.stdout) == (0, f"tasks: 1 added, {count} rejected\n")
    lines, files = done.stderr.splitlines(), list((tmp_path / "copies").iterdir())
    assert all(line.startswith("rows.jsonl:") for line in lines[:PRINTED_MAX])
    if count == PRINTED_MAX:
        assert (len(lines), files) == (PRINTED_MAX, [])
        return
    [path] = files
    assert lines[PRINTED_MAX:] == [
        f"and {count - PRINTED_MAX} more; all {count} rejected rows are in {path}"
    ]
    listed = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["line"] for row in listed] == list(range(2, count + 2))
    assert {(row["file"], row["pointer"]) for row in listed} == {("rows.jsonl", "/status")}
    assert all(row["message"] for row in listed)


@one_engine
@pytest.mark.parametrize("options", [[], ["--strict"]])
def test_a_file_for_refused_rows_gets_each_of_them(run, at, rows, options):
    arguments = ["import", rows(*bad_rows(3)), *at, "--format", "v2", "--rejects", "bad.jsonl"]

    done = run(*arguments, *options)

    assert done.returncode == (1 if options else 0)
    assert "all 3 rejected rows are in bad.jsonl" in done.stderr
    assert Path("bad.jsonl").read_bytes().count(b"\n") == 3


@one_engine
def test_a_file_for_refused_rows_that_cannot_be_made_is_refused_before_the_import(run, at, rows):
    path = rows(*bad_rows(3))

    done = run("import", path, *at, "--format", "v2", "--rejects", "absent/bad.jsonl")

    assert (done.returncode, done.stdout) == (2, "")
