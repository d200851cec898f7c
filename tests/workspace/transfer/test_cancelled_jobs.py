"""Jobs that are cancelled: who may, when they stop, what is left of them, and what is said."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plaudit import clock
from plaudit.api.http import job_runner
from plaudit.api.http.job_runner import Tracker
from plaudit.api.transfer import action_job
from plaudit.core.transfer import jobs
from plaudit.store.tasks.projects import find_project
from plaudit.store.transfer.jobs import JobKind
from plaudit.workspace.transfer import archive_pages
from tests.support.builders import make_tasks
from tests.support.harness import both_engines
from tests.support.pages.browser_client import (
    Browser,
    add_person,
    ended,
    signed_in,
    upload_file,
)
from tests.workspace.accounts.test_user_pages import trace

TASKS = 2500
PATHS = {
    JobKind.upload: "/import/file/{}",
    JobKind.import_: "/import/{}",
    JobKind.archive: "/archive/{}",
    JobKind.delivery: "/deliveries/jobs/{}",
    JobKind.export: "/exports/{}",
    JobKind.quality: "/projects/project_123/quality/{}",
    JobKind.action: "/projects/project_123/actions/{}",
}
PAGES = {
    JobKind.upload: "/import/file/{}",
    JobKind.import_: "/import/{}",
    JobKind.archive: "/archive",
    JobKind.delivery: "/deliveries/projects/project_123",
    JobKind.export: "/projects/project_123/download",
    JobKind.quality: "/projects/project_123/quality",
    JobKind.action: "/projects/project_123/actions/{}",
}
every_kind = pytest.mark.parametrize("kind", PAGES)
every_long_kind = pytest.mark.parametrize(
    "kind", [JobKind.import_, JobKind.archive, JobKind.delivery, JobKind.export, JobKind.action]
)


@pytest.fixture
def stored(some, monkeypatch):
    """Completed tasks in project_123; an import brings others."""
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", 0.1)
    return some


@pytest.fixture
def browser(stored) -> Iterator[Browser]:
    with signed_in(stored, add_person(stored, "manager")) as browser:
        browser.get("/import")
        yield browser


def begin(world: Any, browser: Browser, kind: JobKind) -> str:
    """The id of a job that was started; of an action on many tasks, that of the action."""
    if kind is JobKind.import_:
        rows = make_tasks(TASKS, prefix="new")
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        path = "/manage/v1/projects/project_123/imports?name=f.jsonl&format=v2"
        headers = {"Content-Type": "application/octet-stream"}
        headers["Authorization"] = f"Bearer {world.key()}"
        answer = browser.client.post(path, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
    elif kind is JobKind.upload:
        answer = upload_file(browser, b'{"task_id": "a"}\n' * 2000)
        assert answer.status_code == 200, answer.text
    elif kind is JobKind.archive:
        assert browser.post("/archive", {"compression": "none"}).status_code == 303
    elif kind is JobKind.export:
        fields = {"format": "trl-prompt", "container": "jsonl"}
        assert browser.post(PAGES[kind], fields).status_code == 303
    elif kind is JobKind.quality:
        assert browser.post(PAGES[kind], {}).status_code == 303
    elif kind is JobKind.action:
        fields = {"action": "reopen", "scope": "all"}
        answer = browser.post("/projects/project_123/actions", fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"].rpartition("/")[2])
    else:
        assert browser.post(PAGES[kind], {"name": "May"}).status_code == 303
    environment_id = world.org()

    async def read() -> str:
        async with world.db.read() as tx:
            (job,) = await jobs.list_latest_jobs(tx, environment_id, kind, 1)
        return str(job.job_id)

    return str(world.run(read()))


def cancel(browser: Browser, kind: JobKind, job_id: str) -> Any:
    return browser.post(f"{PATHS[kind].format(job_id)}/cancel", {})


def told_of(browser: Browser, kind: JobKind, job_id: str) -> Any:
    return browser.get(f"{PATHS[kind].format(job_id)}/progress").json()


class Gate:
    """Holds a job at a report in the midst of its work, until it is opened."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self.stopped = threading.Event()
        report, stop = Tracker.report, Tracker.stop

        def stop_and_tell(tracker: Tracker, reason: str) -> None:
            stop(tracker, reason)
            self.stopped.set()

        def held(tracker: Tracker, **changes: Any) -> None:
            report(tracker, **changes)
            if tracker.progress.phase in ("uploading", "storing"):
                is_amid = changes.get("counts", {}).get("added")
            else:
                is_amid = changes.get("done")
            if is_amid:
                self.reached.set()
                assert self.opened.wait(20)
                tracker.check()

        patch.setattr(Tracker, "report", held)
        patch.setattr(Tracker, "stop", stop_and_tell)
        patch.setattr(archive_pages, "LINES_PER_REPORT", 10)


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


