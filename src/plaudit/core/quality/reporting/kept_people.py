"""People of the last report on a project, read one by one or page by page from its snapshot."""

from __future__ import annotations

from collections.abc import Collection

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
from plaudit.store.quality import snapshots

NUMBERED_MAX = 16_000
"""People whose numbers are looked for, the first by id."""

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


async def find_numbers(
    tx: Transaction, project_key: int, contributor_ids: Collection[str]
) -> dict[str, int]:
    """Numbers that stand for the names of these people, as far as the last report has them."""
    row = await snapshots.find_snapshot(tx, project_key) if contributor_ids else None
    if row is None:
        return {}
    names = [numbers_part(at) for at in range(NUMBERED_MAX // NUMBERS_AT_ONCE)]
    limit = 2 * len(names)
    pieces = await snapshots.list_pieces_of(tx, project_key, row.snapshot_id, names, limit=limit)
    whole: dict[str, bytes] = {}
    for name, piece in pieces:
        whole[name] = whole.get(name, b"") + piece
    if len(pieces) == limit:
        del whole[pieces[-1][0]]  # of which there may be more
    wanted, found = set(contributor_ids), dict[str, int]()
    for place, name in enumerate(names):
        listed = _read_ids(whole[name]) if name in whole else []
        for at, one in enumerate(listed, 1 + place * NUMBERS_AT_ONCE):
            if one in wanted:
                found[one] = at
    return found
