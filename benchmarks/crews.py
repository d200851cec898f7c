"""A store full of tasks, processes full of people who work on them, and what must hold then."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from benchmarks.annotators import FORM, SECONDS, Config
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.projects import create_project
from plaudit.model.core import ProjectRow
from plaudit.settings import Settings
from plaudit.store.engine import checks
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail
from plaudit.wire.v2.task import Thread

ROOT = Path(__file__).parents[1]
CREATED_AT_ONCE = 250
SECONDS_MAX = 240
PROCESSES = 4
"""Of a PostgreSQL; the embedded store has one serving process."""


@dataclass(frozen=True)
class LabelingProject:
    """A project of a store, each of whose tasks needs `overlap` people."""

    project: ProjectRow
    overlap: int


@dataclass(frozen=True)
class Outcome:
    """What people did, as they and their store tell it. The lists and counts of wrongs are 0."""

    counts: dict[str, int]
    """Of the processes that were not killed."""
    kills: int
    seconds: float
    claim_seconds: list[float]
    """How long each claim took that gave a task, sorted; those of killed processes included."""
    tasks: int
    submissions: int
    acknowledged: int
    wrong_tasks: int
    """Tasks that are not completed, or have more or fewer submissions than they need."""
    twice: int
    """Tasks with two submissions of one person."""
    lost: int
    """Submissions that were acknowledged and are not stored, or were acknowledged twice."""
    violations: int
    """Rows that contradict the store's own rules."""

    def quantile(self, share: float) -> float:
        """A quantile of the seconds of claims."""
        last = len(self.claim_seconds) - 1
        return self.claim_seconds[min(last, int(share * len(self.claim_seconds)))]


async def make_floors(
    db: Database,
    environment_id: str,
    *,
    name: str,
    tasks: int,
    overlaps: Sequence[int],
    lease_seconds: int,
) -> list[LabelingProject]:
    """One project for each overlap, with its share of the tasks."""
    found = []
    for number, overlap in enumerate(overlaps):
        detail = ProjectDetail(form=FORM, overlap=overlap, lease_seconds=lease_seconds)
        count = tasks // len(overlaps) + (number < tasks % len(overlaps))
        project = await _make_project(db, environment_id, f"{name}, overlap {overlap}", detail)
        for left in range(count, 0, -CREATED_AT_ONCE):
            await _make_tasks(db, project, min(left, CREATED_AT_ONCE))
        found.append(LabelingProject(project, overlap))
    return found


async def _make_project(
    db: Database, environment_id: str, name: str, detail: ProjectDetail
) -> ProjectRow:
    return await db.write(lambda tx: create_project(tx, environment_id, name=name, detail=detail))


async def _make_tasks(db: Database, project: ProjectRow, count: int) -> None:
    messages = [_message("user", "A question?"), _message("assistant", "An answer.")]
    turn = {"id": "turn_0", "messages": messages, "annotations": []}
    thread = {"id": "thread_0", "turns": [turn], "annotations": []}
    content = convert([thread], list[Thread])

    async def work(tx: Transaction) -> None:
        for _ in range(count):
            await lifecycle.create_task(tx, project, content=content)

    await db.write(work)


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "source_id": role, "content": {"text": text}, "annotations": []}


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...

    def communicate(self, *, timeout: float | None = None) -> tuple[bytes, bytes]: ...


