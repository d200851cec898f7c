"""Servers that misbehave: a pull ends with one clear sentence, and nothing of it is applied."""

from __future__ import annotations

import itertools
import json

import pytest

from plaudit.cli import remote
from plaudit.client.exchange import RetryPolicy
from plaudit.mirror import pull as pull_module
from plaudit.settings import Settings
from tests.support.harness import World, store_arguments
from tests.support.mirror.scripted_server import ScriptedAnswer, ScriptedServer, json_answer
from tests.support.mirror.small_server import SmallServer, run_pull, values_of


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", RetryPolicy(attempts=3, pause_s=0.001, total_s=5))
    monkeypatch.setattr(remote, "ANSWER_BYTES_MAX", 1024 * 1024)


@pytest.fixture
def small():
    return SmallServer()


@pytest.fixture
def server(small):
    server = ScriptedServer(small)
    yield server
    server.close()


def endless():
    yield b'{"tasks":['
    while True:
        yield b" " * 65536


TASK = {"task_id": "t1", "project": "p1", "status": "completed", "threads": []}

CASES = {
    "no JSON": (ScriptedAnswer(b'{"tasks": [{'), "/v2/tasks", "is no page"),
    "HTML": (ScriptedAnswer(b"<html>hello</html>"), "/v2/tasks", "is no page"),
    "a list": (json_answer([1]), "/v2/tasks", "is no page"),
    "null": (json_answer(None), "/v2/tasks", "is no page"),
    "no tasks": (json_answer({"documents": []}), "/v2/tasks", "has no list 'tasks'"),
    "tasks that are none": (json_answer({"tasks": {"a": 1}}), "/v2/tasks", "not what v2 describes"),
    "a task that is a text": (json_answer({"tasks": ["t1"]}), "/v2/tasks", "/tasks/0: expected an"),
    "an id that is a number": (
        json_answer({"tasks": [TASK | {"task_id": 7}]}), "/v2/tasks", "/tasks/0/task_id: expected",
    ),
    "an id with a control character": (
        json_answer({"tasks": [TASK | {"task_id": "a\nb"}]}), "/v2/tasks", "task_id: an id has",
    ),
    "a batch that is a number": (
        json_answer({"tasks": [TASK | {"batch": 3}]}), "/v2/tasks", "batch: expected an id",
    ),
    "a token that is a number": (
        json_answer({"tasks": [], "next_token": 3}), "/v2/tasks", "is no page",
    ),
    "a token again and again": (
        json_answer({"tasks": [], "next_token": "a"}), "/v2/tasks", "in a circle",
    ),
    "an empty page": (ScriptedAnswer(b""), "/v2/tasks", "is no page"),
    "a broken text": (
        ScriptedAnswer(b'{"tasks":[{"task_id":"\xff"}]}'), "/v2/tasks", "not what v2 describes",
    ),
    "deep nesting": (
        ScriptedAnswer(b'{"tasks":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "/v2/tasks", "",
    ),
    "an endless body": (ScriptedAnswer(b"", pieces=endless()), "/v2/tasks", "more than 1048576"),
    "a redirect": (ScriptedAnswer(b"", 302, {"Location": "/"}), "/v2/tasks", "redirect"),
    "5xx for ever": (json_answer({"error": "I am down"}, 503), "/v2/tasks", "I am down"),
    "a wait for ever": (
        json_answer({"error": "slow down"}, 429, Retry_After="3600"), "/v2/tasks", "slow down",
    ),
    "no access": (json_answer({"error": "no such key"}, 401), "/v2/projects", "no such key"),
    "a project without a name": (
        json_answer({"projects": [{"id": "p"}]}), "/v2/projects", "/projects/0/name: expected",
    ),
    "completions without a time": (
        json_answer({"tasks": [TASK]}), "/v2/tasks", "completed_at: expected",
    ),
    "a delivery that is no object": (
        json_answer({"deliveries": [1]}), "/v2/deliveries", "/deliveries/0: expected an object",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_ends_the_pull_and_leaves_the_file_as_it_was(
    case, small, server, tmp_path
):
    answer, path, words = CASES[case]
    out = tmp_path / "copy.jsonl"
    out.write_text("what was there\n")
    small.instead[path] = answer

    done = run_pull(server.url, "--out", out, "--overwrite")

    assert done.returncode == 1
    assert words in done.stderr
    tried = [line for line in done.stderr.splitlines() if "trying again" in line]
    assert len(done.stderr.splitlines()) == 1 + len(tried)
    assert len(tried) in (0, remote.PATIENCE.attempts - 1)
    assert out.read_text() == "what was there\n"


def test_words_of_a_server_cannot_reach_the_terminal_as_they_are(small, server, tmp_path):
    words = "no\nplaudit: all is well\x1b[2J\x1b]0;title\x07"
    small.instead["/v2/tasks"] = json_answer({"error": words}, 403)

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    assert "\\u001b[2J" in done.stderr


def test_a_server_that_recovers_is_pulled_from_on_in_the_same_run(small, server, tmp_path):
    bad = itertools.chain(
        [json_answer({"error": "down"}, 503), json_answer({}, 429, Retry_After="0")],
        itertools.repeat(None),
    )
    small.instead["/v2/tasks"] = lambda request: next(bad)

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert done.returncode == 0, done.stderr
    assert [line.partition(" s: ")[2] for line in done.stderr.splitlines()] == [
        "GET /v2/tasks: down (status 503)",
        "GET /v2/tasks was refused (status 429)",
    ]
    assert values_of(tmp_path / "copy.jsonl", "task") == list(small.tasks.values())


def test_a_server_without_end_of_empty_pages_is_left(small, server, tmp_path, monkeypatch):
    monkeypatch.setattr(pull_module, "EMPTY_PAGES_MAX", 5)
    numbers = itertools.count()
    small.instead["/v2/tasks"] = lambda request: json_answer(
        {"tasks": [], "next_token": str(next(numbers))}
    )

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert (done.returncode, len(server.requests) < 20) == (1, True)
    assert "page after empty page" in done.stderr


def test_a_server_without_deliveries_and_datasets_is_pulled_all_the_same(small, server, tmp_path):
    small.instead["/v2/deliveries"] = json_answer({"error": "no route"}, 404)

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert done.returncode == 0, done.stderr
    assert "The server does not show deliveries." in done.stdout
    assert "The server does not show datasets." in done.stdout


def test_a_task_that_comes_again_and_again_stands_there_once_in_its_last_version(
    small, server, tmp_path
):
    first = small.tasks["t0000"]
    changed = first | {"metadata": {"again": True}}
    small.instead["/v2/tasks"] = lambda request: json_answer({"tasks": [first, changed, first]})

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert done.returncode == 0, done.stderr
    assert values_of(tmp_path / "copy.jsonl", "task") == [first]


def test_an_answer_on_many_lines_becomes_one_line(small, server, tmp_path):
    page = json.dumps({"tasks": list(small.tasks.values())}, indent=2).encode()
    small.instead["/v2/tasks"] = lambda request: (
        ScriptedAnswer(page) if request.first("status") == "completed" else None
    )

    done = run_pull(server.url, "--out", tmp_path / "copy.jsonl")

    assert done.returncode == 0, done.stderr
    assert values_of(tmp_path / "copy.jsonl", "task") == list(small.tasks.values())


def test_wrong_types_deep_in_a_task_are_named_and_strict_stores_nothing(
    small, server, settings: Settings
):
    world = World(settings)
    world.org()
    small.tasks["t0001"]["threads"][0]["turns"] = 5
    arguments = ("--into-store", *store_arguments(settings))

    strict = run_pull(server.url, *arguments, "--strict")
    with world.client() as client:
        assert client.get("/v2/projects").json() == {"projects": []}
    lenient = run_pull(server.url, *arguments)

    assert strict.returncode == 1
    assert "/threads/0/turns" in strict.stderr
    assert lenient.returncode == 0, lenient.stderr
    assert "tasks: 2 added, 1 rejected" in lenient.stdout
    world.close()


def test_a_broken_server_changes_nothing_in_the_store(small, server, settings: Settings):
    world = World(settings)
    world.org()
    small.instead["/v2/deliveries"] = json_answer({"deliveries": [1]})

    done = run_pull(server.url, "--into-store", *store_arguments(settings))

    assert done.returncode == 1
    with world.client() as client:
        assert client.get("/v2/projects").json() == {"projects": []}
    world.close()
