"""Conversations to learn: each up to its last target, once, not once more for every turn in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from plaudit.formats.exporting.comparison import Comparison, Skip
from plaudit.formats.exporting.export_format import ExportedTask, ExportOptions, Skipped
from plaudit.formats.exporting.messages import context_messages, message, spoken
from plaudit.formats.exporting.rows import TargetRow, target_rows


class Conversation(Struct, frozen=True, kw_only=True):
    """Messages that end with a target; `are_learned` says of each response whether it is one.

    An earlier response is learned if it is a target that is vouched for as well as the last.
    """

    comparison: Comparison
    prompt: Sequence[dict[str, Any]]
    target: str
    are_learned: Sequence[bool]


class _Tree:
    """Conversations of a task as a tree, so that one that begins another is found quickly."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, str, str], int] = {}

    def path(self, messages: Sequence[dict[str, Any]]) -> list[int]:
        """Node of each message, equal for equal beginnings."""
        path = []
        node = 0
        for one in messages:
            key = (node, one["role"], one["content"])
            node = self._nodes.setdefault(key, len(self._nodes) + 1)
            path.append(node)
        return path


def conversations(task: ExportedTask, options: ExportOptions) -> Iterator[Conversation | Skipped]:
    """Yield the conversations of a task, and a Skipped for each turn that gives none."""
    tree = _Tree()
    found: list[tuple[TargetRow, list[dict[str, Any]], list[int]] | Skip] = []
    targets: dict[int, bool] = {}
    inner: set[int] = set()
    for comparison in task.comparisons:
        for row in target_rows(comparison, task.form, options.rows):
            if isinstance(row, Skip):
                found.append(row)
                continue
            text = spoken(row.target, row.reasoning, options)
            messages = [*context_messages(row.context, options), message("assistant", text)]
            path = tree.path(messages)
            targets[path[-1]] = row.is_judged
            inner.update(path[:-1])
            found.append((row, messages, path))
    for given in found:
        if isinstance(given, Skip):
            yield Skipped(given)
            continue
        row, messages, path = given
        if path[-1] in inner:
            yield Skipped(Skip.in_longer_conversation)
            continue
        yield Conversation(
            comparison=row.comparison,
            prompt=messages[:-1],
            target=messages[-1]["content"],
            are_learned=[
                node in targets and (targets[node] or not row.is_judged)
                for node, one in zip(path, messages, strict=True)
                if one["role"] == "assistant"
            ],
        )
