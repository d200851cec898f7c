"""Many simulated people at work in one process: `python -m benchmarks.annotators CONFIG`.

Each claims, now and then walks away, skips, gives back or comes too late, and submits otherwise.
What was acknowledged is written down at once, so that a process that is killed has told the truth;
so is how long each claim took.
"""

import asyncio
import json
import os
import random
import struct
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from plaudit.core.labeling import leases, submissions
from plaudit.errors import LeaseLost, LimitReached, Unavailable
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Hold, Lease
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.tasks import projects

FORM = {"fields": [{"key": "ok", "level": "turn", "type": "boolean", "required": True}]}
ANSWERS = [{"at": "t0u0", "key": "ok", "value": True}]
"""What is answered to the form about a task of one turn."""
SECONDS = struct.Struct("<d")


class Config(Struct, kw_only=True):
    """What one process is told. With `seconds` its people go home after that time, and think
    `think_seconds` on average; without, they stay until no task is left, and do not think."""

    data: str
    database: str | None
    environment_id: str
    projects: list[int]
    users: list[str]
    lease_seconds: int
    acknowledged: str
    """The file that gets a line for each submission that was acknowledged."""
    claims: str
    """The file that gets eight bytes for each task that was claimed: the seconds it took."""
    seed: int
    seconds: float | None = None
    think_seconds: float = 0.0
    late_share: float = 0.02
    """Of claims, after which somebody comes back when their lease has run out."""


class Crew:
    """The people of one process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        place = Settings(data=Path(config.data), database=config.database)
        self.db = connect.open_database(place)
        self.random = random.Random(config.seed)
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self.acknowledged = os.open(config.acknowledged, how)
        self.claims = os.open(config.claims, how)
        self.floors: list[ProjectRow] = []
        names = ("claimed", "submitted", "lost", "left", "skipped", "released", "refused")
        self.counts = dict.fromkeys(names, 0)
        self.told = asyncio.Event()

    async def run(self) -> dict[str, int]:
        async with self.db.read() as tx:
            for project_id in self.config.projects:
                found = await projects.find_project_by_key(
                    tx, self.config.environment_id, project_id
                )
                assert found is not None
                self.floors.append(found)
        await asyncio.gather(*(self.person(user) for user in self.config.users), self.watch())
        await self.db.close()
        return self.counts

    async def watch(self) -> None:
        """Tell everybody to go home once nothing is pending, or the time is over."""
        ends = None if self.config.seconds is None else time.monotonic() + self.config.seconds
        while await self.is_work_left() and (ends is None or time.monotonic() < ends):
            await asyncio.sleep(0.3)
        self.told.set()

    async def is_work_left(self) -> bool:
        sql = "SELECT 1 FROM task_work WHERE project_key = :project_key LIMIT 1"
        try:
            async with self.db.read(snapshot=False) as tx:
                for one in self.floors:
                    if await tx.one(sql, {"project_key": one.project_key}):
                        return True
        except Unavailable:  # too many wait for a connection, so there is
            return True
        return False

    async def person(self, user_id: str) -> None:
        await self.think(0.5)  # nobody comes at the very same moment
        while not self.told.is_set():
            project = self.random.choice(self.floors)
            try:
                lease = await self.claim(project, user_id)
            except (LimitReached, Unavailable):
                self.counts["refused"] += 1
                lease = None
            if lease is None:
                await asyncio.sleep(self.random.uniform(0.2, 1.0))
                continue
            self.counts["claimed"] += 1
            try:
                await self.work(project, lease)
            except LeaseLost:
                self.counts["lost"] += 1
            except Unavailable:
                self.counts["refused"] += 1

    async def claim(self, project: ProjectRow, user_id: str) -> Lease | None:
        began = time.perf_counter()
        lease = await self.db.write(lambda tx: leases.claim(tx, project, user_id))
        if lease is not None:
            os.write(self.claims, SECONDS.pack(time.perf_counter() - began))
        return lease

    async def think(self, share: float = 1.0) -> None:
        if self.config.think_seconds:
            longest = 2 * share * self.config.think_seconds
            try:
                async with asyncio.timeout(self.random.uniform(0, longest)):
                    await self.told.wait()
            except TimeoutError:
                pass

    async def work(self, project: ProjectRow, lease: Lease) -> None:
        chance = self.random.random()
        held = Hold(lease.user_id, lease.assignment_id, lease.lease_version)
        await self.think()
        if chance < 0.03:
            self.counts["left"] += 1
            return
        if chance < 0.04:
            await self.db.write(lambda tx: leases.skip(tx, project, held, reason="hard"))
            self.counts["skipped"] += 1
            return
        if chance < 0.06:
            await self.db.write(lambda tx: leases.release(tx, project, held))
            self.counts["released"] += 1
            return
        if chance < 0.06 + self.config.late_share:
            await asyncio.sleep(self.config.lease_seconds + 0.2)
        await self.submit(project, lease, held)

    async def submit(self, project: ProjectRow, lease: Lease, held: Hold) -> None:
        key = f"{lease.assignment_id}-{lease.lease_version}"
        receipt = await self.db.write(
            lambda tx: submissions.submit(tx, project, held, ANSWERS, client_key=key, active_ms=10)
        )
        self.counts["submitted"] += not receipt.is_repeated
        os.write(self.acknowledged, f"{receipt.submission_id}\n".encode())


def main(arguments: list[str]) -> None:
    config = msgspec.json.decode(arguments[0], type=Config)
    print(json.dumps(asyncio.run(Crew(config).run())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
