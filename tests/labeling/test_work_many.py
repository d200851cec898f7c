"""Many people on many tasks, some of whose processes are killed.

The same at full size, five hundred people on five thousand tasks: `python -m benchmarks --only
claims`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.annotators import ANSWERS, FORM
from benchmarks.crews import Crews, make_floors
from plaudit.store.engine import checks
from tests.support.harness import ROOT, clean_environment
from tests.support.labeling_project import LabelingProject

SCRIPT = "tests.support.slow_annotator"
PEOPLE = 60
TASKS = 300
OVERLAPS = (1, 2, 3)
LEASE_SECONDS = 1
KILLS = 3


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

    crews = Crews(
        world.settings, floors, people=PEOPLE, lease_seconds=LEASE_SECONDS, late_share=0.1
    )
    meanwhile: dict[str, int] = {}
    try:
        for _ in range(KILLS):
            crews.kill_some(1, after=80)
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
    with subprocess.Popen(
        [sys.executable, "-m", SCRIPT, json.dumps(config)],
        env=clean_environment(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as slow:
        assert slow.stdout.readline() == "ready\n"
        slow.send_signal(signal.SIGSTOP)
        time.sleep(3.2)
        other = labeling.take("quick")
        slow.send_signal(signal.SIGCONT)
        slow.stdin.write("go\n")
        slow.stdin.flush()
        said = slow.stdout.readline()

    assert said == "lease_lost\n"
    assert labeling.lease(lease).draft == b'["half"]'
    labeling.submit(other)
    assert [one.user_id for one in labeling.counting(task_id)] == ["quick"]
