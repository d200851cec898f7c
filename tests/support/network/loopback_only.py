"""Let the tests' process connect to this machine alone, whatever the product is told to call."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from typing import Any

import pytest

OUTSIDE: list[str] = []
"""Addresses outside this machine that were called since the list was last emptied."""


def require_loopback(address: Any) -> None:
    """Raise OSError, as without a network, for an address that is not of this machine."""
    if not isinstance(address, tuple):  # the path of a Unix socket
        return
    host = str(address[0]).partition("%")[0]
    if _is_loopback(host):
        return
    OUTSIDE.append(host)
    raise OSError(errno.ENETUNREACH, f"a test called {host}, which is not of this machine")


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:  # a name: its addresses are somebody else's word
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def patch_sockets(patch: pytest.MonkeyPatch) -> None:
    """Check the address of each connection that is made from now on, with asyncio or without."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def checked_connect(self: socket.socket, address: Any) -> None:
        require_loopback(address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        require_loopback(address)
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", checked_connect)
    patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
