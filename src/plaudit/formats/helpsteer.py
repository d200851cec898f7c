"""NVIDIA's HelpSteer sets: rated responses, preferences, feedback and edits.

https://huggingface.co/datasets/nvidia/HelpSteer2 and HelpSteer3. Ratings are 0 to 4; the rows of
one prompt become one task, with a response each. Preferences are -3 to 3, negative where Response 1
is better; the task has them as `likert_value`, 1 to 7, which is the number plus four. Judges have
no names: their place in the row numbers them.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    DialogueResponse,
    Utterance,
    as_dialogue,
    is_conversation,
    is_json_conversation,
    read_messages,
)
from plaudit.formats.common.imported_task import TIE, ImportedTask, annotation, vote
from plaudit.formats.common.judged_conversations import (
    JudgedReader,
    Kind,
    Side,
    as_task,
    likert,
    objects_of,
    pair_task,
    rewrite_field,
)
from plaudit.formats.common.row_members import RowMembers, as_integer, name_of_kind, shown
from plaudit.formats.common.rows import Row, RowProblem
from plaudit.formats.import_format import ImportFormat
from plaudit.wire.v2.task import MessageRole

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
RATINGS = [0, 1, 2, 3, 4]
JUDGES_MAX = 100
RESPONSES_MAX = 100
UNNAMED = "judges have no names in the file; annotator_1 is the first of a row, and so on"
NO_VOTE = "a judge's preference is not from -3 to 3; it is no vote, and kept in the metadata"

_MARK = re.compile(r"\n<extra_id_1>(User|Assistant)\n")
_MIDPOINT = 4
_SHAPES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.pair, ("prompt", "response_1", "response_2", "preference_strength")),
    (Kind.pair, ("context", "response1", "response2", "overall_preference")),
    (Kind.feedback, ("context", "response1", "response2", "feedback1", "feedback2")),
    (Kind.pair, ("context", "original_response", "good_edited_response", "bad_edited_response")),
    (Kind.edit, ("context", "original_response", "edited_response")),
    (Kind.ratings, ("prompt", "response", "helpfulness")),
)
"""Columns of each kind of file, and the judgements in it."""

_JUDGMENTS = ("all_preferences_unprocessed", "individual_preference",
              "three_most_similar_preferences")  # fmt: skip
"""Columns with a preference of each judge; the first that a row has is read."""


def shape_of(value: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...]] | None:
    """Kind and columns of a row; None for a row of another shape."""
    return next((shape for shape in _SHAPES if all(name in value for name in shape[1])), None)


class HelpSteerReader(JudgedReader):
    """Reader of every file of the sets; the rows of a prompt with ratings become one task."""

    groups_rows = True

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""
        shape = shape_of(value)
        return shape[0] if shape else None

    def item_key(self, row: Row) -> str | None:
        """Prompt of a rated response; None for rows of the other kinds."""
        value = row.value if isinstance(row.value, dict) else {}
        prompt = value.get("prompt")
        is_shared = self.kind(value) is Kind.ratings and isinstance(prompt, str)
        return prompt or None if is_shared else None

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a row, or those of a prompt: one for each RESPONSES_MAX rows.

        Raises InvalidContent, or RowProblem for a later row of a prompt.
        """
        members = RowMembers(rows[0], self.options, self.notes)
        shape = shape_of(members.value)
        if shape is None:
            raise InvalidContent("a row has a prompt or context, and responses with a judgement")
        kind, columns = shape
        if kind is Kind.ratings:
            for start in range(0, len(rows), RESPONSES_MAX):
                yield self._read_ratings(rows[start : start + RESPONSES_MAX])
        elif kind is Kind.edit:
            yield _read_edit(members)
        elif "original_response" in columns:
            context = read_messages(members, members.value["context"], "/context")
            better, worse = (
                Side(said=[Utterance(role="assistant", text=members.response(name))])
                for name in columns[2:]
            )
            yield pair_task(members, context, better, worse, used={"context", *columns[2:]})
        else:
            yield _read_responses(members, columns)

    def form(self) -> Form | None:
        """Form with the questions of every kind that was seen; None if none was."""
        form = super().form()
        fields = list(form.fields) if form else []
        if Kind.ratings in self.kinds:
            fields += [_attribute_field(name) for name in ATTRIBUTES]
        if Kind.edit in self.kinds and not any(field.key == "rewrite" for field in fields):
            fields.append(rewrite_field())
        if self.kinds & {Kind.edit, Kind.feedback, Kind.pair}:
            fields.append(_text_field("feedback", Level.message, "What is good and bad about it?"))
        if Kind.pair in self.kinds:
            fields.append(_text_field("justification", Level.turn, "Why?"))
        return Form(fields=fields) if fields else None

    def _read_ratings(self, rows: Sequence[Row]) -> ImportedTask:
        first = RowMembers(rows[0], self.options, self.notes)
        responses, rests = [], {}
        judges = 0
        for number, row in enumerate(rows, 1):
            members = RowMembers(row, self.options, self.notes)
            try:
                made = {name: _read_attribute(members, name) for name in ATTRIBUTES}
                text = members.response("response")
            except InvalidContent as problem:
                raise RowProblem(row, problem) from problem
            first.flags.extend(flag for flag in members.flags if flag not in first.flags)
            judgments = [one for one in made.values() if one is not None]
            judges = max([judges, *(len(one.get("votes", ())) for one in judgments)])
            responses.append(
                DialogueResponse(
                    source_id=f"response_{number}",
                    utterance=Utterance(role="assistant", text=text),
                    annotations=judgments,
                )
            )
            rest = members.rest({"prompt", "response", *ATTRIBUTES})
            if rest:
                rests[f"response_{number}"] = rest
        dialogue = as_dialogue(first, read_prompt(first), responses)
        if len(rows) > 1 and rests:
            dialogue.metadata["responses"] = rests
        used = {"prompt", "response", *ATTRIBUTES}
        task = as_task(first, dialogue, used if len(rows) == 1 else set(first.value))
        if len(rows) > 1:
            task.item_id = None
        _add_submissions(first, task, judges)
        return task


