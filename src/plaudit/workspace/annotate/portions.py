"""Portions of a conversation: which of its turns a page draws at once, and what stays for later.

A page draws sections: a turn that is asked about, with the turns that led there. What does not fit
into a portion is a gap, from which the page's script, or a link, asks for the next portion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from plaudit.api.http.parameters import IntRange, Text
from plaudit.core.labeling.questions import Question, asked_turns
from plaudit.core.tasks.forms import Form
from plaudit.errors import Conflict
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX
from plaudit.wire.v2.task import Message, Thread, Turn

TURNS_MAX = 30
"""Turns of a portion; the first turn is drawn whatever its size."""

CHARACTERS_MAX = 60_000
"""Characters of all texts of a portion, save those of its first turn."""

QUESTIONS_MAX = 200
"""Questions of a portion, save those of its first turn."""

LED_BY_MAX = 10
"""Turns that are drawn at the beginning and at the end of a context that is drawn in part."""

LED_BY_CHARACTERS_MAX = 20_000
"""Characters at the beginning and at the end of such a context."""

FAR = 10**9

CHANGED = "the task has changed since this page was loaded; load it again"

_INDEX = IntRange(description="Number of a section or turn, from 0.", least=0, most=FAR, default=0)


class TurnsQuery(Struct, frozen=True):
    """Query for a portion: the gap that it is part of, and the section to begin with."""

    first: Annotated[int, _INDEX] = 0
    stop: Annotated[int, _INDEX] = MESSAGES_PER_TASK_MAX
    at: Annotated[int | None, _INDEX] = None
    section: Annotated[int | None, _INDEX] = None
    """The section whose context has the gap; None for a gap between sections."""
    layout: Annotated[str, Text(description="Hash of what the page was drawn from.")] = ""


class Place(Struct, frozen=True):
    """The turns of one section: its asked turn, and the turns before it from `first` on."""

    thread: int
    first: int
    turn: int
    is_last: bool
    """True for the last section of its thread."""

    @property
    def at(self) -> str:
        """Path of the asked turn."""
        return f"t{self.thread}u{self.turn}"


class Gap(Struct, frozen=True):
    """Sections, or turns of a section's context, that are not drawn; `first` to `stop` - 1."""

    first: int
    stop: int
    section: int | None
    turns: int
    """Turns in the gap."""
    next_turns: int
    """Turns in the next portion."""
    query: str


class Portion(Struct, frozen=True):
    """Sections to draw, with the gaps before and after them; or turns of one section's context."""

    sections: range
    before: Gap | None
    after: Gap | None
    led_by: range = range(0)
    section: int | None = None
    is_first: bool = False
    is_whole: bool = False
    """True where contexts have no gaps either."""


class Context(Struct, frozen=True):
    """Turns of a section's context to draw, and the gap between them, None if all are drawn."""

    head: range
    gap: Gap | None
    tail: range


def hash_layout(form: Form, *parts: bytes) -> str:
    """Hash of the form and of what else decides which questions stand where, 16 hex digits."""
    digest = hashlib.blake2b(msgspec.json.encode(form), digest_size=8)
    for part in parts:
        digest.update(b"\n" + part)
    return digest.hexdigest()


def asked_places(
    form: Form, content: Sequence[Thread], asked: Sequence[Question]
) -> Iterator[Place]:
    """A section for each turn that is asked about; of a thread without one, for the last named."""
    paths = {question.target.at for question in asked}
    for t, thread in enumerate(content):
        if not thread.turns:
            continue
        named = asked_turns(form, thread)
        turns = [u for u in named if f"t{t}u{u}" in paths] or [max(named, default=0)]
        first = 0
        for u in turns:
            yield Place(t, first, u, u == turns[-1])
            first = u + 1


def all_places(content: Sequence[Thread]) -> Iterator[Place]:
    """A section for each turn; one without turns for a thread that has none."""
    for t, thread in enumerate(content):
        for u in range(len(thread.turns)) or (-1,):
            yield Place(t, max(u, 0), u, u == len(thread.turns) - 1)


