"""JSON lines: cut at line feeds and bounded, one of them in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import cast

from plaudit.formats.containers.content import SPACES, Content

_BLANK = re.compile(rb"\s+")


def lines_of(
    content: Content, most: int, on_lines: Callable[[int], None], *, number: int
) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from `number`; None for one over `most` bytes, which is never held.

    Most blank lines are only counted: a small file can hold billions of them. `on_lines` is told
    the number of lines that were read, at least once in each block.
    """
    held, is_skipping = BytesIO(), False
    for block in content.blocks():
        at = 0
        while at < len(block):
            if not held.tell() and not is_skipping and block[at] in SPACES:
                end_of_blank = cast(re.Match[bytes], _BLANK.match(block, at)).end()
                number += block.count(b"\n", at, end_of_blank)
                at = max(at, block.rfind(b"\n", at, end_of_blank) + 1)
            end = block.find(b"\n", at)
            piece = block[at : len(block) if end < 0 else end]
            at += len(piece) + 1
            is_skipping = is_skipping or held.tell() + len(piece) > most
            if is_skipping or (end >= 0 and not held.tell()):
                line, held = piece, BytesIO()
            else:
                held.write(piece)
                line = b""
            if end >= 0:
                if held.tell():
                    line, held = held.getvalue(), BytesIO()
                yield number, None if is_skipping else line
                number, is_skipping = number + 1, False
        on_lines(number - 1)
    if held.tell() or is_skipping:
        yield number, None if is_skipping else held.getvalue()
