"""Pages of a project's quality: its last report, computed by a job, and the job's progress."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Struct

from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.labeling.adjudication import disagreement_reasons
from plaudit.core.quality.reporting.snapshots import (
    Part,
    Snapshot,
    find_history,
    find_snapshot,
    read_part,
    report_of_pieces,
)
from plaudit.core.tasks.forms import form_of, titles_of
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.transfer.jobs import JobKind
from plaudit.texts import N_
from plaudit.wire.manage.quality_report import CountedOutVotes, QualityReport
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in_titles
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.quality import agreement_view, comparison_view, people_view
from plaudit.workspace.quality.last_report import find_quality, start_report
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

QUALITY = f"{PROJECT}/quality"

T = TypeVar("T")


class ShownNames(StrEnum):
    """Naming of people: by their names, or by numbers in place of them."""

    names = "names"
    pseudonyms = "pseudonyms"


class NamesQuery(Struct, frozen=True):
    """Query of pages that name people."""

    names: Annotated[ShownNames, Enum(description="Naming of people.", words=ShownNames)] = (
        ShownNames.names
    )


class QualityQuestionQuery(NamesQuery, frozen=True):
    """Query of GET /projects/{project_id}/quality/question."""

    question: Annotated[str | None, Text(description="A question, as LEVEL:KEY.")] = None


async def show_quality(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/quality: agreement on each question."""
    shown = await shown_report(request, say("Agreement"))
    report = _report(shown)
    if report is not None:
        shown["view"] = await request.run_in_thread(lambda: agreement_view.overview(report))
    async with request.db.read(snapshot=False) as tx:
        reasons = await disagreement_reasons.count_by_question(tx, shown["project"])
    listed = [] if report is None else report.questions
    return shown | {
        "reasons": reasons.by_key,
        "reasons_max": disagreement_reasons.LISTED_MAX if reasons.is_cut else None,
        "names_of_keys": {one.key: agreement_view.name_of(one) for one in reversed(listed)},
    }


async def show_quality_question(request: PageRequest[QualityQuestionQuery]) -> dict[str, Any]:
    """GET …/quality/question: one question; raises NotFound where the report has none such."""
    shown = await shown_report(request, say("Question"))
    report = _report(shown)
    if report is None:
        return shown
    name = request.query.question or ""
    question = agreement_view.find_question(report, name)
    if question is None:
        raise NotFound("the report has no such question")
    view = await request.run_in_thread(lambda: agreement_view.question_view(question))
    if shown["pseudonyms"]:
        names = people_view.pseudonyms(report)
    else:
        names = await names_of(request, view.contributor_ids())
    async with request.db.read() as tx:
        counted = await disagreement_reasons.count_by_question(tx, shown["project"])
        settled = await disagreement_reasons.list_settled(tx, shown["project"], question.key)
    model = None if question.dawid_skene is UNSET else question.dawid_skene
    return shown | {
        "view": view,
        "name": name,
        "names": names,
        "reasons": counted.by_key.get(question.key, {}),
        "reasons_max": disagreement_reasons.LISTED_MAX if counted.is_cut else None,
        "settled": settled,
        "texts": None if question.texts is UNSET else question.texts,
        "model": model,
        "model_why": None if model is None or model.why is UNSET else model.why,
    }


