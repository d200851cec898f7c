"""Pages are tested on SQLite, unless a test is marked `both_engines`.

They decide nothing by the engine. Their statements run on PostgreSQL in tests of the layers below,
in those of `tests/store`, which ask for each page on both, and in races and jobs here.
"""

from __future__ import annotations

import pytest

from plaudit.settings import Settings


@pytest.fixture(params=["sqlite"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of an empty store."""
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found


@pytest.fixture(scope="module", params=["sqlite"])
def shared_engine(request: pytest.FixtureRequest) -> str:
    """The engine of the stores that the tests of a module share."""
    found: str = request.param
    return found
