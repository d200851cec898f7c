"""Records of page files: the JSON of tasks as pages and exports show it, made and compared."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from plaudit.model.codings import Coding
from plaudit.store.engine.engine import Database, Row
from plaudit.store.page_files import building, file_runs
from plaudit.store.page_files.building import PlacedTask, Record
from plaudit.store.page_files.file_runs import FileRun, OpenFile
from plaudit.store.page_files.places import PlacedPage
from plaudit.wire.v2 import export_lines, packing, render
from plaudit.wire.v2.packing import Packer, Summed

COMPARED_AT_ONCE = 500

_encode = msgspec.json.Encoder().encode


def record_of(shown: Row) -> tuple[bytes, bytes]:
    """Record of a task and the fixes of its line, of the row that `building.find_shown` found."""
    project_id, batch_id, head, body, patches = shown
    refs = render.head_refs(_encode(project_id), None if batch_id is None else _encode(batch_id))
    return export_lines.record_and_fixes((0, None, batch_id, head, body, patches, 0), refs)


class RecordRound:
    """Records of one round of a builder, and what lies behind them in the page file.

    First the fixes of all, then all in each coding, so that neighbours are one run of each. The
    first record lies at `start`. Nothing is packed without a packer.
    """

    def __init__(self, start: int, packer: Packer | None) -> None:
        self.end = start
        """End of the records so far."""
        self.size = 0
        """Bytes of all that was made so far."""
        self._packer = packer
        self._crc = 0
        self._records: list[tuple[PlacedTask, int, int, int, int]] = []
        self._sections: tuple[list[bytes], ...] = ([], [], [])

    def add(self, task: PlacedTask, shown: Row) -> bytes:
        """Add the record of a task, of the row that `building.find_shown` found; return it."""
        record, fixes = record_of(shown)
        frame = deflated = b""
        before = after = 0
        if self._packer is not None:
            piece = record[len(_COMMA) :]
            frame, deflated = self._packer.pack(piece)
            frame, deflated = MARKS[Coding.zstd] + frame, MARKS[Coding.gzip] + deflated
            before = zlib.crc32(_COMMA, self._crc)
            after = self._crc = zlib.crc32(piece, before)
        for section, found in zip(self._sections, (fixes, frame, deflated), strict=True):
            section.append(found)
        self._records.append((task, self.end, len(record), before, after))
        self.end += len(record)
        self.size += len(record) + len(fixes) + len(frame) + len(deflated)
        return record

    def behind(self) -> list[bytes]:
        """Bytes that lie behind the records."""
        return [found for section in self._sections for found in section]

    def records(self) -> list[Record]:
        """Records with their places."""
        at = self.end
        places: list[list[int]] = [[] for _ in self._records]
        for section in self._sections:
            for place, found in zip(places, section, strict=True):
                place += at, len(found)
                at += len(found)
        return [
            Record(*[*task, start, length, *place, before, after])
            for (task, start, length, before, after), place in zip(
                self._records, places, strict=True
            )
        ]


_COMMA = b","
MARKS = {coding: packing.plain_piece(coding, _COMMA) for coding in Coding}
"""Pieces of a comma that packed records begin with, as records do with a comma."""


class PageParts(Struct, frozen=True):
    """Pieces of a page to be joined: of JSON, or of its content in a coding."""

    parts: Sequence[bytes | FileRun]
    coding: Coding | None = None


def placed_parts(placed: PlacedPage, head: bytes, tail: bytes) -> PageParts:
    """Pieces of a page whose records have places, between its head and its tail."""
    coding = placed.coding
    if coding is None:
        return PageParts([head, *placed.runs, tail])
    sums = [Summed(one.before, one.after, one.length) for one in placed.sums]
    head, tail = packing.packed_ends(coding, head, tail, _COMMA, sums)
    placed.runs[0].start += len(MARKS[coding])
    placed.runs[0].length -= len(MARKS[coding])
    return PageParts([head, *placed.runs, tail], coding)


async def count_wrong(db: Database, folder: Path) -> int:
    """Number of places whose bytes are not those of the task; files that are lost do not count."""
    wrong = 0
    async with db.read() as tx:
        stored = await building.list_files(tx)
        epoch = tx.epoch
    for one in stored:
        file = file_runs.open_whole(folder, one.number, one.file_id, one.size)
        after: PlacedTask | None = (0, 0)
        while file is not None and one.epoch == epoch and after is not None:
            after, found = await _compare(db, file, after)
            wrong += found
    return wrong


async def _compare(
    db: Database, file: OpenFile, after: PlacedTask
) -> tuple[PlacedTask | None, int]:
    """Compare the next places in a file; the last task, None at the end, and how many are wrong."""
    wrong = 0
    async with db.read() as tx:
        places = await building.list_places_in(tx, file.number, after=after, limit=COMPARED_AT_ONCE)
        for place in places:
            shown = await building.find_shown(tx, (place.project_key, place.seq))
            wrong += shown is None or not _is_right(file, place, shown)
    last = (places[-1].project_key, places[-1].seq) if places else None
    return last, wrong


def _is_right(file: OpenFile, place: Record, shown: Row) -> bool:
    """True if the record of a task is the one that it has now, with all that goes with it."""
    record, fixes = record_of(shown)
    found = [FileRun(file, start, length).read() for start, length in place.ranges]
    if found[: 1 + bool(fixes)] != ([record, fixes] if fixes else [record]):
        return False
    if not place.zstd_length:
        return len(found) == 1 + bool(fixes)
    unpacked = [
        packing.unpacked(coding, one) for coding, one in zip(Coding, found[-2:], strict=True)
    ]
    is_summed = zlib.crc32(record[len(_COMMA) :], place.crc_before) == place.crc_after
    return unpacked == [record, record] and is_summed
