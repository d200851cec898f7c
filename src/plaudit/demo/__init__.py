"""Demonstration: a server with sample conversations, in a folder that is removed at its end."""

from __future__ import annotations

import asyncio
import secrets as random
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from plaudit import app as server
from plaudit import settings
from plaudit.core.accounts import api_keys, authentication, users
from plaudit.core.common import server_secret
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.quality_control import gold_tasks
from plaudit.core.transfer.importer import ImportEntry, Reject, Source, import_sources
from plaudit.formats import archive
from plaudit.formats import files as format_files
from plaudit.model.core import PersonRole, Role
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import projects
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold

_FILES = ("sample.jsonl", "kitchen.jsonl")
"""Archives of the sample data: tasks of every shape, and a project that people work on.

The second has tasks that were judged elsewhere with everybody's votes, tasks in review on which
people disagree, and a flagged one.
"""
_LETTERS = "abcdefghijkmnopqrstuvwxyz2345679"
_WELCOME = """
Plaudit is running with sample data at {url}

  Sign in   {url}/sign-in
              as annotator   {annotator.email}   {annotator.password}
              as admin       {admin.email}       {admin.password}
  API key   {key}
  Try it    curl -s "{url}/v2/tasks?project_name=My+Test+Project&status=completed&limit=1" \\
              -H "Authorization: Bearer {key}"
  Read on   {url}/docs

Stop it with Ctrl-C; nothing is kept.
"""


class Login(Struct, frozen=True):
    """E-mail address and password of a person of the demonstration."""

    email: str
    password: str


def run(port: int) -> None:
    """Import the sample data, print the addresses and logins, and serve on loopback until a signal.

    Raises Misconfigured where the port is taken.
    """
    server.require_free_port("127.0.0.1", port)
    stops: list[int] = []

    def stop(number: int, frame: Any) -> NoReturn:
        stops.append(number)
        sys.exit(0)

    # Told to stop at any moment, the folder is still removed.
    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryDirectory(prefix="plaudit-demo-") as folder:
        chosen = msgspec.structs.replace(
            settings.from_environment(),
            data=Path(folder),
            database=None,
            secret_file=None,
            log_level="warning",
        )
        connect.prepare(chosen)
        server_secret.make(chosen.secret_path)
        made = asyncio.run(_fill(chosen))
        if stops:  # in a finalizer, where Python ignores what is raised
            return
        print(_WELCOME.format(url=f"http://127.0.0.1:{port}", **made), flush=True)
        server.serve(chosen, host="127.0.0.1", port=port)


async def _fill(chosen: Settings) -> dict[str, Any]:
    """Import the sample archives; make a key and two people, and return what opens the door."""
    secret = server_secret.load(chosen.secret_path)
    db = connect.open_database(chosen)
    try:
        await server_secret.bind(db, secret, chosen.secret_path)
        await api_keys.create_organization(db, "default")
        environment_id = await api_keys.get_environment(db, "default", "live")
        with as_file(files("plaudit.demo")) as folder:
            sources = [_source(folder / name) for name in _FILES]
            await import_sources(
                db, environment_id, lambda: sources, on_reject=_refuse_sample, secret=secret
            )
        await db.write(lambda tx: _add_gold(tx, environment_id))
        return {
            "key": await api_keys.create_key(
                db, secret, environment_id=environment_id, mode="live", name="demo", role=Role.admin
            ),
            "admin": await _add_person(db, secret, environment_id, PersonRole.admin),
            "annotator": await _add_person(db, secret, environment_id, PersonRole.annotator),
        }
    finally:
        await db.close()


def _source(path: Path) -> Source:
    return Source(path, lambda: _entries(path))


def _entries(path: Path) -> Iterator[ImportEntry]:
    return format_files.entries(path, archive.FORMAT.name, lambda position: None)


async def _add_gold(tx: Transaction, environment_id: str) -> None:
    """Make gold of a task on which everybody agreed; archives carry none."""
    project = await projects.find_project(tx, environment_id, "project_kitchen")
    assert project is not None
    expected = [
        ExpectedAnswer(at="t0u0", key="likert_value", value=1, tolerance=1),
        ExpectedAnswer(at="t0u0", source_id="quince-small", key="overall", value=1, tolerance=1),
    ]
    reason = "A cup of flour is some **125 g**; 240 g is a cup of *water*."
    gold = NewGold(task_id="task_kitchen08", expected=expected, reason=reason)
    await gold_tasks.create_gold(tx, project, [gold])


async def _add_person(
    db: Database, secret: ServerSecret, environment_id: str, role: PersonRole
) -> Login:
    """Invite a person and accept the invitation with a random password; return the login."""
    login = Login(f"{role}@example.com", _random_password())

    async def invite(tx: Transaction) -> str:
        organization_id = await users.find_live_organization(tx, environment_id)
        assert organization_id is not None
        person = await users.invite(tx, organization_id, email=login.email, name=None, role=role)
        return await authentication.make_invitation(tx, secret, person)

    token = await db.write(invite)
    name = f"Demo {role}"
    await authentication.accept_invitation(
        db, secret, token, login.password, name=name, agent="plaudit demo", request_id=""
    )
    return login


def _random_password() -> str:
    """Random password of 80 bits, in groups that are easy to type."""
    groups = ("".join(random.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def _refuse_sample(reject: Reject) -> None:
    raise AssertionError(f"the sample data is not sound: {reject}")
