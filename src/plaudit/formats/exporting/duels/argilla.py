"""Argilla 2 records: a chat and two responses as fields, and each person's submitted answers.

The question `preference` names a response, `tie` or `both_bad`; ratings, labels and texts about a
response are questions of their own (`overall_response_1`). The settings stand in a file beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.formats.exporting.comparison import Candidate, Skip
from plaudit.formats.exporting.duels.arena import question_ids
from plaudit.formats.exporting.duels.duel import (
    UNNAMED,
    Duel,
    Winner,
    duels,
    persons_votes,
    turn_of,
)
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
from plaudit.formats.exporting.messages import context_messages
from plaudit.wire.v2.annotation import Annotation, AnnotationType
from plaudit.wire.v2.task import MessageRole

CONTEXT = "context"
RESPONSES = ("response_1", "response_2")
PREFERENCE = "preference"
WORDS = {
    Winner.first: RESPONSES[0],
    Winner.second: RESPONSES[1],
    Winner.tie: "tie",
    Winner.all_bad: "both_bad",
}
_ASKED = (
    AnnotationType.integer, AnnotationType.boolean, AnnotationType.category, AnnotationType.text,
)  # fmt: skip

Answers = dict[str, list[dict[str, Any]]]


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    made: dict[tuple[str, str, str], Duel] = {}
    for comparison in task.comparisons:
        for duel in duels(task, comparison, options.rows, says_even=True, says_votes=True):
            if isinstance(duel, Skip):
                yield Skipped(duel)
            else:
                key = (comparison.turn_id, duel.first.source_id, duel.second.source_id)
                made.setdefault(key, duel)
    duels_made = list(made.values())
    for duel, record_id in zip(duels_made, question_ids(duels_made), strict=True):
        sides = (duel.first, duel.second)
        models = {
            f"model_{number}": side.model for number, side in enumerate(sides, 1) if side.model
        }
        values = {
            "id": record_id,
            "status": "completed",
            "fields": {
                CONTEXT: context_messages(duel.comparison.context, options),
                **{name: side.text for name, side in zip(RESPONSES, sides, strict=True)},
            },
            "metadata": models,
            "suggestions": {},
            "responses": _answers(task, duel),
            "vectors": {},
        }
        yield ExportRow(values, origin_of(duel.comparison))


def _answers(task: ExportedTask, duel: Duel) -> Answers:
    answers: Answers = {
        PREFERENCE: [
            _answer(vote.contributor_id, WORDS[vote.winner]) for vote in persons_votes(duel)
        ]
    }
    people = duel.comparison.contributor_ids
    person = people[0] if len(people) == 1 else UNNAMED
    asked = {field.key: field for field in _asked(task.form)}
    for name, side in zip(RESPONSES, (duel.first, duel.second), strict=True):
        for given in _annotations(task, duel, side):
            field = asked.get(given.key)
            votes = [
                (vote.contributor_id, vote.value if vote.has_value else None)
                for vote in given.votes or ()
            ]
            listed = [
                _answer(voter, _value(value, field))
                for voter, value in votes or [(person, given.value)]
                if field is not None and value is not None and value != ""
            ]
            if listed:
                answers[f"{given.key}_{name}"] = listed
    return answers


def _annotations(task: ExportedTask, duel: Duel, side: Candidate) -> Sequence[Annotation]:
    """Annotations of a response that a question of Argilla can hold."""
    return [
        given
        for message in turn_of(task, duel.comparison).messages
        if message.source_id == side.source_id and message.role is MessageRole.assistant
        for given in message.annotations
        if given.type in _ASKED and not (given.not_applicable or given.cannot_assess)
    ]


def _answer(person: str, value: Any) -> dict[str, Any]:
    return {"value": value, "user_id": person, "status": "submitted"}


def _value(value: Any, field: Field | None) -> Any:
    """An annotation's value as an answer: truth values are labels, other numbers are texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    is_rating = field is not None and _kind(field) == "rating"
    return value if is_rating else str(value)


def _asked(form: Form) -> list[Field]:
    """Questions of a form about responses that Argilla can ask."""
    return [
        field
        for field in form.fields
        if field.level is Level.message
        and field.type in _ASKED
        and field.applies_to in (None, MessageRole.assistant)
    ]


def _kind(field: Field) -> str:
    """Type of a field's question; a rating's values are 0 to 10 in Argilla."""
    values = field.possible_values
    if field.type == AnnotationType.integer and values and 0 <= min(values) <= max(values) <= 10:
        return "rating"
    is_label = field.type == AnnotationType.category and bool(values)
    return "label_selection" if is_label or field.type == AnnotationType.boolean else "text"


def settings(paths: Sequence[Path], form: Form) -> tuple[str, bytes]:
    """Name and content of the settings of a dataset with these records."""
    questions = [_question(PREFERENCE, "label_selection", list(WORDS.values()), required=True)]
    for field in _asked(form):
        is_boolean = field.type == AnnotationType.boolean
        options = ["true", "false"] if is_boolean else field.possible_values
        questions += [
            _question(f"{field.key}_{name}", _kind(field), options or ()) for name in RESPONSES
        ]
    declared = {
        "guidelines": None,
        "allow_extra_metadata": True,
        "fields": [
            {"name": CONTEXT, "title": CONTEXT, "required": True,
             "settings": {"type": "chat", "use_markdown": False}},
            *(
                {"name": name, "title": name, "required": True,
                 "settings": {"type": "text", "use_markdown": False}}
                for name in RESPONSES
            ),
        ],
        "questions": questions,
    }  # fmt: skip
    return f"{paths[0].name}.settings.json", msgspec.json.format(
        msgspec.json.encode(declared)
    ) + b"\n"


def _question(
    name: str, kind: str, options: Sequence[Any], *, required: bool = False
) -> dict[str, Any]:
    given: dict[str, Any] = {"type": kind}
    if kind == "text":
        given["use_markdown"] = False
    elif kind == "rating":
        given["options"] = [{"value": value} for value in options]
    else:
        given["options"] = [{"value": value, "text": value} for value in options]
    return {"name": name, "title": name, "required": required, "settings": given}


FORMATS = (
    ExportFormat(
        name="argilla",
        title="Argilla records with each person's answers",
        purpose="For looking at and going on with the work in Argilla 2.",
        columns=(
            *(ExportColumn(name, ColumnType.text) for name in ("id", "status")),
            *(
                ExportColumn(name, ColumnType.json)
                for name in ("fields", "metadata", "suggestions", "responses", "vectors")
            ),
        ),
        make=_make,
        containers=(ExportContainer.json, ExportContainer.jsonl),
        side_file=settings,
    ),
)
