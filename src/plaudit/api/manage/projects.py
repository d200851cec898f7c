"""Projects with all their settings under /manage/v1: create, get and change them."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import declare
from plaudit.api.openapi import examples
from plaudit.core.managing import clones
from plaudit.core.managing.clones import ClonePart
from plaudit.core.tasks import projects
from plaudit.core.tasks.forms import Form
from plaudit.core.tasks.templates import Template
from plaudit.errors import NotFound
from plaudit.formats.table.saved_mapping import check_saved_mapping
from plaudit.model.core import Review, Role
from plaudit.model.quality_control import GoldFeedback, GoldSettings, RepeatSettings
from plaudit.store.tasks.projects import find_project
from plaudit.wire.manage import resources
from plaudit.wire.manage.resources import ManagedProject
from plaudit.wire.v2.resources import AdaptiveOverlap, ProjectDetail

_ACCEPTED: dict[str, Any] = {
    **Form.ACCEPTED,
    "review": Review,
    "feedback": GoldFeedback,
}


class CreateProject(Struct, forbid_unknown_fields=True, kw_only=True):
    """A new project. `form` may be the name of a preset; `id` is chosen by the server if absent."""

    ACCEPTED: ClassVar[dict[str, Any]] = _ACCEPTED

    id: str | None = None
    name: str
    types: list[str] | None = None
    models: list[str] | None = None
    form: Form | str | None = None
    template: Template | None = None
    overlap: int | None = None
    judges: AdaptiveOverlap | None = None
    guidelines: str | None = None
    review: Review | None = None
    review_percent: int | None = None
    lease_seconds: int | None = None
    blind: bool | None = None
    pseudonyms: bool | None = None
    self_review: bool | None = None
    import_mapping: dict[str, Any] | None = None
    gold: GoldSettings | None = None
    repeats: RepeatSettings | None = None


class CloneProject(Struct, forbid_unknown_fields=True, kw_only=True):
    """A clone: its name, and the parts that it takes along; all but gold where they are absent."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"parts": ClonePart}

    id: str | None = None
    name: str
    parts: list[ClonePart] | None = None


