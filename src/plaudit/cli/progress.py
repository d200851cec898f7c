"""Files that commands write, and the progress of long work on them."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from plaudit.cli.terminal import err, refuse


def require_writable(out: Path) -> None:
    """Refuse a file that cannot be made, before any work is done for it."""
    try:
        is_wrong = out.is_dir() or not out.parent.is_dir()
    except OSError as exc:
        refuse(f"{out} cannot be written: {exc.strerror}")
    if is_wrong:
        refuse(f"{out} cannot be written: its folder does not exist, or it is one", code=2)


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
