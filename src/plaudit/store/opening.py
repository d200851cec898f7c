"""Make, open and check the store that the settings name."""

from __future__ import annotations

from plaudit.errors import Misconfigured, StoreRefused
from plaudit.settings import Settings
from plaudit.store import engine_sqlite, schema
from plaudit.store.engine import Database

FILE_NAME = "plaudit.sqlite"


def prepare(settings: Settings) -> list[str]:
    """Create the store or bring it up to date; return the migrations applied."""
    _refuse_url(settings)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreRefused(f"cannot make the folder {settings.data}: {exc.strerror}") from exc
    return schema.upgrade_sqlite(settings.data / FILE_NAME)


def open_database(settings: Settings) -> Database:
    """Open a store with exactly this version's schema; raises StoreRefused."""
    _refuse_url(settings)
    path = settings.data / FILE_NAME
    if not path.exists():
        raise StoreRefused(f"there is no store in {settings.data}; run 'plaudit init' first")
    schema.require_current_sqlite(path)
    return engine_sqlite.open_sqlite(path)


def _refuse_url(settings: Settings) -> None:
    if settings.database is not None:
        raise Misconfigured("this version has the embedded store only; leave --database out")
