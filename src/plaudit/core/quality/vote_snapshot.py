"""Snapshots of the votes that were read, as bytes, so that a later process reads changes alone.

A snapshot is one of a form, and of an unbroken history of the store: after a restored backup, or
for other questions, votes are read anew.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.quality.vote_columns import CountedOut, ProjectVotes, QuestionState
from plaudit.core.tasks.form_version import form_version
from plaudit.core.tasks.forms import Form, Level

_VERSION = 1


class _Snapshot(Struct, array_like=True):
    """Members of a snapshot; arrays are those of this machine's byte order."""

    version: int
    form_version: str
    epoch: int
    change_no: int
    people: list[str]
    reasons: list[tuple[str, str, str]]
    counted_out: bytes
    counted_out_seqs: bytes
    ballots: list[bytes]
    questions: list[tuple[str, str, QuestionState]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Snapshot).decode


def snapshot_of(votes: ProjectVotes, form: Form, epoch: int) -> bytes:
    """Votes as bytes, of a form and an epoch of the store."""
    state = votes.state()
    return _encode(
        _Snapshot(
            version=_VERSION,
            form_version=form_version(form),
            epoch=epoch,
            change_no=votes.change_no,
            people=votes.contributor_ids,
            reasons=[(one.key, one.level.value, one.why) for one in state.reasons],
            counted_out=state.counted_out.tobytes(),
            counted_out_seqs=state.counted_out_seqs.tobytes(),
            ballots=state.ballots,
            questions=[(level.value, key, one) for (level, key), one in state.questions.items()],
        )
    )


def votes_of_snapshot(snapshot: bytes, form: Form, epoch: int) -> ProjectVotes | None:
    """Votes of a snapshot; None for one of another form, epoch or version, or a damaged one."""
    try:
        read = _decode(snapshot)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    expected: tuple[Any, ...] = _VERSION, form_version(form), epoch
    if (read.version, read.form_version, read.epoch) != expected:
        return None
    votes = ProjectVotes(form)
    votes.change_no = read.change_no
    votes.restore(
        read.people,
        [CountedOut(key, Level(level), why) for key, level, why in read.reasons],
        read.counted_out,
        read.counted_out_seqs,
        read.ballots,
        {(Level(level), key): state for level, key, state in read.questions},
    )
    return votes
