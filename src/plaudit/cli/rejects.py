"""Rejected rows of an import: the first of them on standard error, all of them in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

import msgspec

from plaudit.cli.terminal import err
from plaudit.core.transfer.importer import Reject
from plaudit.errors import Misconfigured

PRINTED_MAX = 20

_encode = msgspec.json.Encoder().encode


class RejectReport:
    """Rejected rows of one import, printed one a line up to PRINTED_MAX.

    Where there are more, or a file is named, all of them go into a file as JSON lines with `file`,
    `line`, `pointer` and `message`; without a name it is made in the folder for temporary files.
    """

    def __init__(self, path: Path | None) -> None:
        self.count = 0
        self._path = path
        self._printed = 0
        self._first: list[Reject] = []
        self._file: IO[bytes] | None = None

    def restart(self) -> None:
        """Forget all rows: the import begins again. What was printed is not printed twice."""
        self.count = 0
        self._first.clear()
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()

    def add(self, reject: Reject) -> None:
        """Print or count a row; raises Misconfigured if the file cannot be written."""
        self.count += 1
        if self._printed < self.count <= PRINTED_MAX:
            self._printed = self.count
            err.print(str(reject))
        if self._file is None and self._path is None and self.count <= PRINTED_MAX:
            self._first.append(reject)
            return
        try:
            if self._file is None:
                self._file = self._open()
            for row in (*self._first, reject):
                self._file.write(_encode(row) + b"\n")
        except OSError as exc:
            raise Misconfigured(f"the rejected rows cannot be written: {exc.strerror}") from exc
        self._first.clear()

    def close(self) -> None:
        """Print how many more there are, and where all of them stand."""
        if self._file is None:
            return
        name = self._file.name
        self._file.close()
        more = max(self.count - PRINTED_MAX, 0)
        if self.count:
            start = f"and {more} more; all" if more else "all" if self.count > 1 else "the"
            rows = "1 rejected row is" if self.count == 1 else f"{self.count} rejected rows are"
            err.print(f"{start} {rows} in {name}")

    def _open(self) -> IO[bytes]:
        if self._path is not None:
            return self._path.open("wb")
        return tempfile.NamedTemporaryFile(prefix="plaudit-rejects-", suffix=".jsonl", delete=False)
