"""plaudit push: the pending tasks of a file onto another server of the v2 API."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from plaudit.cli.import_files import FORMAT_HELP, TABLE, TableOptions, format_of
from plaudit.cli.inputs import STDIN, FileOrUrl, spooled
from plaudit.cli.progress import counting, require_writable
from plaudit.cli.rejects import RejectReport
from plaudit.cli.remote import KeyOptions, open_client
from plaudit.cli.terminal import ending_when_interrupted, err, refuse, say
from plaudit.client.client_error import ClientError
from plaudit.core.transfer.importer import printable
from plaudit.errors import InvalidContent
from plaudit.formats.common.file_import import FileImport, InputFile, TaskUse
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FormatName
from plaudit.mirror.push import Push
from plaudit.mirror.push_rows import PushRow, read_push_rows
from plaudit.mirror.push_state import (
    PushCounts,
    PushState,
    load_push_state,
    save_push_state,
    state_path,
    told_by,
)

PARALLEL_MAX = 32


def push_tasks(
    file: FileOrUrl,
    *,
    url: str,
    keys: KeyOptions | None = None,
    format_name: Annotated[FormatName | None, Parameter(name="--format", help=FORMAT_HELP)] = None,
    project_name: str | None = None,
    batch_name: str | None = None,
    through: Literal["upload", "chat"] | None = None,
    parallel: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=PARALLEL_MAX))] = 4,
    rejects: Path | None = None,
    table: TableOptions | None = None,
) -> None:
    """Create the pending tasks of a file on another server of the v2 API, each of them once.

    What is interrupted goes on where it was, with the same command.

    Parameters
    ----------
    file
        An archive, or a file of any format that plaudit import reads: a path or URL; - is standard
        input. Where it stands in a folder, FILE.push.json beside it has the state meanwhile.
    url
        The server, such as https://feedback.example.com.
    project_name
        The project on that server; if not given, that of the same name as in the archive.
    batch_name
        The batch on that server, which is made if there is none; if not given, that of the archive.
    through
        upload sends conversations as they are, which Plaudit takes; chat sends them as template
        variables, as any server of v2 takes them. Not given: upload where the server has it.
    parallel
        Requests at the same time.
    rejects
        A file for the refused rows. Without it one is made where more than 20 are refused.
    """
    if rejects is not None:
        require_writable(rejects)
    report = RejectReport(rejects)
    client = open_client(url, keys)
    kept = ending_when_interrupted("what was sent is noted, and the same command goes on")
    with kept, closing(client), _place_of_state(file) as path, spooled([file]) as inputs:
        listed = [InputFile(one.path, one.name, one.size) for one in inputs]
        prepared = _opened(listed, format_name, table or TableOptions(), project_name)
        words = (url, prepared.format.name, project_name, batch_name, through)
        state = load_push_state(path, told_by(inputs[0].path, *words))
        path = _kept_in(path, state)
        push = Push(client, state, path, parallel=parallel, through=through, on_reject=report.add)
        with closing(report), closing(prepared):
            _run(push, prepared, project_name, batch_name)
    if path is not None:
        path.unlink(missing_ok=True)
    _report(push, push.state.counts)


@contextmanager
def _place_of_state(file: str) -> Iterator[Path | None]:
    """File of the state, None where there is none or another push of the same file has it."""
    if not _is_local(file):
        yield None
        return
    with Path(file).open("rb") as opened:
        path: Path | None = state_path(Path(file))
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            err.print(
                f"{file} is being pushed already; if this push is interrupted, it begins anew"
            )
            path = None
        except OSError:
            pass  # a file system without locks
        yield path


def _kept_in(path: Path | None, state: PushState) -> Path | None:
    """File of the state, None where it cannot be written, which is said."""
    try:
        if path is not None:
            save_push_state(path, state)
    except OSError as exc:
        err.print(f"{path}: {exc.strerror}; if this push is interrupted, it begins anew")
        return None
    return path


def _opened(
    listed: list[InputFile], format_name: str | None, table: TableOptions, project_name: str | None
) -> FileImport:
    """Tasks of a file as open work; refuses options that do not go with its format."""
    mapping = table.decoded()
    if mapping is not None and format_name is None:
        format_name = TABLE
    chosen = format_of(listed, format_name, None)
    if chosen.name == TABLE and mapping is None:
        refuse("say what the columns are, with --mapping FILE or with --prompt", code=2)
    if chosen.reader is not None and project_name is None:
        refuse("name the project that the tasks go into, with --project-name", code=2)
    return FileImport(
        listed,
        chosen,
        ImportOptions(mapping=mapping),
        project_name=project_name,
        use=TaskUse(is_pending=True),
        inflated_max=None,
    )


def _run(
    push: Push, prepared: FileImport, project_name: str | None, batch_name: str | None
) -> None:
    if push.state.done:
        err.print(f"going on after {push.state.done:,} rows")
    try:
        prepared.prepare()
        with counting() as bars:
            bar = bars.add_task("pushing", total=None)
            push.on_progress = lambda done: bars.update(bar, completed=done)
            push.run(_rows(prepared, project_name, batch_name))
    except InvalidContent as problem:
        refuse(f"{problem.message}; {_kept(push)}")
    except ClientError as exc:
        refuse(f"{printable(str(exc))}; {_kept(push)}")


def _rows(
    prepared: FileImport, project_name: str | None, batch_name: str | None
) -> Iterator[PushRow]:
    for source in prepared.sources():
        yield from read_push_rows(
            source.entries(), source.path.name, project_name=project_name, batch_name=batch_name
        )


def _is_local(file: str) -> bool:
    """True for a file that is there when the command runs again."""
    return file != STDIN and "://" not in file and Path(file).is_file()


def _kept(push: Push) -> str:
    return f"{push.state.done:,} rows are done, and the same command goes on"


def _report(push: Push, counts: PushCounts) -> None:
    """Print what became of the rows; refuses a push of which nothing is on the server."""
    if not counts.total:
        refuse("nothing was pushed: there is nothing to read")
    if push.targets.batches_made:
        made = push.targets.batches_made
        say.print(f"Made {made:,} {'batch' if made == 1 else 'batches'}.")
    words = [
        f"{counts.created:,} created",
        f"{counts.unchanged:,} there already",
        f"{counts.rejected:,} rejected",
    ]
    if counts.passed_over:
        words.append(f"{counts.passed_over:,} not pending, which v2 cannot create")
    sentence = f"tasks: {', '.join(words)}"
    if not counts.created and not counts.unchanged:
        refuse(f"nothing was pushed: {sentence}")
    say.print(sentence)
