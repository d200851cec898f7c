"""Fixtures of the annotation page over HTTP."""

from __future__ import annotations

import pytest

from tests.support.annotators import AnnotationTeam, Worker
from tests.support.app_client import AppClient
from tests.support.harness import World


@pytest.fixture
def team(world: World) -> AnnotationTeam:
    return AnnotationTeam(world)


@pytest.fixture
def ann(team: AnnotationTeam, client: AppClient) -> Worker:
    return team.worker(client)
