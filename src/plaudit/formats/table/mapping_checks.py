"""Reading of a mapping: what its types cannot say is checked here, with a pointer to each fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from plaudit import ids
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import FLAGS
from plaudit.formats.common.row_members import name_of_kind
from plaudit.formats.table.mapping import (
    MODELS,
    ORDINALS,
    Preference,
    Rating,
    ResponseColumns,
    Spans,
    TableMapping,
    Text,
    TextColumn,
    Value,
    VerdictWord,
    rating_of,
    spans_of,
    text_column,
)
from plaudit.formats.table.paths import parse_path
from plaudit.formats.table.patterns import Removal
from plaudit.json_guard import INT_MAX, INT_MIN, escape
from plaudit.wire.v2.parse import convert

RESPONSES_MAX = 64
RATINGS_MAX = 100
COLUMNS_MAX = 1000
VALUES_MAX = 1000
VALUE_CHARS_MAX = 1000
PAIRED_MAX = 16
"""Responses of which every pair is judged."""
SCALE_VALUES_MAX = 250
TIMES_MAX = 1_000_000
UNDECIDED = "?"
"""Value in a draft that a person is to replace."""

NAMES_REFUSED = ("chosen", "rejected")
"""Parts of a response's name that would give away who won."""

_EXPECTED = re.compile(r"expected '([^']*)', got '([^']*)'")
_KINDS = {
    "str": "a text",
    "object": "a table of members",
    "array": "a list",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
}
_FIELDS = dict(
    zip(TableMapping.__struct_encode_fields__, TableMapping.__struct_fields__, strict=True)
)


def read_mapping(decoded: Any) -> TableMapping:
    """Check a decoded mapping; raises InvalidContent with a JSON pointer into it."""
    if not isinstance(decoded, Mapping):
        raise InvalidContent(f"a mapping is a table of members, not {name_of_kind(decoded)}")
    _refuse_unknown_everywhere(decoded)
    try:
        mapping: TableMapping = convert(_without_dates(decoded), TableMapping)
    except InvalidContent as exc:
        raise InvalidContent(_in_words(exc.message), pointer=exc.pointer) from exc
    _check_texts(mapping)
    for column, pointer in columns_of(mapping):
        if column == UNDECIDED:
            raise InvalidContent("fill in a column in place of '?'", pointer=pointer)
        with_pointer(pointer, parse_path, column)
    _check_whole(mapping)
    for number, response in enumerate(mapping.responses or ()):
        _check_response(response, f"/responses/{number}")
    _check_names(mapping.responses or ())
    _check_alike(mapping.responses or ())
    if mapping.preference is not None:
        _check_preference(mapping, mapping.preference)
    return mapping


