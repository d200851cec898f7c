"""Files that a command reads: regular ones in place, others through a copy.

Others are pipes, standard input, and URLs of web servers and object stores.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators
from msgspec import Struct

from plaudit.cli.progress import progress
from plaudit.errors import Misconfigured
from plaudit.store.datasets.blob_store import SCHEMES as OBJECT_SCHEMES
from plaudit.store.transfer.object_file import read_object

STDIN = "-"
HTTP_SCHEMES = ("http", "https")
COPIED_BYTES = 1024 * 1024


class Input(Struct, frozen=True):
    """A regular file to read, its size in bytes, and its name in messages."""

    path: Path
    name: str
    size: int


def _scheme(name: str) -> str:
    """Scheme of a URL, empty for a path."""
    scheme, separator, _ = name.partition("://")
    return scheme.lower() if separator else ""


def _check(kind: type, name: str) -> None:
    if name != STDIN and _scheme(name) not in (*HTTP_SCHEMES, *OBJECT_SCHEMES):
        validators.Path(exists=True, dir_okay=False)(Path, Path(name))


FileOrUrl = Annotated[str, Parameter(validator=_check, allow_leading_hyphen=True)]
"""A file or pipe that exists, a URL, or `-`, which without the last argument would be an option."""


@contextmanager
def spooled(names: Sequence[str], bytes_max: int | None = None) -> Iterator[list[Input]]:
    """Yield regular files with the content of `names`; copies are deleted afterwards.

    A pipe or URL is copied to its end first. No transaction then waits for whoever writes into it,
    and an import that has to begin again can read it again. Raises Misconfigured, also for a URL
    that has more than `bytes_max` bytes.
    """
    with ExitStack() as stack:
        inputs = []
        for name in names:
            if name == STDIN:
                copy = _copied(sys.stdin.buffer.read, "standard input", stack)
            elif _scheme(name):
                copy = _downloaded(name, bytes_max, stack)
            else:
                copy = _opened(name, stack)
            inputs.append(copy)
        yield inputs


def _opened(name: str, stack: ExitStack) -> Input:
    path = Path(name)
    try:
        if path.is_file():
            return Input(path, name, path.stat().st_size)
        stream = stack.enter_context(path.open("rb"))
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be read: {exc.strerror}") from exc
    return _copied(stream.read, name, stack)


def _copied(read: Callable[[int], bytes], name: str, stack: ExitStack) -> Input:
    with _copy(name, stack) as (copy, write):
        while block := read(COPIED_BYTES):
            write(block)
    return Input(copy, name, copy.stat().st_size)


def _downloaded(url: str, bytes_max: int | None, stack: ExitStack) -> Input:
    downloads = import_module("plaudit.core.outbound.downloads")  # of use for URLs alone
    shown = downloads.shown_url(url)
    with progress() as bars, _copy(shown, stack) as (copy, write):
        bar = bars.add_task(f"downloading {shown}", total=None)
        seen = 0

        def on_chunk(chunk: bytes, size: int | None) -> None:
            nonlocal seen
            seen += len(chunk)
            if bytes_max is not None and max(seen, size or 0) > bytes_max:
                raise Misconfigured(
                    f"{shown} has more than {bytes_max:,} bytes, which PLAUDIT_INFLATED_BYTES_MAX"
                    " permits"
                )
            write(chunk)
            bars.update(bar, total=size, completed=seen)

        if _scheme(url) in HTTP_SCHEMES:
            downloads.download(url, on_chunk)
        else:
            read_object(url, on_chunk)
    return Input(copy, shown, copy.stat().st_size)


@contextmanager
def _copy(name: str, stack: ExitStack) -> Iterator[tuple[Path, Callable[[bytes], object]]]:
    """Yield the path and the writer of a file in a folder of its own, deleted with the stack."""
    try:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="plaudit-import-"))
        copy = Path(folder) / "copy"
        with copy.open("wb") as file:
            yield copy, file.write
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be copied first: {exc.strerror}") from exc
