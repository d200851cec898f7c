"""plaudit report: how good the data of a project is, who says so, and how sure that is."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from cyclopts import Parameter
from msgspec import UNSET
from rich.table import Table

from plaudit.cli.context import EnvironmentContext, with_store
from plaudit.cli.progress import progress
from plaudit.cli.report_page import report_page
from plaudit.cli.report_tables import report_tables
from plaudit.cli.terminal import refuse, say, show
from plaudit.core.accounts import api_keys
from plaudit.core.quality.agreement.distances import MeasurementLevel
from plaudit.core.quality.comparisons.comparison_report import VoteRule
from plaudit.core.quality.comparisons.leaderboard import TieRule
from plaudit.core.quality.reporting.options import Orientation, ReportOptions
from plaudit.core.quality.reporting.report import quality_report
from plaudit.core.tasks.resolve import find_by_name_or_id
from plaudit.errors import InvalidContent
from plaudit.store.engine.engine import Database
from plaudit.wire.manage.quality import Coefficient
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.quality.figures import all_coefficients, coefficients

CSV_COLUMNS = ("project", "question", "about", "level", "slice", "units", "coefficient", "value",
               "low", "high", "why")  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@Parameter(name="*")
@dataclass
class OutputOptions:
    """Options that choose the form of the report; a summary in words without any."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print all of it as one JSON object."""
    html: Annotated[bool, Parameter(negative="")] = False
    """Print a page with tables and plots, which needs nothing else."""
    csv: Annotated[bool, Parameter(negative="")] = False
    """Print a row for each question and coefficient."""


@Parameter(name="*")
@dataclass
class QuestionOptions:
    """Options that say which votes are looked at, and how they are measured."""

    question: str | None = None
    """Only this question, by its key."""
    by: str | None = None
    """Divide by "model", "batch", "week", or the value of this key of the tasks' metadata."""
    level: MeasurementLevel | None = None
    """Measure on this level; default is that of the question's type."""
    order: str | None = None
    """The categories, lowest first, with commas between them."""
    orientation: Orientation = "free"
    """A pair of responses as it is stored, or averaged with its mirror image."""
    units: bool = False
    """In the JSON, list what the annotator model says of each unit."""


@Parameter(name="*")
@dataclass
class BoardOptions:
    """Options of the leaderboard."""

    votes: VoteRule = "all"
    """Count each vote, or what the majority of a task says."""
    ties: TieRule = "half"
    """Count a tie as half a victory for each, or not."""
    style: str | None = None
    """Hold these equal besides: length, headers, lists, bold, code, with commas between them."""
    without_leaks: Annotated[bool, Parameter(negative="")] = False
    """Leave out responses that name a model or a vendor."""


def report(
    *,
    project: str,
    questions: QuestionOptions | None = None,
    board: BoardOptions | None = None,
    output: OutputOptions | None = None,
    context: EnvironmentContext | None = None,
) -> None:
    """Report how well people agree, how sure that is, and which model wins.

    Parameters
    ----------
    project
        The project: its name or its id.
    """
    chosen, form = context or EnvironmentContext(), output or OutputOptions()
    if form.json + form.html + form.csv > 1:
        refuse("--json, --html and --csv are three forms of one report; choose one", code=2)
    options = _options(questions or QuestionOptions(), board or BoardOptions())
    found = with_store(chosen.settings(), lambda db, secret: _report(db, chosen, project, options))
    if form.json:
        _print(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    elif form.html:
        _print(report_page(found, report_tables(found)))
    elif form.csv:
        _print(_as_csv(found))
    else:
        _say(found)


def _options(questions: QuestionOptions, board: BoardOptions) -> ReportOptions:
    return ReportOptions(
        question=questions.question,
        by=questions.by,
        level=questions.level,
        order=None if questions.order is None else _listed(questions.order),
        orientation=questions.orientation,
        votes=board.votes,
        ties=board.ties,
        styles=() if board.style is None else _listed(board.style),
        units=questions.units,
        without_leaks=board.without_leaks,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


async def _report(
    db: Database, chosen: EnvironmentContext, name: str, options: ReportOptions
) -> QualityReport:
    environment_id = await api_keys.get_environment(db, chosen.org, chosen.mode)
    async with db.read() as tx:
        project = await find_by_name_or_id(tx, environment_id, name)
    with progress() as bars:
        bar = bars.add_task("reading tasks", total=None)
        try:
            return await quality_report(
                db, project, options, lambda count: bars.update(bar, completed=count)
            )
        except InvalidContent as problem:
            refuse(f"--{problem.pointer}: {problem.message}", code=2)


def _print(text: str) -> None:
    sys.stdout.write(text)


def _say(found: QualityReport) -> None:
    people = len(found.people)
    say.print(f"{found.project}: {found.tasks:,} tasks, {found.votes:,} votes, {people:,} people")
    if not found.votes:
        say.print(
            "Nobody has voted yet. People answer tasks in the workspace, and votes of others come "
            "with `plaudit import`; two people on a task are needed to speak of agreement "
            "(the project's overlap)."
        )
    for table in report_tables(found):
        drawn = Table(*table.columns, title=table.title, title_justify="left")
        for row in table.rows:
            drawn.add_row(*row)
        say.print()
        show(drawn)
        if table.says:
            say.print(table.says)


def _as_csv(found: QualityReport) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in _csv_rows(found):
        writer.writerow([_plain(cell) for cell in row])
    return file.getvalue()


def _csv_rows(found: QualityReport) -> Iterator[list[str]]:
    for question in found.questions:
        start = [found.project, question.key, question.about, question.level]
        for one in all_coefficients(question):
            yield [*start, "", str(question.pairable), one.file_name, *_cells(one.found)]
        for slice_name, part in (question.slices or {}).items():
            for one in coefficients(part.agreement):
                yield [*start, slice_name, str(part.units), one.file_name, *_cells(one.found)]


def _cells(one: Coefficient) -> list[str]:
    numbers = [one.value, *(None if end is UNSET else end for end in (one.low, one.high))]
    return [*("" if number is None else repr(number) for number in numbers),
            "" if one.why is UNSET else one.why]  # fmt: skip


def _plain(cell: str) -> str:
    """A cell that no spreadsheet runs: numbers may begin with a sign, words may not."""
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
    return cell
