"""Resolve the ids and names of a request to projects and batches.

As docs/adr/0010 says: an unknown one is a 404, an id and a name together must denote the same
thing, a batch is looked up inside the project where one is given, and a batch name that several
projects have needs one.
"""

from __future__ import annotations

from msgspec import Struct

from plaudit.core.common import names
from plaudit.errors import InvalidParameter, NotFound
from plaudit.model.core import BatchRow, ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects


class ScopeNames(Struct, frozen=True):
    """Scope parameters of a request, as given."""

    project_id: str | None = None
    project_name: str | None = None
    batch_id: str | None = None
    batch_name: str | None = None


async def find_project(
    tx: Transaction, environment_id: str, scope: ScopeNames
) -> ProjectRow | None:
    """The project a request names, or None if it names none; raises NotFound, InvalidParameter."""
    if scope.project_id is not None:
        project = await projects.find_project(tx, environment_id, scope.project_id)
        if project is None:
            raise NotFound("there is no such project")
        if scope.project_name is not None and names.normalize_name(
            scope.project_name
        ) != names.normalize_name(project.name):
            raise InvalidParameter(
                "project_id and project_name denote different projects", param="project_name"
            )
        return project
    if scope.project_name is not None:
        project = await projects.find_project_by_name(
            tx, environment_id, names.normalize_name(scope.project_name)
        )
        if project is None:
            raise NotFound("there is no such project")
        return project
    return None


async def find_batch(
    tx: Transaction, environment_id: str, scope: ScopeNames, project: ProjectRow | None
) -> BatchRow | None:
    """The batch a request names, inside `project` if given, or None if it names none.

    Raises NotFound, or InvalidParameter for an ambiguous name or an id with another name.
    """
    project_key = None if project is None else project.project_key
    if scope.batch_id is not None:
        batch = await batches.find_batch(tx, environment_id, scope.batch_id)
        if batch is None or project_key not in (None, batch.project_key):
            raise NotFound("there is no such batch")
        if scope.batch_name is not None and names.normalize_name(
            scope.batch_name
        ) != names.normalize_name(batch.name):
            raise InvalidParameter(
                "batch_id and batch_name denote different batches", param="batch_name"
            )
        return batch
    if scope.batch_name is not None:
        named = await batches.list_batches_by_name(
            tx, environment_id, names.normalize_name(scope.batch_name), project_key
        )
        if not named:
            raise NotFound("there is no such batch")
        if len(named) > 1:
            raise InvalidParameter(
                "several projects have a batch of this name; add the project, or use batch_id",
                param="batch_name",
            )
        return named[0]
    return None


async def project_of(tx: Transaction, batch: BatchRow) -> ProjectRow:
    """The project a batch belongs to."""
    project = await projects.find_project_by_key(tx, batch.environment_id, batch.project_key)
    assert project is not None
    return project


async def find_by_name_or_id(tx: Transaction, environment_id: str, named: str) -> ProjectRow:
    """Find a project by its name, else by its id; raises NotFound."""
    for scope in (ScopeNames(project_name=named), ScopeNames(project_id=named)):
        try:
            project = await find_project(tx, environment_id, scope)
        except NotFound:
            continue
        assert project is not None
        return project
    raise NotFound(f"there is no project {named!r}")


async def find_batch_by_name_or_id(tx: Transaction, project: ProjectRow, named: str) -> BatchRow:
    """Find a batch of a project by its name, else by its id; raises NotFound."""
    for scope in (ScopeNames(batch_name=named), ScopeNames(batch_id=named)):
        try:
            batch = await find_batch(tx, project.environment_id, scope, project)
        except NotFound:
            continue
        assert batch is not None
        return batch
    raise NotFound(f"the project has no batch {named!r}")
