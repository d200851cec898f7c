"""Catalogues as translators have them: entries with comments, references and flags.

What translators' tools rely on is read too: comments, references and flags. Obsolete entries
(`#~`) are left out.
"""

from __future__ import annotations

import re

from msgspec import Struct

from plaudit.workspace.language.po_file import unescape

_KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])? "(.*)"')


class Entry(Struct, kw_only=True):
    """Message of a catalogue; `translations` has one text for each plural form, or one alone."""

    singular: str
    plural: str = ""
    context: str = ""
    translations: list[str]
    comments: list[str] = []
    """Lines for translators (`#.`) and of translators (`# `), with their marks."""
    references: list[str] = []
    flags: list[str] = []

    @property
    def key(self) -> tuple[str, str]:
        """Context and singular, by which it is found."""
        return self.context, self.singular


def read_entries(text: str) -> list[Entry]:
    """Entries of a file in its order, the header with an empty singular first.

    Raises ValueError, which names the line.
    """
    entries: list[Entry] = []
    parts: dict[str, str] = {}
    notes: dict[str, list[str]] = {"comments": [], "references": [], "flags": []}
    last = ""

    def close() -> None:
        nonlocal parts, notes, last
        if "msgid" in parts:
            forms = [parts[key] for key in sorted(parts) if key.startswith("msgstr")]
            entries.append(
                Entry(
                    singular=parts["msgid"],
                    plural=parts.get("msgid_plural", ""),
                    context=parts.get("msgctxt", ""),
                    translations=forms,
                    comments=notes["comments"],
                    references=notes["references"],
                    flags=notes["flags"],
                )
            )
        parts, last = {}, ""
        notes = {"comments": [], "references": [], "flags": []}

    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("#~") or not line:
            continue
        if line.startswith("#"):
            if "msgid" in parts:
                close()
            if line.startswith("#:"):
                notes["references"] += line[2:].split()
            elif line.startswith("#,"):
                notes["flags"] += [flag.strip() for flag in line[2:].split(",")]
            else:
                notes["comments"].append(line)
        elif match := _KEYWORD.fullmatch(line):
            name, form, value = match.groups()
            last = name if form is None else f"{name}{form}"
            if last in parts or (last == "msgctxt" and "msgid" in parts):
                close()
                last = name
            parts[last] = unescape(value)
        elif last and len(line) > 1 and line[0] == line[-1] == '"':
            parts[last] += unescape(line[1:-1])
        else:
            raise ValueError(f"line {number} is no line of a catalogue: {line}")
    close()
    return entries
