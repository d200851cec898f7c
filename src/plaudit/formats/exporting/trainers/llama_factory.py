"""Files of LLaMA-Factory (0.9.5) in its ShareGPT form, and their entry in `dataset_info.json`.

LLaMA-Factory drops a row with a mere warning where human and gpt do not take turns, or where the
number of messages is not odd before a pair and even with an answer; the system message does not
count. Such rows are left out here, and counted. `kto_tag` is a boolean, never 1 or 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from plaudit.core.tasks.forms import Form
from plaudit.errors import Misconfigured
from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.conversations import conversations
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
from plaudit.formats.exporting.messages import alternation_problem, context_messages, spoken
from plaudit.formats.exporting.rows import PreferenceRow, label_rows
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

DATASET_INFO = "dataset_info.json"
_NAMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_SAID = (ExportColumn("from", ColumnType.text), ExportColumn("value", ColumnType.text))
_CONVERSATIONS = ExportColumn("conversations", ColumnType.records, fields=_SAID)


def _said(one: dict[str, Any]) -> dict[str, str]:
    return {"from": _NAMES[one["role"]], "value": one["content"]}


def _answer(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values | Skipped:
    problem = alternation_problem(prompt)
    if problem:
        return cannot_be_written(problem)
    return {
        "conversations": [_said(one) for one in prompt],
        "chosen": _answer(row.chosen),
        "rejected": _answer(row.rejected),
    }


def _pairs(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    return each_pair(task, options, _write_pair)


def _labels(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        for row in label_rows(comparison, task.form, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            prompt = context_messages(row.context, options)
            problem = alternation_problem(prompt)
            if problem:
                yield cannot_be_written(problem)
                continue
            said = [*map(_said, prompt), _answer(spoken(row.completion, row.reasoning, options))]
            values = {"conversations": said, "kto_tag": row.label}
            yield ExportRow(values, origin_of(comparison))


def _answers(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for made in conversations(task, options):
        if isinstance(made, Skipped):
            yield made
            continue
        problem = alternation_problem(made.prompt)
        if problem:
            yield cannot_be_written(problem)
            continue
        values = {"conversations": [*map(_said, made.prompt), _answer(made.target)]}
        yield ExportRow(values, origin_of(made.comparison))


def _info(
    paths: Sequence[Path], columns: dict[str, str], more: dict[str, Any]
) -> tuple[str, bytes]:
    """`dataset_info.json` of the folder, with an entry for each file; other entries stay.

    An entry is named as its file is, without the suffixes.
    """
    known = paths[0].with_name(DATASET_INFO)
    entries: dict[str, Any] = {}
    if known.exists():
        try:
            entries = json.loads(known.read_bytes())
        except ValueError as exc:
            raise Misconfigured(f"{known} is not JSON; move it away") from exc
        if not isinstance(entries, dict):
            raise Misconfigured(f"{known} is not an object of data sets; move it away")
    for path in paths:
        name = path.name
        for suffix in (".jsonl", ".json", ".parquet"):
            name = name.removesuffix(suffix)
        entry = {"file_name": path.name, "formatting": "sharegpt", **more, "columns": columns}
        entries[name] = entry
    return DATASET_INFO, (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()


def _info_of_pairs(paths: Sequence[Path], form: Form) -> tuple[str, bytes]:
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
    return _info(paths, columns, {"ranking": True})


def _info_of_labels(paths: Sequence[Path], form: Form) -> tuple[str, bytes]:
    return _info(paths, {"messages": "conversations", "kto_tag": "kto_tag"}, {})


def _info_of_answers(paths: Sequence[Path], form: Form) -> tuple[str, bytes]:
    return _info(paths, {"messages": "conversations"}, {})


_CONTAINERS = (ExportContainer.jsonl, ExportContainer.json, ExportContainer.parquet)

FORMATS = (
    ExportFormat(
        name="llama-factory",
        title="pairs for LLaMA-Factory",
        purpose="For DPO, ORPO, SimPO and reward models in LLaMA-Factory.",
        columns=(
            _CONVERSATIONS,
            ExportColumn("chosen", ColumnType.record, fields=_SAID),
            ExportColumn("rejected", ColumnType.record, fields=_SAID),
        ),
        make=_pairs,
        containers=_CONTAINERS,
        is_compressible=False,
        side_file=_info_of_pairs,
    ),
    ExportFormat(
        name="llama-factory-kto",
        title="labelled responses for LLaMA-Factory",
        purpose="For KTO in LLaMA-Factory.",
        columns=(_CONVERSATIONS, ExportColumn("kto_tag", ColumnType.boolean)),
        make=_labels,
        containers=_CONTAINERS,
        is_compressible=False,
        side_file=_info_of_labels,
    ),
    ExportFormat(
        name="llama-factory-sft",
        title="conversations for LLaMA-Factory",
        purpose="For supervised fine-tuning in LLaMA-Factory.",
        columns=(_CONVERSATIONS,),
        make=_answers,
        containers=_CONTAINERS,
        is_compressible=False,
        side_file=_info_of_answers,
    ),
)
