"""Send requests of every kind to a server: `python -m benchmarks.fairness.traffic CONFIG`.

Each actor has a connection and sends one request after the other, flat out or as they fall due. A
request that is due while its predecessor still waits has waited from then on. For each line on
standard input, the answers since the line before are written as JSON.
"""

import asyncio
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from benchmarks.clock import cpu_between
from benchmarks.fairness.tenant import ANSWERS, Tenant

UPLOAD_BYTES = 200_000
TASK_BYTES = 60_000
"""Of the conversation that a new task begins with."""
DRAFTS = 3
RETRY_SECONDS = 0.05
"""After a connection that was refused or has ended."""
START_SECONDS_MAX = 30

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_LOCATION = re.compile(rb"(?i)\r\nlocation: *(\S+)")
_LEASE = re.compile(rb"lease_version&#34;:(\d+)")


class Config(Struct, kw_only=True):
    """What one process is told."""

    port: int
    tenant: Tenant
    actors: list[str]
    """Kind of each actor, a name of KINDS."""
    rate: float | None = None
    """Requests a second of all actors together; None for as many as are answered."""
    page_limit: int = 100
    upload_bytes: int = UPLOAD_BYTES
    server_pid: int | None = None
    nice: int = 0
    """Added to the process's niceness: a crowd beside the server lets it go first."""


class Sample(Struct, array_like=True):
    """One answer; its status is 0 if the connection ended without one."""

    kind: str
    status: int
    seconds: float
    cpu_seconds: float = 0.0
    """CPU of the server, for whomever, from the request to its answer."""


class Answer(Struct):
    """Status, head and body of an answer."""

    status: int = 0
    head: bytes = b""
    body: bytes = b""


Send = Callable[..., Awaitable[Answer]]


