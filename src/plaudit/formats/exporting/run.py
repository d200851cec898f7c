"""One export: tasks of a project become rows on disk, and these the files and their manifest.

Rows are written as they are made. While each of them has a value of an optional column they are
kept in a temporary file: only at the end is known whether all have. A file appears whole or not at
all. Memory stays flat.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

import plaudit
from plaudit.core.tasks.forms import form_of
from plaudit.errors import Misconfigured
from plaudit.formats import files
from plaudit.formats.exporting import containers
from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    OptionalColumns,
    Skipped,
)
from plaudit.formats.exporting.exported_tasks import (
    VotesOf,
    exported_task,
    stored_split_key,
    with_votes,
)
from plaudit.formats.exporting.kept_rows import (
    RowOnDisk,
    keep,
    kept_rows,
    origin_line,
    stored_origin_line,
)
from plaudit.formats.exporting.selection import ChosenTask, JoinedLines
from plaudit.formats.exporting.splits import Split, path_of_split, split_key, split_of
from plaudit.model.core import PageRow, ProjectRow, TaskStatus
from plaudit.wire.v2 import render
from plaudit.wire.v2.resources import project_detail

Tasks = AsyncIterator[Sequence[ChosenTask] | JoinedLines]
"""Tasks of one project, in pieces, in the order of the export; lines for formats that join them."""

_encode_json = msgspec.json.Encoder().encode
_MANIFEST = ".manifest.json"
_TEMPORARY = "plaudit-export-"
ROWS_PER_CHECK = 1000
"""Rows that are written between two reports of progress."""


class ExportRequest(Struct, frozen=True, kw_only=True):
    """Request for an export; `filters` are those of the tasks, as the manifest names them."""

    format: ExportFormat
    options: ExportOptions
    out: Path
    home: Path | None = None
    """Folder in which the files take their places at the end, that of `out` if None."""
    splits: Sequence[Split] = ()
    is_formula_safe: bool = False
    optional_columns: OptionalColumns = OptionalColumns.if_complete
    filters: dict[str, Any] = {}
    has_manifest: bool = True
    """False for rows that go on alone; then `manifest` of the result is not written."""
    is_durable: bool = True
    """False for files that are copied at once, and need not outlive a power failure."""


class ExportResult(Struct, frozen=True, kw_only=True):
    """Counts of an export: tasks read, rows written and skipped by reason; the files."""

    tasks: int
    rows: int
    skipped: dict[str, int]
    flags: dict[str, int]
    files: list[Path]
    """Those of the parts in their order, and then what goes beside them."""
    side_files: int
    """Number of the latter."""
    manifest: Path


def manifest_path(out: Path) -> Path:
    """Path of the manifest of an export to `out`."""
    return out.with_name(f"{out.name}{_MANIFEST}")


async def run_export(
    request: ExportRequest,
    project: ProjectRow,
    tasks: Tasks,
    on_progress: Callable[[int], None] = lambda count: None,
    *,
    votes_of: VotesOf | None = None,
) -> ExportResult:
    """Write the files of an export and the manifest beside them; return its counts.

    `votes_of` is needed by a format that reads votes. The same tasks, votes and options give the
    same bytes. `on_progress` is told the number of tasks read,
    also while files are written; what it raises ends the export. Raises Misconfigured for a
    container that the format is not written in, or a file that cannot be written.
    """
    with files.staged(request.out, _MANIFEST) as out:
        staged = msgspec.structs.replace(request, out=out, home=request.out.parent)
        made = await _export(staged, project, tasks, on_progress, votes_of)
    return msgspec.structs.replace(
        made,
        files=[request.out.with_name(path.name) for path in made.files],
        manifest=request.out.with_name(made.manifest.name),
    )


async def _export(
    request: ExportRequest,
    project: ProjectRow,
    tasks: Tasks,
    on_progress: Callable[[int], None],
    votes_of: VotesOf | None,
) -> ExportResult:
    container = containers.container_of(request.out)
    if container not in request.format.containers:
        listed = ", ".join(f".{one}" for one in request.format.containers)
        raise Misconfigured(f"{request.format.name} is written to {listed}, not .{container}")
    if request.out.suffix in files.COMPRESSION_SUFFIXES and not request.format.is_compressible:
        raise Misconfigured(f"{request.format.name} is read without compression; drop the suffix")
    with tempfile.TemporaryFile(prefix=_TEMPORARY) as origins:
        if request.format.join_stored is not None:
            keeper, count = await _copy_tasks(request, project, tasks, on_progress, origins)
        else:
            keeper, count = await _write_rows(
                request, container, project, tasks, votes_of, on_progress, origins
            )
        paths = _part_paths(request)
        beside = _write_side_file(request, project, [*paths.values()])
        result = ExportResult(
            tasks=count,
            rows=sum(keeper.rows.values()),
            skipped=dict(sorted(keeper.skipped.items())),
            flags=dict(sorted(keeper.flags.items())),
            files=[*paths.values(), *beside],
            side_files=len(beside),
            manifest=manifest_path(request.out),
        )
        if request.has_manifest:
            _write_manifest(request, project, result, keeper, paths, origins)
    return result


async def _copy_tasks(
    request: ExportRequest,
    project: ProjectRow,
    tasks: Tasks,
    on_progress: Callable[[int], None],
    origins: IO[bytes],
) -> tuple[_RowKeeper, int]:
    """Write stored tasks as lines, and return what `_write_rows` does."""
    join, splits, count = request.format.join_stored, request.splits, 0
    assert join is not None
    keeper = _RowKeeper(request, lambda row: None)
    with ExitStack() as stack:
        writes = {
            name: stack.enter_context(files.writing(path, is_durable=request.is_durable))
            for name, path in _part_paths(request).items()
        }
        async for piece in tasks:
            parts: dict[str, list[PageRow]] = {}
            if isinstance(piece, JoinedLines):
                writes[""](piece.lines)
                origins.writelines(map(stored_origin_line, piece.id_members))
                keeper.rows[""] += len(piece)
            else:
                for row in (chosen.row for chosen in piece):
                    name = split_of(stored_split_key(row), splits) if splits else ""
                    parts.setdefault(name, []).append(row)
                    if request.has_manifest:
                        origins.write(stored_origin_line(render.id_member(row[3]), name))
            for name, rows in parts.items():
                keeper.rows[name] += len(rows)
                for lines in join(rows, project):
                    writes[name](lines)
            count += len(piece)
            on_progress(count)
    return keeper, count


async def _write_rows(
    request: ExportRequest,
    container: ExportContainer,
    project: ProjectRow,
    tasks: Tasks,
    votes_of: VotesOf | None,
    on_progress: Callable[[int], None],
    origins: IO[bytes],
) -> tuple[_RowKeeper, int]:
    """Write the rows of all tasks; return what was counted of them, and the number of tasks.

    They are kept in a temporary file as long as an optional column is left to be decided on, and
    written as they are made from then.
    """
    form, count = form_of(project_detail(project)), 0
    write: Callable[[RowOnDisk], None] | None = None

    def take(row: RowOnDisk) -> None:
        if write is None:
            keep(kept, row)
        else:
            write(row)

    with tempfile.TemporaryFile(prefix=_TEMPORARY) as kept, ExitStack() as stack:
        keeper = _RowKeeper(request, take)

        def begin() -> Callable[[RowOnDisk], None]:
            begun = stack.enter_context(_writing_parts(request, container, keeper.columns, origins))
            for number, row in enumerate(kept_rows(kept)):
                if number % ROWS_PER_CHECK == 0:
                    on_progress(count)
                begun(row)
            return begun

        async for piece in tasks:
            assert not isinstance(piece, JoinedLines)
            if write is None and not keeper.is_undecided:
                write = begin()
            made = [exported_task(chosen, project, form, request.options) for chosen in piece]
            if request.format.reads_votes:
                made = await with_votes(made, votes_of)
            for task in made:
                keeper.add(task)
            count += len(piece)
            on_progress(count)
        write = write or begin()
    return keeper, count


class _RowKeeper:
    """Counts of an export's rows, and the optional columns that all of them have."""

    def __init__(self, request: ExportRequest, write: Callable[[RowOnDisk], None]) -> None:
        self.skipped: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.columns = [
            column
            for column in request.format.columns
            if not column.is_optional or request.optional_columns is not OptionalColumns.never
        ]
        self._request = request
        self._write = write

    @property
    def is_undecided(self) -> bool:
        """True while a column is written only if each row has a value, and each one so far has."""
        is_open = self._request.optional_columns is OptionalColumns.if_complete
        return is_open and any(column.is_optional for column in self.columns)

    def add(self, task: ExportedTask) -> None:
        """Write the rows of a task."""
        request = self._request
        if request.format.is_of_completed and task.value["status"] != TaskStatus.completed:
            self.skipped[str(Skip.not_completed)] += 1
            return
        split = split_of(split_key(task.threads), request.splits) if request.splits else ""
        made = None
        for made in request.format.make(task, request.options):
            if isinstance(made, Skipped):
                self.skipped[str(made)] += 1
            else:
                self._add_row(split, made)
        if made is None and request.format.is_of_completed:
            self.skipped[str(Skip.nothing_to_write)] += 1

    def _add_row(self, split: str, row: ExportRow) -> None:
        self.rows[split] += 1
        self.flags.update(row.origin.flags)
        if self._request.optional_columns is OptionalColumns.if_complete:
            self.columns = [
                column
                for column in self.columns
                if not column.is_optional or row.values.get(column.name) is not None
            ]
        origin = row.origin
        self._write(
            RowOnDisk(
                split, row.values, origin.task_id, origin.thread_id, origin.turn_id,
                origin.contributor_ids, origin.flags,
            )
        )  # fmt: skip


