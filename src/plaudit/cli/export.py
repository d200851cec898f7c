"""plaudit export: judged tasks of a project as files that trainers load."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import Parameter

from plaudit import clock
from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.places import local_file, shown_place
from plaudit.cli.progress import progress
from plaudit.cli.terminal import refuse, say
from plaudit.core.accounts import api_keys
from plaudit.core.tasks.resolve import find_batch_by_name_or_id, find_by_name_or_id
from plaudit.errors import InvalidContent
from plaudit.formats.exporting.export_format import (
    ExportOptions,
    ExportParameters,
    OptionalColumns,
)
from plaudit.formats.exporting.judges import Judges
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.registry import EXPORT_FORMATS, ExportName
from plaudit.formats.exporting.rows import TiePolicy
from plaudit.formats.exporting.run import (
    ExportRequest,
    ExportResult,
    run_export,
    why_no_rows,
)
from plaudit.formats.exporting.selection import (
    TaskChoice,
    read_conditions,
    votes_of_tasks,
)
from plaudit.formats.exporting.splits import read_splits
from plaudit.formats.exporting.whole_tasks.placed_lines import tasks_of
from plaudit.model.core import TaskStatus
from plaudit.store.engine.engine import Database
from plaudit.store.page_files.places import page_files_of

_FORMAT_HELP = (
    "What the rows are: "
    + ", ".join(f"{listed.name} ({listed.title})" for listed in EXPORT_FORMATS.values())
    + "."
)


@Parameter(name="*")
@dataclass
class TaskOptions:
    """Options that choose the tasks."""

    status: TaskStatus | None = None
    """Only tasks of this status; formats for training take completed tasks alone."""
    batch: str | None = None
    """Only tasks of this batch: its name or its id."""
    completed_after: str | None = None
    """Only tasks completed strictly after this ISO 8601 date or date-time."""
    completed_before: str | None = None
    """Only tasks completed strictly before this one."""
    metadata: Annotated[list[str] | None, Parameter(negative=())] = None
    """Only tasks whose metadata has this, KEY=VALUE; repeated, one value of each key. A text as it
    stands, any other value as its JSON."""
    from_delivery: str | None = None
    """The tasks of this delivery, as they were delivered."""

    def choice(self) -> TaskChoice:
        """Choice of these options; refuses those that do not go together."""
        times = (self.completed_after, self.completed_before)
        is_filtered = (self.batch, self.status, *times, self.metadata) != (None,) * 5
        if self.from_delivery is not None and is_filtered:
            refuse("--from-delivery names the tasks itself; leave the filters out", code=2)
        try:
            conditions = read_conditions(self.metadata or ())
        except InvalidContent as problem:
            refuse(f"--metadata: {problem.message}", code=2)
        return TaskChoice(
            status=self.status,
            completed_after=_time("--completed-after", self.completed_after),
            completed_before=_time("--completed-before", self.completed_before),
            metadata=conditions,
            delivery=self.from_delivery,
        )


@Parameter(name="*")
@dataclass
class RowChoices:
    """Options that say what a task gives."""

    prefer: str | None = None
    """An annotation of the responses, a number or true and false, that decides where nobody said
    which response is better."""
    min_difference: float | None = None
    """The least difference of --prefer, or of the mean strength, that counts."""
    pairs: PairPolicy = PairPolicy.best_vs_rest
    """Pairs that a ranking of more than two responses gives."""
    judges: Judges = Judges.majority
    """How several people's verdicts become one."""
    ties: TiePolicy = TiePolicy.skip
    """Use of responses that are equally good, in formats with labels."""
    rewrites: bool = False
    """Also write each rewrite as better than the response that it was made of."""
    only_rewrites: bool = False
    """Learn rewrites alone: a turn that nobody wrote one for gives no text to learn."""
    references: bool = False
    """Take the reference texts as the responses to learn."""
    reasoning: bool = False
    """Put a model's reasoning in front of its response, as <think>…</think>."""
    last_turn_only: bool = False
    """Only the last turn of each conversation."""

    def options(self) -> ExportOptions:
        """Options as the formats see them."""
        return ExportParameters(**asdict(self)).options


def export_tasks(
    *,
    project: str,
    format_name: Annotated[ExportName, Parameter(name="--format", help=_FORMAT_HELP)],
    out: str,
    chosen_tasks: TaskOptions | None = None,
    rows: RowChoices | None = None,
    formula_safe: bool = False,
    optional_columns: OptionalColumns = OptionalColumns.if_complete,
    split: str | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Write judged tasks of a project to a file, and a manifest beside it.

    Parameters
    ----------
    project
        The project: its name or its id.
    out
        The file, or the URL of one (s3://, gs://, az://); its suffix chooses the container: .jsonl,
        .json, .parquet, .csv or .xlsx, then .gz or .zst.
    formula_safe
        In CSV, put an apostrophe in front of what a spreadsheet would run.
    optional_columns
        Columns such as margin: written if every row has a value, always (with null), or never.
    split
        Parts by the first user message, such as train=0.9,test=0.1; each is a file of its own.
    """
    chosen = context or EnvironmentContext()
    task_options = chosen_tasks or TaskOptions()
    try:
        splits = [] if split is None else read_splits(split)
    except InvalidContent as problem:
        refuse(f"--split: {problem.message}", code=2)
    choice, batch = task_options.choice(), task_options.batch
    with local_file(out) as path:
        request = ExportRequest(
            format=EXPORT_FORMATS[format_name],
            options=(rows or RowChoices()).options(),
            out=path,
            splits=splits,
            is_formula_safe=formula_safe,
            optional_columns=optional_columns,
            filters=choice.named() | ({} if batch is None else {"batch": batch}),
        )
        result = with_store(
            chosen.settings(),
            lambda db, secret: _export(db, chosen, project, batch, choice, request),
        )
    _report(result, out)


async def _export(
    db: Database,
    chosen: EnvironmentContext,
    project_name: str,
    batch_name: str | None,
    choice: TaskChoice,
    request: ExportRequest,
) -> ExportResult:
    environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
    async with db.read() as tx:
        project = await find_by_name_or_id(tx, environment_id, project_name)
        batch = None
        if batch_name is not None:
            batch = await find_batch_by_name_or_id(tx, project, batch_name)
    with progress() as bars:
        bar = bars.add_task("exporting", total=None)
        files = page_files_of(chosen.settings())
        tasks = tasks_of(db, files, request, project, batch, choice)
        return await run_export(
            request,
            project,
            tasks,
            lambda count: bars.update(bar, completed=count),
            votes_of=votes_of_tasks(db, project),
        )


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return clock.parse_moment(text)
    except ValueError:
        refuse(f"{option} takes an ISO 8601 date or date-time", code=2)


def _report(result: ExportResult, out: str) -> None:
    names = ", ".join(shown_place(out, path) for path in result.files)
    for reason, count in result.skipped.items():
        say.print(f"{count:,} × skipped: {reason}")
    for flag, count in result.flags.items():
        say.print(f"{count:,} × exported with a remark: {flag}")
    if result.rows == 0:
        refuse(f"{names} has no row: {why_no_rows(result)}")
    say.print(f"Wrote {result.rows:,} rows of {result.tasks:,} tasks to {names}.")
