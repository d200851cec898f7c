"""Votes that a task's threads carry: those of imported tasks, and of tasks completed by request.

They count exactly while no submission of the task does: what our own people submitted stands in
their submissions, from which the votes in our own threads were made. An annotation has its `votes`;
where no annotation of a task has any, and one person alone judged a thread, its annotations are
that person's votes. Values that several people came to are nobody's vote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.model.core import ALL_OPTS, StoredTask
from plaudit.model.votes import Abstention, VoteRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions, votes
from plaudit.wire.v2.annotation import Annotation, Vote
from plaudit.wire.v2.parse import annotation_lists, shared_turn_paths
from plaudit.wire.v2.task import CriterionEvaluation, Message, MessageRole, Submission, Thread

SCORE = "score"
"""Key of a criterion's score, which needs no annotation of its own."""

_PATH = re.compile(r"(t(\d+)(?:u(\d+))?)(?:m(\d+))?(?:c(\d+)|e(\d+)v(\d+))?")
_encode = msgspec.json.Encoder(order="deterministic").encode


class _Address(Struct, frozen=True):
    """Thing that annotations are about, as the addresses of answers name it."""

    at: str
    thread: Thread
    turn_id: str | None = None
    source_id: str | None = None
    chunk: int | None = None
    criterion: str | None = None
    responses: bytes | None = None
    """JSON list of the sources of a turn's responses, where it has several."""


async def replace_thread_votes(
    tx: Transaction, project_key: int, seq: int, threads: Sequence[Thread]
) -> None:
    """Make the votes of a task's threads those of `threads`; none while a submission counts."""
    await votes.unmark_threads(tx, project_key, seq)
    if not has_votes(threads) or await submissions.count_current(tx, project_key, seq):
        return
    await insert_thread_votes(tx, project_key, {seq: threads})


async def insert_thread_votes(
    tx: Transaction, project_key: int, threads_by_seq: Mapping[int, Sequence[Thread]]
) -> None:
    """Insert the votes of the threads of tasks that have no votes."""
    made = {seq: thread_votes(project_key, seq, threads) for seq, threads in threads_by_seq.items()}
    if any(made.values()):
        await votes.mark_threads(tx, project_key, sorted(seq for seq in made if made[seq]))
        await votes.insert_votes(tx, [vote for listed in made.values() for vote in listed])


def stored_threads(task: StoredTask) -> list[Thread]:
    """Threads of a stored task with all that they carry; none without a body."""
    return [] if task.body is None else threads_of(task, int(ALL_OPTS))


def has_votes(threads: Sequence[Thread]) -> bool:
    """True if anybody is named who may have judged the threads; cheap."""
    return any(thread.submissions for thread in threads) or any(
        annotation.votes
        for _, listed in annotation_lists(list(threads), {})
        for annotation in listed
    )


def thread_votes(project_key: int, seq: int, threads: Sequence[Thread]) -> list[VoteRow]:
    """The votes that threads carry, in the order of the conversation.

    All votes of one person on one thing are kept, earliest first where their times are known.
    """
    listed = list(threads)
    found = [
        (_address(listed, path), annotation)
        for path, given in _once(_lists(listed))
        for annotation in given
    ]
    is_voted = any(annotation.votes for _, annotation in found)
    counts: dict[str, int] = {}
    rows: list[VoteRow] = []
    for address, annotation in found:
        if address is None:
            continue
        for vote in _cast(address.thread, annotation, is_voted=is_voted):
            number = counts[vote.contributor_id] = counts.get(vote.contributor_id, -1) + 1
            rows.append(_row(project_key, seq, number, address, annotation.key, vote))
    return rows


def _lists(threads: list[Thread]) -> Iterator[tuple[str, list[Annotation]]]:
    """Every list of annotations with its path, and each criterion's score as an annotation."""
    shared = shared_turn_paths(threads)
    yield from annotation_lists(threads, shared)
    for t, thread in enumerate(threads):
        for u, turn in enumerate(thread.turns):
            path = shared.get(id(turn)) or f"t{t}u{u}"
            for m, message in enumerate(turn.messages):
                for e, evaluation in enumerate(message.rubric_evaluations or ()):
                    for v, scored in enumerate(evaluation.criteria_evaluations or ()):
                        keys = {annotation.key for annotation in scored.annotations or ()}
                        if scored.score is not None and SCORE not in keys:
                            score = Annotation(key=SCORE, value=scored.score)
                            yield f"{path}m{m}e{e}v{v}", [score]


