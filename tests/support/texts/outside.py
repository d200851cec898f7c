"""Texts that no catalogue has: what a template, a module or a script says without marking it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import nodes

from tests.support.source import parsed
from tests.support.texts.extraction import IN_PYTHON, IN_TEMPLATES, environment, parsed_template

SHOWN = ("title", "aria-label", "placeholder", "alt", "data-confirm", "data-label")
"""Attributes that people see or hear."""

_NAMES = {"Plaudit", "page", "alone", "task-page", "review-page", "task-page review-page", "MiB"}
_NAMES |= {"KiB", "UTC", "ms", "pills scale", "alpha of characters", "alpha of abstention"}
_NAMES |= {"Edge", "Opera", "Firefox", "Chrome", "Safari", "Windows", "Android", "Linux"}
_SILENT = ("code", "svg", "kbd", "script", "style")
_SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]|[a-z]{2} [a-z]{2,}.* [a-z]{2}|^[A-Z][a-z]{3,}[.?!]?$")
"""Looks like words for people: a beginning of a sentence, several words, or one with a capital."""

_ATTRIBUTES = re.compile(r"data-[a-z-]+( hidden)?")
"""Attributes that a template writes if a condition holds."""

_VALUE = "\N{REPLACEMENT CHARACTER}"


def has_words(text: str) -> bool:
    """True if there are letters to be read in a text whose values are marked by _VALUE."""
    if (
        '="' in text or text.startswith("?") or _ATTRIBUTES.fullmatch(text.strip())
    ):  # attributes and queries that a macro writes
        return False
    return any(
        re.search(r"[^\W\d_]{2}", part) and part.strip(" ·:,.…()[]") not in _NAMES
        for part in re.sub(r"&\w+;", " ", text).split(_VALUE)
    )


class _Page(HTMLParser):
    """Text nodes and shown attributes that have words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name in SHOWN
                       and has_words(value or "")]  # fmt: skip

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not set(self._open) & set(_SILENT) and has_words(data):
            self.found.append(data.strip())


def in_template(source: str) -> list[str]:
    """Texts of a template outside of `{% trans %}` and `_()`."""
    page, written, skipped = _Page(), "", ""
    for _, kind, value in environment().lex(source):
        if kind == "block_begin":
            skipped = "block" if skipped != "trans" else skipped
        elif kind == "variable_begin":
            written += "" if skipped == "trans" else _VALUE
        elif kind == "name" and skipped == "block" and value in ("trans", "endtrans", "block"):
            skipped = {"trans": "trans", "endtrans": "", "block": "block"}[value]
        elif kind == "name" and value == "endtrans":
            skipped = ""
        elif kind == "block_end":
            skipped = "" if skipped == "block" else skipped
        elif kind == "data" and skipped != "trans":
            written += value
    page.feed(written)
    page.close()
    return [*page.found, *_in_expressions(parsed_template(source))]


def _in_expressions(tree: nodes.Template) -> Iterator[str]:
    said = {
        id(part)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name)
        and call.node.name in (*IN_TEMPLATES, "project_head", "settings_nav", "fill_path", "asset")
        for part in call.find_all(nodes.Const)
    }
    said |= {id(part) for one in tree.find_all(nodes.Compare) for part in one.find_all(nodes.Const)}
    said |= {id(part) for one in tree.find_all(nodes.Filter) if one.name in ("replace", "format")
             for part in one.find_all(nodes.Const)}  # fmt: skip
    for const in tree.find_all(nodes.Const):
        text = const.value
        if id(const) in said or text in _NAMES:
            continue
        if isinstance(text, str) and _SENTENCE.search(text):
            yield text


VALUES = (
    *("about", "action", "basis", "category", "event", "flag", "kind", "level", "method", "mode"),
    *("outcome", "phase", "reason", "role", "rule", "state", "status", "type", "unit", "use"),
    *("value", "why"),
)
"""Attributes that hold a word of the API or a message, which a page says by a filter."""


def unsaid_values(source: str) -> list[str]:
    """Values that a template writes as text without a filter that says them: `job.phase`."""
    found = []
    for output in parsed_template(source).find_all(nodes.Output):
        before = ""
        for part in output.nodes:
            end = max(before.rfind("<"), before.rfind(">"))
            is_in_tag = before[end] == "<" if end >= 0 else re.search(r'[="]', before)
            if isinstance(part, nodes.Getattr) and part.attr in VALUES and not is_in_tag:
                found.append(f"{_path_of(part.node)}.{part.attr}")
            before += part.data if isinstance(part, nodes.TemplateData) else ""
    return found


def _path_of(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{_path_of(node.node)}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else "…"


def in_module(source: str) -> list[str]:
    """Texts of a module of the workspace that are neither marked nor said."""
    tree = parsed(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(
                part.value if isinstance(part, ast.Constant) else _VALUE for part in node.values
            )
        else:
            continue
        above = list(_above(node, parents))
        named = [one.arg for one in above if isinstance(one, ast.keyword)]
        is_label = bool({"flash", "nav", "nav_section", "tab"} & set(named)) and has_words(text)
        if text in _NAMES or not (is_label or _SENTENCE.search(text)):
            continue
        if any(map(_is_silent, above)):
            continue
        if "description" not in named and not isinstance(above[0], ast.Expr):
            found.append(text)
    return found


def _above(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in parents:
        node = parents[node]
        yield node


def _is_silent(node: ast.AST) -> bool:
    """Raised problems are known by their patterns; what is asserted, compared or logged is not
    for people; parts of an f-string are its own."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        return name in (*IN_PYTHON, "compile", "warning", "info", "partial", "Literal")
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Literal"
    return isinstance(node, ast.Raise | ast.Assert | ast.Compare | ast.JoinedStr)


_STRING = r"""(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)"""
_SPOKEN = re.compile(
    r"""(?:\.(?:textContent|title|placeholder|ariaLabel|innerText)\s*=\s*
      |\b(?:announce|notice|confirm|alert|Error|complain)\(\s*
      |setAttribute\("(?:aria-label|title|placeholder)",\s*)
      (?P<text>[^;\n]*)""",
    re.VERBOSE,
)


def in_script(source: str) -> list[str]:
    """Literals of a script that reach what people see or hear without `t` or `tn`."""
    found = []
    for match in _SPOKEN.finditer(source):
        rest = re.sub(rf"\btn?\(\s*{_STRING}(?:\s*,\s*{_STRING})?", "", match["text"])
        for literal in re.findall(_STRING, rest):
            bare = re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", _VALUE, literal[1:-1])
            if re.search(r"[A-Z][a-z]+|[a-z]{2,} [a-z]{2,}|\([a-z]{2,}", bare):
                found.append(literal)
    return found
