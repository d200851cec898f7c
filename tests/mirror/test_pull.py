"""`plaudit pull --out`: a copy of all that v2 shows, whole, without repeats, in any container."""

from __future__ import annotations

import json
import os
import stat
from typing import get_args

import pytest

from plaudit.cli.pull import OptName
from plaudit.core.transfer.archive_line import ARCHIVE_VERSION
from plaudit.model.core import Opts
from plaudit.settings import Settings
from tests.support.builders import make_task
from tests.support.harness import World, above_the_store, one_engine, run_cli, store_arguments
from tests.support.mirror.scripted_server import ScriptedServer, forward_to, json_answer
from tests.support.mirror.small_server import KEY, SmallServer, lines_of, run_pull, values_of
from tests.support.mirror.v2_view import everything_of


@pytest.fixture
def small():
    return SmallServer()


@pytest.fixture
def server(small):
    server = ScriptedServer(small)
    yield server
    server.close()


@pytest.fixture
def target(sqlite_settings: Settings):
    """An empty store."""
    world = World(sqlite_settings)
    world.org()
    yield world
    world.close()


@above_the_store
def test_a_pulled_file_restores_all_that_v2_shows(
    shared_ann, shared_world, target, tmp_path, server
):
    out = tmp_path / "copy.jsonl.zst"

    with shared_world.client(shared_ann) as there:
        server.script = forward_to(there)
        done = run_pull(server.url, "--out", out)
    assert done.returncode == 0, done.stderr
    imported = run_cli("import", str(out), "--format", "archive", *store_arguments(target.settings))

    assert imported.returncode == 0, imported.stderr
    assert "rejected" not in imported.stdout
    with shared_world.client(shared_ann) as there, target.client() as here:
        assert everything_of(here) == everything_of(there)


@above_the_store
def test_the_summary_names_what_v2_does_not_show(shared_ann, shared_world, tmp_path, server):
    with shared_world.client(shared_ann) as there:
        server.script = forward_to(there)
        done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert "Wrote 1 project, 4 batches, 7 tasks, 1 delivery, 1 dataset" in done.stdout
    for words in ("content of pending tasks (4)", "unique_ids", "forms", "people"):
        assert words in done.stdout


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_two_pulls_give_the_same_bytes(suffix, server, tmp_path):
    out = tmp_path / f"copy.{suffix}"
    run_pull(server.url, "--out", out)
    first = out.read_bytes()

    run_pull(server.url, "--out", out)

    assert out.read_bytes() == first


def test_unknown_members_stay_in_the_file_as_they_came(small, server, tmp_path):
    small.tasks["t0001"]["colour"] = {"of": [1, "sky"]}
    small.tasks["t0001"]["threads"][0]["turns"][0]["messages"][0]["mood"] = "calm"
    small.project["status"] = "active"

    run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert values_of(tmp_path / "copy.jsonl", "task") == list(small.tasks.values())
    assert values_of(tmp_path / "copy.jsonl", "project") == [small.project]


def test_every_detail_is_asked_for_unless_told_otherwise(server, tmp_path):
    run_pull(server.url, "--out", tmp_path / "all.jsonl")
    asked = {tuple(one.query["opts"]) for one in server.requests if one.path == "/v2/tasks"}
    server.requests.clear()
    run_pull(server.url, "--out", tmp_path / "one.jsonl", "--opts", "model_parameters")
    less = {tuple(one.query["opts"]) for one in server.requests if one.path == "/v2/tasks"}

    assert asked == {
        ("annotation_details", "attachment_details", "model_parameters", "submissions")
    }
    assert less == {("model_parameters",)}


def test_the_details_that_can_be_asked_for_are_those_there_are():
    assert get_args(OptName) == tuple(Opts.__members__)


def test_a_project_by_its_name_comes_without_the_others_and_without_datasets(
    small, server, tmp_path
):
    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl", "--project-name", "One")

    assert done.returncode == 0, done.stderr
    assert "Datasets were left out" in done.stdout
    paths = {request.path for request in server.requests}
    assert "/v2/projects" not in paths
    assert "/v2/datasets" not in paths


def test_a_project_that_is_not_there_is_named(small, server, tmp_path):
    small.instead["/v2/project"] = json_answer({"error": "no"}, 404)

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl", "--project-name", "Two")

    assert (done.returncode, done.stderr) == (
        1,
        "plaudit: the server has no project named 'Two'\n",
    )


def test_a_batch_that_only_a_task_names_is_asked_for(small, server, tmp_path):
    batch = {"id": "b1", "name": "First", "project": "p1", "status": "in_progress", "metadata": {}}
    small.tasks["t0001"]["batch"] = "b1"
    small.tasks["t0002"]["batch"] = "b2"
    small.instead["/v2/batch"] = lambda request: (
        json_answer(batch) if request.first("batch_id") == "b1" else None
    )

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert values_of(tmp_path / "copy.jsonl", "batch") == [batch]
    assert "The server does not show batch 'b2'." in done.stdout


