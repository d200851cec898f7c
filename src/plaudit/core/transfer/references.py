"""Projects and batches that an import declares or that its tasks refer to.

A project or batch that is referred to without a declaration is created with its id as its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from plaudit import clock
from plaudit.core.common import look_alikes, names
from plaudit.core.tasks import batches, work_queue
from plaudit.core.tasks.forms import Form
from plaudit.core.tasks.projects import (
    apply_settings,
    check_batch,
    create_batch,
    create_project,
)
from plaudit.core.transfer.declared import (
    OPEN,
    STATUS_RANKS,
    declared_detail,
    open_to,
    wanted_access,
    wanted_batch,
    wanted_project,
)
from plaudit.core.transfer.merge import check_open
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow, TaskStatus
from plaudit.store.accounts import project_members as members_store
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Transaction, Write
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import projects, tasks
from plaudit.wire.v2 import resources
from plaudit.wire.v2.parse import convert, moment
from plaudit.wire.v2.resources import (
    ArchivedBatch,
    ArchivedProject,
    ProjectDetail,
    project_detail,
)


class ProjectReferences:
    """Projects and batches of one import, by id. `write` runs work in a transaction.

    `project_form` is the form for a project of the import's choice that has none.
    """

    def __init__(
        self,
        write: Write,
        environment_id: str,
        *,
        replace: bool,
        project_form: Form | None = None,
    ) -> None:
        self._project_form = project_form
        self._write = write
        self._environment_id = environment_id
        self._replace = replace
        self._projects: dict[str, ProjectRow] = {}
        self._named: dict[str, ProjectRow] = {}
        self._name_keys: dict[str, str] = {}
        self._batches: dict[str, BatchRow] = {}
        self._undeclared: dict[str, BatchRow] = {}
        self._created_ids: set[str] = set()
        """Ids of batches that this import created because a task referred to them."""
        self._completed_ids: set[str] = set()
        """Ids of batches that a line of this import declares as completed."""

    async def declare(self, kind: str, value: object) -> str:
        """Store a declared project or batch; return "added", "updated" or "unchanged".

        Raises InvalidContent or Conflict.
        """
        if kind == "project":
            return await self._declare_project(convert(value, ArchivedProject))
        batch = convert(value, ArchivedBatch)
        check_batch(batch.metadata, batch.callback)
        outcome = await self._declare_batch(batch)
        if batch.status is BatchStatus.completed:
            self._completed_ids.add(batch.id)
        return outcome

    async def project_for(
        self, reference: str | resources.Project | None, override: str | None
    ) -> ProjectRow:
        """The project of a task: the one named `override` if given, else the one it refers to.

        Creates a project that does not exist. Raises InvalidContent or Conflict.
        """
        if override is not None:
            return await self._project_named(override)
        if reference is None:
            raise InvalidContent(
                "the task names no project; name one with --project", pointer="/project"
            )
        project_id = reference if isinstance(reference, str) else reference.id
        if (known := self._projects.get(project_id)) is not None:
            return known
        if isinstance(reference, str):
            with _with_pointer("/project"):
                return await self._find_or_create(ArchivedProject(id=project_id))
        with _with_pointer(None, "/project"):
            declared = convert(msgspec.to_builtins(reference), ArchivedProject)
            return await self._find_or_create(declared)

    async def batch_for(
        self, reference: str | resources.Batch | None, project: ProjectRow
    ) -> BatchRow | None:
        """The batch of a task, None without a reference; creates a batch that does not exist.

        Raises InvalidContent, or Conflict if the batch is in another project.
        """
        if reference is None:
            return None
        batch_id = reference if isinstance(reference, str) else reference.id
        batch = self._batches.get(batch_id)
        if batch is None:
            batch = await self._find_batch(batch_id)
        if batch is None:
            if isinstance(reference, str):
                declared = ArchivedBatch(id=batch_id, project=project.project_id)
                with _with_pointer("/batch"):
                    batch = await self._create_batch(declared, project)
                self._undeclared[batch_id] = batch
                self._created_ids.add(batch_id)
            else:
                with _with_pointer(None, "/batch"):
                    declared = convert(msgspec.to_builtins(reference), ArchivedBatch)
                    batch = await self._create_batch(declared, project)
        elif batch.name == batch_id and batch_id not in self._batches:
            self._undeclared[batch_id] = batch
        self._batches[batch_id] = batch
        if batch.project_key != project.project_key:
            raise Conflict(f"batch {batch_id!r} belongs to another project")
        return batch

    def is_restored(self, batch: BatchRow | None) -> bool:
        """True for a batch that a line of this import declares as completed."""
        return batch is not None and batch.batch_id in self._completed_ids

    async def check_creatable(self, task: PreparedTask, override: str | None) -> None:
        """Raise Conflict or InvalidContent for a task whose new project or batch would be in vain.

        It is stored elsewhere, or its batch is of another project, or would be closed from the
        start. Called before `project_for` and `batch_for`.
        """
        project_id, batch_id = _id_of(task.project), _id_of(task.batch)
        if self._is_known(project_id, batch_id, override):
            return
        if override is not None:
            project = await self._find_project_named(override)
        else:
            project = None if project_id is None else await self._find_project(project_id)
        batch = None if batch_id is None else await self._find_batch(batch_id)
        stored = await self._write(
            lambda tx: tasks.find_task(tx, self._environment_id, task.task_id)
        )
        if batch is not None and (project is None or project.project_key != batch.project_key):
            raise Conflict(f"batch {batch_id!r} belongs to another project")
        if stored is not None:
            if project is None or project.project_key != stored.project_key:
                raise Conflict(f"task {task.task_id!r} is stored in another project")
            if stored.batch_id != batch_id:
                raise Conflict(f"task {task.task_id!r} is stored in batch {stored.batch_id!r}")
        if batch is None and isinstance(task.batch, resources.Batch):
            check_open(task.batch.id, task.batch.status, task.status)

    def _is_known(self, project_id: str | None, batch_id: str | None, override: str | None) -> bool:
        """True if nothing is created for a task: its project and batch were seen before."""
        if override is not None:
            is_known_project = self._name_key(override) in self._named
        elif project_id is None:
            return True  # refused, because it names no project
        else:
            is_known_project = project_id in self._projects
        return is_known_project and (batch_id is None or batch_id in self._batches)

    async def complete_referenced_batches(self) -> None:
        """Complete the undeclared batches that have tasks, none of them pending."""

        async def work(tx: Transaction) -> None:
            undeclared = sorted(
                self._undeclared.values(), key=lambda batch: (batch.project_key, batch.batch_id)
            )
            for batch in undeclared:
                counts = await batches_store.add_progress(tx, batch.project_key, batch.batch_id, {})
                if counts[TaskStatus.pending] == 0 and any(counts.values()):
                    await batches_store.complete_batch(
                        tx, batch.environment_id, batch.batch_id, clock.now_ms()
                    )

        if self._undeclared:
            await self._write(work)

    async def _declare_project(self, declared: ArchivedProject) -> str:
        stored = await self._find_project(declared.id)
        if stored is None:
            await self._find_or_create(declared)
            return "added"
        wanted = wanted_project(stored, declared)
        access = await self._write(lambda tx: members_store.find_access(tx, stored.project_key))
        opened = wanted_access(declared, access)
        if wanted == stored and opened == access:
            self._projects[declared.id] = stored
            return "unchanged"
        is_placeholder = stored.name == stored.project_id and stored.detail == b"{}"
        if not (self._replace or is_placeholder):
            raise Conflict(f"project {declared.id!r} is stored with other values; see --replace")
        name_key = names.check_name(wanted.name)

        async def work(tx: Transaction) -> None:
            if wanted.name != stored.name:
                await look_alikes.refuse_twin(
                    tx,
                    Named.project,
                    self._environment_id,
                    name_key,
                    own=names.normalize_name(stored.name),
                )
            if not await projects.update_project(tx, wanted, name_key):
                raise Conflict(f"there is a project named {wanted.name!r} already")
            await apply_settings(tx, stored, wanted)
            await open_to(tx, wanted, access, opened)

        await self._write(work)
        self._projects[declared.id] = wanted
        return "updated"

    async def _declare_batch(self, declared: ArchivedBatch) -> str:
        project = await self.project_for(declared.project, None)
        stored = await self._find_batch(declared.id)
        self._undeclared.pop(declared.id, None)
        if stored is None:
            self._batches[declared.id] = await self._create_batch(declared, project)
            return "added"
        if stored.project_key != project.project_key:
            raise Conflict(f"batch {declared.id!r} belongs to another project")
        self._batches[declared.id] = stored
        is_created_here = declared.id in self._created_ids
        if wanted_batch(stored, declared, is_created_here=is_created_here) == stored:
            return "unchanged"

        async def work(tx: Transaction) -> BatchRow | None:
            await batches_store.add_progress(
                tx, stored.project_key, stored.batch_id, {}
            )  # the lock
            current = await batches_store.find_batch(tx, self._environment_id, stored.batch_id)
            assert current is not None
            wanted = wanted_batch(current, declared, is_created_here=is_created_here)
            return await self._change_batch(tx, current, wanted) if wanted != current else None

        changed = await self._write(work)
        self._created_ids.discard(declared.id)
        if changed is None:
            return "unchanged"
        self._batches[declared.id] = changed
        return "updated"

    async def _change_batch(self, tx: Transaction, stored: BatchRow, wanted: BatchRow) -> BatchRow:
        """Update a batch that the caller has locked; raises Conflict if that is not allowed."""
        if not self._may_change(stored, wanted):
            raise Conflict(f"batch {stored.batch_id!r} is stored with other values; see --replace")
        if not await batches_store.update_batch(tx, wanted, names.check_name(wanted.name)):
            raise Conflict(f"there is a batch named {wanted.name!r} already")
        if wanted.priority != stored.priority:
            await work_queue.prioritize(tx, wanted, wanted.priority)
        await work_queue.apply_batch_status(tx, wanted)
        if wanted.status is BatchStatus.cancelled and stored.status is not wanted.status:
            await batches.cancel_pending(tx, wanted)
        return wanted

    def _may_change(self, stored: BatchRow, wanted: BatchRow) -> bool:
        """True if a batch may be changed: with --replace, if undeclared so far, or only forward."""
        is_placeholder = stored.name == stored.batch_id != wanted.name
        if self._replace or is_placeholder or stored.batch_id in self._created_ids:
            return True
        moved = msgspec.structs.replace(
            stored, status=wanted.status, completed_ms=wanted.completed_ms
        )
        return moved == wanted and STATUS_RANKS[wanted.status] > STATUS_RANKS[stored.status]

    def _name_key(self, name: str) -> str:
        """Key form of the name of the import's choice, for each of its tasks."""
        if name not in self._name_keys:
            self._name_keys[name] = names.normalize_name(name)
        return self._name_keys[name]

    async def _project_named(self, name: str) -> ProjectRow:
        name_key = self._name_key(name)
        if name_key not in self._named:

            async def work(tx: Transaction) -> ProjectRow:
                stored = await projects.find_project_by_name(tx, self._environment_id, name_key)
                if stored is not None:
                    return await self._with_form(tx, stored)
                detail = None
                if self._project_form is not None:
                    detail = ProjectDetail(form=msgspec.to_builtins(self._project_form))
                try:
                    return await create_project(tx, self._environment_id, name=name, detail=detail)
                except Conflict:  # nothing is written; another import may have made it just now
                    made = await projects.find_project_by_name(tx, self._environment_id, name_key)
                    if made is None:
                        raise
                    return await self._with_form(tx, made)

            self._named[name_key] = await self._write(work)
        return self._named[name_key]

    async def _with_form(self, tx: Transaction, project: ProjectRow) -> ProjectRow:
        """Give an unused project without a form that of the import; return the row."""
        detail = project_detail(project)
        is_set = detail.form is not None or detail.types or detail.judges is not None
        if self._project_form is None or is_set:
            return project
        # Tasks that stand there were judged by the form that they were given with.
        if await projects.next_seq(tx, project.project_key) > 1:
            return project
        detail.form = msgspec.to_builtins(self._project_form)
        wanted = msgspec.structs.replace(project, detail=msgspec.json.encode(detail))
        if await projects.replace_project(tx, project, wanted, names.normalize_name(project.name)):
            return wanted
        # Somebody has changed it at the same moment: what they set stays.
        return await projects.get_project(tx, project.project_key)

    async def _find_project_named(self, name: str) -> ProjectRow | None:
        name_key = names.normalize_name(name)
        return await self._write(
            lambda tx: projects.find_project_by_name(tx, self._environment_id, name_key)
        )

    async def _find_or_create(self, declared: ArchivedProject) -> ProjectRow:
        project = await self._find_project(declared.id) or await self._create_project(declared)
        self._projects[project.project_id] = project
        return project

    async def _create_project(self, declared: ArchivedProject) -> ProjectRow:
        created_ms = moment(declared.created_at, "/created_at")

        async def work(tx: Transaction) -> ProjectRow:
            project = await create_project(
                tx,
                self._environment_id,
                name=declared.id if declared.name is None else declared.name,
                project_id=declared.id,
                created_ms=created_ms,
                detail=declared_detail(declared),
            )
            await open_to(tx, project, OPEN, wanted_access(declared, OPEN))
            return project

        with _with_pointer("/id" if declared.name is None else None):
            return await self._write(work)

    async def _create_batch(self, declared: ArchivedBatch, project: ProjectRow) -> BatchRow:
        created_ms = moment(declared.created_at, "/created_at")
        completed_ms = moment(declared.completed_at, "/completed_at")

        async def work(tx: Transaction) -> BatchRow:
            return await create_batch(
                tx,
                project,
                name=declared.id if declared.name is None else declared.name,
                batch_id=declared.id,
                status=declared.status or BatchStatus.in_progress,
                created_ms=created_ms,
                completed_ms=completed_ms,
                metadata=declared.metadata,
                callback=declared.callback,
                priority=declared.priority or 0,
            )

        with _with_pointer("/id" if declared.name is None else None):
            return await self._write(work)

    async def _find_project(self, project_id: str) -> ProjectRow | None:
        return await self._write(
            lambda tx: projects.find_project(tx, self._environment_id, project_id)
        )

    async def _find_batch(self, batch_id: str) -> BatchRow | None:
        return await self._write(
            lambda tx: batches_store.find_batch(tx, self._environment_id, batch_id)
        )


def _id_of(reference: str | resources.Project | resources.Batch | None) -> str | None:
    return reference if reference is None or isinstance(reference, str) else reference.id


@contextmanager
def _with_pointer(pointer: str | None, prefix: str = "") -> Iterator[None]:
    """Reraise InvalidContent with its pointer set to `pointer`, or prefixed with `prefix`."""
    try:
        yield
    except InvalidContent as exc:
        raise InvalidContent(
            exc.message, pointer=prefix + (exc.pointer if pointer is None else pointer)
        ) from exc
