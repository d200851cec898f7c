"""Where simulated people work: a project with tasks, and short words for what they do."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from plaudit.core.labeling import (
    leases,
    review_decisions,
    submissions,
)
from plaudit.core.labeling.questions import Display, Question, questions
from plaudit.core.quality_control import submitting, undecided
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.forms import Form, form_of
from plaudit.core.tasks.projects import change_project, create_batch, create_project
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.model.labeling import Lease, LeaseRef
from plaudit.store.engine import checks
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions as submissions_store
from plaudit.store.tasks import batches, tasks
from plaudit.store.tasks import work_queue as work
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail, project_detail
from plaudit.wire.v2.task import Thread
from tests.support.builders import make_message, make_turn
from tests.support.harness import World
from tests.support.votes.vote_checks import vote_differences

OVERALL = {
    "key": "overall",
    "level": "message",
    "type": "integer",
    "possible_values": [1, 2, 3, 4, 5],
    "required": True,
}
LIKERT = {
    "key": "likert_value",
    "level": "turn",
    "type": "integer",
    "scale": "low_is_first",
    "required": True,
}
SELECTED = {"key": "selected_model_id", "level": "turn", "type": "category"}
WHY = {"key": "justification", "level": "turn", "type": "text"}
FORM = {"fields": [OVERALL, SELECTED, LIKERT, WHY]}
"""A short form with something about a message, a preference, and a text."""

_decode_display = msgspec.json.Decoder(Display).decode
_decode_content = msgspec.json.Decoder(list[Thread]).decode


def make_content(*turns: Any) -> list[Thread]:
    """A prepared conversation of these turns; by default a prompt with two responses."""
    bare = [make_message("user", "A question?"), *map(make_message, ("base_model", "test_model"))]
    thread = {
        "id": "thread_0",
        "turns": list(turns) or [make_turn(messages=bare)],
        "annotations": [],
    }
    found: list[Thread] = convert([thread], list[Thread])
    return found


class AskedTask(NamedTuple):
    """A task as somebody holds it: its form, its conversation, and the order of its responses."""

    form: Form
    content: list[Thread]
    display: Display

    @property
    def questions(self) -> list[Question]:
        return questions(self.form, self.content)


def address_of(question: Question, display: Display) -> dict[str, Any]:
    """The address that an answer to a question has on the page: a response by its position."""
    target = question.target
    order = display.get(target.at, [])
    address = {"chunk": target.chunk, "criterion": target.criterion}
    if target.message in order:
        address["position"] = order.index(target.message) + 1
    else:
        address["message"] = target.message
    given = {name: value for name, value in address.items() if value is not None}
    return {"at": target.at, "key": question.field.key} | given


def good_value(question: Question, count: int, choose: Any = None) -> Any:
    """A value that this question takes; `count` responses are shown."""
    field = question.field
    match field.type:
        case "boolean":
            return True
        case "integer":
            possible = field.possible_values or [1, 2, 3, 4, 5, 6, 7]
            return possible[0] if choose is None else choose(possible)
        case "text":
            return "Because of @Response 1." + "x" * (field.chars_min or 0)
        case "category":
            return field.possible_values[0] if field.possible_values else 1
        case "category_multiple":
            return field.possible_values[:1] if field.possible_values else [1]
        case "ranked_choices":
            return list(range(1, count + 1))
        case "ranked_groups":
            return [[number] for number in range(1, count + 1)]
        case "labeled_text":
            return []
    return {"score": 1}


def good_answers(task: AskedTask, choose: Any = None) -> list[dict[str, Any]]:
    """An answer to every question of a task, as a page would send them."""
    answers = []
    for question in task.questions:
        count = len(task.display.get(question.target.at, []))
        value = good_value(question, count, choose)
        answers.append(address_of(question, task.display) | {"value": value})
    return answers


class LabelingProject:
    """A project that people work on. `on(world)` is the same project through another engine."""

    def __init__(self, world: World, name: str = "Floor", **detail: Any) -> None:
        self.world, self.environment_id = world, world.org()
        settings = ProjectDetail(**({"form": FORM} | detail))
        self.project = self.write(
            lambda tx: create_project(tx, self.environment_id, name=name, detail=settings)
        )

    def on(self, world: World) -> LabelingProject:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, world=world)
        return other

    def write(self, work: Any) -> Any:
        return self.world.run(self.world.db.write(work))

    def set(self, **changes: Any) -> None:
        _, self.project = self.write(
            lambda tx: change_project(tx, self.environment_id, self.project.project_id, changes)
        )

    def batch(self, name: str = "First", status: BatchStatus = BatchStatus.in_progress) -> Any:
        return self.write(lambda tx: create_batch(tx, self.project, name=name, status=status))

    def create(self, count: int = 1, *, content: Any = None, **fields: Any) -> list[str]:
        async def run(tx: Any) -> list[str]:
            return [
                (
                    await lifecycle.create_task(
                        tx, self.project, content=content or make_content(), **fields
                    )
                ).task_id
                for _ in range(count)
            ]

        found: list[str] = self.write(run)
        return found

    def lease_next(self, user_id: str = "ann") -> Lease | None:
        return self.write(lambda tx: leases.lease_next(tx, self.project, user_id))

    def take(self, user_id: str = "ann") -> Lease:
        found = self.lease_next(user_id)
        assert found is not None
        return found

    def resume(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: leases.resume(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def asked(self, lease: Lease) -> AskedTask:
        async def run(tx: Any) -> AskedTask:
            return self.asked_of(await tasks.get_task(tx, lease.project_key, lease.seq), lease)

        return self.write(run)

    def asked_of(self, task: Any, lease: Lease) -> AskedTask:
        form = form_of(project_detail(self.project))
        return AskedTask(form, _decode_content(task.content), _decode_display(lease.display))

    def answers(self, lease: Lease, choose: Any = None) -> list[dict[str, Any]]:
        return good_answers(self.asked(lease), choose)

    def submit(self, lease: Lease, answers: Any = None, key: str = "once") -> Any:
        given = self.answers(lease) if answers is None else answers
        return self.write(
            lambda tx: submitting.submit(
                tx, self.project, lease_ref(lease), given, client_key=key, active_ms=1000
            )
        )

    def work_on(self, user_id: str, choose: Any = None) -> Any:
        """Claim the next task and submit it."""
        lease = self.take(user_id)
        return self.submit(lease, self.answers(lease, choose))

    def draft(self, lease: Lease, revision: int, answers: Any, active_ms: int = 0) -> Any:
        return self.write(
            lambda tx: leases.save_draft(
                tx,
                self.project,
                lease_ref(lease),
                revision=revision,
                answers=answers,
                active_ms=active_ms,
            )
        )

    def do(self, verb: Any, lease: Lease, **fields: Any) -> Any:
        """Skip, release, flag, report or renew."""
        return self.write(lambda tx: verb(tx, self.project, lease_ref(lease), **fields))

    def undo(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: submissions.undo(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def reopen(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: submissions.reopen(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def accept(self, task_id: str, fixes: Any = (), user_id: str = "rev") -> None:
        async def run(tx: Any) -> None:
            task = await tasks.find_task(tx, self.environment_id, task_id)
            await review_decisions.accept(tx, self.project, task, user_id, fixes=fixes)

        self.write(run)

    def decide(self, verb: Any, task_id: str, *args: Any, **fields: Any) -> Any:
        async def run(tx: Any) -> Any:
            task = await tasks.find_task(tx, self.environment_id, task_id)
            return await verb(tx, self.project, task, *args, **fields)

        return self.write(run)

    def move(self, verb: Any, task_id: str) -> Any:
        async def run(tx: Any) -> Any:
            task = await tasks.find_task(tx, self.environment_id, task_id)
            return await verb(tx, self.environment_id, task)

        return self.write(run)

    def task(self, task_id: str) -> Any:
        return self.write(lambda tx: tasks.find_task(tx, self.environment_id, task_id))

    def status(self, task_id: str) -> TaskStatus:
        return self.task(task_id).status

    def lease(self, lease: Lease) -> Lease:
        return self.write(
            lambda tx: leases.get_lease(tx, self.project, lease.user_id, lease.assignment_id)
        )

    def lease_on(self, task_id: str, user_id: str) -> Lease | None:
        seq = self.task(task_id).seq
        return self.write(
            lambda tx: leases_store.find_lease_of(tx, self.project.project_key, seq, user_id)
        )

    def place(self, task_id: str) -> Any:
        """How the work on a task stands; None if it is not in the queue."""
        seq = self.task(task_id).seq
        return self.write(lambda tx: work.find_work(tx, self.project.project_key, seq))

    def counting(self, task_id: str) -> list[Any]:
        """The submissions of a task that count."""
        seq = self.task(task_id).seq
        return self.write(
            lambda tx: submissions_store.list_current(tx, self.project.project_key, seq)
        )

    def sweep(self) -> int:
        return self.write(lambda tx: leases.expire_leases(tx, self.project.project_key))

    def follow_settings(self) -> int:
        """Decide what changed settings may decide, as the worker does; the number of tasks."""
        total = 0
        while count := self.write(lambda tx: undecided.decide(tx, self.project.project_key)):
            total += count
        return total

    def age(self, lease: Lease, ms: int = 3_600_000) -> None:
        """Let a lease and what was submitted under it be as if that much time had passed."""
        args = {"project_key": lease.project_key, "id": lease.assignment_id, "ms": ms}

        async def run(tx: Any) -> None:
            await tx.run(
                "UPDATE assignment SET expires_ms = expires_ms - :ms, created_ms = created_ms - :ms"
                " WHERE project_key = :project_key AND assignment_id = :id",
                args,
            )
            await tx.run(
                "UPDATE vote SET submitted_ms = submitted_ms - :ms WHERE project_key = :project_key"
                " AND seq = :seq AND contributor_id = :user_id AND is_imported = 0",
                {name: args[name] for name in ("project_key", "ms")}
                | {"seq": lease.seq, "user_id": lease.user_id},
            )
            await tx.run(
                "UPDATE submission SET submitted_ms = submitted_ms - :ms"
                " WHERE project_key = :project_key AND assignment_id = :id",
                args,
            )

        self.write(run)

    def fresh_batch(self, batch: Any) -> Any:
        return self.write(lambda tx: batches.find_batch(tx, self.environment_id, batch.batch_id))

    def violations(self) -> dict[str, int]:
        """What contradicts the store's rules; empty if all is well."""
        found: dict[str, int] = self.world.run(checks.violations(self.world.db))
        return found | vote_differences(self.world)


def lease_ref(lease: Lease) -> LeaseRef:
    return LeaseRef(lease.user_id, lease.assignment_id, lease.lease_version)
