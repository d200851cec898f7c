"""All that a message says can be read where it is annotated, reviewed and managed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from msgspec import inspect

from plaudit.model.core import PersonRole
from plaudit.wire.v2.annotation import BasicFile
from plaudit.wire.v2.task import MessageContent
from tests.support.annotators import AnnotationTeam
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import World
from tests.support.pages.visible_text import visible_text

ADDRESSES = {"url", "scale_url", "transcript_url"}


class Filling:
    """Content with every member that v2 has, in each a word or number that stands nowhere else."""

    def __init__(self, scheme: str) -> None:
        self.words: list[str] = []
        self._scheme = scheme
        self._numbers = count(100)

    def content(self) -> Any:
        return self._value("", inspect.type_info(MessageContent))

    def _value(self, name: str, kind: inspect.Type) -> Any:
        match kind:
            case inspect.StructType(cls=cls, fields=fields):
                is_file = issubclass(cls, BasicFile)
                return {
                    one.encode_name: self._file_content()
                    if is_file and one.name == "content"
                    else self._value(one.name, one.type)
                    for one in fields
                }
            case inspect.ListType() if name == "annotations":
                return []
            case inspect.ListType(item_type=item):
                return [self._value(name, item), self._value(name, item)]
            case inspect.UnionType(types=kinds):
                [filled, *_] = [one for one in kinds if not isinstance(one, inspect.NoneType)]
                return self._value(name, filled)
            case inspect.IntType() | inspect.FloatType():
                self.words.append(str(next(self._numbers)))
                return int(self.words[-1])
            case inspect.StrType():
                return self._text(name)
        raise AssertionError(f"a member of another kind: {name}")

    def _text(self, name: str) -> str:
        word = f"word{next(self._numbers)}"
        self.words.append(word)
        if name in ADDRESSES:
            return f"{self._scheme}{word}"
        return word

    def _file_content(self) -> str:
        return base64.b64encode(self._text("").encode()).decode()


def conversation(content: Callable[[], Any]) -> list[Any]:
    """A turn that led here and one that is asked about, with every role in both."""

    def turn(name: str, *responses: str) -> Any:
        said = [make_message(f"{name}_{role}", role=role, content=content())
                for role in ("system", "user", "function")]  # fmt: skip
        for response in responses:
            said.append(make_message(response, content=content()))
            said.append(make_message(f"{response}_tool", role="function", content=content()))
        return make_turn(name, said)

    return [make_thread(turns=[turn("one", "a"), turn("two", "a", "b")])]


def pages_of(team: AnnotationTeam, client: AppClient, content: list[Any]) -> dict[str, str]:
    """The visible text of the three pages on which a task is read."""
    [task_id] = team.add(content)
    mia = team.worker(client, "Mia", role=PersonRole.manager)
    mia.take()
    project_id = team.project.project_id

    def read(path: str) -> str:
        page = mia.get(path)
        assert page.status_code == 200, page.text
        return visible_text(page.text, without_class="raw-json")

    return {
        "annotate": read(mia.at),
        "review": read(f"/review/{project_id}/tasks/{task_id}"),
        "manage": read(f"/projects/{project_id}/tasks/{task_id}"),
    }


@pytest.mark.parametrize("scheme", ["https://files.example/", "s3://bucket/"])
@pytest.mark.parametrize("is_blind", [True, False])
def test_every_word_of_every_member_is_on_every_page(
    world: World, client: AppClient, scheme: str, is_blind: bool
):
    filling = Filling(scheme)
    team = AnnotationTeam(world, blind=is_blind)

    pages = pages_of(team, client, conversation(filling.content))

    assert len(filling.words) > 200
    for name, text in pages.items():
        missing = [word for word in filling.words if word not in text]
        assert (name, missing) == (name, [])


def one_response(*contents: Any) -> list[Any]:
    messages = [make_message(f"model_{n}", content=one) for n, one in enumerate(contents)]
    return [make_thread(turns=[make_turn(messages=[make_message("user", "Q"), *messages])])]


NOTHING = [{}, {"text": ""}, {"text": " \n\u200b"}, {"chunks": []},
           {"chunks": [{"type": "text", "text": "", "annotations": []}]},
           {"reasoning": [{"content": "Hm."}]}, {"reference_texts": [{}]}]  # fmt: skip


@pytest.mark.parametrize("content", NOTHING, ids=range(len(NOTHING)))
def test_a_response_that_says_nothing_is_said_to_be_empty(world: World, client: AppClient, content):
    team = AnnotationTeam(world)

    pages = pages_of(team, client, one_response(content, {"text": "An answer."}))

    assert {name: text.count("(empty)") for name, text in pages.items()} == dict.fromkeys(pages, 1)


def test_a_text_that_its_chunks_say_again_is_shown_once(world: World, client: AppClient):
    chunks = [{"type": "text", "text": text, "annotations": []} for text in ("One.", "Two.")]
    team = AnnotationTeam(world)

    pages = pages_of(team, client, one_response({"text": "One.\n\nTwo.\n", "chunks": chunks}, {}))

    assert {name: text.count("One.") for name, text in pages.items()} == dict.fromkeys(pages, 1)


def test_content_of_a_file_that_is_no_text_is_told_by_its_size(world: World, client: AppClient):
    content = base64.b64encode(b"\xff\x00\xff").decode()
    team = AnnotationTeam(world)

    pages = pages_of(team, client, one_response({"attachments": [{"content": content}]}, {}))

    assert all("3 bytes inside of the message" in text for text in pages.values())


def test_the_result_of_a_tool_stands_at_the_response_that_asked_for_it(
    world: World, client: AppClient
):
    messages = [make_message("user", "Q"), make_message("tool_0", "for all", role="function")]
    for name in "ab":
        messages.append(make_message(name, f"said by {name}"))
        messages.append(make_message(f"tool_{name}", f"result {name}", role="function"))
    team = AnnotationTeam(world)

    pages = pages_of(team, client, [make_thread(turns=[make_turn(messages=messages)])])

    for name in ("annotate", "review"):
        asked, *answered = pages[name].split("said by ")
        assert "for all" in asked
        assert sorted(one[0] for one in answered) == ["a", "b"]
        assert all(f"result {one[0]}" in one for one in answered)
    assert "after a" in pages["manage"]
    assert "after b" in pages["manage"]


def test_a_response_that_was_continued_is_shown_once_to_reviewers(world: World, client: AppClient):
    turns = [
        make_turn(name, [make_message("user", "Q"), make_message("a", f"said in {name}")])
        for name in ("one", "two")
    ]
    turns[1]["messages"].append(make_message("b", "other"))
    team = AnnotationTeam(world)

    pages = pages_of(team, client, [make_thread(turns=turns)])

    assert pages["review"].count("said in one") == 1
