"""Files that a command reads: regular ones in place, pipes and standard input through a copy."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import Parameter, validators
from msgspec import Struct

from plaudit.errors import Misconfigured

STDIN = Path("-")


class Input(Struct, frozen=True):
    """A regular file to read, its size in bytes, and its name in messages."""

    path: Path
    name: str
    size: int


def _check(kind: type, path: Path) -> None:
    if path != STDIN:
        validators.Path(exists=True, dir_okay=False)(kind, path)


FileOrStdin = Annotated[Path, Parameter(validator=_check, allow_leading_hyphen=True)]
"""A file or pipe that exists, or `-`, which without the last argument would be an option."""


@contextmanager
def spooled(paths: Sequence[Path]) -> Iterator[list[Input]]:
    """Yield regular files with the content of `paths`; copies are deleted afterwards.

    A pipe is copied to its end first. No transaction then waits for whoever writes into it, and an
    import that has to begin again can read it again. Raises Misconfigured.
    """
    with ExitStack() as stack:
        inputs = []
        for path in paths:
            if path == STDIN:
                copy = _copied(sys.stdin.buffer, "standard input", stack)
                inputs.append(Input(copy, "standard input", copy.stat().st_size))
                continue
            try:
                if path.is_file():
                    inputs.append(Input(path, str(path), path.stat().st_size))
                    continue
                stream = stack.enter_context(path.open("rb"))
            except OSError as exc:
                raise Misconfigured(f"{path} cannot be read: {exc.strerror}") from exc
            copy = _copied(stream, str(path), stack)
            inputs.append(Input(copy, str(path), copy.stat().st_size))
        yield inputs


def _copied(stream: BinaryIO, name: str, stack: ExitStack) -> Path:
    try:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="plaudit-import-"))
        copy = Path(folder) / "copy"
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be copied first: {exc.strerror}") from exc
    return copy
