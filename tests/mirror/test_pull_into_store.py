"""`plaudit pull --into-store`: what a server shows is merged into the store, on both engines."""

from __future__ import annotations

import shutil

import pytest

from plaudit.settings import Settings
from tests.support.ann_data import fill
from tests.support.builders import make_task, make_tasks, make_thread
from tests.support.deliveries import deliver, move
from tests.support.harness import World, one_engine, store_arguments
from tests.support.mirror.scripted_server import ScriptedServer, forward_to, json_answer
from tests.support.mirror.small_server import SmallServer, run_pull
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
def pull(server, settings):
    """Run a pull into the test's store."""

    def run(*arguments):
        return run_pull(server.url, "--into-store", *store_arguments(settings), *arguments)

    return run


def test_the_store_shows_what_the_server_shows_and_again_nothing_changes(
    world, pull, server, template, tmp_path
):
    shutil.copytree(template, tmp_path / "source")
    source = World(Settings(data=tmp_path / "source"))
    fill(source)
    with source.client() as there:
        server.script = forward_to(there)

        first, second = pull(), pull()

        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert "tasks: 7 added" in first.stdout
        assert "tasks: 7 unchanged" in second.stdout
        assert "added" not in second.stdout
        with world.client() as here:
            assert everything_of(here) == everything_of(there)
    source.close()


def test_since_last_brings_what_has_changed(world, pull, small, server):
    small.tasks["open"] = make_task("open", "pending", project="p1")
    pull()
    small.tasks["open"] = make_task("open", project="p1", completed_at="2025-03-01T00:00:00.000Z")
    small.tasks["more"] = make_task("more", "pending", project="p1")

    done = pull("--since-last")

    assert done.returncode == 0, done.stderr
    assert "tasks: 1 added, 1 updated" in done.stdout
    with world.client() as here:
        shown = everything_of(here)["tasks"]
    assert {key: task["status"] for key, task in shown.items()} == {
        key: task["status"] for key, task in small.tasks.items()
    }


def test_after_changes_and_a_new_delivery_the_store_is_what_the_server_shows(
    world, pull, server, template, tmp_path
):
    shutil.copytree(template, tmp_path / "source")
    source = World(Settings(data=tmp_path / "source"))
    source.org()
    open_tasks = [make_task(f"open_{number}", "pending") for number in range(3)]
    source.load([*make_tasks(20), *open_tasks])
    with source.client() as there:
        server.script = forward_to(there)
        deliver(there, "January")
        pull()
        move(source, "complete", "open_0")
        move(source, "cancel", "open_1")
        move(source, "correct", "task_00003", [make_thread("other")])
        deliver(there, "February")

        done = pull("--since-last", "--replace")

        assert done.returncode == 0, done.stderr
        assert "rejected" not in done.stdout
        with world.client() as here:
            assert everything_of(here) == everything_of(there)
    source.close()


@one_engine
def test_unknown_members_are_kept_in_the_metadata_with_their_place(world, pull, small, server):
    small.tasks["t0001"] |= {"colour": {"of": [1]}, "metadata": {"mine": 1}}
    small.tasks["t0001"]["threads"][0]["turns"][0]["messages"][1]["mo/od"] = "calm"
    batch = {"id": "b1", "name": "B", "project": "p1", "status": "in_progress", "tint": "red"}
    small.batches["b1"] = batch

    first, second = pull(), pull()

    assert "2 members of tasks that v2 does not have were kept" in first.stdout
    assert "1 members of batches that v2 does not have were kept" in first.stdout
    assert "added" not in second.stdout
    assert "updated" not in second.stdout
    with world.client() as here:
        shown = everything_of(here)
    assert shown["tasks"]["t0001"]["metadata"] == {
        "mine": 1,
        "unknown_members": {
            "/colour": {"of": [1]},
            "/threads/0/turns/0/messages/1/mo~1od": "calm",
        },
    }
    assert shown["batches"]["b1"]["metadata"] == {"unknown_members": {"/tint": "red"}}


@one_engine
def test_what_was_set_here_stays_where_v2_does_not_show_it(world, pull, small):
    pull()
    with world.client() as here:
        set_here = here.patch("/manage/v1/projects/p1", json={"guidelines": "Read twice."})
        assert set_here.status_code == 200, set_here.text

        done = pull()

        assert "projects: 1 unchanged" in done.stdout
        assert here.get("/manage/v1/projects/p1").json()["guidelines"] == "Read twice."


@one_engine
def test_a_change_to_what_is_stored_is_a_conflict_unless_it_may_replace(world, pull, small):
    pull()
    small.tasks["t0001"]["threads"][0]["turns"][0]["messages"][0]["content"]["text"] = "Corrected?"

    refused, replaced = pull(), pull("--replace")

    assert "1 rejected" in refused.stdout
    assert "stored with other threads; see --replace" in refused.stderr
    assert "tasks: 1 updated, 2 unchanged" in replaced.stdout


@one_engine
def test_an_import_that_dies_is_completed_without_asking_again(
    world, pull, small, server, monkeypatch
):
    class Died(BaseException):
        pass

    def die(*_):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr("plaudit.cli.pull.describe_remarks", die)
        with pytest.raises(Died):
            pull()
    server.requests.clear()
    done = pull()

    assert done.returncode == 0, done.stderr
    assert "tasks: 3 unchanged" in done.stdout
    assert server.requests == []


def test_a_store_that_is_not_there_is_refused_before_anything_is_asked(server, tmp_path):
    done = run_pull(server.url, "--into-store", "--data", tmp_path / "none")

    assert (done.returncode, server.requests) == (1, [])
    assert not (tmp_path / "none").exists()


@one_engine
def test_refused_rows_are_in_the_file_that_was_named(world, pull, small, tmp_path):
    small.tasks["t0001"]["threads"] = 5
    small.instead["/v2/datasets"] = json_answer({"error": "none"}, 404)

    done = pull("--rejects", tmp_path / "rejects.jsonl")

    assert done.returncode == 0, done.stderr
    assert '"pointer":"/value/threads"' in (tmp_path / "rejects.jsonl").read_text()
