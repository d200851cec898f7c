"""Export formats by name: the one list that the command line and the manual read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from plaudit.formats.exporting import hh, trl, v2
from plaudit.formats.exporting.duels import arena, argilla, helpsteer, label_studio
from plaudit.formats.exporting.export_format import ExportFormat
from plaudit.formats.exporting.tables import annotation_rows, flat, tables, vote_rows
from plaudit.formats.exporting.trainers import (
    axolotl,
    llama_factory,
    ms_swift,
    nemo_rl,
    openai,
    openrlhf,
    tinker,
    verl,
)

EXPORT_FORMATS: Mapping[str, ExportFormat] = {
    declared.name: declared
    for module in (
        *(v2, trl, openai, openrlhf, llama_factory, axolotl, ms_swift),
        *(tinker, nemo_rl, verl),
        *(helpsteer, hh, arena, argilla, label_studio, flat, tables, annotation_rows, vote_rows),
    )
    for declared in module.FORMATS
}

if TYPE_CHECKING:
    ExportName = str
else:
    ExportName = Literal[tuple(EXPORT_FORMATS)]
    """Name of an export format, as a type whose choices a command line can list."""
