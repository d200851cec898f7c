"""Draft of a mapping for a table of unknown columns, for a person to correct, and its faults.

Prompts, responses and models are proposed by the names of columns. What a verdict's values mean is
never guessed: they are listed, each with "?", which a mapping is refused for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.table.columns_seen import ColumnSeen, describe_columns
from plaudit.formats.table.mapping_checks import RESPONSES_MAX, UNDECIDED
from plaudit.formats.table.reader import TableReader
from plaudit.formats.table.toml_text import mapping_to_toml

_PROMPTS = ("prompt", "instruction", "question", "query", "user_prompt", "user", "message", "input")
_RESPONSE = re.compile(
    r"(?i)(?:model[ _-]?)?(response|answer|output|completion|prediction|generation|reply|candidate"
    r"|summary|chosen|rejected)(?:[ _-]?text)?[ _-]?([0-9]{1,2}|[a-h]|left|right)?"
)
_RESPONSE_OF_MODEL = re.compile(
    r"(?i)(?:model|system|assistant|chatbot|llm)[ _-]?(?:[0-9]{1,2}|[a-h])"
    r"[ _-](?:response|answer|output|completion|generation|reply|text)"
)
_MODEL = re.compile(
    r"(?i)(?:model|generator|system|source)(?:[ _-]?(?:name|id))?"
    r"[ _-]?([0-9]{1,2}|[a-h]|left|right)?"
)
_NUMBERED = re.compile(r"(?i)(.*?)[ _-]?([0-9]{1,2}|(?<![a-z])[a-h]|left|right)")
_VERDICTS = re.compile(
    r"(?i)(human_?)?(label|preference|preferred|winner|choice|verdict|vote|better|judg(e)?ment|best)"
    r"([ _-]?(model|response|answer|system))?"
)
_PEOPLE = re.compile(
    r"(?i)(annotator|contributor|worker|rater|judge|labell?er|participant|evaluator|reviewer)"
    r"([ _-]?id)?"
)
_IDS = re.compile(r"(?i)(id|idx|index|uid|uuid|(task|question|prompt|item|example|row)_?id)")
_RATING = re.compile(
    r"(?i).*(score|rating|rated|helpful|correct|quality|overall|fluen|relevan|label|safe|toxic).*"
)
_REFERENCE = re.compile(
    r"(?i)(gold|reference|ground_?truth|target|expected|ideal)"
    r"([ _-]?(answer|response|output|text))?"
)
_METADATA_MAX = 40
_TO_SAY = (
    "What the values of {!r} mean is for you to say: first, second, tie, all_bad, none, or the name"
    " of a response."
)


__all__ = ["check_mapping", "describe_columns", "draft_mapping", "draft_toml", "mapping_to_toml"]


def draft_toml(rows: Sequence[Row]) -> str:
    """Draft of a mapping as TOML: columns and samples as comments, "?" for what is to be said."""
    columns = describe_columns(rows)
    draft = _Draft(columns)
    decoded = draft.decoded()
    preference = decoded.get("preference", {})
    verdict = preference.get("column", preference.get("pairs"))
    for column in columns:
        if column.name == verdict:
            preference["values"] = dict.fromkeys(column.values, UNDECIDED)
    comments = ["Columns, with samples:", *(f"  {column}" for column in columns), *draft.comments]
    return mapping_to_toml(decoded, comments)


def draft_mapping(rows: Sequence[Row]) -> dict[str, Any]:
    """Return a decoded mapping to correct; the values of a preference have no meaning yet."""
    return _Draft(describe_columns(rows)).decoded()


class MappingFault(Struct, frozen=True):
    """A fault, and the JSON pointer to the member of the mapping that it is about."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


def check_mapping(decoded: Any, rows: Sequence[Row] = ()) -> list[MappingFault]:
    """List the faults of a mapping, and the columns that the first rows do not have."""
    try:
        reader = TableReader(ImportOptions(mapping=decoded), ImportNotes())
    except InvalidContent as problem:
        return [MappingFault(problem.pointer, problem.message)]
    return [
        MappingFault(pointer, f"there is no column {column!r}")
        for column, pointer in reader.missing_columns(rows)
    ]


