"""Pairs for Axolotl's `chat_template.default` (0.19.0), and the rules of its way to read them.

It renders `[[dummy_message]]` and the response, then looks for the response's text in the result.
A template that trims would hide outer white space, so that is stripped, with a remark; and a
response that the dummy has in itself would be cut out of the wrong place, so it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
)
from plaudit.formats.exporting.messages import message
from plaudit.formats.exporting.rows import PreferenceRow
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

STRIPPED = "stripped_text"
"""Remark on a row of which outer white space was left out."""

DUMMY = "[[dummy_message]]"
_IN_DUMMY = "the response's text is in Axolotl's dummy message"


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values | Skipped:
    chosen, rejected = row.chosen.strip(), row.rejected.strip()
    if chosen == rejected:
        return Skipped(Skip.identical)
    if chosen in DUMMY or rejected in DUMMY:
        return cannot_be_written(_IN_DUMMY)
    return {
        "messages": prompt,
        "chosen": message("assistant", chosen),
        "rejected": message("assistant", rejected),
        STRIPPED: (chosen, rejected) != (row.chosen, row.rejected),
    }


def _preferences(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for made in each_pair(task, options, _write_pair):
        if isinstance(made, ExportRow) and made.values.pop(STRIPPED):
            origin = made.origin
            flags = [*origin.flags, STRIPPED]
            people = origin.contributor_ids
            yield ExportRow(
                made.values,
                Origin(origin.task_id, origin.thread_id, origin.turn_id, people, flags),
            )
        else:
            yield made


_MESSAGE = (ExportColumn("role", ColumnType.text), ExportColumn("content", ColumnType.text))

FORMATS = (
    ExportFormat(
        name="axolotl",
        title="pairs for Axolotl",
        purpose="For DPO, IPO and ORPO in Axolotl, with `type: chat_template.default`.",
        columns=(
            ExportColumn("messages", ColumnType.messages),
            ExportColumn("chosen", ColumnType.record, fields=_MESSAGE),
            ExportColumn("rejected", ColumnType.record, fields=_MESSAGE),
        ),
        make=_preferences,
    ),
)
