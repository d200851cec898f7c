"""Page files that are open for reading, and runs of their bytes, which an answer is sent from.

Bytes that a place names never change while an answer can be sending them: files are only appended
to, and a dead record is overwritten long after the last answer that may hold it. An open file stays
readable when it is deleted. It may be cut short by somebody else, which a read tells by its length;
it is never mapped into memory, where that would end the process.
"""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary, finalize

from plaudit.errors import Unavailable

MAGIC = b"plaudit pages 1\n"
FILE_ID_BYTES = 16
HEAD_BYTES = len(MAGIC) + FILE_ID_BYTES
"""Bytes at the beginning of a page file: what it is, and which one."""


class OpenFile:
    """A page file that is open; it is closed when nobody refers to it any longer."""

    __slots__ = ("__weakref__", "fd", "is_short", "number")

    def __init__(self, number: int, fd: int) -> None:
        self.number = number
        self.fd = fd
        self.is_short = False
        """True once bytes were missing that a place names."""
        # Not by `__del__`, in which another thread could still get the file out of `_shared`.
        finalize(self, _close, fd).atexit = False


def _close(fd: int) -> None:
    with suppress(OSError):
        os.close(fd)


class FileRun:
    """Bytes of a page file from `start` on that are sent as they lie there."""

    __slots__ = ("file", "length", "start")

    def __init__(self, file: OpenFile, start: int, length: int) -> None:
        self.file = file
        self.start = start
        self.length = length

    def __len__(self) -> int:
        return self.length

    def read(self) -> bytes:
        """The bytes; raises Unavailable where the file has been cut short."""
        found = os.pread(self.file.fd, self.length, self.start)
        if len(found) < self.length:
            raise missing(self.file)
        return found

    def read_into(self, buffer: memoryview) -> None:
        """Read the bytes into a buffer of their size; raises Unavailable as `read` does."""
        if os.preadv(self.file.fd, [buffer], self.start) < self.length:
            raise missing(self.file)


def missing(file: OpenFile) -> Unavailable:
    """Note that bytes of a file are missing, and return the problem of the answer they were for."""
    file.is_short = True
    return Unavailable("the store is being read anew", detail=f"page file {file.number} is short")


def path_of(folder: Path, number: int) -> Path:
    """Path of a page file."""
    return folder / f"{number}.dat"


def new_head() -> tuple[bytes, bytes]:
    """Id of a new file, and the bytes that it begins with."""
    file_id = secrets.token_bytes(FILE_ID_BYTES)
    return file_id, MAGIC + file_id


_shared: WeakValueDictionary[tuple[int, int], OpenFile] = WeakValueDictionary()
"""Files that are open in this process, by device and inode."""
_sharing = threading.Lock()


def open_whole(folder: Path, number: int, file_id: bytes, size: int) -> OpenFile | None:
    """A page file for reading; None unless it is there, is this one, and has `size` bytes.

    All in a process share it: a store has many, and as many downloads may be under way.
    """
    try:
        fd = os.open(path_of(folder, number), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    file = OpenFile(number, fd)
    if not is_whole(fd, file_id, size):
        return None
    found = os.fstat(fd)
    with _sharing:
        shared = _shared.get((found.st_dev, found.st_ino))
        if shared is None or shared.is_short:
            shared = _shared[found.st_dev, found.st_ino] = file
    return shared


def is_whole(fd: int, file_id: bytes, size: int) -> bool:
    """True if a file is the one of this id and has at least `size` bytes."""
    try:
        return os.fstat(fd).st_size >= size and os.pread(fd, HEAD_BYTES, 0) == MAGIC + file_id
    except OSError:
        return False
