"""Processes of an import that read blocks of lines; their tasks come back in the order of the file.

They are given blocks ahead of those that are asked for, a few each, so memory is bounded. While the
next block is not ready, another one is read here, also before the first process has started. What a
process that ended had not answered is read here (docs/adr/0043-import-processes.md).
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from plaudit import settings
from plaudit.formats.common import import_process
from plaudit.formats.common.import_process import BACKGROUND, LENGTH, REQUEST
from plaudit.formats.common.line_blocks import BlockReader, ReadLine
from plaudit.formats.import_format import ImportFormat

BYTES_MIN = 4 * 1024 * 1024
"""Smaller files are read in less time than a process takes to start."""

PROCESSES_MAX = 4
"""More of them are faster than tasks are written."""

BLOCKS_AHEAD = 3
"""Blocks that a process has, the one that it reads included."""
PIPE_BYTES = 1024 * 1024
READ_BYTES = 1024 * 1024
WAIT_MS = 500
"""Time after which whoever waits for a process looks whether the import is to stop."""

_decode = msgspec.msgpack.Decoder(list[ReadLine]).decode


def process_count() -> int:
    """Number of processes for one import: one core is left to the writing of tasks."""
    return max(1, min(PROCESSES_MAX, len(os.sched_getaffinity(0)) - 1))


class _Block:
    """A block with the number of its first line; `found` are its lines once it is read."""

    def __init__(self, number: int, data: bytes) -> None:
        self.number = number
        self.data = data
        self.is_given = False
        self.found: list[ReadLine] | None = None


class ImportProcess:
    """A process, with the blocks that it was given and what is on its way from and to it."""

    def __init__(self, arguments: Iterable[str]) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-m", import_process.__name__, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may quote the lines
            bufsize=0,
            env=settings.child_environment(),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.input, self.output = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.blocks: deque[_Block] = deque()
        self.is_ready = False
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()
        for end in (self.input, self.output):
            os.set_blocking(end, False)
            with suppress(OSError):  # more than the system grants: it waits more often
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    @property
    def has_outgoing(self) -> bool:
        """True while not all that it was given has been sent."""
        return bool(self._outgoing)

    def give(self, block: _Block) -> None:
        """Give it a block, which is sent bit by bit."""
        block.is_given = True
        self.blocks.append(block)
        header = REQUEST.pack(block.number, len(block.data))
        self._outgoing += (memoryview(header), memoryview(block.data))

    def send(self) -> None:
        """Send as much as it takes now; raises OSError if it has ended."""
        with suppress(BlockingIOError):
            while self._outgoing:
                piece = self._outgoing[0]
                sent = os.write(self.input, piece)
                if sent < len(piece):
                    self._outgoing[0] = piece[sent:]
                else:
                    self._outgoing.popleft()

    def receive(self) -> None:
        """Take what it has sent, and end the blocks that it answers; raises OSError at its end."""
        with suppress(BlockingIOError):
            while data := os.read(self.output, READ_BYTES):
                self._incoming += data
                self._take_answers()
            raise BrokenPipeError

    def _take_answers(self) -> None:
        incoming = self._incoming
        while len(incoming) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(incoming)[0]
            if len(incoming) < end:
                return
            if not self.is_ready:
                self.is_ready = True
            elif end > LENGTH.size:
                self.blocks.popleft().found = _decode(bytes(incoming[LENGTH.size : end]))
            else:
                self.blocks.popleft().is_given = False
            del incoming[:end]

    def end(self) -> int:
        """End it at once; returns its exit code, negative for a signal."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        return code


class ImportPool:
    """Processes for the lines of one import. `close` ends them, whatever they do.

    `on_loss` is told what became of a process that ended by itself. `on_wait` is called now and
    then while nothing comes, and may raise. With `is_background` they give way to other programs.
    """

    def __init__(
        self,
        chosen: ImportFormat,
        count: int,
        *,
        on_loss: Callable[[str], None],
        on_wait: Callable[[], None] = lambda: None,
        is_background: bool = False,
    ) -> None:
        self._reader = BlockReader(chosen)
        self._on_loss = on_loss
        self._on_wait = on_wait
        self._window: deque[_Block] = deque()
        self._window_max = (BLOCKS_AHEAD + 1) * count + 1
        self.processes: list[ImportProcess] = []
        """Those that run."""
        arguments = [chosen.name, *([BACKGROUND] if is_background else [])]
        with suppress(OSError):  # the system has none to give: fewer, or all is read here
            for _ in range(count):
                self.processes.append(ImportProcess(arguments))

    def read(self, blocks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[bytes, list[ReadLine]]]:
        """Each block with its lines, in order; a block comes with the number of its first line."""
        source = iter(blocks)
        while True:
            while len(self._window) < self._window_max:
                following = next(source, None)
                if following is None:
                    break
                self._window.append(_Block(*following))
                self.exchange(wait_ms=0)
            if not self._window:
                return
            self.exchange(wait_ms=0)
            first = self._window[0]
            while first.found is None:
                waiting = (block for block in self._window if self._is_unread(block))
                block = next(waiting, None)
                if block is not None:
                    block.found = self._reader.read(block.number, block.data)
                elif not self.exchange(wait_ms=WAIT_MS):
                    self._on_wait()
            self._window.popleft()
            yield first.data, first.found

    def close(self) -> None:
        """End all processes; does nothing if that was done."""
        while self.processes:
            self.processes.pop().end()
        self._window.clear()

    @staticmethod
    def _is_unread(block: _Block) -> bool:
        return block.found is None and not block.is_given

    def exchange(self, *, wait_ms: int) -> bool:
        """Give out blocks, and send and receive what is possible; False if nothing was."""
        poll = select.poll()
        by_end: dict[int, ImportProcess] = {}
        for process in self.processes:
            self._give(process)
            poll.register(process.output, select.POLLIN)
            by_end[process.output] = process
            if process.has_outgoing:
                poll.register(process.input, select.POLLOUT)
                by_end[process.input] = process
        events = poll.poll(wait_ms)
        for end, _ in events:
            process = by_end[end]
            if process not in self.processes:  # its other end has told of that just now
                continue
            try:
                if end == process.input:
                    process.send()
                else:
                    process.receive()
            except OSError:
                self._lose(process)
        return bool(events)

    def _give(self, process: ImportProcess) -> None:
        """Give a process as many of the next blocks as it may have."""
        if process.is_ready and len(process.blocks) < BLOCKS_AHEAD:
            for block in self._window:
                if self._is_unread(block):
                    process.give(block)
                    if len(process.blocks) == BLOCKS_AHEAD:
                        break

    def _lose(self, process: ImportProcess) -> None:
        """Take back the blocks of a process that has ended."""
        if process not in self.processes:
            return
        self.processes.remove(process)
        for block in process.blocks:
            block.is_given = False
        code = process.end()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._on_loss(f"a process that read lines {how}; they were read again without it")