def _without_dates(value: Any) -> Any:
    """Return a decoded mapping with texts in place of the dates that TOML knows."""
    if isinstance(value, Mapping):
        return {name: _without_dates(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_dates(member) for member in value]
    return value.isoformat() if isinstance(value, date | time) else value


def _in_words(message: str) -> str:
    """Say `expected 'str | array', got 'int'` as people who write TOML do."""
    match = _EXPECTED.fullmatch(message)
    if match is None:
        return message
    kinds = [_KINDS.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    expected, got = " or ".join(kinds), _KINDS.get(match[2], match[2])
    return f"expected {expected}, not {got}"


def with_pointer(pointer: str, check: Any, *arguments: Any) -> Any:
    """Call a check, and point to `pointer` in what it raises."""
    try:
        return check(*arguments)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer) from exc


def columns_of(mapping: TableMapping) -> list[tuple[str, str]]:
    """Every column that a mapping names, each with the JSON pointer to where it does."""
    found: list[tuple[str, str]] = []
    for name, field in _FIELDS.items():
        value = getattr(mapping, field)
        if name in ("rows", "responses", "preference") or value is None:
            continue
        if name in ("where", "not"):
            found += [(column, f"/{name}/{escape(column)}") for column in value]
        else:
            found += _named(value, f"/{name}")
    for number, response in enumerate(mapping.responses or ()):
        found += _columns_of_response(response, f"/responses/{number}")
    if mapping.preference is not None:
        found += _columns_of_judgment(mapping.preference, "/preference")
    return [(column, pointer) for column, pointer in found if column != MODELS]


def _named(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, pointer
    elif isinstance(value, TextColumn):
        yield value.column, f"{pointer}/column"
    elif isinstance(value, list):
        for number, column in enumerate(value):
            yield from _named(column, f"{pointer}/{number}")
    elif isinstance(value, dict):
        for name, column in value.items():
            yield from _named(column, f"{pointer}/{escape(name)}")


def _columns_of_response(response: ResponseColumns, pointer: str) -> Iterator[tuple[str, str]]:
    for name in ("text", "model", "rewrite", "rank"):
        yield from _named(getattr(response, name), f"{pointer}/{name}")
    if response.spans is not None:
        yield spans_of(response.spans).column, f"{pointer}/spans"
    for key, rating in response.ratings.items():
        yield from _columns_of_judgment(rating_of(rating), f"{pointer}/ratings/{escape(key)}")


def _columns_of_judgment(judged: Preference | Rating, pointer: str) -> Iterator[tuple[str, str]]:
    for name in ("column", "columns", "pairs", "final", "justification"):
        yield from _named(getattr(judged, name, None), f"{pointer}/{name}")
    for column in getattr(judged, "one_hot", None) or ():
        yield column, f"{pointer}/one_hot/{escape(column)}"


def _refuse_unknown_everywhere(decoded: Mapping[str, Any]) -> None:
    _refuse_unknown(decoded, TableMapping, "")
    _refuse_unknown(decoded.get("preference"), Preference, "/preference")
    for name in ("prompt", "system"):
        value = decoded.get(name)
        for part, pointer in _parts(value, f"/{name}"):
            _refuse_unknown(part, TextColumn, pointer)
    for response, pointer in _parts(decoded.get("responses"), "/responses"):
        if not isinstance(response, Mapping):
            continue
        _refuse_unknown(response, ResponseColumns, pointer)
        for name in ("text", "model", "rewrite"):
            _refuse_unknown(response.get(name), TextColumn, f"{pointer}/{name}")
        _refuse_unknown(response.get("spans"), Spans, f"{pointer}/spans")
        ratings = response.get("ratings")
        for key, rating in ratings.items() if isinstance(ratings, Mapping) else ():
            _refuse_unknown(rating, Rating, f"{pointer}/ratings/{escape(str(key))}")


def _parts(value: Any, pointer: str) -> list[tuple[Any, str]]:
    if isinstance(value, list):
        return [(part, f"{pointer}/{number}") for number, part in enumerate(value)]
    return [(value, pointer)]


def _refuse_unknown(value: Any, kind: type[Struct], pointer: str) -> None:
    if not isinstance(value, Mapping):
        return
    known = kind.__struct_encode_fields__
    for name in value:
        if name in known:
            continue
        near = get_close_matches(str(name)[:60].lower(), known, n=1)
        member, there_is = str(name)[:60], ", ".join(known)
        raise InvalidContent(
            f"there is no member {member!r} here; did you mean {near[0]!r}?"
            if near
            else f"there is no member {member!r} here; there is {there_is}",
            pointer=f"{pointer}/{escape(str(name))}",
        )


def _check_texts(mapping: TableMapping) -> None:
    """Check the patterns that are removed from texts."""
    texts: list[tuple[Text | None, str]] = [(mapping.system, "/system")]
    texts += [(part, "/prompt") for part in mapping.prompts]
    for number, response in enumerate((mapping.responses or ())[:RESPONSES_MAX]):
        for name in ("text", "model", "rewrite"):
            texts.append((getattr(response, name), f"/responses/{number}/{name}"))
    for text, pointer in texts:
        pattern = None if text is None else text_column(text).remove
        if pattern is not None:
            with_pointer(f"{pointer}/remove", Removal, pattern)


def _check_whole(mapping: TableMapping) -> None:
    if mapping.rows is not None:
        with_pointer("/rows", parse_path, mapping.rows)
    if not mapping.prompts and mapping.context is None:
        raise InvalidContent("a mapping names the column of the prompt or of the context")
    if mapping.item is not None and not mapping.items:
        raise InvalidContent("an item is known by one column or more", pointer="/item")
    if mapping.responses is not None and not 0 < len(mapping.responses) <= RESPONSES_MAX:
        raise InvalidContent(f"a mapping has 1 to {RESPONSES_MAX} responses", pointer="/responses")
    if len(columns_of(mapping)) > COLUMNS_MAX:
        raise InvalidContent(f"a mapping names at most {COLUMNS_MAX} columns")
    if MODELS in mapping.items and not any(r.model for r in mapping.responses or ()):
        raise InvalidContent(f"{MODELS} needs a column 'model' of a response", pointer="/item")
    if FLAGS in mapping.named_metadata:
        raise InvalidContent(f"{FLAGS!r} has a meaning of its own", pointer="/metadata")
    for name in ("where", "not"):
        for column, values in getattr(mapping, _FIELDS[name]).items():
            if isinstance(values, list) and not 0 < len(values) <= VALUES_MAX:
                raise InvalidContent(
                    f"there are 1 to {VALUES_MAX} values", pointer=f"/{name}/{escape(column)}"
                )
    if mapping.submitted_at is not None and mapping.contributor is None:
        raise InvalidContent("this needs a column 'contributor'", pointer="/submitted_at")


def _check_response(response: ResponseColumns, pointer: str) -> None:
    if response.name is not None:
        if response.model is not None:
            raise InvalidContent(
                "a response is named by 'name' or by a column 'model'", pointer=f"{pointer}/name"
            )
        with_pointer(f"{pointer}/name", check_source, response.name)
    if len(response.ratings) > RATINGS_MAX:
        raise InvalidContent(f"at most {RATINGS_MAX} ratings", pointer=f"{pointer}/ratings")
    for key, rating in response.ratings.items():
        with_pointer(f"{pointer}/ratings/{escape(key)}", _check_key, key)
        with_pointer(f"{pointer}/ratings/{escape(key)}", _check_rating, rating_of(rating))
    if response.spans is not None:
        with_pointer(f"{pointer}/spans", _check_key, spans_of(response.spans).key)


def check_source(name: str) -> None:
    """Check the name of a response; raises InvalidContent."""
    if not ids.is_usable(name):
        raise InvalidContent("a response's name has 1 to 255 characters, no control characters")
    if any(part in name.lower() for part in NAMES_REFUSED):
        raise InvalidContent(
            "the name of a response does not say whether it was chosen or rejected"
        )


def default_name(number: int) -> str:
    """Name of the response of this number, from 0, that neither mapping nor model names."""
    return f"response_{number + 1}"


def _check_key(key: str) -> None:
    if not ids.is_usable(key):
        raise InvalidContent("a key has 1 to 255 characters, no control characters")
    if key in ("rewrite", "selected_model_id", "likert_value", "preference"):
        raise InvalidContent(f"the key {key!r} has a meaning of its own; take another")


def _check_rating(rating: Rating) -> None:
    given = [name for name in ("column", "columns") if getattr(rating, name) is not None]
    _check_one_of(given, ("column", "columns"))
    _check_judges(rating)
    if rating.values is not None:
        if UNDECIDED in rating.values.values():
            raise InvalidContent("fill in what the value means in place of '?'")
        if rating.times is not None:
            raise InvalidContent("a rating has 'values' or 'times', not both")
        if not 0 < len(rating.values) <= VALUES_MAX:
            raise InvalidContent(f"there are 1 to {VALUES_MAX} values")
        kinds = {type(value) for value in rating.values.values()}
        if len(kinds) > 1 or float in kinds:
            raise InvalidContent("values are all integers, all texts, or all true and false")
        for value in rating.values.values():
            _check_value(value)
    if rating.times is not None and not 2 <= rating.times <= TIMES_MAX:
        raise InvalidContent(f"'times' is an integer from 2 to {TIMES_MAX}")


def _check_value(value: Value) -> None:
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise InvalidContent("an integer has at most 64 bits")
    if isinstance(value, str) and not 0 < len(value) <= VALUE_CHARS_MAX:
        raise InvalidContent(f"a value has 1 to {VALUE_CHARS_MAX} characters")


def _check_one_of(given: list[str], names: tuple[str, ...]) -> None:
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise InvalidContent(f"exactly one of {', '.join(names)} is given, not {found}")


def _check_judges(judged: Preference | Rating) -> None:
    if judged.columns is not None and not 0 < len(judged.columns) <= COLUMNS_MAX:
        raise InvalidContent("'columns' has a column for each judge")
    if judged.final is not None and judged.columns is None:
        raise InvalidContent("'final' stands beside the 'columns' of several judges")
    for judge in judged.columns or ():
        if not ids.is_usable(judge):
            raise InvalidContent("a judge's name has 1 to 255 characters, no control characters")


def _check_names(responses: list[ResponseColumns] | tuple[()]) -> None:
    names: set[str] = set()
    for number, response in enumerate(responses):
        name = response.name if response.name is not None else default_name(number)
        if response.model is None and name in names:
            raise InvalidContent(
                f"two responses are called {name!r}", pointer=f"/responses/{number}/name"
            )
        names.add(name)


def _check_alike(responses: list[ResponseColumns] | tuple[()]) -> None:
    """A key has one meaning, whichever response it is about."""
    seen: dict[str, tuple[Any, Any]] = {}
    marked = {spans_of(one.spans).key for one in responses if one.spans is not None}
    for number, response in enumerate(responses):
        for key, rating in response.ratings.items():
            whole = rating_of(rating)
            meaning = (whole.values, whole.times)
            if key in marked:
                raise InvalidContent(
                    f"the key {key!r} is that of the spans",
                    pointer=f"/responses/{number}/ratings/{escape(key)}",
                )
            if seen.setdefault(key, meaning) != meaning:
                raise InvalidContent(
                    f"the rating {key!r} has other values at another response",
                    pointer=f"/responses/{number}/ratings/{escape(key)}",
                )
    if len(seen) > RATINGS_MAX:
        raise InvalidContent(f"at most {RATINGS_MAX} different ratings", pointer="/responses")


def _check_preference(mapping: TableMapping, preference: Preference) -> None:
    ways = ("column", "columns", "one_hot", "pairs")
    given = [name for name in ways if getattr(preference, name) is not None]
    with_pointer("/preference", _check_one_of, given, ways)
    with_pointer("/preference", _check_judges, preference)
    count = len(mapping.responses or ())
    if not count:
        raise InvalidContent("a preference needs responses", pointer="/preference")
    if preference.columns is not None and mapping.contributor is not None:
        raise InvalidContent(
            "the judges stand in a column 'contributor' or in 'columns'",
            pointer="/preference/columns",
        )
    if preference.pairs is not None and not 2 <= count <= PAIRED_MAX:
        raise InvalidContent(
            f"verdicts on pairs need 2 to {PAIRED_MAX} responses in a row",
            pointer="/preference/pairs",
        )
    if preference.scale is not None:
        _check_scale(preference.scale, count, preference.pairs is not None)
    words = preference.one_hot if preference.one_hot is not None else preference.values
    member = "one_hot" if preference.one_hot is not None else "values"
    for name, word in (words or {}).items():
        pointer = f"/preference/{member}/{escape(name)}"
        paired = 2 if preference.pairs is not None else count
        with_pointer(pointer, _check_verdict, word, preference.scale, paired)
    if preference.one_hot is not None and preference.values is not None:
        raise InvalidContent("'one_hot' says the verdicts itself", pointer="/preference/values")


def _check_scale(scale: list[int], count: int, is_paired: bool) -> None:
    pointer = "/preference/scale"
    if len(scale) != 2 or not 1 <= abs(scale[1] - scale[0]) < SCALE_VALUES_MAX:
        raise InvalidContent(
            "a scale is the value at which the first response is best and that at which the second"
            f" is, at most {SCALE_VALUES_MAX - 1} apart",
            pointer=pointer,
        )
    if count != 2 or is_paired:
        raise InvalidContent("a scale compares the two responses of a row", pointer=pointer)


def _check_verdict(word: Value, scale: list[int] | None, count: int) -> None:
    if word == UNDECIDED:
        raise InvalidContent("fill in what the value means in place of '?'")
    if isinstance(word, bool | float) or word == "":
        raise InvalidContent("a verdict is a word, the name of a response, or a number on a scale")
    if isinstance(word, int):
        if scale is None:
            raise InvalidContent("a number needs a scale: scale = [1, 7]")
        if not min(scale) <= word <= max(scale):
            raise InvalidContent(f"the number is not on the scale {scale}")
    if word in ORDINALS[count if count > 1 else 0 :]:
        words = ", ".join((*ORDINALS[: count if count > 1 else 0], *VerdictWord))
        raise InvalidContent(
            f"{word!r} names no response, since a row has one response; a verdict is one of"
            f" {words} or a name"
            if count == 1
            else f"{word!r} names no response, since there are {count} responses; a verdict is one"
            f" of {words} or a name"
        )
