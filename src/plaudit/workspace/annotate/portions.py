"""Portions of a conversation: which of its turns a page draws at once, and what stays for later.

A page draws sections: a turn that is asked about, with the turns that led there. What does not fit
into a portion is a gap, from which the page's script, or a link, asks for the next portion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from plaudit.api.http.parameters import IntRange, Text
from plaudit.core.labeling.questions import asked_turns
from plaudit.core.tasks.forms import Form
from plaudit.errors import Conflict
from plaudit.texts import N_
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX
from plaudit.wire.v2.task import Message, Thread, Turn


class Size(Struct, frozen=True):
    """Amount that some turns take of a portion, or the most that a portion holds."""

    turns: int = 0
    characters: int = 0
    """Of all texts."""
    questions: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(
            self.turns + other.turns,
            self.characters + other.characters,
            self.questions + other.questions,
        )

    def fits(self, most: Size) -> bool:
        """True if it is within a portion's size in each respect."""
        return self.questions <= most.questions and self.is_short(most)

    def is_short(self, most: Size) -> bool:
        """True if it is within a portion's size but for its questions."""
        return self.turns <= most.turns and self.characters <= most.characters


FIRST_MAX = Size(turns=30, characters=60_000, questions=200)
"""Size of the portion that a page begins with; the first turn is drawn whatever its own size."""

FURTHER_MAX = Size(turns=90, characters=180_000, questions=600)
"""Size of further portions. For each the task is read anew, and nobody waits for the first."""

LED_BY_MAX = 10
"""Turns that are drawn at the beginning and at the end of a context that is drawn in part."""

LED_BY_CHARACTERS_MAX = 20_000
"""Characters at the beginning and at the end of such a context."""

FAR = 10**9

CHANGED = N_("the task has changed since this page was loaded; load it again")

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
    most: Size | None = None
    """Its size, which contexts keep to as well; None if they are drawn whole."""
    is_first: bool = False


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


def asked_places(form: Form, content: Sequence[Thread], paths: Container[str]) -> Iterator[Place]:
    """A section for each turn with questions; `paths` are theirs.

    A thread without one has a section for the last turn that questions would be about.
    """
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
        return Portion(range(len(self.places)), None, None)

    def first_portion(self) -> Portion:
        """The portion that a page begins with."""
        portion = self._sections(0, 0, len(self.places), FIRST_MAX)
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
            return self._sections(first, at, stop, FURTHER_MAX)
        if query.section >= len(self.places):
            raise Conflict(CHANGED)
        place = self.places[query.section]
        stop = min(query.stop, place.turn)
        first = max(place.first, query.first)
        if first >= stop:
            raise Conflict(CHANGED)
        end = first + self._count(place.thread, range(first, stop))
        gap = self._context_gap(query.section, end, stop)
        return Portion(range(0), None, gap, range(first, end), query.section, FURTHER_MAX)

    def context(self, number: int, most: Size | None) -> Context:
        """Turns of a section's context that are drawn with it; all if they fit into a portion."""
        place = self.places[number]
        turns = range(place.first, place.turn)
        if most is None or self._weigh(place, most).is_short(most):
            return Context(turns, None, range(0))
        head = self._fitting(place.thread, turns)
        tail = self._fitting(place.thread, turns[head:][::-1])
        stop = place.turn - tail
        gap = self._context_gap(number, place.first + head, stop)
        return Context(turns[:head], gap, range(stop, place.turn))

    def paths(self, portion: Portion) -> set[str]:
        """Paths of the turns that a portion asks about, and of the threads that it ends."""
        places = [self.places[number] for number in portion.sections]
        return {place.at for place in places} | {f"t{p.thread}" for p in places if p.is_last}

    def _sections(self, first: int, at: int, stop: int, most: Size) -> Portion:
        end = self._end(at, stop, most)
        return Portion(range(at, end), self._gap(first, at), self._gap(end, stop), most=most)

    def _end(self, first: int, stop: int, most: Size) -> int:
        """The section after those that fit into a portion; the first always does."""
        sum_ = Size()
        for number in range(first, stop):
            sum_ = sum_ + self._weigh(self.places[number], most)
            if number > first and not sum_.fits(most):
                return number
        return stop

    def _weigh(self, place: Place, most: Size) -> Size:
        """Size of a section, or of as much of it as no portion of this size holds."""
        turns = self._turns(place.thread, range(place.first, place.turn + 1))
        questions = self._question_counts.get(place.at, 0)
        if place.is_last:
            questions += self._question_counts.get(f"t{place.thread}", 0)
        sum_ = Size(questions=questions)
        for turn in turns:
            sum_ = sum_ + Size(1, _characters(turn))
            if not sum_.is_short(most):
                break
        return sum_

    def _gap(self, first: int, stop: int) -> Gap | None:
        if first >= stop:
            return None
        end = self._end(first, stop, FURTHER_MAX)
        return self._make_gap(
            first, stop, None, self._spanned(first, stop), self._spanned(first, end)
        )

    def _context_gap(self, section: int, first: int, stop: int) -> Gap | None:
        if first >= stop:
            return None
        count = self._count(self.places[section].thread, range(first, stop))
        return self._make_gap(first, stop, section, stop - first, count)

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

    def _count(self, thread: int, numbers: range) -> int:
        """Number of turns that fit into a portion; the first always does."""
        turns = self._turns(thread, numbers)
        return max(1, _leading(turns, FURTHER_MAX.turns, FURTHER_MAX.characters))

    def _fitting(self, thread: int, numbers: range) -> int:
        turns = self._turns(thread, numbers)
        return _leading(turns, LED_BY_MAX, LED_BY_CHARACTERS_MAX)


def plan_of(form: Form, content: Sequence[Thread], spans: Mapping[str, range], layout: str) -> Plan:
    """The plan of a page that asks; `spans` are the questions of each turn and thread."""
    counts = {at: len(numbers) for at, numbers in spans.items()}
    return Plan(content, asked_places(form, content, counts), counts, layout)


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
