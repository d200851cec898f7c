"""Minimal exports of Label Studio (JSON-MIN, CSV): an annotation a row, data and answers mixed.

With the labelling configuration, which names the answers' columns, the rows of a task become the
task as the export called JSON has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import as_integer, pointer_of
from plaudit.formats.common.rows import Row, RowProblem
from plaudit.formats.label_studio.config import LabelConfig, LabelControl

COLUMNS = ("annotation_id", "annotator", "lead_time")
"""Columns of every minimal export."""

_OF_ANNOTATION = (*COLUMNS, "created_at", "updated_at", "agreement", "history", "was_cancelled")
_KEPT = ("created_at", "updated_at", "was_cancelled")
_PLAIN = {"choices": "choices", "textarea": "text"}
"""Member of a region's value that a single text stands for, by the control's kind."""
_SCALAR = {"pairwise": "selected", "rating": "rating", "number": "number", "datetime": "datetime"}
_AT_REGION = re.compile(r"/annotations/(\d+)/result/(\d+)")


class MinimalTask(Struct):
    """A task made of rows. `places` are the row and column of each annotation's regions."""

    value: dict[str, Any]
    places: list[list[tuple[Row, str]]]

    def problem_in(self, problem: InvalidContent) -> RowProblem | InvalidContent:
        """A problem of the task as one of the row and column that it comes from."""
        place = _AT_REGION.match(problem.pointer)
        if place is None:
            return InvalidContent(problem.message)
        row, column = self.places[int(place[1])][int(place[2])]
        return RowProblem(row, InvalidContent(problem.message, pointer=pointer_of(column)))


def is_minimal(value: Any) -> bool:
    """True for a row of a minimal export."""
    return isinstance(value, dict) and "data" not in value and all(n in value for n in COLUMNS)


def as_task(rows: Sequence[Row], config: LabelConfig) -> MinimalTask:
    """Make a task of its rows, one an annotation; a row without an annotation has data alone."""
    first = rows[0].value
    asked = config.controls
    data = {
        name: value
        for name, value in first.items()
        if name not in asked and name not in _OF_ANNOTATION and name != "id"
    }
    task: dict[str, Any] = {"data": data, "annotations": []}
    if first.get("id") not in (None, ""):
        task["id"] = first["id"]
    made = MinimalTask(task, [])
    for row in rows:
        if row.value.get("annotation_id") in (None, ""):
            continue
        found = [
            (region, (row, name))
            for name, control in asked.items()
            for region in _regions(control, row.value.get(name))
        ]
        given = {
            name: row.value.get(name) for name in ("created_at", "updated_at", "was_cancelled")
        }
        person = {"completed_by": row.value.get("annotator"), "id": row.value["annotation_id"]}
        task["annotations"].append({**person, **given, "result": [region for region, _ in found]})
        made.places.append([place for _, place in found])
    return made


def _regions(control: LabelControl, given: Any) -> Iterator[dict[str, Any]]:
    """Regions of a control in a cell: a text alone, a region's value, or a list of either."""
    decoded = _decoded(given)
    parts = decoded if isinstance(decoded, list) else [decoded]
    to_name = control.objects[0] if control.objects else ""
    for part in parts:
        if part is None or part == "":
            continue
        yield {
            "from_name": control.name,
            "to_name": to_name,
            "type": control.kind,
            "value": part if isinstance(part, dict) else _value(control.kind, part),
        }


def _value(kind: str, part: Any) -> dict[str, Any]:
    if kind in _PLAIN:
        return {_PLAIN[kind]: [part]}
    number = as_integer(part) if kind in ("rating", "number") else None
    return {_SCALAR.get(kind, kind): part if number is None else number}


def _decoded(value: Any) -> Any:
    """A cell's list or object; any other value as it is."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        decoded = json_guard.check(value.encode())
    except (InvalidContent, UnicodeEncodeError):
        return value
    return decoded if isinstance(decoded, list | dict) else value
