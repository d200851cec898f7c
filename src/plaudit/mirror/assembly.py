"""Assembly of an archive from the received lines, and from the archive of the pull before.

Of each task the version that came last counts, of all others too: nothing stands twice. What was
delivered stays as it was delivered, also where the task has changed since.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec
from msgspec import Struct

from plaudit.core.transfer.archive_line import ARCHIVE_VERSION, archive_line
from plaudit.mirror.spool import Spool
from plaudit.mirror.step_items import DeliveredLine, IdLine, SchemaLine
from plaudit.model.core import TaskStatus

KINDS = (
    "project", "batch", "schema", "task", "delivery", "dataset", "dataset_delivery", "dataset_task",
)  # fmt: skip
"""Kinds of lines in the order in which they refer to one another."""

IDS_PER_LINE = 1000
LINE_BYTES = 4 * 1024 * 1024
"""Bytes of delivered versions in a line of a delivery, unless a single one has more."""

_encode = msgspec.json.Encoder().encode
_decode_ids = msgspec.json.Decoder(IdLine).decode
_decode_delivered = msgspec.json.Decoder(DeliveredLine).decode
_decode_schema = msgspec.json.Decoder(SchemaLine).decode


class _TaskFields(Struct):
    task_id: str
    status: str = ""
    project: str | dict[str, msgspec.Raw] = ""


class _DeliveryLine(Struct):
    id: str
    task_ids: list[str]
    frozen: list[msgspec.Raw] = []
    position: int = 1


_decode_task = msgspec.json.Decoder(_TaskFields).decode
_decode_delivery = msgspec.json.Decoder(_DeliveryLine).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Assembly:
    """Archive of one pull; `lines` once, then the counts of what is in it.

    `old` has the lines of the archive that the pull adds to, None without one. With
    `has_all_tasks` no task stands anywhere else, so a delivered one that is not there is added.
    """

    def __init__(
        self, spool: Spool, old: Iterable[tuple[str, bytes]] | None, *, has_all_tasks: bool
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.open_tasks: list[tuple[str, str]] = []
        """Project and id of the tasks of this pull that are not completed."""
        self.empty_deliveries = 0
        self._spool = spool
        self._old = old
        self._has_all_tasks = has_all_tasks
        self._latest = {kind: self._find_latest(kind) for kind in KINDS}
        self._gone = {msgspec.json.decode(line, type=str) for line in spool.lines("gone")}
        self.gone = len(self._gone)
        self._delivered_counts, self._delivered_ids = self._count_delivered()
        self._digests: dict[str, bytes] = {}
        """Digests of the tasks in the archive that new deliveries have."""
        self._new_digests: dict[str, bytes] = {}
        self._overridden: dict[str, bytes] = {}
        """Old versions of tasks that have changed, for the deliveries that have them."""

    def lines(self) -> Iterator[bytes]:
        """Lines without line feeds; each follows the lines that it refers to."""
        yield archive_line(
            "organization", _encode({"archive": "plaudit", "version": ARCHIVE_VERSION})
        )
        if self._old is not None:
            self._new_digests = {
                _decode_ids(line).task_id: _digest(line) for line in self._new_lines("task")
            }
        rank = 0
        for kind, value in self._old or ():
            while kind in KINDS[rank + 1 :]:
                yield from self._lines_of(KINDS[rank])
                rank += 1
            kept = self._kept(kind, value)
            if kept is not None:
                self.counts[kind] += kind != "delivery" or _decode_delivery(kept).position == 1
                yield archive_line(kind, kept)
        for kind in KINDS[rank:]:
            yield from self._lines_of(kind)

    def _find_latest(self, kind: str) -> dict[str, int]:
        """Numbers of the last lines by id."""
        latest = {}
        for number, line in enumerate(self._spool.lines(kind)):
            ids = _decode_ids(line)
            latest[ids.task_id or ids.id] = number
        return latest

    def _new_lines(self, kind: str) -> Iterator[bytes]:
        last = set(self._latest[kind].values())
        for number, line in enumerate(self._spool.lines(kind)):
            if number in last:
                yield line

    def _count_delivered(self) -> tuple[Counter[str], set[str]]:
        counts: Counter[str] = Counter()
        task_ids: set[str] = set()
        for delivery_id, tasks in self._delivered():
            own = {_decode_ids(task).task_id for task in tasks}
            counts[delivery_id] = len(own)
            task_ids |= own
        return counts, task_ids

    def _delivered(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Deliveries of the spool with their tasks."""
        lines = map(_decode_delivered, self._spool.lines("delivered"))
        for delivery_id, group in groupby(lines, key=lambda line: line.delivery):
            yield delivery_id, (bytes(line.task) for line in group)

    def _kept(self, kind: str, value: bytes) -> bytes | None:
        """Line of the old archive as it stays, None if it goes."""
        if kind not in KINDS:
            return None
        ids = _decode_ids(value)
        own_id = ids.task_id or ids.id
        if kind == "task":
            return self._kept_task(own_id, value)
        if own_id in self._latest[kind]:
            return None
        return self._kept_delivery(value) if kind == "delivery" else value

    def _kept_task(self, task_id: str, value: bytes) -> bytes | None:
        task = _decode_task(value)
        if task_id in self._latest["task"]:
            is_changed = self._new_digests[task_id] != _digest(value)
            if is_changed and task.status == TaskStatus.completed:
                self._overridden[task_id] = value
            return None
        if task_id in self._gone:
            return None
        self._note_task(task, value)
        return value

    def _kept_delivery(self, value: bytes) -> bytes:
        """Delivery of the old archive, with the delivered versions of what has changed."""
        line = _decode_delivery(value)
        frozen = {_decode_ids(version).task_id for version in line.frozen}
        changed = [
            msgspec.Raw(self._overridden[task_id])
            for task_id in line.task_ids
            if task_id in self._overridden and task_id not in frozen
        ]
        if not changed:
            return value
        return _encode(_members(value) | {"frozen": [*line.frozen, *changed]})

    def _lines_of(self, kind: str) -> Iterator[bytes]:
        """New lines of a kind."""
        if kind == "delivery":
            if self._has_all_tasks:
                yield from self._missing_tasks()
            yield from self._deliveries()
            return
        for value in self._new_lines(kind):
            self.counts[kind] += 1
            if kind == "task":
                task = _decode_task(value)
                self._note_task(task, value)
                if task.status != TaskStatus.completed:
                    self.open_tasks.append((_id_of(task.project), task.task_id))
            yield archive_line(kind, value)

    def _note_task(self, task: _TaskFields, value: bytes) -> None:
        self.statuses[task.status] += 1
        if task.task_id in self._delivered_ids:
            self._digests[task.task_id] = _digest(value)

    def _missing_tasks(self) -> Iterator[bytes]:
        """Tasks that deliveries have and no list of tasks has shown, as they were delivered."""
        for _, tasks in self._delivered():
            for value in tasks:
                task = _decode_task(value)
                if task.task_id not in self._digests:
                    self._note_task(task, value)
                    self.counts["task"] += 1
                    yield archive_line("task", value)

    def _deliveries(self) -> Iterator[bytes]:
        heads = {_decode_ids(line).id: line for line in self._new_lines("delivery")}
        schemas = {
            line.delivery: line.schema
            for line in map(_decode_schema, self._spool.lines("delivery_schema"))
        }
        self.empty_deliveries = len(heads.keys() - self._delivered_counts.keys())
        for delivery_id, tasks in self._delivered():
            head = _members(heads[delivery_id]) | {
                "task_count": msgspec.Raw(_encode(self._delivered_counts[delivery_id]))
            }
            if delivery_id in schemas:
                head["response_schema_id"] = msgspec.Raw(_encode(schemas[delivery_id]))
            self.counts["delivery"] += 1
            for part in self._parts(tasks):
                yield archive_line("delivery", _encode({**head, **part}))

    def _parts(self, tasks: Iterable[bytes]) -> Iterator[dict[str, object]]:
        """Position, ids and changed versions of each line of a delivery."""
        seen: set[str] = set()
        task_ids: list[str] = []
        frozen: list[msgspec.Raw] = []
        size, start = 0, 1
        for value in tasks:
            task_id = _decode_ids(value).task_id
            if task_id in seen:
                continue
            is_same = self._digests.get(task_id) == _digest(value)
            if len(task_ids) == IDS_PER_LINE or (task_ids and size + len(value) > LINE_BYTES):
                yield {"position": start, "task_ids": task_ids, "frozen": frozen}
                start, task_ids, frozen, size = len(seen) + 1, [], [], 0
            seen.add(task_id)
            task_ids.append(task_id)
            if not is_same:
                frozen.append(msgspec.Raw(value))
                size += len(value)
        yield {"position": start, "task_ids": task_ids, "frozen": frozen}


def _digest(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=16).digest()


def _id_of(project: str | dict[str, msgspec.Raw]) -> str:
    if isinstance(project, str):
        return project
    return msgspec.json.decode(project.get("id", msgspec.Raw(b'""')), type=str)
