"""Texts of the pages, as templates, Python and scripts mark them (docs/translating.md)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache

import jinja2
from jinja2.ext import extract_from_ast

from plaudit import errors
from plaudit.core.tasks.forms import PRESETS
from plaudit.workspace.http import assets, script_texts
from plaudit.workspace.http.views import TEMPLATES, say_in_templates
from plaudit.workspace.language import message_parts, problem_texts
from tests.support.source import SOURCE, nodes, parsed
from tests.support.texts.code_messages import CodeMessages
from tests.support.texts.entries import Entry
from tests.support.texts.patterns import is_telling, patterns_of

Found = tuple[str, str, str]
"""Context, singular and plural; empty where there is none."""

IN_PYTHON = {"N_": "text", "say": "text", "N_n": "count", "say_count": "count", "say_in": "context"}
IN_DECLARATIONS = (
    *(("ExportFormat", "title"), ("ExportFormat", "purpose")),
    *(("ImportFormat", "title"), ("ImportFormat", "project_refusal")),
    *(("TypeRules", "uncharted"), ("BarChart", "meaning")),
)
"""Declarations of layers below the pages whose words the pages show."""
IN_TEMPLATES = {
    "gettext": "text", "_": "text", "ngettext": "count", "_n": "count",
    "pgettext": "context", "_p": "context", "npgettext": "context count",
}  # fmt: skip


@cache
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


@cache
def parsed_template(source: str) -> jinja2.nodes.Template:
    """The syntax tree of a template, which nobody changes."""
    return environment().parse(source)


def _found(kind: str, strings: list[str]) -> Found:
    context = strings.pop(0) if "context" in kind else ""
    return context, strings[0], strings[1] if "count" in kind else ""


def in_templates() -> Iterator[tuple[str, Found]]:
    """Texts of templates, with the name of each one's file."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        tree = parsed_template(path.read_text("utf-8"))
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
        for node in nodes(parsed(source)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            for keyword in node.keywords:
                if (node.func.id, keyword.arg) in IN_DECLARATIONS:
                    for text in patterns_of(keyword.value):
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
    *("core/**/*.py", "formats/**/*.py", "wire/v2/*.py", "workspace/**/*.py", "json_guard.py"),
    *("api/transfer/*.py", "store/engine/disk_space.py"),
    *(f"api/http/{name}.py" for name in ("admission", "bodies", "job_runner", "parameters")),
)
"""Modules whose problems people meet on pages. What the command line alone says, and the API's
operations, is English."""

RAISED = (
    *(name for name, one in vars(errors).items()
      if isinstance(one, type) and issubclass(one, errors.Problem)
      and one is not errors.AnswersRejected),
    *("InvalidAnswer", "LeftAlone", "ValidationError"),
)  # fmt: skip
"""Classes of what is raised or told with a message for people."""


TOLD = {"cannot_be_written": 0, "Skipped": 1, "MappingFault": 1}
"""Calls that say something without raising it, such as why an export leaves something out, and
which argument does."""


@cache
def problem_messages() -> CodeMessages:
    """Messages of the problems that people meet on pages."""
    return CodeMessages(PROBLEM_ROOMS, RAISED, TOLD)


def in_problems() -> Iterator[tuple[str, Found]]:
    """Messages of problems and remarks, as patterns under their own context."""
    code = problem_messages()
    for messages in (code.reasons, code.remarks):
        for text, modules in messages.items():
            for pattern in filter(_is_said_alone, _handed_on(text)):
                for where in sorted(modules):
                    yield where, (problem_texts.CONTEXT, pattern, "")
    for text in message_parts.MESSAGES:
        yield "language/message_parts.py", (problem_texts.CONTEXT, text, "")
    for text in message_parts.PARTS:
        yield "language/message_parts.py", (message_parts.CONTEXT, text, "")


JOB_ROOMS = (
    "api/http/job_runner.py",
    "api/transfer",
    "core/transfer/jobs.py",
    "core/webhooks",
    "workspace/transfer",
)


def in_job_reasons() -> Iterator[tuple[str, Found]]:
    """Reasons why jobs and webhooks ended, of `reason` and of what tells a job to stop."""
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if not where.startswith(JOB_ROOMS):
            continue
        for node in nodes(parsed(path.read_text("utf-8"))):
            for said in _reasons_of(node):
                if isinstance(said, ast.Attribute | ast.Name):
                    name = said.attr if isinstance(said, ast.Attribute) else said.id
                    said = _constants_of_jobs().get(name, said)
                for text in filter(is_telling, patterns_of(said)):
                    yield where, (problem_texts.CONTEXT, text, "")


def _reasons_of(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "stop":
        yield from node.args[:1]
    elif isinstance(node, ast.keyword) and node.arg == "reason":
        yield node.value
    elif isinstance(node, ast.Assign):
        targets, values = node.targets, [node.value]
        if isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            targets, values = targets[0].elts, node.value.elts
        yield from (
            value
            for target, value in zip(targets, values, strict=False)
            if isinstance(target, ast.Name) and target.id == "reason"
        )


@cache
def _constants_of_jobs() -> dict[str, ast.expr]:
    """Constants that say why a job or a webhook ended, such as KILLED."""
    trees = [parsed((SOURCE / name).read_text("utf-8"))
             for name in ("core/transfer/jobs.py", "api/transfer/export_making.py",
                          "core/webhooks/sender.py")]  # fmt: skip
    return {
        node.targets[0].id: node.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _handed_on(text: str) -> Iterator[str]:
    """Message as it reaches people; what is said to msgspec is changed as what msgspec says."""
    message, mark, _ = text.partition(" - at `$")
    yield f"{message[0].lower()}{message[1:]}".replace("`", "'") if mark else text


def _is_said_alone(pattern: str) -> bool:
    if " " not in pattern:
        return False
    is_decided = any(f"%({name})s" in pattern for name in message_parts.DECIDING)
    return is_telling(pattern) or is_decided


WORDS_OF_A_SENTENCE = 3


def in_statistics() -> Iterator[tuple[str, Found]]:
    """Words of statistics, which are kept in reports, as patterns as those of problems.

    These are all texts of three words and more that are no documentation: why a figure has no
    value, what it means, why somebody has a flag.
    """
    for path in sorted((SOURCE / "core/quality").rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        for text in _sentences_of(parsed(path.read_text("utf-8"))):
            yield where, (problem_texts.CONTEXT, text, "")


def _sentences_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # documentation
    if isinstance(node, ast.Constant | ast.JoinedStr):
        for text in patterns_of(node):
            is_code = "\\" in text or text[:1] in "^(" or text[:1].isupper()
            if not is_code and len(text.split()) >= WORDS_OF_A_SENTENCE and text == text.strip():
                yield text
        return
    for inner in ast.iter_child_nodes(node):
        yield from _sentences_of(inner)


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
        *in_job_reasons(),
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