class Plan:
    """Sections of a conversation, and how they are divided into portions.

    `question_counts` are by the paths of turns and threads.
    """

    def __init__(
        self,
        content: Sequence[Thread],
        places: Iterable[Place],
        question_counts: Mapping[str, int],
        layout: str = "",
    ) -> None:
        self._content = content
        self._layout = layout
        self._question_counts = question_counts
        self.places = list(places)

    def whole(self) -> Portion:
        """All sections, however long they are."""
        return Portion(range(len(self.places)), None, None, is_whole=True)

    def first_portion(self) -> Portion:
        """The portion that a page begins with."""
        portion = self._sections(0, 0, len(self.places))
        return msgspec.structs.replace(portion, is_first=True)

    def portion(self, query: TurnsQuery) -> Portion:
        """The portion that is asked for; raises Conflict if the page shows something else."""
        if query.layout and query.layout != self._layout:
            raise Conflict(CHANGED)
        if query.section is None:
            stop = min(query.stop, len(self.places))
            first = min(query.first, stop)
            at = first if query.at is None else query.at
            if not first <= at <= stop:
                raise Conflict(CHANGED)
            return self._sections(first, at, stop)
        if query.section >= len(self.places):
            raise Conflict(CHANGED)
        place = self.places[query.section]
        stop = min(query.stop, place.turn)
        first = max(place.first, min(query.first, stop))
        end = first + self._count(self._turns(place.thread, range(first, stop)))
        gap = self._context_gap(query.section, end, stop)
        return Portion(range(0), None, gap, range(first, end), query.section)

    def context(self, number: int, *, is_whole: bool) -> Context:
        """Turns of a section's context that are drawn with it; all of them if they are few."""
        place = self.places[number]
        turns = range(place.first, place.turn)
        if is_whole or self._weigh(place).has_room_for_turns:
            return Context(turns, None, range(0))
        head = self._fitting(place.thread, turns)
        tail = self._fitting(place.thread, turns[head:][::-1])
        stop = place.turn - tail
        gap = self._context_gap(number, place.first + head, stop)
        return Context(turns[:head], gap, range(stop, place.turn))

    def _sections(self, first: int, at: int, stop: int) -> Portion:
        end = self._end(at, stop)
        return Portion(range(at, end), self._gap(first, at), self._gap(end, stop))

    def _end(self, first: int, stop: int) -> int:
        """The section after those that fit into a portion; the first always does."""
        sum_ = _Weight()
        for number in range(first, stop):
            sum_ = sum_ + self._weigh(self.places[number])
            if number > first and not sum_.fits:
                return number
        return stop

    def _weigh(self, place: Place) -> _Weight:
        turns = self._turns(place.thread, range(place.first, place.turn + 1))
        questions = self._question_counts.get(place.at, 0)
        if place.is_last:
            questions += self._question_counts.get(f"t{place.thread}", 0)
        sum_ = _Weight(questions=questions)
        for turn in turns:
            sum_ = sum_ + _Weight(1, _characters(turn))
            if not sum_.has_room_for_turns:
                break
        return sum_

    def _gap(self, first: int, stop: int) -> Gap | None:
        if first >= stop:
            return None
        end = self._end(first, stop)
        return self._make_gap(
            first, stop, None, self._spanned(first, stop), self._spanned(first, end)
        )

    def _context_gap(self, section: int, first: int, stop: int) -> Gap | None:
        if first >= stop:
            return None
        turns = self._turns(self.places[section].thread, range(first, stop))
        return self._make_gap(first, stop, section, stop - first, self._count(turns))

    def _make_gap(
        self, first: int, stop: int, section: int | None, turns: int, next_turns: int
    ) -> Gap:
        named = {"first": first, "stop": stop, "section": section, "layout": self._layout}
        query = urlencode({name: value for name, value in named.items() if value is not None})
        return Gap(first, stop, section, turns, next_turns, query)

    def _spanned(self, first: int, stop: int) -> int:
        """Number of turns of some sections."""
        return sum(place.turn + 1 - place.first for place in self.places[first:stop])

    def _turns(self, thread: int, numbers: Iterable[int]) -> Iterator[Turn]:
        turns = self._content[thread].turns
        return (turns[number] for number in numbers)

    def _count(self, turns: Iterable[Turn]) -> int:
        """How many turns fit into a portion; the first always does."""
        return leading(turns)

    def _fitting(self, thread: int, numbers: range) -> int:
        return _leading(self._turns(thread, numbers), LED_BY_MAX, LED_BY_CHARACTERS_MAX)


class _Weight(Struct, frozen=True):
    """How much some turns take of a portion."""

    turns: int = 0
    characters: int = 0
    questions: int = 0

    def __add__(self, other: _Weight) -> _Weight:
        return _Weight(
            self.turns + other.turns,
            self.characters + other.characters,
            self.questions + other.questions,
        )

    @property
    def has_room_for_turns(self) -> bool:
        return self.turns <= TURNS_MAX and self.characters <= CHARACTERS_MAX

    @property
    def fits(self) -> bool:
        return self.has_room_for_turns and self.questions <= QUESTIONS_MAX


def leading(turns: Iterable[Turn]) -> int:
    """How many of these turns a portion takes, one at least."""
    return max(1, _leading(turns, TURNS_MAX, CHARACTERS_MAX))


def _leading(turns: Iterable[Turn], turns_max: int, characters_max: int) -> int:
    count = characters = 0
    for turn in turns:
        characters += _characters(turn)
        if count == turns_max or characters > characters_max:
            break
        count += 1
    return count


def _characters(turn: Turn) -> int:
    return sum(map(sum, map(_lengths, turn.messages))) + sum(map(_length, turn.annotations))


def _length(annotation: Annotation) -> int:
    value = annotation.value
    return len(annotation.justification or "") + (len(value) if isinstance(value, str) else 0)


def _lengths(message: Message) -> Iterator[int]:
    content = message.content
    yield len(content.text or "")
    yield from map(_length, message.annotations)
    yield from (_length(one) for chunk in content.chunks or () for one in chunk.annotations)
    yield from (len(chunk.text) for chunk in content.chunks or ())
    yield from (len(step.content or "") for step in content.reasoning or ())
    yield from (len(reference.content or "") for reference in content.reference_texts or ())
    for attachment in content.attachments or ():
        yield len(attachment.content or "") + len(attachment.transcript or "")
