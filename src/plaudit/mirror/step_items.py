"""Objects of a pull's steps: checked, added to the spool, and what there is to ask for next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.client.client_error import ClientError
from plaudit.mirror.answer_items import AnswerItem
from plaudit.mirror.listings import steps_of_project
from plaudit.mirror.pull_state import PullRun, PullState, PullStep
from plaudit.mirror.spool import Spool
from plaudit.model.core import TaskStatus

DATASET_PREFIX = "dataset:"
"""In front of the ids of datasets' deliveries where they stand beside those of projects."""

_encode = msgspec.json.Encoder().encode


class DeliveredLine(Struct):
    """Line of the spool: a task as it was delivered in a delivery."""

    delivery: str
    task: msgspec.Raw


class SchemaLine(Struct):
    """Line of the spool: the schema of a delivery."""

    delivery: str
    schema: str


class IdLine(Struct):
    """Ids of a line of the spool, of a task or of anything else."""

    id: str = ""
    task_id: str = ""


_decode_id = msgspec.json.Decoder(IdLine).decode


class TakenItems:
    """Objects that a pull receives: those of a step are taken page by page."""

    def __init__(self, spool: Spool, state: PullState, run: PullRun) -> None:
        self._spool = spool
        self._run = run
        self._following: list[PullStep] = []
        self._coming: set[str] = set()
        """Ids of the objects that following steps ask for."""
        self._delivered = frozenset(state.delivered if run.is_since_last else ())
        self._unknown_batches = set(run.unknown_batches)
        self._batches = {_decode_id(line).id for line in spool.lines("batch")}
        self._schemas = {_decode_id(line).id for line in spool.lines("schema")}
        self._last_ms = -1
        self._task_ids: set[str] | None = None
        self._takers: dict[str, Callable[[PullStep, AnswerItem], None]] = {
            "project": self._take_project,
            "projects": self._take_project,
            "batches": self._take_batch,
            "batch": self._take_batch,
            "tasks": self._take_task,
            "open": self._take_task,
            "deliveries": self._take_delivery,
            "delivery": self._take_delivered,
            "schema_of": self._take_schema_of,
            "schema": self._take_schema,
            "datasets": self._take_dataset,
            "dataset_deliveries": self._take_dataset_delivery,
            "dataset_delivery": self._take_dataset_task,
        }

    def take(self, step: PullStep, items: Sequence[AnswerItem]) -> None:
        """Add the objects of one answer to the spool; raises ClientError for one of no use."""
        taker = self._takers[step.kind]
        for item in items:
            taker(step, item)

    def following(self, step: PullStep) -> list[PullStep]:
        """Steps that follow from a step that has ended."""
        following, self._following = self._following, []
        self._coming.clear()
        if step.kind == "tasks" and step.status == TaskStatus.completed:
            following += [PullStep("batch", one, name=one) for one in self._run.unknown_batches]
            self._run.unknown_batches = []
            self._unknown_batches.clear()
        self._last_ms = -1
        return following

    def begin_again(self, step: PullStep) -> None:
        """Forget the mark of a step that begins again, and what its lines were."""
        self._last_ms = -1
        self._task_ids = None
        self._run.marks.pop(step.id, None)

    def note_gone(self, task_id: str) -> None:
        """Note a task that the server no longer has."""
        self._spool.add("gone", _encode(task_id))

    def task_ids(self) -> set[str]:
        """Ids of the tasks in the spool, which is read once."""
        if self._task_ids is None:
            self._task_ids = {_decode_id(line).task_id for line in self._spool.lines("task")}
        return self._task_ids

    def new_deliveries(self) -> list[str]:
        """Ids of the deliveries in the spool, as a state lists them."""
        of_projects = [_decode_id(line).id for line in self._spool.lines("delivery")]
        of_datasets = [_decode_id(line).id for line in self._spool.lines("dataset_delivery")]
        return of_projects + [DATASET_PREFIX + one for one in of_datasets]

    def _is_coming(self, own_id: str) -> bool:
        """True for an object that the same answer has named before; notes it."""
        if own_id in self._coming:
            return True
        self._coming.add(own_id)
        return False

    def _take_project(self, step: PullStep, item: AnswerItem) -> None:
        project_id, name = item.id("id"), item.text("name")
        if self._is_coming(project_id):
            return
        self._spool.add("project", item.json)
        self._following += steps_of_project(project_id, name, is_since_last=self._run.is_since_last)

    def _take_batch(self, step: PullStep, item: AnswerItem) -> None:
        batch_id = item.id("id")
        item.text("name")
        if batch_id not in self._batches:
            self._batches.add(batch_id)
            self._spool.add("batch", item.json)

    def _take_task(self, step: PullStep, item: AnswerItem) -> None:
        task_id, status = item.id("task_id"), item.text("status")
        batch_id = item.reference("batch")
        is_known = batch_id in self._batches or batch_id in self._unknown_batches
        if batch_id is not None and not is_known:
            self._unknown_batches.add(batch_id)
            self._run.unknown_batches.append(batch_id)
        if step.status == TaskStatus.completed and status == TaskStatus.completed:
            self._move_mark(step.id, item)
        self._spool.add("task", item.json)
        if self._task_ids is not None:
            self._task_ids.add(task_id)
        self._run.task_count += 1

    def _move_mark(self, project_id: str, item: AnswerItem) -> None:
        """Move the mark of a project to a completion; raises ClientError for one without a time."""
        text = item.text("completed_at")
        try:
            completed_ms = clock.parse_moment(text)
        except ValueError:
            raise ClientError(f"{item.where}/completed_at: expected a date-time") from None
        if completed_ms < self._last_ms and project_id not in self._run.unordered:
            self._run.unordered.append(project_id)
        self._last_ms = completed_ms
        mark = self._run.marks.get(project_id)
        if mark is None or completed_ms >= clock.parse_moment(mark):
            self._run.marks[project_id] = text

    def _take_delivery(self, step: PullStep, item: AnswerItem) -> None:
        delivery_id, name = item.id("id"), item.text("name")
        if delivery_id in self._delivered or self._is_coming(delivery_id):
            return
        self._spool.add("delivery", item.json)
        count = item.value.get("task_count")
        count = count if type(count) is int and count > 0 else 0
        self._following += [
            PullStep("delivery", delivery_id, name=name, count=count),
            PullStep("schema_of", delivery_id, name=name, project_id=step.id),
        ]

    def _take_delivered(self, step: PullStep, item: AnswerItem) -> None:
        item.id("task_id")
        self._spool.add("delivered", _encode(DeliveredLine(step.id, msgspec.Raw(item.json))))

    def _take_schema_of(self, step: PullStep, item: AnswerItem) -> None:
        schema_id = item.value.get("response_schema_id")
        if not isinstance(schema_id, str) or not schema_id:
            return
        self._spool.add("delivery_schema", _encode(SchemaLine(step.id, schema_id)))
        if schema_id not in self._schemas:
            self._schemas.add(schema_id)
            self._following.append(PullStep("schema", schema_id, name=schema_id))

    def _take_schema(self, step: PullStep, item: AnswerItem) -> None:
        if not isinstance(item.value.get("schema"), dict):
            raise ClientError(f"{item.where}/schema: expected an object")
        members = msgspec.json.decode(item.json, type=dict[str, msgspec.Raw])
        self._spool.add("schema", bytes(members["schema"]))

    def _take_dataset(self, step: PullStep, item: AnswerItem) -> None:
        dataset_id, name = item.id("id"), item.text("name")
        if self._is_coming(dataset_id):
            return
        self._spool.add("dataset", item.json)
        self._following.append(PullStep("dataset_deliveries", dataset_id, name=name))

    def _take_dataset_delivery(self, step: PullStep, item: AnswerItem) -> None:
        delivery_id, name = item.id("id"), item.text("name")
        is_known = DATASET_PREFIX + delivery_id in self._delivered
        if is_known or self._is_coming(delivery_id):
            return
        json = item.json
        if item.reference("dataset") is None:
            json = _encode(item.value | {"dataset": step.id})
        self._spool.add("dataset_delivery", json)
        self._following.append(PullStep("dataset_delivery", delivery_id, name=name))

    def _take_dataset_task(self, step: PullStep, item: AnswerItem) -> None:
        item.id("task_id")
        self._spool.add("dataset_task", item.json)
