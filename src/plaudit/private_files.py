"""Files and folders for their owner alone (modes 0600 and 0700), whatever the umask says.

What exists keeps its mode: an operator may have opened it to a group.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def make_folder(path: Path) -> None:
    """Make a folder unless it exists; raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def create(path: Path) -> None:
    """Create an empty file unless it exists; raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def open_new(path: Path) -> BinaryIO:
    """Create a file and open it for writing; raises OSError, FileExistsError if it exists."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder's files to disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
