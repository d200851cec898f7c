"""Tokens that the benchmark of scale makes itself are those that the server gives on a walk."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from benchmarks.scale.lists import full_pages, token_before
from plaudit.clock import format_ms
from tests.support.builders import make_tasks
from tests.support.harness import World, on_shared_sqlite

pytestmark = on_shared_sqlite
PAGE = 20


@pytest.fixture(scope="module")
def shelf(open_shared) -> World:
    """Tasks of two batches that were not completed in the order in which they were made."""
    world = open_shared()
    rows = make_tasks(300)
    for number, row in enumerate(rows):
        row["batch"] = f"batch_{number % 2}"
        row["completed_at"] = format_ms(1_700_000_000_000 + number * 7919 % 300 * 1000)
        if number % 10 == 3:
            del row["completed_at"], row["threads"]
            row["status"] = "pending"
    assert world.load(rows)[1] == []
    return world


@pytest.mark.parametrize(
    ("batch", "status", "after"),
    list(itertools.product((None, "batch_1"), (None, "completed"), (None, "2023-11-14T22:14:00Z"))),
)
def test_a_token_of_a_place_is_that_of_the_walk(shelf, monkeypatch, batch, status, after):
    monkeypatch.setattr("benchmarks.scale.lists.PAGE_TASKS", PAGE)
    given = {"batch_name": batch, "status": status, "completed_after": after}
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    asked |= {"project_id": "project_123", "limit": PAGE}
    tokens, sizes = [None], []
    with shelf.client() as client:
        while True:
            page = client.get("/v2/tasks", params=asked).json()
            sizes.append(len(page["tasks"]))
            if "next_token" not in page:
                break
            asked["next_token"] = page["next_token"]
            tokens.append(page["next_token"])

    data, first = shelf.settings.data, tokens[1]
    assert full_pages(data, first) == sizes.count(PAGE) > 2
    assert [token_before(data, first, n) for n in range(1, len(tokens))] == tokens[1:]
