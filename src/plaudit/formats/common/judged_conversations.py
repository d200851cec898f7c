"""Tasks of judged conversations: pairs, labelled answers, demonstrations, bare prompts and steps.

Sets for trainers name the better of two responses, call one answer good or bad, or show one without
a verdict. What they share is here: the task, the remarks, and the form for going on with the work.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import LIKERT, PRESETS, Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    Dialogue,
    DialogueResponse,
    Utterance,
    as_dialogue,
    as_one,
    shared_beginning,
)
from plaudit.formats.common.imported_task import NON_TEXT, ImportedTask, annotation, thread
from plaudit.formats.common.row_members import RowMembers, as_integer, comes_second, pointer_of
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import FormatReader, ImportOptions
from plaudit.wire.v2.task import MessageRole

NO_PROMPT = "no_prompt"
"""Flag of a task whose responses answer nothing."""

WITHOUT_PROMPT = "a row has no prompt; its responses are kept without one, and flagged"
EQUAL_RESPONSES = "both responses of a pair are equal; they are kept, with the verdict"
APART = "conversations of a pair differ before their last message; the ends are kept as pieces"
WITHOUT_LABEL = "a label is null; the answer is kept without one"
PROMPT_APART = "a prompt is not part of the conversations beside it; it is kept in the metadata"

MEDIA = "a row has images, sounds or films; they stay in the metadata, and the task is flagged"

_MEDIA = ("image", "images", "audio", "audios", "video", "videos")
_MIDPOINT = 4
_RANKING = {field.key: field for field in PRESETS["RLHF: Pref Ranking with Rewrites"].fields}

SIDES = ("chosen", "rejected")
SCORES = (
    ("score", "score_chosen", "score_rejected"),
    ("score", "chosen_score", "rejected_score"),
    ("rating", "chosen_rating", "rejected_rating"),
    ("rating", "chosen-rating", "rejected-rating"),
    ("average_rating", "chosen-avg-rating", "rejected-avg-rating"),
    ("reward", "chosen_reward", "rejected_reward"),
)
"""Key of an annotation, and the columns that give it for the better and the worse response."""

MODELS = (("chosen_model", "rejected_model"), ("chosen-model", "rejected-model"))
"""Columns that name the models of the better and the worse response."""


class Kind(StrEnum):
    """Kind of judgement that a row holds."""

    pair = "pair"
    """The better and the worse of two responses."""
    label = "label"
    """An answer that is acceptable or not."""
    answer = "answer"
    """An answer without a verdict, such as a demonstration."""
    prompt = "prompt"
    """A prompt alone, which is open work."""
    steps = "steps"
    """An answer in steps, each right or wrong."""
    edit = "edit"
    """An answer with a better version of it."""
    feedback = "feedback"
    """Responses with remarks alone."""
    ratings = "ratings"
    """Responses with ratings of their own; the format asks for them itself."""


class Side(Struct, kw_only=True):
    """One side of a pair: its messages, of which the last is the response."""

    said: Sequence[Utterance]
    annotations: list[dict[str, Any]] = []
    model: str | None = None


class JudgedReader(FormatReader):
    """Reader of a format whose rows are of several kinds; the form asks what its rows answer."""

    needs_first_pass = True

    def __init__(self, options: ImportOptions, notes: ImportNotes) -> None:
        super().__init__(options, notes)
        self.kinds: set[Kind] = set()
        self._margins = _Margins()

    @abstractmethod
    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""

    def observe(self, row: Row) -> None:
        """Learn the kind of a row, and how margins are written."""
        kind = self.kind(row.value) if isinstance(row.value, dict) else None
        if kind is not None:
            self.kinds.add(kind)
            self._margins.observe(row.value.get("margin"))

    def form(self) -> Form | None:
        """Form with the questions of every kind that was seen; None if none was."""
        return form_of_kinds(self.kinds)

    def steps_of(self, value: dict[str, Any]) -> int | None:
        """Strength of a row's verdict, 1 to 3, by its margin; None where that says nothing."""
        return self._margins.steps(value.get("margin"))


class _Margins:
    """The margins of a file. They are strengths where all are thirds, as TRL documents them."""

    def __init__(self) -> None:
        self._is_of_thirds = True
        self._has_fraction = False

    def observe(self, margin: Any) -> None:
        if margin is None:
            return
        thirds = _thirds(margin)
        self._is_of_thirds = self._is_of_thirds and thirds is not None
        self._has_fraction = self._has_fraction or thirds in (1, 2)

    def steps(self, margin: Any) -> int | None:
        is_strength = self._is_of_thirds and self._has_fraction
        return (_thirds(margin) or None) if is_strength else None


