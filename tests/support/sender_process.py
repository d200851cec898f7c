"""A worker in a process of its own that can be killed, with short times: run by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plaudit.core.common import server_secret
from plaudit.core.outbound.http_client import HttpClient
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.worker import Worker
from tests.support.forked_process import ForkedProcess
from tests.support.harness import clean_environment
from tests.support.network.receivers import LOOPBACK


async def main(folder: str, database: str, waits: str, deadline_s: str, lease_s: str) -> None:
    """Send what is due for ten minutes; without a URL the database is the folder's own."""
    settings = Settings(
        data=Path(folder),
        database=database or None,
        webhook_retry_s=tuple(float(one) for one in waits.split(",")),
    )
    db = connect.open_database(settings)
    worker = Worker(
        db,
        server_secret.load(settings.secret_path),
        settings,
        http_client=HttpClient(LOOPBACK, deadline_s=float(deadline_s)),
        lease_ms=round(float(lease_s) * 1000),
    )
    worker.start()
    await asyncio.sleep(600)


def _run(*arguments: str) -> None:
    asyncio.run(main(*arguments))


class Senders:
    """Worker processes that a test starts; those that are left are killed in the end."""

    def __init__(self, settings: Settings, *, waits: str, deadline_s: float, lease_s: float):
        self._arguments = [
            str(settings.data), settings.database or "", waits, str(deadline_s), str(lease_s),
        ]  # fmt: skip
        self._log = settings.data / "senders.log"
        self.processes: list[ForkedProcess] = []

    def start(self) -> ForkedProcess:
        """Start one more."""
        process = ForkedProcess(_run, *self._arguments, environ=clean_environment(), log=self._log)
        self.processes.append(process)
        return process

    @property
    def log(self) -> str:
        """What they all wrote."""
        return self._log.read_text()


@contextmanager
def senders(settings: Settings, **kwargs: object) -> Iterator[Senders]:
    """Worker processes of one test."""
    made = Senders(settings, **kwargs)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(10)
