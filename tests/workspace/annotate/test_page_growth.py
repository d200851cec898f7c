"""Pages of long conversations: as long as what they show, and each turn is drawn once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from plaudit.model.core import PersonRole
from plaudit.store.tasks import task_summaries
from plaudit.workspace.projects import task_pages
from tests.support.annotators import AnnotationTeam, good_answers, make_content
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.databases.read_bytes import ReadBytes
from tests.support.harness import one_engine

SIZES = (20, 80)
Read = Callable[[], str]
"""Asks for a page again, and returns its text."""


def long_chat(turns: int, *, every: int = 1) -> list[Any]:
    """A conversation of so many turns, of which every so many-th has two responses to compare."""

    def messages(number: int) -> list[Any]:
        texts = [f"answer {number} one", f"answer {number} two"][: 2 - bool((number + 1) % every)]
        names = ("base_model", "test_model")
        return [
            make_message("user", f"prompt {number}."),
            *(make_message(name, f"{text}.") for name, text in zip(names, texts, strict=False)),
        ]

    return [make_thread(turns=[make_turn(f"turn_{n}", messages(n)) for n in range(turns)])]


def annotation_page(team: AnnotationTeam, client: TestClient, content: list[Any]) -> Read:
    team.add(content)
    ann = team.worker(client, f"Ann{team.project.name}")
    ann.take()
    return lambda: ann.get(ann.at).text


def review_page(team: AnnotationTeam, client: TestClient, content: list[Any]) -> Read:
    [task_id] = team.add(content)
    rae = team.worker(client, f"Rae{team.project.name}", role=PersonRole.reviewer)
    return lambda: rae.get(f"/review/{team.project.project_id}/tasks/{task_id}").text


def managers_page(team: AnnotationTeam, client: TestClient, content: list[Any]) -> Read:
    [task_id] = team.add(content)
    mia = team.worker(client, f"Mia{team.project.name}", role=PersonRole.manager)
    return lambda: mia.get(f"/projects/{team.project.project_id}/tasks/{task_id}").text


def cost(read: Read) -> float:
    """Seconds of CPU time that a page takes."""
    started = time.process_time()
    read()
    return time.process_time() - started


PAGES = {"annotate": annotation_page, "review": review_page, "manage": managers_page}
COPIES = {"annotate": 2, "review": 2, "manage": 1}
"""Times that a text stands on a page: as it is rendered and as it is written."""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("every", [1, 3])
def test_each_turn_is_drawn_once(world, client, page, every):
    text = PAGES[page](AnnotationTeam(world), client, long_chat(9, every=every))()

    for number in range(9):
        for said in (f"prompt {number}.", f"answer {number} one."):
            assert text.count(said) == COPIES[page], said


@one_engine
@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_its_cost_grow_with_the_conversation_and_no_faster(world, client, page):
    sizes, seconds = [], []
    for number, turns in enumerate(SIZES):
        team = AnnotationTeam(world, f"Eggs{number}")
        read = PAGES[page](team, client, long_chat(turns))
        sizes.append(len(read()))
        seconds.append(min(cost(read) for _ in range(3)))

    growth = SIZES[1] / SIZES[0]
    assert sizes[1] < sizes[0] * growth * 1.05
    assert seconds[1] < seconds[0] * growth * 2


def test_a_turn_leads_back_to_the_one_above_it(world, client):
    text = annotation_page(AnnotationTeam(world), client, long_chat(6, every=2))()

    sections = re.findall(r'<section class="asked" id="(\w+)"', text)
    links = re.findall(r'Goes on from <a href="#(\w+)">', text)
    assert sections == ["t0u1", "t0u3", "t0u5"]
    assert links == sections[:-1]


def test_a_task_s_json_is_on_its_page_unless_it_is_long(world, client, monkeypatch):
    read = managers_page(AnnotationTeam(world), client, long_chat(2))
    short = read()
    monkeypatch.setattr(task_pages, "JSON_BYTES_MAX", 100)
    long = read()

    assert "&#34;task_id&#34;" in short
    assert "&#34;task_id&#34;" not in long
    assert "too many for this page" in long


def test_a_task_is_read_once_for_its_page(world, client, monkeypatch):
    """On SQLite reading is done on the event loop, and 24 MiB take 25 ms."""
    characters = 300_000
    [thread] = make_content(prompt="x" * characters)
    page = managers_page(AnnotationTeam(world), client, [thread])
    read = ReadBytes(world, monkeypatch)

    page()

    assert characters < read.count < 1.5 * characters


def test_lists_of_tasks_do_not_read_their_conversations(world, client, monkeypatch):
    """Neither what is cut off to an excerpt, nor of which there is none because it is too long."""
    team = AnnotationTeam(world, review="all")
    for text, characters in (("Medium.", 300_000), ("Long.", task_summaries.OPENED_BYTES_MAX)):
        [thread] = make_content(prompt="x" * characters)
        thread["turns"][0]["messages"][0]["content"]["text"] = text
        team.add([thread])
    ann = team.worker(client, "Ann")
    for key in ("k1", "k2"):
        body = {"answers": good_answers(), "client_key": key, "active_ms": 5}
        assert ann.call("submit", lease_version=ann.take()["lease_version"], **body).is_success
    rae = team.worker(client, "Rae", role=PersonRole.reviewer)
    mia = team.worker(client, "Mia", role=PersonRole.manager)
    project_id = team.project.project_id
    read = ReadBytes(world, monkeypatch)

    lists = [
        ann.get(f"{team.path}/mine").text,
        rae.get(f"/review/{project_id}").text,
        mia.get(f"/projects/{project_id}/tasks").text,
    ]

    assert all("Medium." in text and "Long." not in text for text in lists)
    assert read.count < 250_000