def _once(lists: Iterator[tuple[str, list[Annotation]]]) -> Iterator[tuple[str, list[Annotation]]]:
    """Each list of annotations once, though several threads may share a turn."""
    seen: set[tuple[str, str]] = set()
    for path, listed in lists:
        new = [one for one in listed if (path, one.key) not in seen]
        seen.update((path, one.key) for one in new)
        yield path, new


def _cast(thread: Thread, annotation: Annotation, *, is_voted: bool) -> list[Vote]:
    """Votes on one annotation that say something, earliest first."""
    if is_voted:
        said = [vote for vote in annotation.votes or () if vote.has_value or vote.abstains]
        if len({vote.contributor_id for vote in said}) < len(said):
            said.sort(key=lambda vote: vote.submitted_at or "")
        return said
    people = thread.submissions or ()
    contributor_id = people[0].contributor_id if len(people) == 1 else None
    is_abstention = bool(annotation.not_applicable or annotation.cannot_assess)
    if contributor_id is None or (annotation.value is None and not is_abstention):
        return []
    return [
        Vote(
            contributor_id=contributor_id,
            value=msgspec.UNSET if annotation.value is None else annotation.value,
            not_applicable=annotation.not_applicable,
            cannot_assess=annotation.cannot_assess,
        )
    ]


def _row(
    project_key: int, seq: int, number: int, address: _Address, key: str, vote: Vote
) -> VoteRow:
    submission = _submission_of(address.thread, vote.contributor_id)
    submitted_at = vote.submitted_at or submission.submitted_at
    shown = (submission.display or {}).get(address.turn_id or "")
    place = None
    if shown is not None and address.source_id in shown:
        place = shown.index(address.source_id) + 1
    abstention = None
    if not vote.has_value:
        is_inapplicable = bool(vote.not_applicable)
        abstention = Abstention.not_applicable if is_inapplicable else Abstention.cannot_assess
    return VoteRow(
        project_key=project_key,
        seq=seq,
        contributor_id=vote.contributor_id,
        number=number,
        is_imported=True,
        question_key=key,
        at=address.at,
        source_id=address.source_id,
        chunk=address.chunk,
        criterion=address.criterion,
        place=place,
        submitted_ms=None if submitted_at is None else _moment(submitted_at),
        active_ms=submission.active_ms,
        form_version=None,
        abstention=None if abstention is None else abstention.value,
        responses=address.responses,
        shown=_encode(shown) if shown and address.source_id is None else None,
        value=_encode(vote.value) if vote.has_value else None,
    )


def _submission_of(thread: Thread, contributor_id: str) -> Submission:
    """A person's last submission of a thread; an empty one where the thread names none."""
    for submission in reversed(thread.submissions or ()):
        if submission.contributor_id == contributor_id:
            return submission
    return Submission()


def _moment(text: str) -> int | None:
    """Milliseconds of a vote's time, None where it is no ISO 8601: it is taken as it comes."""
    try:
        return clock.parse_moment(text)
    except ValueError:
        return None


def _address(threads: list[Thread], path: str) -> _Address | None:
    """The address of a list of annotations; None for what no question is asked about."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    at, t, u, m, chunk, evaluation, criterion = match.groups()
    thread = threads[int(t)]
    if u is None:
        return _Address(at, thread)
    turn = thread.turns[int(u)]
    if m is None:
        sources = [one.source_id for one in turn.messages if one.role is MessageRole.assistant]
        responses = _encode(sources) if len(sources) > 1 else None
        return _Address(at, thread, turn.id, responses=responses)
    message = turn.messages[int(m)]
    criterion_id = None
    if evaluation is not None:
        criterion_id = _scored(message, int(evaluation), int(criterion)).criterion_definition_id
        if criterion_id is None:
            return None
    index = None if chunk is None else int(chunk)
    return _Address(at, thread, turn.id, message.source_id, index, criterion_id)


def _scored(message: Message, evaluation: int, number: int) -> CriterionEvaluation:
    """A criterion's score in an evaluation of a message."""
    return ((message.rubric_evaluations or [])[evaluation].criteria_evaluations or [])[number]
