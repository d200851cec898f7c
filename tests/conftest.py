"""Fixtures: each test has a store of its own on each engine, copied from one made once.

Tests that change nothing share one for their module: `shared_world`, and `shared_ann` with data.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog

from plaudit.core.common import server_secret
from plaudit.errors import Problem
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.workspace.render import ahead
from tests.support.ann_data import fill
from tests.support.app_client import AppClient
from tests.support.attachments import link_of, upload
from tests.support.databases import kept_sessions, postgres
from tests.support.databases.citus_cluster import VARIABLE, CitusCluster
from tests.support.harness import ENGINES, SHARED_DATA, Server, World
from tests.support.labeling_project import LabelingProject
from tests.support.network import loopback_only
from tests.support.running import kept_loops

pytest_plugins = (
    "tests.support.running.citus_record",
    "tests.support.running.collection",
    "tests.support.running.filled_stores",
    "tests.support.running.page_files",
    "tests.support.running.property_tests",
    "tests.support.running.shared_work",
)

_folder: Path | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _folder
    memory = postgres.roomy_memory()
    if memory is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    if postgres.FOLDER_VARIABLE not in os.environ:
        _folder = postgres.choose_folder()
    # Servers of this process log whenever they like, and never into what a command prints.
    # A line for each request, which nobody reads, took a fifth of the request.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
    )
    ahead.PAUSE_S = 3600.0  # what is drawn ahead would be among the statements that tests count
    gc.disable()  # what collection makes stays; looking through it took a quarter of its time


def pytest_unconfigure(config: pytest.Config) -> None:
    if _folder is not None:
        postgres.remove_folder(_folder)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.startswith("PLAUDIT_")]:
        if not name.startswith("PLAUDIT_TEST_"):
            del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        loopback_only.patch_sockets(patch)
        yield


@pytest.fixture(autouse=True)
def _nobody_is_called() -> Iterator[None]:
    """Fail a test that called an address outside this machine, though the product took the error.

    What is called in the background may be noticed by the next test.
    """
    yield
    called = list(loopback_only.OUTSIDE)
    loopback_only.OUTSIDE.clear()
    assert called == [], "a test calls this machine alone"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as `plaudit init` leaves it, without the organization."""
    folder = tmp_path_factory.mktemp("template")
    settings = Settings(data=folder)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _kept_loops_and_sessions() -> Iterator[None]:
    with kept_sessions.kept_sessions():
        yield
        kept_loops.of_worlds.close()
        kept_loops.of_applications.close()


@pytest.fixture(scope="session")
def postgres_server(worker_id: str, _kept_loops_and_sessions: None) -> Iterator[postgres.Postgres]:
    """A real PostgreSQL with a template of the current schema."""
    server = postgres.Postgres(worker_id)
    yield server
    server.close()


@pytest.fixture(scope="session")
def citus_server(worker_id: str) -> Iterator[CitusCluster]:
    """The Citus cluster that `PLAUDIT_TEST_CITUS` names; without it the test is skipped."""
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} names no coordinator of a Citus cluster")
    cluster = CitusCluster(worker_id)
    yield cluster
    cluster.close()


@pytest.fixture
def citus_settings(
    citus_server: CitusCluster, template: Path, tmp_path: Path
) -> Iterator[Settings]:
    """The settings of an empty store on a Citus cluster."""
    folder = tmp_path / "data-citus"
    folder.mkdir()
    shutil.copy2(template / "secret", folder / "secret")
    url = citus_server.lend()
    yield Settings(data=folder, database=url)
    citus_server.give_back(url)


@pytest.fixture(params=ENGINES)
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of an empty store, on each engine."""
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """An open store with the organization "default"."""
    world = World(settings)
    world.org()
    yield world
    world.close()


@pytest.fixture
def kept_world(world: World) -> World:
    """The test's own store, with one application for all of its clients."""
    world.keep_application()
    return world


