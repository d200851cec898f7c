"""Imports by a browser while the server stops: what is kept of them, and how they are finished."""

from __future__ import annotations

import signal
import time

import httpx2
import pytest

from plaudit.core.transfer import jobs
from tests.support.builders import make_tasks
from tests.support.harness import both_engines
from tests.support.pages.browser_client import Browser, add_person
from tests.workspace.transfer.test_import_pages import begin, imported, lines

CUT_TASKS = (6_000, 24_000, 96_000)
"""Lengths of files of which one is cut short at the first task stored: the next is tried where an
import was faster than the stop. The first has too few bytes to be read by several processes."""


async def count_tasks(world, prefix: str) -> int:
    async with world.db.read() as tx:
        where = {"prefix": prefix, "end": prefix + "~"}
        found = await tx.one(
            "SELECT count(*) AS n FROM task WHERE task_id > :prefix AND task_id < :end", where
        )
        return found[0]


def end_leases(world) -> None:
    """What was under way in a killed server is broken from now on, not only a while later."""
    world.run(world.db.write(lambda tx: tx.run("UPDATE job SET lease_ms = 0", {})))


@both_engines
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.slow
def test_an_import_that_is_cut_short_is_finished_by_importing_the_file_again(
    world, start_server, how
):
    who = add_person(world, "manager")
    for count in CUT_TASKS:
        prefix = f"of{count}"
        content = lines(*make_tasks(count, prefix))
        server = start_server()
        with httpx2.Client(base_url=server.url, timeout=60) as client:
            browser = Browser(client)
            browser.sign_in(who)
            browser.get("/import")
            job_id = begin(browser, content, project="P").json()["job_id"]
            path = f"/import/{job_id}/progress"
            headers = {"Accept": "application/json"}
            until = time.monotonic() + 30
            while not world.run(count_tasks(world, prefix)):
                assert time.monotonic() < until
                time.sleep(0.005)
            server.stop(how)
        if world.run(count_tasks(world, prefix)) < count:
            break
        end_leases(world)  # the import was faster than the stop: cut a longer one
    again = start_server()
    with httpx2.Client(base_url=again.url, timeout=60) as client:
        browser = Browser(client)
        browser.sign_in(who)
        browser.get("/import")
        if how == signal.SIGKILL:
            assert client.get(path, headers=headers).json()["state"] == "running"
            end_leases(world)
        cut = client.get(path, headers=headers).json()
        whole = imported(browser, content, project="P")

    assert cut["state"] == "broken"
    assert cut["reason"] == (jobs.KILLED if how == signal.SIGKILL else "the server was stopped")
    assert whole["state"] == "done"
    assert whole["counts"]["unchanged"] > 0
    assert whole["counts"]["added"] > 0
    assert whole["counts"]["unchanged"] + whole["counts"]["added"] == count
