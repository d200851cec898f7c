"""Pull: receive all that a server of the v2 API shows, step by step, into a spool.

After each page the position is committed now and then, so that a pull that was killed at any moment
goes on from there. Nothing is put together or stored before the last step is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path

from msgspec import Struct

from plaudit import clock
from plaudit.client.client import Client
from plaudit.client.client_error import ClientError
from plaudit.errors import NotFound
from plaudit.mirror.answer_items import read_items
from plaudit.mirror.listings import Listing, first_steps, listing_of
from plaudit.mirror.open_tasks import read_open_tasks, write_open_tasks
from plaudit.mirror.pull_state import (
    PullPosition,
    PullRun,
    PullState,
    PullStep,
    StepKind,
    save_state,
)
from plaudit.mirror.spool import Spool
from plaudit.mirror.step_items import TakenItems

COMMIT_MS = 500
"""Milliseconds between two commits of the position, at least; more are lost by no kill."""

EMPTY_PAGES_MAX = 1000
"""Pages without an object, one after another, after which a server is taken to be going nowhere."""

ABSENT = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED,
)  # fmt: skip
"""Statuses of a server that does not have what is asked for, or not for this key."""

OPTIONAL: dict[StepKind, str] = {
    "batch": "batch {!r}",
    "deliveries": "deliveries",
    "schema_of": "the schemas of deliveries",
    "schema": "schema {!r}",
    "datasets": "datasets",
}
"""Steps that a pull goes on without, with words for what is missing then."""


class PullProgress(Struct, frozen=True):
    """Progress of a pull: what is being received, how much of it, and of how much, if known."""

    doing: str
    done: int
    total: int | None


class Pull:
    """One pull, or the rest of one that was interrupted, in a folder that is locked.

    `receive`, then read `spool`, then `finish`. `state` is that of the folder, with its run.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        state: PullState,
        *,
        is_since_last: bool,
        on_progress: Callable[[PullProgress], object] = lambda progress: None,
    ) -> None:
        self.state = state
        self.is_resumed = state.run is not None
        if state.run is None:
            position = PullPosition(first_steps(state.project_names))
            state.run = PullRun(is_since_last, position)
        self.run = state.run
        self._client = client
        self._folder = folder
        self._on_progress = on_progress
        self.spool = Spool(folder, self.run.position.sizes)
        self._taken = TakenItems(self.spool, state, self.run)
        self._committed_ms = 0
        self._restarted: PullStep | None = None
        self._open_tasks: dict[str, set[str]] | None = None

    def receive(self) -> None:
        """Do all steps that are left; raises ClientError, NotFound or OSError.

        Whatever ends it, the position that was reached is kept.
        """
        try:
            while self.run.position.steps:
                self._do(self.run.position.steps[0])
        finally:
            self._commit()

    def finish(self, open_tasks: Iterable[tuple[str, str]]) -> None:
        """Keep the marks of a pull whose lines were put in their place, and delete its spool.

        `open_tasks` are the project and id of each task that is not completed.
        """
        write_open_tasks(self._folder, open_tasks)
        state, run = self.state, self.run
        for project_id, mark in run.marks.items():
            if project_id not in run.unordered:
                state.marks[project_id] = mark
        delivered = dict.fromkeys([*state.delivered, *self._taken.new_deliveries()])
        state.delivered = list(delivered)
        if not run.is_since_last:
            state.task_count = run.task_count
        state.is_complete, state.run = True, None
        save_state(self._folder, state)
        self.spool.delete()

    def note_writing(self) -> None:
        """Note that the file is about to be replaced, so that it may be another one from now on."""
        self.run.is_writing = True
        self._commit()

    def close(self) -> None:
        """Close the files of the spool."""
        self.spool.close()

    def _do(self, step: PullStep) -> None:
        try:
            if step.kind == "open":
                self._get_open(step)
            else:
                self._walk(step)
        except ClientError as exc:
            if self._may_begin_again(step, exc):
                self._restarted = step
                self._begin_again(step)
                return
            self._pass_over(step, exc)
        self._end(step)

    def _pass_over(self, step: PullStep, exc: ClientError) -> None:
        """Note what the server does not show; raises `exc` where nothing can be said without it."""
        if step.kind == "project" and exc.status == HTTPStatus.NOT_FOUND:
            raise NotFound(f"the server has no project named {step.name!r}") from None
        words = OPTIONAL.get(step.kind)
        if words is None or exc.status not in ABSENT:
            raise exc
        sentence = words.format(step.name)
        if sentence not in self.run.not_shown:
            self.run.not_shown.append(sentence)

    def _may_begin_again(self, step: PullStep, exc: ClientError) -> bool:
        """True for a token that no longer holds, as after some days or a restored backup."""
        is_refused = exc.status == HTTPStatus.BAD_REQUEST
        return is_refused and self.run.position.token is not None and self._restarted != step

    def _begin_again(self, step: PullStep) -> None:
        position = self.run.position
        self.run.position = PullPosition(
            position.steps, None, position.start_sizes, position.start_sizes
        )
        self.spool.rewind(position.start_sizes)
        self._taken.begin_again(step)

    def _walk(self, step: PullStep) -> None:
        listing = self._listing(step, self.run.position.token)
        if listing.member is None or "limit" not in listing.params:
            content = self._client.get(listing.path, listing.params)
            items = read_items(content, listing.member, f"GET {listing.path}")
            self._taken.take(step, items)
            return
        empty, done = 0, 0
        for page in self._client.pages(listing.path, listing.params):
            items = read_items(page.content, listing.member, f"GET {listing.path}")
            self._taken.take(step, items)
            done += len(items)
            empty = 0 if items else empty + 1
            if empty > EMPTY_PAGES_MAX:
                raise ClientError(f"GET {listing.path}: the server sends page after empty page")
            self._reached(step, page.next_token, done)
            if step.kind == "schema_of":
                return

    def _get_open(self, step: PullStep) -> None:
        """Get the tasks that were not completed last time, and that no walk has shown this time."""
        after = self.run.position.token or ""
        if self._open_tasks is None:
            self._open_tasks = read_open_tasks(self._folder)
        missing = self._open_tasks.get(step.id, set()) - self._taken.task_ids()
        for number, task_id in enumerate(sorted(one for one in missing if one > after)):
            one = PullStep("open", task_id)
            listing = self._listing(one, None)
            try:
                content = self._client.get(listing.path, listing.params)
            except ClientError as exc:
                if exc.status != HTTPStatus.NOT_FOUND:
                    raise
                self._taken.note_gone(task_id)
            else:
                self._taken.take(one, read_items(content, None, f"GET {listing.path}"))
            self._reached(step, task_id, number + 1)

    def _listing(self, step: PullStep, token: str | None) -> Listing:
        mark = self.state.marks.get(step.id) if self.run.is_since_last else None
        return listing_of(step, self.state.opts, mark, token)

    def _reached(self, step: PullStep, token: str | None, done: int) -> None:
        """Move the position on to the page of `token`, None at the end of the step."""
        if token is not None:
            position = self.run.position
            self.run.position = PullPosition(
                position.steps, token, self.spool.sizes(), position.start_sizes
            )
            if clock.now_ms() - self._committed_ms >= COMMIT_MS:
                self._commit()
        self._on_progress(self._progress(step, done))

    def _progress(self, step: PullStep, done: int) -> PullProgress:
        if step.kind == "tasks":
            expected = 0 if self.run.is_since_last else self.state.task_count
            return PullProgress(f"tasks of {step.name}", self.run.task_count, expected or None)
        doing = f"{step.kind.replace('_', ' ')} {step.name}"
        return PullProgress(doing, done, step.count or None)

    def _end(self, step: PullStep) -> None:
        steps = [*self._taken.following(step), *self.run.position.steps[1:]]
        sizes = self.spool.sizes()
        self.run.position = PullPosition(steps, None, sizes, sizes)
        self._restarted = None
        if clock.now_ms() - self._committed_ms >= COMMIT_MS:
            self._commit()

    def _commit(self) -> None:
        self.spool.sync()
        save_state(self._folder, self.state)
        self._committed_ms = clock.now_ms()
