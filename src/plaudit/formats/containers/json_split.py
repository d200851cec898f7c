"""Splitter of one large JSON array or object into its elements, which are never all in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.containers.content import SPACES, Content

_DEEP = 10_000
"""Levels of an element that is refused in any case, and passed over without a look."""

_WITHIN = re.compile(rb'(?:"[^"]*+"|[^"\[\]{}]++)*+')
"""Everything up to a bracket, or to a string that goes on in the next block; without escapes."""
_BETWEEN = re.compile(rb'(?:"[^"]*+"|[^"\[\]{},]++)*+')
"""As much, or up to a comma."""

_ESCAPABLE = b'"\\'
_OPENING, _CLOSING, _QUOTE, _COMMA = b"[{", b"]}", *b'",'


def elements(content: Content, most: int) -> Iterator[bytes | None]:
    """Elements of the array or object that begins here, as bytes; members begin with their key.

    None stands for one of more than `most` bytes, which is never held. An element need not be JSON.
    Raises InvalidContent, which names the elements before, where the end is missing or where more
    follows it.
    """
    splitter = _Splitter(most)
    number = 0
    blocks = content.blocks()
    for block in blocks:
        for element in splitter.feed(block):
            number += 1
            yield element
        if splitter.rest is not None:
            break
    if splitter.rest is None:
        raise InvalidContent(f"{content.called} is damaged after row {number}: it ends too early")
    if splitter.is_wrong:
        raise InvalidContent(
            f"{content.called} is damaged after row {number}: a bracket closes what was not opened"
        )
    while not splitter.rest or splitter.rest.isspace():
        if not (block := next(blocks, b"")):
            return
        splitter.rest = block
    raise InvalidContent(
        f"{content.called} goes on after the end of its rows, of which there are {number}"
    )


class _Splitter:
    """State between two blocks: open brackets, an open string, the element so far."""

    def __init__(self, most: int) -> None:
        self.rest: bytes | None = None
        """Content behind the closing bracket, None before that has come."""
        self.is_wrong = False
        """True if the closing bracket is of the other kind."""
        self._most = most
        self._depth = -1
        self._close = 0
        self._is_in_string = False
        self._is_escaped = False
        self._held = bytearray()
        self._is_skipping = False
        self._count = 0

    def feed(self, block: bytes) -> Iterator[bytes | None]:
        """Yield the elements that end in this block."""
        at = begin = 0
        is_looked_at = False
        plain = self._without_escapes(block)
        if self._depth < 0:  # the first byte opens the array or object
            self._close = block[0] + 2
            self._depth, at, begin = 0, 1, 1
        end = len(block)
        while at < end:
            if self._is_in_string:
                at = plain.find(b'"', at) + 1 or end
                self._is_in_string = at == end and plain[-1] != _QUOTE
                continue
            if self._depth > _DEEP and not is_looked_at:
                is_looked_at = True  # once in a block: it costs as much as the rest is long
                if self._pass_over(plain, at):
                    break
            pattern = _WITHIN if self._depth else _BETWEEN
            at = cast(re.Match[bytes], pattern.match(plain, at)).end()
            if at == end:
                break
            mark = plain[at]
            at += 1
            if mark == _QUOTE:
                self._is_in_string = True
            elif mark in _OPENING:
                self._depth += 1
            elif mark in _CLOSING and self._depth:
                self._depth -= 1
            else:
                element = self._take(block[begin : at - 1])
                begin = at
                if mark == _COMMA or element != b"" or self._count:
                    self._count += 1
                    yield element
                if mark != _COMMA:
                    self.is_wrong = mark != self._close
                    self.rest = block[at:]
                    return
        self._hold(block[begin:])

    def _pass_over(self, plain: bytes, at: int) -> bool:
        """Count the brackets of a hopelessly deep element up to the end of a block.

        False, and nothing counted, if the element may end before that.
        """
        parts = plain[at:].split(b'"')
        outside = b"".join(parts[::2])
        closed = outside.count(b"]") + outside.count(b"}")
        if closed >= self._depth:
            return False
        self._depth += outside.count(b"[") + outside.count(b"{") - closed
        self._is_in_string = len(parts) % 2 == 0
        return True

    def _without_escapes(self, block: bytes) -> bytes:
        """Block of the same length whose quotes all begin or end a string."""
        plain = block
        if self._is_escaped and block[0] in _ESCAPABLE:
            plain = b"_" + block[1:]
        plain = json_guard.without_escapes(plain)
        self._is_escaped = plain.endswith(b"\\")
        return plain

    def _hold(self, piece: bytes) -> None:
        if self._is_skipping:
            return
        if not self._held:
            piece = piece.lstrip(SPACES)
        if len(self._held) + len(piece) > self._most:
            self._is_skipping, self._held = True, bytearray()
        else:
            self._held += piece

    def _take(self, piece: bytes) -> bytes | None:
        """End an element with a piece, and return it without white space around it."""
        if not self._held and not self._is_skipping and len(piece) <= self._most:
            return piece.strip(SPACES)
        self._hold(piece)
        element = None if self._is_skipping else bytes(self._held).rstrip(SPACES)
        self._is_skipping, self._held = False, bytearray()
        return element