@pytest.fixture(scope="module", params=ENGINES)
def shared_engine(request: pytest.FixtureRequest) -> str:
    """The engine of the stores that the tests of a module share."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def open_shared(
    request: pytest.FixtureRequest,
    shared_engine: str,
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], World]]:
    """Open stores for tests that only read, each with the organization "default".

    A store and its application stay open until the module ends. What a test writes there belongs
    to an organization or a person of its own.
    """
    worlds: list[World] = []

    def open_one() -> World:
        folder = tmp_path_factory.mktemp("shared") / "data"
        shutil.copytree(template, folder)
        url = None
        if shared_engine != "sqlite":
            url = request.getfixturevalue(f"{shared_engine}_server").lend()
        world = World(Settings(data=folder, database=url))
        worlds.append(world)
        world.org()
        world.keep_application()
        return world

    yield open_one
    for world in worlds:
        world.close()
        if world.settings.database is not None:
            server = request.getfixturevalue(f"{shared_engine}_server")
            server.give_back(world.settings.database)


@pytest.fixture(scope="module")
def shared_world(open_shared: Callable[[], World]) -> World:
    """An open store that the module's tests share, because they only read."""
    return open_shared()


@pytest.fixture
def tenant(shared_world: World) -> World:
    """The shared store for an organization of the test's own, in which it may write."""
    return shared_world.tenant()


@pytest.fixture
def tenant_client(tenant: World) -> Iterator[AppClient]:
    """A client with an admin key of the test's own organization in the shared store."""
    with tenant.client() as client:
        yield client


@pytest.fixture(scope="module")
def shared_server(shared_world: World) -> Iterator[Server]:
    """`plaudit serve` on the shared store."""
    server = Server(shared_world.settings)
    yield server
    server.stop(9)


@pytest.fixture(scope="module")
def shared_ann(shared_world: World) -> str:
    """The admin key of Ann, whose organization "default" in the shared store is full of data."""
    fill(shared_world)
    return shared_world.key()


@pytest.fixture
def labeling(world: World) -> Iterator[LabelingProject]:
    """A project that people work on; in the end nothing contradicts the store's rules."""
    labeling = LabelingProject(world)
    yield labeling
    assert labeling.violations() == {}


@pytest.fixture
def at_once(world: World) -> Iterator[Callable[..., list[Any]]]:
    """Let contenders on a project run at the same moment, each on an engine of its own.

    Each is called with the project through its own engine; return their results, problems
    included.
    """
    worlds: list[World] = []

    def run_all(labeling: Any, *contenders: Callable[[Any], Any]) -> list[Any]:
        while len(worlds) < len(contenders):
            worlds.append(World(world.settings))
        start = threading.Barrier(len(contenders))

        def run(one: tuple[Callable[[Any], Any], World]) -> Any:
            contender, own = one
            start.wait(10)
            try:
                return contender(labeling.on(own))
            except Problem as problem:
                return problem

        with ThreadPoolExecutor(len(contenders)) as pool:
            return list(pool.map(run, zip(contenders, worlds, strict=False)))

    yield run_all
    for one in worlds:
        one.close()


@pytest.fixture
def client(world: World) -> Iterator[AppClient]:
    """A client with an admin key of the organization "default"."""
    with world.client() as client:
        yield client


@pytest.fixture
def nobody(world: World) -> Iterator[AppClient]:
    """A client without a key."""
    with world.client() as client:
        del client.headers["Authorization"]
        yield client


@pytest.fixture
def link(client: AppClient) -> str:
    """A fresh link to a file that was uploaded."""
    return link_of(client, upload(client))


@pytest.fixture
def start_server(settings: Settings) -> Iterator[Callable[..., Server]]:
    """Start servers on the test's store; they are ended with the test."""
    servers: list[Server] = []

    def start(**environ: str) -> Server:
        servers.append(Server(settings, **environ))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(9)


@pytest.fixture(scope="session")
def oasst() -> Path:
    """The published OASST trees, where they stand beside the checkout."""
    path = SHARED_DATA / "oasst-en100" / "en_100_tree.jsonl"
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return path
