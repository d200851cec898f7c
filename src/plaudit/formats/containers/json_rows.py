"""Rows of JSON: lines, elements of an array, members of an object; each checked by json_guard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import Content
from plaudit.formats.containers.json_lines import lines_of
from plaudit.formats.containers.json_split import elements
from plaudit.formats.import_format import ObjectRows, TaskReader

KEYS_MAX = 4_000_000
"""Members of one JSON object: their keys are kept, since none may stand twice."""

_MEMBER = re.compile(rb'("(?:[^"\\]++|\\.)*+")\s*:(.*)', re.DOTALL)
_MESSAGE_SHAPES = ({"role", "content"}, {"from", "value"})
"""Members of one message of a conversation: an object of such ones is a row itself."""
_SHAPE_ROWS = 50
"""Members of an object larger than a row that decide whether its members are rows."""


class JsonLimits(Struct, frozen=True):
    """Bounds of a row, its bytes and its levels, and the reader of rows that are tasks, if any."""

    row_bytes_max: int
    depth_max: int
    read_task: TaskReader | None = None


def rows_of_lines(
    content: Content, limits: JsonLimits, on_lines: Callable[[int], None], *, number: int
) -> Iterator[Row]:
    """Rows of JSON lines, the first of which has this number; blank ones are none."""
    for line_number, line in lines_of(content, limits.row_bytes_max, on_lines, number=number):
        if line is None or (line and not line.isspace()):
            yield row_of_line(content.called, line_number, line, limits)


def row_of_line(file: str, number: int, line: bytes | None, limits: JsonLimits) -> Row:
    """Row of a line, which is None or longer than a row may be for one that is not read."""
    if line is None or len(line) > limits.row_bytes_max:
        problem = InvalidContent(f"the line is longer than {limits.row_bytes_max} bytes")
        return Row(file=file, number=number, value=None, problem=problem)
    return _row(file, number, line, limits)


def rows_of_array(content: Content, limits: JsonLimits) -> Iterator[Row]:
    """Rows of an array, by element; raises InvalidContent where its end is missing."""
    for number, element in enumerate(elements(content, limits.row_bytes_max), 1):
        if element is None:
            problem = InvalidContent(f"the row is longer than {limits.row_bytes_max} bytes")
            yield Row(file=content.called, number=number, value=None, problem=problem)
        else:
            yield _row(content.called, number, element, limits)


def rows_of_object(
    content: Content, limits: JsonLimits, object_rows: ObjectRows, *, number: int
) -> Iterator[Row]:
    """Rows of a file that is one object: its members, or the object, as `object_rows` says.

    As the one row it has this number. Raises InvalidContent where the end is missing.
    """
    if object_rows is not ObjectRows.always:
        most = limits.row_bytes_max
        is_large = content.has_more_than(most)
        head = content.peek(most)
        if object_rows is ObjectRows.never or not _are_rows(content, limits, is_large=is_large):
            for _ in content.blocks():
                pass
            if is_large:
                problem = InvalidContent(f"the row is longer than {most} bytes")
                yield Row(file=content.called, number=number, value=None, problem=problem)
            else:
                yield _row(content.called, number, head.strip(), limits)
            return
    yield from _rows_of_members(content, limits)


def _are_rows(content: Content, limits: JsonLimits, *, is_large: bool) -> bool:
    """True if all members are objects of one shape: half of the keys are in each of them.

    Of an object that is larger than a row the first members decide.
    """
    ahead = _Ahead(content.called, content.peek(limits.row_bytes_max))
    values: list[Any] = []
    try:
        members = _rows_of_members(ahead, limits)  # type: ignore[arg-type]
        for row in islice(members, _SHAPE_ROWS if is_large else None):
            if row.problem is None:
                values.append(row.value)
    except InvalidContent:
        if not is_large:
            return False  # it ends too early, which is said of it as of a row
    return are_of_one_shape(values)


class _Ahead:
    """Content that has been looked at, to be looked at by a reader."""

    def __init__(self, called: str, head: bytes) -> None:
        self.called = called
        self._head = head

    def blocks(self) -> Iterator[bytes]:
        yield self._head


def are_of_one_shape(values: Sequence[Any]) -> bool:
    """True for two objects or more that have half of all their keys in common."""
    if len(values) < 2 or not all(isinstance(value, dict) and value for value in values):
        return False
    common, union = set(values[0]), set(values[0])
    for value in values:
        common &= value.keys()
        union |= value.keys()
    return 2 * len(common) >= len(union) and not any(union <= shape for shape in _MESSAGE_SHAPES)


def _rows_of_members(content: Content, limits: JsonLimits) -> Iterator[Row]:
    keys: set[int] = set()
    for number, member in enumerate(elements(content, limits.row_bytes_max), 1):
        if member is None:
            long = InvalidContent(f"the row is longer than {limits.row_bytes_max} bytes")
            yield Row(file=content.called, number=number, value=None, problem=long)
            continue
        try:
            key, value = _member(member)
        except InvalidContent as problem:
            yield Row(file=content.called, number=number, value=None, problem=problem)
            continue
        if hash(key) in keys:
            twice = InvalidContent(f"the key {key[:60]!r} stands twice")
            yield Row(file=content.called, number=number, value=None, key=key, problem=twice)
            continue
        keys.add(hash(key))
        if len(keys) > KEYS_MAX:
            raise InvalidContent(
                f"{content.called} is one JSON object of more than {KEYS_MAX:,} rows; write them as"
                " JSON lines"
            )
        yield _row(content.called, number, value, limits, key=key)


def _member(member: bytes) -> tuple[str, bytes]:
    found = _MEMBER.fullmatch(member)
    if found is None:
        raise InvalidContent('not valid JSON: expected "key": value')
    return json_guard.check(found[1]), found[2].strip()


def _row(file: str, number: int, data: bytes, limits: JsonLimits, *, key: str | None = None) -> Row:
    if limits.read_task is not None:
        task = limits.read_task(data)
        if task is not None:
            return Row(file=file, number=number, value=task, key=key, size=len(data))
    try:
        value, depth = json_guard.check_deep(data, limits.depth_max)
    except InvalidContent as problem:
        return Row(file=file, number=number, value=None, key=key, size=len(data), problem=problem)
    return Row(file=file, number=number, value=value, key=key, size=len(data), depth=depth)
