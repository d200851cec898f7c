"""Tasks as readers of foreign formats make them, and helpers that build their parts in v2 shape.

The conventions that every reader keeps, so that exporters and people find the same thing under the
same key whatever the source:

- `selected_model_id` (category, turn): `source_id` of the better response; absent for a tie.
- `likert_value` (integer, turn, with possible values): strength and direction of a preference, low
  is the first response; a tie is the midpoint.
- `preference` (category, turn): a verdict that is no single response: `tie`, `all_bad`.
- `preference__<a>__<b>` (category, turn): verdict of one pair, a `source_id` or `tie`.
- `ranking` (ranked_choices) or `ranked_groups`, turn: `source_id`s, best first.
- `rewrite` (text, message): a better version of the message.
- Several judges: the consolidated value with `votes`, never suffixed keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

TIE = "tie"
ALL_BAD = "all_bad"
NON_TEXT = "non_text"
"""Flag of a task whose messages have parts that are no text, such as calls of tools."""

COERCED = "coerced_to_text"
"""Flag of a task with a text that was something else in the source."""

FLAGS = "import_flags"
"""Member of a task's metadata with its flags; exporters for training skip COERCED."""


class ImportedTask(Struct, kw_only=True):
    """A task as a set of others gives it. It belongs to no project yet and has no `task_id`.

    `item_id` is the set's own id of it, None without one. `threads` are in the v2 shape. A task
    with `is_judged` false becomes open work: nobody has judged it. `completed_at` and `created_at`
    are ISO 8601.
    """

    item_id: str | None = None
    threads: list[dict[str, Any]]
    metadata: dict[str, Any] = {}
    flags: list[str] = []
    created_at: str | None = None
    completed_at: str | None = None
    is_judged: bool = True


def annotation(key: str, kind: str, value: Any, **members: Any) -> dict[str, Any]:
    """Return an annotation of type `kind`; `members` such as `votes` and `possible_values`.

    Members that are None are left out.
    """
    given = {name: member for name, member in members.items() if member is not None}
    return {"key": key, "type": kind, "value": value, **given}


def vote(contributor_id: str, value: Any, submitted_at: str | None = None) -> dict[str, Any]:
    """Return one judge's value for the `votes` of an annotation."""
    cast = {"contributor_id": contributor_id, "value": value}
    return cast if submitted_at is None else {**cast, "submitted_at": submitted_at}


def message(
    role: str,
    text: str | None,
    *,
    source_id: str | None = None,
    model: str | None = None,
    annotations: Sequence[dict[str, Any]] = (),
    **content: Any,
) -> dict[str, Any]:
    """Return a message; `source_id` is the role if not given, `content` e.g. `reasoning`.

    `role` is a v2 role: `system`, `user`, `assistant` or `function`.
    """
    parts = {name: part for name, part in {"text": text, **content}.items() if part is not None}
    made: dict[str, Any] = {
        "content": parts,
        "role": role,
        "source_id": source_id or role,
        "annotations": list(annotations),
    }
    if model is not None:
        made["model_parameters"] = {"model": model}
    return made


def turn(
    number: int,
    messages: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the turn of this number, from 0."""
    return {"id": f"turn_{number}", "messages": list(messages), "annotations": list(annotations)}


def thread(
    turns: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]] = (),
    *,
    number: int = 0,
    submissions: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the thread of this number, from 0; `submissions` name who judged it."""
    made: dict[str, Any] = {
        "id": f"thread_{number}",
        "turns": list(turns),
        "annotations": list(annotations),
    }
    if submissions:
        made["submissions"] = list(submissions)
    return made
