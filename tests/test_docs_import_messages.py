"""All that an import says about a row is listed in docs/import/reasons.md: reasons and remarks.

A message is the text that a call gives to `InvalidContent`, to `remark` or to `notes.add`, or to a
function that hands its parameter on to one of them. What is filled in is shown as `…`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import plaudit
from tests.test_docs import text_of

ROOT = Path(plaudit.__file__).parent
READ = (
    "formats/**/*.py", "json_guard.py", "wire/v2/parse.py", "wire/v2/size_limits.py",
    "core/transfer/importer.py", "core/transfer/merge.py", "core/transfer/prepared_tasks.py",
    "core/transfer/references.py",
)  # fmt: skip
"""Modules that refuse rows of an import, or the tasks that are made of them."""

PASSED_ON = frozenset(
    {
        *("exc.message", "problem.message", "cells.message", "cell.message", "str(exc)"),
        *("remark", "message", "f'{remark} ({Path(file.name).name})'"),
        "message[0].lower() + message[1:]",  # of msgspec, for JSON of another type
        *("None", "self._row(row, self.notes)"),  # the row is for another `note`
    }
)
"""Expressions that hand on a message which another call has made."""

ANYWHERE = ""
ARGUMENTS_MAX = 99

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Taker(NamedTuple):
    """Function whose argument number `place`, of `most` at most, is a message."""

    place: int
    most: int
    is_remark: bool


class Scope(NamedTuple):
    """Module and function in which an expression stands."""

    module: str
    function: Function | None


class ImportMessages:
    """Reasons and remarks, each with the modules that say it; `unknown` are texts that cannot be
    told by reading the code."""

    def __init__(self, root: Path = ROOT) -> None:
        self.reasons: dict[str, set[str]] = defaultdict(set)
        self.remarks: dict[str, set[str]] = defaultdict(set)
        self.unknown: set[str] = set()
        self._takers = {
            "InvalidContent": Taker(0, 2, is_remark=False),
            "Conflict": Taker(0, 2, is_remark=False),
            "remark": Taker(0, ARGUMENTS_MAX, is_remark=True),
            "on_remark": Taker(0, 1, is_remark=True),
        }
        self._trees = {
            path.relative_to(root).as_posix(): ast.parse(path.read_text("utf-8"))
            for pattern in READ
            for path in sorted(root.glob(pattern))
            if "exporting" not in path.parts
        }
        self._constants: dict[str, dict[str, ast.expr]] = defaultdict(dict)
        for module, tree in self._trees.items():
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    name = node.targets[0].id
                    for scope in (module, ANYWHERE):
                        self._constants[scope][name] = node.value
        self._returned: dict[str, dict[str, list[ast.expr]]] = {
            module: {
                node.name: [
                    inner.value
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Return) and inner.value is not None
                ]
                for node in tree.body
                if isinstance(node, ast.FunctionDef)
            }
            for module, tree in self._trees.items()
        }
        self._assigned: dict[str, dict[str, list[ast.expr]]] = {
            module: _attributes_of(tree) for module, tree in self._trees.items()
        }
        taken = -1
        while taken != len(self._takers):
            taken = len(self._takers)
            for module, tree in self._trees.items():
                for node in tree.body:
                    self._read(Scope(module, None), node)

    def _read(self, scope: Scope, node: ast.AST) -> None:
        if isinstance(node, Function):
            scope = Scope(scope.module, node)
        if isinstance(node, ast.Call):
            self._read_call(scope, node)
        for inner in ast.iter_child_nodes(node):
            self._read(scope, inner)

    def _read_call(self, scope: Scope, call: ast.Call) -> None:
        called = ast.unparse(call.func)
        taker = self._takers.get(called.rpartition(".")[2])
        if re.search(r"notes\.add$", called):
            taker = Taker(0, 3, is_remark=True)
        if taker is None or not taker.place < len(call.args) <= taker.most:
            return
        messages = self.remarks if taker.is_remark else self.reasons
        for text in self._texts(call.args[taker.place], scope, taker.is_remark):
            messages[text].add(scope.module)

    def _texts(self, expression: ast.expr, scope: Scope, is_remark: bool) -> Iterator[str]:
        """Yield what an expression may say."""
        expression_text = ast.unparse(expression)
        match expression:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts) if expression_text not in PASSED_ON:
                shown = (str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
                yield re.sub("…+", "…", "".join(shown))
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(one, scope, is_remark)
                yield from self._texts(other, scope, is_remark)
            case ast.BoolOp(values=choices):
                for choice in choices:
                    yield from self._texts(choice, scope, is_remark)
            case ast.Call(func=ast.Attribute(value=template, attr="format")):
                for text in self._texts(template, scope, is_remark):
                    yield re.sub(r"\{\w*(?:!\w)?\}", "…", text)
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
                yield f"{text}…"
            case ast.Call(func=ast.Name(id=name)) if name in self._returned[scope.module]:
                for returned in self._returned[scope.module][name]:
                    yield from self._texts(returned, scope, is_remark)
            case ast.Attribute() if expression_text in self._assigned[scope.module]:
                for value in self._assigned[scope.module][expression_text]:
                    yield from self._texts(value, scope, is_remark)
            case ast.Name(id=name):
                yield from self._texts_of_name(name, scope, is_remark)
            case _:
                self._note_unknown(expression)

    def _texts_of_name(self, name: str, scope: Scope, is_remark: bool) -> Iterator[str]:
        function = scope.function
        if function is not None:
            parameters = [one.arg for one in function.args.args if one.arg != "self"]
            if name in parameters:
                most = ARGUMENTS_MAX if function.args.vararg else len(parameters)
                taker = Taker(parameters.index(name), most, is_remark=is_remark)
                self._takers.setdefault(function.name, taker)
                return
            values = [
                node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
            ]
            if values:
                for value in values:
                    yield from self._texts(value, scope, is_remark)
                return
        for constants in (self._constants[scope.module], self._constants[ANYWHERE]):
            if name in constants:
                yield from self._texts(constants[name], Scope(scope.module, None), is_remark)
                return
        self._note_unknown(ast.Name(name))

    def _note_unknown(self, expression: ast.expr) -> None:
        text = ast.unparse(expression)
        if text not in PASSED_ON:
            self.unknown.add(text)


def _attributes_of(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Expressions that are assigned to `self.name`, by that name."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and node.value is not None:
                found[ast.unparse(target)].append(node.value)
    return found


@pytest.fixture(scope="module")
def messages() -> ImportMessages:
    return ImportMessages()


@pytest.mark.parametrize("kind", ["reasons", "remarks"])
def test_all_that_an_import_says_is_listed(messages, kind):
    """A message of the code that is missing, or one that the code has no more, is shown."""
    text = text_of("docs/import/reasons.md")
    section = re.search(rf"^## {kind.title()}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    listed = re.findall(r"^\| `([^`]+)` \|", section[1], re.M)

    said = getattr(messages, kind)

    assert [f"{text} ({', '.join(sorted(said[text]))})" for text in said.keys() - set(listed)] == []
    assert sorted(set(listed) - said.keys()) == []
    assert len(listed) == len(set(listed))


def test_the_messages_of_the_code_are_all_found(messages):
    """What a call says is a text, a constant, or handed on from another call."""
    assert messages.unknown == set()
    assert len(messages.reasons) > 150
    assert len(messages.remarks) > 40
