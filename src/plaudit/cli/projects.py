"""plaudit projects: the projects of an organization."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from cyclopts import App, Parameter

from plaudit import json_guard
from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.terminal import refuse
from plaudit.core.accounts import api_keys
from plaudit.core.common import audit
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks import forms
from plaudit.core.tasks import projects as project_rules
from plaudit.errors import InvalidContent
from plaudit.model.core import Actor
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail

projects = App(name="projects")


@projects.command(name="create")
def create_project(
    name: str,
    *,
    form: str | None = None,
    types: Annotated[list[str] | None, Parameter(negative="")] = None,
    models: Annotated[list[str] | None, Parameter(negative="")] = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Create a project and print its id.

    Parameters
    ----------
    name
        Its name, unique in the organization.
    form
        What annotators are asked: a JSON file with its fields, or a preset such as
        "RLHF: Pref Ranking".
    types
        Kinds of work, such as "RLHF: Pref Ranking".
    models
        Names of the models whose responses are judged.
    """
    chosen = context or EnvironmentContext()
    fields = None if form is None else _fields_of(form)

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)

        async def create(tx: Transaction) -> str:
            detail = project_rules.checked_detail(
                ProjectDetail(types=types or None, models=models or None, form=fields)
            )
            made = await project_rules.create_project(tx, environment_id, name=name, detail=detail)
            await audit.record(
                tx,
                environment_id,
                Actor("command", "projects create"),
                "create_project",
                "project",
                made.project_id,
                project_key=made.project_key,
            )
            return made.project_id

        return await db.write(create)

    print(with_store(chosen.settings(), work))


def _fields_of(form: str) -> dict[str, Any]:
    """Form of a preset's name, or else of a file; refuses what is neither."""
    if form in forms.PRESETS:
        return cast("dict[str, Any]", msgspec.to_builtins(forms.preset(form)))
    path = Path(form)
    try:
        return cast("dict[str, Any]", convert(json_guard.check(path.read_bytes()), dict[str, Any]))
    except OSError as exc:
        presets = ", ".join(repr(preset) for preset in forms.PRESETS)
        refuse(f"--form takes a file that can be read, or {presets}; not {form!r} ({exc.strerror})")
    except InvalidContent as exc:
        refuse(f"{form}: {exc.message}")
