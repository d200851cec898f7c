"""A manager's browser, and a project with something of everything set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plaudit.core.tasks import projects
from plaudit.model.core import ProjectRow
from plaudit.wire.v2.resources import ProjectDetail
from tests.support.harness import World
from tests.support.labeling_project import FORM
from tests.support.pages.browser_client import Browser, add_person, signed_in


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


@pytest.fixture
def project(world: World) -> ProjectRow:
    """A project with something of everything set."""
    environment_id = world.org()
    detail = ProjectDetail(
        types=["Old"],
        models=["model-a"],
        form=FORM,
        overlap=2,
        guidelines="# Old",
        template={"messages": [{"role": "user", "text": "{{prompt}}"}]},
    )

    async def run(tx: Any) -> ProjectRow:
        return await projects.create_project(tx, environment_id, name="P", detail=detail)

    found: ProjectRow = world.run(world.db.write(run))
    return found