def _read_responses(members: RowMembers, columns: Sequence[str]) -> ImportedTask:
    """Return the task of two responses, with a preference or with feedback alone."""
    if columns[0] == "prompt":
        context = read_prompt(members)
    else:
        context = read_messages(members, members.value["context"], "/context")
    used = set(columns[:3])
    verdict: list[dict[str, Any]] = []
    feedback: list[list[str]] = [[], []]
    judges = 0
    if columns[3] in ("preference_strength", "overall_preference"):
        strength = members.integer(columns[3], -3, 3)
        used.add(columns[3])
        judgments, column = _judgments_of(members)
        judges = len(judgments)
        verdict = _verdict(members, strength, judgments)
        if column is not None and not any(_strength_of(one) is None for one in judgments):
            used.add(column)
        feedback = [
            [one[name] for one in judgments if isinstance(one.get(name), str)]
            for name in ("feedback1", "feedback2")
        ]
        used |= {"preference_statement", "preference_elaboration"}
    for place, name in enumerate(("feedback1", "feedback2")):
        if isinstance(members.value.get(name), list):
            feedback[place] = _texts(members, name)
            used.add(name)
    responses = [
        DialogueResponse(
            source_id=f"response_{number}",
            utterance=Utterance(role="assistant", text=members.response(name)),
            annotations=_texts_of_judges("feedback", texts),
        )
        for number, (name, texts) in enumerate(zip(columns[1:3], feedback, strict=True), 1)
    ]
    task = as_task(members, as_dialogue(members, context, responses, verdict), used)
    _add_submissions(members, task, max(judges, *map(len, feedback)))
    return task


def _read_edit(members: RowMembers) -> ImportedTask:
    context = read_messages(members, members.value["context"], "/context")
    feedback = _texts(members, "feedback") if members.has("feedback") else []
    annotations = [annotation("rewrite", "text", members.response("edited_response"))]
    annotations += _texts_of_judges("feedback", feedback)
    summary = members.optional_text("change_summary")
    if summary is not None:
        annotations.append(annotation("change_summary", "text", summary))
    response = DialogueResponse(
        source_id="response_1",
        utterance=Utterance(role="assistant", text=members.response("original_response")),
        annotations=annotations,
    )
    used = {"context", "original_response", "edited_response", "feedback", "change_summary"}
    task = as_task(members, as_dialogue(members, context, [response]), used)
    _add_submissions(members, task, len(feedback))
    return task


def read_prompt(members: RowMembers) -> list[Utterance]:
    """Return the messages of a prompt; later ones begin with a mark such as `<extra_id_1>User`."""
    first, *more = _MARK.split(members.text("prompt"))
    said = [Utterance(role="user", text=first)] if first or more else []
    for word, text in zip(more[::2], more[1::2], strict=True):
        said.append(Utterance(role=word.lower(), text=text))
    return said


def _read_attribute(members: RowMembers, name: str) -> dict[str, Any] | None:
    """Return the rating of a response, with the votes where the row lists each judge's."""
    listed = members.value.get(name)
    if not isinstance(listed, list):
        number = members.integer(name, RATINGS[0], RATINGS[-1])
        if number is None:
            return None
        return annotation(name, "integer", number, possible_values=RATINGS)
    if not 0 < len(listed) <= JUDGES_MAX:
        raise InvalidContent(f"there are 1 to {JUDGES_MAX} judges", pointer=f"/{name}")
    numbers = []
    for place, one in enumerate(listed):
        number = as_integer(one)
        if number not in RATINGS:
            raise InvalidContent(
                f"expected an integer from 0 to 4, not {shown(one)}", pointer=f"/{name}/{place}"
            )
        numbers.append(number)
    low, high = statistics.median_low(numbers), statistics.median_high(numbers)
    votes = [vote(_judge(place), number) for place, number in enumerate(numbers)]
    value = low if low == high else None
    return annotation(name, "integer", value, possible_values=RATINGS, votes=votes)


