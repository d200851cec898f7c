"""Excerpts of tasks: the beginning of the first prompt, read from a bounded part of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.labeling import task_notes
from plaudit.core.tasks import excerpts, lifecycle
from plaudit.core.tasks.excerpts import EXCERPT_CHARS, excerpt, excerpt_of_json
from plaudit.store.tasks import task_locators
from plaudit.store.tasks.task_summaries import OPENING_BYTES
from plaudit.wire.v2.task import Thread
from tests.support.builders import make_message, make_turn
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject, make_content
from tests.support.strategies import TEXTS


def conversation(*messages: tuple[str, str]) -> list[Thread]:
    """A turn of messages, each given as its role and text."""
    said = [
        make_message(f"source_{number}", text, role=role)
        for number, (role, text) in enumerate(messages)
    ]
    return make_content(make_turn(messages=said))


def stored(content: list[Thread]) -> bytes:
    return msgspec.json.encode(content)


ANSWERS = (("assistant", "An answer."), ("assistant", "Another one."))
ROLES = st.sampled_from(["system", "user", "assistant", "function"])


@given(st.lists(st.tuples(ROLES, TEXTS), max_size=4))
def test_what_is_read_of_the_stored_json_is_what_the_conversation_says(messages):
    content = conversation(*messages)

    assert excerpt_of_json(stored(content)) == excerpt(content)
    assert excerpt_of_json(b'"threads":' + stored(content) + b"}") == excerpt(content)


@pytest.mark.parametrize("prompt", ['Say "é" \\ 😀\n\u0007', 'x "messages":[ y'])
def test_a_cut_anywhere_shows_a_beginning_of_the_prompt(prompt):
    content = conversation(("user", prompt), ("assistant", "An answer."))
    json = stored(content)

    found = [excerpt_of_json(json[:length]) for length in range(len(json))]

    assert all(excerpt(content).startswith(text) for text in found)
    assert found[-1] == excerpt(content)


def test_what_comes_before_the_prompt_is_passed_over():
    rules = ("system", "Be kind. " * 100)
    content = conversation(rules, ("function", "7"), ("user", "  Why\n\tis it? "))

    assert excerpt_of_json(stored(content)) == "Why is it?"


def test_a_message_that_is_cut_after_its_role_stands_in_for_no_prompt():
    json = stored(conversation(("system", "Be kind."), ("user", "Why?")))

    cut = json[: json.index(b'"system"') + len(b'"system"')]

    assert excerpt_of_json(cut) == ""


def test_a_long_prompt_is_cut():
    content = conversation(("user", "word " * OPENING_BYTES))

    text = excerpt_of_json(stored(content)[:OPENING_BYTES])

    assert text == excerpt(content)
    assert len(text) == EXCERPT_CHARS


def test_an_excerpt_that_goes_on_ends_with_a_whole_word():
    one = excerpt(conversation(("user", "rhinoceros, " * 20)))
    other = excerpt(conversation(("user", "a" * 500)))

    assert one == "rhinoceros, " * 9 + "rhinoceros…"
    assert other == "a" * (EXCERPT_CHARS - 1) + "…"


def test_tasks_of_every_status_have_one_but_none_whose_content_was_reported(world: World):
    project = LabelingProject(world)
    ids = [
        project.create(1, content=conversation(("user", f"Question {number}?"), *ANSWERS))[0]
        for number in range(5)
    ]
    quarantined, done, reported, canceled, pending = ids
    project.do(task_notes.report_sensitive, project.take(), kind="violence")
    delivered = msgspec.to_builtins(conversation(("user", "As delivered?")))
    project.move(partial(lifecycle.complete_task, threads=delivered), done)
    project.move(partial(lifecycle.complete_reported, reports=[]), reported)
    project.move(lifecycle.cancel_task, canceled)

    async def read(tx: Any) -> list[str | None]:
        located = await task_locators.locate_tasks(tx, project.environment_id, ids)
        seqs = [located[task_id][1] for task_id in ids]
        texts = await excerpts.list_excerpts(tx, project.project.project_key, seqs)
        return [texts.get(seq) for seq in seqs]

    found = project.write(read)

    assert project.task(quarantined).status is project.task(pending).status
    assert found == [None, "As delivered?", None, "Question 3?", "Question 4?"]
