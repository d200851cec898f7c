"""Texts of the pages, as templates, Python and scripts mark them (docs/translating.md)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache

import jinja2
from jinja2.ext import extract_from_ast

from plaudit import errors
from plaudit.core.tasks.forms import PRESETS
from plaudit.workspace.http import assets, script_texts
from plaudit.workspace.http.views import TEMPLATES, say_in_templates
from plaudit.workspace.language import problem_texts
from tests.support.source import SOURCE
from tests.support.texts.entries import Entry

Found = tuple[str, str, str]
"""Context, singular and plural; empty where there is none."""

IN_PYTHON = {"N_": "text", "say": "text", "N_n": "count", "say_count": "count", "say_in": "context"}
IN_DECLARATIONS = (
    *(("ExportFormat", "title"), ("ExportFormat", "purpose"), ("ImportFormat", "title")),
    *(("TypeRules", "uncharted"), ("BarChart", "meaning")),
)
"""Declarations of layers below the pages whose words the pages show."""
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
        if not any(f"{name}(" in source for name in (*IN_PYTHON, *dict(IN_DECLARATIONS))):
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            for keyword in node.keywords:
                if (node.func.id, keyword.arg) in IN_DECLARATIONS:
                    for text in _patterns(keyword.value):
                        context = problem_texts.CONTEXT if "%(" in text else ""
                        yield path.relative_to(SOURCE).as_posix(), (context, text, "")
            kind = IN_PYTHON.get(node.func.id)
            strings = [
                one.value
                for one in node.args
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if kind is not None and len(strings) > kind.count(" ") + (kind != "text"):
                yield path.relative_to(SOURCE).as_posix(), _found(kind, strings)
    for one in vars(errors).values():
        if isinstance(one, type) and issubclass(one, errors.Problem):
            yield "errors.py", ("", inspect.getdoc(one) or "", "")


PROBLEM_ROOMS = (
    *("core/accounts/", "core/common/", "core/deliveries/", "core/labeling/", "core/outbound/"),
    *("core/quality_control/", "core/tasks/", "core/webhooks/", "workspace/"),
    *("api/transfer/", "api/http/job_runner.py", "core/transfer/jobs.py"),
    *(f"core/transfer/{name}.py" for name in ("importer", "merge", "prepared_tasks", "references")),
    *("formats/files.py", "formats/common/", "formats/containers/", "formats/argilla/records.py"),
    *("formats/hh.py", "formats/messages.py", "formats/openai.py", "formats/sharegpt.py"),
    *("formats/trl.py", "formats/label_studio/regions.py", "formats/v2.py", "json_guard.py"),
    *(
        f"formats/table/{name}.py"
        for name in ("assembly", "item", "judgments", "paths", "roles", "row_reading", "table_row")
    ),
    *("wire/v2/parse.py", "wire/v2/size_limits.py", "wire/v2/unknown_members.py"),
)
"""Where the problems come from that people meet on pages. Messages of formats of single data sets,
of mappings, of archives and of the API's own parameters stay English."""


def in_problems() -> Iterator[tuple[str, Found]]:
    """Messages that problems and faults are raised with, as patterns under their own context."""
    names = {one for one, kind in vars(errors).items() if isinstance(kind, type)} | {"Fault"}
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if not where.startswith(PROBLEM_ROOMS):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in names and (message := _message_of(node)) is not None:
                for text in filter(_is_telling, _patterns(message)):
                    yield where, (problem_texts.CONTEXT, text, "")


SAYING = {"why", "says", "reasons", "NO_PAIR", "ONE_CATEGORY", "NO_ORDER", "CHANCE"}
"""Names under which statistics say in words why a figure has no value, or what it means."""


def in_statistics() -> Iterator[tuple[str, Found]]:
    """Words of statistics, which are kept in reports, as patterns as those of problems."""
    for path in sorted((SOURCE / "core/quality").rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            said: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                said = node.args[0] if node.func.id == "Undefined" and node.args else None
            elif isinstance(node, ast.keyword) and node.arg in SAYING:
                said = node.value
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                said = node.value if node.targets[0].id in SAYING else None
            if said is not None:
                for text in filter(_is_telling, _patterns(said)):
                    yield where, (problem_texts.CONTEXT, text, "")


def _is_telling(text: str) -> bool:
    """True if a pattern has enough words of its own that it takes no other message for its own."""
    return len(re.sub(r"%\(\w+\)s|\W", "", text)) >= 6


def _message_of(call: ast.Call) -> ast.expr | None:
    named = [one.value for one in call.keywords if one.arg == "message"]
    place = 1 if isinstance(call.func, ast.Name) and call.func.id == "Fault" else 0
    return named[0] if named else call.args[place] if len(call.args) > place else None


def _patterns(message: ast.expr) -> Iterator[str]:
    match message:
        case ast.Constant(value=str(text)) if " " in text:
            yield text
        case ast.IfExp():
            yield from _patterns(message.body)
            yield from _patterns(message.orelse)
        case ast.JoinedStr():
            taken: dict[str, str] = {}
            text = "".join(
                str(part.value).replace("%", "%%")
                if isinstance(part, ast.Constant)
                else f"%({_value_name(part, taken)})s"
                for part in message.values
            )
            if " " in text:
                yield text if taken else text.replace("%%", "%")


def _value_name(part: ast.expr, taken: dict[str, str]) -> str:
    """Name of a value: the last name of its expression, told apart from others by a number."""
    written = ast.unparse(part)
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'|:.*|!r", "", written)) or ["value"]
    name = words[-1].strip("_").lower()
    number = 1
    while taken.get(name if number == 1 else f"{name}_{number}", written) != written:
        number += 1
    name = name if number == 1 else f"{name}_{number}"
    taken[name] = written
    return name


def in_questions() -> Iterator[tuple[str, Found]]:
    """Texts of the built-in questions, under a context of their own."""
    for form in PRESETS.values():
        for field in form.fields:
            texts = [field.title, field.description, *(field.labels or ())]
            for text in texts:
                if text:
                    yield "core/tasks/forms.py", ("form", text, "")


def in_scripts() -> Iterator[tuple[str, Found]]:
    """Texts that scripts say with `t` and `tn`."""
    for name in assets.script_names():
        for one, many in script_texts.said_in(name):
            yield f"static/{name}", ("", one, many)


@cache
def extracted() -> tuple[Entry, ...]:
    """Entries of all texts, in the order of files and places; none has a translation."""
    entries: dict[tuple[str, str], Entry] = {}
    for where, (context, singular, plural) in (
        *in_templates(),
        *in_python(),
        *in_scripts(),
        *in_questions(),
        *in_problems(),
        *in_statistics(),
    ):
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
