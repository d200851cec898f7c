"""Declaration of an export format: its name, purpose, columns, and how a row is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import Form
from plaudit.formats.exporting.comparison import Comparison, Skip
from plaudit.formats.exporting.judges import Judges, VerdictOptions
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.rows import RowOptions, TiePolicy
from plaudit.model.core import PageRow, ProjectRow
from plaudit.model.votes import VoteRow
from plaudit.wire.v2.task import Thread


class ColumnType(StrEnum):
    """Type of a column; Parquet files have it in their schema."""

    text = "text"
    integer = "integer"
    number = "number"
    boolean = "boolean"
    time = "time"
    """ISO 8601 in JSON, a timestamp in microseconds UTC in Parquet."""
    messages = "messages"
    """List of `{role, content}`."""
    texts = "texts"
    booleans = "booleans"
    record = "record"
    """Object with the `fields` of the column."""
    records = "records"
    """List of such objects."""
    json = "json"
    """Anything: as it is in JSON lines, as its JSON text in Parquet, CSV and XLSX."""


class ExportColumn(Struct, frozen=True):
    """Column of a format. Each row has its values; optional ones go by `OptionalColumns`."""

    name: str
    type: ColumnType
    is_optional: bool = False
    is_nullable: bool = False
    fields: tuple[ExportColumn, ...] = ()
    """Members of a record, in their order."""


class OptionalColumns(StrEnum):
    """Rule for the optional columns of an export."""

    if_complete = "if-complete"
    """A column is written if every row of the file has a value of it."""
    always = "always"
    """Every column is written, with null where a row has no value: files of one schema."""
    never = "never"


class ExportContainer(StrEnum):
    """Container of an exported file, by the suffix of its name."""

    jsonl = "jsonl"
    json = "json"
    parquet = "parquet"
    csv = "csv"
    xlsx = "xlsx"
    txt = "txt"


class ExportOptions(Struct, frozen=True, kw_only=True):
    """Choices of an export as the formats see them."""

    verdict: VerdictOptions = VerdictOptions()
    rows: RowOptions = RowOptions()
    include_reasoning: bool = False


class ExportParameters(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options by the names that the command, the query and the form of an export give them."""

    prefer: str | None = None
    min_difference: float | None = None
    pairs: PairPolicy = PairPolicy.best_vs_rest
    judges: Judges = Judges.majority
    ties: TiePolicy = TiePolicy.skip
    rewrites: bool = False
    only_rewrites: bool = False
    references: bool = False
    reasoning: bool = False
    last_turn_only: bool = False

    @property
    def options(self) -> ExportOptions:
        """Options as formats see them."""
        return ExportOptions(
            verdict=VerdictOptions(
                judges=self.judges, prefer=self.prefer, min_difference=self.min_difference
            ),
            rows=RowOptions(
                pairs=self.pairs,
                ties=self.ties,
                uses_rewrites=self.rewrites,
                only_rewrites=self.only_rewrites,
                uses_references=self.references,
                last_turn_only=self.last_turn_only,
                prefer=self.prefer,
            ),
            include_reasoning=self.reasoning,
        )


Displays = Mapping[tuple[str, str], bytes]
"""Orders in which people saw the responses of a task, by contributor_id and submitted_at: the
`display` of their submissions."""


class ExportedTask(Struct, frozen=True, kw_only=True):
    """Task as a format gets it: its value on the wire, its threads, and the project's form.

    `comparisons` are those of its turns with responses; none for a task that is not completed.
    """

    value: dict[str, Any]
    threads: Sequence[Thread]
    form: Form
    comparisons: Sequence[Comparison]
    votes: Sequence[VoteRow] = ()
    """Votes of the task as they count now, in the order of person and number; none for a format
    that does not read them."""
    displays: Displays = {}
    """Empty unless the format `shows_places`, and for imported judgments."""


class Origin(Struct, frozen=True):
    """Source of a row: the task, and where known the thread, the turn and the people."""

    task_id: str
    thread_id: str | None = None
    turn_id: str | None = None
    contributor_ids: Sequence[str] = ()
    flags: Sequence[str] = ()


class ExportRow(Struct, frozen=True):
    """Row of a file: values by column, in the order of the format's columns."""

    values: dict[str, Any]
    origin: Origin


class Skipped(Struct, frozen=True):
    """Row that was not made; `rule` names the format's own rule where the reason alone does not."""

    reason: Skip
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.rule}" if self.rule else str(self.reason)


class ExportFormat(Struct, frozen=True, kw_only=True):
    """A format that can be exported; modules of this package declare them in `FORMATS`."""

    name: str
    """Word of `--format`."""
    title: str
    """A few words about what the file holds."""
    purpose: str
    """Sentence about who reads such a file."""
    columns: tuple[ExportColumn, ...]
    """Columns of each row, in their order; empty where a row is a document of its own shape."""
    make: Callable[[ExportedTask, ExportOptions], Iterator[ExportRow | Skipped]]
    """Rows of a task, and a Skipped for each that it does not give."""
    join_stored: Callable[[Sequence[PageRow], ProjectRow], Iterator[bytes]] | None = None
    """Lines of stored tasks, the same that `make` gives, in pieces of several; without decoding."""
    containers: tuple[ExportContainer, ...] = (ExportContainer.jsonl, ExportContainer.parquet)
    is_compressible: bool = True
    """False if the trainer goes by the last suffix and reads no `.gz` and `.zst`."""
    side_file: Callable[[Sequence[Path], Form], tuple[str, bytes]] | None = None
    """Name and content of a file that goes beside those of the given paths, for a project's form.
    """
    is_of_completed: bool = True
    """True if only completed tasks give rows."""
    reads_votes: bool = False
    """True if tasks are given with their votes."""
    shows_places: bool = False
    """True if rows say in which place a person was shown a response."""
    is_for_people: bool = False
    """True if cells are safe from formulas always, because spreadsheets open the file."""


def origin_of(comparison: Comparison, contributor_id: str | None = None) -> Origin:
    """Origin of a row that a comparison gives."""
    people = comparison.contributor_ids if contributor_id is None else [contributor_id]
    return Origin(
        comparison.task_id,
        comparison.thread_id,
        comparison.turn_id,
        people,
        [flag.value for flag in comparison.flags],
    )
