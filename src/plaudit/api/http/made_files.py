"""Files that this process has made for requests and keeps for whoever goes on with the download."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from msgspec import Struct

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
        self._untaken: dict[tuple[str, str], MadeFile] = {}

    def begin(self, environment_id: str, token: str, task: asyncio.Task[MadeFile | None]) -> None:
        """Remember a file that is being made, and sent as `token` meanwhile, until it is made."""
        key = environment_id, token
        self._making[key] = task
        task.add_done_callback(lambda done: self._making.pop(key, None))

    async def wait_for(self, environment_id: str, token: str) -> None:
        """Wait until a file that is being made is made, whatever comes of it."""
        task = self._making.get((environment_id, token))
        if task is not None:
            await asyncio.wait([task])

    def find(self, environment_id: str, asked: str, digest: str | None = None) -> MadeFile | None:
        """File of this content; without a digest, the one that was made last if it is fresh."""
        made = self._kept.get(environment_id, OrderedDict()).get(asked)
        if made is None or (digest is not None and made.digest != digest):
            return None
        is_fresh = time.monotonic() - made.made_s < FRESH_S
        return made if is_fresh or digest is not None else None

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