class Actor:
    """One connection with what it asks for, again and again."""

    def __init__(self, config: Config, number: int, samples: list[Sample]) -> None:
        self._config, self._number, self._samples = config, number, samples
        self._random = random.Random(number)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._step = 0.0 if config.rate is None else len(config.actors) / config.rate
        self._due = time.monotonic() + self._random.uniform(0, self._step)

    async def run(self, kind: str) -> None:
        await KINDS[kind](self)

    async def ask(
        self,
        kind: str,
        method: str,
        target: str,
        *,
        person: int | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Answer:
        """Send a request when it is due, with the key or as a person; note how long it took."""
        now = time.monotonic()
        if self._step:
            await asyncio.sleep(max(0.0, self._due - now))
        began = self._due if self._step else now
        request = self._head(method, target, person, len(body), content_type) + body
        cpu = self._cpu_seconds()
        try:
            answer = await self._exchange(request)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._close()
            answer = Answer()
            await asyncio.sleep(RETRY_SECONDS)
        waited = time.monotonic() - began
        cpu = cpu_between(cpu, self._cpu_seconds())
        self._samples.append(Sample(kind, answer.status, waited, cpu))
        self._due += self._step
        return answer

    def _cpu_seconds(self) -> float:
        """CPU that the server took so far, by the clock of its process (clock_getcpuclockid(3))."""
        pid = self._config.server_pid
        return 0.0 if pid is None else time.clock_gettime((~pid << 3) | 2)

    def _head(
        self, method: str, target: str, person: int | None, size: int, content_type: str
    ) -> bytes:
        tenant, host = self._config.tenant, f"127.0.0.1:{self._config.port}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        if person is None:
            lines.append(f"Authorization: Bearer {tenant.key}")
        else:
            session, token = tenant.people[person % len(tenant.people)]
            is_script = content_type == "application/json" and method == "POST"
            accepted = "application/json" if is_script else "text/html"
            lines += [f"Cookie: plaudit={session}", f"Origin: http://{host}", f"Accept: {accepted}"]
            lines += [f"X-CSRF-Token: {token}"]
        if method == "POST":
            lines += [f"Content-Type: {content_type}", f"Content-Length: {size}"]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _exchange(self, request: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._config.port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(_HEAD_END)
        found = _LENGTH.search(head)
        body = await reader.readexactly(int(found[1])) if found else b""
        if b"\r\nconnection: close" in head.lower():
            self._close()
        return Answer(int(head[9:12]), head, body)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def list_tasks(self) -> None:
        """Walk a project's tasks in large pages."""
        named = {"project_id": self._config.tenant.listed_id, "limit": self._config.page_limit}
        token: str | None = None
        while True:
            query = urlencode(named if token is None else named | {"next_token": token})
            answer = await self.ask("list", "GET", f"/v2/tasks?{query}")
            found = re.search(rb'"next_token":"([^"]+)"', answer.body[:2_000])
            token = found[1].decode() if found else None

    async def look_at_pages(self) -> None:
        """Look at one page of the workspace after the other."""
        tenant = self._config.tenant
        managed = f"/projects/{tenant.labeled_id}"
        listed = f"/projects/{tenant.listed_id}/tasks"
        paths = (
            "/work", "/projects", managed, f"{managed}/tasks", f"{managed}/batches", listed,
            f"{listed}/{tenant.listed_task}", f"/work/{tenant.labeled_id}", "/account",
        )  # fmt: skip
        for number in itertools.count(self._number):
            await self.ask("page", "GET", paths[number % len(paths)], person=self._number)

    async def claim(self) -> None:
        """Take the next task and give it back."""
        while True:
            if path := await self._take():
                await self._call("release", path, "release", {"lease_version": 1})

    async def work(self) -> None:
        """Take a task, look at it, save drafts, submit."""
        while True:
            if (path := await self._take()) is None:
                continue
            page = await self.ask("task page", "GET", path, person=self._number)
            version = _LEASE.search(page.body)
            lease = {"lease_version": int(version[1]) if version else 1, "active_ms": 10}
            for revision in range(1, DRAFTS + 1):
                draft = lease | {"revision": revision, "answers": ANSWERS}
                await self._call("draft", path, "draft", draft)
            key = f"{self._number}-{time.monotonic_ns()}"
            await self._call(
                "submit", path, "submit", lease | {"answers": ANSWERS, "client_key": key}
            )

    async def upload(self) -> None:
        """Send a file, and then a task with a large conversation."""
        file = random.Random(1).randbytes(self._config.upload_bytes)
        text = "x" * min(TASK_BYTES, self._config.upload_bytes)
        task = {"project_id": self._config.tenant.listed_id, "template_variables": {"prompt": text}}
        body = json.dumps(task).encode()
        while True:
            await self.ask(
                "upload", "POST", "/manage/v1/attachments", body=file, content_type="image/png"
            )
            await self.ask("create", "POST", "/v2/task/chat", body=body)

    async def deliver(self) -> None:
        """Freeze a few tasks, list them as delivered, and ask for what was delivered."""
        tenant = self._config.tenant
        named = {"task_ids": [tenant.listed_task]}
        while True:
            name = f"Delivery {self._number} {time.monotonic_ns()}"
            body = json.dumps(named | {"name": name}).encode()
            path = f"/manage/v1/projects/{tenant.listed_id}/deliveries"
            answer = await self.ask("deliver", "POST", path, body=body)
            await self.ask("list", "GET", f"/v2/deliveries?project_id={tenant.listed_id}&limit=10")
            if answer.status == 200:
                delivery = json.loads(answer.body)["id"]
                await self.ask("list", "GET", f"/v2/delivery/tasks?delivery_id={delivery}")

    async def _take(self) -> str | None:
        """Take the next task; the path of its page."""
        path = f"/work/{self._config.tenant.labeled_id}"
        _, token = self._config.tenant.people[self._number % len(self._config.tenant.people)]
        answer = await self.ask(
            "claim",
            "POST",
            path,
            person=self._number,
            body=urlencode({"csrf": token}).encode(),
            content_type="application/x-www-form-urlencoded",
        )
        found = _LOCATION.search(answer.head)
        to = found[1].decode() if found else ""
        return to if "/tasks/" in to else None

    async def _call(self, kind: str, path: str, verb: str, sent: dict[str, object]) -> None:
        body = json.dumps(sent).encode()
        await self.ask(kind, "POST", f"{path}/{verb}", person=self._number, body=body)


KINDS: dict[str, Callable[[Actor], Awaitable[None]]] = {
    "lists": Actor.list_tasks,
    "pages": Actor.look_at_pages,
    "claims": Actor.claim,
    "work": Actor.work,
    "uploads": Actor.upload,
    "deliveries": Actor.deliver,
}


class Traffic:
    """Actors in a process of their own; `with` ends them."""

    def __init__(self, config: Config) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fairness.traffic", msgspec.json.encode(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        until = time.monotonic() + START_SECONDS_MAX
        while not self.read() and time.monotonic() < until:
            time.sleep(RETRY_SECONDS)

    def read(self) -> list[Sample]:
        """Answers since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=list[Sample])

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Traffic":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


async def main(config: Config) -> None:
    os.nice(config.nice)
    samples: list[Sample] = []
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = [
        asyncio.create_task(Actor(config, number, samples).run(kind))
        for number, kind in enumerate(config.actors)
    ]
    while await reader.readline():
        for task in running:
            if task.done():
                task.result()
        sys.stdout.buffer.write(msgspec.json.encode(samples) + b"\n")
        sys.stdout.buffer.flush()
        samples.clear()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Config)))
