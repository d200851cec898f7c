"""Preview of an export: what the first tasks give, and what of them is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.tasks.forms import form_of
from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import ExportFormat, ExportOptions, Skipped
from plaudit.formats.exporting.exported_tasks import exported_task
from plaudit.formats.exporting.selection import ChosenTask
from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.model.votes import VoteRow
from plaudit.wire.v2.resources import project_detail

ROWS_SHOWN = 3


class ExportPreview(Struct, frozen=True, kw_only=True):
    """Counts of the first tasks of an export, and the first rows that they give."""

    tasks: int
    rows: int
    skipped: dict[str, int]
    shown: list[dict[str, Any]]


def preview_export(
    tasks: Sequence[ChosenTask],
    project: ProjectRow,
    export_format: ExportFormat,
    options: ExportOptions,
    votes: Mapping[str, Sequence[VoteRow]],
) -> ExportPreview:
    """Make the rows of a few tasks, with their votes by task_id, and keep the first ones."""
    form = form_of(project_detail(project))
    skipped: Counter[str] = Counter()
    shown: list[dict[str, Any]] = []
    count = 0
    absent: set[str] = set()
    for chosen in tasks:
        task = exported_task(chosen, project, form, options)
        task = msgspec.structs.replace(task, votes=votes.get(task.value["task_id"], ()))
        if export_format.is_of_completed and task.value["status"] != TaskStatus.completed:
            skipped[str(Skip.not_completed)] += 1
            continue
        for made in export_format.make(task, options):
            if isinstance(made, Skipped):
                skipped[str(made)] += 1
                continue
            count += 1
            absent.update(
                column.name
                for column in export_format.columns
                if column.is_optional and made.values.get(column.name) is None
            )
            if len(shown) < ROWS_SHOWN:
                shown.append(made.values)
    return ExportPreview(
        tasks=len(tasks),
        rows=count,
        skipped=dict(sorted(skipped.items())),
        shown=[
            {name: value for name, value in values.items() if name not in absent}
            for values in shown
        ],
    )
