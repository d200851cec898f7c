"""Requests of a pull: path, parameters and list of each step."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.client.parameters import Parameter
from plaudit.mirror.pull_state import PullStep, StepKind
from plaudit.model.core import TaskStatus

BEGINNING = "1970-01-01T00:00:00.000Z"
"""Mark before the first pull. It makes a server list completions in order of their time, as a
list without a bound need not be."""

LIMIT_MAX = "100"

OTHER_STATUSES = (TaskStatus.pending, TaskStatus.canceled, TaskStatus.error)
"""Walked before completed tasks, and in this order: a task that moves on meanwhile comes later
again. The other way round it would be in neither walk."""


class Listing(Struct, frozen=True):
    """Request of a step; `member` is the list of its answer, None for an answer of one object."""

    path: str
    params: dict[str, Parameter]
    member: str | None = None


class _Rule(Struct, frozen=True):
    path: str
    id_name: str = ""
    member: str | None = None
    is_paged: bool = False
    has_opts: bool = False


_RULES: dict[StepKind, _Rule] = {
    "project": _Rule("/v2/project", "project_name"),
    "projects": _Rule("/v2/projects", member="projects"),
    "batches": _Rule("/v2/batches", "project_id", "batches", is_paged=True),
    "tasks": _Rule("/v2/tasks", "project_id", "tasks", is_paged=True, has_opts=True),
    "open": _Rule("/v2/task", "task_id", has_opts=True),
    "batch": _Rule("/v2/batch", "batch_id"),
    "deliveries": _Rule("/v2/deliveries", "project_id", "deliveries"),
    "delivery": _Rule("/v2/delivery", "delivery_id", "tasks", is_paged=True, has_opts=True),
    "schema_of": _Rule("/v2/delivery/tasks", "delivery_id", "docs", is_paged=True),
    "schema": _Rule("/v2/schema", "schema_id"),
    "datasets": _Rule("/v2/datasets", member="datasets"),
    "dataset_deliveries": _Rule("/v2/datasets/deliveries", "dataset_id", "deliveries"),
    "dataset_delivery": _Rule("/v2/datasets/delivery", "delivery_id", "tasks", is_paged=True),
}


def listing_of(step: PullStep, opts: Sequence[str], mark: str | None, token: str | None) -> Listing:
    """Request of a step from the page of `token` on; `mark` bounds completed tasks."""
    rule = _RULES[step.kind]
    params: dict[str, Parameter] = {}
    if rule.id_name:
        params[rule.id_name] = step.id
    if step.kind == "tasks":
        params["status"] = step.status
        if step.status == TaskStatus.completed:
            params["completed_after"] = mark or BEGINNING
    if step.project_id:
        params["project_id"] = step.project_id
    if rule.is_paged:
        params["limit"] = "1" if step.kind == "schema_of" else LIMIT_MAX
    if rule.has_opts:
        params["opts"] = list(opts)
    if token is not None:
        params["next_token"] = token
    return Listing(rule.path, params, rule.member)


def first_steps(project_names: Sequence[str]) -> list[PullStep]:
    """Steps that a pull begins with; the others follow from what these bring."""
    named = [PullStep("project", name, name=name) for name in project_names]
    return named or [PullStep("projects"), PullStep("datasets")]


def steps_of_project(project_id: str, name: str, *, is_since_last: bool) -> list[PullStep]:
    """Steps of one project, in their order."""
    statuses = (*OTHER_STATUSES, TaskStatus.completed)
    return [
        PullStep("batches", project_id, name=name),
        *(PullStep("tasks", project_id, status.value, name) for status in statuses),
        *([PullStep("open", project_id, name=name)] if is_since_last else []),
        PullStep("deliveries", project_id, name=name),
    ]
