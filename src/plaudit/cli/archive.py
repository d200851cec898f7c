"""plaudit archive: everything of an organization in one file."""

from __future__ import annotations

from pathlib import Path

from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.progress import progress, require_line_suffix, require_writable
from plaudit.cli.terminal import say
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer import export
from plaudit.formats import files
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database


def write_archive(*, out: Path, context: EnvironmentContext | None = None) -> None:
    """Write everything of an organization to one file.

    Parameters
    ----------
    out
        The file; ends in .jsonl, .jsonl.gz or .jsonl.zst.
    """
    chosen = context or EnvironmentContext()

    require_line_suffix(out)
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
