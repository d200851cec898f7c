"""Blob store: files outside the database, in a folder or in an object store such as S3.

The only module that uses obstore. A blob's key is ENVIRONMENT_ID/ATTACHMENT_ID, both random, so
nothing from a client becomes part of a path. A blob is durable once `put` has returned.

Only `put`, which servers alone use, is asynchronous in obstore itself: the threads that its
asynchronous calls are answered in still hold Python objects when a short command ends, and then
abort it at exit (PyO3/pyo3-async-runtimes#40). The rest runs in threads of our own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from plaudit import clock, private_files
from plaudit.errors import Misconfigured, StorageFull, Unavailable
from plaudit.store.engine import disk_space

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
LISTED_AT_ONCE = 500
SCHEMES = ("s3", "gs", "az")
_FAILURES = (BaseError, OSError, ValueError)
_REQUEST: Any = {"timeout": "10min", "connect_timeout": "5s", "allow_http": True}
"""Large files take long; plain HTTP is used only where the operator's URL says so."""
_AGAIN: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""Retried for less than the 30 seconds after which a request times out."""
_PROBE: Any = _REQUEST | {"timeout": "5s", "connect_timeout": "3s"}
_ONCE: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}
PROBED_MS = 10_000
"""Milliseconds for which the outcome of a probe stands, because `/readyz` is open to everybody."""

REASON_CHARS_MAX = 300
_NOTHING = "plaudit-readiness"
"""Prefix that no blob has."""

_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="plaudit-objects")
"""Separate threads, so that a slow object store blocks nothing else."""


class BlobStore:
    """Blobs at a location: a folder, a file:// URL, or an s3://, gs:// or az:// URL.

    A folder is made when it is first used. obstore reads an object store's credentials from the
    variables of its provider's tools (AWS_ACCESS_KEY_ID, …). Raises Misconfigured for an unusable
    location; methods raise Unavailable while it cannot be reached.
    """

    def __init__(self, location: str) -> None:
        parts = urlsplit(location)
        self._folder: Path | None = None
        if parts.scheme == "file":
            if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
                raise Misconfigured("a file:// URL of attachments has three slashes and a path")
            self._folder = Path(unquote(parts.path))
        elif "://" not in location:
            self._folder = Path(location).absolute()
        elif parts.scheme not in SCHEMES:
            raise Misconfigured(
                "PLAUDIT_ATTACHMENTS takes a folder, or a URL that begins with file://, "
                f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
            )
        self._location = location
        self._probed: Unavailable | None = None
        self._probed_ms = 0
        self._probing = asyncio.Lock()
        if self._folder is None:
            _ = self._store  # refuse an unusable URL at the start

    @cached_property
    def _store(self) -> Any:
        if self._folder is None:
            return self._open_remote(_REQUEST, _AGAIN)
        try:
            private_files.make_folder(self._folder)
            _sync(self._folder.parent)
            return LocalStore(self._folder)
        except _FAILURES as exc:
            raise _unavailable(exc, "attachments cannot be kept now") from exc

    def _open_remote(self, client: Any, retry: Any) -> Any:
        try:
            return from_url(self._location, client_options=client, retry_config=retry)
        except _FAILURES as exc:
            raise Misconfigured(f"attachments cannot be kept there: {_reason(exc)}") from exc

    async def check(self) -> None:
        """Raise Unavailable unless blobs can be read; asks anew after PROBED_MS."""
        async with self._probing:
            if not 0 <= clock.now_ms() - self._probed_ms < PROBED_MS:
                self._probed_ms, self._probed = clock.now_ms(), await _in_thread(self._probe)
        if self._probed is not None:
            raise type(self._probed)(self._probed.message, detail=self._probed.detail)

    def _probe(self) -> Unavailable | None:
        try:
            if self._folder is None:
                # A list tells a missing bucket and a wrong key from a missing blob.
                next(obstore.list(self._open_remote(_PROBE, _ONCE), _NOTHING), None)
            else:  # it is made when the first file comes
                place = next(one for one in (self._folder, *self._folder.parents) if one.exists())
                if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, "it cannot be read and written", str(place))
        except _FAILURES as exc:
            return _unavailable(exc)
        return None

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store a blob that arrives in chunks; nothing is stored if they end in an exception."""
        try:
            await obstore.put_async(self._store, key, chunks, chunk_size=5 * 1024 * 1024)
            await _in_thread(lambda: self._make_durable(key))
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    def put_blocking(self, key: str, content: bytes | Path) -> None:
        """Store bytes or a file as a blob, blocking, as imports do inside their transaction."""
        try:
            obstore.put(self._store, key, content)
            self._make_durable(key)
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    def move_blocking(self, key: str, path: Path) -> None:
        """Store a file as a blob, blocking; in a folder of the same disk without a copy of it.

        The file may be gone then, and must not be changed any more.
        """
        if self._folder is None or not self._has_moved(path, self._folder / key):
            self.put_blocking(key, path)
            return
        try:
            self._make_durable(key)
        except OSError as exc:
            raise _unavailable(exc) from exc

    def _has_moved(self, path: Path, place: Path) -> bool:
        """False where a file cannot be moved, as to another disk."""
        try:
            private_files.make_folder(place.parent)
            path.replace(place)
        except OSError:
            return False
        return True

    async def open(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the bytes from `start` up to, without, `end`; raises before the first chunk."""
        if start == end:
            return _no_chunks()
        try:
            result = await _in_thread(
                lambda: obstore.get(self._store, key, options={"range": (start, end)})
            )
        except _FAILURES as exc:
            raise _unavailable(exc) from exc
        return _stream_chunks(result)

    async def size(self, key: str) -> int | None:
        """Size of a blob in bytes; None if there is none."""
        try:
            return int((await _in_thread(lambda: obstore.head(self._store, key)))["size"])
        except (NotFoundError, FileNotFoundError):
            return None
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    async def read(self, key: str, size: int) -> bytes:
        """Read a whole small blob of `size` bytes."""
        return b"".join([chunk async for chunk in await self.open(key, 0, size)])

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete blobs; those that do not exist are ignored."""
        try:
            await _in_thread(lambda: self._delete(keys))
        except _FAILURES as exc:
            raise _unavailable(exc) from exc

    async def list_older(self, than_ms: int) -> AsyncIterator[list[str]]:
        """List keys of blobs last written before a time in milliseconds, in batches."""
        try:
            listed = obstore.list(self._store, chunk_size=LISTED_AT_ONCE)
            while (batch := await _in_thread(lambda: next(listed, None))) is not None:
                yield [
                    blob["path"]
                    for blob in batch
                    if blob["last_modified"].timestamp() * 1000 < than_ms
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
        """Sync a file and its directories to disk; nothing to do for an object store.

        obstore writes a temporary file and renames it, and syncs neither.
        """
        if self._folder is not None:
            path = self._folder / key
            for synced in (path, path.parent, self._folder):
                _sync(synced)


def put_files(location: str, paths: Sequence[Path]) -> None:
    """Store files under their names at a URL of an object store or a folder, in this order.

    A file is there whole or not at all. Raises Misconfigured for an unusable location, and
    Unavailable where it cannot be reached.
    """
    try:
        store = from_url(location, client_options=_REQUEST, retry_config=_AGAIN)
    except _FAILURES as exc:
        raise Misconfigured(f"nothing can be written to {location}: {_reason(exc)}") from exc
    for path in paths:
        try:
            obstore.put(store, path.name, path)
        except _FAILURES as exc:
            raise _unavailable(exc, f"{location}/{path.name} cannot be written now") from exc


async def _stream_chunks(result: Any) -> AsyncIterator[bytes]:
    try:
        chunks = iter(result.stream(min_chunk_size=CHUNK_BYTES))
        while (chunk := await _in_thread(lambda: next(chunks, None))) is not None:
            yield chunk
    except _FAILURES as exc:
        raise _unavailable(exc) from exc


async def _no_chunks() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(exc: Exception, message: str = "attachments cannot be reached now") -> Unavailable:
    is_full = any(f"code: {number}," in str(exc) for number in disk_space.FULL)
    problem = StorageFull() if is_full else disk_space.unwritable(exc, message)
    problem.detail = _reason(exc)
    return problem


def _reason(exc: Exception) -> str:
    """One line of what obstore says, which ends in a dump of its structs.

    Only the dump has the system's own words, such as "Connection refused".
    """
    said, _, dump = str(exc).partition("Debug source:")
    words = re.search(r'kind: \w+,\s*message: "([^"]*)"', dump)
    line = " ".join(said.split())[:REASON_CHARS_MAX]
    return f"{line}: {words[1]}" if words and words[1] not in line else line
