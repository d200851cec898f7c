"""Names of people on pages that show how well they work: their own, or pseudonyms.

In a project with pseudonyms a person is Person 3 on all of these pages, as the last report numbers
people; one whom it does not have, for want of votes or of a report, is told from others by letters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from plaudit.core.labeling import review_queue
from plaudit.core.quality.reporting import kept_people
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.language.speech import say

_DIGITS = re.compile(r"([0-9]{1,18})")
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Without vowels, so that no word comes of them."""
_LETTERS_COUNT = 6


def pseudonym(number: int) -> str:
    """Name that stands for a person's."""
    return say("Person %(number)s", number=number)


async def shown_names(
    tx: Transaction, request: PageRequest[Any], project: ProjectRow, user_ids: Collection[str]
) -> dict[str, str]:
    """Names of people by their ids, or pseudonyms where the project has those."""
    if not project_detail(project).pseudonyms:
        return await review_queue.display_names(tx, request.user.organization_id, user_ids)
    numbers = await kept_people.find_numbers(tx, project.project_key, user_ids)
    return {
        one: pseudonym(numbers[one]) if one in numbers else _unnumbered(project, one)
        for one in user_ids
    }


def by_name(names: Mapping[str, str]) -> list[str]:
    """Ids of people in the order of their names, Person 9 before Person 10."""
    return sorted(names, key=lambda one: (_order(names[one]), one))


def _order(name: str) -> list[tuple[int, str]]:
    """Key by which a name is sorted: its digits as numbers, the rest whatever the case."""
    parts = _DIGITS.split(name.casefold())
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)]


def _unnumbered(project: ProjectRow, user_id: str) -> str:
    """Pseudonym of a person without a number: six letters, of a project and a person the same."""
    drawn = hashlib.sha256(f"{project.project_id} {user_id}".encode()).digest()[:_LETTERS_COUNT]
    code = "".join(_LETTERS[one % len(_LETTERS)] for one in drawn)
    return say("Person %(number)s", number=code)
