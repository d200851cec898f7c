"""TRL's types of sets: preferences, labels, completions, prompts and steps, as texts or messages.

https://huggingface.co/docs/trl/dataset_formats. A row of two sides becomes a pair in an order that
says nothing, with the verdict `selected_model_id`. A `margin` is a strength where all of a file are
thirds (1, 0.6667, 0.3333, 0); each stays in the metadata as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    DialogueResponse,
    Utterance,
    as_dialogue,
    is_conversation,
    is_json_conversation,
    read_messages,
    read_side,
)
from plaudit.formats.common.imported_task import ImportedTask, annotation
from plaudit.formats.common.judged_conversations import (
    MODELS,
    PROMPT_APART,
    SCORES,
    JudgedReader,
    Kind,
    Side,
    answer_task,
    as_label,
    as_task,
    have_no_others,
    objects_of,
    pair_task,
    read_label,
    read_models,
    read_scores,
    with_system,
)
from plaudit.formats.common.row_members import RowMembers
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportFormat

STEPS_MAX = 1000
_NEEDED = {
    Kind.steps: ("prompt", "completions", "labels"),
    Kind.label: ("prompt", "completion", "label"),
    Kind.answer: ("prompt", "completion"),
    Kind.pair: ("chosen", "rejected"),
    Kind.prompt: ("prompt",),
}
"""Columns of each type, the type with most columns first."""

_ANSWERS = frozenset(("chosen", "rejected", "completion", "completions"))

KNOWN = {
    *(name for names in _NEEDED.values() for name in names),
    *(name for _, *names in SCORES for name in names),
    *(name for names in MODELS for name in names),
    *("margin", "tools", "system", "id", "prompt_id", "task_id", "chat_template_kwargs"),
}
_TRANSCRIPT = "\n\nHuman:"


def kind_of(value: Mapping[str, Any]) -> Kind | None:
    """Type of a row by its members; None for a row of another shape.

    A prompt beside one side alone is none: its other side is missing.
    """
    kind = next(
        (kind for kind, names in _NEEDED.items() if all(name in value for name in names)),
        None,
    )
    return None if kind is Kind.prompt and _ANSWERS & value.keys() else kind


class TrlReader(JudgedReader):
    """Reader of every type; a file may hold several."""

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Type of a row by its members; None for a row of another shape."""
        return kind_of(value)

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the one task of a row; raises InvalidContent."""
        members = RowMembers(rows[0], self.options, self.notes)
        kind = kind_of(members.value)
        if kind is Kind.pair:
            yield read_pair(members, self.steps_of(members.value))
        elif kind is Kind.steps:
            yield _read_steps(members)
        elif kind is not None:
            yield _read_answer(members, kind)
        else:
            raise InvalidContent(
                "a row has chosen and rejected, or a prompt, with completion and label if given"
            )


def read_pair(members: RowMembers, steps: int | None) -> ImportedTask:
    """Return the task of a preference; raises InvalidContent.

    Its prompt may be a text beside sides that are whole conversations.
    """
    better = read_side(members, members.value.get("chosen", ...), "/chosen")
    worse = read_side(members, members.value.get("rejected", ...), "/rejected")
    used = {"chosen", "rejected", "system", "prompt"}
    context = read_prompt(members) if members.has("prompt") else []
    if better[0].role != "assistant" and worse[0].role != "assistant":
        if _begin_with(context, better, worse):
            context = []
        elif not isinstance(members.value["prompt"], list):
            if not _is_said(context[0], better):
                members.remark(PROMPT_APART)
                used.discard("prompt")
            context = []
    if not (better[0].role == "system" and not context):
        context = with_system(members, context)
    elif members.has("system"):
        used.discard("system")
    better_scores, worse_scores, scored = read_scores(members)
    better_model, worse_model, named = read_models(members)
    return pair_task(
        members,
        context,
        Side(said=better, annotations=better_scores, model=better_model),
        Side(said=worse, annotations=worse_scores, model=worse_model),
        used=used | scored | named,
        steps=steps,
        pointer="/rejected",
    )


def _begin_with(prompt: Sequence[Utterance], *sides: Sequence[Utterance]) -> bool:
    said = [one.says() for one in prompt]
    return all([one.says() for one in side[: len(said)]] == said for side in sides)


def _is_said(prompt: Utterance, side: Sequence[Utterance]) -> bool:
    return any(one.text == prompt.text for one in side)


def read_prompt(members: RowMembers) -> list[Utterance]:
    """Return the messages of the row's prompt: of a text one, of an empty one none."""
    prompt = members.value.get("prompt")
    if isinstance(prompt, list) or is_json_conversation(prompt):
        return read_messages(members, prompt, "/prompt")
    text = members.text("prompt")
    return [Utterance(role="user", text=text)] if text else []


