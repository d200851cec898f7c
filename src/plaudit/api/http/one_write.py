"""Writing of answers to a connection: head and body in one write, and bodies from page files."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from array import array
from contextlib import suppress
from typing import Any

from plaudit.api.http.file_sending import FileBody, FileSending

_NO_LINGERING = struct.pack("ii", 1, 0)

INTERIM = b"HTTP/1.1 100 "
"""First bytes of an interim response; it must be sent at once, because the client waits."""


class OneWrite:
    """Transport wrapper that sends a response's head and body in one write.

    uvicorn writes them separately, and each write costs a system call and a packet: half the cost
    of a small response. The first piece is buffered until the next one, `flush` or `close`.
    """

    def __init__(self, transport: Any, protocol: asyncio.Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._sending: FileSending | None = None
        self._buffered: bytes | None = None
        self._written_bytes = 0
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview | FileBody) -> None:
        """Send `data`, or buffer it if nothing is buffered; a view is a piece of a long body.

        Does nothing on a closed connection. After a `FileBody` writing is paused until it is sent.
        """
        if self.is_closing():
            return
        self._written_bytes += len(data)
        if isinstance(data, FileBody):
            self._send_file_body(data)
            return
        if self._buffered is not None:
            buffered, self._buffered = self._buffered, None
            self._transport.writelines((buffered, data))
        elif isinstance(data, memoryview) or data.startswith(INTERIM):
            self._transport.write(data)
        else:
            self._buffered = data

    def _send_file_body(self, body: FileBody) -> None:
        head, self._buffered = self._buffered or b"", None
        sending = FileSending(
            asyncio.get_running_loop(),
            self.get_extra_info("socket").fileno(),
            body,
            head=head,
            is_free=lambda: not self._transport.get_write_buffer_size(),
            on_end=self._resume,
            abort=self.abort,
        )
        if not sending.begin() and not self.is_closing():
            self._sending = sending
            self._protocol.pause_writing()

    def _resume(self) -> None:
        self._sending = None
        self._protocol.resume_writing()

    def lose(self) -> None:
        """Give up what a lost connection was still to send."""
        if self._sending is not None:
            self._sending.end()
            self._sending = None

    def get_write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""
        size: int = self._transport.get_write_buffer_size()
        return size if self._sending is None else size + self._sending.left_bytes

    def flush(self) -> None:
        """Send the buffered piece, if any."""
        if self._buffered is not None:
            buffered, self._buffered = self._buffered, None
            self._transport.write(buffered)

    def close(self) -> None:
        """Send the buffered piece, then close the connection."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once; what the kernel still held for the peer is given up too.

        Closed as usual, the kernel would go on offering it for minutes.
        """
        self.lose()
        with suppress(OSError, AttributeError):
            self.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING
            )
        self._transport.abort()

    def taken_bytes(self) -> int:
        """Bytes that the peer has acknowledged; those the kernel took, where it does not tell.

        A slow reader frees the kernel's buffer in steps of megabytes, and acknowledges in small
        ones.
        """
        unsent = array("i", [0])
        # A closed socket has no descriptor, and some systems do not tell.
        with suppress(OSError, ValueError, AttributeError):
            fcntl.ioctl(self.get_extra_info("socket").fileno(), termios.TIOCOUTQ, unsent, True)
        return self._written_bytes - self.get_write_buffer_size() - unsent[0]


class UnderWay:
    """In place of uvicorn's cycle: an answer of the hot route that is still being sent."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.keep_alive = True
        self.disconnected = False
        self.waiting_for_100_continue = False
        self.response_started = True
        self.response_complete = False
        self.message_event = asyncio.Event()