async def show_quality_bias(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/quality/bias: whether place, length, format or names decide."""
    shown = await shown_report(request, say("Bias"))
    report = _report(shown)
    return shown if report is None else shown | {"view": comparison_view.bias_view(report.bias)}


async def show_quality_board(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/quality/leaderboard: models by strength, plain and at equal style."""
    shown = await shown_report(request, say("Leaderboard"))
    report = _report(shown)
    if report is None:
        return shown
    async with request.db.read() as tx:
        snapshot = await find_snapshot(tx, shown["project"].project_key)
        history = None if snapshot is None else await find_history(tx, snapshot)
    return shown | {
        "view": comparison_view.board_view(report.leaderboard),
        "history": comparison_view.history_view(history),
    }


async def compute_quality(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/quality: start the job that computes the report; raises Conflict while one runs."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
    await start_report(request, project)
    return Redirect(to=links.fill_path(QUALITY, project_id=project.project_id))


async def ask_quality(request: PageRequest[NoQuery]) -> JobView:
    """GET …/quality/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.quality)


async def cancel_quality(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/quality/{job_id}/cancel: cancel the job; the last report stays."""
    await job_pages.cancel_job(request, JobKind.quality, "cancel_quality_job")
    return Redirect(to=links.fill_path(QUALITY, project_id=request.path["project_id"]))


async def shown_context(
    request: PageRequest[Any], tab: str, read: Callable[[Transaction, Snapshot], Awaitable[T]]
) -> tuple[dict[str, Any], T | None]:
    """Context of every page, with the job that computes another report.

    And what `read` finds in the last report; None before the first.
    """
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        quality = await find_quality(request, tx, project)
        found = None if quality.last is None else await read(tx, quality.last.snapshot)
    return {
        "project": project,
        "titles": built_in_titles(titles_of(form_of(project_detail(project)))),
        "tab": tab,
        "snapshot": quality.last,
        "people_count": None,
        "running": quality.running,
        "failure": quality.failure,
        "elsewhere": quality.elsewhere,
        "counted_out": [],
        "view": None,
        "pseudonyms": hides_names(request, project),
        "has_pseudonyms_alone": bool(project_detail(project).pseudonyms),
    }, found


async def shown_report(request: PageRequest[Any], tab: str) -> dict[str, Any]:
    """Context of a page that shows some of the report itself."""
    shown, pieces = await shown_context(
        request, tab, lambda tx, snapshot: read_part(tx, snapshot, Part.report)
    )
    if pieces is None:
        return shown | {"report": None}
    report = await request.run_in_thread(lambda: report_of_pieces(pieces))
    return shown | {
        "report": report,
        "people_count": len(report.people),
        "counted_out": _counted_out(report),
    }


def _report(shown: dict[str, Any]) -> QualityReport | None:
    """The report that a page shows, None without one or without a vote in it."""
    report: QualityReport | None = shown["report"]
    return None if report is None or not report.votes else report


def _counted_out(report: QualityReport) -> list[CountedOutVotes]:
    if report.counted_out is UNSET:
        return []
    return report.counted_out[: agreement_view.ROWS_MAX]


def hides_names(request: PageRequest[Any], project: ProjectRow) -> bool:
    """True where people are shown by pseudonyms: the project says so, or the request."""
    if project_detail(project).pseudonyms:
        return True
    return getattr(request.query, "names", None) is ShownNames.pseudonyms


async def names_of(request: PageRequest[Any], shown_ids: Sequence[str]) -> dict[str, str]:
    """Names of people; ids of those who came with an import."""
    async with request.db.read(snapshot=False) as tx:
        people = await users.find_people(tx, request.user.organization_id, shown_ids)
    known = {user_id: person.name or person.email for user_id, person in people.items()}
    return {one: known.get(one, one) for one in shown_ids}


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(page_id=page_id, path=path, role=PersonRole.manager, handler=handler, **fields)


PAGES = (
    _page(
        "show_quality",
        QUALITY,
        show_quality,
        template="quality/overview.html",
        is_large=True,
        tab=N_("Quality"),
        tab_order=45,
    ),
    _page(
        "show_quality_question",
        f"{QUALITY}/question",
        show_quality_question,
        query=QualityQuestionQuery,
        template="quality/question.html",
        is_large=True,
    ),
    _page(
        "show_quality_bias",
        f"{QUALITY}/bias",
        show_quality_bias,
        template="quality/bias.html",
        is_large=True,
    ),
    _page(
        "show_quality_board",
        f"{QUALITY}/leaderboard",
        show_quality_board,
        template="quality/leaderboard.html",
        is_large=True,
    ),
    _page(
        "compute_quality_on_page",
        QUALITY,
        compute_quality,
        method="POST",
        form=NoFields,
        opens_transactions=True,
        form_page="show_quality",
    ),
    _page("ask_quality", f"{QUALITY}/{{job_id}}/progress", ask_quality),
    _page(
        "cancel_quality",
        f"{QUALITY}/{{job_id}}/cancel",
        cancel_quality,
        method="POST",
        form=NoFields,
        opens_transactions=True,
    ),
)
