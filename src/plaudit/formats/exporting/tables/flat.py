"""Flat tables for people, in CSV and XLSX: a comparison a row, with responses, verdict and ratings.

Cells are safe from formulas always. Responses beyond the fourth stand in one cell as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from plaudit.formats.exporting.comparison import Candidate, Comparison, VerdictKind
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

RESPONSES = 4
"""Responses with columns of their own."""


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        if comparison.is_last_turn or not options.rows.last_turn_only:
            yield ExportRow(_values(comparison), origin_of(comparison))


def _values(comparison: Comparison) -> dict[str, Any]:
    said = [(one.role, one.text) for one in comparison.context]
    prompt = said.pop()[1] if said and said[-1][0] == "user" else None
    values: dict[str, Any] = {
        "task_id": comparison.task_id,
        "batch": comparison.batch,
        "completed_at": comparison.completed_at,
        "thread": comparison.thread + 1,
        "turn": comparison.turn + 1,
        "context": "\n\n".join(f"{role}: {text}" for role, text in said) or None,
        "prompt": prompt,
    }
    for number in range(RESPONSES):
        given = comparison.responses[number : number + 1]
        values |= {
            f"{name}_{number + 1}": getattr(given[0], name) if given else None
            for name in ("source_id", "model")
        }
        values[f"response_{number + 1}"] = given[0].text if given else None
        values[f"rewrite_{number + 1}"] = given[0].rewrite if given else None
        ratings = given[0].ratings if given else {}
        values[f"ratings_{number + 1}"] = _ratings(ratings) if ratings else None
    others = [_other(one) for one in comparison.responses[RESPONSES:]]
    return values | {
        "other_responses": others or None,
        "verdict": verdict(comparison),
        "better": best(comparison),
        "preference_value": comparison.likert,
        "votes": comparison.votes,
        "contributors": ", ".join(comparison.contributor_ids) or None,
        "remarks": ", ".join(comparison.flags) or None,
    }


def verdict(comparison: Comparison) -> str:
    """Word for the verdict: prefer, tie, all_bad, none or conflict."""
    return comparison.kind.value


def best(comparison: Comparison) -> str | None:
    """`source_id`s of the responses that lose to none, None without a preference."""
    if comparison.kind is not VerdictKind.prefer:
        return None
    places = {pair.better for pair in comparison.pairs} - {pair.worse for pair in comparison.pairs}
    return ", ".join(comparison.responses[place].source_id for place in sorted(places)) or None


def _ratings(ratings: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {_plain(value)}" for key, value in ratings.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _other(response: Candidate) -> dict[str, Any]:
    return {
        "source_id": response.source_id,
        "model": response.model,
        "response": response.text,
        "rewrite": response.rewrite,
        "ratings": response.ratings,
    }


def _text(name: str) -> ExportColumn:
    return ExportColumn(name, ColumnType.text, is_nullable=True)


_COLUMNS = (
    ExportColumn("task_id", ColumnType.text),
    _text("batch"),
    ExportColumn("completed_at", ColumnType.time, is_nullable=True),
    *(ExportColumn(name, ColumnType.integer) for name in ("thread", "turn")),
    *map(_text, ("context", "prompt")),
    *(
        _text(f"{name}_{number}")
        for number in range(1, RESPONSES + 1)
        for name in ("source_id", "model", "response", "rewrite", "ratings")
    ),
    ExportColumn("other_responses", ColumnType.json, is_nullable=True),
    ExportColumn("verdict", ColumnType.text),
    _text("better"),
    ExportColumn("preference_value", ColumnType.integer, is_nullable=True),
    ExportColumn("votes", ColumnType.integer),
    *map(_text, ("contributors", "remarks")),
)

FORMATS = tuple(
    ExportFormat(
        name=container.value,
        title=f"a comparison a row, in {container.value.upper()}",
        purpose="For people who look at the work in a spreadsheet.",
        columns=_COLUMNS,
        make=_make,
        containers=(container,),
        is_for_people=True,
    )
    for container in (ExportContainer.csv, ExportContainer.xlsx)
)
