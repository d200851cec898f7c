"""The examples of the import documents run, and all that an import says is listed in them."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plaudit.formats.registry import FORMATS
from tests.support.harness import run_cli
from tests.support.import_messages import ImportMessages
from tests.test_docs import BLOCKS, ROOT, Block, section_of, text_of

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

GUIDES = ("docs/import.md", *(f"docs/import/{path.name}" for path in sorted(
    (ROOT / "docs/import").glob("*.md"))))  # fmt: skip
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


@pytest.mark.parametrize("name", [n for n in GUIDES if any("import" in b.marks and
    b.document == n for b in BLOCKS)])  # fmt: skip
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


def formats_with_examples() -> dict[str, str]:
    """Formats whose names stand in the heading of a section with an example, with the document."""
    found = {}
    for name in GUIDES:
        for heading, body in re.findall(
            r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", text_of(name), re.M | re.S
        ):
            if "```sh import" in body:
                found |= dict.fromkeys(re.findall(r"`([\w-]+)`", heading), name)
    return found


def test_every_format_has_a_section_with_an_example():
    assert set(formats_with_examples()) == set(FORMATS)


def test_every_format_is_listed_with_the_document_that_describes_it():
    listed = {
        name: document
        for document, names in re.findall(
            r"^\| \[[^\]]+\]\(([^)]+)\) \| (.*) \|$", text_of("docs/import.md"), re.M
        )
        for name in re.findall(r"`([\w-]+)`", names)
    }

    assert set(listed) == set(FORMATS)
    for name, document in formats_with_examples().items():
        expected = document if listed[name].startswith("#") else f"docs/{listed[name]}"
        assert document == expected


@pytest.mark.parametrize("kind", ["reasons", "remarks"])
def test_all_that_an_import_says_is_listed(kind):
    """A message of the code that is missing, or one that the code has no more, is shown."""
    text = text_of("docs/import/reasons.md")
    section = re.search(rf"^## {kind.title()}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    listed = re.findall(r"^\| `([^`]+)` \|", section[1], re.M)

    said = getattr(ImportMessages(), kind)

    assert [f"{text} ({', '.join(sorted(said[text]))})" for text in said.keys() - set(listed)] == []
    assert sorted(set(listed) - said.keys()) == []
    assert len(listed) == len(set(listed))


def test_the_messages_of_the_code_are_all_found():
    """What a call says is a text, a constant, or handed on from another call."""
    found = ImportMessages()

    assert found.unknown == set()
    assert len(found.reasons) > 150
    assert len(found.remarks) > 40


def test_the_mapping_is_described_member_by_member():
    from plaudit.formats.table.mapping import Preference, ResponseColumns, TableMapping

    section = section_of("docs/import/table.md", "Members")
    described = set(re.findall(r"^\| `(?:responses\.|preference\.)?([\w.]+)`", section, re.M))

    for struct in (TableMapping, ResponseColumns, Preference):
        assert set(struct.__struct_encode_fields__) - described == set()
