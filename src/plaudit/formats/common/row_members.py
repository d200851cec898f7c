"""Checked members of a row: texts, numbers and lists, refused with a pointer into the row."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import COERCED
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import ImportOptions

EMPTY_RESPONSE = "a response is empty or blank; it is kept, and no training file will have it"
NOT_TEXT = "a text is a number or true or false in the file; it is kept as text and flagged"
REPEATED_SOURCE = "two responses of an item have one name; the later one got a number"


class RowMembers:
    """Members of one row by name; `flags` collects the flags of the task that is made of it."""

    def __init__(self, row: Row, options: ImportOptions, notes: ImportNotes) -> None:
        if not isinstance(row.value, dict):
            raise InvalidContent("a row is an object with named members")
        self.row = row
        self.value: dict[str, Any] = row.value
        self.flags: list[str] = []
        self._options = options
        self._notes = notes

    @property
    def is_strict(self) -> bool:
        """True if what a lenient import takes with a remark is refused."""
        return self._options.is_strict

    def remark(self, remark: str, *flags: str) -> None:
        """Count a remark about the row, and flag its task."""
        self._notes.add(remark, self.row)
        self.flags.extend(flag for flag in flags if flag not in self.flags)

    def rest(self, used: Collection[str]) -> dict[str, Any]:
        """Return the members that a reader has no use for, for the metadata of the task."""
        return {
            name: value
            for name, value in self.value.items()
            if name not in used and value is not None
        }

    def has(self, name: str) -> bool:
        """True if the row has the member, and it is not null."""
        return self.value.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text; raises InvalidContent where there is none."""
        if name not in self.value:
            raise InvalidContent(f"the row has no {name!r}", pointer=pointer_of(name))
        return self.as_text(self.value[name], pointer_of(name))

    def optional_text(self, name: str) -> str | None:
        """Return a text, None where the member is missing, null or empty."""
        if self.value.get(name) in (None, ""):
            return None
        return self.text(name)

    def response(self, name: str) -> str:
        """Return the text of a response; an empty one is kept, with a remark."""
        return self.as_response(self.value.get(name, ...), pointer_of(name))

    def as_response(self, value: Any, pointer: str) -> str:
        """Check the text of a response that stands at `pointer`; see `response`."""
        if value is ...:
            raise InvalidContent(f"the row has no {pointer[1:]!r}", pointer=pointer)
        text = self.as_text(value, pointer)
        if not text.strip():
            self._notes.add(EMPTY_RESPONSE, self.row)
        return text

    def as_text(self, value: Any, pointer: str) -> str:
        """Check a text; a number or boolean is written out with a remark, or refused if strict."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float) and not self._options.is_strict:
            self.remark(NOT_TEXT, COERCED)
            return str(value).lower() if isinstance(value, bool) else str(value)
        raise InvalidContent(f"expected a text, not {name_of_kind(value)}", pointer=pointer)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer from `low` to `high`, None where there is none.

        Texts of integers count, since cells are texts. Raises InvalidContent for anything else.
        """
        value = self.value.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        number = as_integer(value)
        if number is None or not low <= number <= high:
            raise InvalidContent(
                f"expected an integer from {low} to {high}, not {shown(value)}",
                pointer=pointer_of(name),
            )
        return number

    def listed(self, name: str) -> list[Any]:
        """Return a list, also where a cell has it as JSON; raises InvalidContent without one."""
        value = self.value.get(name)
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            value = _decoded(value, pointer_of(name))
        if not isinstance(value, list):
            raise InvalidContent(
                f"expected a list, not {name_of_kind(value)}", pointer=pointer_of(name)
            )
        return value

    def unique_names(self, names: Sequence[str]) -> list[str]:
        """Return the names with a number after each that stands there already, with a remark."""
        given, taken = set(names), set[str]()
        numbers: dict[str, int] = {}
        unique_names = []
        for name in names:
            unique, number = name, numbers.get(name, 1)
            while unique in taken or (unique != name and unique in given):
                number += 1
                unique = f"{name}_{number}"
            if unique != name:
                self._notes.add(REPEATED_SOURCE, self.row)
                numbers[name] = number
            taken.add(unique)
            unique_names.append(unique)
        return unique_names


def _decoded(text: str, pointer: str) -> Any:
    try:
        return json_guard.check(text.encode())
    except (InvalidContent, UnicodeEncodeError) as problem:
        raise InvalidContent("the text is not the JSON of a list", pointer=pointer) from problem


def pointer_of(name: str) -> str:
    """JSON pointer (RFC 6901) to a member of the row."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def as_integer(value: Any) -> int | None:
    """An integer of 64 bits, also where it is written as text or as a float; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    is_fitting = isinstance(value, int) and -(2**63) <= value < 2**63
    return value if is_fitting else None


def comes_second(winner: str, loser: str, context: str = "") -> bool:
    """True if a winner is shown after the loser, so that its place says nothing.

    The order follows from a hash of the texts: it is equal at each import.
    """
    digest = hashlib.sha256("\0".join((context, *sorted((winner, loser)))).encode()).digest()
    is_sorted = digest[0] % 2 == 0
    return (winner > loser) is is_sorted


def name_of_kind(value: Any) -> str:
    """Words for the kind of a JSON value, such as `a list`."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def shown(value: Any) -> str:
    """Short form of a value for messages."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
