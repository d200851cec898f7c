"""Five hundred people on five thousand tasks, some of whose processes are killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builders import make_message, make_turn
from floor import Floor, make_content
from harness import World, clean_environment
from plaudit.core import lifecycle
from plaudit.core.projects import create_project
from plaudit.store import checks
from plaudit.wire.resources import ProjectDetail

SCRIPT = Path(__file__).with_name("annotators.py")
PEOPLE = 500
TASKS = 5000
OVERLAPS = (1, 2, 3)
LEASE_SECONDS = 2
SECONDS_MAX = 240
FORM = {"fields": [{"key": "ok", "level": "turn", "type": "boolean", "required": True}]}


@pytest.fixture
def floors(world):
    """A project for each overlap, full of tasks."""
    content = make_content(make_turn(messages=[make_message("user"), make_message("model")]))
    found, org_id = [], world.org()

    async def fill(tx, project, count):
        for _ in range(count):
            await lifecycle.create_task(tx, project, content=content)

    for overlap in OVERLAPS:
        detail = ProjectDetail(form=FORM, overlap=overlap, lease_seconds=LEASE_SECONDS)
        project = world.run(
            world.db.write(
                lambda tx, overlap=overlap, detail=detail: create_project(
                    tx, org_id, name=f"Overlap {overlap}", detail=detail
                )
            )
        )
        count = TASKS // len(OVERLAPS) + (overlap <= TASKS % len(OVERLAPS))
        world.run(world.db.write(lambda tx, project=project, count=count: fill(tx, project, count)))
        found.append(project)
    return found


class Crews:
    """Processes full of people; those that are killed are replaced by the same people."""

    def __init__(self, world: World, floors: list) -> None:
        self.world = world
        self.acknowledged = world.settings.data / "acknowledged"
        self.config = {
            "data": str(world.settings.data),
            "database": world.settings.database,
            "org_id": world.org(),
            "projects": [one.project_id for one in floors],
            "acknowledged": str(self.acknowledged),
            "lease_seconds": LEASE_SECONDS,
        }
        # SQLite has one serving process, PostgreSQL as many as wanted.
        count = 1 if world.settings.database is None else 4
        users = [f"user_{number}" for number in range(PEOPLE)]
        self.shifts = [users[number::count] for number in range(count)]
        self.running = [self.start(number) for number in range(count)]

    def start(self, number: int) -> subprocess.Popen[bytes]:
        config = self.config | {"users": self.shifts[number], "seed": random.getrandbits(32)}
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps(config)],
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def kill_some(self, times: int) -> int:
        """Kill one after another while they work; how many it was."""
        killed = 0
        for number in range(times):
            time.sleep(random.uniform(1.5, 3))
            at = number % len(self.running)
            if self.running[at].poll() is None:
                self.running[at].send_signal(signal.SIGKILL)
                self.running[at].communicate()
                self.running[at] = self.start(at)
                killed += 1
        return killed

    def finish(self) -> list[dict[str, int]]:
        found = []
        for process in self.running:
            out, err = process.communicate(timeout=SECONDS_MAX)
            assert process.returncode == 0, err.decode()[-3000:]
            found.append(json.loads(out))
        return found

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.communicate()


def test_every_task_gets_exactly_what_it_needs_and_nothing_that_was_acknowledged_is_lost(
    world, floors
):
    crews = Crews(world, floors)
    try:
        killed = crews.kill_some(4)
        counts = crews.finish()
    finally:
        crews.end()

    async def look():
        async with world.db.read() as tx:
            rows = await tx.all(
                "SELECT t.project_id, t.seq, t.status, COUNT(s.submission_id),"
                " COUNT(DISTINCT s.user_id) FROM task AS t LEFT JOIN submission AS s"
                " ON s.project_id = t.project_id AND s.seq = t.seq AND s.is_current = 1"
                " GROUP BY t.project_id, t.seq, t.status",
                {},
            )
            stored = await tx.all("SELECT submission_id FROM submission WHERE is_current = 1", {})
            return rows, {row[0] for row in stored}

    rows, stored = world.run(look())
    needed = {one.project_id: overlap for one, overlap in zip(floors, OVERLAPS, strict=True)}
    wrong = [row for row in rows if row[2:] != (1, needed[row[0]], needed[row[0]])]
    acknowledged = crews.acknowledged.read_text().split()
    assert wrong == []
    assert len(rows) == TASKS
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= stored
    assert killed > 0
    assert sum(one["lost"] for one in counts) > 0
    assert world.run(checks.violations(world.db)) == {}


def test_a_process_that_was_stopped_for_longer_than_its_lease_comes_too_late(world):
    """Stopped and let go on, as a notebook that is closed; the work is somebody else's by then."""
    floor = Floor(world, form=FORM, lease_seconds=1)
    [task_id] = floor.create()
    crews = Crews(world, [floor.project])
    crews.end()
    lease = floor.take("slow")
    floor.draft(lease, 1, ["half"])
    source = (
        "import asyncio, json, sys\n"
        "from annotators import Crew\n"
        "from floor import hold\n"
        "from plaudit.core import assignment, submission\n"
        "from plaudit.errors import LeaseLost\n"
        "from plaudit.store import projects\n"
        "async def main(config):\n"
        "    crew = Crew(config)\n"
        "    async with crew.db.read() as tx:\n"
        "        project = await projects.find_project_by_key(\n"
        "            tx, config['org_id'], config['projects'][0])\n"
        "        lease = await assignment.get_lease(tx, project, 'slow', config['lease'])\n"
        "    answers = await crew.answers(project, lease)\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    try:\n"
        "        await crew.db.write(lambda tx: submission.submit(\n"
        "            tx, project, hold(lease), answers, client_key='k', active_ms=0))\n"
        "        print('taken', flush=True)\n"
        "    except LeaseLost as lost:\n"
        "        print(lost.code, flush=True)\n"
        "    await crew.db.close()\n"
        "asyncio.run(main(json.loads(sys.argv[1])))\n"
    )
    config = crews.config | {"lease": lease.assignment_id, "seed": 1}
    with subprocess.Popen(
        [sys.executable, "-c", source, json.dumps(config)],
        env=clean_environment(PYTHONPATH=f"{SCRIPT.parent}:{':'.join(sys.path)}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as slow:
        assert slow.stdout.readline() == "ready\n"
        slow.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        other = floor.take("quick")
        slow.send_signal(signal.SIGCONT)
        slow.stdin.write("go\n")
        slow.stdin.flush()
        said = slow.stdout.readline()

    assert said == "lease_lost\n"
    assert floor.lease(lease).draft == b'["half"]'
    floor.submit(other)
    assert [one.user_id for one in floor.counting(task_id)] == ["quick"]
