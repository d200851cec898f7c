"""Where people meet gold: a project that gives tasks out as pages do, and short words for it."""

from __future__ import annotations

from typing import Any

from plaudit.core.quality_control import assigning, gold_tasks, own_work, submitting
from plaudit.core.quality_control.control_tasks import control_side
from plaudit.model.labeling import Lease
from plaudit.model.quality_control import GoldSettings
from plaudit.store.quality_control import control_results
from plaudit.wire.manage.gold import NewGold
from plaudit.wire.v2.parse import convert
from tests.support.builders import make_message, make_turn
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject, good_answers, lease_ref

RIGHT, WRONG = 2, 6
"""Preferences for the first response, which is expected, and for the second."""


def gold_content(text: str = "A question?") -> list[dict[str, Any]]:
    """The conversation of a gold task as it is sent: a prompt with two responses."""
    bare = [make_message("user", text), *map(make_message, ("base_model", "test_model"))]
    return [{"id": "thread_0", "turns": [make_turn(messages=bare)], "annotations": []}]


EXPECTED = {"at": "t0u0", "key": "selected_model_id", "value": "base_model"}


class GoldProject(LabelingProject):
    """A project with gold; nobody is given any by chance, unless its rate is set."""

    def __init__(self, world: World, name: str = "Floor", **detail: Any) -> None:
        super().__init__(world, name, **({"gold": GoldSettings(rate=0)} | detail))

    def new(self, *sent: dict[str, Any]) -> list[str]:
        tasks = [convert({"expected": [EXPECTED]} | one, NewGold) for one in sent]
        return self.write(lambda tx: gold_tasks.create_gold(tx, self.project, tasks))

    def add_gold(self, count: int = 1, **fields: Any) -> list[str]:
        return self.new(*({"content": gold_content()} | fields for _ in range(count)))

    def gold(self) -> list[gold_tasks.ListedGold]:
        return self.write(lambda tx: gold_tasks.list_gold(tx, self.project, limit=100))

    def lease_next(self, user_id: str = "ann") -> Lease | None:
        return self.write(lambda tx: assigning.lease_next(tx, self.project, user_id))

    def is_gold(self, lease: Lease) -> bool:
        return lease.project_key != self.project.project_key

    def prefer(self, lease: Lease, value: int = RIGHT) -> list[dict[str, Any]]:
        """Answers that prefer the first response (RIGHT) or the second, however they are shown."""
        asked = self.asked(lease)
        is_swapped = asked.display["t0u0"] == [2, 1]
        answers = good_answers(asked)
        for answer in answers:
            if answer["key"] == "likert_value":
                answer["value"] = 8 - value if is_swapped else value
        return answers

    def submit(self, lease: Lease, answers: Any = None, key: str = "once") -> Any:
        given = self.answers(lease) if answers is None else answers
        return self.write(
            lambda tx: submitting.submit(
                tx, self.project, lease_ref(lease), given, client_key=key, active_ms=1000
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

    def resume(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: own_work.resume(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def take_gold(self, user_id: str = "ann") -> Lease:
        """Work until the next task is gold, and return its lease."""
        while not self.is_gold(lease := self.take(user_id)):
            self.submit(lease, key=lease.assignment_id)
        return lease

    def waiting(self, user_id: str = "ann") -> int:
        return self.write(
            lambda tx: assigning.count_waiting(tx, self.project, user_id, limit_max=1000)
        )

    def results(self, lease: Lease) -> list[Any]:
        side = control_side(self.project)
        return self.write(
            lambda tx: control_results.list_of_person_on(
                tx, side.project_key, lease.seq, lease.user_id
            )
        )