def test_a_delivered_version_stays_as_it_was_delivered(small, server, tmp_path):
    delivered = [dict(small.tasks["t0000"]), small.tasks["t0001"], make_task("gone", project="p1")]
    small.tasks["t0000"]["metadata"] = {"changed": "later"}
    head = {"id": "d1", "name": "January", "project": "p1", "task_count": 3}
    small.instead["/v2/deliveries"] = json_answer({"deliveries": [head]})
    small.instead["/v2/delivery"] = json_answer({"delivery": "d1", "tasks": delivered})
    out = tmp_path / "copy.jsonl"

    done = run_pull(server.url, "--out", out)

    assert done.returncode == 0, done.stderr
    (line,) = values_of(out, "delivery")
    assert line["task_ids"] == ["t0000", "t0001", "gone"]
    assert line["frozen"] == [delivered[0]]
    assert delivered[2] in values_of(out, "task")


def test_what_a_pull_writes_is_for_its_owner_alone_and_does_not_hold_the_key(server, tmp_path):
    out = tmp_path / "copy.jsonl"

    run_pull(server.url, "--out", out)

    files = [out, *(tmp_path / "copy.jsonl.pull").iterdir()]
    assert {stat.S_IMODE(os.stat(file).st_mode) for file in files} == {0o600}
    assert not any(KEY.encode() in file.read_bytes() for file in files)


def test_the_key_may_come_from_a_file_or_standard_input(server, tmp_path, monkeypatch):
    (tmp_path / "key").write_text(f"{KEY}\n")
    options = ("pull", "--url", server.url, "--out", str(tmp_path / "copy.jsonl"))

    from_file = run_cli(*options, "--key-file", str(tmp_path / "key"))
    from_option = run_cli(*options, "--key", KEY)

    assert (from_file.returncode, from_option.returncode) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name the file with --out, or give --into-store"),
        (("--out", "{folder}/a.jsonl", "--into-store"), "name the file with --out, or give"),
        (("--out", "{folder}/none/a.jsonl"), "its folder does not exist"),
        (("--out", "{folder}/a.csv"), "end its name in .jsonl, .jsonl.gz or .jsonl.zst"),
        (("--out", "{folder}/a.gz"), "end its name in .jsonl"),
        (("--into-store", "--overwrite"), "--overwrite goes with --out"),
        (("--out", "{folder}/a.jsonl", "--replace"), "go with --into-store"),
        (("--out", "{folder}/a.jsonl", "--key", ""), "give the server's API key"),
        (("--out", "{folder}/a.jsonl", "--key-file", "{folder}/none"), "cannot be read"),
        (("--out", "{folder}/a.jsonl", "--key", "a b"), "--key is an API key"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_asked(arguments, words, server, tmp_path):
    told = [argument.format(folder=tmp_path) for argument in arguments]

    done = run_pull(server.url, *told)

    assert (done.returncode, server.requests) == (2, [])
    assert words in done.stderr


def test_a_file_that_no_pull_has_written_is_left_alone_unless_told_otherwise(server, tmp_path):
    """Nothing is asked for then; one that was pulled and changed since is not the pull's either."""
    out = tmp_path / "notes.jsonl"
    out.write_text("{}\n")

    refused = run_pull(server.url, "--out", out)
    asked, kept = list(server.requests), out.read_text()
    told = run_pull(server.url, "--out", out, "--overwrite")
    again = run_pull(server.url, "--out", out)
    pulled = out.read_bytes()
    out.write_bytes(pulled + b"{}\n")
    changed = run_pull(server.url, "--out", out)

    assert (refused.returncode, asked, kept) == (1, [], "{}\n")
    assert "is not what a pull has written; give another name, or --overwrite" in refused.stderr
    assert (told.returncode, again.returncode, changed.returncode) == (0, 0, 1)
    assert out.read_bytes() == pulled + b"{}\n"


def test_the_state_of_another_pull_is_not_gone_on_from(server, tmp_path):
    out = tmp_path / "copy.jsonl"
    run_pull(server.url, "--out", out)

    other = run_pull(server.url, "--out", out, "--project-name", "One")
    (tmp_path / "copy.jsonl.pull" / "state.json").write_text("{")
    damaged = run_pull(server.url, "--out", out)

    assert (other.returncode, damaged.returncode) == (2, 1)
    assert "is of a pull with another project names" in other.stderr
    assert "state.json is damaged; delete" in damaged.stderr


@one_engine
def test_a_url_that_is_none_is_refused(settings, tmp_path):
    done = run_pull("ftp://x.test", "--out", tmp_path / "copy.jsonl")

    assert (done.returncode, "--url is http" in done.stderr) == (2, True)


def test_lines_stand_in_the_order_of_their_references(server, tmp_path):
    run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    lines = lines_of(tmp_path / "copy.jsonl")
    assert json.dumps(lines[0]) == json.dumps(
        {"kind": "organization", "value": {"archive": "plaudit", "version": ARCHIVE_VERSION}}
    )
    assert [line["kind"] for line in lines[1:]] == ["project", "task", "task", "task"]


@pytest.mark.parametrize("wrong", [["--url", "/wrong"], ["--project-name", "Oone"]])
def test_a_mistyped_url_or_name_leaves_nothing_in_the_way(wrong, small, server, tmp_path):
    """/v2 at the end of a URL is the same server."""
    name, value = wrong
    out = tmp_path / "copy.jsonl"
    small.instead["/v2/project"] = small.instead["/wrong/v2/projects"] = json_answer({}, 404)
    if name == "--url":
        mistyped = run_pull(server.url + value, "--out", out)
    else:
        mistyped = run_pull(server.url, "--out", out, name, value)

    right = [run_pull(f"{server.url}{end}", "--out", out) for end in ("", "/v2/")]

    assert mistyped.returncode == 1
    assert [done.returncode for done in right] == [0, 0], right[1].stderr