def _thirds(margin: Any) -> int | None:
    number = as_number(margin)
    if number is None or not 0 <= number <= 1:
        return None
    thirds = round(number * 3)
    return thirds if abs(number * 3 - thirds) <= 0.02 else None


def form_of_kinds(kinds: Collection[Kind]) -> Form | None:
    """Return the form for a project of these kinds of rows; None without any."""
    fields: list[Field] = []
    if Kind.pair in kinds:
        fields += [_RANKING["selected_model_id"], _RANKING["likert_value"]]
    if Kind.label in kinds or Kind.answer in kinds:
        fields.append(acceptable_field())
    if fields:
        fields.append(rewrite_field())
    if Kind.steps in kinds:
        fields += PRESETS["Process Supervision"].fields
    if Kind.prompt in kinds:
        fields += PRESETS["SFT"].fields
    return Form(fields=fields) if fields else None


def rewrite_field() -> Field:
    """Return the question for a better version of a response."""
    return _RANKING["rewrite"]


def acceptable_field() -> Field:
    """Return the question whether an answer is acceptable."""
    return Field(
        key="acceptable",
        level=Level.message,
        type="boolean",
        title="Is the response acceptable?",
        required=True,
        applies_to=MessageRole.assistant,
    )


def pair_task(
    members: RowMembers,
    context: Sequence[Utterance],
    better: Side,
    worse: Side,
    *,
    used: Collection[str],
    steps: int | None = None,
    pointer: str = "",
) -> ImportedTask:
    """Return the task of a pair, whose sides are in an order that says nothing.

    What both sides begin with belongs to the context. `steps` is the strength, 1 to 3; `used` are
    the members of the row that the task says, the others become metadata.
    """
    shared = shared_beginning(better.said, worse.said)
    context = [*context, *better.said[:shared]]
    tails = [side.said[shared:] for side in (better, worse)]
    if any(one.role == "user" for tail in tails for one in tail):
        if members.is_strict:
            raise InvalidContent("the conversations differ before their last message",
                                 pointer=pointer)  # fmt: skip
        members.remark(APART)
    _check_prompt(members, context, tails)
    winner, loser = (as_one(members, tail) for tail in tails)
    if winner.says() == loser.says():
        members.remark(EQUAL_RESPONSES)
    is_swapped = comes_second(_plain(winner), _plain(loser), "\0".join(map(_plain, context)))
    sides = [(better, winner), (worse, loser)]
    responses = [
        DialogueResponse(
            source_id=f"response_{number}",
            utterance=utterance,
            annotations=side.annotations,
            model=side.model,
        )
        for number, (side, utterance) in enumerate(reversed(sides) if is_swapped else sides, 1)
    ]
    selected = "response_2" if is_swapped else "response_1"
    verdict = [annotation("selected_model_id", "category", selected)]
    if steps:
        verdict.append(likert(_MIDPOINT + (steps if is_swapped else -steps)))
    dialogue = as_dialogue(members, context, responses, verdict)
    return as_task(members, dialogue, used)


def answer_task(
    members: RowMembers,
    said: Sequence[Utterance],
    *,
    used: Collection[str],
    label: bool | None = None,
    pointer: str = "",
) -> ImportedTask:
    """Return the task of a conversation that ends with an answer, acceptable or not.

    Without an answer it is open work.
    """
    if not said:
        raise InvalidContent("a conversation has one message or more", pointer=pointer)
    if said[-1].role != "assistant":
        if label is not None:
            raise InvalidContent(
                "a label belongs to a conversation that ends with an answer", pointer=pointer
            )
        task = as_task(members, as_dialogue(members, said, ()), used)
        task.is_judged = False
        return task
    context = said[:-1]
    _check_prompt(members, context, [said[-1:]])
    verdict = [] if label is None else [annotation("acceptable", "boolean", label)]
    response = DialogueResponse(source_id="response_1", utterance=said[-1], annotations=verdict)
    return as_task(members, as_dialogue(members, context, [response]), used)


def as_task(members: RowMembers, dialogue: Dialogue, used: Collection[str]) -> ImportedTask:
    """Return the task of a conversation, with the rest of the row as metadata.

    Its id in the set is the row's `id` or `prompt_id`. Numbers are floats, so that a cell of a
    table and a member of JSON come to one thing.
    """
    if any(members.value.get(name) for name in _MEDIA):
        members.remark(MEDIA, NON_TEXT)
    metadata = members.rest(used)
    item_id = None
    for name in ("id", "prompt_id"):
        given = metadata.get(name)
        if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
            item_id = str(metadata.pop(name))
            break
    margin = as_number(metadata.get("margin"))
    if margin is not None:
        metadata["margin"] = margin
    return ImportedTask(
        item_id=item_id,
        threads=[thread(dialogue.turns)],
        metadata={**metadata, **dialogue.metadata},
        flags=members.flags,
    )


