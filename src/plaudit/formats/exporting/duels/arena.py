"""Battles of two models as Chatbot Arena publishes them: two conversations and a winner.

Ties and two bad responses are winners too: `tie` and `tie (bothbad)`. A task whose two responses
each continue a conversation of their own gives both conversations whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.formats.arena import OWN_CONTEXT
from plaudit.formats.common.imported_task import FLAGS
from plaudit.formats.exporting.comparison import Comparison, ContextMessage, Skip
from plaudit.formats.exporting.duels.duel import Duel, Winner, duels
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.judges import Judges
from plaudit.formats.exporting.messages import context_messages, message
from plaudit.formats.exporting.source_ids import set_id
from plaudit.wire.v2.task import Message, MessageRole

WINNERS = {
    Winner.first: "model_a",
    Winner.second: "model_b",
    Winner.tie: "tie",
    Winner.all_bad: "tie (bothbad)",
}
OWN_TURNS_RULE = "a turn lacks a response of one of the two models"

Sides = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    made: list[tuple[Duel, Sides]] = []
    for comparison in task.comparisons:
        for found in _battles(task, comparison, options):
            if isinstance(found, Skipped):
                yield found
            else:
                made.append(found)
    ids = question_ids([duel for duel, _ in made])
    for (duel, sides), question_id in zip(made, ids, strict=True):
        assert duel.winner is not None
        values = {
            "question_id": question_id,
            "model_a": duel.first.model or duel.first.source_id,
            "model_b": duel.second.model or duel.second.source_id,
            "winner": WINNERS[duel.winner],
            "judge": duel.contributor_id if options.verdict.judges is Judges.each else None,
            "conversation_a": sides[0],
            "conversation_b": sides[1],
        }
        yield ExportRow(values, origin_of(duel.comparison, duel.contributor_id))


def question_ids(made: Sequence[Duel]) -> list[str]:
    """Ids of a task's duels: its id, with a number where two different pairs are compared."""
    pairs = [
        (duel.comparison.turn_id, duel.first.source_id, duel.second.source_id) for duel in made
    ]
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(pairs), 1)}
    return [
        set_id(duel.comparison.task_id) + (f"/{numbers[pair]}" if len(numbers) > 1 else "")
        for duel, pair in zip(made, pairs, strict=True)
    ]


def _battles(
    task: ExportedTask, comparison: Comparison, options: ExportOptions
) -> Iterator[tuple[Duel, Sides] | Skipped]:
    flags = comparison.metadata.get(FLAGS)
    if isinstance(flags, list) and OWN_CONTEXT in flags:
        yield from _own_contexts(task, comparison, options)
        return
    for duel in duels(task, comparison, options.rows, says_even=True):
        if isinstance(duel, Skip):
            yield Skipped(duel)
            continue
        context = context_messages(comparison.context, options)
        first, second = (
            [*context, message("assistant", one.text)] for one in (duel.first, duel.second)
        )
        yield duel, (first, second)


def _own_contexts(
    task: ExportedTask, comparison: Comparison, options: ExportOptions
) -> Iterator[tuple[Duel, Sides] | Skipped]:
    """The battle of a task whose responses each continue their own side; its verdict is the last
    turn's, and the turns before have none."""
    if not comparison.is_last_turn:
        return
    turns = task.threads[comparison.thread].turns
    said: Sides = ([], [])
    contexts: list[ContextMessage] = []
    for turn in turns:
        asked = [one for one in turn.messages if one.role is not MessageRole.assistant]
        answers = {one.source_id: one for one in turn.messages if one not in asked}
        for side, response in zip(said, comparison.responses, strict=False):
            answer = answers.get(response.source_id)
            if answer is None or any(not _is_text(one) for one in (*asked, answer)):
                yield Skipped(Skip.cannot_be_written, OWN_TURNS_RULE)
                return
            side += [message(_role(one), one.content.text or "") for one in (*asked, answer)]
        contexts += [ContextMessage(_role(one), one.content.text or "") for one in asked]
    plain = Comparison(**{
        **{name: getattr(comparison, name) for name in comparison.__struct_fields__},
        "skip": None,
        "context": contexts,
    })  # fmt: skip
    yield from (
        Skipped(duel) if isinstance(duel, Skip) else (duel, said)
        for duel in duels(task, plain, options.rows, says_even=True)
    )


def _is_text(one: Message) -> bool:
    return one.content.text is not None and not one.content.attachments and not one.content.chunks


def _role(one: Message) -> str:
    return "tool" if one.role is MessageRole.function else one.role.value


FORMATS = (
    ExportFormat(
        name="arena",
        title="battles of two models",
        purpose="For leaderboards and the notebooks of Chatbot Arena.",
        columns=(
            *(
                ExportColumn(name, ColumnType.text)
                for name in ("question_id", "model_a", "model_b")
            ),
            ExportColumn("winner", ColumnType.text),
            ExportColumn("judge", ColumnType.text, is_optional=True),
            ExportColumn("conversation_a", ColumnType.messages),
            ExportColumn("conversation_b", ColumnType.messages),
        ),
        make=_make,
        containers=(ExportContainer.jsonl, ExportContainer.json, ExportContainer.parquet),
    ),
)
