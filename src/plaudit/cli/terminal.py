"""Output of commands: sentences on standard output, refusals and progress on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.table import Table

# Lines are never folded, whatever the terminal's width, and what stands in them is no markup.
say = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
err = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)

_PIPE_COLUMNS = 1_000_000


def show(table: Table) -> None:
    """Print a table: as wide as the terminal, or in a pipe with each row on one line."""
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def refuse(message: str, *, code: int = 1) -> NoReturn:
    """Print one line on standard error and exit; `code` 2 is wrong usage."""
    err.print(f"plaudit: {message}")
    sys.exit(code)


@contextmanager
def ending_when_interrupted(message: str) -> Iterator[None]:
    """On Ctrl-C print one line on standard error, and end at once with exit code 130.

    Threads that wait for another server are not waited for, so what must be kept is on disk by
    then. To be the outermost context of a command.
    """
    try:
        yield
    except KeyboardInterrupt:
        err.print(f"plaudit: interrupted; {message}")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
