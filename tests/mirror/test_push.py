"""`plaudit push`: pending tasks of a file onto any server of v2, each of them once."""

from __future__ import annotations

import fcntl
import json
import queue
import random
import signal
import threading

import pytest

from plaudit.cli import remote
from plaudit.client.exchange import RetryPolicy
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import one_engine, walk
from tests.support.mirror.scripted_server import ScriptedServer, forward_to, json_answer
from tests.support.mirror.small_server import SmallServer, forked_push, kill, run_push

PROMPT = make_message("user", "Which?")
ANSWERS = [make_message("base_model", "This."), make_message("test_model", "That.")]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", RetryPolicy(attempts=3, pause_s=0.001, total_s=5))


@pytest.fixture
def small():
    return SmallServer()


@pytest.fixture
def server(small):
    server = ScriptedServer(small)
    yield server
    server.close()


def pending(task_id, turns=None, **fields):
    """A pending task as an archive has it, with content."""
    turns = turns or [make_turn(messages=[PROMPT, *ANSWERS])]
    return make_task(task_id, "pending", content=[make_thread(turns=turns)], **fields)


def archive(path, *tasks, batches=()):
    """An archive of a project named One with these tasks."""
    rows = [("project", {"id": "source_project", "name": "One"})]
    rows += [("batch", {"id": f"source_{name}", "name": name}) for name in batches]
    rows += [("task", {"project": "source_project"} | task) for task in tasks]
    lines = [json.dumps({"kind": kind, "value": value}) for kind, value in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def of_project(*tasks):
    return [task | {"project": "source_project"} for task in tasks]


def test_tasks_are_created_once_with_template_variables(small, server, tmp_path):
    tasks = of_project(
        pending("a", metadata={"m": 1}, callback_url="https://x.test/a", unique_id="own"),
        pending("b"),
    )
    file = archive(tmp_path / "tasks.jsonl", *tasks)

    first, second = run_push(server.url, file), run_push(server.url, file)

    assert first.returncode == 0, first.stderr
    assert first.stdout == "tasks: 2 created, 0 there already, 0 rejected\n"
    assert second.stdout == "tasks: 0 created, 2 there already, 0 rejected\n"
    assert sorted(small.created) == ["b", "own"]
    assert small.created["own"] == {
        "project_id": "p1",
        "template_variables": {
            "prompt": "Which?",
            "responses": [
                {"text": "This.", "source_id": "base_model"},
                {"text": "That.", "source_id": "test_model"},
            ],
        },
        "metadata": {"m": 1},
        "callback_url": "https://x.test/a",
        "unique_id": "own",
    }


def test_what_comes_before_the_last_turn_is_context(small, server, tmp_path):
    opening = make_message("system", "Be kind.", role="system")
    turns = [make_turn("t0", [opening, PROMPT, ANSWERS[0]]), make_turn("t1", [PROMPT])]
    file = archive(tmp_path / "tasks.jsonl", *of_project(pending("a", turns)))

    run_push(server.url, file)

    assert small.created["a"]["template_variables"] == {
        "prompt": "Which?",
        "context": "system: Be kind.\n\nuser: Which?\n\nassistant: This.",
    }


def test_what_template_variables_cannot_say_is_rejected_with_its_place(small, server, tmp_path):
    with_file = make_message("user", "?")
    with_file["content"]["attachments"] = [{"name": "a.png"}]
    tasks = of_project(
        pending("file", [make_turn(messages=[with_file])]),
        pending("branch", [make_turn("t0", [PROMPT, *ANSWERS]), make_turn("t1", [PROMPT])]),
        make_task("empty", "pending"),
        make_task("done"),
        pending("wrong", project=7) | {"created_at": "yesterday"},
        pending("good"),
    )
    file = archive(tmp_path / "tasks.jsonl", *tasks)

    done = run_push(server.url, file)

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "tasks: 1 created, 0 there already, 4 rejected, 1 not pending, which v2 cannot create\n"
    )
    for words in (
        ":2: /value/content/0/turns/0/messages/0/content/attachments template variables hold texts",
        ":3: /value/content/0/turns/0 template variables hold several responses in the last turn",
        ":4: /value/content the task has no conversation",
        ":6: /value/created_at expected an ISO 8601",
    ):
        assert f"tasks.jsonl{words}" in done.stderr


