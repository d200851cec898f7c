"""Facts of tasks that statistics need beside votes, gathered in one walk over a project's tasks.

They are the final answer of each unit, the slice that it belongs to, the pairs of responses that
were compared, and how much there was to read.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plaudit.core.labeling.questions import SELECTED
from plaudit.core.quality.agreement.voters import NO_ANSWER
from plaudit.core.quality.comparisons.identity_leaks import IdentityNames
from plaudit.core.quality.question_columns import Address, QuestionColumns
from plaudit.core.quality.reporting.options import BY_BATCH, BY_MODEL, BY_WEEK
from plaudit.core.quality.reporting.task_structs import ReadMessage, ReadThread, ReadTurn, value_in
from plaudit.core.quality.reporting.turn_pairs import (
    RESPONSES_MAX,
    PairColumns,
    TurnPairs,
    verdict_of,
)
from plaudit.core.quality.vote_codes import UNKNOWN
from plaudit.core.quality.vote_columns import PREFERENCE
from plaudit.core.tasks.forms import Form, Level, TextUse
from plaudit.core.tasks.thread_votes import SCORE
from plaudit.wire.v2.annotation import AnnotationType

OWN_NAMES_MAX = 100
"""Names of models and sources that are looked for in responses."""

REWRITES_MAX = 2000
"""Messages of a question whose rewrites are compared with them."""

NO_SLICE = -1
NO_PAIRS = -1
UNHEARD = -2
"""Code of a final answer that is nobody's vote, until somebody votes so."""

_PATH = re.compile(r"t(\d+)(?:u(\d+))?")
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(slots=True)
class QuestionFacts:
    """Facts of a question's units, a number for each: final code, slice, and first pair.

    A final code below 0 is no answer. `texts` has what people marked or wrote anew, by unit.
    """

    final: NDArray[np.int32]
    slices: NDArray[np.int32]
    pairs: NDArray[np.int32]
    texts: dict[int, str]


class WalkedTask(msgspec.Struct, frozen=True):
    """A task as it is read. `is_final` is true if its threads are those of a completed task."""

    seq: int
    task_id: str
    batch: str | None
    completed_ms: int | None
    metadata: dict[str, Any]
    threads: list[ReadThread]
    is_final: bool


@dataclass(slots=True)
class GatheredFacts:
    """Facts of the tasks of a project, in the order of their seqs.

    `task_ids`, `lengths` (characters that there were to read) and `words` (of responses) are those
    of `voted`, the tasks with votes; their indexes are the numbers of these tasks. Slices are
    numbered by `slice_names`.
    """

    seqs: NDArray[np.int64]
    voted: NDArray[np.int64]
    task_ids: list[str]
    lengths: NDArray[np.int64]
    words: NDArray[np.int64]
    slice_names: list[tuple[str, ...]]
    questions: list[QuestionFacts]
    pairs: PairColumns

    @property
    def pair_tasks(self) -> NDArray[np.int32]:
        """The number of the task of each pair; tasks without votes have one too, of their own."""
        place = np.searchsorted(self.voted, self.pairs.seqs)
        has_votes = np.zeros(len(place), np.bool_)
        inside = place < len(self.voted)
        has_votes[inside] = self.voted[place[inside]] == self.pairs.seqs[inside]
        others = len(self.voted) + 1 + np.searchsorted(self.seqs, self.pairs.seqs)
        return np.where(has_votes, place, others).astype(np.int32)


