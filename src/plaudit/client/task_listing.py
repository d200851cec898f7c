"""Task listing: the tasks of a query, to walk over, or as tables and training rows.

Nothing is asked for before that, and each walk begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

import msgspec
from msgspec import Struct

from plaudit.client import calls
from plaudit.client.client_error import ClientError
from plaudit.client.exchange import Request, ServerAnswer
from plaudit.client.pages import ListingPage, PageWalk, walk_pages
from plaudit.client.slices import SlicePlan, walk_slices
from plaudit.client.tasks import NewTasks, decoded_tasks
from plaudit.client.transport import Transport
from plaudit.model.core import Opts

if TYPE_CHECKING:  # the exporters are loaded by whoever wants rows
    from plaudit.client.exported_rows import ExportedRows, ProjectFacts, RowKeywords, RowMaker

T = TypeVar("T")

PREFERENCE, KTO, SFT, REWARD = (
    *("trl-preference", "trl-kto"),
    *("trl-messages", "trl-preference-implicit"),
)
"""Export formats of the rows that trainers ask for most."""


class ListingQuery(Struct, frozen=True):
    """Listing of tasks with its query, and the number of walks that are made at once."""

    path: str
    params: Sequence[tuple[str, str]]
    parallel: int = 1

    def with_details(self) -> ListingQuery:
        """This query with every detail of tasks, as exports need them, and without expansion."""
        kept = [pair for pair in self.params if pair[0] not in ("opts", "expand")]
        details = [("opts", name) for name in Opts.__members__]
        return ListingQuery(self.path, [*kept, *details], self.parallel)


def row_maker(name: str, options: RowKeywords, form: Mapping[str, Any] | None) -> RowMaker:
    """RowMaker of an export format; the exporters are loaded now."""
    made: RowMaker = _exporters().RowMaker(name, options, form)
    return made


class StoreExport(Struct, frozen=True):
    """Export of rows that only the server can make, which is Plaudit then: of a query's tasks."""

    name: str
    query: ListingQuery

    def project_call(self) -> calls.ApiCall[Any] | None:
        """Call for the project, None of a delivery; raises ValueError if the query names none."""
        given = dict(self.query.params)
        if "delivery_id" in given:
            return None
        for member in ("project_id", "project_name"):
            if member in given:
                return calls.get("/v2/project", IdOfProject, **{member: given[member]})
        raise ValueError(f"{self.name} are of one project: name it")

    def request(self, project: IdOfProject | None) -> Request:
        """Request for the rows, of a project where `project_call` has found one."""
        given = dict(self.query.params)
        if project is None:
            path = calls.managed_delivery_path(given["delivery_id"])
        else:
            path = calls.managed_project_path(project.id)
        filters = {
            "status": given.get("status"),
            "batch": given.get("batch_id") or given.get("batch_name"),
            "completed_after": given.get("completed_after"),
            "completed_before": given.get("completed_before"),
        }
        asked = {"format": self.name, "container": "jsonl", **filters}
        return calls.get(f"{path}/export", Any, **asked).request

    def rows(self, answer: ServerAnswer) -> ExportedRows:
        """Rows of the answer; raises ClientError if it has something else."""
        try:
            made: ExportedRows = _exporters().rows_of_lines(self.name, answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ClientError(f"the answer is no export of {self.name}: {exc}") from None
        return made


class IdOfProject(Struct):
    """Project of which the id alone is wanted."""

    id: str


def store_export(name: str, query: ListingQuery, options: RowKeywords) -> StoreExport | None:
    """Export that the server must make, None for formats whose rows are made here."""
    if not _exporters().is_of_store(name):
        return None
    _exporters().export_parameters(options)  # such rows take none, but know them
    return StoreExport(name, query)


def _exporters() -> Any:
    return import_module("plaudit.client.exported_rows")


def facts_of(project_id: str, seen: Any, managed: Any) -> ProjectFacts:
    """Facts of a project by what the server answered about it, None for a refusal."""
    facts: ProjectFacts = _exporters().project_facts(project_id, seen, managed)
    return facts


def facts_calls(project_id: str) -> list[calls.ApiCall[Any]]:
    """Calls whose answers are the facts of a project; a server may refuse each of them."""
    return [
        calls.get("/v2/project", Any, project_id=project_id),
        calls.get(calls.managed_project_path(project_id), Any),
    ]


def check_refused(exc: ClientError) -> None:
    """Raise a failure that is no refusal: the server may well know the project."""
    if exc.status is None or exc.status >= 500:
        raise exc


class TaskListing(Generic[T]):
    """Tasks of a query: `Task` structs, or their JSON as bytes where `raw=True` was asked for."""

    def __init__(
        self,
        transport: Transport,
        executor: Executor,
        query: ListingQuery,
        make: Callable[[bytes], list[T]],
    ) -> None:
        self._transport = transport
        self._executor = executor
        self._query = query
        self._make = make

    def __iter__(self) -> Iterator[T]:
        if self._query.parallel == 1:
            for page in self._pages(self._query):
                yield from self._make(page.content)
            return
        unseen = NewTasks()
        for page in self._pages(self._query):
            yield from unseen.of(self._make(page.content))

    def rows(
        self, name: str, *, form: Mapping[str, Any] | None = None, **options: Unpack[RowKeywords]
    ) -> ExportedRows:
        """Rows of an export format by its name, with the options of `plaudit export`.

        `form` is the project's, where the server does not show it. Votes are made by the server.
        """
        exported = store_export(name, self._query, options)
        if exported is not None:
            call = exported.project_call()
            project = None if call is None else call.read(self._transport.send(call.request))
            return exported.rows(self._transport.send(exported.request(project)))
        maker = row_maker(name, options, form)
        detailed = TaskListing(
            self._transport, self._executor, self._query.with_details(), decoded_tasks
        )
        for task in detailed:
            project_id = maker.unknown_project(task)
            if project_id is not None:
                maker.learn(project_id, self._facts(project_id))
            maker.add(task)
        return maker.done()

    def to_preference(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Prompt, chosen and rejected, for DPO."""
        return self.rows(PREFERENCE, **options)

    def to_reward(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Chosen and rejected conversations, for reward models."""
        return self.rows(REWARD, **options)

    def to_kto(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Responses with a label each, for KTO."""
        return self.rows(KTO, **options)

    def to_sft(self, **options: Unpack[RowKeywords]) -> ExportedRows:
        """Conversations to learn, for supervised fine-tuning."""
        return self.rows(SFT, **options)

    def to_arrow(self, table: str = "tasks") -> Any:
        """`pyarrow.Table`: tasks, messages, annotations, votes or comparisons; needs pyarrow."""
        return self.rows(table).to_arrow()

    def to_pandas(self, table: str = "tasks") -> Any:
        """`pandas.DataFrame` of such a table; needs pyarrow and pandas."""
        return self.rows(table).to_pandas()

    def to_dataset(self, table: str = "tasks") -> Any:
        """`datasets.Dataset` of such a table; needs datasets."""
        return self.rows(table).to_dataset()

    def _pages(self, query: ListingQuery) -> Iterator[ListingPage]:
        if query.parallel == 1:
            walk = PageWalk(query.path, query.params, is_checked=True)
            return walk_pages(self._transport, self._executor, walk)
        plan = SlicePlan(query.path, query.params, query.parallel)
        return walk_slices(self._transport, self._executor, plan)

    def _facts(self, project_id: str) -> ProjectFacts:
        answers: list[Any] = []
        for call in facts_calls(project_id):
            try:
                answers.append(call.read(self._transport.send(call.request)))
            except ClientError as exc:
                check_refused(exc)
                answers.append(None)
        return facts_of(project_id, *answers)
