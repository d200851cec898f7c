"""Import formats by name: the one list that the command line, the pages and the manual read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from plaudit.formats import (
    archive,
    arena,
    argilla,
    biggen,
    gsm8k,
    helpsteer,
    hh,
    label_studio,
    messages,
    oasst,
    openai,
    pandalm,
    sharegpt,
    table,
    topical_chat,
    trl,
    ultrafeedback,
    v2,
    xstest,
)
from plaudit.formats.import_format import ImportFormat

FORMATS: Mapping[str, ImportFormat] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        *(archive, v2, oasst, pandalm, xstest, topical_chat, gsm8k, biggen, hh),
        *(arena, argilla, label_studio),
        *(ultrafeedback, helpsteer, trl, openai, sharegpt, messages, table),
    )
}

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]
    """Name of a registered format, as a type whose choices a command line can list."""
