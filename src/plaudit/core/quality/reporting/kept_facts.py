"""Facts of tasks kept with a report, and brought up to date by those of the tasks that changed.

What comes of it equals what a walk over all tasks gives. Where that cannot be said for certain,
there are no facts, and all tasks are walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.task_facts import (
    NO_PAIRS,
    NO_SLICE,
    REWRITES_MAX,
    UNHEARD,
    GatheredFacts,
    QuestionFacts,
)
from plaudit.core.quality.reporting.turn_pairs import (
    ALL_LEAKS,
    LEAKS_MAX,
    FoundLeak,
    PairColumns,
)
from plaudit.core.quality.vote_codes import meaning_key
from plaudit.core.tasks.forms import TextUse
from plaudit.wire.manage.quality_people import IdentityLeak

_VERSION = 1


class FactsKey(Struct, frozen=True, array_like=True):
    """Everything that facts depend on beside the tasks; facts of another key are of no use.

    `names` are those that are looked for in responses.
    """

    form_version: str
    epoch: int
    by: str | None
    question: str | None
    names: list[str]


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """Tasks of the units of a question, and what its codes stood for."""

    about: str
    key: str
    unit_seqs: NDArray[np.int64]
    meanings: list[Any]


@dataclass(frozen=True, slots=True)
class KeptFacts:
    """Facts of a report, what they depend on, and the names of batches by id."""

    facts: GatheredFacts
    key: FactsKey
    questions: list[KeptQuestion]
    batches: dict[str, str]


class _State(Struct, array_like=True):
    """Members of kept facts; arrays are those of this machine's byte order."""

    version: int
    key: FactsKey
    tasks: list[bytes]
    task_ids: str
    slice_names: list[list[str]]
    questions: list[tuple[str, str, list[Any], list[bytes], list[tuple[int, str]]]]
    pairs: list[bytes]
    models: list[str]
    leaks: list[tuple[int, str, str, list[str]]]
    leaks_below: int
    batches: dict[str, str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


def kept_question(question: QuestionColumns, voted: NDArray[np.int64]) -> KeptQuestion:
    """A question as it is kept beside its facts; `voted` are the tasks with votes."""
    field = question.field
    unit_seqs = voted[question.unit_tasks]
    return KeptQuestion(field.level.value, field.key, unit_seqs, question.meanings)


def state_of(kept: KeptFacts) -> bytes:
    """Kept facts as bytes."""
    facts, pairs = kept.facts, kept.facts.pairs
    return _encode(
        _State(
            version=_VERSION,
            key=kept.key,
            tasks=[
                facts.seqs.tobytes(),
                facts.voted.tobytes(),
                facts.lengths.tobytes(),
                facts.words.tobytes(),
            ],
            task_ids="\n".join(facts.task_ids),
            slice_names=[list(names) for names in facts.slice_names],
            questions=[
                (
                    question.about,
                    question.key,
                    question.meanings,
                    [
                        one.tobytes()
                        for one in (question.unit_seqs, own.final, own.slices, own.pairs)
                    ],
                    sorted(own.texts.items()),
                )
                for question, own in zip(kept.questions, facts.questions, strict=True)
            ],
            pairs=[
                one.tobytes()
                for one in (
                    *(pairs.seqs, pairs.sides, pairs.styles, pairs.winner, pairs.has_leak),
                    pairs.slices,
                )
            ],
            models=pairs.models,
            leaks=[
                (one.seq, one.leak.task_id, one.leak.source_id, one.leak.names)
                for one in pairs.leaks
            ],
            leaks_below=pairs.leaks_below,
            batches=kept.batches,
        )
    )


def facts_of_state(state: bytes) -> KeptFacts | None:
    """Kept facts of bytes; None for those of another version, or damaged ones."""
    try:
        read = _decode(state)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    if read.version != _VERSION:
        return None
    seqs, voted, lengths, words = (np.frombuffer(one, np.int64) for one in read.tasks)
    columns, facts = [], []
    for about, key, meanings, arrays, texts in read.questions:
        final, slices, pairs = (np.frombuffer(one, np.int32) for one in arrays[1:])
        unit_seqs = np.frombuffer(arrays[0], np.int64)
        columns.append(KeptQuestion(about, key, unit_seqs, meanings))
        facts.append(QuestionFacts(final, slices, pairs, dict(texts)))
    return KeptFacts(
        GatheredFacts(
            seqs=seqs,
            voted=voted,
            task_ids=read.task_ids.split("\n") if read.task_ids else [],
            lengths=lengths,
            words=words,
            slice_names=[tuple(names) for names in read.slice_names],
            questions=facts,
            pairs=_pairs_of(read),
        ),
        read.key,
        columns,
        read.batches,
    )


def _pairs_of(read: _State) -> PairColumns:
    seqs, sides, styles, winner, has_leak, slices = read.pairs
    return PairColumns(
        seqs=np.frombuffer(seqs, np.int64),
        sides=np.frombuffer(sides, np.int32).reshape(-1, 2),
        styles=np.frombuffer(styles, np.int32).reshape(-1, 2, len(STYLES)),
        winner=np.frombuffer(winner, np.float64),
        has_leak=np.frombuffer(has_leak, np.bool_),
        slices=np.frombuffer(slices, np.int32),
        models=read.models,
        leaks=[
            FoundLeak(seq, IdentityLeak(task_id=task_id, source_id=source_id, names=names))
            for seq, task_id, source_id, names in read.leaks
        ],
        leaks_below=read.leaks_below,
    )


def newly_heard(kept: KeptFacts, questions: Sequence[QuestionColumns]) -> set[int]:
    """Tasks with a final answer that was nobody's vote, of questions with votes that are new."""
    found: set[int] = set()
    for old, facts, question in zip(kept.questions, kept.facts.questions, questions, strict=True):
        known = {meaning_key(_plain(one)) for one in old.meanings}
        if not question.code_by_key.keys() <= known:
            found.update(old.unit_seqs[facts.final == UNHEARD].tolist())
    return found


def merged_facts(
    kept: KeptFacts,
    walked: GatheredFacts,
    questions: Sequence[QuestionColumns],
    voted: NDArray[np.int64],
    changed: NDArray[np.int64],
) -> GatheredFacts | None:
    """Kept facts with those of changed tasks, which were walked, in the place of theirs.

    `voted` are the tasks with votes of now. None where tasks were not changed, but do not have
    the same units any more, or where what is kept does not suffice.
    """
    old = kept.facts
    pairs, places, new_places = _merged_pairs(old.pairs, walked.pairs, changed)
    names = {names: number for number, names in enumerate(walked.slice_names)}
    numbers = [names.setdefault(one, len(names)) for one in old.slice_names]
    slice_of = np.array([*numbers, NO_SLICE], np.int32)
    pairs.slices[places[places >= 0]] = slice_of[old.pairs.slices[places >= 0]]
    listed = []
    for column, facts, question, new in zip(
        kept.questions, old.questions, questions, walked.questions, strict=True
    ):
        found = _merged_question(column, facts, question, new, voted, changed)
        if found is None:
            return None
        merged, (from_old, to_new) = found
        merged.slices[to_new] = slice_of[facts.slices[from_old]]
        merged.pairs[to_new] = np.append(places, NO_PAIRS).astype(np.int32)[facts.pairs[from_old]]
        others = np.ones(len(merged.pairs), np.bool_)
        others[to_new] = False
        moved = np.append(new_places, NO_PAIRS).astype(np.int32)
        merged.pairs[others] = moved[new.pairs[others]]
        listed.append(merged)
    if pairs.leaks_below != ALL_LEAKS and len(pairs.leaks) < LEAKS_MAX:
        return None
    stays = ~np.isin(old.voted, changed)
    ids = dict(zip(walked.voted.tolist(), walked.task_ids, strict=True))
    ids |= {
        seq: task_id
        for seq, task_id, is_kept in zip(
            old.voted.tolist(), old.task_ids, stays.tolist(), strict=True
        )
        if is_kept
    }
    both = np.concatenate([old.voted[stays], walked.voted])
    if not np.array_equal(np.sort(both), voted):
        return None
    lengths = np.concatenate([old.lengths[stays], walked.lengths])
    words = np.concatenate([old.words[stays], walked.words])
    return GatheredFacts(
        seqs=np.union1d(old.seqs, walked.seqs),
        voted=voted,
        task_ids=[ids[seq] for seq in voted.tolist()],
        lengths=lengths[np.argsort(both)],
        words=words[np.argsort(both)],
        slice_names=_used(list(names), [pairs.slices, *(one.slices for one in listed)]),
        questions=listed,
        pairs=pairs,
    )


def _merged_question(
    old: KeptQuestion,
    facts: QuestionFacts,
    question: QuestionColumns,
    new: QuestionFacts,
    voted: NDArray[np.int64],
    changed: NDArray[np.int64],
) -> tuple[QuestionFacts, tuple[NDArray[np.int64], NDArray[np.int64]]] | None:
    """Facts of a question's units, and which of the old ones are which of the new ones."""
    unit_seqs = voted[question.unit_tasks]
    from_old = np.flatnonzero(~np.isin(old.unit_seqs, changed))
    to_new = np.flatnonzero(~np.isin(unit_seqs, changed))
    if not np.array_equal(old.unit_seqs[from_old], unit_seqs[to_new]):
        return None
    codes = [question.code_by_key.get(meaning_key(_plain(one)), UNHEARD) for one in old.meanings]
    code_of = np.array([*codes, UNHEARD, NO_PAIRS], np.int32)  # the two below 0 stay what they are
    final = new.final.copy()
    final[to_new] = code_of[facts.final[from_old]]
    place_of = dict(zip(from_old.tolist(), to_new.tolist(), strict=True)) if facts.texts else {}
    texts = {place_of[unit]: text for unit, text in facts.texts.items() if unit in place_of}
    is_rewrite = question.field.use is TextUse.rewrite
    if is_rewrite and len(facts.texts) >= REWRITES_MAX and len(texts) < len(facts.texts):
        return None
    texts |= new.texts
    if is_rewrite:
        texts = dict(sorted(texts.items())[:REWRITES_MAX])
    return QuestionFacts(final, new.slices.copy(), new.pairs.copy(), texts), (from_old, to_new)


def _merged_pairs(
    old: PairColumns, new: PairColumns, changed: NDArray[np.int64]
) -> tuple[PairColumns, NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of both, and the new place of each old and of each new one; NO_PAIRS for none."""
    stays = ~np.isin(old.seqs, changed)
    order = np.argsort(np.concatenate([old.seqs[stays], new.seqs]), kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    places = np.full(len(old.seqs), NO_PAIRS, np.int64)
    kept_count = int(np.count_nonzero(stays))
    places[stays] = place[:kept_count]
    models, sides = _numbered(
        [*old.models, *new.models],
        np.concatenate([old.sides[stays], new.sides + len(old.models)])[order],
    )

    def both(name: str) -> NDArray[Any]:
        found: NDArray[Any] = np.concatenate([getattr(old, name)[stays], getattr(new, name)])
        return found[order]

    leaks = [one for one in old.leaks if one.seq not in set(changed.tolist())]
    below = min(old.leaks_below, new.leaks_below)
    leaks = [one for one in sorted([*leaks, *new.leaks], key=_by_seq) if one.seq < below]
    merged = PairColumns(
        seqs=both("seqs"),
        sides=sides,
        styles=both("styles"),
        winner=both("winner"),
        has_leak=both("has_leak"),
        slices=both("slices"),
        models=models,
        leaks=leaks,
        leaks_below=below,
    )
    return merged, places, place[kept_count:]


def _numbered(models: list[str], sides: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int32]]:
    """Models in the order in which they first occur, each once, and their numbers."""
    number = {model: at for at, model in reversed(list(enumerate(models)))}
    same = np.array([number[model] for model in models], np.int32)
    flat = same[sides.ravel()] if len(models) else sides.ravel()
    found, first = np.unique(flat, return_index=True)
    order = np.argsort(first)
    new = np.zeros(len(models), np.int32)
    new[found[order]] = np.arange(len(order), dtype=np.int32)
    renumbered = new[flat] if len(models) else flat
    return [models[at] for at in found[order].tolist()], renumbered.reshape(-1, 2)


def _used(
    names: list[tuple[str, ...]], columns: Sequence[NDArray[np.int32]]
) -> list[tuple[str, ...]]:
    """Names of slices of which there is something; the numbers in the columns are changed."""
    present = np.unique(np.concatenate([np.unique(column) for column in columns]))
    present = present[present != NO_SLICE]
    number = np.full(len(names) + 1, NO_SLICE, np.int32)
    number[present] = np.arange(len(present), dtype=np.int32)
    for column in columns:
        column[:] = number[column]
    return [names[at] for at in present.tolist()]


def _by_seq(one: FoundLeak) -> int:
    return one.seq


def _plain(meaning: Any) -> Any:
    return tuple(meaning) if isinstance(meaning, list) else meaning
