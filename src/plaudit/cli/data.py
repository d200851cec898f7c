"""plaudit import, plaudit archive: tasks in and out of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.progress import Progress

from plaudit.cli.context import EnvironmentContext, ExistingFile, with_store
from plaudit.cli.progress import progress, require_writable
from plaudit.cli.terminal import err, refuse, say
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer import export
from plaudit.core.transfer.importer import Reject, Source, Summary, import_sources
from plaudit.formats import files
from plaudit.formats.registry import FORMATS, FormatName
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database

_FORMAT_HELP = (
    "What the lines are: "
    + ", ".join(f"{listed.name} ({listed.title})" for listed in FORMATS.values())
    + "."
)


def import_files(
    *paths: ExistingFile,
    format_name: Annotated[FormatName, Parameter(name="--format", help=_FORMAT_HELP)],
    project: str | None = None,
    strict: bool = False,
    replace: bool = False,
    context: EnvironmentContext | None = None,
) -> None:
    """Import tasks. Importing the same file again changes nothing.

    Parameters
    ----------
    paths
        JSONL files, plain or compressed with gzip or zstd.
    project
        Put every task into the project of this name, which is created if there is none.
    strict
        Store nothing if any row is refused.
    replace
        Let tasks and projects that are stored with other content be overwritten.
    """
    chosen = context or EnvironmentContext()
    if not paths:
        refuse("name at least one file", code=2)
    refusal = FORMATS[format_name].project_refusal
    if refusal is not None and project is not None:
        refuse(refusal, code=2)

    async def work(db: Database, secret: ServerSecret) -> Summary:
        environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)

        with progress() as bars:
            return await import_sources(
                db,
                environment_id,
                lambda: _sources(paths, format_name, bars),
                project_name=project,
                replace=replace,
                strict=strict,
                on_reject=_report,
                objects=BlobStore(chosen.settings().attachments_location),
            )

    summary = with_store(chosen.settings(), work)
    if strict and summary.total("rejected"):
        refuse(f"nothing was imported: {summary.total('rejected')} rows were refused")
    say.print(str(summary))


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
            async for line in export.archive_lines(db, environment_id, objects):
                write(line + b"\n")
                written += 1
                bars.advance(bar)
        return written

    lines = with_store(chosen.settings(), work)
    say.print(f"Wrote {lines} lines to {out}.")


def _sources(paths: tuple[Path, ...], format_name: str, bars: Progress) -> list[Source]:
    bar = bars.add_task("importing", total=sum(path.stat().st_size for path in paths))
    before = 0
    sources = []
    for path in paths:

        def entries(path: Path = path, before: int = before) -> Any:
            return files.entries(
                path, format_name, lambda at: bars.update(bar, completed=before + at)
            )

        sources.append(Source(path, entries))
        before += path.stat().st_size
    return sources


def _report(reject: Reject) -> None:
    err.print(str(reject))
