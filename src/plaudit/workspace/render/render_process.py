"""Program of a rendering process: texts come on its standard input, HTML leaves on its output.

It is run with `python -m`, knows neither store nor secrets, and ends when its input does, so it
does not outlive the server for longer than its budget. Each message is four bytes of length, big
endian, and MessagePack.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import BinaryIO

import msgspec
from msgspec import Struct

from plaudit.workspace.render.rich_text import render

NICENESS = 5
ADDRESS_BYTES_MAX = 1024 * 1024 * 1024
"""Most memory of a rendering process, in bytes of its address space."""

LENGTH_BYTES = 4


class RenderRequest(Struct, array_like=True, frozen=True):
    """A text to render; `budget_s` is None if it uses what is left of the last budget."""

    text: str
    attachments: tuple[str, ...]
    budget_s: float | None
    """CPU seconds for this and further texts; after them the process is killed by SIGPROF."""
    is_mapped: bool = False


class RenderResponse(Struct, array_like=True, frozen=True):
    """HTML of a text, and the memory of the process in bytes, 0 where it cannot be told."""

    html: str
    resident_bytes: int


def write_message(message: Struct) -> bytes:
    """Encode a message with its length."""
    content = msgspec.msgpack.encode(message)
    return len(content).to_bytes(LENGTH_BYTES) + content


def main() -> None:
    """Answer requests until the input ends."""
    _restrict()
    decode = msgspec.msgpack.Decoder(RenderRequest).decode
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while content := _read(source):
        request = decode(content)
        if request.budget_s is not None:
            signal.setitimer(signal.ITIMER_PROF, request.budget_s)
        html = render(request.text, request.attachments, request.is_mapped)
        target.write(write_message(RenderResponse(str(html), _resident_bytes())))
        target.flush()


def _restrict() -> None:
    """Yield to the server, bound memory, and leave the end of the process to the server."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard_max = resource.getrlimit(resource.RLIMIT_AS)
    if hard_max == resource.RLIM_INFINITY or hard_max > ADDRESS_BYTES_MAX:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX, hard_max))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the server as well
    signal.signal(signal.SIGPROF, signal.SIG_DFL)


def _read(source: BinaryIO) -> bytes:
    """Next message without its length; empty at the end."""
    return source.read(int.from_bytes(source.read(LENGTH_BYTES)))


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:  # not Linux
        return 0


if __name__ == "__main__":
    main()
