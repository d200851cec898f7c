"""Content of a file, plain or compressed, in blocks; bounded, and looked at before it is read."""

from __future__ import annotations

import gzip
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from plaudit import json_guard
from plaudit.errors import InvalidContent

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

READ_BYTES = 256 * 1024
INFLATION_MAX = 100
INFLATED_BYTES_FREE = 64 * 1024 * 1024
"""Bytes that a compressed file may hold in any case; more than that only up to INFLATION_MAX times
those that were read of it."""
WINDOW_BITS_MAX = 25
"""Base-2 logarithm of the window in bytes (32 MiB) that the reader of a zstd file may have to keep.
Levels up to 20 need no larger one."""

SPACES = b" \t\n\r\f\v"
_BLANK = re.compile(rb"\s*")


class FileMeter:
    """File that is read, perhaps by a decompressor; tells how far it has come, and refuses bombs.

    A file of empty gzip members holds nothing, so progress is also told where no content comes.
    """

    def __init__(
        self,
        raw: BinaryIO,
        called: str,
        on_progress: Callable[[int], None],
        inflated_max: int | None,
    ) -> None:
        self.called = called
        self.seek = raw.seek
        self._raw = raw
        self._on_progress = on_progress
        self._inflated_max = inflated_max

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; raises what `on_progress` raises."""
        self._on_progress(self._raw.tell())
        return self._raw.read(size)

    def blocks(self) -> Iterator[bytes]:
        """Decompressed content; raises InvalidContent once there is more of it than may be."""
        stream, inflated = self._decompressed(), 0
        while block := stream.read(READ_BYTES):
            inflated += len(block)
            if stream is not self:
                self._check(inflated)
            yield block
            self._on_progress(self._raw.tell())

    def is_compressed(self) -> bool:
        """True for a file of gzip or zstd, told by its first bytes."""
        magic = self._raw.read(4)
        self.seek(0)
        return magic[:2] == b"\x1f\x8b" or magic == b"\x28\xb5\x2f\xfd"

    def _decompressed(self) -> Any:
        """Stream of the content; gzip and zstd are told by their first bytes."""
        magic = self._raw.read(4)
        self.seek(0)
        if magic[:2] == b"\x1f\x8b":
            return gzip.GzipFile(fileobj=cast(BinaryIO, self))
        if magic == b"\x28\xb5\x2f\xfd":
            options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_BITS_MAX}
            return zstd.ZstdFile(cast(BinaryIO, self), options=options)
        return self

    def _check(self, inflated: int) -> None:
        most = self._inflated_max
        if most is None:
            return
        if inflated > max(INFLATED_BYTES_FREE, INFLATION_MAX * self._raw.tell()):
            raise InvalidContent(
                f"{self.called} holds more than {INFLATION_MAX} times the bytes it has, which rows "
                "do not"
            )
        if inflated > most:
            raise InvalidContent(
                f"{self.called} holds more than {most:,} bytes, which PLAUDIT_INFLATED_BYTES_MAX "
                "permits"
            )


class Content:
    """Decompressed content of a file; what was looked at is read all the same."""

    def __init__(self, meter: FileMeter) -> None:
        self.called = meter.called
        self.is_compressed = meter.is_compressed()
        self._blocks = meter.blocks()
        self._ahead: deque[bytes] = deque()
        self._ahead_bytes = 0

    def blocks(self) -> Iterator[bytes]:
        """Blocks from here to the end; may be asked for again where a reader stopped."""
        while self._ahead:
            block = self._ahead.popleft()
            self._ahead_bytes -= len(block)
            yield block
        for block in self._blocks:  # `yield from` would close them together with this
            yield block

    def peek(self, size: int) -> bytes:
        """Content from here, `size` bytes or some more, or all that there is."""
        self._look_ahead(size)
        if len(self._ahead) > 1:
            self._ahead = deque([b"".join(self._ahead)])
        return self._ahead[0] if self._ahead else b""

    def has_more_than(self, size: int) -> bool:
        """True if more than `size` bytes follow."""
        self._look_ahead(size + 1)
        return self._ahead_bytes > size

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        self._replace_ahead(self.peek(size)[size:])

    def put_back(self, content: bytes) -> None:
        """Have blocks that were read come again."""
        self._ahead.appendleft(content)
        self._ahead_bytes += len(content)

    def skip_mark(self) -> None:
        """Pass over a byte order mark."""
        head = self.peek(len(json_guard.BOM))
        if head.startswith(json_guard.BOM):
            self._replace_ahead(head[len(json_guard.BOM) :])

    def skip_blank_lines(self, on_lines: Callable[[int], None] = lambda count: None) -> int:
        """Pass over blank lines and count them; a small file can hold billions of them."""
        count = 0
        while head := self.peek(1):
            end = cast(re.Match[bytes], _BLANK.match(head)).end()
            count += head.count(b"\n", 0, end)
            on_lines(count)
            if end < len(head):
                self._replace_ahead(head[head.rfind(b"\n", 0, end) + 1 :])
                break
            # A blank in the last line of a block may begin the next row.
            self._replace_ahead(b"")
        return count

    def _look_ahead(self, size: int) -> None:
        while self._ahead_bytes < size and (block := next(self._blocks, b"")):
            self._ahead.append(block)
            self._ahead_bytes += len(block)

    def _replace_ahead(self, content: bytes) -> None:
        self._ahead = deque([content] if content else [])
        self._ahead_bytes = len(content)
