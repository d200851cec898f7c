"""OpenAssistant conversation trees, one a line: prompts, ranked answers and their replies.

A tree becomes a task, a prompt with all its answers a turn, and each path from the first prompt
to a last one a thread; turns near the root therefore stand in several threads, with the same id.
The annotation `continued_from` of a turn names the answer that the thread continues from, which
is not always the best ranked one. Of a turn that is ranked in part, the ranking has the ranked
answers alone, and none is selected: it was not compared with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from plaudit import ids
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import annotation
from plaudit.formats.common.row_shapes import have_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatEntry, ImportFormat
from plaudit.wire.v2.parse import convert

THREADS_PER_TREE_MAX = 10_000
_MEMBERS = ("message_tree_id", "prompt")
_ROLES = {"prompter": "user", "assistant": "assistant"}
_EMOJIS = {"+1": "thumbs_up", "-1": "thumbs_down", "red_flag": "red_flag"}


class Node(Struct):
    """One message of a tree, with the replies to it."""

    message_id: str
    text: str
    role: str
    rank: int | None = None
    review_count: int | None = None
    model_name: str | None = None
    emojis: dict[str, int] | None = None
    replies: list[Node] = []


class Tree(Struct):
    """A line of the published files."""

    message_tree_id: str
    prompt: Node | UnsetType = UNSET


def read(line: Any) -> Iterator[FormatEntry]:
    """Yield the one task of a tree; raises InvalidContent for a tree that is not sound."""
    tree = convert(line, Tree)
    if isinstance(tree.prompt, UnsetType):
        raise InvalidContent("a tree has a prompt", pointer="/prompt")
    if not ids.is_usable(f"oasst_{tree.message_tree_id}"):
        raise InvalidContent(
            "a tree id has 1 to 249 characters (255 with its prefix), none of them a control"
            " character",
            pointer="/message_tree_id",
        )
    _check_roles(tree.prompt, "prompter", "/prompt")
    threads = [
        {
            "id": f"thread_{number}",
            "turns": [_turn(prompt, chosen) for prompt, chosen in path],
            "annotations": [],
        }
        for number, path in enumerate(_paths(tree.prompt))
    ]
    task = {
        "task_id": f"oasst_{tree.message_tree_id}",
        "status": "completed",
        "metadata": {"oasst_tree_id": tree.message_tree_id},
        "threads": threads,
    }
    yield "task", task, ""


def _check_roles(node: Node, expected: str, pointer: str) -> None:
    if node.role != expected:
        raise InvalidContent(f"expected the role {expected!r} here", pointer=f"{pointer}/role")
    names: set[str] = set()
    for number, answer in enumerate(node.replies if expected == "prompter" else ()):
        if _source_id(answer) in names:
            raise InvalidContent(
                "the first 8 characters of this id stand twice among the answers",
                pointer=f"{pointer}/replies/{number}/message_id",
            )
        names.add(_source_id(answer))
    reply = "assistant" if expected == "prompter" else "prompter"
    for number, child in enumerate(node.replies):
        _check_roles(child, reply, f"{pointer}/replies/{number}")


def _paths(root: Node) -> list[list[tuple[Node, Node | None]]]:
    """Every path from the root to a last prompt: prompts, each with the answer it continues from.

    The last prompt of a path has None. Raises InvalidContent over THREADS_PER_TREE_MAX paths.
    """
    finished: list[list[tuple[Node, Node | None]]] = []
    pending: list[tuple[list[tuple[Node, Node | None]], Node]] = [([], root)]
    while pending:
        path, prompt = pending.pop()
        continuations = [(answer, follow) for answer in prompt.replies for follow in answer.replies]
        if not continuations:
            finished.append([*path, (prompt, None)])
            if len(finished) > THREADS_PER_TREE_MAX:
                raise InvalidContent(f"more than {THREADS_PER_TREE_MAX} threads in one tree")
        for answer, follow in reversed(continuations):
            pending.append(([*path, (prompt, answer)], follow))
    return finished


def _turn(prompt: Node, chosen: Node | None) -> dict[str, Any]:
    answers = prompt.replies
    annotations = _ranked(answers)
    if chosen is not None:
        annotations.append(
            {"key": "continued_from", "type": "category", "value": _source_id(chosen)}
        )
    return {
        "id": f"turn_{prompt.message_id}",
        "messages": [_message(prompt), *(_message(answer) for answer in answers)],
        "annotations": annotations,
    }


def _ranked(answers: list[Node]) -> list[dict[str, Any]]:
    """Annotations of a turn that hold the ranks, `ranked_groups` where two answers have one rank.

    None with fewer than two ranked answers.
    """
    by_rank: dict[int, list[str]] = {}
    for answer in answers:
        if answer.rank is not None:
            by_rank.setdefault(answer.rank, []).append(_source_id(answer))
    groups = [by_rank[rank] for rank in sorted(by_rank)]
    ranked = [source for group in groups for source in group]
    if len(ranked) < 2:
        return []
    annotations = [annotation("ranking", "ranked_choices", ranked)]
    if len(groups) < len(ranked):
        annotations = [annotation("ranked_groups", "ranked_groups", groups)]
    if len(ranked) == len(answers) and len(groups[0]) == 1:
        annotations.append(annotation("selected_model_id", "category", ranked[0]))
    return annotations


def _message(node: Node) -> dict[str, Any]:
    annotations = [
        {"key": key, "type": "integer", "value": (node.emojis or {})[emoji]}
        for emoji, key in _EMOJIS.items()
        if emoji in (node.emojis or {})
    ]
    if node.review_count is not None:
        annotations.append({"key": "review_count", "type": "integer", "value": node.review_count})
    message: dict[str, Any] = {
        "content": {"text": node.text},
        "role": _ROLES[node.role],
        "source_id": "user" if node.role == "prompter" else _source_id(node),
        "annotations": annotations,
    }
    if node.model_name is not None:
        message["model_parameters"] = {"model": node.model_name}
    return message


def _source_id(node: Node) -> str:
    return f"oasst_{node.message_id[:8]}"


_FORM = Form(
    fields=[
        Field(
            key="ranking",
            level=Level.turn,
            type="ranked_choices",
            title="Rank the answers, best first",
            required=True,
        ),
        Field(
            key="selected_model_id",
            level=Level.turn,
            type="category",
            title="Best answer",
            description="Follows from the ranking.",
        ),
    ]
)


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the members that show trees, None for other rows."""
    are_trees = have_members(rows, _MEMBERS) and all(
        isinstance(row.value["prompt"], dict)
        and {"message_id", "text", "role"} <= row.value["prompt"].keys()
        for row in rows
    )
    return _MEMBERS if are_trees else None


FORMAT = ImportFormat(
    name="oasst",
    title="OpenAssistant trees",
    read=read,
    form=_FORM,
    detect=detect,
    specificity=90,
)
