"""What tests of `plaudit pull` and `push` share: commands, a small server of v2, and its data."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from plaudit.cli import main
from plaudit.mirror import pull as pull_module
from plaudit.mirror import push as push_module
from tests.support.builders import make_task
from tests.support.forked_process import ForkedProcess
from tests.support.harness import clean_environment, run_cli
from tests.support.mirror.scripted_server import (
    ScriptedAnswer,
    ScriptedRequest,
    json_answer,
    listing_pages,
)

KEY = "live_key_of_the_other_server"
NOT_FOUND = {"status_code": 404, "error": "there is no such thing"}


def run_pull(url: str, *arguments: object, key: str = KEY) -> subprocess.CompletedProcess[str]:
    """Run `plaudit pull` in this process."""
    return run_cli("pull", "--url", url, *map(str, arguments), PLAUDIT_KEY=key)


def forked_pull(url: str, *arguments: object, key: str = KEY, log: Path) -> ForkedProcess:
    """Start `plaudit pull` in a process that commits its position after each page."""
    environ = clean_environment(PLAUDIT_KEY=key)
    told = ["pull", "--url", url, *map(str, arguments)]
    return ForkedProcess(_in_small_steps, told, environ=environ, log=log)


def _in_small_steps(arguments: list[str]) -> None:
    pull_module.COMMIT_MS = push_module.COMMIT_MS = 0
    sys.argv = ["plaudit", *arguments]
    main()


def run_push(url: str, *arguments: object, key: str = KEY) -> subprocess.CompletedProcess[str]:
    """Run `plaudit push` in this process."""
    return run_cli("push", "--url", url, *map(str, arguments), PLAUDIT_KEY=key)


def forked_push(url: str, *arguments: object, log: Path) -> ForkedProcess:
    """Start `plaudit push` in a process that commits its position after each request."""
    environ = clean_environment(PLAUDIT_KEY=KEY)
    told = ["push", "--url", url, *map(str, arguments)]
    return ForkedProcess(_in_small_steps, told, environ=environ, log=log)


def lines_of(path: Path) -> list[Any]:
    """Decoded lines of an archive."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def values_of(path: Path, kind: str) -> list[Any]:
    """Values of the lines of one kind, in order."""
    return [line["value"] for line in lines_of(path) if line["kind"] == kind]


def kill(process: ForkedProcess, how: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, how)


class SmallServer:
    """Script of a server with one project: `tasks` by id, and whatever a test puts in its way.

    `instead` are answers by path, or functions that make them of the request; None lets the request
    pass.
    """

    def __init__(self, count: int = 3) -> None:
        self.project = {"id": "p1", "name": "One", "created_at": "2025-01-01T00:00:00.000Z"}
        self.tasks = {
            f"t{number:04d}": make_task(
                f"t{number:04d}",
                project="p1",
                completed_at=f"2025-01-02T00:{number // 60:02d}:{number % 60:02d}.000Z",
            )
            for number in range(count)
        }
        self.batches: dict[str, Any] = {}
        self.instead: dict[str, Any] = {}
        self.created: dict[str, Any] = {}
        """Bodies of the tasks that were created, by unique_id."""

    def __call__(self, request: ScriptedRequest) -> ScriptedAnswer:
        instead = self.instead.get(request.path)
        answer = instead(request) if callable(instead) else instead
        if answer is not None:
            assert isinstance(answer, ScriptedAnswer)
            return answer
        if request.method == "POST":
            return self._create(request)
        match request.path:
            case "/v2/projects":
                return json_answer({"projects": [self.project]})
            case "/v2/project":
                return json_answer(self.project)
            case "/v2/batches":
                return listing_pages(self.batches.values(), "batches", request)
            case "/v2/tasks":
                return listing_pages(self._chosen(request), "tasks", request)
            case "/v2/task" if request.first("task_id") in self.tasks:
                return json_answer(self.tasks[str(request.first("task_id"))])
            case "/v2/batch" if request.first("batch_name") in self.batches:
                return json_answer(self.batches[str(request.first("batch_name"))])
            case "/v2/deliveries":
                return json_answer({"deliveries": []})
        return json_answer(NOT_FOUND, 404)

    def _create(self, request: ScriptedRequest) -> ScriptedAnswer:
        body = json.loads(request.body)
        if request.path == "/v2/batch":
            self.batches[body["name"]] = {"id": f"b_{body['name']}", **body}
            return json_answer(self.batches[body["name"]])
        if request.path != "/v2/task/chat":
            return json_answer(NOT_FOUND, 404)
        if body["unique_id"] in self.created:
            return json_answer({"status_code": 409, "error": "the unique_id is taken"}, 409)
        self.created[body["unique_id"]] = body
        return json_answer({"task_id": f"made_{len(self.created)}", "status": "pending"})

    def _chosen(self, request: ScriptedRequest) -> list[Any]:
        status, after = request.first("status"), request.first("completed_after") or ""
        return [
            task
            for task in self.tasks.values()
            if task["status"] == status and task.get("completed_at", "~") > after
        ]
