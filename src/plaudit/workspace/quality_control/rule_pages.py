"""Managers' page of quality rules: who is paused, who crossed one, and the rules themselves."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.quality_control import crossings, listing, pauses
from plaudit.core.tasks import projects
from plaudit.core.tasks.quality_rules import CASES_MIN, RULES_MAX, QualityRule, stored_rules
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole
from plaudit.model.quality_control import Collector, PauseRow, RuleAction
from plaudit.store.labeling import skips
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.pseudonyms import by_name, shown_names

RULES = f"{PROJECT}/rules"
PAUSE = f"{PROJECT}/pauses/{{pause_id}}"
PAUSES_SHOWN_MAX = 50
PEOPLE_SHOWN_MAX = 500
"""People among whom one is paused by hand: those who ever asked for a task of the project."""

BLANK_ROWS = 2
COLLECTOR_WORDS = {
    Collector.gold: N_("Gold: expected answers given"),
    Collector.agreement: N_("Agrees with the others"),
    Collector.fast: N_("Took their time"),
    Collector.repeats: N_("Same answers the second time"),
    Collector.skips: N_("Skips in a row"),
}
ACTION_WORDS = {
    RuleAction.note: N_("Tell managers"),
    RuleAction.extra_reviews: N_("Review their next tasks"),
    RuleAction.pause: N_("Pause them"),
    RuleAction.redo_last: N_("Take their last tasks back"),
}


class RulesQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}/rules."""

    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class RulesForm(Struct, kw_only=True):
    """Form of the rules: one entry a rule in each list; a rule without collector is left out."""

    collector: list[str] = []
    threshold: list[str] = []
    action: list[str] = []
    n: list[str] = []


class AnswerForm(Struct, kw_only=True):
    """Form of a manager's answer to a paused person."""

    answer: str | None = None


class PauseForm(Struct, kw_only=True):
    """Form of a pause by hand."""

    user_id: str
    reason: str


class RuleRow(Struct, frozen=True):
    """Rule as the form shows it: shares in percent."""

    collector: str = ""
    threshold: str = ""
    action: str = "note"
    n: str = ""


