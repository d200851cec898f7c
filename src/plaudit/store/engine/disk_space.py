"""Full and read-only disks: noticed by writes that fail, and by a look at the store's folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from plaudit import clock
from plaudit.errors import StorageFull, Unavailable

FULL = (errno.ENOSPC, errno.EDQUOT)
FREE_BYTES_MIN = 1024 * 1024
FULL_MS = 10_000
"""Milliseconds after a write found no space during which the store says so."""


class DiskSpace:
    """Memory of one open store of when a write last found no space."""

    def __init__(self) -> None:
        self._full_ms: int | None = None

    def note(self, problem: BaseException | None) -> None:
        """Remember it if a write failed for lack of space."""
        if isinstance(problem, StorageFull):
            self._full_ms = clock.now_ms()

    def require(self) -> None:
        """Raise StorageFull if a write found no space in the last FULL_MS."""
        if self._full_ms is not None and 0 <= clock.now_ms() - self._full_ms < FULL_MS:
            raise StorageFull


def unwritable(exc: BaseException, message: str) -> Unavailable:
    """Return the problem of a file that cannot be written: StorageFull if the disk is full.

    `message` is for users if it is not.
    """
    causes = (exc, exc.__cause__)
    if any(isinstance(one, OSError) and one.errno in FULL for one in causes):
        return StorageFull(detail=str(exc))
    return Unavailable(message, detail=str(exc))


def require_writable(folder: Path) -> None:
    """Raise StorageFull for a folder without FREE_BYTES_MIN, Unavailable on a read-only disk."""
    if is_read_only(folder):
        raise Unavailable("the store cannot be written now", detail="the disk is read-only")
    found = os.statvfs(folder)
    free_bytes = found.f_bavail * found.f_frsize
    if free_bytes < FREE_BYTES_MIN:
        raise StorageFull(detail=f"{free_bytes} bytes are free")


def is_read_only(folder: Path) -> bool:
    """True for a folder on a file system that is mounted read-only."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