class ChangeProject(Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change: what is absent stays as it is, what is null is taken away."""

    ACCEPTED: ClassVar[dict[str, Any]] = _ACCEPTED

    name: str | UnsetType = UNSET
    types: list[str] | UnsetType | None = UNSET
    models: list[str] | UnsetType | None = UNSET
    form: Form | str | UnsetType | None = UNSET
    template: Template | UnsetType | None = UNSET
    overlap: int | UnsetType | None = UNSET
    judges: AdaptiveOverlap | UnsetType | None = UNSET
    guidelines: str | UnsetType | None = UNSET
    review: Review | UnsetType | None = UNSET
    review_percent: int | UnsetType | None = UNSET
    lease_seconds: int | UnsetType | None = UNSET
    blind: bool | UnsetType | None = UNSET
    pseudonyms: bool | UnsetType | None = UNSET
    self_review: bool | UnsetType | None = UNSET
    import_mapping: dict[str, Any] | UnsetType | None = UNSET
    gold: GoldSettings | UnsetType | None = UNSET
    repeats: RepeatSettings | UnsetType | None = UNSET


async def check_mapping(call: Call[NoQuery], body: CreateProject | ChangeProject) -> None:
    """Raise InvalidContent for a mapping that cannot be right; patterns take long to compile."""
    mapping = body.import_mapping
    if isinstance(mapping, dict):
        await call.services.bodies.run_in_thread(lambda: check_saved_mapping(mapping))


async def create_project(
    call: Call[NoQuery], body: CreateProject, context: WriteContext
) -> ManagedProject:
    """POST /manage/v1/projects: create a project."""
    details = {
        name: _plain(name, getattr(body, name))
        for name in ProjectDetail.__struct_fields__
        if name in body.__struct_fields__
    }
    project = await projects.create_project(
        context.tx,
        context.environment_id,
        name=body.name,
        project_id=body.id,
        detail=projects.checked_detail(ProjectDetail(**details)),
    )
    await context.note("project", project.project_id, project_key=project.project_key)
    return resources.project(project)


async def get_project(call: Call[NoQuery]) -> ManagedProject:
    """GET /manage/v1/projects/{project_id}: get a project; raises NotFound."""
    async with call.services.db.read() as tx:
        project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return resources.project(project)


async def change_project(
    call: Call[NoQuery], body: ChangeProject, context: WriteContext
) -> ManagedProject:
    """PATCH /manage/v1/projects/{project_id}: change the fields that the body has."""
    changes = {
        name: _plain(name, value)
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }
    before, project = await projects.change_project(
        context.tx, context.environment_id, call.path["project_id"], changes
    )
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail=projects.audit_detail(before, project, changes),
    )
    return resources.project(project)


async def clone_project(
    call: Call[NoQuery], body: CloneProject, context: WriteContext
) -> ManagedProject:
    """POST /manage/v1/projects/{project_id}/clone: create a project like another one."""
    project = await find_project(context.tx, context.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    parts = clones.USUAL if body.parts is None else set(body.parts)
    clone = await clones.clone_project(
        context.tx, project, name=body.name, parts=parts, project_id=body.id
    )
    await context.note(
        "project",
        clone.project_id,
        project_key=clone.project_key,
        detail={"from": project.project_id, "parts": sorted(parts)},
    )
    return resources.project(clone)


def _plain(name: str, value: Any) -> Any:
    """Form or template as built-in types, as the store keeps it; any other value unchanged."""
    return msgspec.to_builtins(value) if name in ("form", "template") and value else value


OPERATIONS = (
    declare(
        "create_project",
        "POST",
        "/projects",
        role=Role.admin,
        handler=create_project,
        body=CreateProject,
        body_limit=TEXT_BODY,
        before=check_mapping,
        summary="Create a project",
        description="Its name is new in the organization, and so is its `id` where one is given, "
        "else 409. `form` is what annotators are asked, or the name of a preset such as "
        "`RLHF: Pref Ranking`; `template` makes of `template_variables` the opening conversation; "
        "`overlap` is how many people judge a task; `judges`, in its place, lets `min` to `max` "
        "people do so, until one answer to `question` has the probability `confidence`. "
        "`guidelines` are markdown. `review` says "
        "which tasks somebody looks at before they are delivered, in a sample `review_percent` of "
        "a hundred (20). Who works on a task keeps it for `lease_seconds` (1800) without a sign of "
        "life. Unless `blind` is false, annotators are not told which model wrote what. "
        "With `pseudonyms` the pages of quality name nobody; with `self_review` reviewers decide "
        "on tasks that they answered themselves, too. "
        "`import_mapping` says how imports of tables read their columns, unless they bring a "
        "mapping of their own. `gold` and `repeats` say what share of a person's tasks are gold, "
        "or own earlier ones again (`rate`, up to 0.5), and `gold` when people learn how they "
        "answered (`feedback`).",
        answer=ManagedProject,
        answer_description="The project.",
        example=examples.MANAGED_PROJECT,
        body_example=examples.CREATE_PROJECT,
    ),
    declare(
        "clone_project",
        "POST",
        "/projects/{project_id}/clone",
        role=Role.admin,
        handler=clone_project,
        body=CloneProject,
        summary="Create a project like another one",
        description="It takes along `parts`: `questions`, `guidelines`, `conversation` (the "
        "template, and how tables are read), `work` (how many people, review, times, names), "
        "`quality` (rules, test, how often gold is given), `members`, `views` (saved lists) and "
        "`gold` (gold tasks, up to 500 of 16 MiB, only with `questions`); without it all but "
        "`gold`. Never tasks, or what people answered. What only members see, only they see of "
        "the clone. 409 if there is a project of that name or id.",
        answer=ManagedProject,
        answer_description="The new project.",
        example=examples.MANAGED_PROJECT,
        body_example={"name": "Next month", "parts": ["questions", "guidelines", "work"]},
        errors=(404, 409),
    ),
    declare(
        "get_managed_project",
        "GET",
        "/projects/{project_id}",
        role=Role.read,
        handler=get_project,
        summary="Get one project with everything that is set for it",
        answer=ManagedProject,
        answer_description="The project.",
        example=examples.MANAGED_PROJECT,
        errors=(404,),
    ),
    declare(
        "change_project",
        "PATCH",
        "/projects/{project_id}",
        role=Role.admin,
        handler=change_project,
        body=ChangeProject,
        body_limit=TEXT_BODY,
        before=check_mapping,
        summary="Change a project",
        description="What is absent stays as it is, what is null is taken away. Changes of other "
        "fields at the same moment are kept.",
        answer=ManagedProject,
        answer_description="The project as it now is.",
        example=examples.MANAGED_PROJECT,
        body_example={"overlap": 3, "guidelines": None},
        errors=(404,),
    ),
)
