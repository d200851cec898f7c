"""Last report of each project: the one place that knows how reports are computed and kept.

Until a job computes reports and the store keeps them, this process computes and keeps them itself,
so another process and a restart know nothing of them.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.core.quality.reporting.annotator_pages import (
    KeptPeople,
    NumberedPerson,
    PeoplePage,
    kept_people,
)
from plaudit.core.quality.reporting.options import BY_BATCH, ReportOptions
from plaudit.core.quality.reporting.report import report_with_annotators
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.transfer.job_pages import JobView

KEPT_MAX = 20


class KeptReport(Struct, frozen=True):
    """A report and when it was computed, in milliseconds; `people` are its people one by one."""

    report: QualityReport
    computed_ms: int
    people: KeptPeople


class ProjectQuality(Struct, frozen=True):
    """The last report, and the job that computes another or failed to."""

    last: KeptReport | None
    running: JobView | None = None
    failure: JobView | None = None


_kept: dict[int, KeptReport] = {}


async def find_quality(tx: Transaction, project: ProjectRow) -> ProjectQuality:
    """Last report of a project, if it was ever computed."""
    return ProjectQuality(_kept.get(project.project_key))


async def find_people_page(tx: Transaction, project: ProjectRow, number: int) -> PeoplePage | None:
    """Page of the people of the last report, from 0; None where there is none."""
    kept = _kept.get(project.project_key)
    pages = [] if kept is None else kept.people.pages
    return pages[number] if number < len(pages) else None


async def find_person(
    tx: Transaction, project: ProjectRow, contributor_id: str
) -> NumberedPerson | None:
    """Work of a person by the last report; None where it has nothing of them."""
    kept = _kept.get(project.project_key)
    people = [] if kept is None else kept.people.people
    return next((one for one in people if one.quality.contributor_id == contributor_id), None)


async def find_pseudonym(
    tx: Transaction, project: ProjectRow, number: int
) -> NumberedPerson | None:
    """Work of the person of a number by the last report; None where it has no such number."""
    kept = _kept.get(project.project_key)
    people = [] if kept is None else kept.people.people
    return next((one for one in people if one.number == number), None)


async def start_report(request: PageRequest[Any], project: ProjectRow) -> None:
    """Have the report computed."""
    options = ReportOptions(by=BY_BATCH, styles=tuple(STYLES))
    async with request.aside():
        report, annotators = await report_with_annotators(request.db, project, options)
    _kept.pop(project.project_key, None)
    _kept[project.project_key] = KeptReport(report, clock.now_ms(), kept_people(annotators))
    while len(_kept) > KEPT_MAX:
        del _kept[next(iter(_kept))]
