"""Build the page files of a store without resting: `python -m benchmarks.scale.page_files DATA`.

The server's own builder rests as long as it works, and works on few tasks at a time, so that it is
in nobody's way.
"""

import asyncio
import sys
from pathlib import Path

from plaudit import page_builder
from plaudit.settings import Settings
from plaudit.store.engine.sqlite import open_sqlite
from plaudit.store.page_files.places import PageFiles

TASKS_OF_A_ROUND = 25_000
"""Each round waits for the disk four times."""


async def build_page_files(settings: Settings) -> None:
    """Give every task of a store a place in its page files."""
    db = open_sqlite(settings.data / "plaudit.sqlite")
    page_builder.CLAIMED_MAX = TASKS_OF_A_ROUND
    builder = page_builder.PageFileBuilder(db, PageFiles(settings.pages_folder))
    try:
        while not await builder.work():
            pass
    finally:
        builder.close()
        await db.close()


if __name__ == "__main__":
    asyncio.run(build_page_files(Settings(data=Path(sys.argv[1]))))
