"""Votes of a submission that counts: a row for each answer, written in its transaction.

A vote is the annotator's. What a reviewer fixes changes the delivered answer and no vote; what is
sent back, undone or done again does not count any more, nor do its votes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Display
from plaudit.core.labeling.votes import Address, answer_address
from plaudit.model.labeling import SubmissionRow
from plaudit.model.votes import Abstention, VoteRow
from plaudit.wire.v2.task import Thread, Turn

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
        place, sources = shown.place(at, source_id), shown.sources(at, source_id)
        value = None if answer.value is None else encode_value(answer.value)
        number = votes[address].number if address in votes else len(votes)
        votes[address] = VoteRow(
            *(key, seq, user_id, number, False, name, at, source_id, chunk, criterion),
            *(place, submitted_ms, active_ms, version, _abstention(answer), sources, value),
        )
    return list(votes.values())


class _ShownTurns:
    """Sources of the responses of each turn as they stood on the screen."""

    def __init__(self, content: Sequence[Thread], display: Display) -> None:
        self._content = content
        self._display = display
        self._turns: dict[str, tuple[list[str], bytes | None]] = {}

    def place(self, at: str, source_id: str | None) -> int | None:
        """Place of a response, from 1; None for other messages, turns and threads."""
        if source_id is None:
            return None
        listed, _ = self._shown(at)
        return listed.index(source_id) + 1 if source_id in listed else None

    def sources(self, at: str, source_id: str | None) -> bytes | None:
        """JSON list of the sources of a turn, or thread, in the order shown.

        None where there are not several, and for the parts of a turn.
        """
        return self._shown(at)[1] if source_id is None else None

    def _shown(self, at: str) -> tuple[list[str], bytes | None]:
        if at not in self._turns:
            listed: list[str] = []
            turn = self._turn(at) if at in self._display else None
            if turn is not None:
                messages = turn.messages
                listed = [
                    messages[number].source_id
                    for number in self._display[at]
                    if number < len(messages)
                ]
            self._turns[at] = listed, encode_value(listed) if len(listed) > 1 else None
        return self._turns[at]

    def _turn(self, at: str) -> Turn | None:
        """The turn at a path such as `t0u1`; None for one that the conversation lacks."""
        thread, _, turn = at[1:].partition("u")
        try:
            return self._content[int(thread)].turns[int(turn)]
        except (ValueError, IndexError):
            return None


def _abstention(answer: Answer) -> str | None:
    if answer.not_applicable:
        return Abstention.not_applicable.value
    return Abstention.cannot_assess.value if answer.cannot_assess else None
