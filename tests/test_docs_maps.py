"""What documents point to is there: links, targets of make, files, rooms, decisions."""

from __future__ import annotations

import ast
import re

from tests.support.running.every_case import every_case
from tests.test_docs import DOCUMENTS, ROOT, section_of, text_of


@every_case("path", DOCUMENTS)
def test_links_lead_somewhere(path):
    prose = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.M)
            assert anchor in {slug(heading) for heading in headings}, target


def slug(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_targets_of_make_that_are_named_exist():
    targets = re.findall(r"^([\w-]+):", text_of("Makefile"), re.M)

    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"(?:`|^)make ([\w-]+)", text_of(path), re.M)
    }

    assert named <= set(targets)
    assert {"demo", "test"} <= named


def rooms() -> dict[str, str]:
    """Each package, and each module that stands beside packages, with its first sentence."""
    source = ROOT / "src" / "plaudit"
    found = {}
    for path in source.rglob("*.py"):
        name = path.relative_to(source).as_posix()
        is_package = path.name == "__init__.py" and path.parent != source
        stands_alone = path.parent in (source, source / "api") and path.name[0] != "_"
        if is_package or stands_alone:
            text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            sentence = text.partition("\n\n")[0].replace("\n", " ")
            found[name.removesuffix("__init__.py")] = sentence
    return found


def test_the_map_of_rooms_has_each_room_with_the_sentence_that_it_says_itself():
    section = section_of("ARCHITECTURE.md", "Map of rooms")

    assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.M)) == rooms()


def test_files_that_the_flows_name_exist():
    text = text_of("ARCHITECTURE.md")
    named = set(re.findall(r"^ *([a-z_]+/[\w/]+(?:\.py|/)) ", text, re.M))
    named |= set(re.findall(r"`((?:api|cli|core|formats|store|wire|workspace)/[\w/.]*)`", text))

    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / "src/plaudit" / name).exists()] == []


def test_every_path_of_a_checklist_is_there():
    """A name in angle brackets stands for any; then at least one file answers to it."""
    text = section_of("CONTRIBUTING.md", "Checklists")
    named = {
        path
        for path in re.findall(r"`([\w./<>-]+)`", text)
        if "/" in path.strip("/") or path.endswith((".md", ".py"))
    }

    missing = []
    for path in named - {"src/plaudit/"}:
        pattern = re.sub(r"<\w+>|NNNN_<\w+>|NNNN", "*", path.rstrip("/"))
        base = ROOT if path.startswith(("tests/", "docs/", "CHANGELOG")) else ROOT / "src/plaudit"
        if not list(base.glob(pattern)):
            missing.append(path)

    assert len(named) > 40
    assert sorted(missing) == []


@every_case("path", sorted((ROOT / "docs/adr").glob("0*.md")))
def test_a_decision_is_short_and_has_its_four_parts(path):
    text = path.read_text("utf-8")

    assert re.findall(r"^## (.*)$", text, re.M) == [
        "Context", "Decision", "Consequences", "Alternatives",
    ]  # fmt: skip
    assert text.startswith(f"# {path.stem[:4]} ")
    assert len(text.splitlines()) <= 60
    assert f"({path.name})" in text_of("docs/adr/README.md")
