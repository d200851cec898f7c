"""Topical-Chat: long conversations, the ratings of each message and of the whole."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import topical_chat
from plaudit.formats.common.conversations import NOT_IN_TURN
from plaudit.formats.common.row_members import EMPTY_RESPONSE
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import ImportOptions, ObjectRows
from tests.formats.reading import (
    annotation_of,
    expected_counts,
    published_rows,
    read_one,
    read_rows_by,
    read_values,
    responses_of,
    rows_of,
    turns_of,
    value_of,
)
from tests.support.running.every_case import every_case

PUBLISHED = "topical-chat-valid-freq/valid_freq.json.gz"
GRADES = ["Poor", "Not Good", "Passable", "Good", "Excellent"]


def said(agent: Any, text: Any, rating: Any = "Good", **members: Any) -> dict[str, Any]:
    """A message of a conversation."""
    return {
        "message": text,
        "agent": agent,
        "sentiment": "Neutral",
        "knowledge_source": ["FS1", "Personal Knowledge"],
        "turn_rating": rating,
        **members,
    }


def chat(*content: Any, **members: Any) -> dict[str, Any]:
    """A conversation; three messages unless given."""
    return {
        "article_url": "https://example.com/terns",
        "config": "C",
        "content": list(content)
        or [
            said("agent_1", "Do you like terns? ", "Excellent"),
            said("agent_2", "I do."),
            said("agent_1", "So do I.", ""),
        ],
        "conversation_rating": {"agent_1": "Good", "agent_2": "Excellent"},
        **members,
    }


@pytest.fixture(scope="module")
def published() -> Any:
    return read_rows_by(topical_chat.FORMAT, published_rows(PUBLISHED, topical_chat.FORMAT))


# --- the published file ---


def test_the_published_conversations_have_the_counted_ratings(published):
    expected = expected_counts("topical-chat-valid-freq")
    messages = [
        one for task in published.tasks for turn in turns_of(task) for one in turn["messages"]
    ]
    ratings = Counter(value_of(one, "turn_rating") for one in messages)
    votes = Counter(
        vote["value"]
        for task in published.tasks
        for vote in annotation_of(task.threads[0], "conversation_rating")["votes"]
    )

    assert published.refused == []
    assert len(published.tasks) == expected["tasks"]
    assert len(messages) == expected["messages"]
    by_number = dict(enumerate(GRADES, 1)) | {None: ""}
    assert {by_number[number]: count for number, count in ratings.items()} == expected[
        "turn_ratings"
    ]
    blank = expected["conversation_ratings"].pop("")
    assert {by_number[number]: count for number, count in votes.items()} == expected[
        "conversation_ratings"
    ]
    assert published.notes.count(topical_chat.BLANK_RATING) == expected["blank_turn_ratings"]
    assert published.notes.count(topical_chat.BLANK_CONVERSATION_RATING) == blank
    odd = [sum(len(turn["messages"]) for turn in turns_of(task)) % 2 for task in published.tasks]
    assert sum(odd) == expected["odd_length_conversations"]


def test_the_published_messages_are_kept_word_for_word(published):
    texts = [
        [one["content"]["text"] for turn in turns_of(task) for one in turn["messages"]]
        for task in published.tasks
    ]

    assert texts == [
        [one["message"] for one in made.value["content"]]
        for made in published_rows(PUBLISHED, topical_chat.FORMAT)
    ]
    assert sum(text != text.strip() for listed in texts for text in listed) == 1752


def test_the_published_conversations_are_detected():
    assert topical_chat.detect(published_rows(PUBLISHED, topical_chat.FORMAT)[:50])
    assert topical_chat.FORMAT.object_rows is ObjectRows.always


# --- rows ---


def test_a_conversation_is_one_thread_of_turns_of_two():
    [made] = rows_of([chat()])
    outcome = read_rows_by(topical_chat.FORMAT, [msgspec.structs.replace(made, key="t_1")])
    [task] = outcome.tasks
    [first, last] = turns_of(task)

    assert task.item_id == "t_1"
    assert [one["source_id"] for one in first["messages"]] == ["user", "agent_2"]
    assert [one["role"] for one in first["messages"]] == ["user", "assistant"]
    assert [one["source_id"] for one in last["messages"]] == ["user"]
    assert [turn["id"] for turn in (first, last)] == ["turn_0", "turn_1"]
    assert first["messages"][0]["content"]["text"] == "Do you like terns? "
    assert annotation_of(first["messages"][0], "turn_rating") == {
        "key": "turn_rating",
        "type": "integer",
        "value": 5,
        "possible_values": [1, 2, 3, 4, 5],
        "labels": GRADES,
    }
    assert value_of(first["messages"][1], "sentiment") == "Neutral"
    assert value_of(first["messages"][1], "knowledge_source") == ["FS1", "Personal Knowledge"]
    assert task.metadata == {"article_url": "https://example.com/terns", "config": "C"}


def test_a_blank_rating_is_no_annotation():
    outcome = read_values(topical_chat.FORMAT, chat())
    [_, last] = turns_of(outcome.tasks[0])

    assert annotation_of(last["messages"][0], "turn_rating") is None
    assert outcome.notes.count(topical_chat.BLANK_RATING) == 1


@pytest.mark.parametrize(
    ("ratings", "value", "votes"),
    [
        ({"agent_1": "Good", "agent_2": "Good"}, 4, [("agent_1", 4), ("agent_2", 4)]),
        ({"agent_1": "Excellent", "agent_2": "Poor"}, 1, [("agent_1", 5), ("agent_2", 1)]),
        ({"agent_1": "", "agent_2": "Poor"}, 1, [("agent_2", 1)]),
    ],
)
def test_the_conversation_has_both_ratings_as_votes_and_the_lower_one_as_value(
    ratings, value, votes
):
    task = read_one(topical_chat.FORMAT, chat(conversation_rating=ratings))
    rating = annotation_of(task.threads[0], "conversation_rating")

    assert rating["value"] == value
    assert [(vote["contributor_id"], vote["value"]) for vote in rating["votes"]] == votes


@pytest.mark.parametrize("ratings", [None, {}, {"agent_1": "", "agent_2": None}])
def test_a_conversation_that_nobody_rated_has_no_rating(ratings):
    task = read_one(topical_chat.FORMAT, chat(conversation_rating=ratings))

    assert task.threads[0]["annotations"] == []


def test_sides_that_do_not_take_turns_are_kept_in_order_or_refused_if_strict():
    texts = ["a", "b", "c", "d", "e"]
    agents = ["agent_2", "agent_1", "agent_1", "agent_2", "agent_2"]
    value = chat(*map(said, agents, texts))
    outcome = read_values(topical_chat.FORMAT, value)
    strict = read_values(topical_chat.FORMAT, value, is_strict=True)
    [task] = outcome.tasks

    assert [[one["content"]["text"] for one in turn["messages"]] for turn in turns_of(task)] == [
        ["a"],
        ["b", "c", "d"],
        ["e"],
    ]
    assert all(len(responses_of(turn)) < 2 for turn in turns_of(task))
    assert task.flags == ["odd_roles"]
    assert outcome.notes.count(NOT_IN_TURN) == 1
    assert [refusal[:2] for refusal in strict.refused] == [(1, "/content")]


def test_members_without_a_meaning_are_kept():
    task = read_one(topical_chat.FORMAT, chat(said("agent_1", "Hi.", lang="en"), reviewer="x"))

    assert task.metadata["reviewer"] == "x"
    assert task.metadata["other_columns"] == {"0": {"lang": "en"}}


def test_an_empty_message_is_kept_with_a_remark():
    outcome = read_values(topical_chat.FORMAT, chat(said("agent_1", " ")))

    assert turns_of(outcome.tasks[0])[0]["messages"][0]["content"]["text"] == " "
    assert outcome.notes.count(EMPTY_RESPONSE) == 1


BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ([], "", "object"),
    "no list": (chat(content="Hi."), "/content", "a text"),
    "no messages": (chat(content=[]), "/content", "has messages"),
    "too many messages": (
        chat(*[said("agent_1", "")] * 10_001), "/content", "more than 10000",
    ),
    "a text as message": (chat("Hi."), "/content/0", "a text"),
    "an unknown agent": (chat(said("agent_3", "Hi.")), "/content/0/agent", "agent_1 or agent_2"),
    "a list as agent": (
        chat(said(["agent_1"], "Hi.")),
        "/content/0/agent",
        "agent_1 or agent_2",
    ),
    "no text": (chat(said("agent_1", None)), "/content/0/message", "null"),
    "an unknown grade": (
        chat(said("agent_1", "Hi."), said("agent_2", "Hi.", "Fine")),
        "/content/1/turn_rating",
        "'Fine'",
    ),
    "a number as grade": (
        chat(said("agent_1", "Hi.", 4)), "/content/0/turn_rating", "expected one of",
    ),
    "a text as sources": (
        chat(said("agent_1", "Hi.", knowledge_source="FS1")),
        "/content/0/knowledge_source",
        "a text",
    ),
    "an object as source": (
        chat(said("agent_1", "Hi.", knowledge_source=["FS1", {}])),
        "/content/0/knowledge_source/1",
        "an object",
    ),
    "a list as sentiment": (
        chat(said("agent_1", "Hi.", sentiment=[])), "/content/0/sentiment", "a list",
    ),
    "a rating that is a text": (
        chat(conversation_rating="Good"), "/conversation_rating", "a text",
    ),
    "an unknown grade of the whole": (
        chat(conversation_rating={"agent_1": "OK"}), "/conversation_rating/agent_1", "'OK'",
    ),
    "a rating by a third": (
        chat(conversation_rating={"agent_3": "Good"}), "/conversation_rating", "'agent_3'",
    ),
}  # fmt: skip


@every_case("value, pointer, reason", BAD.values())
def test_a_bad_row_is_refused_with_its_place_and_the_next_one_read(value, pointer, reason):
    outcome = read_values(topical_chat.FORMAT, value, chat())

    [(number, where, why)] = outcome.refused
    assert (number, where, len(outcome.tasks)) == (1, pointer, 1)
    assert reason in why


def test_the_form_is_one_that_people_can_answer():
    form = topical_chat.TopicalChatReader(ImportOptions(), ImportNotes()).form()

    check_form(form)


@pytest.mark.parametrize(
    "other",
    [
        {"content": [{"role": "user"}], "conversation_rating": {}, "article_url": ""},
        {"content": "Hi.", "conversation_rating": {}, "article_url": ""},
        {"content": [], "conversation_rating": {}, "article_url": ""},
        {"content": [said("agent_1", "Hi.")]},
    ],
)
def test_other_shapes_are_not_detected(other):
    assert topical_chat.detect(rows_of([chat(), other])) is None
    assert topical_chat.detect([Row(file="f", number=1, value=chat())])
