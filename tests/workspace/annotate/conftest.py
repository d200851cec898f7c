"""Fixtures of the annotation page over HTTP."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.support.annotators import AnnotationTeam, Worker
from tests.support.harness import World


@pytest.fixture
def team(world: World) -> AnnotationTeam:
    return AnnotationTeam(world)


@pytest.fixture
def ann(team: AnnotationTeam, client: TestClient) -> Worker:
    return team.worker(client)
