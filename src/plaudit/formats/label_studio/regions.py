"""Regions of a Label Studio annotation: what a person answered, by question and by message.

A control on a response is a question about that response (`overall_a` on `a` becomes `overall`);
any other is one about the turn, or about the thread where the data is a chat. Choices that say
nothing but `tie` or `both_bad`, where responses are compared, are verdicts.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit import ids
from plaudit.core.tasks.forms import (
    TEXT_CHARS_MAX,
    VALUES_MAX,
    Consolidate,
    Field,
    Level,
    TextUse,
)
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ALL_BAD, TIE
from plaudit.formats.common.row_members import as_integer, shown
from plaudit.formats.label_studio.config import PAIRWISE, LabelControl
from plaudit.formats.label_studio.layout import TaskLayout
from plaudit.wire.v2.annotation import TypeWord
from plaudit.wire.v2.task import MessageRole

VERDICTS = {
    "tie": TIE, "same": TIE, "equal": TIE, "both_good": TIE, "both good": TIE,
    "both_bad": ALL_BAD, "both bad": ALL_BAD, "bothbad": ALL_BAD, "tie (bothbad)": ALL_BAD,
    "all_bad": ALL_BAD, "neither": ALL_BAD,
}  # fmt: skip
RATING_MAX = 5
"""Stars of a rating whose control does not say how many it has."""
CHAT = "chatmessage"
RANKER = "ranker"
_SPANS = ("labels", "hypertextlabels", "paragraphlabels")
_LEFT_RIGHT = ("left", "right")
_REWRITES = ("rewrite", "edited_response")
REWRITE = "rewrite"
_PARTS_OF_OTHERS = ("parentID", "item_index")


class AnswerSlot(Struct, frozen=True):
    """A question and what it is about.

    `message` is an index, and `role` its author's; None for a turn or thread.
    """

    key: str
    type: TypeWord
    level: Level
    message: int | None = None
    role: MessageRole | None = None


class ControlUse(Struct, kw_only=True):
    """A control as far as the configuration or its answers show it."""

    kind: str
    values: dict[str, None]
    rating_max: int | None = None
    is_multiple: bool = False
    is_declared: bool = False

    @property
    def is_verdict(self) -> bool:
        """True for choices that consist of words for "none is better" alone."""
        return self.kind == "choices" and bool(self.values) and set(self.values) <= set(VERDICTS)


Uses = dict[tuple[str, str], ControlUse]
"""Controls by name and type of region."""


def uses_of(controls: dict[str, LabelControl]) -> Uses:
    """The controls of a configuration before any answer is seen."""
    return {
        (control.name, control.kind): ControlUse(
            kind=control.kind,
            values=dict(control.values),
            rating_max=control.rating_max,
            is_multiple=control.is_multiple,
            is_declared=True,
        )
        for control in controls.values()
    }


def observe(uses: Uses, region: Any) -> None:
    """Learn from a region what its control's answers are; anything unsound is passed over."""
    if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
        return
    name, kind, value = region.get("from_name"), region.get("type"), region["value"]
    if not isinstance(name, str) or not isinstance(kind, str):
        return
    use = uses.setdefault((name, kind), ControlUse(kind=kind, values={}))
    words = value.get(kind)
    if isinstance(words, list):
        use.values.update(dict.fromkeys(one for one in words if isinstance(one, str)))
        use.is_multiple = use.is_multiple or (kind == "choices" and len(words) > 1)
    number = as_integer(value.get("rating"))
    if (
        kind == "rating"
        and number is not None
        and number > (use.rating_max or RATING_MAX)
        and not use.is_declared
    ):
        use.rating_max = number


def field_of(slot: AnswerSlot, use: ControlUse) -> Field:
    """The question that the answers of a slot answer."""
    field = Field(key=slot.key, level=slot.level, type=slot.type)
    words = list(use.values)
    is_listed = 0 < len(words) <= VALUES_MAX and max(map(len, words)) <= TEXT_CHARS_MAX
    if slot.level is Level.message:
        field.applies_to = slot.role
    if slot.type == "integer" and use.kind == "rating":
        field.possible_values = list(range(1, (use.rating_max or RATING_MAX) + 1))
    elif slot.type == "labeled_text" and is_listed:
        field.labels = words
    elif slot.type in ("category", "category_multiple") and is_listed:
        field.possible_values = words
    elif slot.type == "text" and slot.key == REWRITE:
        field.use, field.consolidate = TextUse.rewrite, Consolidate.first
    return field


