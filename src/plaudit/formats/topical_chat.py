"""Topical-Chat: long conversations of two people, who rated each other's messages and the whole.

The person who begins becomes the user, the other one the assistant. A message is rated by the
partner of who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.alternation import alternates, in_turns
from plaudit.formats.common.conversations import NOT_IN_TURN, ODD_ROLES
from plaudit.formats.common.imported_task import (
    ImportedTask,
    annotation,
    message,
    thread,
    turn,
    vote,
)
from plaudit.formats.common.row_members import RowMembers, name_of_kind, shown
from plaudit.formats.common.row_shapes import have_members, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat, ObjectRows
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX

BLANK_RATING = "a message has no turn_rating; it gets no annotation of it"
BLANK_CONVERSATION_RATING = "a person has not rated the conversation; it is no vote"

_COLUMNS = ("content", "conversation_rating", "article_url")
_AGENTS = {"agent_1": "user", "agent_2": "assistant"}
_GRADES = ["Poor", "Not Good", "Passable", "Good", "Excellent"]
_SENTIMENTS = [
    "Angry",
    "Disgusted",
    "Fearful",
    "Sad",
    "Happy",
    "Surprised",
    "Curious to dive deeper",
    "Neutral",
]
_SCALE: dict[str, Any] = {"possible_values": [1, 2, 3, 4, 5], "labels": _GRADES}
_KNOWN_OF_MESSAGE = ("message", "agent", "sentiment", "knowledge_source", "turn_rating")

_FORM = Form(
    fields=[
        Field(
            key="turn_rating",
            level=Level.message,
            type="integer",
            title="How good is the message?",
            **_SCALE,
        ),
        Field(
            key="sentiment",
            level=Level.message,
            type="category",
            title="Sentiment of the message",
            possible_values=_SENTIMENTS,
        ),
        Field(
            key="knowledge_source",
            level=Level.message,
            type="category_multiple",
            title="Sources of the message",
            possible_values=[
                *("FS1", "FS2", "FS3", "AS1", "AS2", "AS3", "AS4"),
                "Personal Knowledge",
            ],
        ),
        Field(
            key="conversation_rating",
            level=Level.thread,
            type="integer",
            title="How good is the conversation?",
            **_SCALE,
        ),
    ]
)


class TopicalChatReader(FormatReader):
    """Reader of one conversation a task."""

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a conversation."""
        row = rows[0]
        members = RowMembers(row, self.options, self.notes)
        content = members.listed("content")
        if not content:
            raise InvalidContent("a conversation has messages", pointer="/content")
        if len(content) > MESSAGES_PER_TASK_MAX:
            raise InvalidContent(f"more than {MESSAGES_PER_TASK_MAX} messages", pointer="/content")
        messages, others = [], {}
        for number, said in enumerate(content):
            pointer = f"/content/{number}"
            if not isinstance(said, dict):
                raise InvalidContent(
                    f"expected an object, not {name_of_kind(said)}", pointer=pointer
                )
            messages.append(self._message(members, said, pointer))
            if rest := other_members(said, _KNOWN_OF_MESSAGE):
                others[str(number)] = rest
        if not alternates([said["role"] for said in messages]):
            if members.is_strict:
                raise InvalidContent("agent_1 and agent_2 take turns", pointer="/content")
            members.remark(NOT_IN_TURN, ODD_ROLES)
        ratings = self._conversation_ratings(members)
        turns = [turn(number, group) for number, group in enumerate(in_turns(messages))]
        metadata = other_members(members.value, ("content", "conversation_rating"))
        if others:
            metadata["other_columns"] = others
        yield ImportedTask(
            item_id=row.key,
            threads=[
                thread(
                    turns,
                    _consolidated(ratings),
                    submissions=[{"contributor_id": person} for person in _AGENTS],
                )
            ],
            metadata=metadata,
            flags=members.flags,
        )

    def form(self) -> Form:
        """Form with what the two people said of messages and conversation."""
        return _FORM

    def _message(self, members: RowMembers, said: dict[str, Any], pointer: str) -> dict[str, Any]:
        agent = said.get("agent")
        if not isinstance(agent, str) or agent not in _AGENTS:
            raise InvalidContent(
                f"expected agent_1 or agent_2, not {shown(agent)}", pointer=f"{pointer}/agent"
            )
        text = members.as_response(said.get("message", ...), f"{pointer}/message")
        return message(
            _AGENTS[agent],
            text,
            source_id="user" if agent == "agent_1" else agent,
            annotations=self._judged(members, said, pointer),
        )

    def _judged(
        self, members: RowMembers, said: dict[str, Any], pointer: str
    ) -> list[dict[str, Any]]:
        """Annotations of a message; a blank member gives none."""
        annotations = []
        rating = _rating(said.get("turn_rating"), f"{pointer}/turn_rating")
        if rating is None:
            members.remark(BLANK_RATING)
        else:
            annotations.append(annotation("turn_rating", "integer", rating, **_SCALE))
        sentiment = said.get("sentiment")
        if sentiment not in (None, ""):
            text = members.as_text(sentiment, f"{pointer}/sentiment")
            annotations.append(annotation("sentiment", "category", text))
        sources = said.get("knowledge_source")
        if sources is not None:
            if not isinstance(sources, list):
                raise InvalidContent(
                    f"expected a list, not {name_of_kind(sources)}",
                    pointer=f"{pointer}/knowledge_source",
                )
            named = [
                members.as_text(source, f"{pointer}/knowledge_source/{number}")
                for number, source in enumerate(sources)
            ]
            annotations.append(annotation("knowledge_source", "category_multiple", named))
        return annotations

    def _conversation_ratings(self, members: RowMembers) -> dict[str, int]:
        """Each person's rating of the whole, from 1, by person."""
        given = members.value.get("conversation_rating")
        if given is not None and not isinstance(given, dict):
            raise InvalidContent(
                f"expected an object, not {name_of_kind(given)}", pointer="/conversation_rating"
            )
        for agent in given or {}:
            if agent not in _AGENTS:
                raise InvalidContent(
                    f"expected agent_1 or agent_2, not {shown(agent)}",
                    pointer="/conversation_rating",
                )
        ratings = {}
        for agent in _AGENTS:
            rating = _rating((given or {}).get(agent), f"/conversation_rating/{agent}")
            if rating is None:
                members.remark(BLANK_CONVERSATION_RATING)
            else:
                ratings[agent] = rating
        return ratings


