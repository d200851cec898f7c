"""Votes that a task's threads carry: those of imported tasks, and of tasks completed by request.

They count exactly while no submission of the task does: what our own people submitted stands in
their submissions, from which the votes in our own threads were made. An annotation has its `votes`;
where no annotation of a task has any, and one person alone judged a thread, its annotations are
that person's votes. Values that several people came to are nobody's vote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from plaudit import clock
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.model.core import ALL_OPTS, StoredTask
from plaudit.model.votes import Abstention, VoteValues
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions, votes
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.parse import shared_turn_paths
from plaudit.wire.v2.task import Message, MessageRole, Submission, Thread, Turn

SCORE = "score"
"""Key of a criterion's score, which needs no annotation of its own."""

_NOT_APPLICABLE = Abstention.not_applicable.value
_CANNOT_ASSESS = Abstention.cannot_assess.value
_NOBODY = Submission()
_encode = msgspec.json.Encoder(order="deterministic").encode


async def replace_thread_votes(
    tx: Transaction, project_key: int, seq: int, cast: Sequence[VoteValues]
) -> None:
    """Make the votes of a task's threads those `cast`; none while a submission counts."""
    await votes.unmark_threads(tx, project_key, seq)
    if not cast or await submissions.count_current(tx, project_key, seq):
        return
    await insert_thread_votes(tx, project_key, {seq: cast})


async def insert_thread_votes(
    tx: Transaction, project_key: int, cast_by_seq: Mapping[int, Sequence[VoteValues]]
) -> None:
    """Insert the votes of the threads of tasks that have no votes."""
    voted = sorted(seq for seq, cast in cast_by_seq.items() if cast)
    if voted:
        await votes.mark_threads(tx, project_key, voted)
        await votes.insert_vote_values(tx, project_key, cast_by_seq)


def stored_threads(task: StoredTask) -> list[Thread]:
    """Threads of a stored task with all that they carry; none without a body."""
    return [] if task.body is None else threads_of(task, int(ALL_OPTS))


def thread_votes(threads: list[Thread]) -> list[VoteValues]:
    """The votes that threads carry, in the order of the conversation.

    All votes of one person on one thing are kept, earliest first where their times are known.
    """
    listed = _addressed(threads)
    is_voted = any(one.votes for _, _, annotations in listed for one in annotations)
    people = [_People(thread) for thread in threads]
    rows: list[VoteValues] = []
    if not is_voted and not any(known.alone is not None for known in people):
        return rows
    counts: dict[str, int] = {}
    for t, address, given in listed:
        known = people[t]
        if address is None or not (is_voted or known.alone is not None):
            continue
        for annotation in given:
            for said in _cast(annotation) if is_voted else _said_alone(annotation, known.alone):
                number = counts[said[0]] = counts.get(said[0], -1) + 1
                rows.append(_row(known, address, annotation.key, number, said))
    return rows


class _People:
    """Those who judged a thread, with their last submissions of it."""

    def __init__(self, thread: Thread) -> None:
        given = thread.submissions or ()
        self.alone = given[0].contributor_id if len(given) == 1 else None
        """The one person who judged; None where nobody did, or several."""
        self._submissions = {one.contributor_id: one for one in given}
        self._moments: dict[str, int | None] = {}

    def submission_of(self, contributor_id: str) -> Submission:
        """A person's last submission of the thread; an empty one where it names none."""
        return self._submissions.get(contributor_id, _NOBODY)

    def moment(self, text: str) -> int | None:
        """Milliseconds of a vote's time, None where it is no ISO 8601: it is taken as it comes."""
        if text not in self._moments:
            try:
                self._moments[text] = clock.parse_moment(text)
            except ValueError:
                self._moments[text] = None
        return self._moments[text]


_Address = tuple[str, str | None, str | None, int | None, str | None, bytes | None]
"""Thing that annotations are about, as the addresses of answers name it.

Path of the thread or turn, and ids of turn, source, chunk and criterion. Last the JSON list of the
sources of a turn's responses, where it has several.
"""
_Lists = list[tuple[int, _Address | None, list[Annotation]]]
"""Number of the thread, address, and annotations; no address where no question is asked."""
_Said = tuple[str, Any, bool | None, str | None]
"""Contributor, value or UNSET, `not_applicable`, and the time that the vote itself names."""


