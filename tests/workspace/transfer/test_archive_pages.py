"""Archives by a browser: the lines that a manager may have, kept for a while."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from plaudit.core.transfer import attachment_archive, export, jobs, row_import
from plaudit.formats import files
from plaudit.formats.containers.content import zstd
from plaudit.store.transfer.jobs import JobKind
from tests.support.builders import make_tasks
from tests.support.harness import on_sqlite_alone, run_cli, store_arguments
from tests.support.pages.browser_client import add_person, ended, signed_in

OPERATORS = {*row_import.KINDS, attachment_archive.KIND}
SUFFIXES = {"zstd": ".jsonl.zst", "gzip": ".jsonl.gz", "none": ".jsonl"}


@pytest.fixture
def browser(world):
    world.load(make_tasks(450), project="P")
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/archive")
        yield browser


def written(browser, compression="none"):
    """The path of an archive's file, once it is there."""
    assert browser.post("/archive", {"compression": compression}).status_code == 303
    job_id = re.search(r"/archive/(job_\w+)/", browser.get("/archive").text)[1]
    job = ended(browser, f"/archive/{job_id}/progress")
    assert job["state"] == "done", job
    return f"/archive/{job_id}/file", job


def lines_of(world, org="default"):
    environment_id = world.org(org)

    async def read():
        return [
            line async for line in export.archive_lines(world.db, environment_id, world.objects)
        ]

    return world.run(read())


def objects_of(world):
    folder = world.settings.data / "attachments"
    return [path.name for path in folder.rglob("job_*")] if folder.exists() else []


@pytest.mark.parametrize("compression", SUFFIXES)
def test_an_archive_has_the_lines_that_the_command_writes_but_the_operators(
    world, browser, tmp_path, compression
):
    unpack = {"zstd": zstd.decompress, "gzip": gzip.decompress, "none": bytes}[compression]
    out = tmp_path / f"archive{SUFFIXES[compression]}"
    run_cli("archive", *store_arguments(world.settings), "--out", str(out))

    path, job = written(browser, compression)
    answer = browser.get(path)

    lines = unpack(answer.content).splitlines()
    by_command = unpack(out.read_bytes()).splitlines()
    assert lines == [line for line in by_command if json.loads(line)["kind"] not in OPERATORS]
    assert len(lines) < len(by_command)
    assert answer.headers["content-length"] == str(len(answer.content)) == str(job["file_size"])
    assert answer.headers["content-disposition"].startswith('attachment; filename="default 20')
    assert f'{SUFFIXES[compression]}"' in answer.headers["content-disposition"]
    assert job["done"] == len(lines_of(world))


def test_an_archive_is_read_back_by_the_importer(world, browser, tmp_path):
    path, _ = written(browser, "zstd")
    saved = tmp_path / "saved.jsonl.zst"
    saved.write_bytes(browser.get(path).content)

    entries = list(files.entries(saved, "archive", lambda at: None))
    summary, rejects = world.load(saved, "archive", org="Other")

    assert len(entries) == len(lines_of(world))
    assert rejects == []
    assert summary.counts["task", "added"] == 450
    assert lines_of(world, "Other") == lines_of(world)


def test_a_range_of_an_archive_can_be_downloaded(browser):
    path, _ = written(browser)
    whole = browser.get(path).content

    part = browser.get(path, Range="bytes=100-199")
    beyond = browser.get(path, Range=f"bytes={len(whole)}-")
    head = browser.client.head(path)

    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert beyond.status_code == 416
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole)))


def test_an_archive_holds_nothing_of_other_organizations_and_is_not_theirs(world, browser):
    world.load(make_tasks(3, prefix="theirs"), project="Q", org="Other")
    path, job = written(browser)
    stranger = add_person(world, "admin", email="o@example.com", org="Other")
    with signed_in(world, stranger) as other:
        answers = [other.get(path), other.get(f"/archive/{job['job_id']}/progress")]
        page = other.get("/archive").text

    assert b"theirs" not in browser.get(path).content
    assert [answer.status_code for answer in answers] == [404, 404]
    assert job["job_id"] not in page


def test_a_file_makes_way_for_the_next_one(world, browser):
    first, _ = written(browser)
    second, job = written(browser)

    assert browser.get(first).status_code == 404
    assert browser.get(second).status_code == 200
    assert objects_of(world) == [job["job_id"]]
    assert "not kept any more" in browser.get("/archive").text


def test_a_file_is_deleted_after_its_time(world, browser):
    path, _ = written(browser)
    early = world.run(jobs.delete_expired_files(world.db, world.objects))
    age = {"by": jobs.FILE_KEPT_MS + 1}
    world.run(world.db.write(lambda tx: tx.run("UPDATE job SET ended_ms = ended_ms - :by", age)))

    told, listed = browser.get(path), browser.get("/archive").text
    late = world.run(jobs.delete_expired_files(world.db, world.objects))

    assert (early, late) == (0, 1)
    assert told.status_code == 404
    assert "not kept any more" in listed
    assert objects_of(world) == []


def test_old_jobs_are_forgotten_with_their_rows_and_running_ones_are_not(world, browser):
    written(browser)
    age = {"by": jobs.KEPT_MS + 1}
    world.run(world.db.write(lambda tx: tx.run("UPDATE job SET ended_ms = ended_ms - :by", age)))
    environment_id = world.org()
    world.run(
        world.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, "user_x", JobKind.import_, {"file": "x"}, "storing"
            )
        )
    )

    world.run(jobs.delete_expired_files(world.db, world.objects))
    count = world.run(world.db.write(lambda tx: jobs.delete_ended_jobs(tx, limit=10)))

    assert count == 1
    assert "No archive yet" in browser.get("/archive").text


def test_a_second_archive_is_refused_while_one_is_written(world, browser):
    environment_id = world.org()
    world.run(
        world.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, "user_x", JobKind.archive, {"compression": "none"}, "writing"
            )
        )
    )

    answer = browser.post("/archive", {"compression": "none"})

    assert answer.status_code == 409
    assert "An archive of your organization is under way" in answer.text


@on_sqlite_alone
def test_an_archive_that_cannot_be_written_says_so_and_names_no_place(world, browser):
    (world.settings.data / "jobs").write_text("a file where a folder should be")

    browser.post("/archive", {"compression": "none"})
    running = re.search(r'data-job="(/archive/job_\w+/progress)', browser.get("/archive").text)
    if running is not None:
        ended(browser, running[1])
    page = browser.get("/archive").text

    assert "data-job" not in page
    assert "Files cannot be kept now." in page
    assert str(world.settings.data) not in page


@pytest.mark.parametrize("compression", ["", "lzma", "zstd\x00"])
def test_an_unknown_compression_is_refused(browser, compression):
    answer = browser.post("/archive", {"compression": compression})

    assert answer.status_code == 400
    assert "No archive yet" in browser.get("/archive").text


def test_an_archive_of_nothing_is_a_head_alone(world):
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/archive")
        path, _ = written(browser, "zstd")
        content = zstd.decompress(browser.get(path).content)

    assert content.count(b"\n") == 1
    assert b'"organization"' in content