def likert(value: int | None, **more: Any) -> dict[str, Any]:
    """Return a preference from 1, the first response is much better, to 7."""
    return annotation("likert_value", "integer", value, possible_values=LIKERT, **more)


def score(key: str, value: float) -> dict[str, Any]:
    """Return a number that need not be whole; the type for it is that of ratings by a rubric."""
    return annotation(key, "rubric_rating", {"score": value})


def read_label(members: RowMembers, name: str) -> bool | None:
    """Return a label: true or false, 1 or 0, also as a text. Raises InvalidContent.

    Null is no label, with a remark.
    """
    value = members.value.get(name)
    if value in (None, "") and not members.is_strict:
        members.remark(WITHOUT_LABEL)
        return None
    return as_label(value, pointer_of(name))


def as_label(value: Any, pointer: str) -> bool:
    """Check a label that stands at `pointer`; see `read_label`."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False, "1": True, "0": False}
    number = None if isinstance(value, str) else as_integer(value)
    word = value.strip().casefold() if isinstance(value, str) else str(number)
    if word not in words:
        raise InvalidContent("expected true or false", pointer=pointer)
    return words[word]


def read_scores(members: RowMembers) -> tuple[list[dict[str, Any]], list[dict[str, Any]], set[str]]:
    """Return the scores of the better and the worse response, and the columns that gave them.

    Columns whose values are no numbers stay for the metadata.
    """
    better, worse, used = [], [], set()
    for key, *names in SCORES:
        numbers = [as_number(members.value.get(name)) for name in names]
        if numbers[0] is not None and numbers[1] is not None and names[0] in members.value:
            better.append(score(key, numbers[0]))
            worse.append(score(key, numbers[1]))
            used.update(names)
    return better, worse, used


def read_models(members: RowMembers) -> tuple[str | None, str | None, set[str]]:
    """Return the models of the better and the worse response, and the columns that named them."""
    for names in MODELS:
        better, worse = (members.value.get(name) for name in names)
        if isinstance(better, str) and isinstance(worse, str):
            return better, worse, set(names)
    return None, None, set()


def as_number(value: Any) -> float | None:
    """A finite number as a float, also where it is written as text; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def with_system(members: RowMembers, said: Sequence[Utterance]) -> list[Utterance]:
    """Return a conversation that begins with the row's `system`, unless it has one already."""
    text = members.optional_text("system")
    if text is None or (said and said[0].role == "system" and said[0].text == text):
        return list(said)
    return [Utterance(role="system", text=text), *said]


def objects_of(rows: Sequence[Row]) -> list[dict[str, Any]] | None:
    """Return the values of rows that are objects, one or more; else None."""
    values = [row.value for row in rows]
    return values if values and all(isinstance(value, dict) for value in values) else None


def is_asking(name: str) -> bool:
    """True for a column whose name speaks of a judgement or an answer, which nobody may overlook.

    Detection leaves a file with such a column to a more special format, or to a mapping.
    """
    words = ("rating", "score", "rank", "prefer", "winner", "vote", "respon", "complet", "annot",
             "label", "chosen", "reject", "judg", "verdict", "answer", "output", "choice",
             "feedback", "margin", "correct", "reward")  # fmt: skip
    return any(word in name.casefold() for word in words)


def have_no_others(rows: Iterable[Row], known: Collection[str]) -> bool:
    """True if no row has a column, beside the known ones, that speaks of a judgement."""
    return not any(is_asking(name) for row in rows for name in row.value.keys() - known)


def _check_prompt(
    members: RowMembers, context: Sequence[Utterance], tails: Sequence[Sequence[Utterance]]
) -> None:
    said = [*context, *(one for tail in tails for one in tail[:-1])]
    if not any(one.role in ("user", "function") for one in said):
        if members.is_strict:
            raise InvalidContent("the row has no prompt")
        members.remark(WITHOUT_PROMPT, NO_PROMPT)


def _plain(one: Utterance) -> str:
    """Text of a message with its pieces, to order two of them."""
    return "\0".join([one.text or "", *(f"{kind}\0{text}" for kind, text in one.chunks)])
