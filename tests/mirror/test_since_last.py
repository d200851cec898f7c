"""`--since-last`: exactly what was completed since the last pull, and all other statuses anew."""

from __future__ import annotations

import json
import shutil
import threading

import pytest

from plaudit.mirror.spool import Spool
from plaudit.settings import Settings
from tests.support.builders import make_task, make_tasks, make_thread, make_turn
from tests.support.deliveries import deliver, move
from tests.support.harness import World, one_engine, run_cli, store_arguments
from tests.support.mirror.scripted_server import ScriptedServer, forward_to, json_answer
from tests.support.mirror.small_server import SmallServer, run_pull, values_of
from tests.support.mirror.v2_view import everything_of

OTHER_THREADS = [make_thread("thread_1", [make_turn("turn_1")])]


@pytest.fixture
def small():
    return SmallServer()


@pytest.fixture
def server(small):
    server = ScriptedServer(small)
    yield server
    server.close()


@pytest.fixture
def target(template, tmp_path):
    """An empty store beside that of the source."""
    folder = tmp_path / "target"
    shutil.copytree(template, folder)
    world = World(Settings(data=folder))
    world.org()
    yield world
    world.close()


def assert_copied(client, out, target):
    """Assert that a file restores all that v2 shows."""
    done = run_cli(
        "import", str(out), "--format", "archive", *store_arguments(target.settings), "--replace"
    )
    assert done.returncode == 0, done.stderr
    assert "rejected" not in done.stdout
    with target.client() as here:
        assert everything_of(here) == everything_of(client)


@one_engine
def test_after_every_change_the_file_is_what_v2_shows(kept_world, tmp_path, target, server):
    """A later completion, correction, cancellation, reopening, new batch, task and delivery."""
    world, out = kept_world, tmp_path / "copy.jsonl.gz"
    pending = [make_task(f"open_{number}", "pending") for number in range(5)]
    world.load([*make_tasks(120), *pending])
    with world.client() as client:
        server.script = forward_to(client)
        deliver(client, "January")
        first = run_pull(server.url, "--out", out)
        move(world, "complete", "open_0")
        move(world, "cancel", "open_1")
        move(world, "correct", "task_00003", OTHER_THREADS)
        move(world, "reopen", "task_00004")
        world.load([make_task("new", "pending", batch="late")])
        deliver(client, "February")

        second = run_pull(server.url, "--out", out, "--since-last")

        assert (first.returncode, second.returncode) == (0, 0), second.stderr
        # Two completions; 3 pending, 1 that is new, 1 reopened, 1 cancelled.
        assert "Since the last pull 8 tasks were received." in second.stdout
        assert_copied(client, out, target)


@one_engine
def test_while_tasks_complete_each_pull_brings_exactly_the_rest(
    kept_world, tmp_path, target, server
):
    """Of completed tasks all pulls together receive each one once."""
    count, world, out = 300, kept_world, tmp_path / "copy.jsonl"
    world.load([make_task(f"open_{number:03d}", "pending") for number in range(count)])
    other = World(world.settings)
    completed = []

    def complete_all():
        for number in range(count):
            move(other, "complete", f"open_{number * 7 % count:03d}")

    with world.client() as client:
        answer_of = forward_to(client)

        def recording(request):
            answer = answer_of(request)
            if request.first("status") == "completed":
                completed.extend(task["task_id"] for task in json.loads(answer.content)["tasks"])
            return answer

        server.script = recording
        run_pull(server.url, "--out", out)
        worker = threading.Thread(target=complete_all)
        worker.start()
        pulls = 0
        while worker.is_alive():
            assert run_pull(server.url, "--out", out, "--since-last").returncode == 0
            pulls += 1
        worker.join()
        other.close()
        last = run_pull(server.url, "--out", out, "--since-last")

        assert pulls > 1
        assert last.returncode == 0, last.stderr
        assert sorted(completed) == [f"open_{number:03d}" for number in range(count)]
        assert sorted(task["task_id"] for task in values_of(out, "task")) == sorted(completed)
        assert_copied(client, out, target)


def completed_after(server):
    """Bounds of the requests for completed tasks, each once, in order."""
    asked = [one.first("completed_after") for one in server.requests if one.path == "/v2/tasks"]
    return list(dict.fromkeys(bound for bound in asked if bound))


def test_completions_after_the_greatest_one_received_are_asked_for(small, server, tmp_path):
    out = tmp_path / "copy.jsonl"

    run_pull(server.url, "--out", out, "--since-last")
    run_pull(server.url, "--out", out, "--since-last")

    assert completed_after(server) == ["1970-01-01T00:00:00.000Z", "2025-01-02T00:00:02.000Z"]


def test_other_statuses_are_walked_before_completed_tasks(small, server, tmp_path):
    """A task that completes between the walks is then in the later one."""
    run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    asked = [one.first("status") for one in server.requests if one.path == "/v2/tasks"]
    assert asked == ["pending", "canceled", "error", "completed"]


