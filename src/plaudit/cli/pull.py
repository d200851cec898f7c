"""plaudit pull: all that another server of the v2 API shows, into a file or the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.progress import counting, progress, require_line_suffix, require_writable
from plaudit.cli.rejects import RejectReport
from plaudit.cli.remote import KeyOptions, open_client
from plaudit.cli.terminal import ending_when_interrupted, err, refuse, say
from plaudit.client.client import Client
from plaudit.client.client_error import ClientError
from plaudit.core.accounts import api_keys
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.transfer.import_summary import Summary
from plaudit.core.transfer.importer import printable
from plaudit.formats import files
from plaudit.mirror.archive_lines import read_archive_lines
from plaudit.mirror.assembly import Assembly
from plaudit.mirror.into_store import StoreImport
from plaudit.mirror.pull import Pull
from plaudit.mirror.pull_state import PullState, load_state, locked_folder
from plaudit.mirror.pull_summary import describe_contents, describe_remarks
from plaudit.model.core import Opts
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database

FOLDER_SUFFIX = ".pull"
STORE_FOLDER = "pulls"
ASSEMBLED = "assembled.jsonl"

OptName = Literal["annotation_details", "attachment_details", "model_parameters", "submissions"]


@Parameter(name="*")
@dataclass
class StoreHandling:
    """Options about what becomes of the rows in the store, with --into-store."""

    strict: bool = False
    """Store nothing if any row is refused."""
    replace: bool = False
    """Let tasks, batches and projects that are stored with other content be overwritten."""
    rejects: Path | None = None
    """A file for the refused rows. Without it one is made where more than 20 are refused."""


def pull_tasks(
    *,
    url: str,
    keys: KeyOptions | None = None,
    project_name: Annotated[list[str] | None, Parameter(negative="")] = None,
    out: Path | None = None,
    into_store: Annotated[bool, Parameter(negative="")] = False,
    since_last: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    opts: Annotated[list[OptName] | None, Parameter(negative="")] = None,
    handling: StoreHandling | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Copy all that another server of the v2 API shows into a file or the store.

    What is interrupted goes on where it was, with the same command.

    Parameters
    ----------
    url
        The server, such as https://feedback.example.com.
    project_name
        Only the project of this name; may be given several times. Datasets belong to no project and
        then are left out.
    out
        The archive to write; ends in .jsonl, .jsonl.gz or .jsonl.zst. What a later pull needs to
        know stands in a folder beside it, OUT.pull.
    into_store
        Import into the store instead. Pulling again changes nothing that is the same.
    since_last
        Only what was completed after the last pull, with all tasks of other statuses again.
    overwrite
        Let a file be overwritten that no pull has written, or that was changed since.
    opts
        Details of tasks to ask for; all of them if not given.
    """
    chosen, rows = context or EnvironmentContext(), handling or StoreHandling()
    names = sorted(set(project_name or []))
    _check_options(out, rows, into_store=into_store, overwrite=overwrite)
    client = open_client(url, keys)
    wanted = PullState(client.url, names, list(opts or Opts.__members__))
    if out is None:
        folder = _folder_in_store(chosen, wanted)
    else:
        folder = out.with_name(out.name + FOLDER_SUFFIX)
    kept = ending_when_interrupted("what was received is kept, and the same command goes on")
    with kept, closing(client), _written(folder), locked_folder(folder):
        state = _state(folder, wanted, out, is_since_last=since_last)
        _check_ours(out, state, may_overwrite=overwrite)
        with closing(_received(client, folder, state, is_since_last=since_last)) as pull:
            if out is None:
                _store(pull, folder, chosen, rows)
            else:
                _check_ours(out, state, may_overwrite=overwrite)
                _write(pull, out)


def _check_ours(out: Path | None, state: PullState, *, may_overwrite: bool) -> None:
    """Refuse to overwrite a file that is not the one which the last pull has written."""
    if out is None or may_overwrite or not out.is_file():
        return
    is_under_way = state.run is not None and state.run.is_writing
    is_ours = state.is_complete and out.stat().st_size == state.out_size
    if not (is_ours or is_under_way):
        refuse(
            f"{out} is there, and is not what a pull has written; give another name, or --overwrite"
        )


