"""Faults of a mapping for whoever is filling in a form: all that are known, none raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.table.reader import TableReader


class MappingFault(Struct, frozen=True):
    """A fault, and the JSON pointer to the member of the mapping that it is about."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


def check_mapping(decoded: Any, rows: Sequence[Row] = ()) -> list[MappingFault]:
    """List the faults of a mapping, and the columns that the first rows do not have."""
    try:
        reader = TableReader(ImportOptions(mapping=decoded), ImportNotes())
    except InvalidContent as problem:
        return [MappingFault(problem.pointer, problem.message)]
    return [
        MappingFault(pointer, f"there is no column {column!r}")
        for column, pointer in reader.missing_columns(rows)
    ]
