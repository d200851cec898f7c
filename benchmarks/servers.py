"""Start and stop the measured servers, and read what they cost from /proc."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from benchmarks import load
from benchmarks.clock import TICKS_PER_SECOND, cpu_between

START_TIMEOUT_SECONDS = 30
BUILD_TIMEOUT_SECONDS = 900
STOP_TIMEOUT_SECONDS = 15
IDLE_SECONDS = 2.5
"""Time in which a server that looks for work each second has looked twice."""
IDLE_SHARE = 0.05
IDLE_TIMEOUT_SECONDS = 600
_CPU_CLOCK = 2
"""The kind of clock that counts what a process was run for, as the kernel numbers them."""

PLAUDIT = (sys.executable, "-m", "plaudit")
BARE = (sys.executable, "-m", "benchmarks.exports.bare_server")
ORDINARY = (sys.executable, "-m", "benchmarks.ordinary")
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

NGINX_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log {scratch}/nginx-error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  types {{ application/json json; }}
  client_body_temp_path {scratch}/client;
  proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi;
  scgi_temp_path {scratch}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location = /healthz {{ return 200 "ok"; }}
  }}
}}
"""


class ServerError(Exception):
    """A measured server did not start, or a command of it failed."""


@dataclass
class Server:
    """A running server: where it listens, what it costs, and how to end it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    key: str
    log: Path

    def get(self, target: str, *, coding: str = "") -> bytes:
        return load.get(self.port, target, self.key, coding=coding)

    def cpu_seconds(self) -> float:
        """Return user plus system time of the process tree so far, ended children included."""
        return cpu_seconds_of(self.process.pid)

    def memory_mb(self) -> tuple[float, float]:
        """Return (RSS, USS) of the process tree in MB: all pages, and those shared with nobody."""
        rss = uss = 0
        for pid in process_tree(self.process.pid):
            sizes = _memory_kb(pid)
            rss += sizes.get("Rss", 0)
            uss += sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
        return rss / 1024, uss / 1024

    def stop(self) -> None:
        """End the server by its own process id, and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run_plaudit(*arguments: str | Path) -> str:
    """Run one command of the product to its end and return what it printed."""
    return _run([*PLAUDIT, *map(str, arguments)])


def new_plaudit_store(data: Path) -> None:
    """Create an empty store in the folder `data`."""
    run_plaudit("init", "--data", data)


def import_tasks(data: Path, tasks: Path, project: str) -> None:
    """Import a JSONL file of v2 tasks with the product's own command."""
    run_plaudit("import", tasks, "--format", "v2", "--project", project, "--data", data)


def serve_plaudit(
    data: Path,
    *,
    database: str | None = None,
    replica: str = "",
    key: str = "",
    page_files: bool = True,
    workers: int = 1,
    has_worker: bool = True,
) -> Server:
    """Serve the store in the folder `data` or in a database, with a new API key if none is given.

    A store in a database must be given with its key, and may have a replica that is read. The page
    files of another one are built before it is measured. Without its worker a server does nothing
    beside answers and page files, such as reading the words of tasks that were imported.
    """
    port = free_port()
    key = key or run_plaudit("keys", "create", "--data", data).strip()
    command = [*PLAUDIT, "serve", "--data", str(data), "--host", "127.0.0.1", "--port", str(port)]
    command += [] if database is None else ["--database", database]
    command += [] if workers == 1 else ["--workers", str(workers)]
    command += [] if has_worker else ["--no-worker"]
    environment = {**os.environ, "PLAUDIT_PAGE_FILES": str(int(page_files))}
    environment["PLAUDIT_DATABASE_READ"] = replica
    log = data.with_suffix(f"{'' if page_files else '.tables'}.{port}.log")
    server = _start("plaudit", command, port, log=log, key=key, environment=environment)
    try:
        if database is None and page_files:
            _wait_for_page_files(data / "plaudit.sqlite")
    except BaseException:
        server.stop()
        raise
    return server


