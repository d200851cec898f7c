"""plaudit import: files of many formats into the store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.table import Table

from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.inputs import FileOrUrl, spooled
from plaudit.cli.progress import progress, require_writable
from plaudit.cli.rejects import RejectReport
from plaudit.cli.terminal import err, refuse, say, show
from plaudit.core.accounts import api_keys
from plaudit.core.common import names
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer.archive_contents import LEFT_BEHIND
from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import import_sources
from plaudit.errors import InvalidContent
from plaudit.formats import archive, detection
from plaudit.formats.common.dry_run import DryRun, try_import
from plaudit.formats.common.file_import import FileImport, InputFile, TaskUse
from plaudit.formats.common.import_pool import process_count
from plaudit.formats.import_format import ImportFormat, ImportOptions
from plaudit.formats.registry import FORMATS, FormatName
from plaudit.formats.table import drafts, flags
from plaudit.formats.table.columns_seen import describe_columns
from plaudit.formats.table.toml_text import mapping_from_text
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database

TABLE = "table"


FILE_BYTES_MAX = 1024 * 1024
"""A mapping or a labelling configuration."""

FORMAT_HELP = (
    "What the rows are; told by their columns if not given: "
    + ", ".join(f"{listed.name} ({listed.title})" for listed in FORMATS.values())
    + "."
)


@Parameter(name="*")
@dataclass
class TableOptions:
    """Options that map the columns of a table, instead of a mapping file."""

    mapping: Path | None = None
    """A TOML file that says what the columns are (format table)."""
    prompt: Annotated[list[str] | None, Parameter(negative="")] = None
    """Column with the prompt; several are joined by a line feed."""
    response: Annotated[list[str] | None, Parameter(negative="")] = None
    """COL or COL=MODELCOL: column with a response, and with the name of its model."""
    preference: str | None = None
    """Column with the verdict."""
    values: str | None = None
    """Meanings of the verdicts, as in 1=first,2=second,0=tie."""
    rating: Annotated[list[str] | None, Parameter(negative="")] = None
    """KEY=COL: column with a rating of the response."""
    item: Annotated[list[str] | None, Parameter(negative="")] = None
    """Columns whose equal values make rows one task."""
    contributor: str | None = None
    """Column with the id of the person who judged."""

    def decoded(self) -> dict[str, Any] | None:
        """Mapping of the file or of the flags, None without any; refuses both at once."""
        given = flags.mapping_from_flags(
            prompt=self.prompt or [],
            response=self.response or [],
            preference=self.preference,
            values=self.values,
            rating=self.rating or [],
            item=self.item or [],
            contributor=self.contributor,
        )
        if self.mapping is None:
            return given
        if given is not None:
            refuse("name a mapping file or the columns, not both", code=2)
        try:
            return mapping_from_text(_text_of(self.mapping))
        except InvalidContent as exc:
            refuse(f"{self.mapping}: {exc.message}", code=2)


@Parameter(name="*")
@dataclass
class RowHandling:
    """Options about what becomes of the rows."""

    pending: bool = False
    """Put the conversations into the queue as open work, without what was judged."""
    suggestions: bool = False
    """With --pending: keep what was judged as suggestions for those who do the work."""
    dry_run: bool = False
    """Read and check everything, show counts and three tasks, and store nothing."""
    strict: bool = False
    """Store nothing if any row is refused."""
    replace: bool = False
    """Let tasks and projects that are stored with other content be overwritten."""
    rejects: Path | None = None
    """A file for the refused rows. Without it one is made where more than 20 are refused."""


def import_files(
    *paths: FileOrUrl,
    format_name: Annotated[FormatName | None, Parameter(name="--format", help=FORMAT_HELP)] = None,
    project: str | None = None,
    table: TableOptions | None = None,
    config: Path | None = None,
    handling: RowHandling | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Import tasks. Importing the same file again changes nothing.

    Parameters
    ----------
    paths
        JSON lines, JSON, CSV, TSV, XLSX or Parquet, plain or compressed with gzip or zstd; a URL
        (http, https, s3, gs, az); - is standard input.
    project
        Put every task into the project of this name, which is created if there is none.
    config
        The labelling configuration (XML) of a Label Studio export, or the settings (JSON) of an
        Argilla dataset.
    """
    chosen, rows = context or EnvironmentContext(), handling or RowHandling()
    if not paths:
        refuse("name at least one file", code=2)
    if rows.suggestions and not rows.pending:
        refuse("--suggestions goes with --pending", code=2)
    mapping = (table or TableOptions()).decoded()
    if mapping is not None and format_name is None:
        format_name = TABLE
    if rows.rejects is not None:
        require_writable(rows.rejects)
    options = ImportOptions(
        is_strict=rows.strict, mapping=mapping, config=None if config is None else _text_of(config)
    )
    report = RejectReport(rows.rejects)
    inflated_max = chosen.settings().inflated_bytes_max
    with spooled(paths, inflated_max) as inputs, progress() as bars, closing(report):
        listed = [InputFile(one.path, one.name, one.size) for one in inputs]
        file_format = format_of(listed, format_name, inflated_max)
        _check_choices(file_format, project, pending=rows.pending, mapping=mapping)
        bar = bars.add_task("reading", total=sum(one.size for one in listed))
        prepared = FileImport(
            listed,
            file_format,
            options,
            project_name=project,
            use=TaskUse(is_pending=rows.pending, keeps_judgments=rows.suggestions),
            inflated_max=inflated_max,
            on_progress=lambda at: bars.update(bar, completed=at),
            process_count=process_count(),
        )
        with closing(prepared):
            _prepare(prepared)
            bars.update(bar, description="checking" if rows.dry_run else "importing")
            if rows.dry_run:
                _show_dry_run(prepared, try_import(prepared, report.add))
                return
            summary = _run(prepared, chosen, report, project, rows)
    _show_summary(prepared, summary, strict=rows.strict)


