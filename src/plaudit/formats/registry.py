"""Import formats by name: the one list that the command line, the pages and the manual read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from plaudit.formats import archive, oasst, table, v2
from plaudit.formats.import_format import ImportFormat

FORMATS: Mapping[str, ImportFormat] = {
    module.FORMAT.name: module.FORMAT for module in (archive, v2, oasst, table)
}

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]
    """Name of a registered format, as a type whose choices a command line can list."""