def _read_answer(members: RowMembers, kind: Kind) -> ImportedTask:
    said = with_system(members, read_prompt(members) if members.has("prompt") else [])
    used = {"prompt", "system"}
    if kind is Kind.prompt:
        if not said:
            raise InvalidContent("a prompt is empty", pointer="/prompt")
        task = as_task(members, as_dialogue(members, said, ()), used)
        task.is_judged = False
        return task
    answer = read_side(members, members.value["completion"], "/completion")
    label = read_label(members, "label") if kind is Kind.label else None
    return answer_task(
        members,
        [*said, *answer],
        used=used | {"completion", "label"},
        label=label,
        pointer="/completion",
    )


def _read_steps(members: RowMembers) -> ImportedTask:
    texts, labels = members.listed("completions"), members.listed("labels")
    if not 0 < len(texts) <= STEPS_MAX:
        raise InvalidContent(f"an answer has 1 to {STEPS_MAX} steps", pointer="/completions")
    if len(texts) != len(labels):
        raise InvalidContent(
            f"there are {len(texts)} steps and {len(labels)} labels", pointer="/labels"
        )
    steps = [members.as_text(text, f"/completions/{n}") for n, text in enumerate(texts)]
    chunks = []
    for number, (text, label) in enumerate(zip(steps, labels, strict=True)):
        verdict = []
        if label is not None:
            word = "correct" if as_label(label, f"/labels/{number}") else "incorrect"
            verdict.append(annotation("step_label", "category", word))
        chunks.append({"type": "text", "text": text, "annotations": verdict})
    answer = DialogueResponse(
        source_id="response_1", utterance=Utterance(role="assistant", text="\n".join(steps))
    )
    prompt = with_system(members, read_prompt(members))
    dialogue = as_dialogue(members, prompt, [answer])
    dialogue.turns[-1]["messages"][-1]["content"]["chunks"] = chunks
    return as_task(members, dialogue, {"prompt", "system", "completions", "labels"})


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of a type of TRL's, if all rows have them with values of a fitting kind."""
    values = objects_of(rows)
    kinds = {kind_of(value) for value in values or ()}
    kind = next(iter(kinds), None)
    if values is None or kind is None or len(kinds) != 1 or not have_no_others(rows, KNOWN):
        return None
    names = _NEEDED[kind]
    for value in values:
        if "messages" in value or "conversations" in value:
            return None
        prompt = ["prompt"] if value.get("prompt") not in (None, []) else []
        if not all(_is_fitting(value, name) for name in (*names, *prompt)):
            return None
        if kind is Kind.prompt and value.keys() - KNOWN:
            return None
    return (*(["prompt"] if kind is Kind.pair and "prompt" in values[0] else []), *names)


def _is_fitting(value: Mapping[str, Any], name: str) -> bool:
    one = value.get(name)
    if name == "label":
        return isinstance(one, bool) or str(one).strip().casefold() in {"0", "1", "true", "false"}
    if name == "labels":
        return isinstance(one, list) and all(isinstance(label, bool | int | None) for label in one)
    if name == "completions":
        return isinstance(one, list) and all(isinstance(text, str) for text in one)
    if isinstance(one, dict):
        return name in ("chosen", "rejected") and is_conversation([one])
    if isinstance(one, str):
        return not one.startswith(_TRANSCRIPT)
    return is_conversation(one)


FORMAT = ImportFormat(
    name="trl",
    title="preferences, labels, completions or prompts as TRL trains on them",
    reader=TrlReader,
    detect=detect,
    specificity=45,
)
