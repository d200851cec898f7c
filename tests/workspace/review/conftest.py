"""Fixtures of review: a team whose tasks are all reviewed."""

from __future__ import annotations

import pytest

from tests.support.annotators import AnnotationTeam
from tests.support.harness import World


@pytest.fixture
def team(world: World) -> AnnotationTeam:
    return AnnotationTeam(world, review="all")
