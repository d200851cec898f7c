"""Another server that a command talks to: its URL, and its key from a place that is not shown."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plaudit.cli.terminal import err, refuse
from plaudit.client import exchange
from plaudit.client.client import Client
from plaudit.client.exchange import RetryPolicy
from plaudit.core.transfer.importer import printable

PATIENCE = RetryPolicy(attempts=10, total_s=900.0, pause_s_max=30.0)
"""Retries of a command that may run for hours, and waits as long as a server asks it to."""

ANSWER_BYTES_MAX = 256 * 1024 * 1024
KEY_FILE_BYTES_MAX = 4096


@Parameter(name="*")
@dataclass
class KeyOptions:
    """Options that give the server's API key."""

    key: Annotated[str | None, Parameter(env_var="PLAUDIT_KEY")] = None
    """API key of the server; unlike $PLAUDIT_KEY and --key-file it is in the list of processes."""
    key_file: Path | None = None
    """File whose first line is the API key; - is standard input."""

    def resolved(self) -> str:
        """Key of these options; refuses none."""
        if self.key_file is not None:
            return _first_line(self.key_file)
        if not self.key:
            refuse("give the server's API key: PLAUDIT_KEY, --key-file FILE, or --key", code=2)
        return self.key


class _RetryTeller(logging.Handler):
    """Teller of requests that are sent again, a line for each on standard error.

    Without it a wrong address would be a minute of silence.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print what went wrong and how long the wait is."""
        err.print(f"plaudit: {printable(record.getMessage())}")


_told = _RetryTeller()


def open_client(url: str, options: KeyOptions | None) -> Client:
    """Client of the server at `url`, to be closed; refuses a URL or key that cannot be right."""
    key = (options or KeyOptions()).resolved()
    logger = logging.getLogger(exchange.__name__)
    logger.setLevel(logging.INFO)
    logger.addHandler(_told)
    logger.propagate = False
    try:
        return Client(url=url, key=key, retry=PATIENCE, answer_bytes_max=ANSWER_BYTES_MAX)
    except ValueError as exc:
        refuse(f"--{exc}", code=2)


def _first_line(path: Path) -> str:
    try:
        if str(path) == "-":
            line = sys.stdin.readline(KEY_FILE_BYTES_MAX)
        else:
            with path.open(encoding="utf-8") as file:
                line = file.readline(KEY_FILE_BYTES_MAX)
    except OSError as exc:
        refuse(f"{path} cannot be read: {exc.strerror}", code=2)
    except UnicodeDecodeError:
        refuse(f"{path} is not UTF-8", code=2)
    if not line.strip():
        refuse(f"{path} has no key in its first line", code=2)
    return line.strip()
