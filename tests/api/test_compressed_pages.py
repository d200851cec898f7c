"""Pages of tasks in the coding that a client accepts, on each engine; page files have tests of
their own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.api.http import content_codings
from plaudit.api.http.content_codings import chosen_coding
from plaudit.model.codings import Coding
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.running.every_case import every_case

LONG: dict[str, Any] = {"project_id": "project_123"}
ACCEPTED = ("identity", *Coding)


@pytest.fixture(scope="module")
def stored(open_shared) -> World:
    world = open_shared()
    thread = make_thread(turns=[make_turn(messages=[make_message("user", "é" * 2_000)])])
    world.load(make_task(f"task_{number}", threads=[thread]) for number in range(30))
    return world


def answers(world: World, **params: Any) -> list[Any]:
    with world.client() as client:
        return [
            client.get("/v2/tasks", params=LONG | params, headers={"Accept-Encoding": one})
            for one in ACCEPTED
        ]


@pytest.mark.parametrize("params", [{}, {"opts": "submissions"}, {"expand": "project"}])
def test_a_long_page_is_the_same_page_in_each_coding(stored, params):
    plain, *packed = answers(stored, **params)

    for coding, answer in zip(Coding, packed, strict=True):
        assert answer.content == plain.content
        assert answer.headers["vary"] == plain.headers["vary"] == "Authorization, Accept-Encoding"
        if stored.settings.database is not None:
            assert answer.headers["content-encoding"] == coding
            assert int(answer.headers["content-length"]) < len(plain.content) / 2
        else:  # without page files
            assert "content-encoding" not in answer.headers


def test_a_short_page_comes_as_it_is(stored):
    assert all("content-encoding" not in one.headers for one in answers(stored, limit=2))


def test_where_too_many_wait_a_page_comes_as_it_is(stored, monkeypatch):
    monkeypatch.setattr(content_codings, "WAITING_MAX", 0)

    found = answers(stored)

    assert all("content-encoding" not in one.headers for one in found)
    assert len({one.content for one in found}) == 1


def test_pages_are_not_compressed_where_that_is_switched_off(world):
    thread = make_thread(turns=[make_turn(messages=[make_message("user", "x" * 40_000)])])
    world.load([make_task("task_1", threads=[thread])])
    world.settings = msgspec.structs.replace(world.settings, compressed_pages=False)

    found = answers(world)

    assert all("content-encoding" not in one.headers for one in found)
    assert all(one.headers["vary"] == "Authorization" for one in found)


@every_case(
    "accepted, coding",
    [
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("zstd, gzip", "gzip"),
        ("zstd, gzip;q=0.9", "zstd"),
        ("gzip;q=1, zstd;q=0.9", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.5", "gzip"),
        ("*", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, *", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("identity;q=0.5, gzip;q=0.4", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=2", None),
        ("gzip;level=9", None),
        (";;,,;q=", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_prefers(accepted, coding):
    assert chosen_coding(accepted.encode()) == coding
