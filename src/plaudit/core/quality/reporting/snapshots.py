"""Last report of each project, kept in the store: made by a job, read by pages and the API.

Parts are written as soon as they are made, under the id of a snapshot that nobody is shown yet;
the last transaction puts it in the place of the one before, whose parts are deleted then.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.labeling.counting.vote_writing import fill_project
from plaudit.core.quality.comparisons.rating_history import RatingHistory
from plaudit.core.quality.reporting.annotator_pages import people_parts
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.report import whole_report
from plaudit.core.quality.vote_reading import number_changes
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.quality import snapshots
from plaudit.store.quality.snapshots import SnapshotRow
from plaudit.store.tasks import projects
from plaudit.wire.manage.quality_annotators import Annotators
from plaudit.wire.manage.quality_report import QualityReport

PIECE_BYTES = 512 * 1024
PIECES_AT_ONCE = 8
WRITTEN_AT_ONCE = 32
"""Small pieces that are written, or any that are deleted, in one transaction."""
SINCE_MAX = 1000
"""Submissions since a report that are counted."""

_HISTORY = "history"
_VOTES, _FACTS = "votes", "facts"
"""Parts that are columns of numbers, for the next report."""

OnProgress = Callable[[str, int], None]
"""Is told the phase and the tasks that were read."""

_encode = msgspec.json.Encoder().encode
_read_options = msgspec.json.Decoder(ReportOptions).decode
_read_history = msgspec.json.Decoder(RatingHistory).decode
_read_report = msgspec.json.Decoder(QualityReport).decode


class Part(StrEnum):
    """Part of a snapshot that is answered: JSON as it was encoded."""

    report = "report"
    annotators = "annotators"
    bias = "bias"
    leaderboard = "leaderboard"


class Snapshot(Struct, frozen=True):
    """A project's last report, without its parts, and the submissions since, up to SINCE_MAX."""

    row: SnapshotRow
    since: int

    @property
    def options(self) -> ReportOptions:
        """Options that it was made by."""
        return _read_options(self.row.options)


async def find_snapshot(tx: Transaction, project_key: int) -> Snapshot | None:
    """The last report of a project; None before the first."""
    row = await snapshots.find_snapshot(tx, project_key)
    if row is None:
        return None
    since = await snapshots.count_submissions(
        tx, project_key, after=row.submission_id, limit=SINCE_MAX
    )
    return Snapshot(row, since)


async def read_part(tx: Transaction, snapshot: Snapshot, part: str) -> list[bytes]:
    """JSON of a part in pieces; the transaction must be the one that found the snapshot."""
    pieces: list[bytes] = []
    while True:
        found = await snapshots.list_pieces(
            tx,
            snapshot.row.project_key,
            snapshot.row.snapshot_id,
            part,
            after=len(pieces) - 1,
            limit=PIECES_AT_ONCE,
        )
        pieces += found
        if len(found) < PIECES_AT_ONCE:
            return pieces


async def find_history(tx: Transaction, snapshot: Snapshot) -> RatingHistory | None:
    """Ratings in the course of the votes; None where an earlier version made the snapshot.

    The transaction must be the one that found the snapshot.
    """
    pieces = await read_part(tx, snapshot, _HISTORY)
    return _read_history(b"".join(pieces)) if pieces else None


def report_of_pieces(pieces: list[bytes]) -> QualityReport:
    """The report that a part has."""
    return _read_report(b"".join(pieces))


