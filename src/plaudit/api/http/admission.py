"""Admission of requests: each organization has a bounded number in work, and others wait in turn.

A process works on everybody's requests, so one organization that asks for all it can get would take
all of it (docs/adr/0030). A permit stands for a share of the event loop, of the interpreter, and of
the store's writer or connections; a request gives it back while it waits for something else.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.types import Message, Receive, Scope, Send

from plaudit.api.http.metrics import Metrics
from plaudit.core.common.fair_semaphore import FairSemaphore, LoopTurn
from plaudit.errors import BadRequest, Unavailable

IN_WORK_MAX = 128
"""Requests of all organizations that are in work at a time, of each of the two kinds."""

WAIT_SECONDS_MAX = 10.0
"""Longest wait for a permit; after it the request is refused."""

REFUSAL_SECONDS = 1.0
"""Seconds after which a request is refused that finds too many waiting.

Who then asks again at once would else keep the server busy with refusals.
"""

HELD_BYTES_MAX = 128 * 1024 * 1024
"""Bytes of one organization's bodies that are held in memory, while they come and afterwards."""

ALL_HELD_BYTES_MAX = 512 * 1024 * 1024
UNCOUNTED_BYTES_MAX = 64 * 1024
"""Bytes of a body that is never refused for what is held beside it."""

KNOWN_MAX = 10_000
"""Credentials whose organization is remembered."""

LOGGED_EVERY_S = 60.0
READS = ("GET", "HEAD")


class BodyBytes:
    """Bytes of request bodies that are held in memory, of each organization and of all."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._sum = 0

    def add(self, who: str, size: int) -> None:
        """Count bytes that came, or with a negative size those that are no longer held."""
        self._sum += size
        self._held[who] += size
        if not self._held[who]:
            del self._held[who]

    def is_over(self, who: str) -> bool:
        """True if more is held than may be, for an organization or in all."""
        return self._held[who] > HELD_BYTES_MAX or self._sum > ALL_HELD_BYTES_MAX


class Permit:
    """Right of one request to be worked on, given back in between."""

    def __init__(self, semaphore: FairSemaphore, who: str, bodies: BodyBytes) -> None:
        self._semaphore, self._who, self._bodies = semaphore, who, bodies
        self._is_held = True
        self._body_bytes = 0

    def end(self) -> None:
        """Give the permit back for good; the body is no longer held."""
        self.release()
        if self._body_bytes:
            self._bodies.add(self._who, -self._body_bytes)

    def release(self) -> None:
        """Give the permit back; does nothing if that was done."""
        if self._is_held:
            self._is_held = False
            self._semaphore.release(self._who)

    async def retake(self) -> None:
        """Wait for the permit again, before those requests that have not begun."""
        if not self._is_held:
            await self._semaphore.retake(self._who)
            self._is_held = True

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Be without the permit meanwhile, for a wait that burdens nobody."""
        self.release()
        returned = self._semaphore.expect(self._who)
        try:
            yield
        finally:
            returned()
        await self.retake()

    def receive(self, receive: Receive, *, is_stream: bool) -> Receive:
        """Receive the request's body without the permit: its sender may be slow.

        What comes is counted as held until the end unless it `is_stream`. Receiving raises
        Unavailable for a body over UNCOUNTED_BYTES_MAX while too much is held.
        """

        async def receive_aside() -> Message:
            self.release()
            message = await receive()
            if not is_stream and (size := len(message.get("body", b""))):
                self._hold(size)
            await self.retake()
            return message

        return receive_aside

    def _hold(self, size: int) -> None:
        self._body_bytes += size
        self._bodies.add(self._who, size)
        if self._body_bytes > UNCOUNTED_BYTES_MAX and self._bodies.is_over(self._who):
            raise Unavailable("too many large requests arrive at this moment; try again soon")

    def send(self, send: Send) -> Send:
        """Send the response without the permit, and wait for a turn before its next piece."""

        async def send_aside(message: Message) -> None:
            self.release()
            await send(message)
            if message.get("more_body"):
                await self._semaphore.take(self._who, goes_first=True)
                self._semaphore.release(self._who)

        return send_aside


