"""Annotations: the key/value pairs on threads, turns, messages, chunks and rubric criteria.

An annotation's `type` decides what its `value` and `possible_values` may be. One struct serves all
twelve types; `check` validates each by its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct

from plaudit.json_guard import INT_MAX, INT_MIN

Int64 = Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)]
Number = float | Int64


class AnnotationType(StrEnum):
    """The discriminator of annotation values."""

    boolean = "boolean"
    integer = "integer"
    text = "text"
    category = "category"
    category_multiple = "category_multiple"
    file = "file"
    labeled_text = "labeled_text"
    ranked_choices = "ranked_choices"
    ranked_groups = "ranked_groups"
    rubric_criteria = "rubric_criteria"
    rubric_rating = "rubric_rating"
    workspace_container = "workspace_container"


TypeWord = Literal[
    "boolean", "integer", "text", "category", "category_multiple", "file", "labeled_text",
    "ranked_choices", "ranked_groups", "rubric_criteria", "rubric_rating", "workspace_container",
]  # fmt: skip
"""The names of AnnotationType as plain strings, for structs: hashing an enum is slow."""


class BasicFile(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A file given as base64 content or by URL."""

    content: str | None = None
    mime_type: str | None = None
    scale_url: str | None = None
    url: str | None = None
    name: str | None = None


class LabeledText(Struct, gc=False):
    """A span of text and the label put on it."""

    label: str
    text: str


