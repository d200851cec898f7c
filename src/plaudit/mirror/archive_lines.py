"""Lines of an archive that an earlier pull has written, kept as they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.containers.content import Content, FileMeter, zstd
from plaudit.formats.containers.json_lines import lines_of

LINE_BYTES_MAX = 2**31


class _ArchiveLine(Struct):
    kind: str
    value: msgspec.Raw


_decode = msgspec.json.Decoder(_ArchiveLine).decode


def read_archive_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Kind and value of each line of an archive, plain or compressed.

    Raises Misconfigured for a file that is none, or cannot be read.
    """
    try:
        with path.open("rb") as raw:
            content = Content(FileMeter(raw, str(path), lambda at: None, None))
            for number, line in lines_of(content, LINE_BYTES_MAX, lambda count: None, number=1):
                try:
                    decoded = _decode(line or b"")
                except (msgspec.DecodeError, UnicodeDecodeError):
                    raise Misconfigured(f"{path}:{number} is no line of an archive") from None
                yield decoded.kind, bytes(decoded.value)
    except InvalidContent as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.message}") from exc
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as exc:
        raise Misconfigured(f"{path} cannot be read: {exc}") from exc