async def show_rules(request: PageRequest[RulesQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/rules: pauses, crossings that nobody has seen, and the rules."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        page = await listing.pause_page(
            tx,
            request.secret,
            project,
            is_open=True,
            limit=PAUSES_SHOWN_MAX,
            next_token=getattr(request.query, "next_token", None),
        )
        unseen = [listing.shown(row) for row in await crossings.list_unseen(tx, project)]
        workers = await skips.list_workers(tx, project.project_key, limit=PEOPLE_SHOWN_MAX)
        paused = {pause.user_id for pause in page.pauses}
        ids = {*paused, *(row.user_id for row in unseen), *workers}
        names = await shown_names(tx, request, project, ids)
    rows = [_row(rule) for rule in stored_rules(project_detail(project))]
    return {
        "project": project,
        "pauses": page.pauses,
        "next_token": page.next_token,
        "unseen": unseen,
        "unseen_max": crossings.UNSEEN_SHOWN_MAX,
        "names": names,
        "people": [
            (names[one], one) for one in by_name(names) if one in workers and one not in paused
        ],
        "rows": rows + [RuleRow()] * min(BLANK_ROWS, RULES_MAX - len(rows)),
        "collectors": COLLECTOR_WORDS.items(),
        "actions": ACTION_WORDS.items(),
        "action_words": {action.value: words for action, words in ACTION_WORDS.items()},
        "cases_min": CASES_MIN,
        "text_max": pauses.TEXT_CHARS_MAX,
        "about": request.path.get("pause_id"),
    }


def _row(rule: QualityRule) -> RuleRow:
    share = rule.threshold if rule.collector is Collector.skips else rule.threshold * 100
    return RuleRow(
        rule.collector.value,
        f"{share:.10g}",
        rule.action.value,
        "" if rule.n is None else str(rule.n),
    )


async def save_rules(
    request: PageRequest[NoQuery], submitted: RulesForm, context: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/rules: replace the rules; raises InvalidContent."""
    before, project = await projects.change_project(
        context.tx,
        context.environment_id,
        request.path["project_id"],
        {"rules": _typed_rules(submitted) or None},
    )
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail={"from": project_detail(before).rules, "to": project_detail(project).rules},
    )
    return _to_page(request, say("The rules are saved."))


def _typed_rules(submitted: RulesForm) -> list[dict[str, Any]]:
    """Rules as they were typed, in the JSON of the API; raises InvalidContent."""
    columns = submitted.collector, submitted.threshold, submitted.action, submitted.n
    if len({len(column) for column in columns}) != 1:
        raise InvalidContent("the form is incomplete; load the page again")
    rules: list[dict[str, Any]] = []
    for collector, threshold, action, n in zip(*columns, strict=True):
        if not collector:
            continue
        where = f"/rules/{len(rules)}"
        share = _number(threshold, f"{where}/threshold")
        if collector != Collector.skips:
            share = round(share / 100, 6)
        rule: dict[str, Any] = {"collector": collector, "threshold": share, "action": action}
        if n and action in (RuleAction.extra_reviews, RuleAction.redo_last):
            tasks = _number(n, f"{where}/n")
            rule["n"] = int(tasks) if tasks.is_integer() else tasks
        rules.append(rule)
    return rules


def _number(text: str, pointer: str) -> float:
    try:
        number = msgspec.json.decode(text.strip(), type=float)
    except msgspec.DecodeError as exc:
        raise InvalidContent("a number is missing here", pointer=pointer) from exc
    return number


async def see_crossing(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/crossings/{crossing_id}/seen: a manager has seen who crossed a rule."""
    project = await get_project(context.tx, request)
    crossing_id = request.path["crossing_id"]
    await crossings.see(context.tx, project, crossing_id)
    await context.note("crossing", crossing_id, project_key=project.project_key)
    return _to_page(request, say("That is marked as seen."))


async def pause_person(
    request: PageRequest[NoQuery], submitted: PauseForm, context: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/pauses: pause a person by hand."""
    project = await get_project(context.tx, request)
    pause = await pauses.pause_by_hand(
        context.tx, project, submitted.user_id, reason=submitted.reason, actor=context.actor
    )
    return await _noted(request, context, pause, say("They are paused, and read your reason."))


async def lift_pause(
    request: PageRequest[NoQuery], submitted: AnswerForm, context: WriteContext
) -> Redirect:
    """POST …/pauses/{pause_id}/lift: let the person work again."""
    project = await get_project(context.tx, request)
    pause = await pauses.lift(
        context.tx,
        project,
        request.path["pause_id"],
        answer=submitted.answer,
        actor=context.actor,
    )
    return await _noted(request, context, pause, say("They may work again; rules count anew."))


async def uphold_pause(
    request: PageRequest[NoQuery], submitted: AnswerForm, context: WriteContext
) -> Redirect:
    """POST …/pauses/{pause_id}/uphold: answer an appeal and leave the person paused."""
    project = await get_project(context.tx, request)
    pause = await pauses.uphold(
        context.tx,
        project,
        request.path["pause_id"],
        answer=submitted.answer or "",
        actor=context.actor,
    )
    return await _noted(request, context, pause, say("They stay paused, and read your answer."))


async def _noted(
    request: PageRequest[Any], context: WriteContext, pause: PauseRow, flash: str
) -> Redirect:
    await context.note(
        "pause", pause.pause_id, project_key=pause.project_key, detail={"user_id": pause.user_id}
    )
    return _to_page(request, flash)


def _to_page(request: PageRequest[Any], flash: str) -> Redirect:
    return Redirect(to=links.fill_path(RULES, project_id=request.path["project_id"]), flash=flash)


PAGES = (
    Page(
        page_id="show_rules",
        path=RULES,
        role=PersonRole.manager,
        handler=show_rules,
        query=RulesQuery,
        template="quality_control/rules.html",
        tab=N_("Rules"),
        tab_order=48,
    ),
    Page(
        page_id="save_rules",
        method="POST",
        path=RULES,
        role=PersonRole.manager,
        handler=save_rules,
        form=RulesForm,
        form_page="show_rules",
    ),
    Page(
        page_id="see_crossing",
        method="POST",
        path=f"{PROJECT}/crossings/{{crossing_id}}/seen",
        role=PersonRole.manager,
        handler=see_crossing,
        form=NoFields,
        form_page="show_rules",
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=path,
            role=PersonRole.manager,
            handler=handler,
            form=form,
            body_limit=NOTE_BODY,
            form_page="show_rules",
        )
        for page_id, path, handler, form in (
            ("pause_person_on_page", f"{PROJECT}/pauses", pause_person, PauseForm),
            ("lift_pause_on_page", f"{PAUSE}/lift", lift_pause, AnswerForm),
            ("uphold_pause_on_page", f"{PAUSE}/uphold", uphold_pause, AnswerForm),
        )
    ),
)
