"""Import by a browser: what is stored, what is refused, and what is shown of it meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import time

import httpx2
import pytest
from markupsafe import escape

from plaudit import clock
from plaudit.core.transfer import jobs
from plaudit.errors import Conflict
from plaudit.formats.containers.content import zstd
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from tests.support.builders import make_task, make_tasks
from tests.support.harness import both_engines, walk
from tests.support.pages.browser_client import (
    Browser,
    add_person,
    browsing,
    ended,
    signed_in,
    start_import,
    upload_file,
)
from tests.support.running.every_case import every_case
from tests.workspace.accounts.test_user_pages import trace

TREE = {
    "message_tree_id": "tree-1",
    "prompt": {
        "message_id": "11111111-a",
        "text": "Why?",
        "role": "prompter",
        "replies": [
            {"message_id": "22222222-a", "text": "Because.", "role": "assistant", "rank": 0},
            {"message_id": "33333333-a", "text": "Well.", "role": "assistant", "rank": 1},
        ],
    },
}


def lines(*values) -> bytes:
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in values
    )


def begin(browser, content, *, name="tasks.jsonl", **plan):
    """The answer to the start of an import, or to the upload before it if that is refused."""
    answer = upload_file(browser, content, name)
    if answer.status_code != 200:
        return answer
    upload_id = answer.json()["job_id"]
    ended(browser, f"/import/file/{upload_id}/progress")
    return start_import(browser, upload_id, **{"format": "v2", **plan})


def imported(browser, content, *, name="tasks.jsonl", **plan):
    """The whole import of a file; the upload if that fails."""
    upload_id = upload_file(browser, content, name).json()["job_id"]
    upload = ended(browser, f"/import/file/{upload_id}/progress")
    if upload["state"] != "done":
        return upload
    answer = start_import(browser, upload_id, **{"format": "v2", **plan})
    assert answer.status_code == 200, answer.text
    return ended(browser, f"/import/{answer.json()['job_id']}/progress")


def task_ids(world, key):
    with world.client(key) as client:
        if not client.get("/v2/projects").json()["projects"]:
            return []
        return [one["task_id"] for one in walk(client, limit=100, project_name="P")]


def under_way(world, org="default", lease_ms=jobs.LEASE_MS):
    """An import that another process runs, or ran until its lease ended."""
    environment_id = world.org(org)

    async def work(tx):
        asked = {"file": "theirs.jsonl", "format": "v2", "project": None, "replace": False}
        job = await jobs.start_job(tx, environment_id, "user_x", JobKind.import_, asked, "storing")
        await tx.run(
            "UPDATE job SET lease_ms = :lease_ms WHERE environment_id = :environment_id AND job_id"
            " = :job_id",
            {
                "lease_ms": clock.now_ms() + lease_ms,
                "environment_id": environment_id,
                "job_id": job.job_id,
            },
        )
        return job

    return world.run(world.db.write(work))


@pytest.fixture
def browser(world):
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/import")
        yield browser


PACKED = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "with a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_file_is_imported_and_the_same_file_again_changes_nothing(world, browser, pack):
    key = world.key()
    content = pack(lines(*make_tasks(3)))

    first = imported(browser, content, project="P")
    second = imported(browser, content, project="P")

    assert first["state"] == second["state"] == "done"
    assert first["counts"] == {"added": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    assert second["counts"] == {"added": 0, "updated": 0, "unchanged": 3, "rejected": 0}
    assert first["done"] == first["total"] == len(content)
    assert len(task_ids(world, key)) == 3
    assert ("start_import", "job") in [(one[0], one[2].split("_")[0]) for one in trace(world, key)]


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"\n \n", "nothing to read"), (b"[{}", "damaged"), (b"PK\x03\x04", "ZIP archive")],
)
def test_a_file_without_rows_or_of_another_kind_fails_and_is_named(browser, content, word):
    job = imported(browser, content, name="rows.jsonl", project="P")

    assert (job["state"], word in job["reason"]) == ("failed", True)


def test_every_format_of_the_command_line_is_taken(world, browser):
    archive = lines(
        {"kind": "organization", "value": {"archive": "plaudit", "version": 1}},
        {"kind": "project", "value": {"id": "project_a", "name": "A"}},
        {"kind": "task", "value": make_task("task_a", project="project_a")},
    )

    found = [
        imported(browser, lines(TREE), format="oasst", project="Trees"),
        imported(browser, lines({"tasks": make_tasks(2)}), format="v2", project="Pages"),
        imported(browser, archive, format="archive"),
    ]

    assert [one["counts"]["added"] for one in found] == [1, 2, 2]
    assert sum(one["counts"]["rejected"] for one in found) == 0


def test_rejected_rows_are_shown_with_line_and_reason_and_can_be_downloaded(browser):
    hostile = {"kind": "<img src=x onerror=alert(1)>", "value": {}}
    job = imported(browser, lines(hostile, b"{", b"", hostile), name="bad.jsonl", format="archive")
    page = browser.get(f"/import/{job['job_id']}")
    listed = browser.get(f"/import/{job['job_id']}/rejected.txt")

    assert job["state"] == "done"
    assert job["counts"]["rejected"] == 3
    assert "<img" not in page.text
    assert str(escape(hostile["kind"])) in page.text
    assert '<th scope="row" data-label="Line">4</th>' in page.text
    assert [one.split(":")[:2] for one in listed.text.splitlines()] == [
        ["bad.jsonl", "1"], ["bad.jsonl", "2"], ["bad.jsonl", "4"],
    ]  # fmt: skip
    assert listed.headers["content-type"] == "text/plain; charset=utf-8"
    assert listed.headers["content-disposition"].startswith("attachment")


def test_only_the_first_rejected_rows_are_kept_and_all_are_counted(browser):
    job = imported(browser, lines({}, *[b"{"] * (jobs.REJECTS_KEPT_MAX + 49)))
    listed = browser.get(f"/import/{job['job_id']}/rejected.txt").text.splitlines()

    assert job["counts"]["rejected"] == jobs.REJECTS_KEPT_MAX + 50
    assert len(listed) == jobs.REJECTS_KEPT_MAX
    assert listed[-1].startswith(f"tasks.jsonl:{jobs.REJECTS_KEPT_MAX}:")


def test_what_is_stored_otherwise_is_rejected_or_overwritten_as_asked(world, browser):
    imported(browser, lines(make_task("task_a")), project="P")
    changed = make_task("task_a")
    changed["threads"][0]["turns"][0]["messages"][0]["content"]["text"] = "Changed?"

    kept = imported(browser, lines(changed), project="P")
    replaced = imported(browser, lines(changed), project="P", replace=True)

    assert kept["counts"]["rejected"] == 1
    assert replaced["counts"]["updated"] == 1


@both_engines
def test_a_second_import_is_refused_while_one_runs_and_stores_nothing(world, browser):
    key = world.key()
    under_way(world)

    answer = begin(browser, lines(make_task()), project="P")
    page = browser.get("/import").text

    assert answer.status_code == 409
    assert "an import of your organization is under way" in answer.json()["error"]
    assert task_ids(world, key) == []
    assert "theirs.jsonl" in page


@both_engines
@pytest.mark.parametrize("is_after_a_dead_one", [False, True])
def test_of_jobs_that_are_begun_at_once_one_runs_and_the_others_are_refused(
    world, is_after_a_dead_one
):
    environment_id = world.org()
    if is_after_a_dead_one:
        under_way(world, lease_ms=-1)

    async def one():
        return await world.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, "user_x", JobKind.import_, {"file": "x"}, "storing"
            )
        )

    async def all_at_once():
        return await asyncio.gather(*(one() for _ in range(8)), return_exceptions=True)

    found = world.run(all_at_once())

    assert sum(isinstance(one, Job) for one in found) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 7


def test_imports_of_other_organizations_are_in_nobodys_way_and_not_seen(world, browser):
    theirs = under_way(world, "Other")

    own = imported(browser, lines(make_task()), project="P")
    answers = [
        browser.get(f"/import/{theirs.job_id}{rest}") for rest in ("", "/progress", "/rejected.txt")
    ]

    assert own["state"] == "done"
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "theirs.jsonl" not in browser.get("/import").text


@both_engines
def test_an_import_whose_process_died_is_shown_as_broken_off_and_makes_way(browser, world):
    job = under_way(world, lease_ms=-1)
    told = ended(browser, f"/import/{job.job_id}/progress")
    page = browser.get(f"/import/{job.job_id}").text
    next_one = imported(browser, lines(make_task()), project="P")

    assert told["state"] == "broken"
    assert "rows that are stored are recognised" in page
    assert next_one["state"] == "done"


@both_engines
def test_every_process_shows_the_same_of_an_import(world):
    with signed_in(world, add_person(world, "manager")) as one, browsing(world) as other:
        one.get("/import")
        other.client.cookies.update(one.client.cookies)
        job = imported(one, lines(*make_tasks(5), b"{"), project="P")
        there = ended(other, f"/import/{job['job_id']}/progress")

    assert there == job


def test_a_damaged_file_ends_the_import_and_what_came_before_stays(world, browser):
    key = world.key()
    content = gzip.compress(lines(*make_tasks(2000)))[:-2000]

    job = imported(browser, content, name="cut.jsonl.gz", project="P")

    assert job["state"] == "failed"
    assert job["reason"].startswith("cut.jsonl.gz is damaged after line")
    assert job["counts"]["added"] == len(task_ids(world, key)) > 0


def test_a_line_that_grows_without_end_is_refused_without_being_held(browser):
    content = gzip.compress(b'{"a":"' + b"x" * (40 * 1024 * 1024))

    job = imported(browser, content)

    assert (job["state"], job["reason"][:5]) == ("failed", "row 1")
    assert len(content) < 100_000


BAD = {
    "nothing": ({}, b"", 400),
    "no format": ({"format": ""}, b"{}", 400),
    "another format": ({"format": "csv"}, b"{}", 400),
    "no name": ({"name": ""}, b"{}", 400),
    "a project for an archive": ({"format": "archive", "project": "P"}, b"{}", 400),
    "a project that cannot be": ({"project": "\u202e"}, b"{}", 400),
    "a word for a choice": ({"replace": "maybe"}, b"{}", 400),
    "roles without a format for them": ({"format": "table", "roles": {"a": "king"}}, b"{}", 400),
}


@every_case("options, content, status", BAD.values())
def test_an_import_that_cannot_be_is_refused_and_the_next_is_not_held_up(
    browser, options, content, status
):
    refused = begin(browser, content, **options)
    after = imported(browser, lines(make_task()), project="P")

    assert refused.status_code == status
    assert after["state"] == "done"


def test_a_file_that_says_it_is_too_large_is_refused_before_any_of_it_is_read(world, browser):
    answer = browser.upload(
        "/import/upload?name=x", iter([b"{}\n"]), Content_Length=str(STREAM_BYTES_MAX + 1)
    )
    page = browser.get("/import").text

    assert answer.status_code == 413
    assert "Nothing was imported here yet" in page


@every_case("name", ["../../etc/passwd", "a/b\\c", "<b>x</b>", "\x07\u202e", "x" * 4000])
def test_a_file_may_be_called_anything_and_is_found_nowhere_by_it(world, browser, name):
    job = imported(browser, lines({}), name=name)
    page = browser.get("/import").text
    left = [path.name for path in (world.settings.data / "jobs").iterdir()]

    assert job["state"] == "done"
    assert "<b>x</b>" not in page
    assert left == []


def test_an_upload_that_breaks_off_leaves_nothing_and_is_told(world, start_server):
    who = add_person(world, "manager")
    server = start_server()
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        browser = Browser(client)
        browser.sign_in(who)
        browser.get("/import")

        def torn():
            yield lines(make_task())
            raise InterruptedError

        with pytest.raises(InterruptedError):
            upload_file(browser, torn(), "tasks.jsonl")
        until = time.monotonic() + 20
        while (upload := last_upload(world)) is None or upload.state is JobState.running:
            assert time.monotonic() < until
            time.sleep(0.05)
        page = browser.get(f"/import/file/{upload.job_id}").text
        left = list((world.settings.data / "jobs").iterdir())

    assert "tasks.jsonl" in page
    assert "Choose another file" in page
    assert left == []


def last_upload(world) -> Job | None:
    environment_id = world.org()

    async def read():
        async with world.db.read() as tx:
            return await jobs.list_latest_jobs(tx, environment_id, JobKind.upload, 1)

    return next(iter(world.run(read())), None)
