"""plaudit keys, plaudit projects: what an organization has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
from cyclopts import App, Parameter
from rich.table import Table

from plaudit import clock, json_guard
from plaudit.cli.place import World, refuse, say, show, with_store
from plaudit.core.accounts import api_keys
from plaudit.core.common import audit
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.tasks import forms, projects
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import Actor, Role
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail

keys = App(name="keys", help="API keys of an organization.")
projects_app = App(name="projects", help="Projects of an organization.")


@keys.command(name="create")
def create_key(
    *,
    name: str = "",
    role: Literal["read", "write", "admin"] = "admin",
    expires: str | None = None,
    create: bool = False,
    world: World | None = None,
) -> None:
    """Make an API key and print it alone, once.

    Parameters
    ----------
    name
        What the key is for.
    role
        What it may do.
    expires
        When it ends: an ISO 8601 date or date-time. Never, if left out.
    create
        Create the organization if there is none of that name.
    """
    chosen = world or World()
    expires_ms = None
    if expires is not None:
        try:
            expires_ms = clock.parse_moment(expires)
        except ValueError:
            refuse(f"--expires must be an ISO 8601 date or date-time, not {expires!r}", code=2)

    async def work(db: Database, secret: ServerSecret) -> str:
        try:
            environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        except NotFound:
            if not create:
                raise
            await api_keys.create_organization(db, chosen.org)
            environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        return await api_keys.create_key(
            db,
            secret,
            environment_id=environment_id,
            mode=chosen.mode,
            name=name,
            role=Role[role],
            expires_ms=expires_ms,
            actor=Actor("command", "keys create"),
        )

    print(with_store(chosen.settings(), work))


@keys.command(name="list")
def list_keys(*, world: World | None = None) -> None:
    """List an organization's keys. Their secrets are not kept, so they cannot be shown."""
    chosen = world or World()

    async def work(db: Database, secret: ServerSecret) -> list[Any]:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        return await api_keys.list_keys(db, environment_id)

    found = with_store(chosen.settings(), work)
    if not found:
        say.print("No keys yet; make one with 'plaudit keys create'.")
        return
    table = Table("id", "begins", "role", "name", "created", "expires", "revoked")
    for key in found:
        times = (key.created_ms, key.expires_ms, key.revoked_ms)
        shown = ["" if ms is None else clock.format_ms(ms) for ms in times]
        table.add_row(key.key_id, key.display + "…", key.role.name, key.name, *shown)
    show(table)


@keys.command(name="revoke")
def revoke_key(key: str, *, world: World | None = None) -> None:
    """Revoke a key for good.

    Parameters
    ----------
    key
        Its id, the key itself, or its first 12 characters.
    """
    chosen = world or World()

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        actor = Actor("command", "keys revoke")
        return (
            await api_keys.revoke_key(db, environment_id=environment_id, key=key, actor=actor)
        ).key_id

    say.print(f"Revoked {with_store(chosen.settings(), work)}.")


@projects_app.command(name="create")
def create_project(
    name: str,
    *,
    form: str | None = None,
    types: Annotated[list[str] | None, Parameter(negative="")] = None,
    models: Annotated[list[str] | None, Parameter(negative="")] = None,
    world: World | None = None,
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
    chosen = world or World()
    fields = None if form is None else _fields_of(form)

    async def work(db: Database, secret: ServerSecret) -> str:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)

        async def create(tx: Transaction) -> str:
            detail = projects.checked_detail(
                ProjectDetail(types=types or None, models=models or None, form=fields)
            )
            made = await projects.create_project(tx, environment_id, name=name, detail=detail)
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
    """A form by the name of its preset, or else from a file."""
    if form in forms.PRESETS:
        return cast("dict[str, Any]", msgspec.to_builtins(forms.preset(form)))
    path = Path(form)
    try:
        return cast("dict[str, Any]", convert(json_guard.check(path.read_bytes()), dict[str, Any]))
    except OSError as exc:
        presets = ", ".join(repr(one) for one in forms.PRESETS)
        refuse(f"--form takes a file that can be read, or {presets}; not {form!r} ({exc.strerror})")
    except InvalidContent as exc:
        refuse(f"{form}: {exc.message}")