class Admission:
    """Permits of one process, for requests that read and for those that change something.

    `in_work_max` requests of an organization are in work at a time, of each of the two kinds, and
    `waiting_max` wait. An organization is told by its credential once that was valid; until then
    requests count for the network they come from.
    """

    def __init__(self, in_work_max: int, waiting_max: int, metrics: Metrics) -> None:
        self._metrics = metrics
        turn = self._turn = LoopTurn()
        self._bodies = BodyBytes()
        self._semaphores = {
            kind: FairSemaphore(
                IN_WORK_MAX, held_max=in_work_max, waiting_max=waiting_max, turn=turn
            )
            for kind in ("read", "change")
        }
        self._salt = secrets.token_bytes(16)
        self._known: dict[bytes, str] = {}
        self._logged_at: dict[str, float] = {}
        self._log = structlog.get_logger("plaudit.admission")

    def digest(self, credential: bytes) -> bytes:
        """Key under which a credential's organization is remembered."""
        return hashlib.blake2b(credential, key=self._salt, digest_size=16).digest()

    def find(self, digest: bytes) -> str | None:
        """Environment that a credential opened when it was last seen, None if it is not known."""
        return self._known.get(digest)

    def remember(self, digest: bytes, environment_id: str) -> None:
        """Remember the environment that a credential opened; the oldest of many is forgotten."""
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[digest] = environment_id

    def is_passable(self, environment_id: str, now: float) -> bool:
        """True if a read that is done at once may pass those that wait; `now` is monotonic.

        What it took is to be told to `spend`.
        """
        return self._semaphores["read"].is_passable(environment_id, now)

    def spend(self, environment_id: str, seconds: float, now: float) -> None:
        """Note a read that was done at once, took so many seconds, and ended `now`."""
        self._turn.spend(environment_id, seconds, now)

    async def admit(self, scope: Scope, who: str) -> Permit:
        """Wait for a permit of an environment or network.

        Raises Unavailable if too many wait or it takes too long, and BadRequest if the client has
        gone meanwhile.
        """
        kind = "read" if scope["method"] in READS else "change"
        semaphore = self._semaphores[kind]
        if not semaphore.take_now(who):
            self._metrics.count_waiting(kind, 1)
            began = time.perf_counter()
            try:
                await self._wait(semaphore, who, scope.get("plaudit.gone"))
            except Unavailable:
                self._refuse(kind, who)
                raise
            finally:
                self._metrics.count_waiting(kind, -1)
                self._metrics.observe_wait(kind, time.perf_counter() - began)
        return Permit(semaphore, who, self._bodies)

    async def _wait(
        self, semaphore: FairSemaphore, who: str, gone: asyncio.Future[None] | None
    ) -> None:
        if semaphore.is_full(who):
            await asyncio.sleep(REFUSAL_SECONDS)
            raise Unavailable("too many of your requests wait here; try again in a moment")
        task = asyncio.current_task()
        assert task is not None
        is_waiting = True

        def leave(_: object) -> None:
            if is_waiting:  # it may have been granted in the turn in which the client went
                task.cancel()

        if gone is not None:
            gone.add_done_callback(leave)
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await semaphore.take(who)
        except TimeoutError as exc:
            raise Unavailable("your requests wait too long here; try again in a moment") from exc
        except asyncio.CancelledError:
            if gone is None or not gone.done():
                raise
            task.uncancel()
            raise BadRequest("the client has gone") from None
        finally:
            is_waiting = False
            if gone is not None:
                gone.remove_done_callback(leave)

    def _refuse(self, kind: str, who: str) -> None:
        """Count a refusal, and log it unless one of the same is in the log."""
        self._metrics.count_refusal(kind)
        now = time.monotonic()
        if now - self._logged_at.get(who, -LOGGED_EVERY_S) >= LOGGED_EVERY_S:
            if len(self._logged_at) >= KNOWN_MAX:
                self._logged_at.clear()
            self._logged_at[who] = now
            self._log.warning("requests refused", kind=kind, who=who)
