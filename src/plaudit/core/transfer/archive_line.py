"""A line of an archive: its kind and its value."""

from __future__ import annotations

ARCHIVE_VERSION = 3
"""Version of archives, on their first line. 2 added the kinds that the operator alone imports,
3 those of teams, members of projects and what tasks ask."""


def archive_line(kind: str, value: bytes) -> bytes:
    """One line of an archive, without its line feed; `value` is JSON."""
    return b'{"kind":"%b","value":%b}' % (kind.encode(), value)