def test_batches_are_made_by_name_where_they_are_missing(small, server, tmp_path):
    tasks = of_project(
        pending("a", batch="source_First"), pending("b", batch="source_First"), pending("c")
    )
    file = archive(tmp_path / "tasks.jsonl", *tasks, batches=["First"])

    first = run_push(server.url, file)
    run_push(server.url, file)

    assert "Made 1 batch." in first.stdout
    assert list(small.batches) == ["First"]
    made = [one for one in server.requests if (one.method, one.path) == ("POST", "/v2/batch")]
    assert [json.loads(one.body) for one in made] == [{"name": "First", "project_id": "p1"}]
    assert {key: body.get("batch_name") for key, body in small.created.items()} == {
        "a": "First", "b": "First", "c": None,
    }  # fmt: skip


def test_an_import_format_is_pushed_as_open_work(small, server, tmp_path):
    rows = [
        {"prompt": f"Question {number}?", "chosen": "Good.", "rejected": "Bad."}
        for number in range(3)
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    nameless = run_push(server.url, file)
    done = run_push(server.url, file, "--project-name", "One", "--batch-name", "Pairs")
    again = run_push(server.url, file, "--project-name", "One", "--batch-name", "Pairs")

    assert (nameless.returncode, done.returncode) == (2, 0), done.stderr
    assert "tasks: 3 created" in done.stdout
    assert "tasks: 0 created, 3 there already" in again.stdout
    prompts = {body["template_variables"]["prompt"] for body in small.created.values()}
    assert prompts == {row["prompt"] for row in rows}


def test_a_project_that_the_server_does_not_have_is_named(small, server, tmp_path):
    small.instead["/v2/project"] = json_answer({"error": "no"}, 404)
    file = archive(tmp_path / "tasks.jsonl", *of_project(pending("a")))

    done = run_push(server.url, file)

    assert done.returncode == 1
    assert "the server has no project 'One', and v2 cannot make one" in done.stderr
    assert "nothing was pushed" in done.stderr


def test_what_the_server_refuses_is_reported_in_its_words(small, server, tmp_path):
    def refusing(request):
        if json.loads(request.body)["unique_id"] == "b":
            return json_answer({"error": "no such variable", "pointer": "/template_variables"}, 400)
        return None

    small.instead["/v2/task/chat"] = refusing
    file = archive(tmp_path / "tasks.jsonl", *of_project(*map(pending, "abc")))

    done = run_push(server.url, file, "--rejects", tmp_path / "rejects.jsonl")

    assert "2 created, 0 there already, 1 rejected" in done.stdout
    (reject,) = (tmp_path / "rejects.jsonl").read_text().splitlines()
    assert json.loads(reject)["message"] == "POST /v2/task/chat: no such variable"
    assert json.loads(reject)["line"] == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (json_answer({"error": "no access"}, 403), "no access"),
        (json_answer({"error": "down"}, 503), "down"),
        (json_answer({"error": "wait"}, 429, Retry_After="3600"), "wait"),
    ],
)
def test_a_server_that_takes_nothing_ends_the_push_and_the_same_command_goes_on(
    answer, words, small, server, tmp_path
):
    small.instead["/v2/task/chat"] = lambda request: answer if len(small.created) >= 5 else None
    file = archive(tmp_path / "tasks.jsonl", *of_project(*map(pending, "abcdefgh")))

    broken = run_push(server.url, file, "--parallel", 1)
    small.instead.clear()
    done = run_push(server.url, file)

    assert broken.returncode == 1
    assert words in broken.stderr
    assert "5 rows are done, and the same command goes on" in broken.stderr
    assert done.returncode == 0, done.stderr
    assert sorted(small.created) == list("abcdefgh")
    assert not (tmp_path / "tasks.jsonl.push.json").exists()


def test_a_push_killed_again_and_again_makes_each_task_once(small, server, tmp_path):
    names = [f"task{number:03d}" for number in range(120)]
    file = archive(tmp_path / "tasks.jsonl", *of_project(*map(pending, names)))
    chance, victims, kill_at, log = random.Random(7), queue.SimpleQueue(), -1, tmp_path / "log"

    def killing(request):
        answer = small(request)
        if request.number == kill_at:
            kill(victims.get(timeout=30), signal.SIGKILL)
        return answer

    server.script = killing
    codes = []
    for _ in range(4):
        kill_at = len(server.requests) + chance.randrange(3, 30)
        process = forked_push(server.url, file, log=log)
        victims.put(process)
        codes.append(process.wait(60))
    kill_at = -1
    last = run_push(server.url, file)

    assert codes == [-signal.SIGKILL] * 4
    assert last.returncode == 0, last.stderr
    assert sorted(small.created) == names
    sent = [one for one in server.requests if one.path == "/v2/task/chat"]
    assert len(sent) < len(names) + 4 * 12  # it did not begin anew each time


