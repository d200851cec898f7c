"""Exports of a store's project as the command makes them, and imports of what they wrote."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.resolve import find_by_name_or_id
from plaudit.core.transfer.importer import Reject, import_sources
from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.exporting.export_format import ExportOptions
from plaudit.formats.exporting.judges import VerdictOptions
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.rows import RowOptions
from plaudit.formats.exporting.run import ExportRequest, ExportResult, run_export
from plaudit.formats.exporting.selection import TaskChoice, choose_tasks, votes_of_tasks
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.model.core import BatchRow, ProjectRow
from tests.support.harness import World


class Exported(Struct):
    """Files of an export."""

    result: ExportResult
    path: Path

    @property
    def content(self) -> bytes:
        """Bytes of the file, without its compression."""
        content = self.path.read_bytes()
        return gzip.decompress(content) if self.path.suffix == ".gz" else content

    @property
    def rows(self) -> list[Any]:
        """Values of the rows of a file of JSON."""
        text = self.content.decode()
        if ".json" in self.path.suffixes:
            return list(json.loads(text))
        return [json.loads(line) for line in text.split("\n")[:-1]]

    @property
    def manifest(self) -> Any:
        """The decoded manifest."""
        return json.loads(self.result.manifest.read_bytes())


def project_named(world: World, name: str) -> ProjectRow:
    """The project of a name."""

    async def find() -> ProjectRow:
        async with world.db.read() as tx:
            return await find_by_name_or_id(tx, environment_id, name)

    environment_id = world.org()
    return world.run(find())


def export_project(
    world: World,
    out: Path,
    format_name: str,
    *,
    project: str = "Set",
    batch: BatchRow | None = None,
    choice: TaskChoice | None = None,
    rows: RowOptions | None = None,
    verdict: VerdictOptions | None = None,
    **request: Any,
) -> Exported:
    """Export a project; keywords are those of `ExportRequest`."""
    row = project_named(world, project)
    options = ExportOptions(rows=rows or RowOptions(), verdict=verdict or VerdictOptions())
    asked = ExportRequest(format=EXPORT_FORMATS[format_name], options=options, out=out, **request)
    tasks = choose_tasks(
        world.db, row, batch, choice or TaskChoice(), with_displays=asked.format.shows_places
    )
    return Exported(
        world.run(run_export(asked, row, tasks, votes_of=votes_of_tasks(world.db, row))), out
    )


def export_judged(world: World, folder: Path, format_name: str, **options: Any) -> Exported:
    """Export the project of the builders' tasks; options are those of `export_project`."""
    suffix = "json" if format_name in ("argilla", "label-studio") else "jsonl"
    out = folder / f"out.{suffix}"
    return export_project(world, out, format_name, project="project_123", **options)


def import_files(
    world: World, format_name: str, *paths: Path, project: str = "Set", config: str | None = None
) -> list[Reject]:
    """Import files of others into a project; return the refused rows."""
    rejects: list[Reject] = []
    inputs = [InputFile(path, path.name, path.stat().st_size) for path in paths]
    options = ImportOptions(config=config)
    with closing(
        FileImport(inputs, FORMATS[format_name], options, project_name=project)
    ) as prepared:
        prepared.prepare()
        imported = import_sources(
            world.db,
            world.org("default"),
            prepared.sources,
            project_name=project,
            replace=False,
            strict=False,
            on_reject=rejects.append,
            objects=world.objects,
            project_form=prepared.form,
        )
        world.run(imported)
    return rejects


def import_values(world: World, format_name: str, folder: Path, *values: Any) -> None:
    """Import values as the rows of a file of JSON lines; nothing is refused."""
    path = folder / "imported.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    assert import_files(world, format_name, path) == []
