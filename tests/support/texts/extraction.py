"""Texts of the pages, as templates, Python and scripts mark them (docs/translating.md)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache

import jinja2
from jinja2.ext import extract_from_ast

from plaudit import errors
from plaudit.workspace.http import assets, script_texts
from plaudit.workspace.http.views import TEMPLATES, say_in_templates
from tests.support.source import SOURCE
from tests.support.texts.entries import Entry

Found = tuple[str, str, str]
"""Context, singular and plural; empty where there is none."""

IN_PYTHON = {"N_": "text", "say": "text", "N_n": "count", "say_count": "count", "say_in": "context"}
IN_TEMPLATES = {
    "gettext": "text", "_": "text", "ngettext": "count", "_n": "count",
    "pgettext": "context", "_p": "context", "npgettext": "context count",
}  # fmt: skip


def environment() -> jinja2.Environment:
    """Templates as the server reads them, without what their pages are filled with."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say_in_templates(made)
    return made


def _found(kind: str, strings: list[str]) -> Found:
    context = strings.pop(0) if "context" in kind else ""
    return context, strings[0], strings[1] if "count" in kind else ""


def in_templates() -> Iterator[tuple[str, Found]]:
    """Texts of templates, with the name of each one's file."""
    templates = environment()
    for path in sorted(TEMPLATES.rglob("*.html")):
        tree = templates.parse(path.read_text())
        name = f"templates/{path.relative_to(TEMPLATES).as_posix()}"
        for _, function, strings in extract_from_ast(tree, tuple(IN_TEMPLATES)):
            known = [strings] if isinstance(strings, str) else [one for one in strings if one]
            if known:
                yield name, _found(IN_TEMPLATES[function], known)


def in_python() -> Iterator[tuple[str, Found]]:
    """Texts that Python marks or says, and default messages of problems."""
    for path in sorted(SOURCE.rglob("*.py")):
        source = path.read_text()
        if not any(f"{name}(" in source for name in IN_PYTHON):
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            kind = IN_PYTHON.get(node.func.id)
            strings = [
                one.value
                for one in node.args
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if kind is not None and strings:
                yield path.relative_to(SOURCE).as_posix(), _found(kind, strings)
    for one in vars(errors).values():
        if isinstance(one, type) and issubclass(one, errors.Problem):
            yield "errors.py", ("", inspect.getdoc(one) or "", "")


def in_scripts() -> Iterator[tuple[str, Found]]:
    """Texts that scripts say with `t` and `tn`."""
    for name in assets.script_names():
        for one, many in script_texts.said_in(name):
            yield f"static/{name}", ("", one, many)


@cache
def extracted() -> tuple[Entry, ...]:
    """Entries of all texts, in the order of files and places; none has a translation."""
    entries: dict[tuple[str, str], Entry] = {}
    for where, (context, singular, plural) in (*in_templates(), *in_python(), *in_scripts()):
        entry = entries.get((context, singular))
        if entry is None:
            entry = entries[context, singular] = Entry(
                singular=singular, context=context, translations=[""]
            )
            entry.flags = ["python-format"] if "%(" in singular else []
        if plural:
            entry.plural, entry.translations = plural, ["", ""]
        if where not in entry.references:
            entry.references.append(where)
    return tuple(entries.values())