def _addressed(threads: list[Thread]) -> _Lists:
    """Annotations of threads with their addresses, and then the scores of criteria.

    Each once, though several threads may share a turn.
    """
    shared = shared_turn_paths(threads)
    listed: _Lists = []
    scores: _Lists = []
    for t, thread in enumerate(threads):
        if thread.annotations:
            listed.append((t, (f"t{t}", None, None, None, None, None), thread.annotations))
        for u, turn in enumerate(thread.turns):
            at = f"t{t}u{u}"
            if shared and shared[id(turn)] != at:
                continue
            if turn.annotations:
                of_turn = (at, turn.id, None, None, None, _responses(turn))
                listed.append((t, of_turn, turn.annotations))
            for rubric in turn.rubrics or ():
                listed += [(t, None, one.annotations) for one in rubric.criteria_definitions]
            for message in turn.messages:
                if message.annotations:
                    of_message = (at, turn.id, message.source_id, None, None, None)
                    listed.append((t, of_message, message.annotations))
                for c, chunk in enumerate(message.content.chunks or ()):
                    listed.append(
                        (t, (at, turn.id, message.source_id, c, None, None), chunk.annotations)
                    )
                if message.rubric_evaluations:
                    _add_scored(t, (at, turn.id, message.source_id), message, listed, scores)
    return listed + scores


def _add_scored(
    t: int, of_message: tuple[str, str, str], message: Message, listed: _Lists, scores: _Lists
) -> None:
    """Add the annotations of criteria that a message was scored by, and each score as one."""
    for evaluation in message.rubric_evaluations or ():
        listed.append((t, None, evaluation.annotations or []))
        for scored in evaluation.criteria_evaluations or ():
            annotations, criterion = scored.annotations or [], scored.criterion_definition_id
            address = None if criterion is None else (*of_message, None, criterion, None)
            listed.append((t, address, annotations))
            if scored.score is not None and all(one.key != SCORE for one in annotations):
                scores.append((t, address, [Annotation(key=SCORE, value=scored.score)]))


def _responses(turn: Turn) -> bytes | None:
    """JSON list of the sources of a turn's responses; None for fewer than two."""
    sources = [one.source_id for one in turn.messages if one.role is MessageRole.assistant]
    return _encode(sources) if len(sources) > 1 else None


def _cast(annotation: Annotation) -> list[_Said]:
    """Votes on one annotation that say something, earliest first."""
    said = [vote for vote in annotation.votes or () if vote.has_value or vote.abstains]
    if len({vote.contributor_id for vote in said}) < len(said):
        said.sort(key=lambda vote: vote.submitted_at or "")
    return [
        (
            vote.contributor_id,
            vote.value if vote.has_value else msgspec.UNSET,
            vote.not_applicable,
            vote.submitted_at,
        )
        for vote in said
    ]


def _said_alone(annotation: Annotation, contributor_id: str | None) -> Sequence[_Said]:
    """An annotation as the vote of the one person who judged."""
    if contributor_id is None:
        return ()
    if annotation.value is not None:
        return ((contributor_id, annotation.value, None, None),)
    if annotation.not_applicable or annotation.cannot_assess:
        return ((contributor_id, msgspec.UNSET, annotation.not_applicable, None),)
    return ()


def _row(people: _People, address: _Address, key: str, number: int, said: _Said) -> VoteValues:
    contributor_id, value, is_inapplicable, submitted_at = said
    at, turn_id, source_id, chunk, criterion, responses = address
    submission = people.submission_of(contributor_id)
    submitted_at = submitted_at or submission.submitted_at
    shown, place = None, None
    if submission.display is not None:
        shown = submission.display.get(turn_id or "")
        if shown is not None and source_id in shown:
            place = shown.index(source_id) + 1
    abstention = None
    if value is msgspec.UNSET:
        abstention = _NOT_APPLICABLE if is_inapplicable else _CANNOT_ASSESS
    return (
        contributor_id, number, True, key, at, source_id, chunk, criterion, place,
        None if submitted_at is None else people.moment(submitted_at),
        submission.active_ms, None, abstention, responses,
        _encode(shown) if shown and source_id is None else None,
        _encode(value) if abstention is None else None,
    )  # fmt: skip
