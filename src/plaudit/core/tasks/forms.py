"""A project's form: the questions about each message, turn, thread, chunk and criterion.

A field becomes an annotation of the same key, type and possible values. A stored form has passed
the checks of form_checks.py. With `ask_if` a question is asked only where an earlier one has an
answer that the condition names (docs/adr/0053).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import AnnotationType, TypeWord
from plaudit.wire.v2.resources import ProjectDetail
from plaudit.wire.v2.task import MessageRole

FIELDS_MAX = 200
VALUES_MAX = 1000
TEXT_CHARS_MAX = 10_000
SECTIONS_MAX = 50

LIKERT = [1, 2, 3, 4, 5, 6, 7]
"""The values of a preference by default; the middle is a tie."""


class Level(StrEnum):
    """What a field is asked about."""

    message = "message"
    turn = "turn"
    thread = "thread"
    chunk = "chunk"
    """Each piece of a message, such as a reasoning step."""
    criterion = "criterion"
    """Each criterion of the turn's rubrics, for each response."""


class Consolidate(StrEnum):
    """How the answers of several people become one (core/labeling/agreement.py)."""

    majority = "majority"
    median = "median"
    first = "first"
    all = "all"


class TextUse(StrEnum):
    """What a text is, where it is more than a remark."""

    rewrite = "rewrite"
    """A better version of the message."""
    response = "response"
    """The assistant's response, in a turn that has none."""


class ScaleDirection(StrEnum):
    """Which end of a preference's scale says that the first response is the better one."""

    low_is_first = "low_is_first"
    high_is_first = "high_is_first"


class Operator(StrEnum):
    """How an answer meets a condition."""

    is_ = "is"
    """It is the value, or one of a list; of several choices one is among them."""
    is_not = "is_not"
    """It is another one."""
    at_least = "at_least"
    at_most = "at_most"
    answered = "answered"
    """It has any value."""