class TaskWalk:
    """Facts of tasks as they are read, in the order of seq: of all of a project, or of some."""

    def __init__(
        self,
        form: Form,
        questions: Sequence[QuestionColumns],
        voted: NDArray[np.int64],
        names: Sequence[str],
        by: str | None,
    ) -> None:
        self._seqs, self._walked = array("q"), array("q")
        self._lengths, self._words = array("q"), array("q")
        self._task_ids: list[str] = []
        self._slice_names: dict[tuple[str, ...], int] = {}
        self.questions = [_empty_facts(question) for question in questions]
        self._walks = [_UnitWalk(question, by == BY_WEEK) for question in questions]
        self._columns = questions
        self._voted = voted
        self._by = by
        self._scale = next((one for one in form.fields if one.scale is not None), None)
        self._pairs = TurnPairs(IdentityNames(names))

    @property
    def task_count(self) -> int:
        """Number of tasks that were added."""
        return len(self._seqs)

    def facts(self) -> GatheredFacts:
        """Everything that was gathered; `voted` are those among the tasks that were added."""
        return GatheredFacts(
            seqs=np.array(self._seqs, np.int64),
            voted=np.array(self._walked, np.int64),
            task_ids=self._task_ids,
            lengths=np.array(self._lengths, np.int64),
            words=np.array(self._words, np.int64),
            slice_names=list(self._slice_names),
            questions=self.questions,
            pairs=self._pairs.columns(),
        )

    def add(self, task: WalkedTask) -> None:
        """Gather what a task says."""
        self._seqs.append(task.seq)
        number = int(np.searchsorted(self._voted, task.seq))
        has_votes = number < len(self._voted) and self._voted[number] == task.seq
        if has_votes:
            self._walked.append(task.seq)
            self._task_ids.append(task.task_id)
            self._lengths.append(_length(task.threads))
            self._words.append(_words(task.threads))
        paths: dict[str, list[tuple[int, int]]] = {}
        if has_votes:
            for at, walk in enumerate(self._walks):
                for unit in walk.units_of(number):
                    self._add_unit(at, walk, unit, task, paths)
        if task.is_final or paths:
            self._add_turns(task, paths)

    def _add_unit(self, at: int, walk: _UnitWalk, unit: int, task: WalkedTask,
                  paths: dict[str, list[tuple[int, int]]]) -> None:  # fmt: skip
        question, facts, address = walk.question, self.questions[at], walk.address(unit)
        thing = _Thing.at(task.threads, address)
        if thing is None:
            return
        is_marked = question.field.type == AnnotationType.labeled_text
        is_rewrite = question.field.use is TextUse.rewrite and len(facts.texts) < REWRITES_MAX
        if is_marked or is_rewrite:
            facts.texts[unit] = thing.text
        if question.turns[unit] >= 0 and thing.turn is not None:
            paths.setdefault(address[0], []).append((at, unit))
        if task.is_final:
            value = thing.value(question.field.key)
            if value is not None:
                responses = [one.source_id for one in thing.turn.responses] if thing.turn else []
                code = question.code_of(value, responses)
                facts.final[unit] = UNHEARD if code == UNKNOWN else code
        facts.slices[unit] = self._slice_number(self._slices_of(task, thing, walk, unit))

    def _slices_of(
        self, task: WalkedTask, thing: _Thing, walk: _UnitWalk, unit: int
    ) -> tuple[str, ...]:
        if self._by == BY_MODEL:
            return thing.models
        return self._slices_of_task(task, walk.last_ms(unit))

    def _slices_of_task(self, task: WalkedTask, voted_ms: int | None) -> tuple[str, ...]:
        """Slice of a task, or of what was voted on at a time; none by model."""
        if self._by is None or self._by == BY_MODEL:
            return ()
        if self._by == BY_BATCH:
            return () if task.batch is None else (task.batch,)
        if self._by == BY_WEEK:
            time_ms = task.completed_ms if voted_ms is None else voted_ms
            return () if time_ms is None else (week_of(time_ms),)
        value = task.metadata.get(self._by)
        return () if value is None else (value if isinstance(value, str) else _word(value),)

    def _slice_number(self, names: tuple[str, ...]) -> int:
        if not names:
            return NO_SLICE
        return self._slice_names.setdefault(names, len(self._slice_names))

    def _add_turns(self, task: WalkedTask, paths: dict[str, list[tuple[int, int]]]) -> None:
        """Add the pairs of a task's turns, each once: threads of one tree share turns."""
        is_shared = len(task.threads) > 1
        starts: dict[tuple[str, bytes], int] = {}
        for path, turn in _turns(task.threads):
            responses = turn.responses
            if not 2 <= len(responses) <= RESPONSES_MAX:
                continue
            key = (turn.id, _encode(turn.messages)) if is_shared else (path, b"")
            voted, start = paths.get(path, []), starts.get(key)
            sources = [one.source_id for one in responses]
            if start is None:
                verdict = verdict_of(turn, sources, self._scale) if task.is_final else None
                if verdict is None and not voted:
                    continue
                prompt = "\n".join(one.text for one in turn.messages if one not in responses)
                times = [self._walks[at].last_ms(unit) for at, unit in voted]
                voted_ms = max((one for one in times if one is not None), default=None)
                number_of_slice = self._slice_number(self._slices_of_task(task, voted_ms))
                start = self._pairs.add(
                    task.seq, task.task_id, responses, prompt, verdict, number_of_slice
                )
                starts[key] = start
            for at, unit in voted:
                question = self._columns[at]
                if list(question.responses[question.turns[unit]]) == sources:
                    self.questions[at].pairs[unit] = start


class _UnitWalk:
    """Units of a question, task by task."""

    def __init__(self, question: QuestionColumns, with_times: bool) -> None:
        self.question = question
        self._bounds = np.searchsorted(question.unit_tasks, np.arange(question.task_count + 1))
        self._last: NDArray[np.int64] | None = None
        if with_times:
            self._last = np.full(len(question.unit_tasks), -1, np.int64)
            np.maximum.at(self._last, question.units, question.times)

    def units_of(self, task: int) -> range:
        """The units of a task."""
        return range(int(self._bounds[task]), int(self._bounds[task + 1]))

    def address(self, unit: int) -> Address:
        """Thing that a unit is about."""
        return self.question.addresses[int(self.question.places[unit])]

    def last_ms(self, unit: int) -> int | None:
        """Time of the last vote on a unit; None where it is not known, or does not matter."""
        if self._last is None or self._last[unit] < 0:
            return None
        return int(self._last[unit])


