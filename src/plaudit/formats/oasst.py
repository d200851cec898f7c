"""OpenAssistant conversation trees, one a line: prompts, ranked answers, and what followed them.

A tree is a task. A prompt and all its answers are a turn; each way from the first prompt to a
last one is a thread, so turns near the root stand in several threads and keep their ids there.
A turn says which answer the thread goes on from: it is not always the one ranked best.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from plaudit import ids
from plaudit.errors import InvalidContent
from plaudit.formats.archive import Found
from plaudit.wire.v2.parse import convert

THREADS_PER_TREE_MAX = 10_000
_ROLES = {"prompter": "user", "assistant": "assistant"}
_EMOJIS = {"+1": "thumbs_up", "-1": "thumbs_down", "red_flag": "red_flag"}


class Node(Struct):
    """One message of a tree and what was said in reply."""

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


def read(line: Any) -> Iterator[Found]:
    """The one task of a tree."""
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
    """Every way from the root to a last prompt: prompts, each with the answer it goes on from."""
    finished: list[list[tuple[Node, Node | None]]] = []
    pending: list[tuple[list[tuple[Node, Node | None]], Node]] = [([], root)]
    while pending:
        path, prompt = pending.pop()
        onward = [(answer, follow) for answer in prompt.replies for follow in answer.replies]
        if not onward:
            finished.append([*path, (prompt, None)])
            if len(finished) > THREADS_PER_TREE_MAX:
                raise InvalidContent(f"more than {THREADS_PER_TREE_MAX} threads in one tree")
        for answer, follow in reversed(onward):
            pending.append(([*path, (prompt, answer)], follow))
    return finished


def _turn(prompt: Node, chosen: Node | None) -> dict[str, Any]:
    answers = prompt.replies
    annotations: list[dict[str, Any]] = []
    if len(answers) > 1 and all(answer.rank is not None for answer in answers):
        ranking = [_source_id(one) for one in sorted(answers, key=lambda one: one.rank or 0)]
        annotations.append({"key": "ranking", "type": "ranked_choices", "value": ranking})
        annotations.append({"key": "selected_model_id", "type": "category", "value": ranking[0]})
    if chosen is not None:
        annotations.append(
            {"key": "continued_from", "type": "category", "value": _source_id(chosen)}
        )
    return {
        "id": f"turn_{prompt.message_id}",
        "messages": [_message(prompt), *(_message(answer) for answer in answers)],
        "annotations": annotations,
    }


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
