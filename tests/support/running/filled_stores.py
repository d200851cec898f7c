"""Settings of a test's own store: empty, or full from the beginning and copied for each test."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plaudit.settings import Settings
from tests.support.ann_data import fill
from tests.support.builders import make_tasks
from tests.support.databases.postgres import Postgres
from tests.support.harness import ENGINES, World


def add_many(world: World) -> None:
    """Add 900 completed tasks in project_123."""
    assert world.load(make_tasks(900))[1] == []


def add_some(world: World) -> None:
    """Add 450 completed tasks in project_123."""
    assert world.load(make_tasks(450))[1] == []


BLOCK_BYTES = 4096


@functools.lru_cache(16)
def _blocks(path: str) -> tuple[int, list[tuple[int, bytes]]]:
    """The size of a file that stays as it is, and its blocks that are not empty."""
    content, found = Path(path).read_bytes(), list[tuple[int, bytes]]()
    for start in range(0, len(content), BLOCK_BYTES):
        block = content[start : start + BLOCK_BYTES]
        if any(block):
            found.append((start, block))
    return len(content), found


def copy_sparsely(source: str, target: str) -> None:
    """Copy a file of a template; three of four blocks of an empty store need not be written."""
    size, blocks = _blocks(source)
    file = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    os.ftruncate(file, size)
    for start, block in blocks:
        os.pwrite(file, block, start)
    os.close(file)


CONTENTS: dict[str, Callable[[World], None]] = {
    "copied_full": fill,
    "copied_many": add_many,
    "copied_some": add_some,
}
"""What a test's store holds from the beginning, by the fixture that asks for it."""


def content_of(request: pytest.FixtureRequest) -> str | None:
    """The content that a test's store is to have; None for an empty one."""
    return next((name for name in CONTENTS if name in request.fixturenames), None)


def _filled(settings: Settings, content: str) -> None:
    world = World(settings)
    world.org()
    CONTENTS[content](world)
    world.close()


@pytest.fixture(scope="module")
def full_template(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Stores as `template`, with the organization "default" and a content, made once."""

    @functools.cache
    def make(content: str) -> Path:
        folder = tmp_path_factory.mktemp("full") / "data"
        shutil.copytree(template, folder)
        _filled(Settings(data=folder), content)
        return folder

    return make


@pytest.fixture(scope="module")
def full_postgres(
    postgres_server: Postgres, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Settings]]:
    """Settings of stores on PostgreSQL that hold the same as those of `full_template`."""
    urls: list[str] = []

    @functools.cache
    def make(content: str) -> Settings:
        folder = tmp_path_factory.mktemp("full-postgres") / "data"
        folder.mkdir()
        shutil.copy2(template / "secret", folder / "secret")
        urls.append(postgres_server.clone())
        settings = Settings(data=folder, database=urls[-1])
        _filled(settings, content)
        return settings

    yield make
    for url in urls:
        postgres_server.forget(url)


@pytest.fixture
def sqlite_settings(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Settings:
    """The settings of an SQLite store, for what concerns that engine alone.

    It is empty unless the test asks for one of CONTENTS.
    """
    folder, content = tmp_path / "data", content_of(request)
    full = None if content is None else request.getfixturevalue("full_template")(content)
    shutil.copytree(full or template, folder, copy_function=copy_sparsely)
    return Settings(data=folder)


@pytest.fixture
def postgres_settings(
    request: pytest.FixtureRequest,
    postgres_server: Postgres,
    template: Path,
    tmp_path: Path,
) -> Iterator[Settings]:
    """The settings of a PostgreSQL store, as `sqlite_settings`."""
    folder, content = tmp_path / "data-postgres", content_of(request)
    if content is not None:
        full = request.getfixturevalue("full_postgres")(content)
        shutil.copytree(full.data, folder)
        url = postgres_server.lend(full.database)
        yield Settings(data=folder, database=url)
        postgres_server.give_back(url)
        return
    folder.mkdir()
    shutil.copy2(template / "secret", folder / "secret")
    url = postgres_server.lend()
    yield Settings(data=folder, database=url)
    postgres_server.give_back(url)


@pytest.fixture
def copied_full() -> None:
    """Mark of tests whose store is full of Ann's data from the beginning."""


@pytest.fixture
def copied_many() -> None:
    """Mark of tests whose store has many tasks from the beginning."""


@pytest.fixture
def copied_some() -> None:
    """Mark of tests whose store has some tasks from the beginning."""


def fill_cluster(world: World, content: Callable[[World], None]) -> None:
    """Fill a store on Citus, where no database is a copy of another one."""
    if "citus" in ENGINES and world.settings.database is not None:
        content(world)


@pytest.fixture
def ann(copied_full: None, world: World) -> str:
    """The admin key of Ann, whose organization "default" is full of data."""
    fill_cluster(world, fill)
    return world.key()


@pytest.fixture
def many(copied_many: None, world: World) -> World:
    """The world with 900 completed tasks in project_123."""
    fill_cluster(world, add_many)
    return world


@pytest.fixture
def some(copied_some: None, world: World) -> World:
    """The world with 450 completed tasks in project_123."""
    fill_cluster(world, add_some)
    return world
