"""Plan of an import: what the page proposes for a file, and a preview of what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.api.transfer.import_job import SEARCH_STEPS_MAX, ImportChoices
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks import forms
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import Reject
from plaudit.errors import InvalidContent
from plaudit.formats.common.dry_run import TASKS_SHOWN, try_import
from plaudit.formats.common.file_import import FileImport, TaskUse
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.formats.table import columns_seen, drafts, roles
from plaudit.formats.table.toml_text import mapping_from_text
from plaudit.model.core import ProjectRow
from plaudit.store.transfer.jobs import Job
from plaudit.wire.v2 import parse
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.language.problem_texts import said
from plaudit.workspace.language.remark_texts import remark_text
from plaudit.workspace.render.text_batch import TextBatch

TABLE = "table"
PREVIEW_STEPS_MAX = 600_000_000
"""Steps of all searches by patterns of a mapping in one preview, of some two seconds."""

FAULTS_SHOWN = 3
NOTES_SHOWN = 4


class ImportPlan(Struct, kw_only=True):
    """Choices of the page: format, project, and for a table the roles of its columns.

    `mapping` is TOML, used instead of the roles if it is not blank. `values` are the meanings of
    the values of the verdict's column.
    """

    format: str
    project: str = ""
    pending: bool = False
    suggestions: bool = False
    replace: bool = False
    roles: dict[str, str] = {}
    values: dict[str, str] = {}
    mapping: str = ""
    config: str = ""
    saves_mapping: bool = False
    shown: int = 0
    """Number of the task that the preview shows, from 0."""


def choices_of(upload: Job, plan: ImportPlan) -> ImportChoices:
    """Choices that a plan for an upload comes to; raises InvalidContent."""
    if plan.format not in FORMATS:
        raise InvalidContent(f"{plan.format!r} is no format", pointer="/format")
    mapping = None
    if plan.format == TABLE:
        mapping = roles.mapping_of_roles(plan.roles, plan.values)
        if plan.mapping.strip():
            mapping = mapping_from_text(plan.mapping)
    return ImportChoices(
        file=str(jobs.job_request(upload).get("file", "")),
        format=plan.format,
        project=plan.project.strip() or None,
        replace=plan.replace,
        pending=plan.pending,
        suggestions=plan.pending and plan.suggestions,
        mapping=mapping,
        config=plan.config if plan.config.strip() else None,
    )


def draft_columns(rows: Sequence[Row], saved: dict[str, Any] | None) -> dict[str, Any]:
    """Columns with their samples and roles; a mapping that has no roles is given as text.

    The mapping that was `saved` for the project is used if the columns have all that it names.
    """
    faults = [] if saved is None else drafts.check_mapping(saved, rows)
    uses_saved = saved is not None and not faults
    if saved is not None and uses_saved:
        mapping = saved
        column_roles = roles.roles_of_mapping(mapping)
    else:
        mapping = drafts.draft_mapping(rows)
        column_roles = roles.roles_of_draft(mapping)
    offered = {} if uses_saved else roles.nearest_roles(mapping)
    columns = drafts.describe_columns(rows)
    if not set(column_roles or ()) <= {column.name for column in columns}:
        column_roles = None  # a path leads into a column
    preference = mapping.get("preference")
    return {
        "columns": columns,
        "is_cut": len(columns) >= columns_seen.COLUMNS_MAX,
        "column_roles": offered if column_roles is None else column_roles,
        "mapping_text": "" if column_roles is not None else drafts.mapping_to_toml(mapping),
        "meanings": preference.get("values", {}) if isinstance(preference, dict) else {},
        "uses_saved": uses_saved,
        "saved_faults": [_fault_text(fault) for fault in faults[:FAULTS_SHOWN]],
    }


def _fault_text(fault: drafts.MappingFault) -> str:
    """Fault of a mapping in the page's language, behind the pointer to it."""
    return str(msgspec.structs.replace(fault, message=said(fault.message)))


def lay_out_preview(
    rows: Sequence[Row],
    choices: ImportChoices,
    project: ProjectRow | None,
    texts: TextBatch,
    shown: int,
) -> dict[str, Any]:
    """Context of the preview: one of the first tasks by an annotator's eyes, and the counts.

    Raises InvalidContent for a mapping or a configuration that cannot be right.
    """
    rejects: list[Reject] = []
    with closing(
        FileImport(
            [],
            FORMATS[choices.format],
            ImportOptions(
                mapping=choices.mapping,
                config=choices.config,
                search_steps_max=SEARCH_STEPS_MAX,
                pattern_steps_max=PREVIEW_STEPS_MAX,
            ),
            project_name=choices.project,
            use=TaskUse(is_pending=True),
            rows=rows,
        )
    ) as prepared:
        prepared.prepare()
        result = try_import(prepared, rejects.append)
    form = prepared.form
    if project is not None and project_detail(project).form is not None:
        form = forms.form_of(project_detail(project))
    form = form or forms.PRESETS["RLHF: Pref Ranking"]
    view, shown = None, max(0, min(shown, len(result.tasks) - 1))
    if result.tasks:
        task = parse.read_task(result.tasks[shown]).task
        content = task.content or task.threads or []
        view = annotation_view.build(form, content, own_order(content), texts=texts)
    return {
        "problem": None,
        "view": view,
        "shown": shown,
        "tasks": len(result.tasks),
        "rows": len(rows),
        "count": result.taken.get("task", 0),
        "rejected": result.rejected,
        "rejects": rejects[:TASKS_SHOWN],
        "notes_shown": NOTES_SHOWN,
        "notes": [remark_text(one) for one in prepared.notes.list_sentences()],
    }
