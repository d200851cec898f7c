"""plaudit import, plaudit archive: tasks in and out of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import Progress
from rich.table import Table

from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.inputs import FileOrStdin, Input, spooled
from plaudit.cli.progress import progress, require_writable
from plaudit.cli.rejects import RejectReport
from plaudit.cli.terminal import refuse, say, show
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer import export
from plaudit.core.transfer.archive_contents import LEFT_BEHIND
from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import ImportEntry, Source, import_sources
from plaudit.formats import archive, files
from plaudit.formats.registry import FORMATS, FormatName
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database

_FORMAT_HELP = (
    "What the lines are: "
    + ", ".join(f"{listed.name} ({listed.title})" for listed in FORMATS.values())
    + "."
)


def import_files(
    *paths: FileOrStdin,
    format_name: Annotated[FormatName, Parameter(name="--format", help=_FORMAT_HELP)],
    project: str | None = None,
    strict: bool = False,
    replace: bool = False,
    rejects: Path | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Import tasks. Importing the same file again changes nothing.

    Parameters
    ----------
    paths
        JSONL files, plain or compressed with gzip or zstd; - is standard input.
    project
        Put every task into the project of this name, which is created if there is none.
    strict
        Store nothing if any row is refused.
    replace
        Let tasks and projects that are stored with other content be overwritten.
    rejects
        A file for the refused rows. Without it one is made where more than 20 are refused.
    """
    chosen = context or EnvironmentContext()
    if not paths:
        refuse("name at least one file", code=2)
    refusal = FORMATS[format_name].project_refusal
    if refusal is not None and project is not None:
        refuse(refusal, code=2)
    if rejects is not None:
        require_writable(rejects)
    report = RejectReport(rejects)

    async def work(db: Database, secret: ServerSecret) -> Summary:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)

        with spooled(paths) as inputs, progress() as bars:

            def sources() -> list[Source]:
                report.restart()
                return _sources(inputs, format_name, bars, chosen.settings().inflated_bytes_max)

            return await import_sources(
                db,
                environment_id,
                sources,
                project_name=project,
                replace=replace,
                strict=strict,
                on_reject=report.add,
                objects=BlobStore(chosen.settings().attachments_location),
                secret=secret,
            )

    try:
        summary = with_store(chosen.settings(), work)
    finally:
        report.close()
    summary.require_rows()
    refused = summary.total("rejected")
    if refused and (strict or refused == sum(summary.counts.values())):
        refuse(f"nothing was imported: {refused} rows were refused")
    say.print(str(summary))
    if format_name == archive.FORMAT.name:
        show(_contents(summary))


def write_archive(*, out: Path, context: EnvironmentContext | None = None) -> None:
    """Write everything of an organization to one file.

    Parameters
    ----------
    out
        The file; ends in .jsonl, .jsonl.gz or .jsonl.zst.
    """
    chosen = context or EnvironmentContext()

    require_writable(out)

    async def work(db: Database, secret: ServerSecret) -> int:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
        written = 0
        with progress() as bars, files.writing(out) as write:
            bar = bars.add_task("writing", total=await export.count_tasks(db, environment_id))
            objects = BlobStore(chosen.settings().attachments_location)
            async for line in export.archive_lines(db, environment_id, objects, for_operator=True):
                write(line + b"\n")
                written += 1
                bars.advance(bar)
        return written

    lines = with_store(chosen.settings(), work)
    say.print(f"Wrote {lines} lines to {out}.")


def _contents(summary: Summary) -> Table:
    """Table of the kinds that came with an archive, and of what comes with none."""
    table = Table("of the archive", "came", "why not", "what to do")
    for kinds, counts in summary.list_counts():
        table.add_row(kinds.replace("_", " "), counts, "", "")
    for left in LEFT_BEHIND:
        table.add_row(left.noun, "never come", left.reason, left.remedy)
    return table


def _sources(
    inputs: list[Input], format_name: str, bars: Progress, inflated_max: int | None
) -> list[Source]:
    bar = bars.add_task("importing", total=sum(listed.size for listed in inputs))
    before = 0
    sources = []
    for listed in inputs:

        def entries(listed: Input = listed, before: int = before) -> Iterator[ImportEntry]:
            return files.entries(
                listed.path,
                format_name,
                lambda at: bars.update(bar, completed=before + at),
                called=listed.name,
                inflated_max=inflated_max,
            )

        sources.append(Source(Path(listed.name), entries))
        before += listed.size
    return sources
