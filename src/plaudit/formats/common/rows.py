"""Rows of the files that are imported, and the remarks on rows that were taken all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent

LOCATIONS_SHOWN = 3
"""Rows that a remark names; the others are counted."""


class Row(Struct, frozen=True, kw_only=True):
    """One row of a file, whose name or path is `file`.

    `number` is that of the line in JSON lines, of the element (from 1) in a JSON array or object,
    of the row as a spreadsheet counts it in CSV, TSV and XLSX (the header is row 1), and of the row
    from 1 in Parquet. `value` is decoded JSON; cells of CSV, TSV and XLSX are texts by column.
    `key` is the name under which the row stands, where a file is one JSON object of rows. `size` is
    about the number of bytes that it takes, `depth` the number of levels that it was
    read from. `problem` replaces a value that cannot be read. `value` may be a prepared task, to
    which `pointer` leads in the row.
    """

    file: str
    number: int
    value: Any
    key: str | None = None
    size: int = 0
    depth: int = 0
    pointer: str = ""
    problem: InvalidContent | None = None


class RowProblem(Exception):
    """Refusal of one of the rows of an item; the item's other rows are refused with it."""

    def __init__(self, row: Row, problem: InvalidContent) -> None:
        super().__init__(problem.message)
        self.row = row
        self.problem = problem


class ImportNotes:
    """Remarks of one import, each with a count and the first rows that it is about.

    A remark is a sentence about rows in general ("a response is empty"), so that it can be counted.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._locations: dict[str, list[str]] = {}

    def add(self, remark: str, row: Row | None = None, count: int = 1) -> None:
        """Count a remark; the first LOCATIONS_SHOWN rows are named with it."""
        self._counts[remark] = self._counts.get(remark, 0) + count
        locations = self._locations.setdefault(remark, [])
        if row is not None and len(locations) < LOCATIONS_SHOWN:
            locations.append(f"{Path(row.file).name}:{row.number}")

    def restart(self) -> None:
        """Forget all remarks: the import begins again."""
        self._counts.clear()
        self._locations.clear()

    def count(self, remark: str) -> int:
        """Number of times that a remark was made."""
        return self._counts.get(remark, 0)

    def list_sentences(self) -> list[str]:
        """List the remarks as `N × remark (file:row, …)`, in the order of their first row."""
        sentences = []
        for remark, count in self._counts.items():
            shown = self._locations[remark]
            more = ", …" if shown and count > len(shown) else ""
            rows = f" ({', '.join(shown)}{more})" if shown else ""
            sentences.append(f"{count:,} × {remark}{rows}")
        return sentences


OnProgress = Callable[[int], None]
"""Called with the position in the file, in bytes."""
