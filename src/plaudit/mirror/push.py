"""Push: create the pending tasks of a file on another server, some requests at a time.

Results are recorded in the order of the rows, so that what is done is always the beginning of the
file. Whatever is sent twice all the same has its unique_id, and makes nothing twice.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from msgspec import Struct

from plaudit import clock
from plaudit.client.client import Client
from plaudit.client.interruptible import result_of
from plaudit.core.transfer.importer import Reject
from plaudit.errors import InvalidContent
from plaudit.mirror.push_rows import PushRow, without_task
from plaudit.mirror.push_senders import (
    UPLOAD_BYTES,
    ChatSender,
    PushResult,
    TaskSender,
    UploadSender,
    has_upload,
    refusal,
)
from plaudit.mirror.push_state import PushCounts, PushState, save_push_state
from plaudit.mirror.push_targets import PushTargets

COMMIT_MS = 500
"""Milliseconds between two commits of the state, at least."""

ROWS_MAX = 1000
"""Rows that are recorded together, with those that are not sent."""


class _Sent(Struct):
    """Rows with their results, those of `waiting` once the request is answered."""

    rows: list[PushRow]
    results: list[PushResult | None]
    waiting: Future[list[PushResult]] | None = None


class _Chunk:
    """Rows of one project that go into one request, and rows between them that do not."""

    def __init__(self) -> None:
        self.rows: list[PushRow] = []
        self.results: list[PushResult | None] = []
        self.bodies: list[bytes] = []
        self.size = 0
        self.project_id = ""
        self.sender: TaskSender | None = None


class Push:
    """One push, or the rest of one. `state_path` is None for a file that cannot be gone on with.

    `through` chooses how tasks are created: "upload", "chat", or None for the first where the
    server has it.
    """

    def __init__(
        self,
        client: Client,
        state: PushState,
        state_path: Path | None,
        *,
        parallel: int,
        through: str | None,
        on_reject: Callable[[Reject], None],
    ) -> None:
        self.state = state
        self.targets = PushTargets(client)
        self._client = client
        self._path = state_path
        self._parallel = parallel
        self._through = through
        self._senders: dict[str, TaskSender] = {}
        self._on_reject = on_reject
        self.on_progress: Callable[[int], object] = lambda done: None
        self._committed_ms = clock.now_ms()

    def run(self, rows: Iterable[PushRow]) -> None:
        """Send the rows that are not done yet; raises ClientError, and keeps what was done."""
        sent: deque[_Sent] = deque()
        executor = ThreadPoolExecutor(self._parallel, thread_name_prefix="plaudit-push")
        try:
            for chunk in self._chunks(islice(rows, self.state.done, None)):
                sent.append(self._submitted(executor, chunk))
                if len(sent) > 2 * self._parallel:
                    self._record(sent.popleft())
            while sent:
                self._record(sent.popleft())
        finally:
            for one in sent:
                if one.waiting is not None:
                    one.waiting.cancel()
            executor.shutdown(wait=False, cancel_futures=True)
            self._commit()

    def _chunks(self, rows: Iterable[PushRow]) -> Iterator[_Chunk]:
        chunk = _Chunk()
        for row in rows:
            if len(chunk.rows) >= ROWS_MAX:
                yield chunk
                chunk = _Chunk()
            try:
                prepared = self._prepared(row)
            except InvalidContent as exc:
                chunk.rows.append(without_task(row))
                chunk.results.append(refusal(exc))
                continue
            if prepared is None:
                chunk.rows.append(without_task(row))
                chunk.results.append(PushResult("unchanged"))
                continue
            project_id, sender, body = prepared
            is_full = len(chunk.bodies) >= sender.rows_max or chunk.size + len(body) > UPLOAD_BYTES
            if chunk.bodies and (is_full or chunk.project_id != project_id):
                yield chunk
                chunk = _Chunk()
            chunk.project_id, chunk.sender = project_id, sender
            chunk.rows.append(without_task(row))
            chunk.results.append(None)
            chunk.bodies.append(body)
            chunk.size += len(body)
        if chunk.rows:
            yield chunk

    def _prepared(self, row: PushRow) -> tuple[str, TaskSender, bytes] | None:
        """Project, sender and body of a row, None for one that is passed over."""
        if row.problem is not None:
            raise row.problem
        if row.is_passed_over:
            return None
        project_id = self.targets.project_id(row.target)
        sender = self._sender(project_id)
        batch_name = self.targets.batch_name(row.target, project_id)
        return project_id, sender, sender.body(row, batch_name)

    def _sender(self, project_id: str) -> TaskSender:
        if project_id not in self._senders:
            is_upload = self._through == "upload"
            if self._through is None:
                is_upload = has_upload(self._client, project_id)
            sender = UploadSender(self._client) if is_upload else ChatSender(self._client)
            self._senders[project_id] = sender
        return self._senders[project_id]

    def _submitted(self, executor: ThreadPoolExecutor, chunk: _Chunk) -> _Sent:
        waiting = None
        if chunk.sender is not None:
            waiting = executor.submit(chunk.sender.send, chunk.project_id, chunk.bodies)
        return _Sent(chunk.rows, chunk.results, waiting)

    def _record(self, sent: _Sent) -> None:
        """Count the results of rows whose turn it is, once they are known."""
        answered = iter(result_of(sent.waiting) if sent.waiting is not None else ())
        added = Counter[str]()
        for row, result in zip(sent.rows, sent.results, strict=True):
            if row.is_passed_over:
                added["passed_over"] += 1
                continue
            known = result or next(answered)
            added[known.outcome] += 1
            if known.outcome == "rejected":
                self._on_reject(row.reject(known.message, known.pointer))
        counts = PushCounts(
            **{
                name: getattr(self.state.counts, name) + added[name]
                for name in PushCounts.__struct_fields__
            }
        )
        self.state = PushState(
            told_by=self.state.told_by, done=self.state.done + len(sent.rows), counts=counts
        )
        self.on_progress(self.state.done)
        if clock.now_ms() - self._committed_ms >= COMMIT_MS:
            self._commit()

    def _commit(self) -> None:
        if self._path is not None:
            save_push_state(self._path, self.state)
        self._committed_ms = clock.now_ms()