def until(is_so: Callable[[], object]) -> None:
    """Wait for something that a job does by itself."""
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def count_of(world: Any, table: str) -> int:
    async def read() -> Any:
        async with world.db.read() as tx:
            return await tx.one(f"SELECT COUNT(*) FROM {table}", {})

    return int(world.run(read())[0])


def assert_what_is_left(world: Any, browser: Browser, kind: JobKind, job_id: str) -> None:
    """An import keeps what it stored and says how much; nothing of others is seen."""
    until(lambda: not list((world.settings.data / "jobs").glob("*")))
    job, page = told_of(browser, kind, job_id), browser.get(PAGES[kind].format(job_id)).text
    if kind is JobKind.action:
        assert job["state"] == "cancelled"
        assert "50 tasks were changed" in page
        assert "cancelled before its end" in page
        undone = browser.post(f"{PATHS[kind].format(job_id)}/undo", {})
        assert undone.status_code == 303
        until(lambda: told_of(browser, kind, job_id)["state"] == "undone")
        assert "50 tasks are again as they were" in browser.get(PAGES[kind].format(job_id)).text
        return
    assert (job["state"], job["reason"]) == ("cancelled", jobs.CANCELLED)
    assert "cancelled" in page
    if kind is JobKind.import_:
        until(lambda: told_of(browser, kind, job_id)["result"])
        job, page = told_of(browser, kind, job_id), browser.get(PAGES[kind].format(job_id)).text
        added = job["counts"]["added"]
        assert 450 + added == count_of(world, "task")
        assert 0 < added < TASKS
        assert f"stays: tasks: {added} added" in page
    elif kind in (JobKind.archive, JobKind.export):
        path = f"{PATHS[kind].format(job_id)}/file"
        assert not job["has_file"]
        assert browser.get(path).status_code == 404
        assert path not in page
        until(lambda: not list(world.settings.data.rglob("attachments/**/job_*")))
    else:
        assert job["result"] == ""
        until(lambda: count_of(world, "delivery") == 0)
        assert count_of(world, "delivered_task") == 0
        assert "May</bdi> was cancelled, and nothing of it is kept" in page


@every_long_kind
def test_a_job_that_is_cancelled_stops_at_its_next_report(stored, browser, gate, kind):
    job_id = begin(stored, browser, kind)
    assert gate.reached.wait(20)
    page = browser.get(PAGES[kind].format(job_id)).text
    (_, form) = page.split(f'action="{PATHS[kind].format(job_id)}/cancel"')
    assert f'name="csrf" value="{browser.token}"' in form.partition("</form>")[0]

    answer = cancel(browser, kind, job_id)
    gate.opened.set()

    assert answer.status_code == 303
    assert_what_is_left(stored, browser, kind, job_id)


