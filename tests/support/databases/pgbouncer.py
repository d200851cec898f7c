"""A real PgBouncer in transaction mode, run by the tests as a user of its own; and work behind it.

It has few connections to the server and gives them out in turn, so that two transactions of one
client are seldom on the same one. It is ended by its id, and no system service is touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from plaudit.core.tasks import lifecycle
from plaudit.errors import Unavailable
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.databases.postgres_cluster import SECONDS_MAX, Cluster, as_user, wait_until
from tests.support.harness import Server, World, free_port

BEHIND = {"PLAUDIT_DATABASE_POOLER": "1"}
PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
SERVER_CONNECTIONS = 3
_INI = """\
[databases]
* = host=127.0.0.1 port={target} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
server_round_robin = 1
server_login_retry = 1
"""

needs_pooler = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


class Pooler:
    """PgBouncer before a PostgreSQL on another port; call `start` and, in the end, `remove`."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="plaudit-pooler-"))
        self.process: subprocess.Popen[bytes] | None = None
        values = {"target": target, "port": self.port, "connections": SERVER_CONNECTIONS}
        (self.folder / "ini").write_text(_INI.format(**values))
        if as_user():
            owner = pwd.getpwnam(as_user()["user"])
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, str(self.folder / "ini")], stdout=log, stderr=log, cwd="/tmp", **as_user()
            )
        wait_until(self._is_ready, "PgBouncer starts")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; all its clients are cut off."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(SECONDS_MAX)
            self.process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """For the length of a block, it does nothing but hold its connections."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text()[-4000:])
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def pooling(target: int) -> Iterator[Pooler]:
    """A started pooler before a port, for the length of a block."""
    pooler = Pooler(target)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.remove()


def create(db: Any, project: Any) -> Any:
    """Add a task whose id is minted anew each time the work runs, so that a second run shows."""
    return db.write(lambda tx: lifecycle.create_task(tx, project))


def complete(db: Any, project: Any, task_id: str) -> Any:
    async def work(tx: Any) -> int:
        task = await tasks.find_task(tx, project.environment_id, task_id)
        return await lifecycle.complete_task(tx, project.environment_id, task, [make_thread()])

    return db.write(work)


def patiently(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Ask again, as a client does, while the answer is 503; every other answer is returned."""
    for _ in range(200):
        answer = ask()
        if answer.status_code != 503:
            return answer
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        time.sleep(0.1)
    raise AssertionError("the store does not come back")


class Patient:
    """A client that waits where it is told to."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def get(self, path: str, params: Any) -> httpx2.Response:
        return patiently(lambda: self.client.get(path, params=params))


@contextmanager
def serving(world: World) -> Iterator[httpx2.Client]:
    """A client of a server of its own behind the pooler."""
    headers = {"Authorization": f"Bearer {world.key()}"}
    server = Server(world.settings, **BEHIND)
    try:
        with httpx2.Client(base_url=server.url, headers=headers, timeout=40) as client:
            yield client
    finally:
        server.stop(9)


def stored(cluster: Cluster, project: Any) -> dict[str, int | None]:
    """Completion time by id of a project's tasks; fails if an id is there twice."""
    rows = cluster.run(
        "SELECT task_id, completed_ms FROM task WHERE project_key = $1", project.project_key
    )
    assert len(rows) == len(dict(rows))
    return dict(rows)


def until_back(world: World, ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask a store until it can be reached."""
    for _ in range(100):
        try:
            return world.run(ask())
        except Unavailable:
            time.sleep(0.1)
    raise AssertionError("the store does not come back")
