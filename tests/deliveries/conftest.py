"""Fixtures of deliveries."""

from __future__ import annotations

import pytest

from tests.support.builders import make_tasks


@pytest.fixture
def many(world):
    """The world with 900 completed tasks in project_123."""
    assert world.load(make_tasks(900))[1] == []
    return world
