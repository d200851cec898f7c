"""Tasks of JSON lines, decoded straight into structs where that is as good as reading with care.

`json_guard.check` and `parse.read_task` build every value twice and look at each. A line is taken
here only if they would surely take it, and make the same of it: every other one, also one that may
only look wrong, is left to them, with the words that they have for it. That nothing of a line was
lost, such as a member that stands twice or one that nobody knows, shows in its quotation marks:
each text has two, and what was read, written again, has as many as the line
(docs/adr/0043-import-processes.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.json_guard import INT_MAX, INT_MIN
from plaudit.wire.v2 import parse
from plaudit.wire.v2.body_rendering import Body, plain_body
from plaudit.wire.v2.parse import ReadTask, annotation_lists
from plaudit.wire.v2.plain_task import PlainTask
from plaudit.wire.v2.task import ArchivedTask

LEVELS_AROUND = 20
"""More than the levels in which a value of an annotation stands, of an archive's line too."""

RICH_LINES = 16
"""Lines after one that is no plain task for which none is expected."""

_QUOTES_OF_TEXT = 2
_QUOTES_OF_MEMBER = 2 * _QUOTES_OF_TEXT
"""Quotation marks of a member whose value is a text without any."""

_ESCAPED_QUOTE_OR_NUL = re.compile(rb"\\u00(?:22|00)")
_SIMPLE = (str, bool, type(None), float)
_encode = msgspec.json.Encoder().encode
_decode_plain = msgspec.json.Decoder(PlainTask).decode
_decode_whole = msgspec.json.Decoder(ArchivedTask).decode


class LineTask(Struct, frozen=True, gc=False):
    """Task of a line, as `parse.read_task` reads it; with its body, where that was made already."""

    read: ReadTask
    body: Body | None


class LineReader:
    """Reader of the tasks of lines, or with `is_archive` of the lines of an archive."""

    def __init__(self, *, is_archive: bool = False) -> None:
        self._is_archive = is_archive
        self._rich_lines = 0

    def read(self, line: bytes) -> LineTask | None:
        """The task of a line; None for a line to be read with care, or without a task."""
        if b"\\u00" in line and _ESCAPED_QUOTE_OR_NUL.search(line):
            return None
        try:
            return self._read(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidContent):
            return None

    def _read(self, line: bytes) -> LineTask | None:
        quotes = line.count(b'"')
        value: bytes | msgspec.Raw = line
        if self._is_archive:
            entry = _decode_entry(line)
            if entry.kind != "task":
                return None
            value = entry.value
            quotes -= _ENTRY_QUOTES
        if self._rich_lines:
            self._rich_lines -= 1
        else:
            found = _read_plain(value, quotes)
            if found is not None:
                return found
            self._rich_lines = RICH_LINES
        return _read_whole(value, quotes)


class _Entry(Struct):
    """Line of an archive, whose value is not looked at."""

    kind: str
    value: msgspec.Raw


_decode_entry = msgspec.json.Decoder(_Entry).decode
_ENTRY_QUOTES = 3 * _QUOTES_OF_TEXT


def _read_plain(value: bytes | msgspec.Raw, quotes: int) -> LineTask | None:
    """A task without rare members, whose body is the JSON that shows that nothing was lost."""
    task = cast("ArchivedTask", _decode_plain(value))
    threads, content = task.threads, task.content
    added = 0
    for thread_lists, is_minted in ((threads, True), (content, False)):
        for _, listed in annotation_lists(thread_lists or [], {}):
            for annotation in listed:
                kind = type(annotation.value)
                if kind is int:
                    if not INT_MIN <= annotation.value <= INT_MAX:
                        return None
                elif kind not in _SIMPLE and not _are_bounded([annotation.value]):
                    return None
                if annotation.type is None:
                    added += 1
                if annotation.id is None and is_minted:
                    added += 1
    if '"' in task.task_id or (task.metadata and not _are_bounded(task.metadata.values())):
        return None
    read = parse.complete(task)
    body = None
    if threads:
        body = plain_body(threads)
        if body is None:
            return None
    task.threads = None
    written = _encode(task).count(b'"')
    task.threads = threads
    if threads is not None:
        written += _QUOTES_OF_TEXT
    if body is not None:
        written += body.quotes
    if written - _QUOTES_OF_MEMBER * added != quotes:
        return None
    return LineTask(read, body)


def _read_whole(value: bytes | msgspec.Raw, quotes: int) -> LineTask | None:
    """A task with any members, if nothing of it was lost."""
    task = _decode_whole(value)
    # Objects of projects and batches get members here that they did not come with.
    if not isinstance(task.project, str | None) or not isinstance(task.batch, str | None):
        return None
    if _encode(task).count(b'"') != quotes or not _is_bounded(task):
        return None
    return LineTask(parse.complete(task), None)


def _is_bounded(task: ArchivedTask) -> bool:
    """True if no open member is deep, or holds a number that is too great."""
    open_values: list[Any] = list((task.metadata or {}).values())
    for threads in (task.threads, task.content):
        for _, listed in annotation_lists(threads or [], {}):
            for annotation in listed:
                open_values += (annotation.value, annotation.possible_values, annotation.metadata)
                open_values += [vote.value for vote in annotation.votes or ()]
    return _are_bounded(open_values)


def _are_bounded(values: Iterable[Any]) -> bool:
    try:
        json_guard.check_values(values, json_guard.DEPTH_MAX - LEVELS_AROUND)
    except InvalidContent:
        return False
    return True
