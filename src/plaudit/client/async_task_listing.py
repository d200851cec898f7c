"""Task listing of the asynchronous client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

from plaudit.client.client_error import ClientError
from plaudit.client.pages import ListingPage, PageWalk, walk_pages_async
from plaudit.client.slices import SlicePlan, walk_slices_async
from plaudit.client.task_listing import (
    KTO,
    PREFERENCE,
    REWARD,
    SFT,
    ListingQuery,
    check_refused,
    facts_calls,
    facts_of,
    row_maker,
    store_export,
)
from plaudit.client.tasks import NewTasks, decoded_tasks
from plaudit.client.transport import AsyncTransport

if TYPE_CHECKING:  # the exporters are loaded by whoever wants rows
    from plaudit.client.exported_rows import ExportedRows, ProjectFacts, RowKeywords

T = TypeVar("T")


class AsyncTaskListing(Generic[T]):
    """Tasks of a query: `Task` structs, or their JSON as bytes where `raw=True` was asked for."""

    def __init__(
        self, transport: AsyncTransport, query: ListingQuery, make: Callable[[bytes], list[T]]
    ) -> None:
        self._transport = transport
        self._query = query
        self._make = make

    async def __aiter__(self) -> AsyncIterator[T]:
        unseen = NewTasks()
        async for page in self._pages(self._query):
            tasks = self._make(page.content)
            for task in tasks if self._query.parallel == 1 else unseen.of(tasks):
                yield task

    async def rows(
        self, name: str, *, form: Mapping[str, Any] | None = None, **options: Unpack[RowKeywords]
    ) -> ExportedRows:
        """Rows of an export format by its name, with the options of `plaudit export`.

        `form` is the project's, where the server does not show it. Votes are made by the server.
        """
        exported = store_export(name, self._query, options)
        if exported is not None:
            call = exported.project_call()
            project = None if call is None else call.read(await self._transport.send(call.request))
            return exported.rows(await self._transport.send(exported.request(project)))
        maker = row_maker(name, options, form)
        detailed = AsyncTaskListing(self._transport, self._query.with_details(), decoded_tasks)
        async for task in detailed:
            project_id = maker.unknown_project(task)
            if project_id is not None:
                maker.learn(project_id, await self._facts(project_id))
            maker.add(task)
        return maker.done()

    async def to_preference(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Prompt, chosen and rejected, for DPO."""
        return await self.rows(PREFERENCE, **options)

    async def to_reward(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Chosen and rejected conversations, for reward models."""
        return await self.rows(REWARD, **options)

    async def to_kto(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Responses with a label each, for KTO."""
        return await self.rows(KTO, **options)

    async def to_sft(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Conversations to learn, for supervised fine-tuning."""
        return await self.rows(SFT, **options)

    async def to_arrow(self, table: str = "tasks") -> Any:
        """`pyarrow.Table`: tasks, messages, annotations, votes or comparisons; needs pyarrow."""
        return (await self.rows(table)).to_arrow()

    async def to_pandas(self, table: str = "tasks") -> Any:
        """`pandas.DataFrame` of such a table; needs pyarrow and pandas."""
        return (await self.rows(table)).to_pandas()

    async def to_dataset(self, table: str = "tasks") -> Any:
        """`datasets.Dataset` of such a table; needs datasets."""
        return (await self.rows(table)).to_dataset()

    def _pages(self, query: ListingQuery) -> AsyncIterator[ListingPage]:
        if query.parallel == 1:
            walk = PageWalk(query.path, query.params, is_checked=True)
            return walk_pages_async(self._transport, walk)
        plan = SlicePlan(query.path, query.params, query.parallel)
        return walk_slices_async(self._transport, plan)

    async def _facts(self, project_id: str) -> ProjectFacts:
        answers: list[Any] = []
        for call in facts_calls(project_id):
            try:
                answers.append(call.read(await self._transport.send(call.request)))
            except ClientError as exc:
                check_refused(exc)
                answers.append(None)
        return facts_of(project_id, *answers)
