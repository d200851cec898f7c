"""Pages in `seq` order show the same, whether their tasks lie close together or far apart."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.store.common import pages
from tests.support.builders import make_tasks
from tests.support.harness import World, walk

COUNT = 240
CLOSE = range(100, 130)
"""Tasks of one batch that lie one behind another; its others lie far apart."""


@pytest.fixture(scope="module")
def spread(open_shared) -> tuple[World, list[dict[str, Any]]]:
    """A project with a batch that lies in pieces, pending tasks at both ends, and long tasks."""
    world = open_shared()
    rows = make_tasks(COUNT)
    for number, row in enumerate(rows):
        row["batch"] = "apart" if number % 13 == 5 or number in CLOSE else "rest"
        row["metadata"] = {"text": "x" * (3_000 if number % 7 == 0 else 10)}
        if number % 53 == 3 or number > COUNT - 4:
            del row["completed_at"], row["threads"]
            row["status"] = "pending"
    assert world.load(rows)[1] == []
    return world, rows


@pytest.mark.parametrize(("limit", "page_bytes"), [(3, 7_000), (29, pages.PAGE_BYTES_MAX)])
@pytest.mark.parametrize("batch", [None, "apart"])
@pytest.mark.parametrize("status", [None, "completed", "pending"])
def test_a_walk_finds_every_task_of_the_filter_once_and_in_order(
    spread, monkeypatch, status, batch, limit, page_bytes
):
    world, rows = spread
    monkeypatch.setattr(pages, "PAGE_BYTES_MAX", page_bytes)
    asked = {"status": status, "batch_name": batch}
    params = {name: value for name, value in asked.items() if value is not None}
    params |= {"project_id": "project_123", "opts": "submissions"}

    with world.client() as client:
        found = walk(client, limit=limit, **params)

    assert [task["task_id"] for task in found] == [
        row["task_id"]
        for row in rows
        if (status is None or row["status"] == status) and (batch is None or row["batch"] == batch)
    ]


@pytest.mark.parametrize("limit", [3, 5])
def test_a_page_is_full_while_more_follow(spread, limit):
    """A stretch that has few of a list's tasks is no reason for a short page."""
    world, rows = spread
    wanted = sum(row["batch"] == "apart" for row in rows)
    params = {"project_id": "project_123", "batch_name": "apart", "opts": "submissions"}
    sizes, token = [], None

    with world.client() as client:
        while token is not None or not sizes:
            page = client.get(
                "/v2/tasks", params=params | {"limit": limit, "next_token": token or ""}
            ).json()
            sizes.append(len(page["tasks"]))
            token = page.get("next_token")

    assert sizes == [limit] * (wanted // limit) + [wanted % limit] * (wanted % limit > 0)
