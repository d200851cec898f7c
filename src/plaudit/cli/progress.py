"""Files that commands write, and the progress of long work on them."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from plaudit.cli.terminal import err, refuse
from plaudit.formats.files import COMPRESSION_SUFFIXES

LINE_SUFFIXES = (".jsonl", ".ndjson")


def require_writable(out: Path) -> None:
    """Refuse a file that cannot be made, before any work is done for it."""
    try:
        is_wrong = out.is_dir() or not out.parent.is_dir()
    except OSError as exc:
        refuse(f"{out} cannot be written: {exc.strerror}")
    if is_wrong:
        refuse(f"{out} cannot be written: its folder does not exist, or it is one", code=2)


def require_line_suffix(out: Path) -> None:
    """Refuse a name that does not say that its file has lines of JSON, plain or compressed."""
    name = out.name
    for suffix in COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    if Path(name).suffix not in LINE_SUFFIXES:
        refuse(
            f"{out} is not written: an archive has lines of JSON; end its name in .jsonl, .jsonl.gz"
            " or .jsonl.zst",
            code=2,
        )


def progress() -> Progress:
    """Progress bars on standard error, shown where that is a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def counting() -> Progress:
    """Progress of objects that come one by one: number, rate, and time that is left, if known.

    A description may have words of others, which are no markup.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


class RateColumn(ProgressColumn):
    """Number of objects, the number of all where it is known, and the rate in a second."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f" of about {task.total:,.0f}"
        rate = "" if task.speed is None else f", {task.speed:,.0f}/s"
        return Text(f"{task.completed:,.0f}{total}{rate}")