def _check_options(
    out: Path | None, rows: StoreHandling, *, into_store: bool, overwrite: bool
) -> None:
    """Refuse options that do not go together, and files that cannot be written."""
    if (out is None) != into_store:
        refuse("name the file with --out, or give --into-store", code=2)
    if out is not None and rows != StoreHandling():
        refuse("--strict, --replace and --rejects go with --into-store", code=2)
    if out is None and overwrite:
        refuse("--overwrite goes with --out; in the store it is --replace", code=2)
    if out is not None:
        require_line_suffix(out)
    for path in (out, rows.rejects):
        if path is not None:
            require_writable(path)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Refuse where the state cannot be written, as on a full disk."""
    try:
        yield
    except OSError as exc:
        refuse(f"{folder} cannot be written: {exc.strerror}; what is there is kept")


def _folder_in_store(chosen: EnvironmentContext, wanted: PullState) -> Path:
    """Folder of the pulls from a server into an organization; the store must be there."""

    async def check(db: Database, secret: ServerSecret) -> str:
        return await api_keys.get_environment(db, chosen.org, chosen.mode)

    environment_id = with_store(chosen.settings(), check)
    told_by = msgspec.json.encode([wanted.url, environment_id, wanted.project_names])
    folder = chosen.settings().data / STORE_FOLDER
    return folder / hashlib.blake2b(told_by, digest_size=8).hexdigest()


def _state(folder: Path, wanted: PullState, out: Path | None, *, is_since_last: bool) -> PullState:
    """State to go on from, or a new one; refuses that of another pull."""
    state = load_state(folder)
    if state is None or not (state.is_complete or _has_received(state)):
        return wanted
    told_by = ("url", "project_names", "opts")
    other = [name for name in told_by if getattr(state, name) != getattr(wanted, name)]
    if other:
        words = " and ".join(name.replace("_", " ") for name in other)
        refuse(f"{folder} is of a pull with another {words}; delete it to begin anew", code=2)
    if out is not None and state.is_complete and is_since_last:
        if not out.is_file():
            err.print(f"{out} is gone, so everything is asked for again")
            return wanted
        if state.run is None and out.stat().st_size != state.out_size:
            refuse(f"{out} is not what the last pull has written; pull without --since-last")
    if state.run is not None and state.run.is_since_last and not is_since_last:
        state.run = None
    return state


def _has_received(state: PullState) -> bool:
    """True unless the first request failed already, as with a wrong URL."""
    return state.run is not None and any(state.run.position.sizes.values())


def _received(client: Client, folder: Path, state: PullState, *, is_since_last: bool) -> Pull:
    """Pull that has received everything; refuses what cannot be, and keeps what came before."""
    with counting() as bars:
        bar = bars.add_task("connecting", total=None)
        pull = Pull(
            client,
            folder,
            state,
            is_since_last=is_since_last and state.is_complete,
            on_progress=lambda step: bars.update(
                bar, description=printable(step.doing), completed=step.done, total=step.total
            ),
        )
        if pull.is_resumed:
            err.print(f"going on after {pull.run.task_count:,} tasks")
        with ExitStack() as stack:
            stack.callback(pull.close)
            try:
                pull.receive()
            except ClientError as exc:
                refuse(f"{printable(str(exc))}; {_kept(pull)}")
            stack.pop_all()
        return pull


def _kept(pull: Pull) -> str:
    return f"{pull.run.task_count:,} received tasks are kept, and the same command goes on"


def _write(pull: Pull, out: Path) -> None:
    """Write the archive, then note that this pull is done."""
    old = read_archive_lines(out) if pull.run.is_since_last else None
    assembly = Assembly(pull.spool, old, has_all_tasks=True)
    pull.note_writing()
    with counting() as bars, files.writing(out) as write:
        bar = bars.add_task("writing", total=None)
        for line in assembly.lines():
            write(line + b"\n")
            bars.advance(bar)
    remarks = describe_remarks(pull, assembly)
    pull.state.out_size = out.stat().st_size
    pull.finish(assembly.open_tasks)
    say.print(f"Wrote {describe_contents(assembly)} to {out}.")
    for sentence in remarks:
        say.print(sentence)


def _store(pull: Pull, folder: Path, chosen: EnvironmentContext, rows: StoreHandling) -> None:
    """Import what was received, then note that this pull is done."""
    path = folder / ASSEMBLED
    assembly = Assembly(pull.spool, None, has_all_tasks=not pull.run.is_since_last)
    report = RejectReport(rows.rejects)
    with files.writing(path) as write:
        for line in assembly.lines():
            write(line + b"\n")
    with progress() as bars, closing(report):
        bar = bars.add_task("importing", total=path.stat().st_size)
        stored = StoreImport(path, lambda at: bars.update(bar, completed=at))
        summary = _import(stored, chosen, rows, report)
    refused = summary.total("rejected")
    if refused and (rows.strict or refused == sum(summary.counts.values())):
        rows_were = "1 row was" if refused == 1 else f"{refused} rows were"
        refuse(f"nothing was stored: {rows_were} refused; {_kept(pull)}")
    remarks = describe_remarks(pull, assembly, stored)
    pull.finish(assembly.open_tasks)
    path.unlink(missing_ok=True)
    say.print(str(summary))
    for sentence in remarks:
        say.print(sentence)


def _import(
    stored: StoreImport, chosen: EnvironmentContext, rows: StoreHandling, report: RejectReport
) -> Summary:
    async def work(db: Database, secret: ServerSecret) -> Summary:
        return await stored.run(
            db,
            await api_keys.get_environment(db, chosen.org, chosen.mode),
            BlobStore(chosen.settings().attachments_location),
            replace=rows.replace,
            strict=rows.strict,
            on_reject=report.add,
            on_start=report.restart,
        )

    return with_store(chosen.settings(), work)