@contextmanager
def _writing_parts(
    request: ExportRequest,
    container: ExportContainer,
    columns: Sequence[ExportColumn],
    origins: IO[bytes],
) -> Iterator[Callable[[RowOnDisk], None]]:
    """Yield a writer of rows to the files of their parts, and of their origins."""
    is_safe = request.is_formula_safe or request.format.is_for_people
    wanted = {column.name for column in columns}
    is_cut = len(columns) < len(request.format.columns)
    with ExitStack() as stack:
        writes = {
            name: stack.enter_context(
                containers.writing_rows(
                    path,
                    container,
                    columns,
                    is_formula_safe=is_safe,
                    is_durable=request.is_durable,
                )
            )
            for name, path in _part_paths(request).items()
        }

        def write(row: RowOnDisk) -> None:
            values = row.values
            if is_cut:
                values = {name: value for name, value in values.items() if name in wanted}
            writes[row.split](values)
            origins.write(origin_line(row))

        yield write


def _part_paths(request: ExportRequest) -> dict[str, Path]:
    """Files of the rows by the name of their part, which is empty where all rows are in one."""
    if not request.splits:
        return {"": request.out}
    return {one.name: path_of_split(request.out, one.name) for one in request.splits}


def _write_side_file(
    request: ExportRequest, project: ProjectRow, paths: Sequence[Path]
) -> list[Path]:
    if request.format.side_file is None:
        return []
    home = request.home or request.out.parent
    places = [home / path.name for path in paths]
    name, content = request.format.side_file(places, form_of(project_detail(project)))
    path = request.out.with_name(name)
    with files.writing(path) as write:
        write(content)
    return [path]


