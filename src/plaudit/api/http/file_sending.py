"""Bodies that consist of bytes and of runs of page files, and how a connection sends them.

Runs go from the page cache into the socket (sendfile), and never through this process. What the
socket does not take at once waits for it beside the event loop's own transport, which has nothing
to send meanwhile: the protocol is told that writing is paused, as for any answer whose client is
slow.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import cast

import structlog

from plaudit.model.codings import Coding
from plaudit.store.page_files import file_runs
from plaudit.store.page_files.file_runs import FileRun

EXTENSION = "plaudit.file_runs"
"""Name among the `extensions` of a scope whose `send` takes a `FileBody` as a body."""

SENT_AT_ONCE = 1024 * 1024
"""Bytes after which others have their turn on the event loop."""

READ_BYTES_MAX = 64 * 1024
RUN_BYTES_MIN = 40 * 1024
"""Sizes of a body, and of its runs on average, below which they are read and sent like other bytes.

Each run costs a system call either way, and one that sends costs more than one that reads.
"""


class FileBody:
    """Body of an answer; `len` is its size in bytes, in its coding if it has one.

    One that `is_negotiated` has the coding that the request prefers, or none.
    """

    __slots__ = ("coding", "is_negotiated", "is_of_files", "parts", "size")

    def __init__(
        self,
        parts: Sequence[bytes | FileRun],
        coding: Coding | None = None,
        *,
        is_negotiated: bool = False,
    ) -> None:
        self.parts = parts
        self.coding = coding
        self.is_negotiated = is_negotiated
        self.size = sum(map(len, parts))
        self.is_of_files = len(parts) > 1 and type(parts[1]) is FileRun
        """True if there are runs; the second part is one then."""

    def __len__(self) -> int:
        return self.size

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers about the coding."""
        if not self.is_negotiated:
            return []
        found = [(b"vary", b"Authorization, Accept-Encoding")]
        if self.coding is not None:
            found.append((b"content-encoding", self.coding.encode()))
        return found

    def read(self) -> list[bytes]:
        """The parts, with the bytes of runs; raises Unavailable where a file has been cut short."""
        if not self.is_of_files:
            return cast("list[bytes]", list(self.parts))
        return [part.read() if isinstance(part, FileRun) else part for part in self.parts]

    def in_memory(self) -> FileBody:
        """This body without runs; raises Unavailable where a file has been cut short."""
        return FileBody(self.read(), self.coding, is_negotiated=self.is_negotiated)

    @property
    def is_sent_from_files(self) -> bool:
        """True where it costs less to send its runs from their files than to read them."""
        return self.is_of_files and self.size > max(READ_BYTES_MAX, RUN_BYTES_MIN * len(self.parts))


class FileSending:
    """One body on its way into a connection's socket, behind the answer's head.

    `is_free` tells if the transport has nothing to send itself. `on_end` is called once all is
    sent, unless `begin` said so. `abort` ends the connection whose file is cut short.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        body: FileBody,
        *,
        head: bytes,
        is_free: Callable[[], bool],
        on_end: Callable[[], None],
        abort: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._is_free = is_free
        self._on_end = on_end
        self._abort = abort
        self._parts: list[bytes | FileRun] = [head, *body.parts]
        self._parts.reverse()  # the next one is the last one
        self._sent_of_part = 0
        self._watched: int | None = None
        self.left_bytes = len(head) + len(body)
        """Bytes that the socket has not taken yet."""

    def begin(self) -> bool:
        """Send what the socket takes now; True if that is all."""
        try:
            if self._is_free() and self._send():
                return True
            self._watched = os.dup(self._descriptor)
            self._descriptor = self._watched
            self._loop.add_writer(self._watched, self._go_on)
        except OSError:  # the peer has gone, or there is no descriptor left to wait with
            self.end()
            self._abort()
        return False

    def end(self) -> None:
        """Give up what is left; nothing is called any more."""
        self._parts.clear()
        if self._watched is not None:
            self._loop.remove_writer(self._watched)
            os.close(self._watched)
            self._watched = None

    def _go_on(self) -> None:
        try:
            if not self._is_free() or not self._send():
                return
        except OSError:
            self.end()
            self._abort()
            return
        self.end()
        self._on_end()

    def _send(self) -> bool:
        """Send until the socket takes no more, or others have their turn; True if that is all."""
        stop_at = self.left_bytes - SENT_AT_ONCE
        try:
            while self._parts:
                if self.left_bytes < stop_at:
                    return False
                part = self._parts[-1]
                if type(part) is FileRun:
                    self._note(self._send_run(part))
                else:
                    self._note(self._send_bytes())
        except BlockingIOError:
            return False
        return True

    def _send_run(self, run: FileRun) -> int:
        done = self._sent_of_part
        count = min(run.length - done, SENT_AT_ONCE)
        sent = os.sendfile(self._descriptor, run.file.fd, run.start + done, count)
        if not sent:
            structlog.get_logger("plaudit.request").error(
                "page file is short", number=run.file.number
            )
            raise OSError(file_runs.missing(run.file).detail)
        return sent

    def _send_bytes(self) -> int:
        """Send the part and what else comes as bytes behind it."""
        pieces = [memoryview(self._parts[-1])[self._sent_of_part :]]  # type: ignore[arg-type]
        for part in self._parts[-2::-1]:
            if type(part) is FileRun:
                break
            pieces.append(memoryview(part))  # type: ignore[arg-type]
        return os.writev(self._descriptor, pieces)

    def _note(self, sent: int) -> None:
        """Take off the parts that are sent."""
        self.left_bytes -= sent
        sent += self._sent_of_part
        while self._parts and sent >= len(self._parts[-1]):
            sent -= len(self._parts.pop())
        self._sent_of_part = sent