class Crews:
    """Processes full of people; those that are killed are replaced by the same people."""

    def __init__(
        self,
        settings: Settings,
        floors: Sequence[LabelingProject],
        *,
        people: int,
        lease_seconds: int,
        seconds: float | None = None,
        think_seconds: float = 0.0,
        late_share: float = 0.02,
    ) -> None:
        self.floors = floors
        self.config = Config(
            data=str(settings.data),
            database=settings.database,
            environment_id=floors[0].project.environment_id,
            projects=[one.project.project_key for one in floors],
            users=[],
            lease_seconds=lease_seconds,
            acknowledged=str(settings.data / "acknowledged"),
            claims=str(settings.data / "claims"),
            seed=0,
            seconds=seconds,
            think_seconds=think_seconds,
            late_share=late_share,
        )
        for path in (self.config.acknowledged, self.config.claims):
            Path(path).write_bytes(b"")
        count = 1 if settings.database is None else PROCESSES
        users = [f"user_{number}" for number in range(people)]
        self.shifts = [users[number::count] for number in range(count)]
        self.began = time.monotonic()
        self.kills = 0
        self.running = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> Process:
        seed = random.getrandbits(32)
        config = msgspec.structs.replace(self.config, users=self.shifts[number], seed=seed)
        return self.start(msgspec.json.encode(config).decode())

    def start(self, config: str) -> Process:
        """Start the people of one process, who read `config` as JSON."""
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.annotators", config],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def kill_some(self, times: int, *, after: int) -> None:
        """Kill one process after another while they work, each after so many more claims."""
        for _ in range(times):
            self._await_claims(after)
            at = self.kills % len(self.running)
            if self.running[at].poll() is None:
                self.running[at].send_signal(signal.SIGKILL)
                self.running[at].communicate()
                self.running[at] = self._start(at)
                self.kills += 1

    def _await_claims(self, count: int) -> None:
        """Wait until so many more tasks have been claimed, or a process has ended."""
        enough = self._claims() + count
        while self._claims() < enough and all(one.poll() is None for one in self.running):
            time.sleep(0.01)

    def _claims(self) -> int:
        return Path(self.config.claims).stat().st_size // SECONDS.size

    def finish(self) -> dict[str, int]:
        """Wait until everybody has gone home; the sum of what they say they did."""
        counts: dict[str, int] = {}
        for process in self.running:
            out, err = process.communicate(timeout=SECONDS_MAX)
            assert process.returncode == 0, err.decode()[-3000:]
            for name, count in msgspec.json.decode(out).items():
                counts[name] = counts.get(name, 0) + count
        return counts

    def end(self) -> None:
        """Kill whoever is still there."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.communicate()

    async def look(self, db: Database, counts: dict[str, int]) -> Outcome:
        """What the store says when all have gone home."""
        seconds = time.monotonic() - self.began
        raw = Path(self.config.claims).read_bytes()
        claims = sorted(one for (one,) in SECONDS.iter_unpack(raw))
        acknowledged = Path(self.config.acknowledged).read_text().split()
        tasks = wrong = twice = 0
        stored: set[str] = set()
        async with db.read() as tx:
            for labeling in self.floors:
                for status, submitted, people in await _count_tasks(tx, labeling):
                    tasks += 1
                    wrong += (status, submitted) != (1, labeling.overlap)
                    twice += submitted != people
                stored |= await _list_submissions(tx, labeling)
        return Outcome(
            counts=counts,
            kills=self.kills,
            seconds=seconds,
            claim_seconds=claims,
            tasks=tasks,
            submissions=len(stored),
            acknowledged=len(acknowledged),
            wrong_tasks=wrong,
            twice=twice,
            lost=len(acknowledged) - len(set(acknowledged) & stored),
            violations=sum((await checks.violations(db)).values()),
        )


async def _count_tasks(tx: Transaction, labeling: LabelingProject) -> list[tuple[int, int, int]]:
    """For each task its status, its submissions that count, and the people who made them."""
    rows = await tx.all(
        "SELECT t.status, COUNT(s.submission_id), COUNT(DISTINCT s.user_id) FROM task AS t"
        " LEFT JOIN submission AS s ON s.project_key = t.project_key AND s.seq = t.seq"
        " AND s.is_current = 1 WHERE t.project_key = :project_key GROUP BY t.seq, t.status",
        {"project_key": labeling.project.project_key},
    )
    return [(int(status), int(count), int(people)) for status, count, people in rows]


async def _list_submissions(tx: Transaction, labeling: LabelingProject) -> set[str]:
    rows = await tx.all(
        "SELECT submission_id FROM submission WHERE project_key = :project_key AND is_current = 1",
        {"project_key": labeling.project.project_key},
    )
    return {str(row[0]) for row in rows}
