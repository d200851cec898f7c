"""Blocking client of a server of the v2 API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, cast, overload

import httpx2

from plaudit.client import calls
from plaudit.client.calls import (
    ApiCall,
    BatchListingOptions,
    BatchMembers,
    BatchNaming,
    NewDelivery,
    ProjectNaming,
    TaskMembers,
)
from plaudit.client.daemon_executor import DaemonExecutor
from plaudit.client.exchange import Request, RetryPolicy, write_request
from plaudit.client.pages import ListingPage, PageWalk, walk_pages
from plaudit.client.parameters import Parameter, query_of
from plaudit.client.scaleapi_client import official_client
from plaudit.client.task_listing import ListingQuery, TaskListing
from plaudit.client.tasks import TaskListingOptions, decoded_tasks, raw_tasks
from plaudit.client.transport import ANSWER_BYTES_MAX, TIMEOUT_SECONDS, ServerAddress, Transport
from plaudit.wire.v2.deliveries import Delivery, DeliveryRecord
from plaudit.wire.v2.resources import Batch, Project
from plaudit.wire.v2.task import Task

T = TypeVar("T")

THREADS_MAX = 32
"""Pages that one client fetches at the same time."""

PARALLEL_MAX = 16


class Client:
    """Client of the server at `url`; to be closed, or used with `with`. Threads may share it.

    `http_client` is a client of your own, with its proxies and certificates; it is not closed.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        timeout_s: float = TIMEOUT_SECONDS,
        retry: RetryPolicy | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.Client | None = None,
    ) -> None:
        self._endpoint = ServerAddress(url, key)
        self._transport = Transport(
            self._endpoint,
            policy=retry or RetryPolicy(),
            timeout_s=timeout_s,
            bytes_max=answer_bytes_max,
            http_client=http_client,
        )
        self._executor = DaemonExecutor(THREADS_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the server, without the v2 at its end."""
        return self._endpoint.url

    def __repr__(self) -> str:
        return f"Client(url={self._endpoint.url!r})"

    def close(self) -> None:
        """Close the connections; requests and walks under way end with a ClientError."""
        self._transport.close()
        self._executor.shutdown()

    def get(self, path: str, params: Mapping[str, Parameter] | None = None) -> bytes:
        """Content of an answer to GET, such as of `/v2/project`; raises ClientError."""
        request = Request(method="GET", path=path, params=query_of(params or {}))
        return self._transport.send(request).content

    def post(self, path: str, body: Any, *, idempotency_key: str | None = None) -> bytes:
        """Content of an answer to POST with a body as JSON; raises ClientError.

        It is sent again after a broken connection, under the same Idempotency-Key.
        """
        return (self._transport.send(write_request(path, body, idempotency_key))).content

    def pages(
        self, path: str = "/v2/tasks", params: Mapping[str, Parameter] | None = None
    ) -> Iterator[ListingPage]:
        """Pages of a listing as they come, from `next_token` of `params` if that is given.

        The next page is asked for while one is used.
        """
        return walk_pages(self._transport, self._executor, PageWalk(path, query_of(params or {})))

    def projects(self) -> list[Project]:
        """All projects, oldest first."""
        return self._call(calls.list_projects()).projects

    def project(self, **name: Unpack[ProjectNaming]) -> Project:
        """One project, by `project_id` or `project_name`."""
        return self._call(calls.get_project(name))

    def batches(self, **where: Unpack[BatchListingOptions]) -> Iterator[Batch]:
        """Batches, of all projects if none is named."""
        for page in self.pages("/v2/batches", cast(Mapping[str, Parameter], where)):
            yield from calls.batches_of(page.content)

    def batch(self, **name: Unpack[BatchNaming]) -> Batch:
        """One batch, by `batch_id` or `batch_name`."""
        return self._call(calls.get_batch(name))

    def task(
        self,
        task_id: str,
        *,
        opts: Sequence[str] | None = None,
        expand: Sequence[str] | None = None,
    ) -> Task:
        """One task."""
        return self._call(calls.get_task(task_id, opts, expand))

    @overload
    def tasks(
        self, *, raw: Literal[False] = False, parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> TaskListing[Task]: ...
    @overload
    def tasks(
        self, *, raw: Literal[True], parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> TaskListing[bytes]: ...
    def tasks(
        self, *, raw: bool = False, parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> TaskListing[Task] | TaskListing[bytes]:
        """Tasks of a project or a batch, as structs or with `raw` as the bytes of their JSON.

        With `parallel` that many ranges of `completed_at` are walked at once, and tasks come in no
        order; open tasks come first, from walks of their own.
        """
        if not 1 <= parallel <= PARALLEL_MAX:
            raise ValueError(f"parallel is 1 to {PARALLEL_MAX}")
        params = query_of(cast(Mapping[str, Parameter], where))
        return self._listing(ListingQuery("/v2/tasks", params, parallel), raw)

    def deliveries(self, **name: Unpack[ProjectNaming]) -> list[Delivery]:
        """All deliveries of a project, oldest first."""
        return self._call(calls.list_deliveries(name)).deliveries

    @overload
    def delivered_tasks(
        self, delivery_id: str, *, raw: Literal[False] = False, opts: Sequence[str] | None = None
    ) -> TaskListing[Task]: ...
    @overload
    def delivered_tasks(
        self, delivery_id: str, *, raw: Literal[True], opts: Sequence[str] | None = None
    ) -> TaskListing[bytes]: ...
    def delivered_tasks(
        self, delivery_id: str, *, raw: bool = False, opts: Sequence[str] | None = None
    ) -> TaskListing[Task] | TaskListing[bytes]:
        """Tasks of a delivery, as they were delivered."""
        params = query_of({"delivery_id": delivery_id, "opts": opts})
        return self._listing(ListingQuery("/v2/delivery", params), raw)

    def create_project(
        self,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Project:
        """Create a project, on Plaudit alone; `settings` are members such as `form`."""
        return self._call(calls.create_project(name, settings or {}, idempotency_key))

    def create_chat_task(
        self, *, idempotency_key: str | None = None, **task: Unpack[TaskMembers]
    ) -> Task:
        """Create a task of a project's template."""
        return self._call(calls.create_chat_task(task, idempotency_key))

    def create_task(self, *, idempotency_key: str | None = None, **task: Any) -> Task:
        """Create a task of any members that the server's `POST /v2/task` takes."""
        return self._call(calls.create_task(task, idempotency_key))

    def set_task_metadata(
        self,
        task_id: str,
        metadata: Mapping[str, Any],
        *,
        merge: bool = False,
        idempotency_key: str | None = None,
    ) -> Task:
        """Replace a task's metadata, or merge into it."""
        return self._call(calls.set_task_metadata(task_id, metadata, merge, idempotency_key))

    def create_batch(
        self, name: str, *, idempotency_key: str | None = None, **batch: Unpack[BatchMembers]
    ) -> Batch:
        """Create a batch."""
        return self._call(calls.create_batch(name, batch, idempotency_key))

    def finalize_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Start a staging batch."""
        return self._call(calls.finalize_batch(name, idempotency_key))

    def pause_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Give out none of a batch's tasks any more."""
        return self._call(calls.move_batch("pause", name, idempotency_key)).batch

    def resume_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Give out a paused batch's tasks again."""
        return self._call(calls.move_batch("resume", name, idempotency_key)).batch

    def cancel_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Cancel a batch and its pending tasks."""
        return self._call(calls.move_batch("cancel", name, idempotency_key)).batch

    def create_delivery(
        self,
        project_id: str,
        name: str,
        *,
        idempotency_key: str | None = None,
        **chosen: Unpack[NewDelivery],
    ) -> DeliveryRecord:
        """Freeze completed tasks of a project under a name, on Plaudit alone."""
        return self._call(calls.create_delivery(project_id, name, chosen, idempotency_key))

    def as_scaleapi(self) -> Any:
        """Scale's official client (`pip install scaleapi`) on this server with this key."""
        return official_client(self._endpoint)

    def _call(self, call: ApiCall[T]) -> T:
        return call.read(self._transport.send(call.request))

    def _listing(self, query: ListingQuery, raw: bool) -> TaskListing[Any]:
        make: Callable[[bytes], list[Any]] = raw_tasks if raw else decoded_tasks
        return TaskListing(self._transport, self._executor, query, make)
