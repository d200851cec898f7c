"""Questions of an Argilla dataset: from its settings, or from the answers where there are none.

Without the settings, a number is a rating without a scale, a text that several answers share is a
label, and any other is a text; a list of texts is a ranking where its question says so
(`ranking`) or where it orders the record's fields, and several labels otherwise.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.tasks.forms import TEXT_CHARS_MAX, VALUES_MAX, Field, Level
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import TypeWord
from plaudit.wire.v2.task import MessageRole

RATING, LABEL, LABELS, TEXT = "rating", "label_selection", "multi_label_selection", "text"
RANKING, SPAN = "ranking", "span"
TYPES: dict[str, TypeWord] = {
    RATING: "integer",
    LABEL: "category",
    LABELS: "category_multiple",
    TEXT: "text",
    RANKING: "ranked_choices",
    SPAN: "labeled_text",
}
_LABEL_CHARS_MAX = 100
_LABELS_MAX = 50


class ArgillaQuestion(Struct, kw_only=True):
    """A question. `options` are its possible answers in their order, None if it has none."""

    name: str
    kind: str
    title: str | None = None
    options: list[Any] | None = None
    titles: list[str] | None = None
    field: str | None = None
    """The field that spans are marked in."""

    def form_field(self, key: str, level: Level, role: MessageRole | None = None) -> Field:
        """The question of a form that has this question's answers."""
        kind = TYPES[self.kind]
        values, titles = self.options, self.titles
        if values is not None and not _are_usable(values, int if kind == "integer" else str):
            values = titles = None
        field = Field(key=key, level=level, type=kind, title=self.title, applies_to=role)
        if kind == "labeled_text":
            field.labels = values
        elif kind in ("integer", "category", "category_multiple"):
            field.possible_values, field.labels = values, titles
        return field


class SeenAnswers(Struct):
    """Answers to a question, as far as its kind follows from them."""

    count: int = 0
    kinds: set[str] = set()
    words: dict[str, int] = {}
    is_ordering: bool = True

    def add(self, value: Any, fields: set[str]) -> None:
        """Take an answer into account; `fields` are the names of the record's fields."""
        self.count += 1
        if isinstance(value, bool) or not isinstance(value, int | str | list):
            self.kinds.add("other")
        elif isinstance(value, int):
            self.kinds.add(RATING)
        elif isinstance(value, str):
            self.kinds.add(TEXT)
            self._add_word(value)
        elif all(isinstance(one, str) for one in value):
            self.kinds.add(LABELS)
            self.is_ordering = self.is_ordering and len(value) > 1 and fields >= set(value)
            for one in value:
                self._add_word(one)
        elif all(isinstance(one, dict) and "rank" in one for one in value):
            self.kinds.add(RANKING)
            for one in value:
                self._add_word(str(one.get("value")))
        else:
            self.kinds.add(SPAN)
            for one in value:
                if isinstance(one, dict) and isinstance(one.get("label"), str):
                    self._add_word(one["label"])

    def _add_word(self, word: str) -> None:
        if word in self.words or len(self.words) <= VALUES_MAX:
            self.words[word] = self.words.get(word, 0) + 1

    def question(self, name: str) -> ArgillaQuestion | None:
        """The question that these answers answer; None if they are of several kinds."""
        if len(self.kinds) != 1 or "other" in self.kinds:
            return None
        kind, words = next(iter(self.kinds)), list(self.words)
        if kind == TEXT:
            is_short = all(len(word) <= _LABEL_CHARS_MAX and "\n" not in word for word in words)
            if is_short and len(words) < self.count and len(words) <= _LABELS_MAX:
                kind = LABEL
        elif kind == LABELS and (self.is_ordering or "rank" in name):
            kind = RANKING
        has_options = kind in (LABEL, LABELS, SPAN) and bool(words)
        return ArgillaQuestion(name=name, kind=kind, options=words if has_options else None)


def read_settings(text: str) -> dict[str, ArgillaQuestion]:
    """Read the questions of a dataset's settings (`settings.json`); raises InvalidContent."""
    try:
        settings = msgspec.json.decode(text)
        return {name: _declared(name, given) for name, given in _questions(settings)}
    except (msgspec.DecodeError, UnicodeEncodeError, KeyError, TypeError, AttributeError) as exc:
        raise InvalidContent("these are no settings of an Argilla dataset (JSON)") from exc


def _questions(settings: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(str(given["name"]), given) for given in settings["questions"]]


def _declared(name: str, given: dict[str, Any]) -> ArgillaQuestion:
    settings = given["settings"]
    kind = settings["type"]
    if kind not in TYPES:
        raise InvalidContent(f"the settings have a question of an unknown type, {kind!r}")
    options = settings.get("options")
    values = [option["value"] for option in options] if options else None
    titles = [str(option.get("text") or option["value"]) for option in options or ()]
    title = given.get("title")
    return ArgillaQuestion(
        name=name,
        kind=kind,
        title=title if isinstance(title, str) else None,
        options=values,
        titles=titles if values and titles != [str(value) for value in values] else None,
        field=settings.get("field"),
    )


def _are_usable(values: list[Any], kind: type) -> bool:
    return (
        0 < len(values) <= VALUES_MAX
        and all(type(value) is kind and len(str(value)) <= TEXT_CHARS_MAX for value in values)
        and len(set(values)) == len(values)
    )