def test_an_open_task_that_no_list_shows_any_more_is_asked_for_by_itself(small, server, tmp_path):
    """Such as one that was completed by an import, with a time before the mark; or one deleted."""
    out = tmp_path / "copy.jsonl"
    small.tasks["a"] = make_task("a", "pending", project="p1")
    small.tasks["b"] = make_task("b", "pending", project="p1")
    run_pull(server.url, "--out", out)
    small.tasks["a"] = make_task("a", project="p1", completed_at="2024-01-01T00:00:00.000Z")
    del small.tasks["b"]

    done = run_pull(server.url, "--out", out, "--since-last")
    again = run_pull(server.url, "--out", out, "--since-last")

    assert "1 tasks of the last pull are no longer on the server." in done.stdout
    assert "no longer" not in again.stdout
    assert {task["task_id"]: task for task in values_of(out, "task")} == small.tasks


def test_what_was_received_is_read_as_often_for_many_projects_as_for_one(
    small, server, tmp_path, monkeypatch
):
    read, lines = [], Spool.lines
    monkeypatch.setattr(Spool, "lines", lambda *told: (read.append(told[1]), lines(*told))[1])
    counts = []
    for count in (1, 5):
        projects = [small.project | {"id": f"p{n}", "name": f"P{n}"} for n in range(count)]
        small.instead["/v2/projects"] = json_answer({"projects": projects})
        out = tmp_path / f"{count}.jsonl"
        run_pull(server.url, "--out", out)
        read.clear()
        done = run_pull(server.url, "--out", out, "--since-last")
        assert done.returncode == 0, done.stderr
        counts.append(read.count("task"))

    assert counts[0] == counts[1]


def test_completions_out_of_order_are_no_mark(small, server, tmp_path):
    out = tmp_path / "copy.jsonl"
    small.tasks = dict(reversed(small.tasks.items()))

    done = run_pull(server.url, "--out", out)
    run_pull(server.url, "--out", out, "--since-last")

    assert "did not come in the order of their time" in done.stdout
    assert completed_after(server) == ["1970-01-01T00:00:00.000Z"]
    assert len(values_of(out, "task")) == 3


def test_deliveries_that_are_there_are_not_received_again(small, server, tmp_path):
    out = tmp_path / "copy.jsonl"
    heads = [{"id": "d1", "name": "January", "project": "p1", "task_count": 1}]
    tasks = [dict(small.tasks["t0001"])]
    small.instead["/v2/deliveries"] = lambda request: json_answer({"deliveries": heads})
    small.instead["/v2/delivery"] = lambda request: json_answer({"delivery": "d", "tasks": tasks})
    run_pull(server.url, "--out", out)
    small.tasks["t0001"] |= {"completed_at": "2025-02-01T00:00:00.000Z", "metadata": {"v": 2}}
    heads.append({"id": "d2", "name": "February", "project": "p1", "task_count": 1})
    server.requests.clear()

    done = run_pull(server.url, "--out", out, "--since-last")

    assert done.returncode == 0, done.stderr
    asked = [one.first("delivery_id") for one in server.requests if one.path == "/v2/delivery"]
    assert asked == ["d2"]
    first, second = values_of(out, "delivery")
    assert (first["id"], first["frozen"]) == ("d1", tasks)  # what it was delivered as
    assert (second["id"], second["frozen"]) == ("d2", tasks)


def test_a_file_that_is_gone_is_pulled_anew(small, server, tmp_path):
    out = tmp_path / "copy.jsonl"
    run_pull(server.url, "--out", out)
    out.unlink()

    done = run_pull(server.url, "--out", out, "--since-last")

    assert "is gone, so everything is asked for again" in done.stderr
    assert len(values_of(out, "task")) == 3


def test_a_file_that_is_another_one_now_is_left_alone(small, server, tmp_path):
    """As after an older copy was put back, to which the mark does not belong."""
    out = tmp_path / "copy.jsonl"
    run_pull(server.url, "--out", out)
    out.write_text("notes of mine\n")

    done = run_pull(server.url, "--out", out, "--since-last")

    assert (done.returncode, out.read_text()) == (1, "notes of mine\n")
    assert "is not what the last pull has written; pull without --since-last" in done.stderr


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_damaged_file_is_named_and_left_alone(suffix, small, server, tmp_path):
    out = tmp_path / f"copy.{suffix}"
    run_pull(server.url, "--out", out)
    damaged = bytearray(out.read_bytes())
    damaged[70:90] = b"x" * 20
    out.write_bytes(damaged)

    done = run_pull(server.url, "--out", out, "--since-last")

    assert (done.returncode, out.read_bytes()) == (1, bytes(damaged))
    assert f"copy.{suffix}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
