"""GSM8K's model solutions: a problem, its written solution, and solutions of several models.

Each model's solution has a flag that says if its final number is right. No person judged them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask, annotation, message, thread, turn
from plaudit.formats.common.row_members import RowMembers, name_of_kind, pointer_of
from plaudit.formats.common.row_shapes import have_members, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX

_COLUMNS = ("question", "ground_truth")
_MEMBERS = ("is_correct", "solution")

_FORM = Form(
    fields=[
        Field(
            key="is_correct",
            level=Level.message,
            type="boolean",
            title="Is the solution right?",
            required=True,
        )
    ]
)


class Gsm8kReader(FormatReader):
    """Reader of one problem a task."""

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a problem."""
        members = RowMembers(rows[0], self.options, self.notes)
        question = members.text("question")
        truth = members.optional_text("ground_truth")
        references = None
        if truth is not None:
            references = [{"content": truth, "category": "ground_truth"}]
        models = [name for name, member in members.value.items() if _is_solution(member)]
        if not models:
            raise InvalidContent(
                "the row has no solution: no member of a model with is_correct and solution"
            )
        if len(models) >= MESSAGES_PER_TASK_MAX:
            raise InvalidContent(f"more than {MESSAGES_PER_TASK_MAX} messages")
        sources = members.unique_names(["user", *models])[1:]
        responses = [
            self._response(members, model, source)
            for model, source in zip(models, sources, strict=True)
        ]
        asked = message("user", question, reference_texts=references)
        metadata = other_members(members.value, (*_COLUMNS, *models))
        for model in models:
            if rest := other_members(members.value[model], _MEMBERS):
                metadata[model] = rest
        yield ImportedTask(
            threads=[thread([turn(0, [asked, *responses])])],
            metadata=metadata,
            flags=members.flags,
        )

    def form(self) -> Form:
        """Form with the flag that each solution has."""
        return _FORM

    def _response(self, members: RowMembers, model: str, source: str) -> dict[str, Any]:
        member, pointer = members.value[model], pointer_of(model)
        text = members.as_response(member["solution"], f"{pointer}/solution")
        is_correct = member.get("is_correct")
        if is_correct is not None and not isinstance(is_correct, bool):
            raise InvalidContent(
                f"expected true or false, not {name_of_kind(is_correct)}",
                pointer=f"{pointer}/is_correct",
            )
        annotations = []
        if is_correct is not None:
            annotations.append(annotation("is_correct", "boolean", is_correct))
        return message("assistant", text, source_id=source, model=model, annotations=annotations)


def _is_solution(member: Any) -> bool:
    return isinstance(member, dict) and "solution" in member


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show GSM8K's rows, None for others."""
    if not have_members(rows, _COLUMNS):
        return None
    common = set.intersection(*(set(row.value) for row in rows))
    models = [
        name
        for name in rows[0].value
        if name in common
        and all(_is_solution(row.value[name]) and "is_correct" in row.value[name] for row in rows)
    ]
    return [*_COLUMNS, *models] if models else None


FORMAT = ImportFormat(
    name="gsm8k",
    title="GSM8K model solutions",
    reader=Gsm8kReader,
    detect=detect,
    specificity=85,
)
