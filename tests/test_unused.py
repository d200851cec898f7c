"""Nothing stands here that nothing uses: no module, and no dependency.

Imports are read from the source. Each exception is named here, with what uses it in another way.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.source import nodes, parsed

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "plaudit"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

ENTRY_POINTS = (
    "plaudit.__main__", "plaudit.cli", "plaudit.client", "plaudit.spark", "plaudit.ray",
)  # fmt: skip
"""What `python -m plaudit` and the command `plaudit` begin with, and what programs import."""

NOT_IMPORTED = {
    "httptools": "the parser that uvicorn is told to use",
    "uvloop": "the loop that uvicorn takes where it is installed",
    "pytest-timeout": "a plugin, set in pyproject.toml",
    "pytest-xdist": "a plugin, for -n",
    "ray": "imported by plaudit/ray.py, which has its name",
    "datasets": "imported by a test, whose name for it is that of rooms of ours",
    "openpyxl": "loaded by its name when a workbook is written",
    "mypy": "a command of the Makefile",
    "ruff": "a command of the Makefile",
}
"""Dependencies that are used without an import of ours, and how."""

PLACES = {
    None: ("src",),
    "postgres": ("src",),
    "parquet": ("src",),
    "xlsx": ("src",),
    "spark": ("src",),
    "ray": ("src",),
    "test": ("tests",),
    "check": (),
    "bench": ("benchmarks",),
}
"""Where the code is that needs the dependencies (None) and each extra."""

# Of the standard library of Python 3.14, and imported there alone.
STANDARD = {*sys.stdlib_module_names, "compression"}

_NAMED = re.compile(r"(plaudit(?:\.\w+)+):\w+")


def module_of(path: Path) -> str:
    """The name under which a file of src is imported."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCE.rglob("*.py")}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, and perhaps names of modules: `a.b` of `from a import b`.

    Modules that are named in a text, as `import_module("a")` or `"a.b:Name"`, are among them.
    """
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    # Only a text or a call names modules inside an expression; few files have one.
    is_looked_through = "import_module" in text or _NAMED.search(text) is not None
    tree = parsed(text) if path.is_relative_to(SOURCE) else ast.parse(text)
    for node in nodes(tree) if is_looked_through else statements(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                yield from (f"{module}.{one.name}" for one in names)
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(name))]):
                yield name
            case ast.Constant(value=str(text)) if named := _NAMED.fullmatch(text):
                yield named[1]


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement of a file, those inside others included."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, block, ())


def reachable(entry_points: Iterable[str]) -> set[str]:
    """The modules of ours that are loaded by these, the packages around them included."""
    waiting, seen = list(entry_points), set[str]()
    while waiting:
        module = waiting.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        waiting += [*imports(MODULES[module]), module.rpartition(".")[0]]
    return seen


@cache
def imported_distributions(*folders: str) -> set[str]:
    """What must be installed for the imports of the files in these folders."""
    here = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    ours = {"plaudit", "benchmarks", "tests", *(path.stem for path in here)}
    ours |= {path.parent.name for path in here} | STANDARD
    roots = {name.partition(".")[0] for path in here for name in imports(path)} - ours
    installed = installed_packages()
    return {canonical(name) for root in roots for name in installed.get(root, [root])}


@cache
def installed_packages() -> Mapping[str, list[str]]:
    """The distributions that bring each package; their files are read for it."""
    return packages_distributions()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str | None) -> set[str]:
    """The dependencies, or those of an extra, that this interpreter installs."""
    texts = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    found = [Requirement(text) for text in texts]
    return {canonical(one.name) for one in found if one.marker is None or one.marker.evaluate()}


def test_every_module_is_reached_from_a_command():
    assert set(MODULES) - reachable(ENTRY_POINTS) == set()


@pytest.mark.parametrize("extra", PLACES, ids=str)
def test_every_dependency_is_imported(extra):
    unused = declared(extra) - imported_distributions(*PLACES[extra])

    assert unused - set(NOT_IMPORTED) == set()


def test_every_extra_is_looked_at():
    assert {None, *PROJECT["optional-dependencies"]} == set(PLACES)


@pytest.mark.parametrize("place", ["src", "tests", "benchmarks"])
def test_every_import_is_of_a_declared_dependency(place):
    extras = {
        "src": ("postgres", "parquet", "xlsx", "spark", "ray"),
        "tests": ("test",),
        "benchmarks": ("test", "bench"),
    }[place]
    known = declared(None).union(*(declared(extra) for extra in extras))

    assert imported_distributions(place) - known == set()


def test_what_is_said_not_to_be_imported_is_a_dependency():
    everything = declared(None).union(*(declared(extra) for extra in PLACES if extra))

    assert set(NOT_IMPORTED) - everything == set()