class WorkspaceContainerConfig(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Address and credentials of a coding workspace."""

    workspace_id: str
    workspace_url: str
    workspace_token: str
    expires_at: str
    inactivity_freeze_time: Int64
    force_enable_workspace_access: bool | None = None
    workspace_image_version: Int64 | None = None


class WorkspaceFile(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A file that a coding workspace produced."""

    scale_url: str
    file_name: str | None = None
    url: str | None = None
    file_language: str | None = None
    file_content: str | None = None


class ContentAndUrl(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Text output, in place or by URL."""

    content: str | None = None
    url: str | None = None
    scale_url: str | None = None


class WorkspaceContainerValue(Struct, omit_defaults=True, kw_only=True, gc=False):
    """A coding workspace and its output.

    `last_code_run_event` is left out on purpose: the official client cannot read it.
    """

    workspace_id: str | None = None
    workspace_config: WorkspaceContainerConfig | None = None
    output_files: list[WorkspaceFile] | None = None
    stdout_output: ContentAndUrl | None = None
    stderr_output: ContentAndUrl | None = None
    test_stdout_output: ContentAndUrl | None = None
    test_stderr_output: ContentAndUrl | None = None


class _RubricCriteriaValue(Struct):
    """Checked members of a rubric_criteria value; others pass through."""

    weight: Number | None = None


class _RubricRatingValue(Struct):
    """Checked members of a rubric_rating value; others pass through."""

    score: Number | None = None
    color: str | None = None
    justification: str | None = None


CHOICE_KEY = "selected_model_id"
"""Key whose texts name a response."""

TIE = "tie"
"""The vote for none of two responses, where the value is the better one."""


class Vote(Struct, kw_only=True, omit_defaults=True, gc=False):
    """One judge's value, where several judged (Plaudit's extension, under `opts=submissions`).

    Whoever abstains has no value, and `not_applicable` or `cannot_assess` is true.
    """

    contributor_id: str
    value: Any = UNSET
    not_applicable: bool | None = None
    cannot_assess: bool | None = None
    submitted_at: str | None = None

    @property
    def has_value(self) -> bool:
        """True if there is a value; older stores have votes that neither have one nor abstain."""
        return self.value is not None and self.value is not UNSET

    @property
    def abstains(self) -> bool:
        """True if the judge says that there is no value."""
        return bool(self.not_applicable or self.cannot_assess)


class Annotation(Struct, omit_defaults=True, kw_only=True, gc=False):
    """One key and its value. `id`, `key`, `type`, `value` are always shown; the rest on request."""

    id: str | None = None
    key: str
    type: TypeWord | None = None
    value: Any = None
    title: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    possible_values: list[Any] | None = None
    not_applicable: bool | None = None
    cannot_assess: bool | None = None
    metadata: dict[str, Any] | None = None
    justification: str | None = None
    votes: list[Vote] | None = None


DETAILS = (
    "title", "description", "labels", "possible_values", "not_applicable", "cannot_assess",
    "metadata", "justification",
)  # fmt: skip
"""Members that `opts=annotation_details` adds to each annotation."""

VALUES: dict[str, Any] = {
    AnnotationType.boolean: bool,
    AnnotationType.integer: Int64,
    AnnotationType.text: str,
    AnnotationType.category: str,
    AnnotationType.category_multiple: list[str],
    AnnotationType.file: list[BasicFile],
    AnnotationType.labeled_text: list[LabeledText],
    AnnotationType.ranked_choices: list[str],
    AnnotationType.ranked_groups: list[list[str]],
    AnnotationType.rubric_criteria: _RubricCriteriaValue,
    AnnotationType.rubric_rating: _RubricRatingValue,
    AnnotationType.workspace_container: WorkspaceContainerValue,
}
"""The Python type of `value` for each annotation type; absent and null are valid for all."""

POSSIBLE_VALUES: dict[str, Any] = {
    AnnotationType.boolean: list[bool],
    AnnotationType.integer: list[Int64],
    AnnotationType.category: list[str],
    AnnotationType.category_multiple: list[str],
}

_PLAIN: dict[str | None, type] = {"boolean": bool, "integer": int, "text": str, "category": str}
"""By plain strings, whose look-up is fast."""

_GUESSED: dict[type, TypeWord] = {
    bool: "boolean",
    int: "integer",
    str: "text",
    type(None): "text",
}
_NORMALISED = {AnnotationType.file, AnnotationType.workspace_container}


def check(annotation: Annotation) -> None:
    """Validate an annotation by its type, which is filled in if absent.

    Raises msgspec.ValidationError with a path below the annotation (`$.value[0]`).
    """
    value = annotation.value
    if annotation.type is None:
        word = None if annotation.key == CHOICE_KEY else _GUESSED.get(type(value))
        annotation.type = word or guess_type(annotation.key, value).value
    kind: str | None = annotation.type
    assert kind is not None
    if value is not None and type(value) is not _PLAIN.get(kind):
        annotation.value = _checked(value, VALUES[kind], "value", keep=kind not in _NORMALISED)
    if annotation.possible_values is not None and kind in POSSIBLE_VALUES:
        _checked(annotation.possible_values, POSSIBLE_VALUES[kind], "possible_values", keep=True)
    if annotation.metadata is not None:
        _check_criteria(annotation.metadata)
    if annotation.votes:
        for number, vote in enumerate(annotation.votes):
            _check_vote(vote, kind, f"votes[{number}]")


def _check_vote(vote: Vote, kind: str, name: str) -> None:
    """Refuse a vote that says nothing, or that both has a value and abstains."""
    if vote.has_value:
        if vote.abstains:
            raise msgspec.ValidationError(
                f"A vote that is not_applicable or cannot_assess has no value - at `$.{name}.value`"
            )
        _checked(vote.value, VALUES[kind], f"{name}.value", keep=True)
    elif vote.value is None or not vote.abstains:
        raise msgspec.ValidationError(
            f"A vote has a value ({TIE!r} for a tie), or not_applicable or cannot_assess is true"
            f" - at `$.{name}.value`"
        )
    if vote.not_applicable and vote.cannot_assess:
        raise msgspec.ValidationError(
            f"A vote is not_applicable or cannot_assess, one of them - at `$.{name}.cannot_assess`"
        )


def is_plain(annotation: Annotation) -> bool:
    """True if nothing has to be checked or filled in, as of most annotations; a cheap test."""
    return (
        type(annotation.value) is _PLAIN.get(annotation.type)
        and annotation.possible_values is None
        and annotation.metadata is None
        and annotation.votes is None
    )


def guess_type(key: str, value: Any) -> AnnotationType:
    """The type of a `{key, value}` pair without one, guessed by its key and value."""
    if isinstance(value, bool):
        return AnnotationType.boolean
    if isinstance(value, int):
        return AnnotationType.integer
    if isinstance(value, str) or value is None:
        return AnnotationType.category if key == CHOICE_KEY else AnnotationType.text
    if isinstance(value, list):
        return _guess_list_type(key, value)
    if isinstance(value, dict):
        if "workspace_id" in value or "workspace_config" in value:
            return AnnotationType.workspace_container
        has_rating = "score" in value or "color" in value
        return AnnotationType.rubric_rating if has_rating else AnnotationType.rubric_criteria
    raise msgspec.ValidationError(
        "a fraction needs a type that can hold it (rubric_rating) - at `$.value`"
    )


def _guess_list_type(key: str, value: list[Any]) -> AnnotationType:
    first = value[0] if value else None
    if isinstance(first, list):
        return AnnotationType.ranked_groups
    if isinstance(first, dict):
        is_labeled = "label" in first
        return AnnotationType.labeled_text if is_labeled else AnnotationType.file
    is_ranking = "rank" in key
    return AnnotationType.ranked_choices if is_ranking else AnnotationType.category_multiple


def split_error(exc: msgspec.ValidationError) -> tuple[str, str]:
    """Split a message into the fault and the path below the root, such as `.turns[0].id`."""
    text = str(exc)
    # The message may quote the offending value, so the last mark is the one that counts.
    cut = text.rfind(" - at `$")
    return (text, "") if cut < 0 else (text[:cut], text[cut + 8 :].rstrip("`"))


def _checked(value: Any, kind: Any, name: str, *, keep: bool) -> Any:
    """Convert `value`, or raise with the path moved below `name`; `keep` returns it untouched."""
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        text, path = split_error(exc)
        raise msgspec.ValidationError(f"{text} - at `$.{name}{path}`") from exc
    return value if keep else converted


def _check_criteria(metadata: dict[str, Any]) -> None:
    criteria = metadata.get("criteria")
    if criteria is not None and not isinstance(criteria, str | dict):
        raise msgspec.ValidationError(
            "Expected an annotation or the id of one - at `$.metadata.criteria`"
        )
    if isinstance(criteria, dict):
        whole = _checked(criteria, Annotation, "metadata.criteria", keep=False)
        try:
            check(whole)
        except msgspec.ValidationError as exc:
            text, path = split_error(exc)
            raise msgspec.ValidationError(f"{text} - at `$.metadata.criteria{path}`") from exc
        metadata["criteria"] = msgspec.to_builtins(whole)
