"""Received lines of a pull, a file for each kind; what was not committed is cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from plaudit import private_files
from plaudit.errors import Misconfigured

SUFFIX = ".received"


class Spool:
    """Files of lines in a folder, cut to their committed `sizes`; a line has no line feed.

    Raises Misconfigured if a file has fewer bytes than were committed.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        for path in folder.glob(f"*{SUFFIX}"):
            if path.name.removesuffix(SUFFIX) not in sizes:
                path.unlink()
        for kind, size in sizes.items():
            path = self._path(kind)
            if not path.is_file() or path.stat().st_size < size:
                raise Misconfigured(f"{path} is damaged; delete {folder} to begin anew")
        self.rewind(sizes)

    def add(self, kind: str, line: bytes) -> None:
        """Add a line to those of a kind; raises OSError."""
        if (file := self._files.get(kind)) is None:
            file = self._files[kind] = self._opened(kind)
        file.write(line + b"\n")

    def sizes(self) -> dict[str, int]:
        """Bytes of each kind, written or not."""
        return {kind: file.tell() for kind, file in self._files.items()}

    def sync(self) -> None:
        """Bring all lines to disk; raises OSError."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())

    def rewind(self, sizes: Mapping[str, int]) -> None:
        """Cut every file to its size, 0 if it has none; raises OSError."""
        for kind in {*sizes, *self._files}:
            if kind not in self._files:
                self._files[kind] = self._opened(kind)
            file = self._files[kind]
            file.flush()
            file.truncate(sizes.get(kind, 0))
            file.seek(0, os.SEEK_END)

    def lines(self, kind: str) -> Iterator[bytes]:
        """Lines of a kind in the order in which they came, without line feeds."""
        file = self._files.get(kind)
        if file is not None:
            file.flush()
        path = self._path(kind)
        if path.is_file():
            with path.open("rb") as reading:
                for line in reading:
                    yield line[:-1]

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def delete(self) -> None:
        """Close and delete the files."""
        self.close()
        for path in self._folder.glob(f"*{SUFFIX}"):
            path.unlink()

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}{SUFFIX}"

    def _opened(self, kind: str) -> BinaryIO:
        path = self._path(kind)
        private_files.create(path)
        file = path.open("r+b")
        file.seek(0, os.SEEK_END)
        return file
