"""Managers' pages of gold: the list with how people do, its settings, and ways to add to it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import IntRange, NoQuery
from plaudit.core.labeling import question_results
from plaudit.core.quality.estimates import wilson
from plaudit.core.quality_control import gold_sources, gold_tasks, repeats
from plaudit.core.quality_control.gold_tasks import (
    CREATED_AT_ONCE_MAX,
    gold_settings,
    repeat_settings,
)
from plaudit.core.tasks import excerpts, projects
from plaudit.core.tasks.forms import form_of, titles_of
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.labeling import control_key
from plaudit.model.quality_control import Collector, GoldFeedback, GoldSettings, RepeatSettings
from plaudit.store.labeling import submissions
from plaudit.store.quality_control import control_results
from plaudit.store.tasks.tasks import FAR
from plaudit.texts import N_
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say, say_count
from plaudit.workspace.language.words import built_in_titles
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.pseudonyms import by_name, shown_names
from plaudit.workspace.projects.task_pages import TASK, get_task
from plaudit.workspace.quality_control.gold_words import AnswerDescriber

GOLD = f"{PROJECT}/gold"
ONE = f"{GOLD}/{{task_id}}"
FROM_TASK = f"{TASK}/gold"
ROWS = f"{PROJECT}/gold-rows"
LISTED_MAX = 50
PEOPLE_MAX = 1000
RESULTS_MAX = 2000
"""Answers to one gold task that its page looks at."""


class GoldQuery(Struct, frozen=True):
    """Query of GET …/gold."""

    after: Annotated[
        int,
        IntRange(description="Number of the task before the page.", least=0, most=FAR, default=0),
    ] = 0


class GoldSettingsForm(Struct, kw_only=True):
    """Form of how often people get gold and repeats, in percent, and what they learn of gold."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"feedback": GoldFeedback}

    rate: str
    feedback: GoldFeedback
    repeat_rate: str


class GoldRowsForm(Struct):
    """Form of rows of CSV."""

    rows: str


class GoldFromTaskForm(Struct):
    """Form of a task as gold: which questions (`chosen`), and for each what is expected."""

    chosen: list[Annotated[int, Meta(ge=0)]]
    value: list[str]
    tolerance: list[str]
    reason: str | None = None


async def show_gold(request: PageRequest[GoldQuery]) -> dict[str, Any]:
    """GET …/gold: one page of gold with how people do, its settings, and rows to add."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        found = await gold_tasks.list_gold(
            tx, project, after_seq=request.query.after, limit=LISTED_MAX + 1
        )
        key = control_key(project.project_key)
        counts = await control_results.count_by_person(tx, key, limit=PEOPLE_MAX)
        names = await shown_names(tx, request, project, counts)
        agreements = await repeats.self_agreement(tx, project)
    listed = found[:LISTED_MAX]
    gold, again = gold_settings(project), repeat_settings(project)
    return {
        "project": project,
        "listed": listed,
        "following": listed[-1].row.seq if len(found) > LISTED_MAX else None,
        "values": {
            "rate": f"{100 * gold.rate:g}",
            "feedback": gold.feedback.value,
            "repeat_rate": f"{100 * again.rate:g}",
        },
        "people": [
            (
                names[user_id],
                wilson(*counts[user_id].get(Collector.gold, (0, 0))),
                wilson(*counts[user_id].get(Collector.repeats, (0, 0))),
            )
            for user_id in by_name(names)
        ],
        "agreements": agreements,
        "titles": built_in_titles(titles_of(form_of(project_detail(project)))),
        "created_max": CREATED_AT_ONCE_MAX,
        "repeat_after": repeats.REPEAT_AFTER,
    }


async def save_gold_settings(
    request: PageRequest[NoQuery], submitted: GoldSettingsForm, context: WriteContext
) -> Redirect:
    """POST …/gold: save how often people get gold and repeats; raises InvalidContent."""
    changes = {
        "gold": GoldSettings(rate=_share(submitted.rate, "/rate"), feedback=submitted.feedback),
        "repeats": RepeatSettings(rate=_share(submitted.repeat_rate, "/repeat_rate")),
    }
    before, project = await projects.change_project(
        context.tx, context.environment_id, request.path["project_id"], changes
    )
    detail = projects.audit_detail(before, project, changes)
    await context.note(
        "project", project.project_id, project_key=project.project_key, detail=detail
    )
    return _to_list(request, say("The settings are saved."))


def _share(percent: str, pointer: str) -> float:
    """A rate that was typed in percent; raises InvalidContent."""
    most = 100 * projects.CONTROL_RATE_MAX
    try:
        number = float(percent)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise InvalidContent(f"a number from 0 to {most:g}", pointer=pointer)
    return number / 100


async def add_gold_rows(
    request: PageRequest[NoQuery], submitted: GoldRowsForm, context: WriteContext
) -> Redirect:
    """POST …/gold-rows: create gold from rows of CSV, all or none; raises InvalidContent."""
    project = await get_project(context.tx, request)
    read = gold_sources.read_csv(form_of(project_detail(project)), submitted.rows)
    try:
        created = await _create(context, project, read.tasks)
    except InvalidContent as problem:
        raise read.at_line(problem) from problem
    told = say_count("One gold task is added.", "%(count)s gold tasks are added.", len(created))
    return _to_list(request, told)


async def show_task_as_gold(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/tasks/{task_id}/gold: what people came to, as the expected answers of gold."""
    async with request.db.read() as tx:
        project, task = await get_task(tx, request)
        current = await submissions.list_current(tx, task.project_key, task.seq)

    def propose() -> dict[str, Any]:
        state = question_results.make_review_state(project, task, current)
        describer = AnswerDescriber(state.form, state.content)
        return {
            "project": project,
            "task": task,
            "excerpt": excerpts.excerpt(state.content),
            "proposed": [
                (
                    number,
                    one,
                    describer.expected(one.expected),
                    gold_sources.typed_value(one.expected.value),
                )
                for number, one in enumerate(gold_sources.proposed_answers(state))
            ],
        }

    return await request.run_in_thread(propose)


