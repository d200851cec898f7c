"""Exports that are made for a request, and sent while they are made where that takes long.

A file that is soon whole is sent with its size, under the digest of its content. Of another one
what there is of it is sent as it grows, under a random text; it is made to its end then, also if
the client goes away, so that the download can go on (docs/adr/0032). Lines that lie in page files
are sent from there, and kept only where they are not taken soon (docs/adr/0047).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from starlette.types import Receive

from plaudit.api.http.client_runs import CLIENT_GONE, wait_until_gone
from plaudit.api.http.job_runner import ThreadRun
from plaudit.api.http.made_files import KEPT_MAX, MadeFile
from plaudit.api.http.operation import Services
from plaudit.api.transfer.export_choices import (
    ExportChoices,
    ExportSource,
    summary_of,
    wanted_file,
)
from plaudit.api.transfer.export_job import WRITING, file_digest, placed_tasks, write_export
from plaudit.errors import Misconfigured, Unavailable
from plaudit.formats import files
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.whole_tasks.line_spool import LineSpool, SpooledLines, spooled
from plaudit.formats.exporting.whole_tasks.placed_lines import PlacedTasks
from plaudit.store.engine import disk_space
from plaudit.store.engine.engine import Database

EARLY_S = 1.0
"""Seconds after which a file is sent as it grows."""

EARLY_BYTES = 4 * 1024 * 1024
"""Bytes from which a file of whole tasks is sent as it grows: it grows at the pace of a network."""

KEPT_FROM_S = 1.0
"""Seconds from which lines of page files are kept too, for whoever has not taken them all yet."""

POLL_S = 0.1
GROWING_POLL_S = 0.005
MAKING_SECONDS_MAX = 600.0
PIECE_BYTES = 256 * 1024


def made_key(environment_id: str, choices: ExportChoices, digest: str) -> str:
    """Key of the blob of a file that was made for a request; `digest` is that of `MadeFile`.

    Nothing refers to it, so the deletion of unreferenced blobs removes what is left behind.
    """
    return f"{environment_id}/export-{choices.digest}-{digest}"


Growing = BinaryIO | SpooledLines
"""Beginning of a file that grows, to be read from its first byte."""


class Making:
    """A file that is being made in a thread; used on the event loop, save for `_name`."""

    def __init__(
        self, services: Services, environment_id: str, choices: ExportChoices, source: ExportSource
    ) -> None:
        self.token = secrets.token_hex(16)
        self._services = services
        self._environment_id = environment_id
        self._choices = choices
        self._source = source
        self._run: ThreadRun | None = None
        self._place: Path | None = None
        self._deciding = threading.Lock()
        self._is_sent_early = self._is_named = self._is_written = self._may_begin = False
        self._grows_fast = EXPORT_FORMATS[choices.format].join_stored is not None
        self._spool: LineSpool | None = None
        self._was_taken = threading.Event()
        """Set once nobody takes more of what is sent early, because all is sent or he has left."""
        self._is_all_taken = False
        self._task = asyncio.create_task(self._make())
        self._task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if choices.part is not None:
            services.made_files.begin(environment_id, choices.whole_digest, self._task)

    async def wait(self, receive: Receive, *, may_begin: bool) -> MadeFile | Growing:
        """Wait for the file, or if it `may_begin` early for the beginning of one that takes long.

        Raises Unavailable if the client goes away before, and what keeps the file from being made.
        """
        self._may_begin = may_begin
        leaving = asyncio.ensure_future(wait_until_gone(receive))
        try:
            started_s = time.monotonic()
            while not self._task.done():
                await asyncio.wait(
                    [self._task, leaving],
                    timeout=self._seconds_to_look(started_s),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if leaving.done():
                    break
                growing = None
                if may_begin and not self._task.done():
                    growing = self._begin_early(time.monotonic() - started_s >= EARLY_S)
                if growing is not None:
                    return growing
            if not self._task.done():
                self._stop()
            made = await asyncio.shield(self._task)
            assert made is not None, "it was not sent early"
            return made
        finally:
            leaving.cancel()
            if not self._is_sent_early:  # the request was cancelled, or all is done
                self._stop()

    async def pieces(self, growing: Growing, receive: Receive) -> AsyncIterator[bytes]:
        """Bytes of the file as they are written; raises what keeps it from being made whole."""
        leaving = asyncio.ensure_future(wait_until_gone(receive))
        try:
            while True:
                is_whole = self._is_written
                if not is_whole and self._task.done():
                    self._task.result()
                if isinstance(growing, SpooledLines) and growing.takes_long:
                    piece = await asyncio.to_thread(growing.read, PIECE_BYTES)
                else:
                    piece = growing.read(PIECE_BYTES)
                if piece:
                    yield piece
                elif is_whole:
                    self._is_all_taken = not leaving.done()
                    return
                else:
                    await asyncio.wait([self._task], timeout=GROWING_POLL_S)
        finally:
            leaving.cancel()
            growing.close()
            self._was_taken.set()

    def _seconds_to_look(self, started_s: float) -> float:
        """Seconds until the file may be long enough to be sent as it grows."""
        if self._grows_fast:
            return GROWING_POLL_S
        left_s = started_s + EARLY_S - time.monotonic()
        return left_s if left_s > 0 else POLL_S

    def _begin_early(self, is_late: bool) -> Growing | None:
        """The file if it has grown enough and is not whole; it has the token's name from then."""
        if not (is_late or self._grows_fast):
            return None
        growing = self._grown()
        if growing is None:
            return None
        with self._deciding:
            has_begun = growing.seek(0, os.SEEK_END) > (0 if is_late else EARLY_BYTES)
            self._is_sent_early = has_begun and not self._is_named
        if not self._is_sent_early:
            growing.close()
            return None
        growing.seek(0)
        self._services.made_files.begin_sending(
            self._environment_id, self._choices.digest, self.token, self._task
        )
        return growing

    def _grown(self) -> Growing | None:
        if self._spool is not None:
            return SpooledLines(self._spool)
        return None if self._place is None else files.open_growing(self._place)

    def _name(self, path: Path) -> str:
        """Name of the whole file: the token if it was sent early, else the content's digest."""
        with self._deciding:
            self._is_named = True
        return self.token if self._is_sent_early else file_digest(path)

    def _stop(self) -> None:
        if self._run is not None:
            self._run.stop(CLIENT_GONE)
        elif not self._task.done():
            self._task.cancel()

    async def _make(self) -> MadeFile | None:
        services, environment_id, choices = self._services, self._environment_id, self._choices
        with services.jobs.running_for(environment_id, WRITING) as run:
            self._run = run
            try:
                async with asyncio.timeout(MAKING_SECONDS_MAX):
                    made = await run.run_in_thread(lambda db: self._work(db, run))
            except TimeoutError as exc:
                raise Unavailable("the export takes too long") from exc
            except (Misconfigured, OSError) as exc:  # their messages name paths of the server
                raise disk_space.unwritable(exc, "the export cannot be written now") from exc
        if not made:
            return None
        for asked, other in made[1:]:
            await services.made_files.add(environment_id, asked, other, is_taken=False)
        await services.made_files.add(environment_id, choices.digest, made[0][1])
        return made[0][1]

    async def _work(self, db: Database, run: ThreadRun) -> list[tuple[str, MadeFile]]:
        """Make a file, and with a part the others too; each with the digest of its choices."""
        services, choices, project = self._services, self._choices, self._source.project
        folder = run.scratch_folder()
        with tempfile.TemporaryDirectory(prefix="export-", dir=folder) as place:
            path = Path(place, choices.file_name)
            placed = placed_tasks(db, run.settings, choices, self._source)
            if placed is not None:
                count = await self._write_lines(run, placed, path)
                if count is None:
                    return []
                counts = summary_of(count, count, {}, {})
            else:
                counts = await self._write(db, run, path)
            run.tracker.check()
            found = []
            for one in (choices, *choices.others[: KEPT_MAX - 1]):
                wanted = wanted_file(one, project, path)
                digest = self._name(wanted) if one is choices else file_digest(wanted)
                key = made_key(self._environment_id, one, digest)
                services.objects.move_blocking(key, wanted)
                made = MadeFile(key=key, digest=digest, made_s=time.monotonic(), counts=counts)
                found.append((one.digest, made))
            return found

    async def _write(self, db: Database, run: ThreadRun, path: Path) -> dict[str, Any]:
        """Write the files of an export; the counts of it."""
        if self._choices.part is None:
            self._place = path
        result = await write_export(
            db,
            run,
            self._choices,
            self._source,
            path,
            has_manifest=self._choices.part is not None,
        )
        self._is_written = True
        counts: dict[str, Any] = summary_of(result.tasks, result.rows, result.skipped, result.flags)
        return counts

    async def _write_lines(self, run: ThreadRun, placed: PlacedTasks, path: Path) -> int | None:
        """Find the lines of whole tasks, and write them; the number of tasks.

        None, and no file, for lines that were sent early and are taken soon.
        """
        self._spool = spool = LineSpool(path.parent)
        started_s, count = time.monotonic(), 0
        async for found in spooled(placed, spool, self._source.project):
            count += found
            run.tracker.report(done=count)
        self._is_written = True
        if self._may_begin and spool.records_size > EARLY_BYTES:
            self._was_taken.wait(max(0.0, started_s + KEPT_FROM_S - time.monotonic()))
            if self._is_all_taken:
                return None
        with self._deciding:
            self._is_named = not self._is_sent_early
        with path.open("wb") as file:
            for lines in spool.all_lines():
                file.write(lines)
                run.tracker.check()
        return count