def _wait_for_page_files(path: Path) -> None:
    """Wait until every task has a place in the page files."""
    give_up_at = time.monotonic() + BUILD_TIMEOUT_SECONDS
    store = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    store.set_busy_timeout(5_000)
    missing = (
        "SELECT (SELECT COUNT(*) FROM task WHERE project_key > 0)"
        " - (SELECT COUNT(*) FROM task_place WHERE file > 0)"
    )
    while store.execute(missing).fetchall()[0][0] > 0:
        if time.monotonic() > give_up_at:
            raise ServerError("the page files were not built")
        time.sleep(0.2)
    store.close()


def wait_until_idle(server: Server) -> None:
    """Wait until a server has done what it does by itself, such as building page files."""
    give_up_at = time.monotonic() + IDLE_TIMEOUT_SECONDS
    while time.monotonic() < give_up_at:
        before = server.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        if cpu_between(before, server.cpu_seconds()) < IDLE_SHARE * IDLE_SECONDS:
            return
    raise ServerError(f"{server.name} does not come to rest")


def serve_ordinary(path: Path) -> Server:
    """Serve the ordinary server's database at `path`, which is made if there is none."""
    port, key = free_port(), f"live_{secrets.token_hex(16)}"
    environment = {"ORDINARY_DATABASE": f"sqlite:///{path}", "ORDINARY_KEY": key}
    return _start(
        "ordinary",
        [*ORDINARY, str(port)],
        port,
        log=path.with_suffix(".log"),
        key=key,
        environment={**os.environ, **environment},
    )


def serve_bytes(path: Path) -> Server:
    """Serve the bytes of a file to whoever connects, and do nothing else."""
    port = free_port()
    command = [*BARE, str(port), str(path)]
    return _start("bare", command, port, log=path.with_suffix(".log"))


def serve_nginx(root: Path, scratch: Path) -> Server | None:
    """Serve the files under `root`, or return None where nginx is not installed."""
    if NGINX is None:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = scratch / "nginx.conf"
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    config.write_text(NGINX_CONFIG.format(user=user, scratch=scratch, root=root, port=port))
    command = [NGINX, "-p", str(scratch), "-e", str(scratch / "nginx-error.log"), "-c", str(config)]
    return _start("nginx", command, port, log=scratch / "nginx.log")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds_of(root: int) -> float:
    """Return user plus system time of a process and its descendants, ended children included."""
    return sum(_cpu_seconds_of(pid) for pid in process_tree(root))


def process_tree(root: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _start(
    name: str,
    command: Sequence[str],
    port: int,
    *,
    log: Path,
    key: str = "",
    environment: dict[str, str] | None = None,
) -> Server:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    server = Server(name, process, port, key, log)
    try:
        _wait_until_healthy(server)
    except BaseException:
        server.stop()
        raise
    return server


def _wait_until_healthy(server: Server) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            with load.Connection(server.port) as connection:
                connection.fetch(load.get(server.port, "/healthz"))
            return
        except (OSError, load.LoadError) as problem:
            has_ended = server.process.poll() is not None
            if has_ended or time.monotonic() > give_up_at:
                said = server.log.read_text(errors="replace")[-2_000:]
                raise ServerError(f"{server.name} did not start: {problem}\n{said}") from problem
        time.sleep(0.05)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2_000:]}")
    return done.stdout


def _cpu_seconds_of(pid: int) -> float:
    """Return the CPU seconds of one process, its ended children included, 0 when it has ended.

    Its own are read from its clock, in nanoseconds (clock_getcpuclockid(3)), and those of its
    children in ticks.
    """
    try:
        own = time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return 0
    return own + sum(int(field) for field in _stat_fields(pid)[13:15]) / TICKS_PER_SECOND


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on, nothing when it has ended.

    The command name before them may hold spaces and brackets, so the last bracket counts.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return stat[stat.rindex(")") + 2 :].split()


def _memory_kb(pid: int) -> dict[str, int]:
    """Return the sums of /proc/PID/smaps_rollup by name, nothing when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
