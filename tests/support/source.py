"""The source tree as the laws of this code base see it: files, syntax trees, imports, rooms."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from re import Pattern

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plaudit"
FILES = sorted(SOURCE.rglob("*.py"))


@functools.cache
def parsed(text: str) -> ast.Module:
    """The syntax tree of a source, which nobody changes."""
    return ast.parse(text)


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """The syntax tree of each file; read when the first law asks."""
    return {path: parsed(path.read_text("utf-8")) for path in FILES}


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Every text file that is part of the repository, in a checkout as in a tarball, by name."""
    ignored = {"__pycache__", "plaudit-data", "dist"}
    suffixes = {".py", ".md", ".toml", ".sql", ".html", ".js", ".css", ".yml", ".lock", ".json", ""}
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [one for one in folders if one not in ignored and not one.startswith(".")]
        paths = (Path(folder, one) for one in names if not one.startswith("."))
        found += [path for path in paths if path.suffix in suffixes and path.is_file()]
    return tuple(sorted(found))


@functools.cache
def content(path: Path) -> str:
    """The text of a file; several laws look through all of them."""
    return path.read_text("utf-8", "replace")


def lines_with(pattern: Pattern[str], path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a file in which something is found.

    The pattern names neither a line's begin nor its end, so that a file without it is looked
    through in one go.
    """
    if pattern.search(content(path)):
        for number, line in enumerate(content(path).split("\n"), 1):
            if pattern.search(line):
                yield number, line


@functools.cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Every node of a tree, from its root down; most laws look at all of them."""
    return tuple(ast.walk(tree))


def written(node: ast.expr) -> str:
    """An expression as Python writes it; of names with dots without what the others cost."""
    names, inner = list[str](), node
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return ".".join([inner.id, *names[::-1]]) if isinstance(inner, ast.Name) else ast.unparse(node)


def name_of(path: Path) -> str:
    """A file as the laws name it, such as `api/http/middleware.py`."""
    return path.relative_to(SOURCE).as_posix()


@functools.cache
def module_of(path: Path) -> str:
    """The dotted name of a file below `plaudit`; a package for its `__init__.py`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part of `plaudit` that a module belongs to, such as `store`."""
    return module.removeprefix("plaudit").strip(".").split(".")[0]


def room_of(module: str) -> str:
    """The folder of a module inside its layer, such as `tasks` for `plaudit.core.tasks.forms`.

    A module that stands in the layer's own folder is a room by itself.
    """
    parts = module.removeprefix("plaudit").strip(".").split(".")
    return parts[1] if len(parts) > 1 else ""


@functools.cache
def imports(tree: ast.AST) -> tuple[tuple[int, str], ...]:
    """Line and dotted name of each module of ours that a file imports.

    A name imported from a package is taken for a module where there is one of that name.
    """
    return tuple(_imports(tree))


@functools.cache
def _modules() -> frozenset[str]:
    return frozenset(f"plaudit.{module_of(path)}".rstrip(".") for path in FILES)


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in nodes(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "plaudit":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = whole in _modules() or node.module == "plaudit"
                yield node.lineno, whole if is_module else str(node.module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("plaudit."):
                    yield node.lineno, alias.name
