"""Builder of page files: writes the records of tasks without a place, while nobody waits for it.

It polls, finds what has changed, and works on so many tasks at a time. Each round claims tasks in
one transaction, renders and syncs their records in a thread, and sets their places in another; a
task that changed meanwhile has lost its claim. Between rounds it rests as long as it worked.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from plaudit.core.tasks.page_records import RecordRound
from plaudit.errors import Unavailable
from plaudit.settings import IDLE_SECONDS_MAX, STREAM_SECONDS_MAX
from plaudit.store.engine.sqlite import SideReader, SqliteDatabase, drive
from plaudit.store.page_files import building, file_runs, file_writing
from plaudit.store.page_files.building import PlacedTask, Record, StoredPageFile
from plaudit.store.page_files.file_writing import FileWriter
from plaudit.store.page_files.places import PageFiles
from plaudit.wire.v2.packing import Packer

POLL_S = 1.0
PAUSE_S = 30.0
"""Seconds without work after a failure, such as a full disk."""

CLAIMED_MAX = 1000
"""Tasks of one round."""

ROUND_BYTES = 32 * 1024 * 1024
"""Bytes after which a round ends; its other tasks are released."""

PIECE_BYTES = 1024 * 1024
FILE_BYTES_MAX = 1024 * 1024 * 1024
"""Size from which a new file is begun."""

SPARE_BYTES_MIN = 64 * 1024 * 1024
SPARE_SHARE = 0.05
"""Space that is left to the database: this share of the disk, and at least these bytes."""

UNTAKEN_SECONDS_MAX = 1020.0
"""Seconds after which a kernel has given up a peer that takes nothing of what was sent; Linux needs
924 (tcp_retries2). Until then it may hold pages of a file, and sends what they hold by then."""

OVERWRITE_S = STREAM_SECONDS_MAX + IDLE_SECONDS_MAX + UNTAKEN_SECONDS_MAX
"""Seconds until a dead record is overwritten: longer than an answer can be on its way."""

NEW_ID_S = 0.05
"""Seconds that another process has between telling the store of a file's new id and writing it."""

DEAD_AT_ONCE = 500
PROJECTS_AT_ONCE = 100


