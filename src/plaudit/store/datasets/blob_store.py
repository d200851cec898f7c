"""Keep files outside the database: in a folder, or in an object store such as S3.

The only module that knows obstore. An object is named by a key that we make ourselves, ORG/ID, both
random: nothing that a client says ever becomes a part of a path. What `put` has returned from is
durable: a row may name it.

Only `put`, which servers alone use, is asynchronous in obstore itself: the threads that its
asynchronous calls are answered in still hold Python objects when a short command ends, and then
abort it at its very exit (PyO3/pyo3-async-runtimes#40). The rest is done in threads of our own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from plaudit.errors import Misconfigured, Unavailable

T = TypeVar("T")

PIECE_BYTES = 256 * 1024
LISTED_AT_ONCE = 500
SCHEMES = ("s3", "gs", "az")
_FAILURES = (BaseError, OSError, ValueError)
_REQUEST: Any = {"timeout": "10min", "connect_timeout": "5s", "allow_http": True}
"""A large file takes its time; and an endpoint by plain HTTP is one that the operator has named."""
_AGAIN: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""Tried again for less than the 30 seconds after which a request is given up."""

_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="plaudit-objects")
"""Threads of their own: a slow object store keeps nothing else waiting."""


class BlobStore:
    """The objects of a store. `place` is a folder, a file:// URL, or s3://, gs:// or az://.

    A folder is made when it is first needed. The credentials of an object store are looked for by
    obstore itself, under the names that its provider's tools use (AWS_ACCESS_KEY_ID, …).
    """

    def __init__(self, place: str) -> None:
        parts = urlsplit(place)
        self._folder: Path | None = None
        if parts.scheme == "file":
            if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
                raise Misconfigured("a file:// URL of attachments has three slashes and a path")
            self._folder = Path(unquote(parts.path))
        elif "://" not in place:
            self._folder = Path(place).absolute()
        elif parts.scheme not in SCHEMES:
            raise Misconfigured(
                "PLAUDIT_ATTACHMENTS takes a folder, or a URL that begins with file://, "
                f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
            )
        self._place = place
        if self._folder is None:
            _ = self._store  # a URL that cannot work is better refused at the start

    @cached_property
    def _store(self) -> Any:
        if self._folder is None:
            try:
                return from_url(self._place, client_options=_REQUEST, retry_config=_AGAIN)
            except _FAILURES as exc:
                reason = str(exc).partition("\n")[0]
                raise Misconfigured(f"attachments cannot be kept there: {reason}") from exc
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self._folder.parent)
            return LocalStore(self._folder)
        except _FAILURES as exc:
            raise Unavailable("attachments cannot be kept now", detail=str(exc)) from exc

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Keep an object, in pieces as they come; nothing is kept if the pieces end in failure."""
        try:
            await obstore.put_async(self._store, key, pieces, chunk_size=5 * 1024 * 1024)
            await _in_thread(lambda: self._make_durable(key))
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    def put_now(self, key: str, content: bytes) -> None:
        """Keep an object without an event loop, as an import does inside its transaction."""
        try:
            obstore.put(self._store, key, content)
            self._make_durable(key)
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    async def open(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces; fails before the first."""
        if start == end:
            return _nothing()
        try:
            found = await _in_thread(
                lambda: obstore.get(self._store, key, options={"range": (start, end)})
            )
        except _FAILURES as exc:
            raise _unavailable(exc) from exc
        return _pieces(found)

    async def read(self, key: str, size: int) -> bytes:
        """A whole small object."""
        return b"".join([piece async for piece in await self.open(key, 0, size)])

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no failure."""
        try:
            await _in_thread(lambda: self._delete(keys))
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    async def list_older(self, than_ms: int) -> AsyncIterator[list[str]]:
        """The keys of all objects last written before a moment, some at a time."""
        try:
            listed = obstore.list(self._store, chunk_size=LISTED_AT_ONCE)
            while (some := await _in_thread(lambda: next(listed, None))) is not None:
                yield [
                    one["path"] for one in some if one["last_modified"].timestamp() * 1000 < than_ms
                ]
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    def _delete(self, keys: Sequence[str]) -> None:
        if self._folder is None:
            obstore.delete(self._store, keys)
            return
        for key in keys:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, key)

    def _make_durable(self, key: str) -> None:
        """Bring a file, and the names that lead to it, to the disk.

        obstore writes a draft and renames it, and syncs neither. An object store needs nothing:
        what it has acknowledged is its own promise.
        """
        if self._folder is not None:
            path = self._folder / key
            for one in (path, path.parent, self._folder):
                _sync(one)


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    try:
        pieces = iter(found.stream(min_chunk_size=PIECE_BYTES))
        while (piece := await _in_thread(lambda: next(pieces, None))) is not None:
            yield piece
    except _FAILURES as exc:
        raise _unavailable(exc) from exc


async def _nothing() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(exc: Exception) -> Unavailable:
    return Unavailable("attachments cannot be reached now", detail=str(exc))
