"""Reading of words: what tasks say goes into the index of words, in the background.

Nothing of it happens in the transaction that creates, imports or completes a task; a list of
searched tasks says how many are still to be read. Of a task that says something else than before,
the old words leave the index with the change itself (store/tasks/unread_tasks.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from plaudit.core.managing.words import words_of
from plaudit.store.common import pages
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.engine.word_index import IndexedProject
from plaudit.store.managing import words
from plaudit.store.managing.words import UnreadTask
from plaudit.store.tasks import projects, unread_tasks

READ_AT_ONCE_MAX = 100
"""Tasks whose words are written in one transaction."""

READ_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of conversations that are held at once, or one conversation."""


class _Content(Struct, frozen=True):
    text: str | None = None


class _Annotation(Struct):
    type: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class _Message(Struct):
    content: _Content = _Content()
    annotations: list[_Annotation] = []


class _Turn(Struct):
    messages: list[_Message] = []
    annotations: list[_Annotation] = []


class _Thread(Struct):
    turns: list[_Turn] = []
    annotations: list[_Annotation] = []


class _Body(Struct):
    threads: list[_Thread]


_decode_content = msgspec.json.Decoder(list[_Thread]).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_value = msgspec.json.Decoder().decode


async def read_words(db: Database, project_key: int) -> int:
    """Read the words of up to READ_AT_ONCE_MAX tasks of a project; return how many were read.

    0 where none is left, or where another process was quicker.
    """
    async with db.read() as tx:
        project = await unread_tasks.find_indexed(tx, project_key)
        listed, is_new = [], False
        if project is not None:
            listed = await words.list_changed(
                tx, project_key, project.next_seq, limit=READ_AT_ONCE_MAX
            )
        if not listed:
            is_new = True
            next_seq = 1 if project is None else project.next_seq
            listed = await words.list_new(tx, project_key, next_seq, limit=READ_AT_ONCE_MAX)
        fitting = pages.count_fitting(
            [min(task.size, words.TEXT_BYTES_MAX) for task in listed], READ_BYTES_MAX
        )
        is_last = is_new and len(listed) < READ_AT_ONCE_MAX and fitting == len(listed)
        listed = listed[:fitting]
        texts: Mapping[int, bytes | None] = {}
        if listed:
            texts = await words.list_texts(tx, project_key, [task.seq for task in listed])
        end = await projects.next_seq(tx, project_key)
    found = await asyncio.to_thread(_words_by_seq, texts)
    until = end if is_last else listed[-1].seq + 1 if listed else 1

    async def write(tx: Transaction) -> int:
        known = project
        if known is None:
            await words.insert_clock(tx, project_key)
            known = await unread_tasks.find_indexed(tx, project_key)
            assert known is not None
        if is_new:
            if not await words.advance_clock(tx, known, until):
                return 0
            await words.replace_words(tx, known, found)
            return len(found)
        return await _write_changed(tx, known, listed, found)

    return await db.write(write)


async def _write_changed(
    tx: Transaction,
    project: IndexedProject,
    listed: Sequence[UnreadTask],
    found: Mapping[int, set[str]],
) -> int:
    claimed = {}
    for task in listed:
        if await words.claim_changed(tx, project.project_key, task):
            claimed[task.seq] = found.get(task.seq, set())
    await words.replace_words(tx, project, claimed)
    return len(listed)


def _words_by_seq(texts: Mapping[int, bytes | None]) -> dict[int, set[str]]:
    return {seq: set() if text is None else words_of(texts_of(text)) for seq, text in texts.items()}


def texts_of(conversation: bytes) -> Iterator[str]:
    """Texts of a stored conversation: of its messages, then those that people wrote about it."""
    if conversation.startswith(b"["):
        threads = _decode_content(conversation)
    else:
        threads = _decode_body(b"{" + conversation).threads
    annotations: list[_Annotation] = []
    for thread in threads:
        annotations += thread.annotations
        for turn in thread.turns:
            annotations += turn.annotations
            for message in turn.messages:
                annotations += message.annotations
                if message.content.text:
                    yield message.content.text
    for annotation in annotations:
        if annotation.type == "text" and isinstance(text := _decode_value(annotation.value), str):
            yield text
