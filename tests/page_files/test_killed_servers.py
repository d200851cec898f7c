"""A server that is killed while it writes, and builds page files, never leaves a wrong byte.

PLAUDIT_TEST_KILLS says how often; the suite does it a few times.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from plaudit.core.tasks import page_records
from plaudit.settings import Settings
from tests.page_files.test_sent_files import wait_for_places
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import Server, World
from tests.support.running.built_files import BuiltFiles

KILLS = int(os.environ.get("PLAUDIT_TEST_KILLS", "3"))
TASKS, WRITTEN = 200, 150
"""All tasks of the store, and those of them that the writers change."""
WRITERS = 3
PAUSE_S = 0.005
"""Seconds between two requests of a writer."""
UP_S_MAX = 1.5
"""Seconds after which a server is killed at the latest; its builder begins after 1 s."""


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    return sqlite_settings


def write(server: Server, key: str, dice: random.Random, stopped: threading.Event) -> None:
    """Change tasks, one request after another, until the server is gone."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=5) as client:
        while not stopped.wait(PAUSE_S):
            task = f"task_{dice.randrange(WRITTEN)}"
            body = {"task_id": task, "metadata": {"text": "é" * dice.randrange(3000)}}
            try:
                client.post("/v2/task/metadata", json=body).raise_for_status()
                client.get("/v2/tasks", params={"project_id": "project_123"})
            except httpx2.TransportError:
                return


@pytest.fixture
def loaded(world: World) -> Iterator[World]:
    turn = make_turn(messages=[make_message("user", "é" * 5_000)])
    world.load(
        make_task(f"task_{number}", threads=[make_thread(turns=[turn])]) for number in range(TASKS)
    )
    return world


@pytest.mark.timeout(120 + 10 * KILLS)
def test_a_server_that_is_killed_leaves_no_wrong_byte(loaded):
    world, dice, key = loaded, random.Random(KILLS), loaded.key()
    page_count = from_files = 0
    for number in range(KILLS):
        server = Server(world.settings)
        stopped = threading.Event()
        threads = [
            threading.Thread(
                target=write, args=(server, key, random.Random(dice.random()), stopped)
            )
            for _ in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        # Most of them in the round of a builder, which is when it claims, writes and sets places.
        time.sleep(dice.uniform(0.9, UP_S_MAX) if number % 4 else dice.uniform(0, 0.9))
        server.stop(signal.SIGKILL)
        stopped.set()
        for thread in threads:
            thread.join()

        assert world.run(page_records.count_wrong(world.db, world.settings.pages_folder)) == 0
        built = BuiltFiles(world)
        walked, of_files = built.compare_walk(limit=4)
        page_count, from_files = page_count + walked, from_files + of_files
        if number % 10 == 9:
            built.build()
            assert built.compare(limit=100)
        built.builder.close()

    print(f"{from_files} of {page_count} pages from files right after {KILLS} kills")
    server = Server(world.settings)
    wait_for_places(world)
    server.stop()
    assert world.run(page_records.count_wrong(world.db, world.settings.pages_folder)) == 0
