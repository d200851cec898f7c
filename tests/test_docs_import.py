"""The examples of the import documents run, for each format and each member of a mapping."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plaudit.formats.registry import FORMATS
from plaudit.formats.table.mapping import (
    Preference,
    Rating,
    ResponseColumns,
    Spans,
    TableMapping,
    TextColumn,
)
from tests.support.harness import run_cli
from tests.support.running.every_case import every_case
from tests.test_docs import BLOCKS, Block, section_of, text_of

GUIDES = sorted({block.document for block in BLOCKS if block.marks[:2] == ("sh", "import")})
"""Documents with commands that import."""

REST = "…"


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    assert run_cli("init", cwd=folder).returncode == 0
    return folder


def option_of(block: Block, name: str) -> str | None:
    """Value of a mark such as `file=birds.csv`."""
    found = [mark.partition("=")[2] for mark in block.marks if mark.startswith(f"{name}=")]
    return found[0] if found else None


def commands_of(block: Block) -> Iterator[list[str]]:
    for line in block.text.replace("\\\n", " ").splitlines():
        command, *words = shlex.split(line)
        assert command == "plaudit"
        yield words


@pytest.mark.parametrize("name", GUIDES)
def test_an_import_says_what_the_document_shows(name, empty_store, tmp_path):
    """Blocks with `file=NAME` are files; commands run one after the other, in one store."""
    folder = tmp_path / "folder"
    shutil.copytree(empty_store, folder)
    said, checked = "", 0

    for block in (one for one in BLOCKS if one.document == name):
        if (file := option_of(block, "file")) is not None:
            (folder / file).write_text(block.text)
        elif block.marks[:2] == ("sh", "import"):
            said = ""
            for words in commands_of(block):
                done = run_cli(*words, cwd=folder)
                assert done.returncode == int(option_of(block, "exit") or 0), done.stderr
                said += done.stderr + done.stdout
        elif block.marks == ("text", "answer"):
            shown = block.text.splitlines()
            count = shown.index(REST) if REST in shown else None
            assert said.splitlines()[:count] == shown[:count]
            checked += 1

    assert checked > 0


@every_case("name", FORMATS)
def test_a_format_is_listed_with_a_section_that_has_an_example(name):
    linked = re.search(
        rf"^\| \[`{name}`\]\(([^)#]*)#", section_of("docs/import.md", "Formats"), re.M
    )
    assert linked is not None
    document = f"docs/{linked[1]}" if linked[1] else "docs/import.md"

    section = re.search(
        rf"^## [^\n]*`{name}`[^\n]*\n(.*?)(?=^## |\Z)", text_of(document), re.M | re.S
    )

    assert section is not None
    assert "```sh import" in section[1]
    assert "```text answer" in section[1]


def members_of(part: Any) -> set[str]:
    """Names of all members in a decoded mapping, at any level."""
    if isinstance(part, list):
        return {name for inner in part for name in members_of(inner)}
    if not isinstance(part, dict):
        return set()
    return set(part) | {name for inner in part.values() for name in members_of(inner)}


@pytest.mark.parametrize(
    "struct", [TableMapping, ResponseColumns, Preference, Rating, Spans, TextColumn]
)
def test_every_member_of_a_mapping_is_described_and_stands_in_an_example(struct):
    described = section_of("docs/import/table.md", "Members")
    examples = [
        tomllib.loads(block.text)
        for block in BLOCKS
        if block.document == "docs/import/table.md" and block.marks[0] == "toml"
    ]

    for name in struct.__struct_encode_fields__:
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`", described), name
        assert any(name in members_of(example) for example in examples), name
