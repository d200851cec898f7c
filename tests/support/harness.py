"""What tests stand on: a store, its organizations and keys, an application, a running server.

Nothing here imitates the product. `World` opens a real store in a folder of its own; `client`
speaks to the real application in this process; `Server` runs the real command in another.
"""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx2
import pytest

from plaudit import app, worker
from plaudit.cli import main
from plaudit.core.accounts import api_keys
from plaudit.core.common import server_secret
from plaudit.core.tasks import projects
from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import Reject, Source, import_sources
from plaudit.errors import NotFound
from plaudit.formats import files
from plaudit.model.core import ProjectRow, Role
from plaudit.settings import Settings
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine import connect
from plaudit.store.engine.engine import Database
from plaudit.wire.v2.resources import ProjectDetail
from tests.support.app_client import AppClient, RunningApp
from tests.support.forked_process import forked_command
from tests.support.running.kept_loops import of_worlds

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
"""Real data sets beside the checkout; tests that need them skip where they are absent."""


on_sqlite_alone = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""For what concerns the file of the embedded store; other tests run on each engine."""

one_engine = on_sqlite_alone
"""For what is decided before the store is asked, so that one engine stands for both."""

ENGINES = tuple(os.environ.get("PLAUDIT_TEST_ENGINES", "sqlite,postgres").split(","))

both_engines = pytest.mark.parametrize("settings", ENGINES, indirect=True)
"""For races and jobs among tests that otherwise use one engine."""

on_shared_sqlite = pytest.mark.parametrize("shared_engine", ["sqlite"], indirect=True)
"""For what concerns neither engine, in tests that share a store."""

on_shared_postgres = pytest.mark.parametrize("shared_engine", ["postgres"], indirect=True)
"""For what PostgreSQL alone does, in tests that share a store."""

above_the_store = on_shared_sqlite
"""`one_engine` for tests that share a store."""


class World:
    """A store with organizations, keys and data, and a loop to run coroutines on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secret = server_secret.load(settings.secret_path)
        self._runner = of_worlds.lend()
        self.db: Database = connect.open_database(settings)
        self.objects = BlobStore(settings.attachments_location)
        self._kept: RunningApp | None = None
        self._default = "default"
        self._tenants = itertools.count(1)
        self.run(server_secret.bind(self.db, self.secret, settings.secret_path))

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run a coroutine to its end.

        Not by the runner: for SIGINT it puts a handler in place, whose text has the result in it.
        """
        return self._runner.get_loop().run_until_complete(awaitable)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.stop()
        self.run(self.db.close())
        of_worlds.give_back(self._runner)

    def org(self, name: str = "default", mode: str = "live") -> str:
        """The environment_id of an organization's world, which is made if absent."""
        name = self._default if name == "default" else name
        try:
            return self.run(api_keys.get_environment(self.db, name, mode))
        except NotFound:
            self.run(api_keys.create_organization(self.db, name))
            return self.run(api_keys.get_environment(self.db, name, mode))

    def tenant(self) -> World:
        """This store and application for a new organization, which it calls "default"."""
        tenant = copy.copy(self)
        tenant._default = f"Tenant {next(self._tenants)}"
        tenant.org()
        return tenant

    def key(self, org: str = "default", mode: str = "live", role: str = "admin") -> str:
        """A new API key."""
        return self.run(
            api_keys.create_key(
                self.db,
                self.secret,
                environment_id=self.org(org, mode),
                mode=mode,
                name="test",
                role=Role[role],
            )
        )

    def project(
        self, name: str = "My Test Project", org: str = "default", **kwargs: Any
    ) -> ProjectRow:
        """A new project; keywords are those of `create_project`, and types / models."""
        environment_id = self.org(org)
        names = ("types", "models")
        detail = ProjectDetail(**{name: kwargs.pop(name, None) for name in names})
        return self.run(
            self.db.write(
                lambda tx: projects.create_project(
                    tx, environment_id, name=name, detail=detail, **kwargs
                )
            )
        )

    def load(
        self,
        rows: Path | Iterable[Any],
        format_name: str = "v2",
        *,
        org: str = "default",
        project: str | None = None,
        replace: bool = False,
        strict: bool = False,
        is_operator: bool = True,
    ) -> tuple[Summary, list[Reject]]:
        """Import a file, or values (one a line), and return the summary and the refused rows."""
        path = rows if isinstance(rows, Path) else self._written(rows)
        rejects: list[Reject] = []
        source = Source(path, lambda: files.entries(path, format_name, lambda at: None))
        imported = import_sources(
            self.db,
            self.org(org),
            lambda: [source],
            project_name=project,
            replace=replace,
            strict=strict,
            on_reject=rejects.append,
            objects=self.objects,
            secret=self.secret if is_operator else None,
        )
        return self.run(imported), rejects

    def _written(self, rows: Iterable[Any]) -> Path:
        path = self.settings.data / "rows.jsonl"
        with path.open("wb") as file:
            for row in rows:
                line = (
                    row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()
                )
                file.write(line + b"\n")
        return path

    @contextmanager
    def client(self, key: str | None = None) -> Iterator[AppClient]:
        """A client of the application in this process; an admin key unless one is given."""
        headers = {"Authorization": f"Bearer {self.key() if key is None else key}"}
        with self.connect(headers=headers) as client:
            yield client

    def keep_application(self) -> None:
        """Open one application for all clients of this world, until it is closed.

        Its memory, such as rate limits, is theirs together; without this each has one of its own.
        """
        self._kept = RunningApp(app.create_app(self.settings, self.secret))

    @contextmanager
    def connect(self, **options: Any) -> Iterator[AppClient]:
        """A client without a key; options are those of `AppClient`."""
        if self._kept is None:
            with AppClient(app.create_app(self.settings, self.secret), **options) as client:
                yield client
        else:
            with AppClient(self._kept.app, running=self._kept, **options) as client:
                yield client


