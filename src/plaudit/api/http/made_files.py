"""Files that this process has made for requests and keeps for whoever goes on with the download."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from msgspec import Struct, structs

from plaudit.errors import Problem
from plaudit.store.datasets.blob_store import BlobStore

KEPT_MAX = 10
"""Files that a process keeps of one organization."""

FRESH_S = 600.0
"""Seconds for which a range without If-Range is one of the file that was made last."""


UNTAKEN_S = 60.0
"""Seconds for which a file waits that was made with another one, for a request of its own."""


class MadeFile(Struct, frozen=True, kw_only=True):
    """A file among the blobs: its name among those of one request, its time, and its counts.

    `digest` is that of its content, or the random text under which it was sent while it was made.
    """

    key: str
    digest: str
    made_s: float
    counts: dict[str, Any]


class MadeFiles:
    """Files by organization and by the digest of what was asked for; used on one event loop.

    Those that make way for newer ones are deleted. A file that is forgotten when its process ends
    is deleted as a blob that nothing refers to.
    """

    def __init__(self, objects: BlobStore) -> None:
        self._objects = objects
        self._kept: dict[str, OrderedDict[str, MadeFile]] = {}
        self._making: dict[tuple[str, str], asyncio.Task[MadeFile | None]] = {}
        self._sending: dict[tuple[str, str], str] = {}
        """Name of the file that is being made and sent for a request, by what was asked for."""
        self._untaken: dict[tuple[str, str], MadeFile] = {}

    def begin(self, environment_id: str, token: str, task: asyncio.Task[MadeFile | None]) -> None:
        """Remember a file that is being made, and sent as `token` meanwhile, until it is made."""
        key = environment_id, token
        self._making[key] = task
        task.add_done_callback(lambda done: self._making.pop(key, None))

    def begin_sending(
        self, environment_id: str, asked: str, token: str, task: asyncio.Task[MadeFile | None]
    ) -> None:
        """Remember a file that is sent as `token` while it is made.

        Those made before are no longer the last one, also if this one is not kept in the end.
        """
        self.begin(environment_id, token, task)
        key = environment_id, asked
        self._sending[key] = token
        task.add_done_callback(lambda done: self._end_sending(key, token))
        kept = self._kept.get(environment_id, OrderedDict())
        if asked in kept:
            kept[asked] = structs.replace(kept[asked], made_s=-FRESH_S)

    def _end_sending(self, key: tuple[str, str], token: str) -> None:
        if self._sending.get(key) == token:
            del self._sending[key]

    async def wait_for(self, environment_id: str, token: str) -> None:
        """Wait until a file that is being made is made, whatever comes of it."""
        task = self._making.get((environment_id, token))
        if task is not None:
            await asyncio.wait([task])

    def find(self, environment_id: str, asked: str, digest: str) -> MadeFile | None:
        """File of this content."""
        made = self.find_any(environment_id, asked)
        return None if made is None or made.digest != digest else made

    def last_digest(self, environment_id: str, asked: str) -> str | None:
        """Digest of the file that is being sent, or that was made last if it is fresh."""
        token = self._sending.get((environment_id, asked))
        made = self.find_any(environment_id, asked)
        if token is not None or made is None:
            return token
        return made.digest if time.monotonic() - made.made_s < FRESH_S else None

    def find_any(self, environment_id: str, asked: str) -> MadeFile | None:
        """File that was made last, however long ago."""
        return self._kept.get(environment_id, OrderedDict()).get(asked)

    def take(self, environment_id: str, asked: str) -> MadeFile | None:
        """A file that was made a moment ago with another one, for the first who asks for it."""
        made = self._untaken.pop((environment_id, asked), None)
        if made is None or time.monotonic() - made.made_s > UNTAKEN_S:
            return None
        return self.find(environment_id, asked, made.digest)

    async def add(
        self, environment_id: str, asked: str, made: MadeFile, *, is_taken: bool = True
    ) -> None:
        """Keep a file, and delete those that make way for it.

        One that is not taken yet is for the next request for it.
        """
        self._untaken.pop((environment_id, asked), None)
        if not is_taken:
            self._untaken[environment_id, asked] = made
        kept = self._kept.setdefault(environment_id, OrderedDict())
        earlier = kept.pop(asked, None)
        kept[asked] = made
        removed = [] if earlier is None else [earlier]
        while len(kept) > KEPT_MAX:
            removed_asked, one = kept.popitem(last=False)
            self._untaken.pop((environment_id, removed_asked), None)
            removed.append(one)
        keys = [one.key for one in removed if one.key != made.key]
        if keys:
            with suppress(Problem):
                await self._objects.delete(keys)
