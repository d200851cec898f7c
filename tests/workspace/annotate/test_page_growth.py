"""Pages of long conversations: as long as what they show, and each turn is drawn once."""

from __future__ import annotations

import re
import time

import pytest

from plaudit.model.core import PersonRole
from plaudit.store.tasks import task_summaries
from plaudit.workspace.projects import task_pages
from tests.support.annotators import AnnotationTeam, Worker, good_answers, make_content
from tests.support.databases.read_bytes import ReadBytes
from tests.support.harness import one_engine
from tests.support.long_chat import PAGES, annotation_page, long_chat, managers_page, read_whole

SIZES = (40, 160)


ROUNDS_MAX = 5
"""Measurements of both lengths, one after the other, of which one has to be undisturbed."""


def cost(person: Worker, path: str) -> float:
    """Seconds of CPU of a page with all portions."""
    started = time.process_time()
    read_whole(person, path)
    return time.process_time() - started


COPIES = {"annotate": 2, "review": 2, "manage": 1}
"""Times that a text stands on a page: as it is rendered and as it is written."""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("every", [1, 3])
def test_each_turn_is_drawn_once(world, client, page, every):
    person, path = PAGES[page](AnnotationTeam(world), client, long_chat(9, every=every))
    # Neither the line of a folded turn nor what names the page.
    text = re.sub("<(bdi|title)>prompt.*?</", "", person.get(path).text)

    for number in range(9):
        for said in (f"prompt {number}.", f"answer {number} one."):
            assert text.count(said) == COPIES[page], said


@one_engine
@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_its_cost_grow_with_what_is_shown_and_no_faster(world, client, page):
    """The first answer does not grow but for the index of what else is asked."""
    pages, all_lengths, first_lengths = [], [], []
    for number, turns in enumerate(SIZES):
        team = AnnotationTeam(world, f"Eggs{number}")
        person, path = PAGES[page](team, client, long_chat(turns))
        lengths = [len(text) for text in read_whole(person, path)]
        pages.append((person, path))
        all_lengths.append(sum(lengths))
        first_lengths.append(lengths[0])

    growth = SIZES[1] / SIZES[0]
    assert first_lengths[1] < first_lengths[0] + 20 * SIZES[1]
    assert all_lengths[1] < all_lengths[0] * growth * 1.05
    ratios: list[float] = []
    while not ratios or (min(ratios) >= growth * 2 and len(ratios) < ROUNDS_MAX):
        short, long = (cost(person, path) for person, path in pages)
        ratios.append(long / short)
    assert min(ratios) < growth * 2


def test_a_turn_leads_back_to_the_one_above_it(world, client):
    person, path = annotation_page(AnnotationTeam(world), client, long_chat(6, every=2))
    text = person.get(path).text

    sections = re.findall(r'<section class="asked" id="(\w+)"', text)
    links = re.findall(r'Goes on from <a href="#(\w+)">', text)
    assert sections == ["t0u1", "t0u3", "t0u5"]
    assert links == sections[:-1]


def test_a_task_s_json_is_on_its_page_unless_it_is_long(world, client, monkeypatch):
    person, path = managers_page(AnnotationTeam(world), client, long_chat(2))
    short = person.get(path).text
    monkeypatch.setattr(task_pages, "JSON_BYTES_MAX", 100)
    long = person.get(path).text

    assert "&#34;task_id&#34;" in short
    assert "&#34;task_id&#34;" not in long
    assert "too many for this page" in long


def test_a_task_is_read_once_for_its_page(world, client, monkeypatch):
    """On SQLite reading is done on the event loop, and 24 MiB take 25 ms."""
    characters = 300_000
    [thread] = make_content(prompt="x" * characters)
    person, path = managers_page(AnnotationTeam(world), client, [thread])
    read = ReadBytes(world, monkeypatch)

    person.get(path)

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
