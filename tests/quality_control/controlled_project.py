"""A project whose tasks are given out and submitted under quality control."""

from __future__ import annotations

from typing import Any

from plaudit.core.quality_control import (
    assigning,
    follow_up,
    own_work,
    paces,
    pauses,
    standing,
    submitting,
)
from plaudit.core.quality_control.counters import count_case, counts_of
from plaudit.model.core import Actor
from plaudit.model.labeling import Lease
from plaudit.model.quality_control import Collector, CrossingRow, PauseRow
from plaudit.store.quality_control import crossings
from tests.support.labeling_project import LabelingProject, lease_ref

MANAGER = Actor("user", "mia")


def rule(collector: str, threshold: float, action: str = "pause", n: int | None = None) -> Any:
    given = {"collector": collector, "threshold": threshold, "action": action}
    return given if n is None else given | {"n": n}


class ControlledProject(LabelingProject):
    """`gold(person, right, wrong)` counts gold cases, the right ones first."""

    def lease_next(self, user_id: str = "ann") -> Lease | None:
        return self.write(lambda tx: assigning.lease_next(tx, self.project, user_id))

    def resume(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: own_work.resume(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def submit(
        self, lease: Lease, answers: Any = None, key: str = "once", active_ms: int = 1000
    ) -> Any:
        given = self.answers(lease) if answers is None else answers
        return self.write(
            lambda tx: submitting.submit(
                tx, self.project, lease_ref(lease), given, client_key=key, active_ms=active_ms
            )
        )

    def undo(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: own_work.undo(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def reopen(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: own_work.reopen(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def skip(self, lease: Lease) -> None:
        self.do(submitting.skip, lease, reason="too_hard", note=None)

    def count(self, user_id: str, collector: Collector, *cases: bool) -> None:
        async def run(tx: Any) -> None:
            for right in cases:
                await count_case(tx, self.project, user_id, collector, right=right)

        self.write(run)

    def gold(self, user_id: str, right: int, wrong: int) -> None:
        self.count(user_id, Collector.gold, *[True] * right, *[False] * wrong)

    def counted(self, user_id: str, collector: Collector) -> tuple[int, int]:
        """Right cases and all cases of a person."""
        found = self.write(lambda tx: counts_of(tx, self.project, [user_id], collector))
        return found[user_id]

    def pause(self, user_id: str = "ann") -> PauseRow | None:
        """The open pause of a person."""
        return self.write(lambda tx: standing.find_pause(tx, self.project, user_id))

    def crossings(self) -> list[CrossingRow]:
        key = self.project.project_key
        return self.write(lambda tx: crossings.list_crossings(tx, key, before=None, limit=100))

    def appeal(self, user_id: str = "ann", text: str = "I was ill.") -> str:
        return self.write(lambda tx: pauses.appeal(tx, self.project, user_id, text=text))

    def lift(self, pause_id: str, answer: str | None = None) -> PauseRow:
        return self.write(
            lambda tx: pauses.lift(tx, self.project, pause_id, answer=answer, actor=MANAGER)
        )

    def uphold(self, pause_id: str, answer: str = "No.") -> PauseRow:
        return self.write(
            lambda tx: pauses.uphold(tx, self.project, pause_id, answer=answer, actor=MANAGER)
        )

    def pause_by_hand(self, user_id: str = "ann", reason: str = "Talk to me first.") -> PauseRow:
        return self.write(
            lambda tx: pauses.pause_by_hand(tx, self.project, user_id, reason=reason, actor=MANAGER)
        )

    def refresh_pace(self) -> None:
        """Compute the usual times anew, as the worker does."""
        self.write(lambda tx: paces.refresh(tx, self.project.project_key))

    def follow_up(self) -> int:
        """Carry out what crossed rules ask for, as the worker does."""
        return self.world.run(follow_up.follow_up(self.world.db, self.project.project_key))
