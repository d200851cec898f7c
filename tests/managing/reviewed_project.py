"""A project whose tasks wait in review, and reviewers who accept many of them."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.managing import acceptances
from plaudit.model.core import TaskStatus
from plaudit.store.labeling import acceptances as store
from tests.managing.managed_project import BOSS, ManagedProject

EVERYTHING = ReviewFilter()
FIX = [{"at": "t0u0", "position": 1, "key": "overall", "value": 5}]


class ReviewedProject(ManagedProject):
    """A project in which tasks wait for reviewers, who accept many."""

    def wait(self, count: int, *people: str) -> list[str]:
        """So many tasks in review, answered by these people."""
        ids = self.say(*[f"question {number}" for number in range(count)])
        for _ in ids:
            for user_id in people or ("ann", "bea"):
                self.work_on(user_id)
        return ids

    def begin(self, user_id: str = "rae", chosen: Any = EVERYTHING, **sizes: int) -> Any:
        wanted = {"sample_count": 2} | sizes
        return self.write(lambda tx: acceptances.begin(tx, self.project, user_id, chosen, **wanted))

    def sample(self, acceptance: Any) -> Any:
        return self.write(lambda tx: acceptances.read_sample(tx, self.project, acceptance))

    def sampled(self, acceptance: Any) -> list[str]:
        """Ids of the tasks of a sample, in order."""
        return [self.id_of(one.seq) for one in self.sample(acceptance).tasks]

    def id_of(self, seq: int) -> str:
        rows = self.rows("task")["task"]
        return str(next(row for row in rows if seq in row[:3])[self.id_column(rows)])

    @staticmethod
    def id_column(rows: Any) -> int:
        return next(at for at, value in enumerate(rows[0]) if str(value).startswith("task_"))

    def accept_others(self, acceptance: Any, user_id: str = "rae") -> Any:
        """Begin to accept what is outside of the sample; the acceptance and its action."""

        async def work(tx: Any) -> Any:
            locked = await acceptances.lock_own(tx, self.project, acceptance.acceptance_id, user_id)
            action = await acceptances.begin_accepting(tx, self.project, locked)
            return await acceptances.get_acceptance(tx, self.project, locked.acceptance_id), action

        return self.write(work)

    def run(self, acceptance: Any, action: Any, report: Any = lambda action: None) -> Any:
        return self.world.run(
            acceptances.run(self.world.db, self.project, acceptance, action, BOSS, report)
        )

    def left_out(self, acceptance: Any) -> dict[str, str]:
        found = self.write(
            lambda tx: store.list_left_out(
                tx, self.project.project_key, acceptance.acceptance_id, limit=50
            )
        )
        return {self.id_of(one.seq): one.outcome for one in found}

    def statuses(self, ids: Any) -> list[TaskStatus]:
        return [self.status(task_id) for task_id in ids]
