"""A middleware with few places, and the keys of a crowd and of another organization."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from plaudit.api.http import admission
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.middleware import Edge
from plaudit.api.http.operation import Services
from plaudit.api.http.stall_meter import StallMeter
from plaudit.core.common import server_secret
from plaudit.store.engine import connect
from tests.api.fairness.waiting_requests import (
    IN_WORK,
    WAITING,
    Handler,
    Requests,
)
from tests.support.harness import World


@pytest.fixture
def keys(shared_world: World) -> dict[str, str]:
    return {"crowd": shared_world.tenant().key(), "other": shared_world.tenant().key()}


@pytest.fixture
def opened(shared_world: World, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open the middleware around an application, on a loop of the test's own."""
    monkeypatch.setattr(admission, "REFUSAL_SECONDS", 0.0)

    @asynccontextmanager
    async def open_one(inner: Handler) -> AsyncIterator[Requests]:
        settings = msgspec.structs.replace(
            shared_world.settings, org_requests_in_work=IN_WORK, org_requests_waiting=WAITING
        )
        services = Services(settings, server_secret.load(settings.secret_path))
        services.db = connect.open_database(settings)
        metrics, no_path = Metrics(), re.compile("(?!)")
        edge = Edge(
            inner, services, metrics, StallMeter(metrics),
            open_paths=no_path, stream_paths=no_path, long_paths=no_path,
            show_problem=lambda scope, problem: None, is_astray=lambda scope: None,
            session_of=lambda scope: "",
        )  # fmt: skip
        try:
            yield Requests(edge, metrics, keys)
        finally:
            await services.db.close()

    return open_one
