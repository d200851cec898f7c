"""Many simulated people at work in one process: `python annotators.py CONFIG`.

Each claims, now and then walks away, skips, gives back or comes too late, and submits otherwise.
What was acknowledged is written down at once, so that a process that is killed has told the truth.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import msgspec

from floor import good_answers, hold
from plaudit.core import assignment, submission
from plaudit.core.forms import form_of
from plaudit.core.questions import Display
from plaudit.core.showing import show
from plaudit.errors import LeaseLost, LimitReached, Unavailable
from plaudit.model import Project
from plaudit.model_work import Lease
from plaudit.settings import Settings
from plaudit.store import opening, projects, tasks
from plaudit.wire.resources import project_detail

_display = msgspec.json.Decoder(Display).decode


class Crew:
    """The people of one process, until every project has nothing left for anybody."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.db = opening.open_database(
            Settings(data=Path(config["data"]), database=config["database"])
        )
        self.config = config
        self.random = random.Random(config["seed"])
        self.acknowledged = os.open(config["acknowledged"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.floors: list[Project] = []
        self.counts = dict.fromkeys(
            ("claimed", "submitted", "lost", "left", "skipped", "released", "refused"), 0
        )
        self.told = asyncio.Event()

    async def run(self) -> None:
        async with self.db.read() as tx:
            for project_id in self.config["projects"]:
                found = await projects.find_project_by_key(tx, self.config["org_id"], project_id)
                assert found is not None
                self.floors.append(found)
        await asyncio.gather(*(self.person(user) for user in self.config["users"]), self.watch())
        await self.db.close()
        print(json.dumps(self.counts), flush=True)

    async def watch(self) -> None:
        """Tell everybody to go home once nothing is pending."""
        while True:
            async with self.db.read(snapshot=False) as tx:
                left = [
                    await tx.one(
                        "SELECT COUNT(*) FROM task_work WHERE project_id = :project_id",
                        {"project_id": one.project_id},
                    )
                    for one in self.floors
                ]
            if not any(row[0] for row in left if row):
                self.told.set()
                return
            await asyncio.sleep(0.3)

    async def person(self, user_id: str) -> None:
        while not self.told.is_set():
            project = self.random.choice(self.floors)
            try:
                lease = await self.db.write(
                    lambda tx, project=project: assignment.claim(tx, project, user_id)
                )
            except (LimitReached, Unavailable):
                self.counts["refused"] += 1
                lease = None
            if lease is None:
                await asyncio.sleep(self.random.uniform(0.5, 2.5))
                continue
            self.counts["claimed"] += 1
            try:
                await self.work(project, lease)
            except LeaseLost:
                self.counts["lost"] += 1
            except Unavailable:
                self.counts["refused"] += 1

    async def work(self, project: Project, lease: Lease) -> None:
        chance = self.random.random()
        held = hold(lease)
        if chance < 0.03:
            self.counts["left"] += 1
            return
        if chance < 0.04:
            await self.db.write(lambda tx: assignment.skip(tx, project, held, reason="hard"))
            self.counts["skipped"] += 1
            return
        if chance < 0.06:
            await self.db.write(lambda tx: assignment.release(tx, project, held))
            self.counts["released"] += 1
            return
        if chance < 0.08:
            await asyncio.sleep(self.config["lease_seconds"] + 0.2)
        answers = await self.answers(project, lease)
        key = f"{lease.assignment_id}-{lease.fence}"
        receipt = await self.db.write(
            lambda tx: submission.submit(tx, project, held, answers, client_key=key, active_ms=10)
        )
        self.counts["submitted"] += not receipt.is_repeated
        os.write(self.acknowledged, f"{receipt.submission_id}\n".encode())

    async def answers(self, project: Project, lease: Lease) -> list[dict[str, Any]]:
        async with self.db.read(snapshot=False) as tx:
            task = await tasks.get_task(tx, lease.project_id, lease.seq)
        form = form_of(project_detail(project))
        content = submission.content_of(task)
        return good_answers(show(form, content, _display(lease.display), is_blind=True))


if __name__ == "__main__":
    asyncio.run(Crew(json.loads(sys.argv[1])).run())
