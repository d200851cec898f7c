"""Conversations in `messages`, with a label or another response beside them.

The last message is the answer. `label` says whether it is acceptable; `rejected_response` and
`rejected_messages` (ms-swift) are the worse one; beside `chosen` and `rejected` (Axolotl), the
messages are what was said before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    Utterance,
    as_conversation,
    read_messages,
    read_side,
)
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.judged_conversations import (
    SIDES,
    JudgedReader,
    Kind,
    Side,
    answer_task,
    as_label,
    have_no_others,
    objects_of,
    pair_task,
    read_label,
    read_models,
    read_scores,
    with_system,
)
from plaudit.formats.common.row_members import RowMembers
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportFormat

REJECTED = ("rejected_response", "rejected_messages")
_KNOWN = {"messages", "label", "margin", *REJECTED, *SIDES}


class MessagesReader(JudgedReader):
    """Reader of conversations with or without a verdict."""

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""
        if "messages" not in value:
            return None
        if any(name in value for name in (*REJECTED, *SIDES)):
            return Kind.pair
        return Kind.label if "label" in value else Kind.answer

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the one task of a row; raises InvalidContent."""
        members = RowMembers(rows[0], self.options, self.notes)
        kind = self.kind(members.value)
        if kind is None:
            raise InvalidContent("the row has no 'messages'", pointer="/messages")
        said = read_messages(members, members.value["messages"], "/messages")
        if kind is Kind.pair:
            steps = self.steps_of(members.value)
            is_apart = any(name in members.value for name in SIDES)
            read = _read_sides if is_apart else _read_rejected
            yield read(members, said, steps)
            return
        label = read_label(members, "label") if kind is Kind.label else None
        yield answer_task(
            members,
            with_system(members, said),
            used={"messages", "label", "system"},
            label=label,
            pointer="/messages",
        )


def _read_rejected(
    members: RowMembers, said: Sequence[Utterance], steps: int | None
) -> ImportedTask:
    """Return the pair of a conversation and of another end to it."""
    if not said or said[-1].role != "assistant":
        raise InvalidContent("a conversation ends with the better answer", pointer="/messages")
    name = REJECTED[1] if members.has(REJECTED[1]) else REJECTED[0]
    worse = read_side(members, members.value.get(name, ...), f"/{name}")
    before = len(said) - 1
    if len(worse) > 1:
        before = 0 if worse[0].role != "assistant" else _length_of_question(said)
    better, context = said[before:], said[:before]
    return pair_task(
        members,
        with_system(members, context),
        Side(said=better),
        Side(said=worse),
        used={"messages", "system", name},
        steps=steps,
        pointer=f"/{name}",
    )


def _length_of_question(said: Sequence[Utterance]) -> int:
    """Return the number of messages up to the last that is not the assistant's or a tool's."""
    return next((n for n in range(len(said), 0, -1) if said[n - 1].role in ("user", "system")), 0)


def _read_sides(members: RowMembers, said: Sequence[Utterance], steps: int | None) -> ImportedTask:
    """Return the pair of two sides that follow on the messages, or repeat them."""
    better = read_side(members, members.value.get("chosen", ...), "/chosen")
    worse = read_side(members, members.value.get("rejected", ...), "/rejected")
    used = {"messages", "system", *SIDES}
    context = list(said)
    if better[0].role != "assistant" and worse[0].role != "assistant":
        if [one.says() for one in said] not in (
            [one.says() for one in side[: len(said)]] for side in (better, worse)
        ):
            used.discard("messages")
        context = []
    better_scores, worse_scores, scored = read_scores(members)
    better_model, worse_model, named = read_models(members)
    return pair_task(
        members,
        with_system(members, context),
        Side(said=better, annotations=better_scores, model=better_model),
        Side(said=worse, annotations=worse_scores, model=worse_model),
        used=used | scored | named,
        steps=steps,
        pointer="/rejected",
    )


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """`messages`, with a label or a second response if there are any, and no other judgement."""
    values = objects_of(rows)
    if values is None or not have_no_others(rows, _KNOWN):
        return None
    if not all(as_conversation(value.get("messages")) for value in values):
        return None
    labels = [value["label"] for value in values if value.get("label") is not None]
    for label in labels:
        try:
            as_label(label, "/label")
        except InvalidContent:
            return None
    others = [name for name in ("label", *REJECTED, *SIDES) if any(name in one for one in values)]
    if "label" in others and len(others) > 1:
        return None
    return ["messages", *others]


FORMAT = ImportFormat(
    name="messages",
    title="conversations in messages, with a label or a rejected response",
    reader=MessagesReader,
    detect=detect,
    specificity=40,
)
