"""UltraFeedback: instructions with rated completions, and its binarized pairs.

https://huggingface.co/datasets/openbmb/UltraFeedback. A row becomes a task with all its completions
as responses of a turn; a rating `N/A` is not applicable. The set names no best one, so neither does
the task. Pairs are those of HuggingFaceH4/ultrafeedback_binarized and of Argilla's cleaned set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    DialogueResponse,
    Utterance,
    as_dialogue,
    is_conversation,
)
from plaudit.formats.common.imported_task import ImportedTask, annotation
from plaudit.formats.common.judged_conversations import (
    NO_PROMPT,
    SIDES,
    WITHOUT_PROMPT,
    JudgedReader,
    Kind,
    as_number,
    as_task,
    have_no_others,
    objects_of,
    score,
)
from plaudit.formats.common.row_members import (
    RowMembers,
    as_integer,
    name_of_kind,
    pointer_of,
    shown,
)
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.trl import KNOWN, read_pair
from plaudit.wire.v2.task import MessageRole

ASPECTS = ("helpfulness", "honesty", "instruction_following", "truthfulness")
RATINGS = [1, 2, 3, 4, 5]
COMPLETIONS_MAX = 100
UNREAD_RATING = "a rating is no number from 1 to 5 and not N/A; it is kept in the metadata"

_NOT_APPLICABLE = {"n/a", "na"}
_SCORES = ("overall_score", "fine-grained_score")
_READ = {"response", "model", "annotations", "critique", *_SCORES}


class UltraFeedbackReader(JudgedReader):
    """Reader of rated completions and of binarized pairs."""

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""
        if "completions" in value:
            return Kind.ratings
        return Kind.pair if "chosen" in value and "rejected" in value else None

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the one task of a row; raises InvalidContent."""
        members = RowMembers(rows[0], self.options, self.notes)
        kind = self.kind(members.value)
        if kind is Kind.ratings:
            yield _read_completions(members)
        elif kind is Kind.pair:
            task = read_pair(members, self.steps_of(members.value))
            if members.value.get("messages") == members.value["chosen"]:
                task.metadata.pop("messages", None)
            yield task
        else:
            raise InvalidContent("a row has an instruction and completions, or chosen and rejected")

    def form(self) -> Form | None:
        """Form with the four aspects for completions, and the preference for pairs."""
        form = super().form()
        if Kind.ratings not in self.kinds:
            return form
        ratings = [
            Field(
                key=aspect,
                level=Level.message,
                type="integer",
                title=aspect.replace("_", " ").capitalize(),
                possible_values=RATINGS,
                applies_to=MessageRole.assistant,
                not_applicable=True,
            )
            for aspect in ASPECTS
        ]
        return Form(fields=[*ratings, *(form.fields if form else ())])


def _read_completions(members: RowMembers) -> ImportedTask:
    text = members.text("instruction")
    completions = members.listed("completions")
    if not 0 < len(completions) <= COMPLETIONS_MAX:
        raise InvalidContent(
            f"an instruction has 1 to {COMPLETIONS_MAX} completions", pointer="/completions"
        )
    if not text:
        members.remark(WITHOUT_PROMPT, NO_PROMPT)
    for number, completion in enumerate(completions):
        if not isinstance(completion, dict):
            raise InvalidContent(
                f"a completion is an object, not {name_of_kind(completion)}",
                pointer=f"/completions/{number}",
            )
    names = members.unique_names([_name_of(one, n) for n, one in enumerate(completions, 1)])
    rests: dict[str, Any] = {}
    responses = []
    for number, (name, completion) in enumerate(zip(names, completions, strict=True)):
        pointer = f"/completions/{number}"
        judgments, unread = _read_judgments(members, completion, pointer)
        rest = {key: one for key, one in completion.items() if key not in _READ and one is not None}
        if rest or unread:
            rests[name] = {**rest, **unread}
        model = completion.get("model")
        responses.append(
            DialogueResponse(
                source_id=name,
                utterance=Utterance(
                    role="assistant",
                    text=members.as_response(
                        completion.get("response", ...), f"{pointer}/response"
                    ),
                ),
                annotations=judgments,
                model=model if isinstance(model, str) else None,
            )
        )
    context = [Utterance(role="user", text=text)] if text else []
    dialogue = as_dialogue(members, context, responses)
    if rests:
        dialogue.metadata["completions"] = rests
    return as_task(members, dialogue, {"instruction", "completions"})


