"""People of a report as it is kept: pages of the list of people, and each person by themselves.

So a page of people and the page of one read a few rows each, whatever the number of people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from plaudit.core.quality.agreement.wire_answers import share_of
from plaudit.wire.manage.quality import ShareOfCases
from plaudit.wire.manage.quality_annotators import AnnotatorFigures, AnnotatorQuality

PAGE_PEOPLE = 50
PEOPLE_MAX = 5000
"""People who are kept one by one, those with the most tasks."""

NUMBERS_AT_ONCE = 1000

_encode = msgspec.json.Encoder().encode
_FIGURES = AnnotatorFigures.__struct_fields__


class NumberedFigures(Struct):
    """A person's figures, with the number that stands for their name."""

    number: int
    figures: AnnotatorFigures


class NumberedPerson(Struct):
    """All about a person's work, with the number that stands for their name."""

    number: int
    quality: AnnotatorQuality
    together: ShareOfCases


class PeoplePage(Struct, kw_only=True):
    """A page of people: those with flags first, then those who agree least.

    `people_count` and `flagged` are of the whole project, `together` is the agreement of all people
    with the others, `kept` is how many are on all pages.
    """

    people: list[NumberedFigures]
    people_count: int
    kept: int
    flagged: int
    together: ShareOfCases

    @property
    def page_count(self) -> int:
        """Number of pages."""
        return -(-self.kept // PAGE_PEOPLE)


class KeptPeople(Struct):
    """People as they are kept."""

    pages: list[PeoplePage]
    people: list[NumberedPerson]


def kept_people(annotators: Sequence[AnnotatorQuality]) -> KeptPeople:
    """People of a report, who are numbered in the order given; one page at least."""
    together = share_of(
        sum(one.with_others.right for one in annotators),
        sum(one.with_others.n for one in annotators),
    )
    numbered = [NumberedPerson(at, one, together) for at, one in enumerate(annotators, 1)]
    numbered.sort(key=lambda one: -one.quality.tasks)
    kept = numbered[:PEOPLE_MAX]
    kept.sort(key=_by_need)
    flagged = sum(bool(one.flags) for one in annotators)
    return KeptPeople(
        pages=[
            PeoplePage(
                people=[_figures(one) for one in kept[start : start + PAGE_PEOPLE]],
                people_count=len(annotators),
                kept=len(kept),
                flagged=flagged,
                together=together,
            )
            for start in range(0, max(1, len(kept)), PAGE_PEOPLE)
        ],
        people=kept,
    )


def people_parts(annotators: Sequence[AnnotatorQuality]) -> Iterator[tuple[str, bytes]]:
    """Parts of a snapshot that have its people, each with its name, for `kept_people.py`."""
    kept = kept_people(annotators)
    for number, page in enumerate(kept.pages):
        yield page_part(number), _encode(page)
    for person in kept.people:
        yield person_part(person.quality.contributor_id), _encode(person)
    ids = [one.contributor_id for one in annotators]
    for number, start in enumerate(range(0, len(ids), NUMBERS_AT_ONCE)):
        yield numbers_part(number), _encode(ids[start : start + NUMBERS_AT_ONCE])


def page_part(number: int) -> str:
    """Name of the part that has a page of people, from 0: a PeoplePage."""
    return f"people:{number}"


def person_part(contributor_id: str) -> str:
    """Name of the part that has a person: a NumberedPerson."""
    return f"person:{contributor_id}"


def numbers_part(number: int) -> str:
    """Name of the part that has NUMBERS_AT_ONCE ids of people in the order of their numbers."""
    return f"numbers:{number}"


def _figures(person: NumberedPerson) -> NumberedFigures:
    members = asdict(person.quality)
    return NumberedFigures(
        person.number, AnnotatorFigures(**{name: members[name] for name in _FIGURES})
    )


def _by_need(person: NumberedPerson) -> tuple[bool, bool, float, str]:
    quality = person.quality
    share = quality.with_others.share
    return not quality.flags, share is None, share or 0.0, quality.contributor_id
