"""Import the kinds of archive lines that the operator alone imports, chunk by chunk.

People, their work and the history say who may do what and who did what. So a manager, who imports
in the browser, can neither gain rights by them nor write history; the command line can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from plaudit.core.accounts.users import find_live_organization
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer.audit_archive import AUDIT
from plaudit.core.transfer.people import PEOPLE
from plaudit.core.transfer.row_group import RowResult, RowScope
from plaudit.core.transfer.staffing_archive import STAFFING
from plaudit.core.transfer.webhook_import import WEBHOOKS
from plaudit.core.transfer.work_import import WORK
from plaudit.errors import Conflict, Problem
from plaudit.store.engine.engine import Transaction, Write

CHUNK_ROWS = 500
CHUNK_BYTES = 4 * 1024 * 1024

GROUPS = (PEOPLE, STAFFING, WORK, WEBHOOKS, AUDIT)
"""In the order in which their lines refer to one another: later ones to earlier ones."""

KINDS = tuple(kind for group in GROUPS for kind in group.readers)

_GROUP_NUMBERS = {kind: number for number, group in enumerate(GROUPS) for kind in group.readers}

SourceLocation = tuple[str, int, str]
"""Location of an entry: file name, line number, JSON pointer to the value."""


class _PendingRow(Struct, frozen=True):
    """A line of the current chunk that was read, with its location in the source."""

    kind: str
    row: Any
    source_location: SourceLocation


class RowImport:
    """The lines of KINDS of one import. `write` runs work in a transaction.

    `secret` is the server's, which the operator alone has; with None every line is refused.
    `before_flush` stores what the lines may refer to; `record_result` is called for each line.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        secret: ServerSecret | None,
        *,
        replace: bool,
        before_flush: Callable[[], Awaitable[None]],
        record_result: Callable[[str, SourceLocation, str | Problem], None],
    ) -> None:
        self._write = write
        self._environment_id = environment_id
        self._secret = secret
        self._replace = replace
        self._before_flush = before_flush
        self._record_result = record_result
        self._chunk: list[_PendingRow] = []
        self._chunk_bytes = 0

    async def import_entry(
        self, kind: str, value: Any, source_location: SourceLocation, size: int
    ) -> None:
        """Import one entry of `size` bytes; raises InvalidContent or Conflict if it is rejected."""
        if self._secret is None:
            raise operator_only(kind)
        row = GROUPS[_GROUP_NUMBERS[kind]].readers[kind](value)
        self._chunk.append(_PendingRow(kind, row, source_location))
        self._chunk_bytes += size
        if len(self._chunk) >= CHUNK_ROWS or self._chunk_bytes >= CHUNK_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Store the pending lines in one transaction, after what they refer to."""
        chunk, self._chunk, self._chunk_bytes = self._chunk, [], 0
        if not chunk:
            return
        await self._before_flush()
        results = await self._write(lambda tx: self._store(tx, chunk))
        for pending, result in zip(chunk, results, strict=True):
            self._record_result(pending.kind, pending.source_location, result)

    async def _store(self, tx: Transaction, chunk: list[_PendingRow]) -> list[RowResult]:
        assert self._secret is not None
        scope = RowScope(
            self._environment_id,
            await find_live_organization(tx, self._environment_id),
            self._secret,
            self._replace,
        )
        results: dict[int, RowResult] = {}
        for number, group in enumerate(GROUPS):
            places = [
                place
                for place, pending in enumerate(chunk)
                if _GROUP_NUMBERS[pending.kind] == number
            ]
            if places:
                stored = await group.store(tx, scope, [chunk[place].row for place in places])
                results.update(zip(places, stored, strict=True))
        return [results[place] for place in range(len(chunk))]


def operator_only(kind: str) -> Conflict:
    """Return the refusal of a line that the operator alone imports."""
    noun = kind.replace("_", " ")
    row = f"an {noun}" if noun[0] in "aeio" else f"a {noun}"
    return Conflict(f"{row} is imported by the operator alone, with the command 'plaudit import'")
