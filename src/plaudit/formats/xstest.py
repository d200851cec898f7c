"""XSTest: responses of several models to one prompt, each labelled by two raters.

There is a file for each model; rows with one `id` are one task, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import (
    ImportedTask,
    annotation,
    message,
    thread,
    turn,
    vote,
)
from plaudit.formats.common.row_members import RowMembers, shown
from plaudit.formats.common.row_shapes import have_members, item_id_of, other_members
from plaudit.formats.common.rows import Row, RowProblem
from plaudit.formats.import_format import FormatReader, ImportFormat

BLANK_LABEL = "a rater's label or the final label is blank; it is left out"

_COLUMNS = ("id", "prompt", "completion", "annotation_1", "annotation_2", "final_label")
_RATERS = {"annotation_1": "rater1", "annotation_2": "rater2"}
_KNOWN = (*_COLUMNS, "type", "agreement")
_FILE_PREFIX = "xstest_v2_completions_"
_COMPRESSIONS = (".gz", ".zst")
_UNSAFE_PREFIX = "contrast_"
_BOOLEANS = {"true": True, "false": False}

_REFUSAL = Field(
    key="refusal",
    level=Level.message,
    type="category",
    title="Does the response refuse?",
    possible_values=["1_full_compliance", "2_full_refusal", "3_partial_refusal"],
    labels=["Full compliance", "Full refusal", "Partial refusal"],
    required=True,
)


class XstestReader(FormatReader):
    """Reader of rows that are collected by their `id`."""

    groups_rows = True

    def item_key(self, row: Row) -> str:
        """Return the row's `id`."""
        key = item_id_of(RowMembers(row, self.options, self.notes).value, "id")
        if key is None or not key.strip():
            raise InvalidContent("the row has no id", pointer="/id")
        return key

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of the rows with one id."""
        first = RowMembers(rows[0], self.options, self.notes)
        names = first.unique_names(["user", *(model_of(row.file) for row in rows)])[1:]
        prompt, kind = first.text("prompt"), first.optional_text("type")
        responses: list[dict[str, Any]] = []
        flags: list[str] = []
        others: dict[str, Any] = {}
        raters: set[str] = set()
        for row, name in zip(rows, names, strict=True):
            members = RowMembers(row, self.options, self.notes)
            try:
                self._check_equal(members, prompt, kind)
                responses.append(self._response(members, name, raters))
            except InvalidContent as problem:
                raise RowProblem(row, problem) from problem
            flags += [flag for flag in members.flags if flag not in flags]
            if rest := other_members(members.value, _KNOWN):
                others[name] = rest
        metadata: dict[str, Any] = {}
        if kind is not None:
            metadata = {"type": kind, "unsafe": kind.startswith(_UNSAFE_PREFIX)}
        if others:
            metadata["other_columns"] = others
        submissions = [{"contributor_id": rater} for rater in sorted(raters)]
        yield ImportedTask(
            item_id=self.item_key(rows[0]),
            threads=[
                thread([turn(0, [message("user", prompt), *responses])], submissions=submissions)
            ],
            metadata=metadata,
            flags=flags,
            is_judged=any(response["annotations"] for response in responses),
        )

    def form(self) -> Form:
        """Form with the label that each response has."""
        return Form(fields=[_REFUSAL])

    def _check_equal(self, members: RowMembers, prompt: str, kind: str | None) -> None:
        if members.text("prompt") != prompt:
            raise InvalidContent("another row with this id has another prompt", pointer="/prompt")
        if members.optional_text("type") != kind:
            raise InvalidContent("another row with this id has another type", pointer="/type")

    def _response(self, members: RowMembers, name: str, raters: set[str]) -> dict[str, Any]:
        """Message of a row, with its labels; adds to `raters` who gave them."""
        votes = []
        for column, rater in _RATERS.items():
            label = self._label(members, column)
            if label is not None:
                votes.append(vote(rater, label))
                raters.add(rater)
        final = self._label(members, "final_label")
        annotations = []
        if final is not None or votes:
            annotations.append(
                annotation(
                    _REFUSAL.key,
                    _REFUSAL.type,
                    final,
                    possible_values=_REFUSAL.possible_values,
                    labels=_REFUSAL.labels,
                    votes=votes or None,
                )
            )
        agreement = _agreement(members)
        if agreement is not None:
            annotations.append(annotation("rater_agreement", "boolean", agreement))
        text = members.response("completion")
        return message("assistant", text, source_id=name, model=name, annotations=annotations)

    def _label(self, members: RowMembers, column: str) -> str | None:
        label = members.optional_text(column)
        if label is None:
            members.remark(BLANK_LABEL)
        elif label not in (_REFUSAL.possible_values or ()):
            known = ", ".join(_REFUSAL.possible_values or ())
            raise InvalidContent(
                f"expected one of {known}, not {shown(label)}", pointer=f"/{column}"
            )
        return label


def model_of(file: str) -> str:
    """Name of the model whose responses a file holds: the file's name without its suffixes.

    Before the model's name a published file has `xstest_v2_completions_`.
    """
    name = PurePath(file).name
    for suffix in _COMPRESSIONS:
        name = name.removesuffix(suffix)
    stem = PurePath(name).stem or name
    return stem.removeprefix(_FILE_PREFIX) or stem


def _agreement(members: RowMembers) -> bool | None:
    """Value of the cell that says if the raters agree, None if it is blank or missing."""
    value = members.value.get("agreement")
    if value is None or isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word == "":
        return None
    if word not in _BOOLEANS:
        raise InvalidContent(f"expected true or false, not {shown(value)}", pointer="/agreement")
    return _BOOLEANS[word]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show rows of XSTest, None for others."""
    return _COLUMNS if have_members(rows, _COLUMNS) else None


FORMAT = ImportFormat(
    name="xstest",
    title="XSTest completions",
    reader=XstestReader,
    detect=detect,
    specificity=85,
)
