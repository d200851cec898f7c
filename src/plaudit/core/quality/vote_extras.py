"""Columns beside the votes: who worked on which task for how long, and the texts of questions."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT_BYTES_MAX = 32_000_000
"""Bytes of the texts of a project that are kept; of those after them the length alone."""


class SeqColumns:
    """Columns of numbers, of which the first is the task's seq."""

    def __init__(self, typecodes: str) -> None:
        self.columns = [array(code) for code in typecodes]

    def __len__(self) -> int:
        return len(self.columns[0])

    def add(self, *values: int) -> None:
        """Add a row."""
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def drop(self, dropped: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take out the rows of some tasks, which ascend; the mask of those that stay."""
        is_kept = ~np.isin(np.array(self.columns[0], np.int64), dropped)
        if not is_kept.all():
            self.columns = [
                array_of(column.typecode, np.array(column)[is_kept]) for column in self.columns
            ]
        return is_kept

    def state(self) -> list[bytes]:
        """The columns as bytes."""
        return [column.tobytes() for column in self.columns]

    def restore(self, columns: Sequence[bytes]) -> None:
        """Take over columns; there must be no rows yet."""
        for column, values in zip(self.columns, columns, strict=True):
            column.frombytes(values)

    def arrays(self) -> list[NDArray[Any]]:
        """The columns as arrays."""
        return [np.array(column, column.typecode) for column in self.columns]


class TextRows:
    """Texts, or marks of texts, that people gave to one question: seq, unit, person and time each.

    `values` has the JSON of each, None for one that is not kept.
    """

    def __init__(self) -> None:
        self.rows = SeqColumns("qiiq")
        self.values: list[bytes | None] = []

    def add(self, seq: int, unit: int, person: int, time: int, value: bytes | None) -> None:
        """Add a text."""
        self.rows.add(seq, unit, person, time)
        self.values.append(value)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the values that are kept."""
        return sum(len(value) for value in self.values if value is not None)

    def state(self) -> tuple[list[bytes], list[bytes | None]]:
        """The columns as bytes, and the values."""
        return self.rows.state(), self.values

    def restore(self, columns: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Take over columns and values; there must be none yet."""
        self.rows.restore(columns)
        self.values = list(values)

    def drop(self, dropped: NDArray[np.int64], units: NDArray[np.int32]) -> None:
        """Take out the texts of some tasks; `units` has the new number of each unit."""
        is_kept = self.rows.drop(dropped)
        self.values = [
            value for value, stays in zip(self.values, is_kept.tolist(), strict=True) if stays
        ]
        old = np.array(self.rows.columns[1], np.int32)
        self.rows.columns[1] = array_of("i", units[old])


def array_of(typecode: str, values: NDArray[Any]) -> array[Any]:
    """Numbers as an array that more can be added to."""
    made = array(typecode)
    made.frombytes(np.ascontiguousarray(values, typecode).tobytes())
    return made