def _rating(word: Any, pointer: str) -> int | None:
    """Number of a grade from 1, None for a blank; raises InvalidContent for another word."""
    if word in (None, ""):
        return None
    if word not in _GRADES:
        raise InvalidContent(
            f"expected one of {', '.join(_GRADES)}, not {shown(word)}", pointer=pointer
        )
    return _GRADES.index(word) + 1


def _consolidated(ratings: dict[str, int]) -> list[dict[str, Any]]:
    """Annotation of the thread: the common rating, else the lower one, with both as votes."""
    if not ratings:
        return []
    votes = [vote(person, rating) for person, rating in ratings.items()]
    lowest = min(ratings.values())
    return [annotation("conversation_rating", "integer", lowest, votes=votes, **_SCALE)]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show conversations of Topical-Chat, None for others."""
    if not have_members(rows, _COLUMNS):
        return None
    first = [row.value["content"] for row in rows]
    is_chat = all(
        isinstance(content, list)
        and content
        and isinstance(content[0], dict)
        and {"message", "agent", "turn_rating"} <= content[0].keys()
        for content in first
    )
    return _COLUMNS if is_chat else None


FORMAT = ImportFormat(
    name="topical-chat",
    title="Topical-Chat conversations",
    reader=TopicalChatReader,
    detect=detect,
    specificity=85,
    object_rows=ObjectRows.always,
)
