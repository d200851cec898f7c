"""The tests themselves call nobody: connections outside this machine fail, and fail the test."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.support.network.loopback_only import OUTSIDE

PUBLIC = "93.184.216.34"


def test_a_connection_outside_loopback_fails_and_is_noticed():
    with pytest.raises(OSError, match=PUBLIC):
        socket.create_connection((PUBLIC, 443), timeout=1)
    with pytest.raises(OSError, match=PUBLIC):
        asyncio.run(asyncio.open_connection(PUBLIC, 443))

    assert OUTSIDE == [PUBLIC, PUBLIC]
    OUTSIDE.clear()


def test_a_connection_to_this_machine_is_made():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()

    assert OUTSIDE == []