class Answers:
    """Answers of one annotation.

    `spans` are regions whose places in the text no answer has, `other_regions` are no answers here.
    """

    def __init__(self, layout: TaskLayout, uses: Uses) -> None:
        self.values: dict[AnswerSlot, Any] = {}
        self.controls: dict[AnswerSlot, tuple[str, str]] = {}
        self.compared: str | None = None
        self.chosen_word: str | None = None
        self.chat: list[tuple[Any, str]] = []
        self.spans: list[Any] = []
        self.other_regions: list[Any] = []
        self._layout = layout
        self._uses = uses

    @property
    def verdict(self) -> str | None:
        """The better response, TIE or ALL_BAD; None if the person did not compare."""
        return self.compared or self.chosen_word

    def add(self, region: Any, pointer: str) -> None:
        """Take a region that stands at `pointer`; raises InvalidContent for an unsound one."""
        if not isinstance(region, dict):
            raise InvalidContent("expected a region, which is an object", pointer=pointer)
        kind, value = region.get("type"), region.get("value")
        name = region.get("from_name")
        is_part = any(region.get(part) is not None for part in _PARTS_OF_OTHERS)
        if not isinstance(value, dict) or not isinstance(name, str) or is_part:
            self.other_regions.append(region)
        elif kind == CHAT:
            self.chat.append((value.get(CHAT), f"{pointer}/value/{CHAT}"))
        elif kind == PAIRWISE:
            self._add_pairwise(value.get("selected"), f"{pointer}/value/selected")
        elif kind == RANKER:
            self._add_ranking(region, name, value, pointer)
        else:
            self._add_answer(region, name, str(kind), value, pointer)

    def _add_pairwise(self, selected: Any, pointer: str) -> None:
        if selected not in _LEFT_RIGHT:
            raise InvalidContent(
                f"expected 'left' or 'right', not {shown(selected)}", pointer=pointer
            )
        sides = self._layout.said.sources
        if len(sides) != 2:
            raise InvalidContent("the labelling configuration names no two responses")
        self.compared = sides[_LEFT_RIGHT.index(selected)]

    def _add_ranking(self, region: Any, name: str, value: dict[str, Any], pointer: str) -> None:
        given = value.get(RANKER)
        buckets: dict[str, Any] = given if isinstance(given, dict) else {name: given}
        lists: list[Any] = list(buckets.values())
        sources = self._layout.items
        if not all(isinstance(ranked, list) for ranked in lists):
            raise InvalidContent("expected lists of ids", pointer=f"{pointer}/value/{RANKER}")
        if any(str(one) not in sources for ranked in lists for one in ranked):
            self.other_regions.append(region)
        elif len(lists) == 1 and len(set(map(str, lists[0]))) == len(lists[0]) == len(sources):
            slot = AnswerSlot("ranking", "ranked_choices", Level.turn)
            self.controls[slot] = (name, RANKER)
            self.values[slot] = [sources[str(one)] for one in lists[0]]
        else:
            self._add_buckets(name, buckets, pointer)

    def _add_buckets(self, name: str, buckets: dict[str, Any], pointer: str) -> None:
        """Answer for each ranked item in which bucket it lies; `_` is the list they come from."""
        said = self._layout.said
        places = {source: len(said.context) + n for n, source in enumerate(said.sources)}
        for bucket, ranked in buckets.items():
            for one in ranked if bucket != "_" else []:
                index = places[self._layout.items[str(one)]]
                key, role = _key(name, pointer), self._role(index)
                slot = AnswerSlot(key, "category", Level.message, index, role)
                self.controls[slot] = (name, RANKER)
                self.values[slot] = bucket

    def _add_answer(
        self, region: Any, name: str, kind: str, value: dict[str, Any], pointer: str
    ) -> None:
        use = self._uses.get((name, kind)) or ControlUse(kind=kind, values={})
        at = f"{pointer}/value"
        if kind == "choices":
            self._add_choices(region, name, use, _words(value.get(kind), f"{at}/{kind}"), pointer)
        elif kind == "taxonomy":
            slot = self._slot(region, name, "category_multiple", pointer)
            self.values.setdefault(slot, []).extend(_paths(value.get(kind), f"{at}/{kind}"))
        elif kind in ("rating", "number"):
            number = as_integer(value.get(kind))
            most = use.rating_max or RATING_MAX
            if number is None or (kind == "rating" and not 0 < number <= most):
                given = shown(value.get(kind))
                raise InvalidContent(
                    f"expected an integer from 1 to {most}, not {given}"
                    if kind == "rating"
                    else f"expected an integer, not {given}",
                    pointer=f"{at}/{kind}",
                )
            self.values[self._slot(region, name, "integer", pointer)] = number
        elif kind in ("textarea", "datetime"):
            words = value.get("text" if kind == "textarea" else kind)
            slot = self._slot(region, name, "text", pointer)
            lines = [self.values[slot]] if slot in self.values else []
            lines += _words([words] if isinstance(words, str) else words, f"{at}/text")
            self.values[slot] = "\n".join(lines)
        elif kind in _SPANS:
            self._add_span(region, name, kind, value, pointer)
        else:
            self.other_regions.append(region)

    def _add_choices(
        self, region: Any, name: str, use: ControlUse, words: list[str], pointer: str
    ) -> None:
        if use.is_verdict and len(self._layout.said.sources) > 1:
            for word in words:
                self.chosen_word = self.chosen_word or VERDICTS[word]
            return
        if use.is_multiple or len(words) > 1:
            slot = self._slot(region, name, "category_multiple", pointer)
            self.values.setdefault(slot, []).extend(words)
        elif words:
            self.values[self._slot(region, name, "category", pointer)] = words[0]

    def _add_span(
        self, region: Any, name: str, kind: str, value: dict[str, Any], pointer: str
    ) -> None:
        index = self._message_of(region)
        text, labels = value.get("text"), value.get(kind)
        start, end = value.get("start"), value.get("end")
        is_placed = isinstance(start, int) and isinstance(end, int)
        if text is None and index is not None and is_placed:
            text = self._layout.said.text(index)[start:end]
        if index is None or not isinstance(text, str) or not text or not isinstance(labels, list):
            self.other_regions.append(region)
            return
        slot = AnswerSlot(
            _key(name, pointer), "labeled_text", Level.message, index, self._role(index)
        )
        self.controls[slot] = (name, kind)
        spans = self.values.setdefault(slot, [])
        for label in _words(labels, f"{pointer}/value/{kind}"):
            spans.append({"label": label, "text": text})
        self.spans.append(region)

    def _slot(self, region: Any, name: str, kind: TypeWord, pointer: str) -> AnswerSlot:
        index = self._message_of(region)
        if index is not None and self._role(index) is MessageRole.assistant:
            key = name
            for end in (f"_{region.get('to_name')}", f"-{region.get('to_name')}"):
                key = key.removesuffix(end) or name
            if kind == "text" and key in _REWRITES:
                key = REWRITE
            slot = AnswerSlot(_key(key, pointer), kind, Level.message, index, self._role(index))
        else:
            level = Level.thread if self._layout.is_chat else Level.turn
            slot = AnswerSlot(_key(name, pointer), kind, level)
        self.controls[slot] = (name, str(region.get("type")))
        return slot

    def _role(self, index: int) -> MessageRole:
        return self._layout.said.role(index)

    def _message_of(self, region: Any) -> int | None:
        """The message that a region's `to_name` names: an object, or a column as `$column`."""
        name = region.get("to_name")
        if not isinstance(name, str):
            return None
        found = self._layout.said.at.get(name.removeprefix("$"))
        if found is None and len(name) <= 2:
            ends = [n for column, n in self._layout.said.at.items() if column.endswith(f"_{name}")]
            found = ends[0] if len(ends) == 1 else None
        return found


def _key(name: str, pointer: str) -> str:
    if not ids.is_usable(name):
        raise InvalidContent(
            "the name of a control has 1 to 255 characters, no control characters",
            pointer=f"{pointer}/from_name",
        )
    return name


def _words(value: Any, pointer: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidContent("expected a list of texts", pointer=pointer)
    return value


def _paths(value: Any, pointer: str) -> list[str]:
    """Entries of a taxonomy, each the words of its path."""
    if not isinstance(value, list):
        raise InvalidContent("expected a list of paths", pointer=pointer)
    paths = [[one] if isinstance(one, str) else one for one in value]
    return [" / ".join(_words(path, f"{pointer}/{number}")) for number, path in enumerate(paths)]
