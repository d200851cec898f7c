"""People of the last report on a project, read one by one or page by page from its snapshot."""

from __future__ import annotations

import msgspec

from plaudit.core.quality.reporting.annotator_pages import (
    NUMBERS_AT_ONCE,
    NumberedPerson,
    PeoplePage,
    numbers_part,
    page_part,
    person_part,
)
from plaudit.core.quality.reporting.snapshots import Snapshot, read_part
from plaudit.store.engine.engine import Transaction

_read_page = msgspec.json.Decoder(PeoplePage).decode
_read_person = msgspec.json.Decoder(NumberedPerson).decode
_read_ids = msgspec.json.Decoder(list[str]).decode


async def find_people_page(tx: Transaction, snapshot: Snapshot, number: int) -> PeoplePage | None:
    """Page of people, from 0; None for one that there is not.

    The transaction must be the one that found the snapshot, for each of these functions.
    """
    pieces = await read_part(tx, snapshot, page_part(number))
    return _read_page(b"".join(pieces)) if pieces else None


async def find_person(
    tx: Transaction, snapshot: Snapshot, contributor_id: str
) -> NumberedPerson | None:
    """Work of a person; None for whom the report does not know, or has not kept."""
    pieces = await read_part(tx, snapshot, person_part(contributor_id))
    return _read_person(b"".join(pieces)) if pieces else None


async def find_pseudonym(tx: Transaction, snapshot: Snapshot, number: int) -> NumberedPerson | None:
    """Work of the person of a number, from 1; None where there is none."""
    place, at = divmod(number - 1, NUMBERS_AT_ONCE)
    pieces = await read_part(tx, snapshot, numbers_part(place))
    ids = _read_ids(b"".join(pieces)) if pieces else []
    return await find_person(tx, snapshot, ids[at]) if at < len(ids) else None
