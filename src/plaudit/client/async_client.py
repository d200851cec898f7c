"""Asynchronous client of a server of the v2 API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, cast, overload

import httpx2

from plaudit.client import calls
from plaudit.client.async_task_listing import AsyncTaskListing
from plaudit.client.calls import (
    ApiCall,
    BatchListingOptions,
    BatchMembers,
    BatchNaming,
    NewDelivery,
    ProjectNaming,
    TaskMembers,
)
from plaudit.client.client import PARALLEL_MAX
from plaudit.client.exchange import Request, RetryPolicy, write_request
from plaudit.client.pages import ListingPage, PageWalk, walk_pages_async
from plaudit.client.parameters import Parameter, query_of
from plaudit.client.task_listing import ListingQuery
from plaudit.client.tasks import TaskListingOptions, decoded_tasks, raw_tasks
from plaudit.client.transport import (
    ANSWER_BYTES_MAX,
    TIMEOUT_SECONDS,
    AsyncTransport,
    ServerAddress,
)
from plaudit.wire.v2.deliveries import Delivery, DeliveryRecord
from plaudit.wire.v2.resources import Batch, Project
from plaudit.wire.v2.task import Task

T = TypeVar("T")


class AsyncClient:
    """Client of the server at `url`, for one event loop; to be closed, or used with `async with`.

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
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._endpoint = ServerAddress(url, key)
        self._transport = AsyncTransport(
            self._endpoint,
            policy=retry or RetryPolicy(),
            timeout_s=timeout_s,
            bytes_max=answer_bytes_max,
            http_client=http_client,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Address of the server, without the v2 at its end."""
        return self._endpoint.url

    def __repr__(self) -> str:
        return f"AsyncClient(url={self._endpoint.url!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def get(self, path: str, params: Mapping[str, Parameter] | None = None) -> bytes:
        """Content of an answer to GET, such as of `/v2/project`; raises ClientError."""
        request = Request(method="GET", path=path, params=query_of(params or {}))
        return (await self._transport.send(request)).content

    async def post(self, path: str, body: Any, *, idempotency_key: str | None = None) -> bytes:
        """Content of an answer to POST with a body as JSON; raises ClientError.

        It is sent again after a broken connection, under the same Idempotency-Key.
        """
        return (await self._transport.send(write_request(path, body, idempotency_key))).content

    def pages(
        self, path: str = "/v2/tasks", params: Mapping[str, Parameter] | None = None
    ) -> AsyncIterator[ListingPage]:
        """Pages of a listing as they come, from `next_token` of `params` if that is given.

        The next page is asked for while one is used.
        """
        return walk_pages_async(self._transport, PageWalk(path, query_of(params or {})))

    async def projects(self) -> list[Project]:
        """All projects, oldest first."""
        return (await self._call(calls.list_projects())).projects

    async def project(self, **name: Unpack[ProjectNaming]) -> Project:
        """One project, by `project_id` or `project_name`."""
        return await self._call(calls.get_project(name))

    async def batches(self, **where: Unpack[BatchListingOptions]) -> AsyncIterator[Batch]:
        """Batches, of all projects if none is named."""
        async for page in self.pages("/v2/batches", cast(Mapping[str, Parameter], where)):
            for batch in calls.batches_of(page.content):
                yield batch

    async def batch(self, **name: Unpack[BatchNaming]) -> Batch:
        """One batch, by `batch_id` or `batch_name`."""
        return await self._call(calls.get_batch(name))

    async def task(
        self,
        task_id: str,
        *,
        opts: Sequence[str] | None = None,
        expand: Sequence[str] | None = None,
    ) -> Task:
        """One task."""
        return await self._call(calls.get_task(task_id, opts, expand))

    @overload
    def tasks(
        self, *, raw: Literal[False] = False, parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> AsyncTaskListing[Task]: ...
    @overload
    def tasks(
        self, *, raw: Literal[True], parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> AsyncTaskListing[bytes]: ...
    def tasks(
        self, *, raw: bool = False, parallel: int = 1, **where: Unpack[TaskListingOptions]
    ) -> AsyncTaskListing[Task] | AsyncTaskListing[bytes]:
        """Tasks of a project or a batch, as structs or with `raw` as the bytes of their JSON.

        With `parallel` that many ranges of `completed_at` are walked at once, and tasks come in no
        order; open tasks come first, from walks of their own.
        """
        if not 1 <= parallel <= PARALLEL_MAX:
            raise ValueError(f"parallel is 1 to {PARALLEL_MAX}")
        params = query_of(cast(Mapping[str, Parameter], where))
        return self._listing(ListingQuery("/v2/tasks", params, parallel), raw)

    async def deliveries(self, **name: Unpack[ProjectNaming]) -> list[Delivery]:
        """All deliveries of a project, oldest first."""
        return (await self._call(calls.list_deliveries(name))).deliveries

    @overload
    def delivered_tasks(
        self, delivery_id: str, *, raw: Literal[False] = False, opts: Sequence[str] | None = None
    ) -> AsyncTaskListing[Task]: ...
    @overload
    def delivered_tasks(
        self, delivery_id: str, *, raw: Literal[True], opts: Sequence[str] | None = None
    ) -> AsyncTaskListing[bytes]: ...
    def delivered_tasks(
        self, delivery_id: str, *, raw: bool = False, opts: Sequence[str] | None = None
    ) -> AsyncTaskListing[Task] | AsyncTaskListing[bytes]:
        """Tasks of a delivery, as they were delivered."""
        params = query_of({"delivery_id": delivery_id, "opts": opts})
        return self._listing(ListingQuery("/v2/delivery", params), raw)

    async def create_project(
        self,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Project:
        """Create a project, on Plaudit alone; `settings` are members such as `form`."""
        return await self._call(calls.create_project(name, settings or {}, idempotency_key))

    async def create_chat_task(
        self, *, idempotency_key: str | None = None, **task: Unpack[TaskMembers]
    ) -> Task:
        """Create a task of a project's template."""
        return await self._call(calls.create_chat_task(task, idempotency_key))

    async def create_task(self, *, idempotency_key: str | None = None, **task: Any) -> Task:
        """Create a task of any members that the server's `POST /v2/task` takes."""
        return await self._call(calls.create_task(task, idempotency_key))

    async def set_task_metadata(
        self,
        task_id: str,
        metadata: Mapping[str, Any],
        *,
        merge: bool = False,
        idempotency_key: str | None = None,
    ) -> Task:
        """Replace a task's metadata, or merge into it."""
        return await self._call(calls.set_task_metadata(task_id, metadata, merge, idempotency_key))

    async def create_batch(
        self, name: str, *, idempotency_key: str | None = None, **batch: Unpack[BatchMembers]
    ) -> Batch:
        """Create a batch."""
        return await self._call(calls.create_batch(name, batch, idempotency_key))

    async def finalize_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Start a staging batch."""
        return await self._call(calls.finalize_batch(name, idempotency_key))

    async def pause_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Give out none of a batch's tasks any more."""
        return (await self._call(calls.move_batch("pause", name, idempotency_key))).batch

    async def resume_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Give out a paused batch's tasks again."""
        return (await self._call(calls.move_batch("resume", name, idempotency_key))).batch

    async def cancel_batch(
        self, *, idempotency_key: str | None = None, **name: Unpack[BatchNaming]
    ) -> Batch:
        """Cancel a batch and its pending tasks."""
        return (await self._call(calls.move_batch("cancel", name, idempotency_key))).batch

    async def create_delivery(
        self,
        project_id: str,
        name: str,
        *,
        idempotency_key: str | None = None,
        **chosen: Unpack[NewDelivery],
    ) -> DeliveryRecord:
        """Freeze completed tasks of a project under a name, on Plaudit alone."""
        return await self._call(calls.create_delivery(project_id, name, chosen, idempotency_key))

    async def _call(self, call: ApiCall[T]) -> T:
        return call.read(await self._transport.send(call.request))

    def _listing(self, query: ListingQuery, raw: bool) -> AsyncTaskListing[Any]:
        make: Callable[[bytes], list[Any]] = raw_tasks if raw else decoded_tasks
        return AsyncTaskListing(self._transport, query, make)