def _name_of(completion: Mapping[str, Any], number: int) -> str:
    """Name of the model, or `response_N` where there is none that may be shown."""
    model = completion.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= 200 or not model.isprintable():
        return f"response_{number}"
    is_telling = any(word in model.casefold() for word in SIDES)
    return f"response_{number}" if is_telling else model


def _read_judgments(
    members: RowMembers, completion: Mapping[str, Any], pointer: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the annotations of a completion, and what of its judgments cannot be one."""
    judged = completion.get("annotations")
    if judged is None:
        judged = {}
    if not isinstance(judged, dict):
        raise InvalidContent(
            f"expected an object, not {name_of_kind(judged)}", pointer=f"{pointer}/annotations"
        )
    made: list[dict[str, Any]] = []
    unread: dict[str, Any] = {}
    for aspect, judgment in judged.items():
        at = f"{pointer}/annotations{pointer_of(aspect)}"
        if judgment is None:
            continue
        if not isinstance(judgment, dict):
            raise InvalidContent(f"expected an object, not {name_of_kind(judgment)}", pointer=at)
        rest = _read_aspect(members, aspect, judgment, made)
        if rest:
            unread.setdefault("annotations", {})[aspect] = rest
    for name in _SCORES:
        number = as_number(completion.get(name))
        if number is not None:
            made.append(score(name, number))
        elif completion.get(name) is not None:
            unread[name] = completion[name]
    critique = completion.get("critique")
    if isinstance(critique, str) and critique:
        made.append(annotation("critique", "text", critique))
    elif critique is not None:
        unread["critique"] = critique
    return made, unread


def _read_aspect(
    members: RowMembers, aspect: str, judgment: Mapping[str, Any], made: list[dict[str, Any]]
) -> dict[str, Any]:
    """Add the annotations of an aspect to `made`; returns what cannot be one.

    Beside a `Type`, the `Rationale` is about the type, and `Rationale For Rating` about the rating.
    """
    rest = dict(judgment)
    types = rest.get("Type")
    kinds = [types] if isinstance(types, str) else types
    has_kinds = isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)
    if has_kinds:
        del rest["Type"]
        reason = _take_text(rest, "Rationale")
        distinct = list(dict.fromkeys(kinds or ()))
        made.append(
            annotation(f"{aspect}_type", "category_multiple", distinct, justification=reason)
        )
    reason = _take_text(rest, "Rationale For Rating" if has_kinds else "Rationale")
    rating = rest.pop("Rating", None)
    number = as_integer(rating)
    if number in RATINGS:
        made.append(
            annotation(aspect, "integer", number, possible_values=RATINGS, justification=reason)
        )
    elif isinstance(rating, str) and rating.strip().casefold() in _NOT_APPLICABLE:
        made.append(annotation(aspect, "integer", None, not_applicable=True, justification=reason))
    elif rating is not None or reason is not None:
        if members.is_strict:
            raise InvalidContent(f"expected a rating from 1 to 5, not {shown(rating)}")
        members.remark(UNREAD_RATING)
        rest |= {"Rating": rating, "Rationale": reason}
    return {name: one for name, one in rest.items() if one is not None}


def _take_text(rest: dict[str, Any], name: str) -> str | None:
    text = rest.get(name)
    return rest.pop(name) if isinstance(text, str) else None


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of rated completions, or of a binarized pair with its scores."""
    values = objects_of(rows)
    if values is None:
        return None
    if all(_has_completions(value) for value in values):
        return "instruction", "completions"
    for names in (
        ("prompt_id", "score_chosen", "score_rejected"),
        ("chosen-rating", "rejected-rating", "chosen-model", "rejected-model"),
    ):
        if all(_is_binarized(value, names) for value in values):
            known = {*KNOWN, "messages", "chosen-avg-rating", "rejected-avg-rating"}
            return ("chosen", "rejected", *names) if have_no_others(rows, known) else None
    return None


def _has_completions(value: Mapping[str, Any]) -> bool:
    completions = value.get("completions")
    return (
        isinstance(value.get("instruction"), str)
        and isinstance(completions, list)
        and bool(completions)
        and all(
            isinstance(one, dict) and isinstance(one.get("response"), str) and "model" in one
            for one in completions
        )
        and ("models" in value or any("annotations" in one for one in completions))
    )


def _is_binarized(value: Mapping[str, Any], names: Sequence[str]) -> bool:
    return all(is_conversation(value.get(name)) for name in SIDES) and all(
        name in value for name in names
    )


FORMAT = ImportFormat(
    name="ultrafeedback",
    title="UltraFeedback: rated completions, or binarized pairs",
    reader=UltraFeedbackReader,
    detect=detect,
    specificity=65,
)
