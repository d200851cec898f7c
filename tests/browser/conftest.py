"""Fixtures of tests that need a browser: they skip where there is no Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plaudit.settings import Settings
from tests.support.annotators import AnnotationTeam
from tests.support.harness import Server, World
from tests.support.pages import chromium, gallery_stage
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.pages.kept_contexts import KeptContexts
from tests.support.pages.scene_visits import SceneVisits

Open = Callable[..., tuple[chromium.Remote, chromium.Seen]]


@pytest.fixture(scope="session")
def browser() -> Iterator[chromium.Remote]:
    """One Chromium for all tests."""
    if chromium.program() is None:
        pytest.skip("Chromium is not installed")
    yield from chromium.opened()


@pytest.fixture(scope="session")
def pages() -> Iterator[chromium.Pages]:
    """A server for pages that tests write themselves."""
    pages = chromium.Pages()
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def kept_contexts(browser: chromium.Remote, pages: chromium.Pages) -> Iterator[KeptContexts]:
    """Contexts that one test after another is lent, each time empty."""
    kept = KeptContexts(browser, pages)
    yield kept
    kept.close()


@pytest.fixture
def open_context(
    kept_contexts: KeptContexts,
) -> Iterator[Callable[..., tuple[chromium.Remote, chromium.Seen]]]:
    """Open contexts, each like a person with a browser of her own, and see what they do.

    They may speak to `pages` and to the origins given; options are those of Playwright.
    """
    yield kept_contexts.lend
    kept_contexts.take_back()


@pytest.fixture(scope="package")
def _kept_world(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("browser") / "data"
    shutil.copytree(template, folder)
    world = World(Settings(data=folder))
    world.org()
    world.keep_application()
    yield world
    world.close()


@pytest.fixture(scope="package")
def _kept_server(_kept_world: World) -> Iterator[Server]:
    server = Server(_kept_world.settings)
    yield server
    server.stop(9)


@pytest.fixture(scope="module")
def shared_world(shared_engine: str, _kept_world: World) -> World:
    """A store on SQLite that all tests in a browser share, each as an organization of its own."""
    assert shared_engine == "sqlite"
    return _kept_world


@pytest.fixture(scope="module")
def shared_server(shared_world: World, _kept_server: Server) -> Server:
    """`plaudit serve` on the shared store; a server for each module took 0.2 s of CPU."""
    return _kept_server


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return AnnotationTeam(tenant, guidelines="# Rules\n\nRead **both** to the end.")


@pytest.fixture
def annotator_tab(
    team: AnnotationTeam, shared_server: Server, open_context: Open
) -> Callable[..., AnnotatorTab]:
    """Seat somebody at a browser."""

    def seat(name: str = "Ann", **options: Any) -> AnnotatorTab:
        return AnnotatorTab(open_context, shared_server, team, name, **options)

    return seat


@pytest.fixture(scope="session")
def demo(browser: chromium.Remote) -> Iterator[gallery_stage.Stage]:
    """A demonstration, furnished for the scenes of the gallery, for all tests of its pages."""
    with gallery_stage.demonstration() as demo:
        yield demo


@pytest.fixture(scope="session")
def visits(demo: gallery_stage.Stage, browser: chromium.Remote) -> Iterator[SceneVisits]:
    """Windows in which scene after scene is visited."""
    visits = SceneVisits(demo, browser)
    yield visits
    visits.close()
