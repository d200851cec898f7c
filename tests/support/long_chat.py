"""Conversations of many turns, and the pages that show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from plaudit.model.core import PersonRole
from tests.support.annotators import AnnotationTeam, Worker
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_thread, make_turn

At = tuple[Worker, str]
"""Somebody, and the path of a page that they may look at."""

_LINK = re.compile(r'href="([^"]+/turns\?[^"]+)"')


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


def annotation_page(team: AnnotationTeam, client: AppClient, content: list[Any]) -> At:
    team.add(content)
    ann = team.worker(client, f"Ann{team.project.name}")
    ann.take()
    return ann, ann.at


def review_page(team: AnnotationTeam, client: AppClient, content: list[Any]) -> At:
    [task_id] = team.add(content)
    rae = team.worker(client, f"Rae{team.project.name}", role=PersonRole.reviewer)
    return rae, f"/review/{team.project.project_id}/tasks/{task_id}"


def managers_page(team: AnnotationTeam, client: AppClient, content: list[Any]) -> At:
    [task_id] = team.add(content)
    mia = team.worker(client, f"Mia{team.project.name}", role=PersonRole.manager)
    return mia, f"/projects/{team.project.project_id}/tasks/{task_id}"


PAGES = {"annotate": annotation_page, "review": review_page, "manage": managers_page}


def read_whole(person: Worker, path: str) -> Iterator[str]:
    """A page, and then its further portions, by the links to them."""
    links, seen = [path], 0
    while seen < len(links):
        answer = person.get(links[seen])
        assert answer.status_code == 200, answer.text
        links += [unescape(link) for link in _LINK.findall(answer.text)]
        seen += 1
        yield answer.text
