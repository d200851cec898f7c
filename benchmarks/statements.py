"""Count the statements of each operation and page that lists something, on both engines.

The numbers are the same on every machine, and for one object as for many, to which
`tests/store/test_statements_per_page.py` holds them.
"""

from collections.abc import Iterator
from pathlib import Path

from structlog.testing import capture_logs

from benchmarks.plan import Plan
from benchmarks.postgres.server import find_binaries, running
from benchmarks.report import Section
from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.harness import World
from tests.support.listings import OPERATIONS, PAGES, Furnished

OBJECTS = 3
"""Objects of each kind in the store."""


def measure_statements(plan: Plan) -> Iterator[Section]:
    """Yield the numbers of statements: of the operations of the API, and of the pages."""
    counts = {}
    with capture_logs():  # every request would be one line
        counts["SQLite"] = _count(plan.work / "sqlite", None)
        with running((plan.postgres_binaries or find_binaries())[0]) as url:
            counts["PostgreSQL"] = _count(plan.work / "postgres", url)
    for what, listings in (("operation", OPERATIONS), ("page", PAGES)):
        yield Section(
            f"Statements of each {what} that lists something",
            f"Statements of one request, authentication included, on a store with {OBJECTS} objects"
            " of each kind. More objects are not more statements.",
            (what, *counts),
            rows=[
                (_title(name), *(str(numbers[name]) for numbers in counts.values()))
                for name, _ in listings
            ],
        )


def _count(data: Path, database: str | None) -> dict[str, int]:
    """Statements of each listing, in a new store."""
    data.mkdir(parents=True)
    settings = Settings(data=data, database=database)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    world = World(settings)
    try:
        world.keep_application()
        furnished = Furnished(world)
        for _ in range(OBJECTS):
            furnished.add()
        return furnished.count()
    finally:
        world.close()


def _title(name: str) -> str:
    operation, _, query = name.partition("?")
    return f"{operation} ({query})" if query else operation
