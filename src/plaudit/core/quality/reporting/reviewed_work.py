"""Work of people beside their votes: skips, what reviewers did with it, gold and repeats."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.counting.submission_votes import encode_value
from plaudit.core.labeling.votes import Address, answer_address
from plaudit.model.labeling import TaskNote
from plaudit.model.quality_control import Collector
from plaudit.model.votes import Abstention
from plaudit.store.engine.engine import Database, Row
from plaudit.store.quality import vote_pages, work_notes
from plaudit.store.quality_control import counters

NOTES_AT_ONCE = 500
TASKS_AT_ONCE = 64
PEOPLE_AT_ONCE = 1000
VALUE_BYTES_MAX = 1_000_000
"""Longer values are not compared with what a reviewer put in their place."""

SKIP, ACCEPT, CORRECT, SEND_BACK = "skip", "accept", "correct", "send_back"
KINDS = (SKIP, ACCEPT, CORRECT, SEND_BACK)

Given = tuple[str | None, bytes | None]
"""Abstention and value of an answer, one of the two."""


class WorkOfPerson(Struct):
    """Tasks, by seq, that a person skipped, and what was sent back to them or changed."""

    skipped: set[int]
    sent_back: set[int]
    changed: set[int]


class ReviewedWork(Struct):
    """Work of people by their ids, and the tasks that a reviewer accepted or corrected.

    `gold` and `repeats` have the right cases and all cases of each person, a task being one.
    """

    people: defaultdict[str, WorkOfPerson]
    decided: set[int]
    gold: dict[str, tuple[int, int]]
    repeats: dict[str, tuple[int, int]]


class NoteDetail(Struct):
    """Members of a note's detail that tell of people's work."""

    fixes: list[Answer] = []
    user_id: str | None = None


_Fixes = dict[int, dict[Address, tuple[int, Given]]]
"""By task, the last fix of each answer, with its time."""

decode_detail = msgspec.json.Decoder(NoteDetail).decode


async def read_reviewed_work(db: Database, project_key: int) -> ReviewedWork:
    """Read the notes of a project, votes on tasks that a reviewer changed, and counted cases."""
    found = ReviewedWork(
        defaultdict(_nothing),
        set(),
        gold=await _counted(db, project_key, Collector.gold),
        repeats=await _counted(db, project_key, Collector.repeats),
    )
    fixes: _Fixes = {}
    after_id: str | None = ""
    while after_id is not None:
        async with db.read(snapshot=False) as tx:
            notes, after_id = await work_notes.list_notes_of_kinds(
                tx, project_key, KINDS, after_id=after_id, limit=NOTES_AT_ONCE
            )
        for note in notes:
            _add_note(found, fixes, note)
        await asyncio.sleep(0)  # others' turn
    seqs = sorted(fixes)
    for start in range(0, len(seqs), TASKS_AT_ONCE):
        async with db.read(snapshot=False) as tx:
            rows = await vote_pages.list_of_tasks(
                tx, project_key, seqs[start : start + TASKS_AT_ONCE], value_bytes=VALUE_BYTES_MAX
            )
        for user_id, seq in changed_votes(rows, fixes):
            found.people[user_id].changed.add(seq)
        await asyncio.sleep(0)
    return found


async def _counted(
    db: Database, project_key: int, collector: Collector
) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    after_id = ""
    while True:
        async with db.read(snapshot=False) as tx:
            page = await counters.list_of_collector(
                tx, project_key, collector, after_id=after_id, limit=PEOPLE_AT_ONCE
            )
        found |= {user_id: (one.right_cases, one.cases) for user_id, one in page.items()}
        if len(page) < PEOPLE_AT_ONCE:
            return found
        after_id = max(page)


def changed_votes(rows: Iterable[Row], fixes: _Fixes) -> set[tuple[str, int]]:
    """Person and task of each vote that a later fix differs from."""
    changed = set()
    for row in rows:
        seq, contributor_id, _, key, at, source_id, chunk, criterion, voted_ms = row[:9]
        fix = fixes[seq].get((at, source_id, chunk, criterion, key))
        if fix is None or (voted_ms is not None and voted_ms > fix[0]):
            continue
        given = row[10], None if row[13] is None else bytes(row[13])
        if given not in ((None, None), fix[1]):
            changed.add((contributor_id, seq))
    return changed


def _nothing() -> WorkOfPerson:
    return WorkOfPerson(set(), set(), set())


def _add_note(found: ReviewedWork, fixes: _Fixes, note: TaskNote) -> None:
    if note.kind == SKIP:
        found.people[note.user_id].skipped.add(note.seq)
        return
    detail = decode_detail(note.detail)
    if note.kind == SEND_BACK:
        if detail.user_id is not None:
            found.people[detail.user_id].sent_back.add(note.seq)
        return
    found.decided.add(note.seq)
    for fix in detail.fixes:
        fixes.setdefault(note.seq, {})[answer_address(fix)] = note.created_ms, given_by(fix)


def given_by(answer: Answer) -> Given:
    """An answer as votes have it."""
    if answer.not_applicable:
        return Abstention.not_applicable.value, None
    if answer.cannot_assess:
        return Abstention.cannot_assess.value, None
    value: Any = answer.value
    return None, None if value is None else encode_value(value)


def reviewed_tasks(found: ReviewedWork, user_id: str, done: Sequence[int]) -> tuple[int, int, int]:
    """Numbers of a person's tasks that a reviewer decided on, changed, and sent back.

    `done` has the seqs of those they have done.
    """
    work = found.people.get(user_id)
    sent_back = set() if work is None else work.sent_back
    changed = set() if work is None else work.changed
    reviewed = {seq for seq in done if seq in found.decided} | sent_back | changed
    return len(reviewed), len(changed), len(sent_back)