def _judgments_of(members: RowMembers) -> tuple[list[dict[str, Any]], str | None]:
    """Return the judges' preferences of a row, and the column that has them."""
    column = next((name for name in _JUDGMENTS if members.has(name)), None)
    if column is None:
        return [], None
    judgments = members.listed(column)
    if len(judgments) > JUDGES_MAX:
        raise InvalidContent(f"there are at most {JUDGES_MAX} judges", pointer=f"/{column}")
    for place, one in enumerate(judgments):
        if not isinstance(one, dict):
            raise InvalidContent(
                f"expected an object, not {name_of_kind(one)}", pointer=f"/{column}/{place}"
            )
    return judgments, column


def _strength_of(judgment: Mapping[str, Any]) -> int | None:
    given = judgment.get("strength", judgment.get("score"))
    number = as_integer(given)
    return number if number is not None and -3 <= number <= 3 else None


def _verdict(
    members: RowMembers, strength: int | None, judgments: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    votes, reasons = [], []
    for place, judgment in enumerate(judgments):
        given = _strength_of(judgment)
        if given is None:
            members.remark(NO_VOTE)
        else:
            votes.append(vote(_judge(place), _MIDPOINT + given))
        parts = [judgment.get(name) for name in ("justification", "reasoning", "statement",
                                                 "elaboration")]  # fmt: skip
        text = "\n\n".join(part for part in parts if isinstance(part, str) and part)
        if text:
            reasons.append(vote(_judge(place), text))
    verdict: list[dict[str, Any]] = []
    if strength:
        selected = "response_1" if strength < 0 else "response_2"
        verdict.append(annotation("selected_model_id", "category", selected))
    if strength == 0:
        verdict.append(annotation("preference", "category", TIE))
    if strength is not None or votes:
        middle = None if strength is None else _MIDPOINT + strength
        verdict.append(likert(middle, votes=votes or None))
    parts = [
        members.optional_text(name) for name in ("preference_statement", "preference_elaboration")
    ]
    text = "\n\n".join(part for part in parts if part)
    if text or reasons:
        value = text or reasons[0]["value"]
        verdict.append(annotation("justification", "text", value, votes=reasons or None))
    return verdict


def _texts(members: RowMembers, name: str) -> list[str]:
    texts = members.listed(name)
    if len(texts) > JUDGES_MAX:
        raise InvalidContent(f"there are at most {JUDGES_MAX} judges", pointer=f"/{name}")
    return [members.as_text(text, f"/{name}/{place}") for place, text in enumerate(texts)]


def _texts_of_judges(key: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    if not texts:
        return []
    votes = [vote(_judge(place), text) for place, text in enumerate(texts)]
    return [annotation(key, "text", texts[0], votes=votes)]


def _judge(place: int) -> str:
    return f"annotator_{place + 1}"


def _add_submissions(members: RowMembers, task: ImportedTask, judges: int) -> None:
    if judges:
        members.remark(UNNAMED)
        submissions = [{"contributor_id": _judge(place)} for place in range(judges)]
        task.threads = [{**task.threads[0], "submissions": submissions}]


def _attribute_field(name: str) -> Field:
    return Field(
        key=name,
        level=Level.message,
        type="integer",
        title=name.capitalize(),
        possible_values=RATINGS,
        applies_to=MessageRole.assistant,
    )


def _text_field(key: str, level: Level, title: str) -> Field:
    applies_to = MessageRole.assistant if level is Level.message else None
    return Field(key=key, level=level, type="text", title=title, applies_to=applies_to)


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of one of the files, if all rows have them, and numbers of their range."""
    values = objects_of(rows)
    shapes = {shape_of(value) for value in values or ()}
    shape = next(iter(shapes), None)
    if len(shapes) != 1 or shape is None or values is None:
        return None
    if not all(_is_fitting(value, shape) for value in values):
        return None
    kind, columns = shape
    return (*columns, *ATTRIBUTES[1:]) if kind is Kind.ratings else columns


def _is_fitting(value: Mapping[str, Any], shape: tuple[Kind, tuple[str, ...]]) -> bool:
    kind, columns = shape
    is_asked = (
        is_conversation(value["context"]) or is_json_conversation(value["context"])
        if columns[0] == "context"
        else isinstance(value["prompt"], str)
    )
    responses = [name for name in columns if "response" in name]
    if not is_asked or not all(isinstance(value[name], str) for name in responses):
        return False
    if kind is Kind.ratings:
        return all(name in value and _is_within(value[name], 0, 4) for name in ATTRIBUTES)
    if columns[-1] in ("preference_strength", "overall_preference"):
        return _is_within(value[columns[-1]], -3, 3)
    return True


def _is_within(value: Any, low: int, high: int) -> bool:
    if isinstance(value, list):
        return all(_is_within(one, low, high) for one in value)
    number = as_integer(value)
    return value is None or (number is not None and low <= number <= high)


FORMAT = ImportFormat(
    name="helpsteer",
    title="HelpSteer: rated responses, preferences, feedback and edits",
    reader=HelpSteerReader,
    detect=detect,
    specificity=65,
)
