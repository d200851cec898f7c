"""Ids of the tasks that were not completed at the end of a pull, which the next one asks for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from plaudit.errors import Misconfigured
from plaudit.mirror.pull_state import OPEN_FILE, replace_file

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, str]).decode


def read_open_tasks(folder: Path) -> dict[str, set[str]]:
    """Ids of the tasks by project; raises Misconfigured."""
    path = folder / OPEN_FILE
    found: dict[str, set[str]] = {}
    if not path.is_file():
        return found
    try:
        for project_id, task_id in map(_decode, path.read_bytes().splitlines()):
            found.setdefault(project_id, set()).add(task_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Misconfigured(f"{path} is damaged; delete {folder} to begin anew") from None
    return found


def write_open_tasks(folder: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Replace the ids by those of (project, task); raises OSError."""
    replace_file(folder / OPEN_FILE, b"".join(_encode(pair) + b"\n" for pair in pairs))
