"""PandaLM's test set: two responses to an instruction, and the verdicts of several people.

A verdict is 1 or 2, the better response, or 0 for a tie. The majority is the task's verdict; each
person's is a vote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.core.labeling.ballots import Ballot, plurality
from plaudit.core.tasks.forms import Consolidate, Field, Form, Level, ScaleDirection
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import (
    TIE,
    ImportedTask,
    annotation,
    message,
    thread,
    turn,
    vote,
)
from plaudit.formats.common.row_members import RowMembers
from plaudit.formats.common.row_shapes import have_members, item_id_of, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat

BLANK_VERDICT = "a person's verdict is blank; it is no vote"
NO_MAJORITY = "no verdict has more votes than each other one; the votes are kept without one"
UNNAMED_MODELS = (
    "cmp_key does not name two models; the responses are called response1 and response2"
)

_COLUMNS = ("cmp_key", "instruction", "response1", "response2", "annotator1")
_ANNOTATOR = re.compile(r"annotator\d+")
_LIKERT = (2, 1, 3)
"""Step of the scale for each verdict 0, 1, 2."""

_PREFERENCE = Field(
    key="likert_value",
    level=Level.turn,
    type="integer",
    title="Which response is better?",
    possible_values=[1, 2, 3],
    labels=["Response 1 is better", "About the same", "Response 2 is better"],
    required=True,
    scale=ScaleDirection.low_is_first,
    consolidate=Consolidate.majority,
)
_FORM = Form(
    fields=[
        Field(
            key="selected_model_id",
            level=Level.turn,
            type="category",
            title="Preferred response",
            description="Follows from the preference; absent for a tie.",
        ),
        _PREFERENCE,
    ]
)


class PandalmReader(FormatReader):
    """Reader of one row a task."""

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a row."""
        members = RowMembers(rows[0], self.options, self.notes)
        prompt = members.text("instruction")
        given = members.optional_text("input")
        sources = self._sources(members)
        responses = [
            message("assistant", members.response(name), source_id=source, model=source)
            for name, source in zip(("response1", "response2"), sources, strict=True)
        ]
        asked = message("user", prompt if given is None else f"{prompt}\n{given}")
        verdicts = self._verdicts(members)
        judged = _judged(members, verdicts, sources)
        submissions = [{"contributor_id": person} for person in verdicts]
        known = ("idx", "instruction", "input", "response1", "response2", *verdicts)
        yield ImportedTask(
            item_id=item_id_of(members.value, "idx"),
            threads=[thread([turn(0, [asked, *responses], judged)], submissions=submissions)],
            metadata=other_members(members.value, known),
            flags=members.flags,
            is_judged=bool(verdicts),
        )

    def form(self) -> Form:
        """Form with the one question of the set."""
        return _FORM

    def _sources(self, members: RowMembers) -> list[str]:
        """Names of the two responses, different, and none of them the user's or a verdict."""
        names = members.text("cmp_key").split("_")
        if len(names) != 2 or not all(name.strip() for name in names):
            if members.is_strict:
                raise InvalidContent(
                    "expected two models with one underscore between them", pointer="/cmp_key"
                )
            members.remark(UNNAMED_MODELS)
            names = ["response1", "response2"]
        return members.unique_names(["user", TIE, *names])[2:]

    def _verdicts(self, members: RowMembers) -> dict[str, int]:
        """Each person's verdict 0, 1 or 2, by person."""
        verdicts = {}
        for name in members.value:
            if _ANNOTATOR.fullmatch(name):
                verdict = members.integer(name, 0, 2)
                if verdict is None:
                    members.remark(BLANK_VERDICT)
                else:
                    verdicts[name] = verdict
        return verdicts


def _judged(
    members: RowMembers, verdicts: dict[str, int], sources: list[str]
) -> list[dict[str, Any]]:
    """Annotations of the turn: the verdict of the majority with all votes, and its scale.

    A tie is the `preference`; where nothing has a majority, `selected_model_id` has no value.
    """
    if not verdicts:
        return []
    result = plurality([Ballot(verdict) for verdict in verdicts.values()])
    majority: int | None = result.ballot.value if result.is_resolved else None
    named = (TIE, *sources)
    votes = [vote(person, named[verdict]) for person, verdict in verdicts.items()]
    if majority is None:
        members.remark(NO_MAJORITY)
        return [annotation("selected_model_id", "category", None, votes=votes)]
    scale = annotation(
        _PREFERENCE.key,
        _PREFERENCE.type,
        _LIKERT[majority],
        possible_values=_PREFERENCE.possible_values,
        labels=_PREFERENCE.labels,
    )
    key = "preference" if named[majority] == TIE else "selected_model_id"
    return [annotation(key, "category", named[majority], votes=votes), scale]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show PandaLM's rows, None for others."""
    return _COLUMNS if have_members(rows, _COLUMNS) else None


FORMAT = ImportFormat(
    name="pandalm",
    title="PandaLM comparisons",
    reader=PandalmReader,
    detect=detect,
    specificity=85,
)