class PageFileBuilder:
    """Builder of one process; `start` and `stop` it on the event loop of its database."""

    def __init__(
        self,
        db: SqliteDatabase,
        files: PageFiles,
        *,
        poll_s: float = POLL_S,
        overwrite_s: float = OVERWRITE_S,
        is_packed: bool = True,
    ) -> None:
        self._db = db
        self._files = files
        self._folder: Path = files.folder
        self._poll_s = poll_s
        self._overwrite_s = overwrite_s
        self._reader: SideReader = db.open_side_reader()
        self._writer: FileWriter | None = None
        self._packer = Packer() if is_packed else None
        self._task: asyncio.Task[None] | None = None
        self._seen = -1
        """Version of the data at which everything had a place."""
        self._dead: tuple[int, float] | None = None
        """Dead records up to this number may be overwritten from this time on."""
        self._has_claims = True
        """True if claims may be left of a round that failed, or of a writer that was killed."""
        self._is_stopping = asyncio.Event()
        self._log = structlog.get_logger("plaudit.page_files")

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop after what is being written now."""
        self._is_stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            pause_s = self._poll_s
            while not await self._wait(pause_s):
                started_at = time.monotonic()
                try:
                    is_done = await self.work()
                    pause_s = self._poll_s if is_done else time.monotonic() - started_at
                except Exception as exc:
                    self._log.warning("page files wait", detail=repr(exc))
                    pause_s = PAUSE_S
                    self._has_claims = True
                    self._close_writer()
        finally:
            self.close()

    def close(self) -> None:
        """Close the files and the connection of a builder that does not run."""
        self._close_writer()
        self._reader.close()

    async def _wait(self, seconds: float) -> bool:
        """Wait so long; True once the builder is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stopping.wait()
        return self._is_stopping.is_set()

    async def work(self) -> bool:
        """Work on one round; True if nothing is left to do now. Raises OSError or a Problem."""
        if not self._db.is_in_place():  # another store may stand here now, with files of its own
            return True
        if self._has_claims:
            await self._db.write(building.release_claims)
            self._has_claims = False
        if await self._give_up_lost(await asyncio.to_thread(self._look)):
            return False
        version = self._reader.data_version()
        if version == self._seen and not self._is_due():
            return True
        # First, or a store that changes all the time would never forget what was removed from it.
        if await self._overwrite_dead():
            return False
        if await asyncio.to_thread(self._has_room) and await self._write_records():
            return False
        self._seen = version
        return True

    def _is_due(self) -> bool:
        """True if records that are dead can be overwritten now."""
        return self._dead is not None and time.monotonic() >= self._dead[1]

    def _look(self) -> list[StoredPageFile]:
        """The page files that the store knows; others are deleted. Rows are there before files."""
        found = file_writing.numbers_in(self._folder)
        stored = drive(building.list_files(self._reader.tx))
        for number in found.difference(one.number for one in stored):
            file_writing.remove(self._folder, number)
        return stored

    async def _give_up_lost(self, stored: list[StoredPageFile]) -> bool:
        """Give up files that are lost or mostly dead; True if there was one."""
        epoch = self._reader.tx.epoch
        given_up = False
        for one in stored:
            if one.epoch == building.NEW_EPOCH:
                continue
            is_mostly_dead = one.dead * 2 > one.size
            is_whole = one.epoch == epoch and await self._is_there(one)
            if is_whole and not is_mostly_dead:
                continue
            given_up = True
            if self._writer is not None and self._writer.number == one.number:
                self._close_writer()
            await self._give_up(one.number)
        self._files.close_others({one.number for one in stored})
        return given_up

    async def _is_there(self, one: StoredPageFile) -> bool:
        """True if a file is whole, or is once it had time to get the id that the store has."""
        if await asyncio.to_thread(file_writing.is_there, self._folder, one):
            return True
        await asyncio.sleep(NEW_ID_S)
        found = {file.number: file for file in await asyncio.to_thread(self._look)}.get(one.number)
        return found is None or await asyncio.to_thread(file_writing.is_there, self._folder, found)

    async def _give_up(self, number: int) -> None:
        """Take the places away that tasks have in a file, and forget it."""
        await self._db.write(lambda tx: building.give_up_file(tx, number))
        file_writing.remove(self._folder, number)
        after: PlacedTask = (0, 0)
        while True:
            if self._is_stopping.is_set():  # the next builder goes on, since the file is given up
                return
            found = await asyncio.to_thread(self._list_places, number, after)
            if not found:
                break
            after = found[-1]
            await self._db.write(partial(building.lose_places, number=number, tasks=found))
        await self._db.write(lambda tx: building.delete_file(tx, number))
        self._log.info("page file given up", number=number)

    def _list_places(self, number: int, after: PlacedTask) -> list[PlacedTask]:
        places = drive(
            building.list_places_in(self._reader.tx, number, after=after, limit=CLAIMED_MAX)
        )
        return [(place.project_key, place.seq) for place in places]

    def _has_room(self) -> bool:
        found = os.statvfs(self._folder if self._folder.exists() else self._folder.parent)
        spare = max(SPARE_BYTES_MIN, int(found.f_blocks * found.f_frsize * SPARE_SHARE))
        return found.f_bavail * found.f_frsize > spare + ROUND_BYTES

    async def _write_records(self) -> bool:
        """Write the records of one round; False if every task has a place."""
        claim = building.new_claim()
        claimed = await self._claim(claim)
        if not claimed:
            return False
        try:
            writer = self._writer = await self._writer_for_more()
            records = await asyncio.to_thread(self._append, writer, claimed)
            size = writer.size + sum(length for one in records for _, length in one.ranges)
            is_ours = await self._db.write(
                lambda tx: building.set_places(tx, claim, writer.number, size, records)
            )
            if is_ours:
                writer.size = size
            else:
                self._close_writer()
        finally:
            await self._db.write(lambda tx: building.release_claim(tx, claim))
        return True

    async def _claim(self, claim: int) -> list[PlacedTask]:
        """Claim tasks: those that have lost their places first, then new ones."""
        has_lost, projects = await asyncio.to_thread(self._find_lacking)
        if has_lost:
            found = await self._db.write(
                lambda tx: building.claim_lost(tx, claim, limit=CLAIMED_MAX)
            )
            if found:
                return found
        for project_key in projects:
            found = await self._db.write(
                partial(building.claim_new, claim=claim, project_key=project_key, limit=CLAIMED_MAX)
            )
            if found:
                return found
        return []

    def _find_lacking(self) -> tuple[bool, list[int]]:
        tx = self._reader.tx
        has_lost = drive(building.has_lost_places(tx))
        return has_lost, drive(building.list_lacking_projects(tx, limit=PROJECTS_AT_ONCE))

    async def _writer_for_more(self) -> FileWriter:
        """Writer of the newest file, or of a new one where that is full or written by another."""
        writer = self._writer
        if writer is not None and writer.size < FILE_BYTES_MAX:
            return writer
        self._close_writer()
        for one in reversed(await asyncio.to_thread(self._look)):
            if one.size < FILE_BYTES_MAX and one.epoch == self._reader.tx.epoch:
                found = await asyncio.to_thread(file_writing.go_on, self._folder, one)
                if found is not None and await self._is_without_rest(found, one):
                    return found
        file_id, head = file_runs.new_head()
        number = await self._db.write(lambda tx: building.insert_file(tx, file_id, len(head)))
        writer = await asyncio.to_thread(file_writing.make, self._folder, number, head)
        try:
            if not await self._db.write(partial(building.publish_file, number=number)):
                raise Unavailable("the page file was given up while it was made")
        except BaseException:
            writer.close()
            raise
        return writer

    async def _is_without_rest(self, writer: FileWriter, stored: StoredPageFile) -> bool:
        """Cut off what lies beyond a file's size; False, and closed, if it is another one now."""
        try:
            if not writer.has_rest:
                return True
            file_id, head = file_runs.new_head()
            number, old = stored.number, stored.file_id
            if await self._db.write(lambda tx: building.set_file_id(tx, number, old, file_id)):
                await asyncio.to_thread(writer.cut_rest, head)
                return True
        except BaseException:
            writer.close()
            raise
        writer.close()
        return False

    def _append(self, writer: FileWriter, claimed: list[PlacedTask]) -> list[Record]:
        records: list[Record] = []
        writer.append(self._pieces(writer.size, claimed, records))
        return records

    def _pieces(
        self, start: int, claimed: list[PlacedTask], records: list[Record]
    ) -> Iterator[bytes]:
        """Records of the claimed tasks and what goes with them, noting where each will lie."""
        made, kept, parts = RecordRound(start, self._packer), 0, []
        for task in claimed:
            shown = drive(building.find_shown(self._reader.tx, task))
            if shown is None:
                continue
            record = made.add(task, shown)
            parts.append(record)
            kept += len(record)
            if kept >= PIECE_BYTES:
                yield b"".join(parts)
                kept, parts = 0, []
                if made.size >= ROUND_BYTES or self._is_stopping.is_set():
                    break
        yield b"".join((*parts, *made.behind()))
        records += made.records()

    async def _overwrite_dead(self) -> bool:
        """Overwrite records that have been dead for long enough; True if there were any."""
        if self._dead is None:
            newest = await asyncio.to_thread(
                lambda: drive(building.last_dead_record(self._reader.tx))
            )
            if newest:
                self._dead = (newest, time.monotonic() + self._overwrite_s)
        if self._dead is None or not self._is_due():
            return False
        until = self._dead[0]
        found = await asyncio.to_thread(
            lambda: drive(
                building.list_dead_records(self._reader.tx, until=until, limit=DEAD_AT_ONCE)
            )
        )
        if not found:
            self._dead = None
            return True
        by_file: dict[int, list[tuple[int, int]]] = {}
        for _, number, start, length in found:
            by_file.setdefault(number, []).append((start, length))
        done = {file: await self._overwrite(file, ranges) for file, ranges in by_file.items()}
        numbers = [number for number, file, _, _ in found if done[file]]
        await self._db.write(lambda tx: building.delete_dead_records(tx, numbers))
        return True

    async def _overwrite(self, number: int, ranges: list[tuple[int, int]]) -> bool:
        """Overwrite ranges of a file; False if another process does so to it at this moment."""
        stored = {one.number: one for one in await asyncio.to_thread(self._look)}.get(number)
        if stored is None or stored.epoch != self._reader.tx.epoch:
            return True  # the file is given up, with all that is in it
        file_id, head = file_runs.new_head()
        old = stored.file_id
        if not await self._db.write(lambda tx: building.set_file_id(tx, number, old, file_id)):
            return False
        return await asyncio.to_thread(
            file_writing.overwrite, self._folder, number, ranges, head, old
        )

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