async def add_task_as_gold(
    request: PageRequest[NoQuery], submitted: GoldFromTaskForm, context: WriteContext
) -> Redirect:
    """POST …/tasks/{task_id}/gold: make a copy of the task gold; raises InvalidContent."""
    project, task = await get_task(context.tx, request)
    state = await question_results.review_state(context.tx, project, task)
    proposed = gold_sources.proposed_answers(state)
    if not submitted.chosen:
        raise InvalidContent("choose one question at least", pointer="/chosen")
    count = len(proposed)
    if count != len(submitted.value) or count != len(submitted.tolerance):
        raise InvalidContent("the questions have changed; look at them again", pointer="/chosen")
    expected: list[ExpectedAnswer] = []
    for number in sorted(set(submitted.chosen)):
        if number >= count:
            raise InvalidContent("there is no such question", pointer="/chosen")
        expected.append(_typed(proposed[number], submitted, number))
    new = NewGold(task_id=task.task_id, expected=expected, reason=submitted.reason)
    try:
        await _create(context, project, [new])
    except InvalidContent as problem:
        where = problem.pointer.removeprefix("/tasks/0/expected/")
        place, chosen = where.split("/")[0], sorted(set(submitted.chosen))
        pointer = f"/value/{chosen[int(place)]}" if place.isdigit() else "/chosen"
        raise InvalidContent(problem.message, pointer=pointer) from problem
    return _to_list(request, say("A copy of the task is gold now."))


def _typed(
    proposed: gold_sources.ProposedAnswer, submitted: GoldFromTaskForm, number: int
) -> ExpectedAnswer:
    """An expected answer as somebody left or changed it; raises InvalidContent."""
    was, text = proposed.expected, submitted.value[number]
    try:
        tolerance = float(submitted.tolerance[number] or 0)
    except ValueError as exc:
        raise InvalidContent("a tolerance is a number", pointer=f"/tolerance/{number}") from exc
    expected = msgspec.structs.replace(was, tolerance=tolerance)
    if text == gold_sources.typed_value(was.value):
        return expected
    value = gold_sources.read_value(proposed.question.field, text)
    return msgspec.structs.replace(expected, value=value, not_applicable=False, cannot_assess=False)


async def show_one_gold(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/gold/{task_id}: a gold task's expected answers, and what people said."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        listed = await gold_tasks.get_gold(tx, project, request.path["task_id"])
        content = await gold_tasks.get_content(tx, listed.row)
        results = await control_results.list_of_task(
            tx, control_key(project.project_key), listed.row.seq, limit=RESULTS_MAX
        )
        names = await shown_names(tx, request, project, {one.user_id for one in results})
    describer = AnswerDescriber(form_of(project_detail(project)), content)
    reason = await request.render(listed.row.reason or "")
    return {
        "project": project,
        "one": listed,
        "reason": reason if listed.row.reason else None,
        "questions": [
            (question, describer.expected(question.expected)) for question in listed.questions
        ],
        "rows": [
            (
                names[result.user_id],
                describer.expected(listed.questions[result.number].expected),
                describer.given(listed.questions[result.number].expected, result.given),
                result.is_right,
                result.submitted_ms,
            )
            for result in results
        ],
    }


async def end_gold_on_page(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/gold/{task_id}/end: give a gold task to nobody any more; raises NotFound."""
    project = await get_project(context.tx, request)
    await gold_tasks.end_gold(context.tx, project, request.path["task_id"])
    await context.note("gold", request.path["task_id"], project_key=project.project_key)
    return _to_list(request, say("Nobody is given that gold task any more."))


async def _create(context: WriteContext, project: ProjectRow, sent: list[NewGold]) -> list[str]:
    created = await gold_tasks.create_gold(context.tx, project, sent)
    await context.note_many("gold", created, project_key=project.project_key)
    return created


def _to_list(request: PageRequest[Any], flash: str) -> Redirect:
    return Redirect(to=links.fill_path(GOLD, project_id=request.path["project_id"]), flash=flash)


PAGES = (
    Page(
        page_id="show_gold",
        path=GOLD,
        role=PersonRole.manager,
        handler=show_gold,
        query=GoldQuery,
        template="quality_control/gold.html",
        tab=N_("Gold"),
        tab_order=47,
    ),
    Page(
        page_id="show_one_gold",
        path=ONE,
        role=PersonRole.manager,
        handler=show_one_gold,
        template="quality_control/one_gold.html",
    ),
    Page(
        page_id="show_task_as_gold",
        path=FROM_TASK,
        role=PersonRole.manager,
        handler=show_task_as_gold,
        template="quality_control/task_as_gold.html",
        is_large=True,
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=path,
            role=PersonRole.manager,
            handler=handler,
            form=form,
            body_limit=TEXT_BODY,
            form_page=form_page,
        )
        for page_id, path, handler, form, form_page in (
            (
                "save_gold_settings",
                GOLD,
                save_gold_settings,
                GoldSettingsForm,
                "show_gold",
            ),
            ("add_gold_rows", ROWS, add_gold_rows, GoldRowsForm, "show_gold"),
            ("end_gold_on_page", f"{ONE}/end", end_gold_on_page, NoFields, "show_one_gold"),
            (
                "add_task_as_gold",
                FROM_TASK,
                add_task_as_gold,
                GoldFromTaskForm,
                "show_task_as_gold",
            ),
        )
    ),
)
