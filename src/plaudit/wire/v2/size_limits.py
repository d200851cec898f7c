"""Size limits of stored JSON in bytes, so that every line of an archive can be imported again.

Sizes are those of JSON without spaces, in UTF-8, as the server writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.errors import InvalidContent

METADATA_BYTES_MAX = 1024 * 1024
"""The metadata of a task or a batch."""

CONVERSATION_BYTES_MAX = 24 * 1024 * 1024
"""A task's threads with every option; and its content, which may be as long again.

More than a request brings, because annotations get ids, numbers are written out, a template repeats
its variables, and the answers of several people come together.
"""

REASONS_BYTES_MAX = 10 * 1024 * 1024
"""The errors of a task, or the reports of its content: as much as one request brings."""

TEXT_BYTES_MAX = 10 * 1024 * 1024
"""The text of a schema, of which an archive may write each byte as two."""

ARCHIVE_LINE_BYTES_MAX = 64 * 1024 * 1024
"""A line of an archive, so long that nothing which the server stores is longer.

The longest is a task's: metadata (1 MiB), errors or reports (10), threads (24) and content (24)
make 59 MiB, and its ids and its callback some KiB. A delivery's has 4 MiB of tasks, or a single
one without content (35), and a thousand ids (1). All others have less: a schema 20, a dataset's
task with its files 10, a batch its metadata.
"""

_encode = msgspec.json.Encoder().encode


def check_metadata(metadata: dict[str, Any] | None, pointer: str = "/metadata") -> None:
    """Raise InvalidContent for more than METADATA_BYTES_MAX of metadata."""
    if metadata and len(_encode(metadata)) > METADATA_BYTES_MAX:
        raise InvalidContent(f"metadata has at most {METADATA_BYTES_MAX} bytes", pointer=pointer)


def check_reasons(reasons: Sequence[Struct] | None, pointer: str) -> None:
    """Raise InvalidContent for errors or reports of more than REASONS_BYTES_MAX."""
    if reasons and len(_encode(reasons)) > REASONS_BYTES_MAX:
        raise InvalidContent(f"at most {REASONS_BYTES_MAX} bytes in all", pointer=pointer)


def check_conversation(size: int, pointer: str) -> None:
    """Raise InvalidContent if `size`, the bytes of threads or content, is over the limit."""
    if size > CONVERSATION_BYTES_MAX:
        raise InvalidContent(
            f"the conversation has more than {CONVERSATION_BYTES_MAX} bytes as it is stored",
            pointer=pointer,
        )
