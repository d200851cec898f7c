"""Jobs whose process was killed: each page says why they ended, and another may begin."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.transfer import jobs
from plaudit.store.transfer.jobs import JobKind, JobState
from tests.support.builders import make_tasks
from tests.support.harness import both_engines
from tests.support.pages.browser_client import add_person, signed_in

pytestmark = both_engines


KILLED = "The server that ran it was killed"


def start_and_die(world: Any, kind: JobKind, about: dict[str, Any]) -> Any:
    """A job of a process that was killed long enough ago."""
    environment_id = world.org()

    async def work(tx: Any) -> Any:
        job = await jobs.start_job(tx, environment_id, "user_x", kind, about, "writing")
        await tx.run("UPDATE job SET lease_ms = 0 WHERE job_id = :id", {"id": job.job_id})
        return job

    return world.run(world.db.write(work))


ABOUT = {
    JobKind.upload: {"file": "f.jsonl", "project": None},
    JobKind.import_: {"file": "f.jsonl", "format": "v2", "project": None, "replace": False},
    JobKind.archive: {"compression": "none"},
    JobKind.delivery: {"project_id": "project_123", "name": "May"},
    JobKind.export: {"project_id": "project_123", "format": "trl-kto", "name": "P"},
    JobKind.quality: {"project_id": "project_123", "name": "P"},
}
PAGES = {
    JobKind.upload: "/import/file/{}",
    JobKind.import_: "/import/{}",
    JobKind.archive: "/archive",
    JobKind.delivery: "/deliveries/projects/project_123",
    JobKind.export: "/projects/project_123/download",
    JobKind.quality: "/projects/project_123/quality",
}
PROGRESS = {
    JobKind.upload: "/import/file/{}/progress",
    JobKind.import_: "/import/{}/progress",
    JobKind.archive: "/archive/{}/progress",
    JobKind.delivery: "/deliveries/jobs/{}/progress",
    JobKind.export: "/exports/{}/progress",
    JobKind.quality: "/projects/project_123/quality/{}/progress",
}


def test_a_job_that_was_killed_says_so_on_its_page_and_to_its_script(world):
    world.load(make_tasks(1))
    with signed_in(world, add_person(world, "manager")) as browser:
        for kind in PAGES:
            job = start_and_die(world, kind, ABOUT[kind])

            told = browser.get(PROGRESS[kind].format(job.job_id)).json()
            page = browser.get(PAGES[kind].format(job.job_id)).text

            assert (told["state"], told["reason"]) == ("broken", jobs.KILLED), kind
            assert KILLED.lower() in page.lower(), kind


@pytest.mark.parametrize("kind", PAGES)
def test_the_reason_is_kept_once_another_job_has_begun(world, kind):
    dead = start_and_die(world, kind, ABOUT[kind])
    start_and_die(world, kind, ABOUT[kind])

    async def read() -> Any:
        async with world.db.read() as tx:
            return await tx.one(
                "SELECT state, reason FROM job WHERE job_id = :id", {"id": dead.job_id}
            )

    assert world.run(read()) == (JobState.broken.value, jobs.KILLED)