START_SECONDS_MAX = 90


class Server:
    """`plaudit serve` in another process, on a port of its own."""

    def __init__(self, settings: Settings, port: int | None = None, **environ: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = settings.data / "serve.log"
        arguments = ["serve", *store_arguments(settings), "--port", str(self.port)]
        self.process = forked_command(
            *arguments, environ=clean_environment(**environ), log=self.log_path
        )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(self.log_path.read_text())
            try:
                httpx2.get(f"{self.url}/readyz", timeout=1).raise_for_status()
            except httpx2.HTTPError:
                time.sleep(0.05)
            else:
                return
        self.process.kill()
        self.process.wait()
        raise AssertionError(f"the server did not start within {START_SECONDS_MAX} s")

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(35)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def store_arguments(settings: Settings) -> list[str]:
    """How a command is told which store to use."""
    found = ["--data", str(settings.data)]
    return found if settings.database is None else [*found, "--database", settings.database]


def run_cli(
    *arguments: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process. One that would serve fails the test instead."""
    pipes = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(pipe, "utf-8", write_through=True) for pipe in pipes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["plaudit", *arguments])
        patch.setattr(app, "serve", _must_not_serve)
        patch.setattr(worker, "run", _must_not_serve)
        for name in os.environ.keys() - clean_environment().keys():
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                code: Any = 0
            except SystemExit as ended:
                code = ended.code or 0
    return subprocess.CompletedProcess(
        arguments, code, *(pipe.getvalue().decode() for pipe in pipes)
    )


def _must_not_serve(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("the command was not refused; `Server` runs one that serves")


def run_cli_process(
    *arguments: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a process of its own, where the process is the point."""
    return subprocess.run(
        [sys.executable, "-m", "plaudit", *arguments],
        env=clean_environment(**environ),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without Plaudit's variables, and with those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")}
    return kept | extra


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def walk(client: Any, path: str = "/v2/tasks", items: str = "tasks", **params: Any) -> list[Any]:
    """Every item of a listing, page after page; fails if the walk does not end."""
    found: list[Any] = []
    for _ in range(10_000):
        answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page[items]
        if "next_token" not in page:
            return found
        params = params | {"next_token": page["next_token"]}
    raise AssertionError("the walk does not end")
