"""Last report of each project: the one place that knows how reports are computed and kept.

Until a job computes reports and the store keeps them, this process computes and keeps them itself,
so another process and a restart know nothing of them.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.core.quality.reporting.options import BY_BATCH, ReportOptions
from plaudit.core.quality.reporting.report import quality_report
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.transfer.job_pages import JobView

KEPT_MAX = 20


class KeptReport(Struct, frozen=True):
    """A report and when it was computed, in milliseconds."""

    report: QualityReport
    computed_ms: int


class ProjectQuality(Struct, frozen=True):
    """The last report, and the job that computes another or failed to."""

    last: KeptReport | None
    running: JobView | None = None
    failure: JobView | None = None


_kept: dict[int, KeptReport] = {}


async def find_quality(tx: Transaction, project: ProjectRow) -> ProjectQuality:
    """Last report of a project, if it was ever computed."""
    return ProjectQuality(_kept.get(project.project_key))


async def start_report(request: PageRequest[Any], project: ProjectRow) -> None:
    """Have the report computed."""
    options = ReportOptions(by=BY_BATCH, styles=tuple(STYLES))
    async with request.aside():
        report = await quality_report(request.db, project, options)
    _kept.pop(project.project_key, None)
    _kept[project.project_key] = KeptReport(report, clock.now_ms())
    while len(_kept) > KEPT_MAX:
        del _kept[next(iter(_kept))]
