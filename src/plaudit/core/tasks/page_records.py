"""Records of page files: the JSON of tasks as pages and exports show it, made and compared."""

from __future__ import annotations

from pathlib import Path

import msgspec

from plaudit.store.engine.engine import Database, Row
from plaudit.store.page_files import building, file_runs
from plaudit.store.page_files.building import PlacedTask
from plaudit.store.page_files.file_runs import FileRun, OpenFile
from plaudit.wire.v2 import export_lines, render

COMPARED_AT_ONCE = 500

_encode = msgspec.json.Encoder().encode


def record_of(shown: Row) -> tuple[bytes, bytes]:
    """Record of a task and the fixes of its line, of the row that `building.find_shown` found."""
    project_id, batch_id, head, body, patches = shown
    refs = render.head_refs(_encode(project_id), None if batch_id is None else _encode(batch_id))
    return export_lines.record_and_fixes((0, None, batch_id, head, body, patches, 0), refs)


async def count_wrong(db: Database, folder: Path) -> int:
    """Number of places whose bytes are not those of the task; files that are lost do not count."""
    wrong = 0
    async with db.read() as tx:
        stored = await building.list_files(tx)
        epoch = tx.epoch
    for one in stored:
        file = file_runs.open_whole(folder, one.number, one.file_id, one.size)
        after: PlacedTask | None = (0, 0)
        while file is not None and one.epoch == epoch and after is not None:
            after, found = await _compare(db, file, after)
            wrong += found
    return wrong


async def _compare(
    db: Database, file: OpenFile, after: PlacedTask
) -> tuple[PlacedTask | None, int]:
    """Compare the next places in a file; the last task, None at the end, and how many are wrong."""
    wrong = 0
    async with db.read() as tx:
        places = await building.list_places_in(tx, file.number, after=after, limit=COMPARED_AT_ONCE)
        for place in places:
            shown = await building.find_shown(tx, (place.project_key, place.seq))
            found = [FileRun(file, start, length).read() for start, length in place.ranges]
            is_right = shown is not None and found == [one for one in record_of(shown) if one]
            wrong += not is_right
    last = (places[-1].project_key, places[-1].seq) if places else None
    return last, wrong
