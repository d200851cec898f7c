"""Managers' pages of people: all of a project side by side, and each by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from plaudit.api.http.parameters import IntRange, NoQuery
from plaudit.core.quality.reporting.annotator_pages import (
    PAGE_PEOPLE,
    PEOPLE_MAX,
    NumberedPerson,
)
from plaudit.core.quality.reporting.kept_people import (
    find_people_page,
    find_person,
    find_pseudonym,
)
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.pseudonyms import pseudonym
from plaudit.workspace.quality import people_view, person_view
from plaudit.workspace.quality.last_report import KeptReport
from plaudit.workspace.quality.quality_pages import (
    QUALITY,
    NamesQuery,
    names_of,
    shown_context,
)

PEOPLE = f"{QUALITY}/people"
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
PAGES_MAX = PEOPLE_MAX // PAGE_PEOPLE


class PeopleListQuery(NamesQuery, frozen=True):
    """Query of GET /projects/{project_id}/quality/people."""

    page: Annotated[
        int, IntRange(description="Page of people, from 1.", least=1, most=PAGES_MAX, default=1)
    ] = 1


async def show_people(request: PageRequest[PeopleListQuery]) -> dict[str, Any]:
    """GET …/quality/people: a page of people; raises NotFound for one after the last."""
    number = request.query.page
    shown, found = await shown_context(
        request, say("People"), lambda tx, last: find_people_page(tx, last, number - 1)
    )
    if not _has_votes(shown):
        return shown
    if found is None:
        raise NotFound("there is no such page of people")
    view = people_view.people_view(found, number, shown["titles"])
    if shown["pseudonyms"]:
        names = {one.contributor_id: pseudonym(one.number) for one in view.rows}
    else:
        names = await names_of(request, [one.contributor_id for one in view.rows])
    drawn = await request.run_in_thread(lambda: people_view.caterpillar(view, names))
    shown["people_count"] = found.people_count
    return shown | {"view": view, "names": names, "plot_of_people": drawn}


async def show_person(request: PageRequest[NamesQuery]) -> dict[str, Any]:
    """GET …/quality/people/{user_id}: a person's work; raises NotFound without any."""
    user_id = request.path["user_id"]
    shown, found = await shown_context(
        request, say("Person"), lambda tx, last: find_person(tx, last, user_id)
    )
    if not _has_votes(shown):
        return shown
    person = await _person(request, found, shown["titles"], hides_names=shown["pseudonyms"])
    return shown | person


async def show_pseudonym(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/quality/pseudonyms/{number}: the work of Person 1, 2, …; raises NotFound."""
    number = request.path["number"]
    if not _NUMBER.fullmatch(number):
        raise NotFound("there is no such pseudonym")
    shown, found = await shown_context(
        request, say("Person"), lambda tx, last: find_pseudonym(tx, last, int(number))
    )
    if not _has_votes(shown):
        return shown
    person = await _person(request, found, shown["titles"], hides_names=True)
    return shown | person | {"pseudonyms": True}


def _has_votes(shown: dict[str, Any]) -> bool:
    last: KeptReport | None = shown["snapshot"]
    return last is not None and last.votes > 0


async def _person(
    request: PageRequest[Any],
    found: NumberedPerson | None,
    titles: Mapping[str, str],
    *,
    hides_names: bool,
) -> dict[str, Any]:
    """Context of a person's page; raises NotFound without a person."""
    if found is None:
        raise NotFound("the report has nothing of this person")
    quality, user_id = found.quality, found.quality.contributor_id
    named = {} if hides_names else await names_of(request, [user_id])
    name = named.get(user_id, pseudonym(found.number))
    line = await request.run_in_thread(lambda: person_view.line_view(quality.moving_average))
    return {
        "view": quality,
        "flags": people_view.shown_flags(quality.flags, titles),
        "name": name,
        "number": found.number,
        "figure_rows": person_view.figure_rows(quality),
        "line": line,
        "questions": person_view.question_rows(quality),
        "differing": person_view.differing_rows(quality),
    }


PAGES = (
    Page(
        page_id="show_quality_people",
        path=PEOPLE,
        role=PersonRole.manager,
        handler=show_people,
        query=PeopleListQuery,
        template="quality/people.html",
        is_large=True,
    ),
    Page(
        page_id="show_quality_person",
        path=f"{PEOPLE}/{{user_id}}",
        role=PersonRole.manager,
        handler=show_person,
        query=NamesQuery,
        template="quality/person.html",
        is_large=True,
    ),
    Page(
        page_id="show_quality_pseudonym",
        path=f"{QUALITY}/pseudonyms/{{number}}",
        role=PersonRole.manager,
        handler=show_pseudonym,
        template="quality/person.html",
        is_large=True,
    ),
)
