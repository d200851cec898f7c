"""Writing of catalogues, and bringing them into step with the code: `make texts`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import msgspec

from plaudit.workspace.language.languages import ENGLISH, FOLDER, LANGUAGES
from tests.support.texts.entries import Entry, read_entries
from tests.support.texts.extraction import extracted

HEADER = """Project-Id-Version: Plaudit
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
"""


def write(entries: Iterable[Entry]) -> str:
    """Text of a file with these entries."""
    return "\n".join(_written(entry) for entry in entries)


def _written(entry: Entry) -> str:
    lines = list(entry.comments)
    lines += [f"#: {reference}" for reference in entry.references]
    lines += [f"#, {', '.join(entry.flags)}"] if entry.flags else []
    if entry.context:
        lines.append(f"msgctxt {_quoted(entry.context)}")
    lines.append(f"msgid {_quoted(entry.singular)}")
    if entry.plural:
        lines.append(f"msgid_plural {_quoted(entry.plural)}")
        lines += [f"msgstr[{n}] {_quoted(form)}" for n, form in enumerate(entry.translations)]
    else:
        lines.append(f"msgstr {_quoted(entry.translations[0])}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    if "\n" not in escaped:
        return f'"{escaped}"'
    return '""' + "".join(
        f'\n"{line}"' for line in re.findall(r"[^\n]*\\n|[^\n]+", escaped.replace("\n", "\\n\n"))
    )


def template() -> str:
    """Text of plaudit.pot for the code as it is."""
    return write([Entry(singular="", translations=[HEADER]), *extracted()])


def merged(known: list[Entry]) -> list[Entry]:
    """Entries of a language in step with the code: its header and its translations kept."""
    found = {entry.key: entry for entry in known}
    entries = [known[0]]
    for entry in extracted():
        own = found.get(entry.key)
        if own is not None and bool(own.plural) == bool(entry.plural):
            own_comments = [line for line in own.comments if line.startswith("# ")]
            entry = msgspec.structs.replace(
                entry,
                translations=own.translations,
                comments=[*own_comments, *entry.comments],
                flags=own.flags if "fuzzy" in own.flags else entry.flags,
            )
        entries.append(entry)
    return entries


def main() -> None:
    """Write plaudit.pot anew, and each language with it; say what has no translation."""
    (FOLDER / "plaudit.pot").write_text(template())
    for code in LANGUAGES:
        if code == ENGLISH.code:
            continue
        path = FOLDER / f"{code}.po"
        entries = merged(read_entries(path.read_text()))
        path.write_text(write(entries))
        missing = sum(not all(entry.translations) for entry in entries[1:])
        sys.stdout.write(f"{path.name}: {len(entries) - 1} texts, {missing} without translation\n")


if __name__ == "__main__":
    main()
