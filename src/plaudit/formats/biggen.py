"""BiGGen-Bench: prompts, each with a rubric of its own and a reference answer.

The published file has the same placeholder as response of every prompt; only another one is kept,
with the score that a model gave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level, TextUse
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import (
    ImportedTask,
    annotation,
    message,
    thread,
    turn,
    vote,
)
from plaudit.formats.common.row_members import RowMembers, name_of_kind
from plaudit.formats.common.row_shapes import have_members, item_id_of, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat, ObjectRows

PLACEHOLDER = "dummy output"
"""Response of every prompt in the published file."""

PLACEHOLDER_LEFT_OUT = "response, feedback and score are placeholders; they are left out"
CRITERION_ID = "score_rubric"

_COLUMNS = ("system_prompt", "input", "reference_answer", "score_rubric")
_RESULT = ("response", "response_model_name", "feedback", "score", "eval_model_name")
_SCORES = [1, 2, 3, 4, 5]

_FORM = Form(
    fields=[
        Field(
            key="response",
            level=Level.turn,
            type="text",
            title="Your response",
            description="Write what a very good assistant would answer.",
            required=True,
            use=TextUse.response,
        ),
        Field(
            key="score",
            level=Level.criterion,
            type="integer",
            title="Score",
            possible_values=_SCORES,
            required=True,
        ),
    ]
)


class BiggenReader(FormatReader):
    """Reader of one prompt a task."""

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a prompt."""
        row = rows[0]
        members = RowMembers(row, self.options, self.notes)
        system = members.optional_text("system_prompt")
        reference = members.optional_text("reference_answer")
        references = None
        if reference is not None:
            references = [{"content": reference, "category": "reference_answer"}]
        asked = message("user", members.text("input"), reference_texts=references)
        criterion, levels, others = _rubric(members)
        messages = [asked] if system is None else [message("system", system), asked]
        answer, judge = self._answer(members, levels)
        if answer is not None:
            names = [said["source_id"] for said in messages]
            answer["source_id"] = members.unique_names([*names, answer["source_id"]])[-1]
            messages.append(answer)
        scale = annotation("score", "integer", None, possible_values=_SCORES, labels=levels)
        asking = turn(0, messages, [scale])
        asking["rubrics"] = [
            {
                "criteria_definitions": [
                    {"id": CRITERION_ID, "criterion": criterion, "weight": 1, "annotations": []}
                ],
                "max_total_score": _SCORES[-1],
            }
        ]
        yield ImportedTask(
            item_id=item_id_of(members.value, "id") or row.key,
            threads=[thread([asking], submissions=[{"contributor_id": judge}] if judge else [])],
            metadata={
                **other_members(members.value, ("id", *_COLUMNS, *_RESULT)),
                **({"score_rubric": others} if others else {}),
                "score_levels": levels,
            },
            flags=members.flags,
        )

    def form(self) -> Form:
        """Form that asks for a response where there is none, and for a score by the rubric."""
        return _FORM

    def _answer(
        self, members: RowMembers, levels: list[str]
    ) -> tuple[dict[str, Any] | None, str | None]:
        """Message of a real response with its score, and the model that gave the score."""
        if members.value.get("response") in (None, "", PLACEHOLDER):
            if any(members.has(name) for name in _RESULT):
                members.remark(PLACEHOLDER_LEFT_OUT)
            return None, None
        model = members.optional_text("response_model_name")
        judge = members.optional_text("eval_model_name")
        feedback = members.optional_text("feedback")
        score = members.integer("score", _SCORES[0], _SCORES[-1])
        said = [] if feedback is None else [annotation("feedback", "text", feedback)]
        text = members.response("response")
        answer = message(
            "assistant", text, source_id=model or "response", model=model, annotations=said
        )
        if score is not None:
            votes = None if judge is None else [vote(judge, score)]
            scored = annotation(
                "score", "integer", score, possible_values=_SCORES, labels=levels, votes=votes
            )
            answer["rubric_evaluations"] = [
                {
                    "criteria_evaluations": [
                        {
                            "criterion_definition_id": CRITERION_ID,
                            "score": score,
                            "annotations": [scored],
                        }
                    ],
                    "total_score": score,
                }
            ]
        return answer, judge


def _rubric(members: RowMembers) -> tuple[str, list[str], dict[str, Any]]:
    """Criterion of a rubric, the descriptions of its scores from 1 to 5, and its other members."""
    rubric = members.value.get("score_rubric")
    if not isinstance(rubric, dict):
        raise InvalidContent(
            f"expected an object, not {name_of_kind(rubric)}", pointer="/score_rubric"
        )
    names = ["criteria", *(f"score{score}_description" for score in _SCORES)]
    for name in names:
        if name not in rubric:
            raise InvalidContent(f"the rubric has no {name!r}", pointer="/score_rubric")
    criterion, *levels = (members.as_text(rubric[name], f"/score_rubric/{name}") for name in names)
    return criterion, levels, other_members(rubric, names)


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show prompts of BiGGen-Bench, None for others."""
    if not have_members(rows, _COLUMNS):
        return None
    is_biggen = all(
        isinstance(row.value["score_rubric"], dict)
        and {"criteria", "score1_description"} <= row.value["score_rubric"].keys()
        for row in rows
    )
    return _COLUMNS if is_biggen else None


FORMAT = ImportFormat(
    name="biggen",
    title="BiGGen-Bench prompts",
    reader=BiggenReader,
    detect=detect,
    specificity=85,
    object_rows=ObjectRows.always,
)