def _prepare(prepared: FileImport) -> None:
    try:
        prepared.prepare()
    except InvalidContent as problem:
        refuse(problem.message, code=2 if problem.pointer else 1)


def _run(
    prepared: FileImport,
    chosen: EnvironmentContext,
    report: RejectReport,
    project: str | None,
    rows: RowHandling,
) -> Summary:
    async def work(db: Database, secret: ServerSecret) -> Summary:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)

        def sources() -> Any:
            report.restart()
            return prepared.sources(prepares=True)

        return await import_sources(
            db,
            environment_id,
            sources,
            project_name=project,
            replace=rows.replace,
            strict=rows.strict,
            on_reject=report.add,
            objects=BlobStore(chosen.settings().attachments_location),
            secret=secret,
            project_form=prepared.form,
        )

    return with_store(chosen.settings(), work)


def format_of(
    listed: Sequence[InputFile], format_name: str | None, inflated_max: int | None
) -> ImportFormat:
    """Return the format of that name, else the one that the columns show, which is said."""
    if format_name is not None:
        return FORMATS[format_name]
    detected = detection.detect(listed, inflated_max=inflated_max)
    if detected.format is not None:
        err.print(detected.reason)
        return detected.format
    if not detected.rows:
        row = detected.problem
        reason = "there is nothing to read"
        if row is not None and row.problem is not None:
            reason = f"{row.file}:{row.number}: {row.problem.message}; name a format with --format"
        refuse(f"nothing was imported: {reason}")
    err.print("plaudit: no known format has these columns:")
    for column in describe_columns(detected.rows):
        err.print(f"  {column}")
    err.print("Name a format with --format, or edit this draft and give it with --mapping:")
    sys.stdout.write(drafts.draft_toml(detected.rows))
    sys.exit(2)


def _check_choices(
    chosen: ImportFormat, project: str | None, *, pending: bool, mapping: object
) -> None:
    """Refuse options that do not go with a format."""
    if project is not None:
        if chosen.project_refusal is not None:
            refuse(chosen.project_refusal, code=2)
        try:
            names.check_name(project, "")
        except InvalidContent as problem:
            refuse(f"--project: {problem.message}", code=2)
    if chosen.reader is None:
        if pending:
            refuse(
                f"--pending does not go with {chosen.name}, whose tasks say it themselves", code=2
            )
    elif project is None:
        refuse("name the project that the tasks go into, with --project", code=2)
    if mapping is not None and chosen.name != TABLE:
        refuse(f"a mapping goes with --format {TABLE}, not {chosen.name}", code=2)
    if mapping is None and chosen.name == TABLE:
        refuse(
            "say what the columns are, with --mapping FILE or with --prompt and --response", code=2
        )
    for fault in drafts.check_mapping(mapping) if chosen.name == TABLE else ():
        refuse(f"the mapping cannot be right: {fault}", code=2)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            refuse(f"{path} is larger than {FILE_BYTES_MAX} bytes", code=2)
        return path.read_text("utf-8")
    except OSError as exc:
        refuse(f"{path} cannot be read: {exc.strerror}", code=2)
    except UnicodeDecodeError:
        refuse(f"{path} is not UTF-8", code=2)


def _show_dry_run(prepared: FileImport, result: DryRun) -> None:
    for task in result.tasks:
        say.print(msgspec.json.format(msgspec.json.encode(task), indent=2).decode())
    say.print(f"{result}; nothing was stored")
    _say_notes(prepared)


def _show_summary(prepared: FileImport, summary: Summary, *, strict: bool) -> None:
    summary.require_rows()
    refused = summary.total("rejected")
    if refused and (strict or refused == sum(summary.counts.values())):
        rows = "1 row was" if refused == 1 else f"{refused} rows were"
        refuse(f"nothing was imported: {rows} refused")
    say.print(str(summary))
    _say_notes(prepared)
    if prepared.format is archive.FORMAT:
        show(_contents(summary))


def _say_notes(prepared: FileImport) -> None:
    for sentence in prepared.notes.list_sentences():
        say.print(sentence)


def _contents(summary: Summary) -> Table:
    """Table of the kinds that came with an archive, and of what comes with none."""
    table = Table("of the archive", "came", "why not", "what to do")
    for kinds, counts in summary.list_counts():
        table.add_row(kinds.replace("_", " "), counts, "", "")
    for left in LEFT_BEHIND:
        table.add_row(left.noun, "never come", left.reason, left.remedy)
    return table
