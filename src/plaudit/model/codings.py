"""Content codings (RFC 9110, section 8.4.1) that answers come in."""

from enum import StrEnum


class Coding(StrEnum):
    """A coding by its name in Accept-Encoding and Content-Encoding."""

    zstd = "zstd"
    gzip = "gzip"
