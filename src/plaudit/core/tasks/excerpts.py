"""Excerpts: the beginning of a task's first prompt, by which people tell tasks in lists apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import task_locators, task_summaries
from plaudit.wire.v2.task import MessageRole, Thread

EXCERPT_CHARS = 120

_MESSAGES = re.compile(r'"messages":\[')
_CUT_TEXT = re.compile(r'\{"content":\{"text":"((?:[^"\\]|\\u[0-9a-f]{4}|\\[^u])*)', re.I)
_ROLE = re.compile(r'\},"role":"(\w+)"')
_decoder = json.JSONDecoder()


def excerpt(content: Sequence[Thread]) -> str:
    """Beginning of a conversation's first prompt, at most EXCERPT_CHARS long; "" without one."""
    for thread in content:
        for turn in thread.turns:
            for message in turn.messages:
                if message.role is MessageRole.user and message.content.text:
                    return _shortened(message.content.text)
    return ""


async def list_excerpts(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, str]:
    """Excerpts of tasks by sequence number, in one statement that reads a bounded part of each.

    Tasks that are quarantined, whose content was reported, or without a prompt are left out. Of a
    prompt that is preceded by more than that part holds, the beginning of the conversation stands
    in for it.
    """
    openings = await task_summaries.list_openings(tx, project_key, seqs)
    found = {seq: excerpt_of_json(opening) for seq, opening in openings.items()}
    return {seq: text for seq, text in found.items() if text}


async def list_excerpts_by_id(
    tx: Transaction, environment_id: str, task_ids: Sequence[str]
) -> dict[str, str]:
    """Excerpts by task id of tasks that are all of one project; see `list_excerpts`."""
    located = await task_locators.locate_tasks(tx, environment_id, task_ids)
    seqs = {task_id: place[1] for task_id, place in located.items() if place is not None}
    project_key = max((place[0] for place in located.values() if place is not None), default=0)
    found = await list_excerpts(tx, project_key, sorted(seqs.values()))
    return {task_id: found[seq] for task_id, seq in seqs.items() if seq in found}


def excerpt_of_json(opening: bytes) -> str:
    """Excerpt of a stored conversation of which only the first bytes are there."""
    text = opening.decode("utf-8", "ignore")
    for message in _messages(text):
        said = message["content"].get("text")
        if message["role"] in (MessageRole.user, None) and said:
            return _shortened(said)
    return ""


def _messages(text: str) -> Iterator[dict[str, Any]]:
    """Messages of a conversation's JSON; the last one, if cut off, may have the role None."""
    for start in _MESSAGES.finditer(text):
        at = start.end()
        while text[at : at + 1] == "{":
            try:
                message, at = _decoder.raw_decode(text, at)
            except ValueError:
                yield from _cut_message(text, at)
                return
            yield message
            at += text[at : at + 1] == ","


def _cut_message(text: str, at: int) -> Iterator[dict[str, Any]]:
    said = _CUT_TEXT.match(text, at)
    if said is None:
        return
    role = _ROLE.search(text, said.end())
    # Half of a surrogate pair shows as nothing; what is half of an escape is not matched.
    words = json.loads(f'"{said[1]}"').encode("utf-8", "ignore").decode()
    yield {"content": {"text": words}, "role": None if role is None else role[1]}


def _shortened(text: str) -> str:
    """At most EXCERPT_CHARS characters on one line; "…" after a whole word, if it goes on."""
    line = " ".join(text[: 2 * EXCERPT_CHARS].split())
    if len(line) <= EXCERPT_CHARS and len(text) <= 2 * EXCERPT_CHARS:
        return line
    cut = line[: EXCERPT_CHARS - 1]
    words = cut if line[EXCERPT_CHARS - 1 : EXCERPT_CHARS] == " " else cut.rpartition(" ")[0]
    return f"{(words or cut).rstrip(' ,;:')}…"