def _write_manifest(
    request: ExportRequest,
    project: ProjectRow,
    result: ExportResult,
    keeper: _RowKeeper,
    paths: dict[str, Path],
    origins: IO[bytes],
) -> None:
    """Write the manifest: format, options, counts, hashes, and the origin of each row in order."""
    facts = {
        "plaudit": plaudit.__version__,
        "pyarrow": containers.arrow_version() if _has_parquet(paths) else None,
        "format": request.format.name,
        "project": {"id": project.project_id, "name": project.name},
        "filters": request.filters,
        "options": msgspec.to_builtins(request.options),
        "splits": [split.name for split in request.splits],
        "tasks": result.tasks,
        "rows": result.rows,
        "skipped": result.skipped,
        "flags": result.flags,
        "columns": [column.name for column in keeper.columns],
        "files": [
            {
                "name": path.name,
                "rows": keeper.rows[name],
                "bytes": path.stat().st_size,
                "sha256": _sha256(path),
            }
            for name, path in paths.items()
        ],
    }
    if result.rows == 0:
        facts["why_no_rows"] = why_no_rows(result)
    head = msgspec.json.format(_encode_json(facts), indent=1).removesuffix(b"\n}")
    with files.writing(result.manifest) as write:
        write(head + b',\n "origins": [')
        origins.seek(0)
        for number, line in enumerate(origins):
            write((b",\n  " if number else b"\n  ") + line.rstrip(b"\n"))
        write(b"\n ]\n}\n")


def why_no_rows(result: ExportResult) -> str:
    """Sentence about an export without rows."""
    if result.tasks == 0:
        return "no task is selected"
    reasons = [f"{count:,} × {reason}" for reason, count in result.skipped.items()]
    return "nothing could be exported: " + ", ".join(reasons or ["no task has a response"])


def _has_parquet(paths: dict[str, Path]) -> bool:
    return any(containers.container_of(path) is ExportContainer.parquet for path in paths.values())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
