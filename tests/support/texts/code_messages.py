"""Messages that the code says, found by reading it: where a call is given a text of its own.

A message is the text that a call gives to `InvalidContent`, to `remark` or to `notes.add`, or to a
function that hands its parameter on to one of them. It is read as a pattern, `%(name)s` for each
value that is filled in.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from tests.support.source import SOURCE, nodes, parsed
from tests.support.texts.patterns import pattern_of, pattern_of_format

PASSED_ON = frozenset(
    {
        *("exc.message", "problem.message", "cells.message", "cell.message", "str(exc)"),
        *("remark", "message", "f'{remark} ({Path(file.name).name})'"),
        "message[0].lower() + message[1:]",  # of msgspec, for JSON of another type
        "text[:1].lower() + text[1:].replace('`', \"'\")",  # of msgspec, in answers
        *("None", "self._row(row, self.notes)"),  # the row is for another `note`
    }
)
"""Expressions that hand on a message which another call has made."""

RAISED = ("InvalidContent", "Conflict")
"""Problems that refuse rows of an import."""

NOTES = "notes.add"
"""Call of ImportNotes, however they are reached."""

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


class CodeMessages:
    """Reasons and remarks of the modules of some folders, as patterns, each with those that say it.

    `unknown` are texts that cannot be told by reading the code.
    """

    def __init__(
        self,
        modules: Sequence[str],
        raised: Sequence[str] = RAISED,
        others: Mapping[str, int] = MappingProxyType({}),
        without: str = "",
    ) -> None:
        self.reasons: dict[str, set[str]] = defaultdict(set)
        self.remarks: dict[str, set[str]] = defaultdict(set)
        self.unknown: set[str] = set()
        self._takers = {
            **{name: Taker(0, 2, is_remark=False) for name in raised},
            **{name: Taker(place, 2, is_remark=False) for name, place in others.items()},
            "Fault": Taker(1, 2, is_remark=False),
            "remark": Taker(0, ARGUMENTS_MAX, is_remark=True),
            NOTES: Taker(0, 3, is_remark=True),
            "on_remark": Taker(0, 1, is_remark=True),
        }
        self._trees = {
            path.relative_to(SOURCE).as_posix(): parsed(path.read_text("utf-8"))
            for pattern in modules
            for path in sorted(SOURCE.glob(pattern))
            if not without or without not in path.parts
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
                if isinstance(node, Function)
            }
            for module, tree in self._trees.items()
        }
        self._assigned: dict[str, dict[str, list[ast.expr]]] = {
            module: _attributes_of(tree) for module, tree in self._trees.items()
        }
        self._calls = [
            (called, call, scope)
            for module, tree in self._trees.items()
            for call, scope in _calls_of(tree, Scope(module, None))
            if (called := _name_of(call.func))
        ]
        taken = -1
        while taken != len(self._takers):
            taken = len(self._takers)
            for called, call, scope in self._calls:
                if called in self._takers:
                    self._read_call(self._takers[called], call, scope)

    def _read_call(self, taker: Taker, call: ast.Call, scope: Scope) -> None:
        named = [one.value for one in call.keywords if one.arg == "message"]
        if not named and not taker.place < len(call.args) <= taker.most:
            return
        messages = self.remarks if taker.is_remark else self.reasons
        for text in self._texts((named or call.args[taker.place :])[0], scope, taker.is_remark):
            messages[text].add(scope.module)

    def _texts(self, expression: ast.expr, scope: Scope, is_remark: bool) -> Iterator[str]:
        """Yield what an expression may say."""
        expression_text = ast.unparse(expression)
        match expression:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr() if expression_text not in PASSED_ON:
                yield pattern_of(expression)
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(one, scope, is_remark)
                yield from self._texts(other, scope, is_remark)
            case ast.BoolOp(values=choices):
                for choice in choices:
                    yield from self._texts(choice, scope, is_remark)
            case ast.Call(func=ast.Attribute(value=template, attr="format")):
                for text in self._texts(template, scope, is_remark):
                    yield pattern_of_format(text)
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
                yield f"{text.replace('%', '%%')}%(value)s"
            case ast.BinOp(left=ast.JoinedStr() as first, op=ast.Add()):
                yield f"{pattern_of(first)}%(value)s"
            case ast.Call(func=ast.Name(id="N_" | "N_n")):
                pass  # marked where it stands
            case ast.Await(value=awaited):
                yield from self._texts(awaited, scope, is_remark)
            case (
                ast.Subscript(value=ast.Name(id=name))
                | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"))
            ) if isinstance(members := self._constants[scope.module].get(name), ast.Dict):
                for member in members.values:
                    yield from self._texts(member, scope, is_remark)
            case ast.Call(func=ast.Name(id=name)) if returned := self._returned_by(name, scope):
                for one in returned:
                    yield from self._texts(one, scope, is_remark)
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

    def _returned_by(self, name: str, scope: Scope) -> list[ast.expr]:
        """What a function of this module returns, or of the only other one that has the name."""
        if name in self._returned[scope.module]:
            return self._returned[scope.module][name]
        found = [one[name] for one in self._returned.values() if name in one]
        return found[0] if len(found) == 1 else []

    def _note_unknown(self, expression: ast.expr) -> None:
        text = ast.unparse(expression)
        if text not in PASSED_ON:
            self.unknown.add(text)


def _calls_of(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.Call, Scope]]:
    """Calls below a node, each with the innermost function that it stands in."""
    if isinstance(node, Function):
        scope = Scope(scope.module, node)
    if isinstance(node, ast.Call):
        yield node, scope
    for inner in ast.iter_child_nodes(node):
        yield from _calls_of(inner, scope)


def _name_of(called: ast.expr) -> str:
    """Last name of what is called, NOTES for the remarks of an import; "" where it has none."""
    if isinstance(called, ast.Name):
        return called.id
    if not isinstance(called, ast.Attribute):
        return ""
    if called.attr == "add":
        owner = called.value
        name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        return NOTES if name.endswith("notes") else ""
    return called.attr


def _attributes_of(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Expressions that are assigned to `self.name`, by that name."""
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for node in nodes(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and node.value is not None:
                found[ast.unparse(target)].append(node.value)
    return found


def pieces_of_messages(
    modules: Sequence[str], raised: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Texts of several words that stand in values of messages, with the module of each.

    A value is looked at itself, and in what its names are given in the same function, or in
    tables of the module.
    """
    for pattern in modules:
        for path in sorted(SOURCE.glob(pattern)):
            tree = parsed(path.read_text("utf-8"))
            tables = {
                node.targets[0].id: node.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            }
            for call, scope in _calls_of(tree, Scope("", None)):
                if _name_of(call.func) in raised:
                    for text in _pieces_of_call(call, scope.function, tables):
                        yield path.relative_to(SOURCE).as_posix(), text


def _pieces_of_call(
    call: ast.Call, function: Function | None, tables: Mapping[str, ast.expr]
) -> Iterator[str]:
    given = {
        target.id: node.value
        for node in (ast.walk(function) if function is not None else ())
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for message in (node for one in call.args for node in ast.walk(one)):
        if not isinstance(message, ast.JoinedStr):
            continue
        for part in message.values:
            if isinstance(part, ast.FormattedValue) and part.conversion != ord("r"):
                values = [part.value]
                if isinstance(part.value, ast.Name):
                    values += [one[part.value.id] for one in (given, tables)
                               if part.value.id in one]  # fmt: skip
                if isinstance(part.value, ast.Subscript) and isinstance(part.value.value, ast.Name):
                    values += [one for name, one in tables.items() if name == part.value.value.id]
                for value in values:
                    yield from _words_in(value)


def _words_in(expression: ast.expr) -> Iterator[str]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if " " in text.strip() and any(map(str.isalpha, text)):
                yield text
