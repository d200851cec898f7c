"""Exports over HTTP: the command's bytes, ranges of them, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from typing import Any
from urllib.parse import urlencode

import pytest

from plaudit.api.http import job_runner, made_files
from plaudit.api.transfer import export_making
from tests.support.builders import make_task
from tests.support.harness import on_sqlite_alone, one_engine, run_cli, store_arguments
from tests.support.network.leaving_client import leaving_at, scope_of
from tests.support.operations import assert_is_error, calling
from tests.support.running.every_case import every_case
from tests.transfer.judged_exports import blobs_of, judged, path_of


@pytest.fixture(autouse=True)
def whole_files(monkeypatch):
    """Send files whole on a slow machine too; `test_export_early.py` is about the rest."""
    monkeypatch.setattr(export_making, "EARLY_S", 60.0)


@pytest.fixture
def stored(world):
    """Fifty judged tasks of which five are ties, and one that is not done."""
    rows = [judged(number, 4 if number % 10 == 0 else 1 + number % 2) for number in range(50)]
    world.load([*rows, make_task("task_open", status="pending")])
    return world


@pytest.fixture
def delivery(stored):
    """The path of a delivery of what is completed."""
    with calling(stored, stored.key()) as client:
        made = client.post("/manage/v1/projects/project_123/deliveries", json={"name": "May"})
        assert made.status_code == 200, made.text
        return f"/manage/v1/deliveries/{made.json()['id']}/export"


def by_command(
    world: Any, folder: Any, name: str, *options: str, format_name: str = "trl-preference"
) -> bytes:
    """Bytes of the file of the command, none for parts."""
    out = folder / name
    arguments = ["--project", "project_123", "--format", format_name, "--out", str(out)]
    ran = run_cli("export", *store_arguments(world.settings), *arguments, *options)
    assert ran.returncode == 0, ran.stderr
    return bytes(out.read_bytes()) if out.exists() else b""


@pytest.mark.parametrize(
    ("container", "media_type"),
    [
        ("jsonl", "application/x-ndjson"),
        ("jsonl.gz", "application/gzip"),
        ("jsonl.zst", "application/zstd"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_an_export_has_the_bytes_that_the_command_writes(stored, tmp_path, container, media_type):
    expected = by_command(stored, tmp_path, f"out.{container}")
    with calling(stored, stored.key(role="read")) as client:
        answer = client.get(path_of(container=container))

    assert answer.status_code == 200
    assert answer.content == expected
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(expected))
    name = f'attachment; filename="project_123 trl-preference.{container}"'
    assert answer.headers["content-disposition"].startswith(name)


@one_engine
def test_options_are_those_of_the_command(stored, tmp_path):
    options = ("--pairs", "all", "--judges", "each", "--completed-after", "2025-01-01")
    expected = by_command(stored, tmp_path, "out.jsonl", *options)
    with calling(stored, stored.key()) as client:
        path = path_of(pairs="all", judges="each", completed_after="2025-01-01")
        answer = client.get(path)
        none = client.get(path_of(completed_after="2026-01-01"))
        ties = client.get(path_of(format="trl-kto", ties="both-desirable"))
        no_ties = client.get(path_of(format="trl-kto"))

    assert answer.content == expected != b""
    assert (none.status_code, none.content) == (200, b"")
    assert len(ties.text.splitlines()) == len(no_ties.text.splitlines()) + 10


def test_metadata_chooses_tasks_as_the_command_does(stored, tmp_path):
    metadata = [{"set": "a,b"}, {"set": "c"}, {"set": "c", "round": 2}]
    stored.load([judged(70 + number, metadata=one) for number, one in enumerate(metadata)])
    options = ("--metadata", "set=a,b", "--metadata", "set=c", "--metadata", "round=2")
    expected = [by_command(stored, tmp_path, "out.jsonl", *options[:n]) for n in (4, 6)]
    pairs = [("metadata", text) for text in options[1::2]]
    with calling(stored, stored.key()) as client:
        found = [client.get(f"{path_of()}&{urlencode(pairs[:n])}").content for n in (2, 3)]

    assert found == expected
    assert [one.count(b"\n") for one in found] == [3, 1]


@pytest.mark.parametrize("name", ["llama-factory", "trl-preference"])
def test_each_file_of_the_command_is_the_answer_to_one_request(stored, tmp_path, name):
    split = "train=0.5,dev=0.2,test=0.3"
    by_command(stored, tmp_path, f"{name}.jsonl", "--split", split, format_name=name)
    expected = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with calling(stored, stored.key()) as client:
        parts = ["train", "dev", "test", "manifest"]
        if name == "llama-factory":
            parts.append("side-file")
        answers = [client.get(path_of(format=name, split=split, part=part)) for part in parts]

    found = {
        re.findall(r'filename="([^"]+)"', one.headers["content-disposition"])[0]: one.content
        for one in answers
    }
    assert found == expected
    assert len({one.headers["etag"] for one in answers}) == len(parts)
    types = [one.headers["content-type"] for one in answers]
    assert types == ["application/x-ndjson"] * 3 + ["application/json"] * len(parts[3:])


def test_the_files_of_an_export_are_made_at_once_and_fit_together(monkeypatch, stored):
    """Each is given once; who asks for one again gets it of the tasks as they are then."""
    written: list[str] = []
    write = export_making.write_export

    async def counted(*arguments: Any, **options: Any) -> Any:
        written.append("once")
        return await write(*arguments, **options)

    monkeypatch.setattr(export_making, "write_export", counted)
    world = stored.tenant()
    world.load([judged(number) for number in range(20)])
    split = "train=0.5,test=0.5"
    with calling(world, world.key()) as client:

        def get(part: str) -> Any:
            return client.get(path_of(split=split, part=part))

        train = get("train").content
        world.load([judged(number) for number in range(20, 30)])
        test, manifest = get("test").content, get("manifest").json()
        once = len(written)
        later = get("train").content
        twice = len(written)
        monkeypatch.setattr(made_files, "UNTAKEN_S", 0.0)
        get("test")

    assert (once, twice, len(written)) == (1, 2, 3)
    digests = [hashlib.sha256(one).hexdigest() for one in (train, test)]
    assert [one["sha256"] for one in manifest["files"]] == digests
    assert (manifest["tasks"], train in (later, b"")) == (20, False)


def test_the_files_beside_come_without_a_split_too(stored, delivery, tmp_path):
    options = ("--from-delivery", "May")
    by_command(stored, tmp_path, "label-studio.json", *options, format_name="label-studio")
    expected = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    query: Any = {"format": "label-studio", "container": "json"}
    with calling(stored, stored.key()) as client:
        answers = [
            client.get(path_of(delivery, **query, **part))
            for part in ({}, {"part": "manifest"}, {"part": "side-file"})
        ]
        rest = client.get(
            path_of(delivery, **query, part="side-file"),
            headers={"Range": "bytes=10-", "If-Range": answers[2].headers["etag"]},
        )

    names = [f"label-studio.json{end}" for end in ("", ".manifest.json", ".config.xml")]
    assert [one.content for one in answers] == [expected[name] for name in names]
    assert rest.content == expected[names[2]][10:]
    assert [one.headers["content-type"] for one in answers[1:]] == [
        *("application/json", "application/xml"),
    ]


@one_engine
def test_counts_are_told_with_the_reasons_of_what_is_left_out(stored):
    with calling(stored, stored.key()) as client:
        answer = client.get(path_of())

    counts = json.loads(answer.headers["plaudit-export"])
    assert counts["tasks"] == 51
    assert counts["rows"] == len(answer.text.splitlines()) == 45
    assert sum(counts["skipped"].values()) == 6
    assert {"not completed", "tie"} == {one.replace("_", " ") for one in counts["skipped"]}


@one_engine
def test_a_download_that_broke_off_goes_on_and_ends_equal(stored):
    with calling(stored, stored.key()) as client:
        whole = client.get(path_of())
        etag, half = whole.headers["etag"], len(whole.content) // 2
        stored.load([judged(90)])
        rest = client.get(path_of(), headers={"Range": f"bytes={half}-", "If-Range": etag})
        anew = client.get(path_of())
        changed = client.get(
            path_of(), headers={"Range": f"bytes={half}-", "If-Range": '"' + "0" * 32 + '"'}
        )

    assert rest.status_code == 206
    assert whole.content[:half] + rest.content == whole.content
    assert rest.headers["content-range"] == f"bytes {half}-{len(whole.content) - 1}/" + str(
        len(whole.content)
    )
    assert rest.headers["etag"] == etag
    assert len(anew.content) > len(whole.content)
    assert anew.headers["etag"] != etag
    assert (changed.status_code, changed.content) == (200, anew.content)


def test_a_download_goes_on_at_another_server_too(stored, delivery):
    """The other one has the blob; and where it is gone too, it makes the same bytes again."""
    key = stored.key()
    with calling(stored, key) as client:
        whole = client.get(path_of(delivery))
        etag, half = whole.headers["etag"], len(whole.content) // 2
        client.app.__dict__["_services"].made_files._kept.clear()
        headers = {"Range": f"bytes={half}-", "If-Range": etag}
        kept = client.get(path_of(delivery), headers=headers)
        for one in (stored.settings.data / "attachments").rglob("export-*"):
            one.unlink()
        made_again = client.get(path_of(delivery), headers=headers)

    assert [kept.status_code, made_again.status_code] == [206, 206]
    assert kept.content == made_again.content == whole.content[half:]


@one_engine
def test_readers_of_ranges_get_one_file(monkeypatch, stored):
    """As DuckDB and pyarrow do: a HEAD, and then ranges without If-Range."""
    written: list[str] = []
    write = export_making.write_export

    async def counted(*arguments: Any, **options: Any) -> Any:
        written.append("once")
        return await write(*arguments, **options)

    monkeypatch.setattr(export_making, "write_export", counted)
    with calling(stored, stored.key()) as client:
        head = client.head(path_of())
        stored.load([judged(90)])
        parts = [client.get(path_of(), headers={"Range": f"bytes={at}-{at + 9}"}) for at in (0, 10)]
        beyond = client.get(path_of(), headers={"Range": "bytes=999999-"})
        monkeypatch.setattr(made_files, "FRESH_S", 0.0)
        later = client.head(path_of())

    assert (head.status_code, head.content) == (200, b"")
    assert {one.headers["etag"] for one in (head, *parts)} == {head.headers["etag"]}
    assert [len(one.content) for one in parts] == [10, 10]
    assert beyond.status_code == 416
    assert_is_error(416, beyond.headers, beyond.json())
    assert int(later.headers["content-length"]) > int(head.headers["content-length"])
    assert written == ["once", "once"]


def test_a_delivery_is_exported_as_it_was_delivered(stored, delivery, tmp_path):
    expected = by_command(stored, tmp_path, "out.jsonl", "--from-delivery", "May")
    with calling(stored, stored.key()) as client:
        before = client.get(path_of(delivery))
        stored.load([judged(91)])
        after = client.get(path_of(delivery))
        filtered = client.get(path_of(delivery, status="pending", batch="none"))

    assert before.content == after.content == filtered.content == expected
    assert before.headers["content-disposition"].startswith(
        'attachment; filename="May trl-preference.jsonl"'
    )


@one_engine
def test_whole_tasks_of_a_delivery_are_made_once_for_all_who_ask(monkeypatch, stored, delivery):
    target = path_of(delivery, format="v2")
    with calling(stored, stored.key()) as client:
        first = client.get(target)
        for name in ("write_export", "placed_tasks"):
            monkeypatch.setattr(export_making, name, None)
        monkeypatch.setattr(made_files, "FRESH_S", 0.0)
        second = client.get(target)
        monkeypatch.undo()
        for one in (stored.settings.data / "attachments").rglob("export-*"):
            one.unlink()
        made_again = client.get(target)

    assert first.content == second.content == made_again.content
    assert first.headers["etag"] == second.headers["etag"] == made_again.headers["etag"]
    assert second.headers["plaudit-export"] == first.headers["plaudit-export"]


@one_engine
@every_case(
    "query, param",
    [
        ({"format": ""}, "format"),
        ({"format": "pickle"}, "format"),
        ({"container": "exe"}, "container"),
        ({"container": "parquet.gz"}, "container"),
        ({"container": "../x.jsonl"}, "container"),
        ({"pairs": "some"}, "pairs"),
        ({"judges": "none"}, "judges"),
        ({"ties": "x"}, "ties"),
        ({"rewrites": "yes"}, "rewrites"),
        ({"min_difference": "-1"}, "min_difference"),
        ({"min_difference": "nan"}, "min_difference"),
        ({"min_difference": "inf"}, "min_difference"),
        ({"status": "odd"}, "status"),
        ({"completed_after": "soon"}, "completed_after"),
        ({"metadata": "alone"}, "metadata"),
        ({"split": "train=0.5,test=0.6", "part": "train"}, "split"),
        ({"split": "manifest=0.5,test=0.5", "part": "manifest"}, "split"),
        ({"split": ",".join(f"p{n}=0.01" for n in range(100)), "part": "p1"}, "split"),
        ({"split": "train=0.5,test=0.5"}, "part"),
        ({"split": "train=0.5,test=0.5", "part": "dev"}, "part"),
        ({"part": "train"}, "part"),
        ({"part": "side-file"}, "part"),
        ({"format": "llama-factory", "container": "jsonl.gz"}, "container"),
        ({"metadata": "=value"}, "metadata"),
    ],
)
def test_what_is_wrong_is_told_by_its_parameter(stored, query, param):
    with calling(stored, stored.key()) as client:
        answer = client.get(path_of(**query))

    assert_is_error(400, answer.headers, answer.json())
    assert answer.json()["param"] == param


@one_engine
def test_what_is_not_there_is_not_found(stored, delivery):
    with calling(stored, stored.key()) as client:
        answers = [
            client.get(path_of("/manage/v1/projects/nobody/export")),
            client.get(path_of("/manage/v1/deliveries/nobody/export")),
            client.get(path_of(batch="nothing")),
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert blobs_of(stored) == []


@one_engine
def test_a_container_without_its_library_is_told(monkeypatch, stored):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with calling(stored, stored.key()) as client:
        answer = client.get(path_of(container="parquet"))

    assert answer.status_code == 400
    assert answer.json()["param"] == "container"
    assert "pyarrow" in answer.json()["error"]


@one_engine
def test_a_few_files_are_kept_of_an_organization(monkeypatch, stored):
    monkeypatch.setattr(made_files, "KEPT_MAX", 2)
    with calling(stored, stored.key()) as client:
        for name in ("trl-preference", "trl-kto", "trl-messages", "trl-prompt"):
            assert client.get(path_of(format=name)).status_code == 200
        client.get(path_of(format="trl-prompt"))

    assert len(blobs_of(stored)) == 2


def test_an_export_ends_when_its_client_goes_away(monkeypatch, stored):
    """Nothing is kept of it, and its turn is free for the next one."""
    reached, stopped = threading.Event(), threading.Event()
    read, stop = job_runner._JobDatabase.read, job_runner.Tracker.stop

    def held(database: Any, **options: Any) -> Any:
        reached.set()
        assert stopped.wait(20)
        return read(database, **options)

    def stop_and_tell(tracker: Any, reason: str) -> None:
        stop(tracker, reason)
        stopped.set()

    monkeypatch.setattr(job_runner._JobDatabase, "read", held)
    monkeypatch.setattr(job_runner.Tracker, "stop", stop_and_tell)
    monkeypatch.setattr(job_runner, "THREADS_PER_ENVIRONMENT_MAX", 1)
    with calling(stored, stored.key()) as client:
        sent = client.running.call(ask_and_leave(client, reached))
        kept = blobs_of(stored)
        after = client.get(path_of())

    assert sent[0]["status"] == 503
    assert kept == []
    assert after.status_code == 200
    assert len(blobs_of(stored)) == 1
    assert list((stored.settings.data / "jobs").glob("*")) == []


async def ask_and_leave(client: Any, reached: threading.Event) -> list[Any]:
    """What is sent to a client that goes away while its export is made."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await client.app(scope_of(client, path_of()), leaving_at(reached), send)
    return sent


@on_sqlite_alone
def test_an_export_that_cannot_be_written_names_no_place(stored):
    (stored.settings.data / "jobs").write_text("a file where a folder should be")
    with calling(stored, stored.key()) as client:
        answer = client.get(path_of())

    assert_is_error(503, answer.headers, answer.json())
    assert str(stored.settings.data) not in answer.text
