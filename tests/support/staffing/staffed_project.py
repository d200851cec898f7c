"""Where people have seats: a project of members, teams and quotas, and short words for it."""

from __future__ import annotations

from typing import Any

from plaudit.core.accounts import project_members, teams
from plaudit.core.quality_control import assigning, own_work
from plaudit.core.staffing import pools, quotas, requirements, seats
from plaudit.model.core import PersonRole
from plaudit.model.labeling import Lease
from plaudit.model.staffing import TaskQuota
from plaudit.store.tasks import tasks, work_queue
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.staffing.people import add_person


class StaffedProject(LabelingProject):
    """A project that gives tasks out as pages do, to people of the organization."""

    def __init__(self, world: World, name: str = "Floor", **detail: Any) -> None:
        super().__init__(world, name, **detail)
        self.people: dict[str, str] = {}

    def person(self, name: str, role: PersonRole = PersonRole.annotator) -> str:
        """Somebody of the organization; their user id."""
        if name not in self.people:
            self.people[name] = self.write(
                lambda tx: add_person(tx, self.environment_id, name, role)
            )
        return self.people[name]

    def organization(self) -> str:
        found: str = self.write(lambda tx: project_members.organization_of(tx, self.project))
        return found

    def access(
        self, *, members_only: bool = False, per_day: int | None = None, in_all: int | None = None
    ) -> None:
        quota = TaskQuota(per_day, in_all)
        self.write(
            lambda tx: project_members.set_access(
                tx, self.project, is_members_only=members_only, quota=quota
            )
        )

    def member(
        self,
        member_id: str,
        role: PersonRole = PersonRole.annotator,
        *,
        per_day: int | None = None,
        in_all: int | None = None,
    ) -> None:
        quota = TaskQuota(per_day, in_all)
        self.write(
            lambda tx: project_members.set_member(
                tx, self.project, member_id, role=role, quota=quota
            )
        )

    def leave(self, member_id: str) -> None:
        self.write(lambda tx: project_members.remove_member(tx, self.project, member_id))

    def team(self, name: str, *user_ids: str) -> str:
        organization_id = self.organization()

        async def run(tx: Any) -> str:
            team = await teams.create_team(tx, organization_id, name)
            await teams.add_people(tx, organization_id, team.team_id, user_ids)
            return team.team_id

        found: str = self.write(run)
        return found

    def leave_team(self, team_id: str, user_id: str) -> None:
        organization_id = self.organization()
        self.write(lambda tx: teams.remove_person(tx, organization_id, team_id, user_id))

    def skills(self, user_id: str, **words: list[str]) -> None:
        organization_id = self.organization()
        self.write(lambda tx: teams.set_skills(tx, organization_id, user_id, **words))

    def ask(self, count: int = 1, *, batch: Any = None, **asked: list[str]) -> list[str]:
        """Add tasks that ask something of people."""
        return self.create(count, batch=batch, metadata={requirements.METADATA_KEY: asked})

    def hand(self, batch: Any, team_id: str | None) -> None:
        key = self.project.project_key
        self.write(lambda tx: pools.hand_batch(tx, key, batch.batch_id, team_id))

    def change_asked(self, task_id: str, **asked: list[str]) -> None:
        async def run(tx: Any) -> None:
            task = await tasks.find_task(tx, self.environment_id, task_id)
            assert task is not None
            await work_queue.lock_work(tx, task.project_key, task.seq)
            wanted = requirements.read_requirement(asked)
            await pools.change_requirement(tx, task.project_key, task, wanted)

        self.write(run)

    def lease_next(self, user_id: str = "ann") -> Lease | None:
        return self.write(lambda tx: assigning.lease_next(tx, self.project, user_id))

    def resume(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: own_work.resume(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def waiting(self, user_id: str) -> int:
        found: int = self.write(
            lambda tx: assigning.count_waiting(tx, self.project, user_id, limit_max=1000)
        )
        return found

    def task_id_of(self, lease: Lease) -> str:
        async def run(tx: Any) -> str:
            return (await tasks.get_task(tx, lease.project_key, lease.seq)).task_id

        found: str = self.write(run)
        return found

    def next_id(self, user_id: str) -> str | None:
        """Take the next task and submit it; its id, None if there is none."""
        lease = self.lease_next(user_id)
        if lease is None:
            return None
        self.submit(lease, key=lease.assignment_id)
        return self.task_id_of(lease)

    def use(self, user_id: str) -> quotas.QuotaUse:
        """How much of somebody's quota is used."""

        async def run(tx: Any) -> quotas.QuotaUse:
            seat = await seats.find_seat(tx, self.project, user_id)
            now = await tx.now_ms()
            return await quotas.find_use(tx, self.project, user_id, seat.quota, now)

        found: quotas.QuotaUse = self.write(run)
        return found

    def yesterday(self) -> None:
        """Let all leases be as if they were taken a day earlier."""
        args = {"key": self.project.project_key, "ms": quotas.DAY_MS}
        self.write(
            lambda tx: tx.run(
                "UPDATE assignment SET leased_ms = leased_ms - :ms WHERE project_key = :key", args
            )
        )