class _Draft:
    """A draft in the making: columns that have found a use are no longer proposed for another."""

    def __init__(self, columns: Sequence[ColumnSeen]) -> None:
        self.comments: list[str] = []
        self._columns = columns
        self._used: set[str] = set()

    def decoded(self) -> dict[str, Any]:
        responses = self._responses()
        prompt = self._prompt()
        conversation = next((one for one in self._free() if one.kind == "messages"), None)
        context = self._first([] if conversation is None else [conversation])
        if conversation is not None and conversation.answer and not (responses or prompt):
            responses = [{"text": conversation.answer}]
        preference = self._preference(len(responses))
        contributor = self._first(self._named(_PEOPLE))
        reference = self._first(self._named(_REFERENCE))
        decoded: dict[str, Any] = {}
        key = self._first(column for column in self._named(_IDS) if column.is_unique)
        repeated = self._first(
            column for column in self._named(_IDS) if not column.is_unique and column.samples
        )
        if repeated is not None:
            decoded["item"] = [repeated]
        elif any(column.name in prompt and not column.is_unique for column in self._columns):
            if len(responses) == 1:
                decoded["item"] = list(prompt)
            elif responses and contributor is not None and key is None:
                decoded["item"] = [*prompt, *(response["text"] for response in responses)]
        if prompt:
            decoded["prompt"] = prompt[0] if len(prompt) == 1 else prompt
        elif context is None:
            decoded["prompt"] = UNDECIDED
            self.comments.append("No column looks like a prompt: fill in which one is.")
        decoded |= {
            name: column
            for name, column in (
                ("context", context),
                ("reference", reference),
                ("id", key),
                ("contributor", contributor),
            )
            if column is not None
        }
        ratings = self._ratings(responses)
        metadata = [column.name for column in self._free() if column.kind != "empty"]
        if metadata:
            decoded["metadata"] = metadata[:_METADATA_MAX]
        if not responses:
            responses = [{"text": UNDECIDED}]
            self.comments.append("No column looks like a response: fill in which one is.")
        decoded["responses"] = responses
        if not ratings and preference is None:
            self.comments.append("No column looks like a judgment: add ratings or a preference.")
        if preference is not None:
            decoded["preference"] = preference
        return decoded

    def _free(self) -> list[ColumnSeen]:
        return [column for column in self._columns if column.name not in self._used]

    def _named(self, pattern: re.Pattern[str]) -> list[ColumnSeen]:
        return [
            column
            for column in self._free()
            if pattern.fullmatch(_last_step(column.name)) and column.kind not in ("list", "object")
        ]

    def _first(self, columns: Iterable[ColumnSeen]) -> str | None:
        name = next((column.name for column in columns), None)
        if name is not None:
            self._used.add(name)
        return name

    def _prompt(self) -> list[str]:
        by_name = {_last_step(column.name).lower(): column for column in reversed(self._free())}
        for word in _PROMPTS:
            found = by_name.get(word)
            if found is None or found.kind not in ("text", "mixed", "number"):
                continue
            also = by_name.get("input") if word == "instruction" else None
            prompt = [column.name for column in (found, also) if column is not None]
            self._used.update(prompt)
            return prompt
        return []

    def _responses(self) -> list[dict[str, Any]]:
        texts: list[ColumnSeen] = []
        for pattern in (_RESPONSE, _RESPONSE_OF_MODEL):
            named = self._named(pattern)
            texts = texts or [column for column in named if column.kind in ("text", "mixed")]
        texts = texts or self._siblings()
        models = {
            (match[1] or "").lower(): column.name
            for column in self._named(_MODEL)
            if (match := _MODEL.fullmatch(_last_step(column.name))) and column.kind == "text"
        }
        responses = []
        for column in texts[:RESPONSES_MAX]:
            response: dict[str, Any] = {"text": column.name}
            match = _NUMBERED.fullmatch(_last_step(column.name))
            model = models.get((match[2] if match else "").lower())
            if model is not None and model not in self._used:
                response["model"] = model
                self._used.add(model)
            self._used.add(column.name)
            responses.append(response)
        if not responses:
            longest = max(self._long_texts(), key=lambda column: column.chars, default=None)
            if longest is not None:
                self._used.add(longest.name)
                responses.append({"text": longest.name})
        if any(word in response["text"].lower() for response in responses for word in _TELLING):
            self.comments.append(
                "The names of two columns say who won: --format trl reads them as a preference."
            )
        return responses

    def _siblings(self) -> list[ColumnSeen]:
        """Columns of texts whose names differ in a last number or letter alone: `a` and `b`."""
        families: dict[str, list[ColumnSeen]] = {}
        for column in self._free():
            match = _NUMBERED.fullmatch(_last_step(column.name))
            is_model = _MODEL.fullmatch(_last_step(column.name)) is not None
            if match and not is_model and column.kind in ("text", "mixed"):
                families.setdefault(match[1].lower(), []).append(column)
        return next((family for family in families.values() if len(family) > 1), [])

    def _long_texts(self) -> list[ColumnSeen]:
        return [
            column
            for column in self._free()
            if column.kind == "text"
            and column.chars > 60
            and _last_step(column.name).lower() not in _PROMPTS
        ]

    def _preference(self, count: int) -> dict[str, Any] | None:
        if count < 2:
            return None
        paired = next((one for one in self._free() if one.length == count * (count - 1) // 2), None)
        column = next((one for one in self._named(_VERDICTS) if one.values), None)
        if column is None and count > 2 and paired is not None and paired.values:
            self._used.add(paired.name)
            self.comments.append(
                f"{paired.name!r} has as many values as there are pairs: (1,2) (1,3) … (2,3) …."
            )
            self.comments.append(_TO_SAY.format(paired.name))
            return {"pairs": paired.name, "values": {}}
        if column is None:
            return None
        self._used.add(column.name)
        self.comments.append(_TO_SAY.format(column.name))
        return {"column": column.name, "values": {}}

    def _ratings(self, responses: list[dict[str, Any]]) -> bool:
        if len(responses) != 1:
            return False
        found = [
            column
            for column in self._free()
            if column.values and _RATING.fullmatch(_last_step(column.name))
        ]
        for column in found:
            self._used.add(column.name)
            responses[0].setdefault("ratings", {})[column.name] = column.name
        return bool(found)


_TELLING = ("chosen", "rejected")


def _last_step(name: str) -> str:
    return name.rpartition(".")[2].strip('"')
