"""Votes of a submission that counts: a row for each answer, written in its transaction.

A vote is the annotator's. What a reviewer fixes changes the delivered answer and no vote; what is
sent back, undone or done again does not count any more, nor do its votes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Display
from plaudit.core.labeling.votes import Address, answer_address
from plaudit.model.labeling import SubmissionRow
from plaudit.model.votes import Abstention, VoteRow
from plaudit.wire.v2.task import Thread

encode_value = msgspec.json.Encoder(order="deterministic").encode
"""Encoder of values: equal values have equal bytes."""


def submission_votes(
    submission: SubmissionRow,
    content: Sequence[Thread],
    display: Display,
    answers: Sequence[Answer],
) -> list[VoteRow]:
    """The votes of a submission: its answers but for those that are a reason alone.

    `content` is the task's conversation and `display` says in which order its responses were shown.
    Of two answers to one question, which archives may bring, the last counts.
    """
    shown = _ShownTurns(content, display)
    key, seq, user_id = submission.project_key, submission.seq, submission.user_id
    submitted_ms, active_ms = submission.submitted_ms, submission.active_ms
    version = submission.form_version
    votes: dict[Address, VoteRow] = {}
    for answer in answers:
        at, source_id, chunk, criterion, name = address = answer_address(answer)
        if answer.is_empty:
            continue
        turn = shown.turn(at)
        value = None if answer.value is None else encode_value(answer.value)
        number = votes[address].number if address in votes else len(votes)
        votes[address] = VoteRow(
            *(key, seq, user_id, number, False, name, at, source_id, chunk, criterion),
            turn.places.get(source_id) if source_id is not None else None,
            *(submitted_ms, active_ms, version, _abstention(answer)),
            *((turn.responses, turn.shown) if source_id is None else (None, None)),
            value,
        )
    return list(votes.values())


class _ShownTurn(Struct, frozen=True):
    """Responses of a turn: the place of each source on the screen, from 1, and JSON lists of them.

    There are no lists without several responses.
    """

    places: dict[str, int]
    responses: bytes | None = None
    shown: bytes | None = None


_NOTHING = _ShownTurn({})


class _ShownTurns:
    """Turns of a conversation as they were shown."""

    def __init__(self, content: Sequence[Thread], display: Display) -> None:
        self._content = content
        self._display = display
        self._turns: dict[str, _ShownTurn] = {}

    def turn(self, at: str) -> _ShownTurn:
        """The turn at a path; one without responses for a thread, or for what is not there."""
        turn = self._turns.get(at)
        if turn is None:
            turn = self._turns[at] = self._shown(at)
        return turn

    def _shown(self, at: str) -> _ShownTurn:
        order = self._display.get(at)
        thread, _, turn = at[1:].partition("u")
        if order is None or not turn:
            return _NOTHING
        try:
            messages = self._content[int(thread)].turns[int(turn)].messages
            sources = [messages[number].source_id for number in order]
            own = [messages[number].source_id for number in sorted(order)]
        except (ValueError, IndexError):  # an archive may bring what does not fit
            return _NOTHING
        places = {source: place for place, source in enumerate(sources, 1)}
        if len(sources) < 2:
            return _ShownTurn(places)
        return _ShownTurn(places, encode_value(own), encode_value(sources))


def _abstention(answer: Answer) -> str | None:
    if answer.not_applicable:
        return Abstention.not_applicable.value
    return Abstention.cannot_assess.value if answer.cannot_assess else None