class _Thing:
    """Thing that a unit is about, in the threads of its task."""

    __slots__ = ("address", "message", "thread", "turn")

    def __init__(
        self,
        address: Address,
        thread: ReadThread,
        turn: ReadTurn | None,
        message: ReadMessage | None,
    ) -> None:
        self.address, self.thread, self.turn, self.message = address, thread, turn, message

    @classmethod
    def at(cls, threads: Sequence[ReadThread], address: Address) -> _Thing | None:
        """The thing at an address; None for what is not there."""
        place, source = _place(address[0]), address[1]
        if place is None or place[0] >= len(threads):
            return None
        thread = threads[place[0]]
        if place[1] is None:
            return cls(address, thread, None, None)
        if place[1] >= len(thread.turns):
            return None
        turn = thread.turns[place[1]]
        if source is None:
            return cls(address, thread, turn, None)
        message = next((one for one in turn.messages if one.source_id == source), None)
        return None if message is None else cls(address, thread, turn, message)

    @property
    def models(self) -> tuple[str, ...]:
        """Models that a unit is about: that of the message, or those that are compared."""
        if self.message is not None:
            return (self.message.model,)
        if self.turn is None:
            return ()
        return tuple(sorted({one.model for one in self.turn.responses}))

    @property
    def text(self) -> str:
        """The text of a message or of its chunk; "" for anything else."""
        if self.message is None:
            return ""
        chunk, chunks = self.address[2], self.message.content.chunks or []
        if chunk is None:
            return self.message.text
        return chunks[chunk].text if chunk < len(chunks) else ""

    def value(self, key: str) -> Any:
        """The final value of a question's key."""
        _, _, chunk, criterion = self.address
        if self.message is None:
            if self.turn is None:
                return value_in(self.thread.annotations, key)
            value = value_in(self.turn.annotations, key)
            is_open = value is None and key == SELECTED
            return value_in(self.turn.annotations, PREFERENCE) if is_open else value
        if chunk is not None:
            chunks = self.message.content.chunks or []
            return value_in(chunks[chunk].annotations, key) if chunk < len(chunks) else None
        if criterion is None:
            return value_in(self.message.annotations, key)
        for evaluation in self.message.rubric_evaluations or ():
            for scored in evaluation.criteria_evaluations or ():
                if scored.criterion_definition_id == criterion:
                    value = value_in(scored.annotations, key)
                    return scored.score if value is None and key == SCORE else value
        return None


@cache
def _place(at: str) -> tuple[int, int | None] | None:
    match = _PATH.fullmatch(at)
    if match is None:
        return None
    return int(match[1]), None if match[2] is None else int(match[2])


def _turns(threads: Sequence[ReadThread]) -> Iterator[tuple[str, ReadTurn]]:
    for t, thread in enumerate(threads):
        for u, turn in enumerate(thread.turns):
            yield f"t{t}u{u}", turn


def _length(threads: Sequence[ReadThread]) -> int:
    return sum(
        len(message.text)
        for thread in threads
        for turn in thread.turns
        for message in turn.messages
    )


def _words(threads: Sequence[ReadThread]) -> int:
    """Words of the responses, told by spaces and line ends."""
    texts = [message.text for _, turn in _turns(threads) for message in turn.responses]
    return sum(
        1 + text.count(" ") + text.count("\n") - text.count("\n\n") for text in texts if text
    )


def _empty_facts(question: QuestionColumns) -> QuestionFacts:
    count = len(question.unit_tasks)
    return QuestionFacts(
        final=np.full(count, NO_ANSWER, np.int32),
        slices=np.full(count, NO_SLICE, np.int32),
        pairs=np.full(count, NO_PAIRS, np.int32),
        texts={},
    )


def week_of(time_ms: int) -> str:
    """ISO week of a time, such as 2026-W05, by UTC."""
    year, week, _ = datetime.fromtimestamp(time_ms / 1000, UTC).isocalendar()
    return f"{year}-W{week:02}"


def _word(value: Any) -> str:
    return _encode(value).decode()


def is_comparing(question: QuestionColumns) -> bool:
    """True if a question's votes compare the responses of a turn."""
    return question.level is Level.turn and question.value_codes.is_of_responses


def names_of(models: Sequence[str], questions: Sequence[QuestionColumns]) -> list[str]:
    """Names of models and sources that are looked for in responses, up to OWN_NAMES_MAX."""
    sources = {
        source
        for question in questions
        for turn in np.unique(question.turns[question.turns >= 0]).tolist()
        for source in question.responses[turn]
    }
    return [*models, *sorted(sources)][:OWN_NAMES_MAX]