class SnapshotMaker:
    """A snapshot while it is made, with an id of its own."""

    def __init__(
        self,
        db: Database,
        project: ProjectRow,
        options: ReportOptions,
        snapshot_id: str | None = None,
    ) -> None:
        self._db = db
        self._project = project
        self._options = options
        self.snapshot_id = snapshot_id or ids.mint("quality")
        self.last: SnapshotRow | None = None

    async def make(self, on_progress: OnProgress) -> SnapshotRow:
        """Make all parts; `show` shows the row that is returned.

        Raises InvalidContent for options that do not fit the project.
        """
        on_progress("reading votes", 0)
        async with self._db.read() as tx:
            self.last = await snapshots.find_snapshot(tx, self._project.project_key)
        await self._delete_but("" if self.last is None else self.last.snapshot_id)
        row = await self._position()
        whole = await whole_report(
            self._db,
            self._project,
            self._options,
            lambda count: on_progress("reading tasks", count),
            self,
        )
        report = whole.report
        on_progress("keeping the report", report.tasks)
        for part, value in (
            (Part.report, report),
            (Part.annotators, Annotators(project=report.project, people=whole.people)),
            (Part.bias, report.bias),
            (Part.leaderboard, report.leaderboard),
            (_HISTORY, whole.history),
        ):
            await self._keep([(part, _encode(value))])
        await self._keep(people_parts(whole.people))
        return msgspec.structs.replace(row, task_count=report.tasks, vote_count=report.votes)

    async def show(self, tx: Transaction, row: SnapshotRow) -> None:
        """Put the snapshot in the place of the one before."""
        await snapshots.show_snapshot(tx, row)

    async def delete_others(self) -> None:
        """Delete the parts of all snapshots before this one, once it is shown.

        The next one may be under way by then: its parts stay.
        """
        await self._delete_but(self.snapshot_id)

    async def votes(self) -> bytes | None:
        """Votes that the last report left."""
        return await self._kept(_VOTES)

    async def facts(self) -> bytes | None:
        """Facts of tasks that the last report left."""
        return await self._kept(_FACTS)

    async def keep_votes(self, state: bytes) -> None:
        """Keep votes for the next report."""
        await self._keep([(_VOTES, zlib.compress(state, 1))])

    async def keep_facts(self, state: bytes) -> None:
        """Keep facts of tasks for the next report."""
        await self._keep([(_FACTS, zlib.compress(state, 1))])

    async def _kept(self, part: str) -> bytes | None:
        if self.last is None:
            return None
        pieces = list[bytes]()
        whole = zlib.decompressobj()
        number = -1
        while True:
            async with self._db.read(snapshot=False) as tx:
                found = await snapshots.list_pieces(
                    tx,
                    self.last.project_key,
                    self.last.snapshot_id,
                    part,
                    after=number,
                    limit=PIECES_AT_ONCE,
                )
            try:
                pieces += map(whole.decompress, found)
            except zlib.error:
                return None
            number += len(found)
            if len(found) < PIECES_AT_ONCE:
                break
        return b"".join(pieces) or None

    async def _position(self) -> SnapshotRow:
        """The row of a snapshot that holds all that is committed now."""
        project_key = self._project.project_key
        await fill_project(self._db, project_key)
        async with self._db.read() as tx:
            clock_ms = await projects.last_completion_time(tx, project_key)
            next_seq = await projects.next_seq(tx, project_key)
            newest = await snapshots.find_newest_submission(tx, project_key)
            computed_ms = clock.now_ms()
        return SnapshotRow(
            project_key=project_key,
            snapshot_id=self.snapshot_id,
            computed_ms=computed_ms,
            options=_encode(self._options),
            task_count=0,
            vote_count=0,
            change_no=await number_changes(self._db, project_key),
            clock_ms=clock_ms,
            next_seq=next_seq,
            submission_id=newest,
        )

    async def _keep(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Keep parts cut into pieces, some of them in each transaction."""
        batch: list[tuple[str, int, bytes]] = []
        size = 0
        for part, content in parts:
            for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
                batch.append((part, number, content[start : start + PIECE_BYTES]))
                size += len(batch[-1][2])
                if size >= PIECE_BYTES or len(batch) >= WRITTEN_AT_ONCE:
                    await self._insert(batch)
                    batch, size = [], 0
        await self._insert(batch)

    async def _insert(self, pieces: Sequence[tuple[str, int, bytes]]) -> None:
        async def work(tx: Transaction) -> None:
            for part, number, content in pieces:
                await snapshots.insert_piece(
                    tx, self._project.project_key, self.snapshot_id, part, number, content
                )

        await self._db.write(work)

    async def _delete_but(self, kept: str) -> None:
        async def work(tx: Transaction) -> int:
            return await snapshots.delete_pieces(
                tx,
                self._project.project_key,
                kept=kept,
                before=self.snapshot_id,
                limit=WRITTEN_AT_ONCE,
            )

        while await self._db.write(work) == WRITTEN_AT_ONCE:
            pass
