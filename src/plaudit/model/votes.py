"""Votes: one person's current answer to one question about one thing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Abstention(StrEnum):
    """Way of answering a question without a value."""

    not_applicable = "not_applicable"
    cannot_assess = "cannot_assess"


class VoteRow(Struct, frozen=True):
    """A vote that counts (table `vote`).

    `seq` is that of the task, `number` the place among the person's votes on it, from 0. `at`,
    `source_id`, `chunk` and `criterion` are the address of what it is about: path of a thread or
    turn, message, index of a chunk and id of a criterion. `place` is where that response stood on
    the screen, from 1. Of a vote on a turn with several responses `responses` and `shown` are JSON
    lists of their sources, in their own order and in the order shown. `place` and `shown` are None
    where nobody knows. `value` is JSON, None exactly where the person abstained.
    """

    project_key: int
    seq: int
    contributor_id: str
    number: int
    is_imported: bool
    """Brought by the task's threads, not by a submission."""
    question_key: str
    at: str
    source_id: str | None
    chunk: int | None
    criterion: str | None
    place: int | None
    submitted_ms: int | None
    active_ms: int | None
    """Active time of the whole submission; None where nobody knows."""
    form_version: str | None
    abstention: str | None
    responses: bytes | None
    shown: bytes | None
    value: bytes | None


VoteValues = tuple[Any, ...]
"""Values of a VoteRow after its task, in the order of its fields: what threads carry as votes."""
