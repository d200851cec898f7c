"""Anthropic's HH transcripts: the better and the worse conversation, each in one text.

A transcript has no escapes, no system role and no tools: what it cannot say is left out by rule.
Rows that were imported as transcripts come back byte for byte, also where the two sides differ
before their last answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import FLAGS
from plaudit.formats.exporting.comparison import Comparison, Skip, VerdictKind
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.pair_policies import selected_pairs
from plaudit.formats.exporting.rows import preference_rows
from plaudit.formats.hh import DIFFERENT_CONTEXTS, TRANSCRIPTS, Said, parse, render
from plaudit.wire.v2.task import MessageRole

ROLE_RULE = "a transcript has messages of user and assistant alone"
MARK_RULE = r"a text with '\n\nHuman:' or '\n\nAssistant:' reads as two messages"


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        flags = comparison.metadata.get(FLAGS)
        if isinstance(flags, list) and DIFFERENT_CONTEXTS in flags:
            yield from _of_pieces(task, comparison, options)
            continue
        for row in preference_rows(comparison, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            context = [(message.role, message.text) for message in comparison.context]
            sides = {
                row.chosen_source: [*context, ("assistant", row.chosen)],
                row.rejected_source: [*context, ("assistant", row.rejected)],
            }
            yield _row(comparison, sides, row.contributor_id)


def _of_pieces(
    task: ExportedTask, comparison: Comparison, options: ExportOptions
) -> Iterator[ExportRow | Skipped]:
    """Rows of a task whose responses are pieces of conversations, by the role of each."""
    if comparison.skip is not None or comparison.kind is not VerdictKind.prefer:
        yield Skipped(comparison.skip or Skip.no_preference)
        return
    context = [(message.role, message.text) for message in comparison.context]
    tails: dict[str, list[Said]] = {}
    for message in task.threads[comparison.thread].turns[comparison.turn].messages:
        if message.role is MessageRole.assistant:
            content = message.content
            pieces = [(chunk.type, chunk.text) for chunk in content.chunks or ()]
            tails[message.source_id] = pieces or [("assistant", content.text or "")]
    for pair in selected_pairs(comparison.pairs, comparison.groups, options.rows.pairs):
        sources = [comparison.responses[place].source_id for place in (pair.better, pair.worse)]
        if any(not tails[source][-1][1].strip() for source in sources):
            yield Skipped(Skip.empty_response)
            continue
        sides = {source: [*context, *tails[source]] for source in sources}
        yield _row(comparison, sides, pair.contributor_id)


def _row(
    comparison: Comparison, sides: dict[str, list[Said]], contributor_id: str | None
) -> ExportRow | Skipped:
    """Row of a better and a worse conversation, by the `source_id` of their last answers."""
    if any(role not in ("user", "assistant") for side in sides.values() for role, _ in side):
        return Skipped(Skip.cannot_be_written, ROLE_RULE)
    kept = comparison.metadata.get(TRANSCRIPTS)
    texts = []
    for source, said in sides.items():
        text = kept.get(source) if isinstance(kept, dict) else None
        if not isinstance(text, str) or not _says(text, said):
            text = render(said)
        if not _says(text, said):
            return Skipped(Skip.cannot_be_written, MARK_RULE)
        texts.append(text)
    values = dict(zip(("chosen", "rejected"), texts, strict=True))
    return ExportRow(values, origin_of(comparison, contributor_id))


def _says(transcript: str, said: Sequence[Said]) -> bool:
    """True if a transcript is read as these messages."""
    try:
        return parse(transcript) == list(said)
    except InvalidContent:
        return False


FORMATS = (
    ExportFormat(
        name="hh",
        title="two transcripts, chosen and rejected",
        purpose="For reward models and trainers that read Anthropic's HH-RLHF.",
        columns=(
            ExportColumn("chosen", ColumnType.text),
            ExportColumn("rejected", ColumnType.text),
        ),
        make=_make,
    ),
)
