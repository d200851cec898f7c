"""Detection of an import format by the first rows of the files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec import Struct

from plaudit.formats.common.file_import import InputFile
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.import_format import LINE_BYTES_MAX, ImportFormat
from plaudit.formats.registry import FORMATS
from plaudit.settings import INFLATED_BYTES_MAX

ROWS_SEEN = 50
FITTING_SHARE = 0.8


class Detection(Struct, frozen=True):
    """First rows of the files, and the format that they are of, None where none is told.

    `problem` is that of the first row that cannot be read.
    """

    rows: Sequence[Row]
    format: ImportFormat | None = None
    columns: Sequence[str] = ()
    """Columns that decided."""
    problem: Row | None = None

    @property
    def reason(self) -> str:
        """Sentence for people about what was detected, and how to choose otherwise."""
        assert self.format is not None
        return (
            f"read as {self.format.name} because of columns {', '.join(self.columns)}; "
            "--format overrules"
        )


def detect(
    files: Sequence[InputFile], *, inflated_max: int | None = INFLATED_BYTES_MAX
) -> Detection:
    """Read the first ROWS_SEEN rows of each file, and ask the formats, most special first.

    All files must be of one format. Raises InvalidContent for a file that is not read at all.
    """
    seen: list[Row] = []
    problem: Row | None = None
    detected: list[tuple[ImportFormat, Sequence[str]] | None] = []
    for file in files:
        rows = _first_rows(file, inflated_max)
        readable = [row for row in rows if row.problem is None]
        problem = problem or next((row for row in rows if row.problem is not None), None)
        seen += readable
        detected.append(_format_of(readable))
    first = detected[0] if detected else None
    if first is None or any(other is None or other[0] is not first[0] for other in detected):
        return Detection(seen[:ROWS_SEEN], problem=problem)
    return Detection(seen[:ROWS_SEEN], *first, problem=problem)


def _first_rows(file: InputFile, inflated_max: int | None) -> list[Row]:
    rows = read_rows(
        file.path,
        file.name,
        on_progress=lambda at: None,
        inflated_max=inflated_max,
        row_bytes_max=_ROW_BYTES_MAX,
    )
    return list(islice(rows, ROWS_SEEN))


def _format_of(rows: Sequence[Row]) -> tuple[ImportFormat, Sequence[str]] | None:
    """Format of the first rows, and the columns that show it.

    A few bad rows do not hide what the others are: at least FITTING_SHARE of them must fit.
    """
    if not rows:
        return None
    candidates = sorted(FORMATS.values(), key=lambda listed: -listed.specificity)
    for candidate in candidates:
        columns = candidate.detect(rows) if candidate.detect is not None else None
        if columns:
            return candidate, columns
    for candidate in candidates:
        if candidate.detect is None:
            continue
        fitting = [row for row in rows if candidate.detect([row])]
        if len(fitting) >= FITTING_SHARE * len(rows):
            columns = candidate.detect(fitting)
            if columns:
                return candidate, columns
    return None


_ROW_BYTES_MAX = max([LINE_BYTES_MAX, *(listed.line_bytes_max for listed in FORMATS.values())])
"""Rows longer than that are refused in every format."""
