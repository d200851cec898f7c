"""How the code speaks: docstrings that name a thing, and references that lead somewhere."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from plaudit import app
from plaudit.api.http.metrics import Metrics
from plaudit.api.openapi import document as openapi
from plaudit.settings import Settings
from tests.support.source import ROOT, SOURCE, content, lines_with, name_of, nodes, trees

RIDDLES = re.compile(
    r"(The same\b|What\b|Whether\b|Who(m|se)?\b|How\b|Where\b|Which\b|Why\b|When\b|As\b.*\bsays\b)"
)
"""How no docstring begins: a reader who sees it alone would not learn what the thing is."""

UNSHIPPED = re.compile(
    r"\b(contract(\.md)?,? §?\d|reliability(\.md| T\d)|(?:performance|style|house|formats"
    r"|field|quality)\.md\b|(?<!docs/)design\.md\b)|\(T\d{1,2}\)"
)
"""Names of documents that are not in the repository."""

TEXTS = (".py", ".md", ".sql", ".html", ".js", ".css", ".toml")


@cache
def docstrings() -> list[tuple[str, str]]:
    """Place and text of each docstring of a module, class or function of src."""
    return [
        (f"{name_of(path)}:{getattr(node, 'lineno', 1)}", text)
        for path, tree in trees().items()
        for node in [tree, *nodes(tree)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node))
    ]


def attribute_docs() -> list[tuple[str, str]]:
    """Place and text of each string that describes the assignment before it."""
    found = []
    for path, tree in trees().items():
        for node in nodes(tree):
            body = getattr(node, "body", None)
            for assignment, text in pairwise(body if isinstance(body, list) else []):
                if isinstance(assignment, ast.Assign | ast.AnnAssign):
                    match text:
                        case ast.Expr(value=ast.Constant(value=str(words))):
                            found.append((f"{name_of(path)}:{text.lineno}", words.strip()))
    return found


def first_paragraph(text: str) -> str:
    """The beginning of a text, on one line."""
    return text.partition("\n\n")[0].replace("\n", " ").strip()


def descriptions() -> set[str]:
    """Texts of the OpenAPI document: answers of the API, which change with the API alone."""
    document = openapi.document(app.all_operations(Settings(), Metrics()), Settings())
    found: set[str] = set()
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.add(str(value.get("description")))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def test_no_docstring_begins_with_a_riddle():
    served = {first_paragraph(text) for text in descriptions()}
    found = [
        f"{place}: {text[:60]}"
        for place, text in [*docstrings(), *attribute_docs()]
        if RIDDLES.match(text) and first_paragraph(text) not in served
    ]

    assert found == []


def test_everything_public_says_what_it_is_for():
    silent = []
    for path, tree in trees().items():
        if not ast.get_docstring(tree) and path.read_text("utf-8").strip():
            silent.append(name_of(path))
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{name_of(path)}:{node.lineno} {node.name}")

    assert silent == []


def test_docstrings_begin_with_a_sentence():
    for place, text in docstrings():
        if not place.startswith("__main__.py"):
            first = text.partition("\n\n")[0].rstrip()
            assert first.endswith((".", ":", "?")), f"{place}: {first!r}"


@cache
def written() -> list[Path]:
    """Every text file that is part of the repository's code and documents."""
    places = [SOURCE, ROOT / "tests", ROOT / "benchmarks", ROOT / "docs"]
    files = [path for place in places for path in place.rglob("*") if path.suffix in TEXTS]
    return sorted([*files, *ROOT.glob("*.md"), ROOT / "pyproject.toml"])


def test_nothing_refers_to_a_document_that_is_not_here():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in written()
        if path.name != Path(__file__).name
        for number, line in lines_with(UNSHIPPED, path)
    ]

    assert found == []


def test_every_decision_that_is_named_exists():
    decisions = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("0*.md")}
    named = {
        (path.relative_to(ROOT).as_posix(), number)
        for path in written()
        if path.parent.name != "adr"
        if "ADR " in content(path) or "docs/adr/" in content(path)
        for number in re.findall(r"\bADR (\d{4})\b|docs/adr/(\d{4})", content(path))
    }

    missing = [
        (file, number)
        for file, groups in named
        for number in groups
        if number and number not in decisions
    ]
    assert missing == []
