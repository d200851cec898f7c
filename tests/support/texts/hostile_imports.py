"""What imports say of broken rows: the examples of docs/import, spoiled in every place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.core.transfer.importer import Reject
from plaudit.errors import InvalidContent
from plaudit.formats.common.dry_run import try_import
from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.formats.table.mapping_checks import read_mapping
from plaudit.formats.table.toml_text import mapping_from_text
from tests.support.foreign_rows import rows_of, spoiled
from tests.test_docs import BLOCKS

ROWS_SPOILED = 2
"""Rows of each example that are spoiled."""


class Said(Struct):
    """Reasons and remarks of imports, each once."""

    reasons: set[str] = set()
    remarks: set[str] = set()

    def reject(self, row: Reject) -> None:
        self.reasons.add(row.message)


def examples(folder: Path) -> Iterator[list[Row]]:
    """Rows of each file of the documents."""
    for number, block in enumerate(BLOCKS):
        names = [mark.partition("=")[2] for mark in block.marks if mark.startswith("file=")]
        if not block.document.startswith("docs/import") or not names:
            continue
        path = folder / f"{number}-{names[0]}"
        path.write_text(block.text)
        if path.suffix not in (".toml", ".xml"):
            yield list(read_rows(path, names[0], on_progress=lambda at: None))


def mappings() -> list[dict[str, Any]]:
    """Mappings of the documents."""
    texts = [block.text for block in BLOCKS if block.document == "docs/import/table.md"
             and block.marks[0] == "toml"]  # fmt: skip
    return [tomllib.loads(text) for text in texts]


def said_of_rows(folder: Path) -> Said:
    """All that the formats say of spoiled rows, each read by the format that takes the example."""
    said = Said()
    for rows in examples(folder):
        values = [row.value for row in rows[:ROWS_SPOILED] if row.problem is None]
        broken = rows_of([one for value in values for one in spoiled(value)], "broken.jsonl")
        for chosen in FORMATS.values():
            if chosen.detect is None or chosen.detect(rows[:50]) is None:
                continue
            for is_strict in (False, True):
                _try(said, [*rows, *broken], chosen.name, ImportOptions(is_strict=is_strict))
        for mapping in mappings():
            _try(said, [*rows, *broken[:400]], "table", ImportOptions(mapping=mapping))
    return said


def _try(said: Said, rows: list[Row], name: str, options: ImportOptions) -> None:
    try:
        with closing(FileImport([], FORMATS[name], options, project_name="P", rows=rows)) as one:
            one.prepare()
            try_import(one, said.reject)
            said.remarks.update(one.notes.list_sentences())
    except InvalidContent as problem:
        said.reasons.add(problem.message)


BROKEN_TEXTS = (
    "prompt = ", "prompt", "prompt = 'x", 'prompt = "x', "prompt = [1", "prompt = {a = 1", "= 1",
    "a = 1\na = 2", "[a]\n[a]", "[a\n", "[[a]\n", "a = 1 b = 2", "a = \x01", 'a = "\\q"',
    "a = 2024-13-99",
    'a = "\\ud800"', "a = {b = 1, b = 2}", "a = {b = 1}\n[a.c]", "a.b = 1\na = 2", "a = 01",
    "é = 1",
    "a." * 200 + "a = 1",
)  # fmt: skip
"""Texts that are no TOML, or none that a mapping may be."""


def said_of_mappings() -> Said:
    """All that is said of mappings with a hostile value in the place of each part, and of texts."""
    said = Said()
    for text in BROKEN_TEXTS:
        try:
            mapping_from_text(text)
        except InvalidContent as problem:
            said.reasons.add(problem.message)
    for mapping in mappings():
        for one in spoiled(mapping):
            try:
                read_mapping(one)
            except InvalidContent as problem:
                said.reasons.add(problem.message)
    return said


BROKEN_FILES = {
    "half.jsonl": b'{"prompt": "Hi"}\n{"prompt": \n{"a": 1, "a": 2}\n{"a": 1,}\n[1, 2,]\n"\\x"\n'
    b'01\n'
    b'{"a": "\\ud800"}\n{"a": 1e999}\n{a: 1}\n{"a" 1}\n{"a": tru}\n{"a": "\\u12"}\n1 2\n'
    + b'{"a": ' + b"9" * 400 + b'}\n{"a": "\xff"}\n' + b"[" * 300 + b"]" * 300 + b"\n",
    "cut.json": b'[{"prompt": "Hi"}, {"prompt": "H',
    "cut.csv": b'prompt,response\n"Hi,there\nHi,a,b\n',
    "twice.csv": b"a,a\n1,2\n",
    "empty.csv": b"",
    "one.zip": b"PK\x03\x04" + b"\0" * 40,
    "one.tar": b"\0" * 257 + b"ustar" + b"\0" * 300,
    "one.xz": b"\xfd7zXZ\0" + b"\0" * 40,
    "one.bz2": b"BZh9" + b"\0" * 40,
    "one.gz": b"\x1f\x8b\x08" + b"\0" * 20,
    "one.pdf": b"%PDF-1.7\n",
    "one.xls": b"\xd0\xcf\x11\xe0" + b"\0" * 40,
    "utf16.csv": "prompt,response\nHi,Ho\n".encode("utf-16"),
    "page.html": b"<!DOCTYPE html><html></html>",
    "one.sqlite": b"SQLite format 3\0" + b"\0" * 40,
    "one.parquet": b"PAR1" + b"\0" * 40,
    "one.bin": b"\x01\x02\x03",
    "one.arrow": b"ARROW1\0\0",
}  # fmt: skip
"""Files that are cut, or that hold no rows."""


def said_of_files(folder: Path) -> Said:
    """All that is said of broken files, by a format of tables and one of JSON alone."""
    said = Said()
    for name, content in BROKEN_FILES.items():
        path = folder / name
        path.write_bytes(content)
        for chosen in ("trl", "v2", "archive"):
            file = InputFile(path, name, len(content))
            try:
                with closing(
                    FileImport([file], FORMATS[chosen], ImportOptions(), project_name="P")
                ) as one:
                    one.prepare()
                    try_import(one, said.reject)
                    said.remarks.update(one.notes.list_sentences())
            except InvalidContent as problem:
                said.reasons.add(problem.message)
    return said