@both_engines
@every_long_kind
def test_a_job_that_was_cancelled_in_another_process_leaves_no_more(
    monkeypatch, stored, browser, gate, kind
):
    """All but imports even if they do not notice before they have ended."""
    if kind is not JobKind.import_:
        monkeypatch.setattr(job_runner, "HEARTBEAT_S", 60)
    job_id = begin(stored, browser, kind)
    assert gate.reached.wait(20)
    environment_id = stored.org()

    async def cancel_elsewhere(tx: Any) -> None:
        if kind is JobKind.action:
            project = await find_project(tx, environment_id, "project_123")
            await action_job.cancel_action(tx, project, job_id)
        else:
            await jobs.cancel_job(tx, environment_id, kind, job_id)

    stored.run(stored.db.write(cancel_elsewhere))
    if kind is JobKind.import_:
        assert gate.stopped.wait(20)
    gate.opened.set()

    assert_what_is_left(stored, browser, kind, job_id)


@pytest.mark.parametrize(
    "kind", [JobKind.archive, JobKind.delivery, JobKind.export, JobKind.action]
)
def test_a_job_that_is_cancelled_reads_nothing_more(monkeypatch, stored, kind):
    """Selecting and writing read for long without a report."""
    reached, opened, reads = threading.Event(), threading.Event(), []
    read = job_runner._JobDatabase.read

    def held(database: Any, **options: Any) -> Any:
        reached.set()
        assert opened.wait(20)
        found = read(database, **options)
        reads.append(found)
        return found

    monkeypatch.setattr(job_runner._JobDatabase, "read", held)
    with signed_in(stored, add_person(stored, "manager")) as browser:
        browser.get("/import")
        job_id = begin(stored, browser, kind)
        assert reached.wait(20)
        cancel(browser, kind, job_id)
        opened.set()

    assert reads == []


@every_kind
def test_a_job_is_cancelled_while_it_waits_for_its_turn(monkeypatch, stored, kind):
    monkeypatch.setattr(job_runner, "THREADS_PER_ENVIRONMENT_MAX", 0)
    with signed_in(stored, add_person(stored, "manager")) as browser:
        browser.get("/import")
        job_id = begin(stored, browser, kind)
        until(lambda: told_of(browser, kind, job_id)["phase"] == job_runner.WAITING)

        cancel(browser, kind, job_id)

        until(lambda: not list((stored.settings.data / "jobs").glob("*")))
        job = told_of(browser, kind, job_id)
        assert job["state"] == "cancelled"
        assert count_of(stored, "task") == 450
        assert count_of(stored, "delivery") == 0


@every_kind
def test_who_cancelled_a_job_is_in_the_audit_log_once_and_another_may_begin(
    monkeypatch, stored, kind
):
    monkeypatch.setattr(job_runner, "THREADS_PER_ENVIRONMENT_MAX", 0)
    key = stored.key()
    with signed_in(stored, add_person(stored, "manager")) as browser:
        browser.get("/import")
        job_id = begin(stored, browser, kind)

        answers = [cancel(browser, kind, job_id) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [303, 303]
        assert begin(stored, browser, kind) != job_id
    actions = [entry for entry in trace(stored, key) if entry[0].startswith("cancel_")]
    names = {JobKind.quality: "cancel_quality_job", JobKind.action: "cancel_task_action"}
    name = names.get(kind, f"cancel_{kind.value}")
    assert [(action, job) for action, _, job in actions] == [(name, job_id)]


@every_kind
def test_a_job_that_has_ended_or_is_not_ones_own_is_not_cancelled(stored, browser, kind):
    job_id = begin(stored, browser, kind)
    ended(browser, f"{PATHS[kind].format(job_id)}/progress")
    theirs = stored.org("Other")
    other = stored.run(
        stored.db.write(lambda tx: jobs.start_job(tx, theirs, "user_x", kind, {}, "writing"))
    )

    assert cancel(browser, kind, job_id).status_code == 303
    assert told_of(browser, kind, job_id)["state"] == "done"
    assert cancel(browser, kind, other.job_id).status_code == 404
    wrong = JobKind.archive if kind is JobKind.import_ else JobKind.import_
    assert cancel(browser, wrong, job_id).status_code == 404

    async def read() -> Any:
        async with stored.db.read() as tx:
            return await jobs.get_job(tx, theirs, kind, other.job_id)

    assert stored.run(read()).state == "running"
    assert clock.now_ms() > other.created_ms
