"""Many people on many tasks, some of whose processes are killed.

The same at full size, five hundred people on five thousand tasks: `python -m benchmarks --only
claims`.
"""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import time
from pathlib import Path

import pytest

from benchmarks import annotators
from benchmarks.annotators import ANSWERS, FORM
from benchmarks.crews import Crews, make_floors
from plaudit.store.engine import checks
from tests.support import slow_annotator
from tests.support.forked_process import ForkedProcess
from tests.support.harness import clean_environment
from tests.support.labeling_project import LabelingProject

PEOPLE = 40
TASKS = 180
OVERLAPS = (1, 2, 3)
LEASE_SECONDS = 1
KILLS = 3


class ForkedCrew(ForkedProcess):
    """The people of one process, which was forked; what it writes is kept for `communicate`."""

    def __init__(self, config: str, log: Path) -> None:
        super().__init__(annotators.main, [config], environ=clean_environment(), log=log)
        self._log = log

    def communicate(self, *, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Wait for its end; what it wrote, which is in both places if it failed."""
        self.wait(timeout)
        written = self._log.read_bytes()
        return written, written


class ForkedCrews(Crews):
    """Crews whose processes are forked from one that has imported the product."""

    _numbers = itertools.count()

    def start(self, config: str) -> ForkedCrew:
        """Start the people of one process, who read `config` as JSON."""
        log = Path(self.config.data) / f"crew-{next(self._numbers)}.log"
        return ForkedCrew(config, log)


@pytest.mark.slow
def test_every_task_gets_exactly_what_it_needs_and_nothing_that_was_acknowledged_is_lost(world):
    floors = world.run(
        make_floors(
            world.db,
            world.org(),
            name="Many",
            tasks=TASKS,
            overlaps=OVERLAPS,
            lease_seconds=LEASE_SECONDS,
        )
    )

    crews = ForkedCrews(
        world.settings, floors, people=PEOPLE, lease_seconds=LEASE_SECONDS, late_share=0.1
    )
    meanwhile: dict[str, int] = {}
    try:
        for _ in range(KILLS):
            crews.kill_some(1, after=60)
            meanwhile |= world.run(checks.violations(world.db))
        counts = crews.finish()
    finally:
        crews.end()

    found = world.run(crews.look(world.db, counts))
    assert meanwhile == {}
    assert (found.wrong_tasks, found.twice, found.lost, found.violations) == (0, 0, 0, 0)
    assert found.tasks == TASKS
    assert found.submissions == TASKS // len(OVERLAPS) * sum(OVERLAPS)
    assert found.acknowledged > found.submissions - PEOPLE * (KILLS + 1)
    assert found.kills == KILLS
    assert counts["lost"] > 0


def test_a_process_that_was_stopped_for_longer_than_its_lease_comes_too_late(world):
    """Stopped and let go on, as a notebook that is closed; the work is somebody else's by then."""
    labeling = LabelingProject(world, form=FORM, lease_seconds=3)
    [task_id] = labeling.create()
    lease = labeling.take("slow")
    labeling.draft(lease, 1, ["half"])
    config = {
        "data": str(world.settings.data),
        "database": world.settings.database,
        "environment_id": labeling.environment_id,
        "project_id": labeling.project.project_key,
        "user_id": "slow",
        "lease": lease.assignment_id,
        "answers": ANSWERS,
    }
    here, there = multiprocessing.Pipe()
    slow = ForkedProcess(slow_annotator.run, config, there, environ=clean_environment())
    there.close()  # so that its end is noticed
    try:
        assert here.recv() == "ready"
        slow.send_signal(signal.SIGSTOP)
        time.sleep(3.2)
        other = labeling.take("quick")
        slow.send_signal(signal.SIGCONT)
        here.send("go")
        said = here.recv()
    finally:
        slow.kill()
        slow.wait(10)

    assert said == "lease_lost"
    assert labeling.lease(lease).draft == b'["half"]'
    labeling.submit(other)
    assert [one.user_id for one in labeling.counting(task_id)] == ["quick"]