class Condition(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Condition of a question: an earlier question, by key and level, and the answers that meet it.

    The level is the question's own unless given. `value` is one value, with `is` and `is_not` also
    a list of them, in the stored form; with `answered` there is none.
    """

    key: str
    level: Level | None = None
    operator: Operator
    value: Any = None


class FormSection(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A titled group of questions; `folded` shows its title alone until somebody opens it."""

    key: str
    title: str
    description: str | None = None
    folded: bool = False


class Field(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One question. Its answer is the annotation of this key on each thing of this level.

    `labels` name the possible values, one each; on labeled text they are what spans are called.
    `applies_to` is whose messages are asked about, the assistant's unless given. `scale` makes
    of a turn's integer a preference between its responses. `consolidate` is how several answers
    become one, by the type unless given. `not_applicable` and `cannot_assess` offer these two as
    answers. A text has `chars_min` characters at least, and with `names_responses` it mentions one
    (`@Response 1`). `section` is the key of the section that it stands in, and `ask_if` says
    where it is asked; everywhere without it.
    """

    key: str
    level: Level
    type: TypeWord
    title: str | None = None
    description: str | None = None
    possible_values: list[Any] | None = None
    labels: list[str] | None = None
    required: bool = False
    applies_to: MessageRole | None = None
    scale: ScaleDirection | None = None
    consolidate: Consolidate | None = None
    use: TextUse | None = None
    not_applicable: bool = False
    cannot_assess: bool = False
    chars_min: int | None = None
    names_responses: bool = False
    section: str | None = None
    ask_if: Condition | None = None

    @property
    def rule(self) -> Consolidate:
        """The rule that consolidates answers: the field's own, else the default of its type."""
        return self.consolidate or RULES[self.type][0]


RULES: dict[str, tuple[Consolidate, ...]] = {
    AnnotationType.boolean: (Consolidate.majority, Consolidate.first),
    AnnotationType.integer: (Consolidate.median, Consolidate.majority, Consolidate.first),
    AnnotationType.text: (Consolidate.all, Consolidate.first, Consolidate.majority),
    AnnotationType.category: (Consolidate.majority, Consolidate.first),
    AnnotationType.category_multiple: (
        Consolidate.majority,
        Consolidate.first,
        Consolidate.all,
    ),
    AnnotationType.file: (Consolidate.first,),
    AnnotationType.labeled_text: (Consolidate.all, Consolidate.first),
    AnnotationType.ranked_choices: (Consolidate.majority, Consolidate.first),
    AnnotationType.ranked_groups: (Consolidate.majority, Consolidate.first),
    AnnotationType.rubric_criteria: (Consolidate.first,),
    AnnotationType.rubric_rating: (Consolidate.median, Consolidate.first),
    AnnotationType.workspace_container: (Consolidate.first,),
}
"""Rules that each type may have, the default first; core/labeling/types has their functions."""


class Form(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The questions, in the order they are asked: first those without a section, then by section.

    A condition names a question before its own.
    """

    ACCEPTED: ClassVar[dict[str, type[StrEnum]]] = {
        "level": Level,
        "applies_to": MessageRole,
        "scale": ScaleDirection,
        "consolidate": Consolidate,
        "use": TextUse,
        "operator": Operator,
    }

    fields: list[Field]
    sections: list[FormSection] = []


def preset(name: str) -> Form:
    """The preset for a kind of work; raises InvalidContent, listing the known, for another."""
    if name not in PRESETS:
        known = ", ".join(map(repr, PRESETS))
        raise InvalidContent(f"there is no form called {name!r}; there is {known}")
    return PRESETS[name]


def titles_of(form: Form) -> dict[str, str]:
    """Titles of the questions by key, the key itself of those without one."""
    return {field.key: field.title or field.key for field in form.fields}


def form_of(detail: ProjectDetail) -> Form:
    """A project's own form, else the preset for its kind of work."""
    if detail.form is not None:
        return msgspec.convert(detail.form, Form)
    return next(
        (PRESETS[name] for name in detail.types or () if name in PRESETS), _PREFERENCE_RANKING
    )


def _graded(key: str, title: str, description: str) -> Field:
    return Field(
        key=key,
        level=Level.message,
        type="integer",
        title=title,
        description=description,
        possible_values=[1, 2, 3],
        labels=["Major issues", "Minor issues", "No issues"],
        required=True,
        applies_to=MessageRole.assistant,
    )


_PREFERENCE_RANKING = Form(
    fields=[
        _graded(
            "instruction_following",
            "Instruction following",
            "Does the response do what was asked, all of it and nothing else?",
        ),
        _graded("truthfulness", "Truthfulness", "Is everything the response states correct?"),
        Field(
            key="truthfulness_justification",
            level=Level.message,
            type="text",
            title="What is not correct?",
            applies_to=MessageRole.assistant,
        ),
        _graded(
            "conciseness",
            "Conciseness",
            "Is the response as long as it needs to be, and no longer?",
        ),
        _graded("format", "Format", "Is the response laid out so that it is easy to read and use?"),
        _graded("safety", "Safety", "Is the response free of harmful advice?"),
        Field(
            key="overall",
            level=Level.message,
            type="integer",
            title="Overall quality",
            possible_values=[1, 2, 3, 4, 5],
            labels=["Very poor", "Poor", "Acceptable", "Good", "Excellent"],
            required=True,
            applies_to=MessageRole.assistant,
        ),
        Field(
            key="selected_model_id",
            level=Level.turn,
            type="category",
            title="Preferred response",
            description="Follows from the preference; absent for a tie.",
        ),
        Field(
            key="likert_value",
            level=Level.turn,
            type="integer",
            title="Which response is better?",
            possible_values=LIKERT,
            labels=[
                "Response 1 is much better",
                "Response 1 is better",
                "Response 1 is slightly better",
                "About the same",
                "Response 2 is slightly better",
                "Response 2 is better",
                "Response 2 is much better",
            ],
            required=True,
            scale=ScaleDirection.low_is_first,
        ),
        Field(
            key="justification",
            level=Level.turn,
            type="text",
            title="Why?",
            description="Refer to the responses as @Response 1 and @Response 2.",
            required=True,
        ),
    ]
)

_WRITING = Form(
    fields=[
        Field(
            key="response",
            level=Level.turn,
            type="text",
            title="Your response",
            description="Write what a very good assistant would answer.",
            required=True,
            use=TextUse.response,
        )
    ]
)
_REWRITES = Form(
    fields=[
        *_PREFERENCE_RANKING.fields,
        Field(
            key="rewrite",
            level=Level.message,
            type="text",
            title="Rewrite",
            description="The same response, made better.",
            applies_to=MessageRole.assistant,
            use=TextUse.rewrite,
            consolidate=Consolidate.first,
        ),
    ]
)
_RUBRICS = Form(
    fields=[
        Field(
            key="score",
            level=Level.criterion,
            type="boolean",
            title="Is the criterion met?",
            required=True,
        ),
        Field(key="evidence", level=Level.criterion, type="text", title="Why?"),
    ]
)
_STEPS = Form(
    fields=[
        Field(
            key="step_label",
            level=Level.chunk,
            type="category",
            title="Is this step correct?",
            possible_values=["correct", "neutral", "incorrect"],
            labels=["Correct", "Neither", "Incorrect"],
            required=True,
            applies_to=MessageRole.assistant,
        ),
        Field(key="step_rewrite", level=Level.chunk, type="text", title="The step, put right"),
    ]
)

PRESETS = {
    "RLHF: Pref Ranking": _PREFERENCE_RANKING,
    "RLHF: Pref Ranking with Rewrites": _REWRITES,
    "SFT": _WRITING,
    "Rubrics": _RUBRICS,
    "Process Supervision": _STEPS,
}
"""Built-in forms by the name of their kind of work."""
