"""Page files of applications in the tests' process: none, or all that a page may be sent from.

With PLAUDIT_TEST_PAGE_FILES=1 every page of tasks is asked for with and without page files, and the
answers are compared. The files are built before each page, and now and then one is deleted or cut
short before that. It is slow, and statements that tests count are others then.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from plaudit import app
from plaudit.api.http.file_sending import FileBody
from plaudit.client import compression
from plaudit.core.tasks import listing
from plaudit.core.tasks.page_records import PageParts
from plaudit.errors import Unavailable
from plaudit.page_builder import PageFileBuilder
from plaudit.store.page_files.places import PageFiles
from tests.support import app_client

VARIABLE = "PLAUDIT_TEST_PAGE_FILES"
NEVER_S = 1e6
HARM_SHARE = 0.2

_builders: dict[asyncio.AbstractEventLoop, tuple[PageFileBuilder, PageFiles, asyncio.Lock]] = {}
_task_page = listing.task_page
_start = app.start_page_files
_respond = app_client._Transport._respond
_dice = random.Random(7)
counts = {"from files": 0, "from tables": 0}

COUNTING = (
    *("test_rows_per_page.py", "test_statements_per_page.py", "test_shard_rules.py"),
    "test_no_request_that_reads_changes_anything",
)
"""Files and tests that look at each statement that is run, of which a builder runs its own."""

BUILDING = ("tests/page_files/", "test_compressed_pages.py")
"""Tests that build and harm page files of their own, and know which pages come from them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(VARIABLE):
        reasons = dict.fromkeys(COUNTING, "a builder's statements are among those that it looks at")
        reasons |= dict.fromkeys(BUILDING, "it builds and harms page files of its own")
        for item in items:
            for reason in (reasons[name] for name in reasons if name in item.nodeid):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _page_files() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get(VARIABLE):
            patch.setattr(app, "start_page_files", _start_unpolled)
            patch.setattr(app_client._Transport, "_respond", _respond_after_building)
            patch.setattr(listing, "task_page", _compared_page)
        else:
            patch.setattr(app, "start_page_files", lambda services: None)
        yield
    if os.environ.get(VARIABLE):
        print(f"\npages {counts}")


def _start_unpolled(services: Any) -> PageFileBuilder | None:
    builder = _start(services, poll_s=NEVER_S)
    if builder is not None and services.page_files is not None:
        loop = asyncio.get_running_loop()
        _builders[loop] = (builder, services.page_files, asyncio.Lock())
    return builder


async def _respond_after_building(self: Any, request: Any, body: bytes) -> Any:
    found = _builders.get(asyncio.get_running_loop())
    if found is not None and request.url.path == "/v2/tasks":
        builder, files, lock = found
        async with lock:
            if _dice.random() < HARM_SHARE:
                harm(files, _dice)
            with suppress(Unavailable):  # another one harmed the file that is being made
                while not await builder.work():
                    pass
    return await _respond(self, request, body)


async def _compared_page(
    tx: Any, secret: Any, env: str, query: Any, files: Any = None, coding: Any = None
) -> Any:
    page = await _task_page(tx, secret, env, query, files, coding)
    if files is not None:
        for _ in range(2):  # something may have been committed in between, once
            expected = await _task_page(tx, secret, env, query)
            if joined(page) == joined(expected):
                break
            page = await _task_page(tx, secret, env, query, files, coding)
        assert joined(page) == joined(expected)
        is_of_files = FileBody(page.parts).is_of_files
        counts["from files" if is_of_files else "from tables"] += 1
    return page


def joined(page: PageParts) -> bytes:
    """The JSON of a page."""
    found = b"".join(FileBody(page.parts).read())
    return compression.unpacked(found, page.coding or "", 2**30)


def harm(files: PageFiles, dice: random.Random) -> None:
    """Delete one of the page files, all of them with their folder, or cut one short."""
    found = sorted(files.folder.glob("*.dat"))
    if not found:
        return
    path = dice.choice(found)
    match dice.randrange(3):
        case 0:
            path.unlink()
        case 1:
            os.truncate(path, dice.randrange(path.stat().st_size + 1))
        case _:
            for one in found:
                one.unlink()
            files.folder.rmdir()
