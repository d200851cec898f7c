"""Form for a project that a table is imported into: the questions that its columns answer."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from msgspec.structs import replace

from plaudit import ids
from plaudit.core.tasks.forms import (
    TEXT_CHARS_MAX,
    Consolidate,
    Field,
    Form,
    Level,
    ScaleDirection,
    TextUse,
)
from plaudit.formats.common.imported_task import ALL_BAD, TIE
from plaudit.formats.common.judgments import PREFERENCE_FIELD, SELECTED_FIELD
from plaudit.formats.table.comparison import (
    LIKERT_VALUE,
    PLAIN_LABELS,
    PLAIN_SCALE,
    RANKED_GROUPS,
    RANKING,
)
from plaudit.formats.table.judgments import scale_of
from plaudit.formats.table.mapping import TableMapping, spans_of
from plaudit.formats.table.mapping_checks import default_name
from plaudit.formats.table.row_reading import RowReader
from plaudit.wire.v2.task import MessageRole

_PAIR_FIELDS_MAX = 45
_SELECTED_BY_SCALE = replace(
    SELECTED_FIELD,
    title="Preferred response",
    description="Follows from the preference; absent for a tie.",
)


def form_of_table(mapping: TableMapping, reader: RowReader) -> Form | None:
    """Return the form; None where the table has nothing that anybody was asked."""
    fields = [*_of_messages(mapping, reader), *_of_turns(mapping)]
    return Form(fields=fields) if fields else None


def _of_messages(mapping: TableMapping, reader: RowReader) -> list[Field]:
    fields = [
        _message_field(
            key,
            reader.kinds.kind(key),
            possible_values=reader.kinds.possible_values(key),
        )
        for key in reader.kinds.ratings
    ]
    responses = mapping.responses or []
    for key in dict.fromkeys(spans_of(r.spans).key for r in responses if r.spans is not None):
        labels = [label for label in reader.labels.get(key, {}) if len(label) <= TEXT_CHARS_MAX]
        fields.append(_message_field(key, "labeled_text", labels=labels[:1000] or None))
    if any(response.rewrite is not None for response in responses):
        fields.append(
            _message_field("rewrite", "text", use=TextUse.rewrite, consolidate=Consolidate.first)
        )
    return fields


def _message_field(key: str, kind: Any, **members: Any) -> Field:
    return Field(
        key=key,
        level=Level.message,
        type=kind,
        title=_title(key),
        applies_to=MessageRole.assistant,
        **members,
    )


def _of_turns(mapping: TableMapping) -> list[Field]:
    fields: list[Field] = []
    preference = mapping.preference
    responses = mapping.responses or []
    sources = known_sources(mapping)
    ranks = any(response.rank is not None for response in responses)
    if preference is not None and preference.pairs is not None:
        for first, second in list(combinations(sources or (), 2))[:_PAIR_FIELDS_MAX]:
            key = f"preference__{first}__{second}"
            if ids.is_usable(key):
                fields.append(_turn_field(key, [first, second, TIE]))
        fields.append(_turn_field(RANKED_GROUPS, None, "ranked_groups"))
    if ranks:
        fields.append(_turn_field(RANKING, None, "ranked_choices"))
    is_scaled = preference is not None and preference.pairs is None and len(responses) == 2
    if preference is not None or ranks:
        selected = replace(SELECTED_FIELD, possible_values=sources)
        fields.append(_SELECTED_BY_SCALE if is_scaled else selected)
    if (not is_scaled and fields) or _has_all_bad(mapping):
        fields.append(PREFERENCE_FIELD)
    if is_scaled:
        fields.append(_scale_field(scale_of(preference)))
    if preference is not None and preference.justification is not None:
        fields.append(_turn_field("justification", None, "text"))
    return fields


def _has_all_bad(mapping: TableMapping) -> bool:
    preference = mapping.preference
    if preference is None:
        return False
    words = preference.one_hot if preference.one_hot is not None else preference.values
    return ALL_BAD in (words or {}).values()


def _turn_field(
    key: str, possible_values: list[Any] | None, kind: Any = "category", **members: Any
) -> Field:
    return Field(
        key=key,
        level=Level.turn,
        type=kind,
        possible_values=possible_values,
        **{"title": _title(key), **members},
    )


def _scale_field(scale: list[int] | None) -> Field:
    return Field(
        key=LIKERT_VALUE,
        level=Level.turn,
        type="integer",
        title="Which response is better?",
        possible_values=scale or PLAIN_SCALE,
        labels=None if scale else PLAIN_LABELS,
        required=True,
        consolidate=None if scale else Consolidate.majority,
        scale=ScaleDirection.low_is_first,
    )


def known_sources(mapping: TableMapping) -> list[str] | None:
    """Names of the responses of every item; None where they differ from item to item."""
    responses = mapping.responses or []
    if len(responses) < 2 or any(response.model is not None for response in responses):
        return None
    return [response.name or default_name(number) for number, response in enumerate(responses)]


def _title(key: str) -> str:
    text = key.replace("__", " / ").replace("_", " ").strip() or key
    return text[0].upper() + text[1:]
