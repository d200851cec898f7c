"""Program that reads, checks and renders the tasks of an import, without the store or secrets.

`python -m plaudit.formats.common.import_process FORMAT` gets blocks of lines on its standard input
and answers each, in order, with the tasks of its lines. It ends when its input does, so it does not
outlive the import by more than a block. An empty message says that it is ready, or that a block was
too much for it.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from importlib import import_module

import msgspec

from plaudit.formats.common.line_blocks import BlockReader

MODULES = {"archive": "plaudit.formats.archive", "v2": "plaudit.formats.v2"}
"""Formats whose lines are tasks. One is imported in half of the time of both."""

BACKGROUND = "background"
"""Argument of a process that gives way to those that answer requests."""

REQUEST = struct.Struct("<QI")
"""Number of a block's first line, and the bytes that follow."""
LENGTH = struct.Struct("<I")
"""Bytes of an answer."""

NICENESS = 5
ADDRESS_BYTES_MAX = 4 * 1024 * 1024 * 1024


def main() -> None:
    """Answer blocks until the input ends."""
    _restrict()
    reader = BlockReader(import_module(MODULES[sys.argv[1]]).FORMAT)
    encode = msgspec.msgpack.Encoder().encode
    source, target = sys.stdin.buffer, sys.stdout.buffer
    target.write(LENGTH.pack(0))
    target.flush()
    while header := source.read(REQUEST.size):
        number, length = REQUEST.unpack(header)
        block = source.read(length)  # if there is no memory for it, what follows is no header
        answer = b""
        with suppress(MemoryError):
            answer = encode(reader.read(number, block))
        target.write(LENGTH.pack(len(answer)))
        target.write(answer)
        target.flush()


def _restrict() -> None:
    if BACKGROUND in sys.argv:
        os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard_max = resource.getrlimit(resource.RLIMIT_AS)
    if hard_max == resource.RLIM_INFINITY or hard_max > ADDRESS_BYTES_MAX:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX, hard_max))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the import as well


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the import was killed
        main()
