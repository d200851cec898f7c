"""Chats whose last message is the response: read by a mapping, and drafted so."""

from __future__ import annotations

import pytest

from plaudit.formats.table.drafts import check_mapping, draft_mapping
from tests.formats.reading import rows_of
from tests.formats.table.reading import read_table

CHAT = 'context = "c"\n[[responses]]\ntext = "c[-1].content"\nratings.good = "r"'


def test_an_answer_at_the_end_of_the_context_can_be_the_response():
    said = [("user", "Hi"), ("assistant", "Hello"), ("user", "A bird?"), ("assistant", "Tern")]
    chat = [{"role": role, "content": text} for role, text in said]

    read = read_table(CHAT, {"c": chat, "r": 5})

    turns = read.tasks[0].threads[0]["turns"]
    messages = [one for turn in turns for one in turn["messages"]]
    response = messages[-1]
    assert [one["content"]["text"] for one in messages] == [text for _, text in said]
    assert (response["source_id"], response["annotations"][0]["value"]) == ("response_1", 5)


def test_an_answer_at_the_end_of_the_context_that_is_no_response_is_refused():
    chat = [{"role": "user", "content": "A bird?"}, {"role": "assistant", "content": "Tern"}]

    read = read_table('context = "c"\n[[responses]]\ntext = "a"', {"c": chat, "a": "Gull"})

    assert [reason for _, _, reason in read.refused] == [
        "the row has no prompt: no message asks for the responses"
    ]


@pytest.mark.parametrize(
    ("role", "text", "people"),
    [("role", "content", ("user", "assistant")), ("from", "value", ("human", "gpt"))],
)
def test_the_answer_at_the_end_of_a_chat_is_proposed_as_the_response(role, text, people):
    chat = [{role: person, text: "Hi"} for person in people]

    draft = draft_mapping(rows_of([{"chat": chat, "rating": 1}, {"chat": chat, "rating": 2}]))

    assert draft == {
        "context": "chat",
        "responses": [{"text": f"chat[-1].{text}", "ratings": {"rating": "rating"}}],
    }
    assert check_mapping(draft) == []


def test_a_chat_that_ends_with_a_question_has_no_response_in_it():
    rows = rows_of([{"chat": [{"role": "user", "content": "Hi"}], "reply": "Hello"}])

    assert draft_mapping(rows) == {"context": "chat", "responses": [{"text": "reply"}]}