def test_ctrl_c_ends_a_push_at_once_and_the_same_command_goes_on(small, server, tmp_path):
    file = archive(tmp_path / "tasks.jsonl", *of_project(*map(pending, "abcdef")))
    victims, is_over, log = queue.SimpleQueue(), threading.Event(), tmp_path / "log"

    def hanging(request):
        if request.path == "/v2/task/chat" and len(small.created) == 3:
            kill(victims.get(timeout=30), signal.SIGINT)
            is_over.wait(60)
        return small(request)

    server.script = hanging
    process = forked_push(server.url, file, "--parallel", 1, log=log)
    victims.put(process)
    try:
        code = process.wait(30)
    finally:
        is_over.set()
    server.script = small
    done = run_push(server.url, file)

    assert code == 130, log.read_text()
    assert "plaudit: interrupted; what was sent is noted" in log.read_text()
    assert done.returncode == 0, done.stderr
    assert sorted(small.created) == list("abcdef")


def test_a_changed_file_is_pushed_from_its_beginning(small, server, tmp_path):
    file = archive(tmp_path / "tasks.jsonl", *of_project(*map(pending, "abc")))
    small.instead["/v2/task/chat"] = lambda request: (
        json_answer({}, 403) if len(small.created) >= 2 else None
    )
    run_push(server.url, file, "--parallel", 1)
    small.instead.clear()
    archive(file, *of_project(*map(pending, "xyzabc")))

    done = run_push(server.url, file)

    assert "tasks: 4 created, 2 there already" in done.stdout


@one_engine
@pytest.mark.parametrize("through", ["upload", "chat", None])
def test_plaudit_takes_conversations_as_they_are(through, kept_world, server, tmp_path):
    kept_world.project("One")
    turns = [make_turn("t0", [PROMPT, ANSWERS[0]]), make_turn("t1", [PROMPT, *ANSWERS])]
    count = 30 if through == "chat" else 230  # a request for each, or for a hundred
    tasks = of_project(*(pending(f"task{number:03d}", turns) for number in range(count)))
    file = archive(tmp_path / "tasks.jsonl", *tasks)
    options = () if through is None else ("--through", through)
    with kept_world.client() as client:
        server.script = forward_to(client)

        first = run_push(server.url, file, *options)
        requests = len(server.requests)
        second = run_push(server.url, file, *options)

        assert first.returncode == 0, first.stderr
        assert f"tasks: {count} created" in first.stdout
        assert f"tasks: 0 created, {count} there already" in second.stdout
        made = walk(client, project_name="One")
        assert len(made) == count
        content = client.get(f"/manage/v1/tasks/{made[0]['task_id']}/content").json()["content"]
        assert len(content[0]["turns"]) == (1 if through == "chat" else 2)
        assert (requests < 10) == (through != "chat")


@one_engine
def test_an_upload_that_refuses_a_row_takes_the_others(kept_world, server, tmp_path):
    kept_world.project("One")
    tasks = of_project(pending("a"), pending("b", callback_url="ftp://x"), pending("c"))
    file = archive(tmp_path / "tasks.jsonl", *tasks)
    with kept_world.client() as client:
        server.script = forward_to(client)

        done = run_push(server.url, file)

        assert "2 created, 0 there already, 1 rejected" in done.stdout
        assert "tasks.jsonl:3: /value/callback_url" in done.stderr
        assert len(walk(client, project_name="One")) == 2


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"created":1,"unchanged":0,"rejected":0,"results":[]}']
)
def test_an_upload_without_a_result_for_each_task_ends_the_push(body, small, server, tmp_path):
    small.instead["/manage/v1/projects/p1"] = json_answer({"id": "p1"})
    small.instead["/manage/v1/projects/p1/tasks"] = json_answer({})._replace(content=body)
    file = archive(tmp_path / "tasks.jsonl", *of_project(pending("a")))

    done = run_push(server.url, file)

    assert done.returncode == 1
    assert "0 rows are done" in done.stderr


def test_a_push_whose_state_cannot_be_kept_says_so_and_goes_on(small, server, tmp_path):
    file = archive(tmp_path / "tasks.jsonl", *of_project(pending("a")))
    (tmp_path / ".tasks.jsonl.push.json.new").mkdir()

    done = run_push(server.url, file)

    assert done.returncode == 0, done.stderr
    assert "if this push is interrupted, it begins anew" in done.stderr


def test_two_pushes_of_one_file_do_not_share_their_state(small, server, tmp_path):
    file = archive(tmp_path / "tasks.jsonl", *of_project(pending("a")))
    state = tmp_path / "tasks.jsonl.push.json"
    state.write_text("of the other push")
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        done = run_push(server.url, file)

    assert done.returncode == 0, done.stderr
    assert "is being pushed already" in done.stderr
    assert list(small.created) == ["a"]
    assert state.read_text() == "of the other push"
