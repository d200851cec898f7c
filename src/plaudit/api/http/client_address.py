"""Client address of a request: the peer's, or the one that a trusted proxy forwards."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any


def client_network(scope: Any, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """IPv4 address of the client, or its IPv6 /64 network, which one customer owns whole.

    X-Forwarded-For counts only from a trusted proxy, and then its last address that is not itself
    a trusted proxy: the client may have forged those before it.
    """
    host = str(scope["client"][0]) if scope.get("client") else ""
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed(forwarded.decode("latin-1").split(",") if forwarded else []):
        if not _is_in(host, trusted) or _address(hop.strip()) is None:
            break
        host = hop.strip()
    address = _address(host)
    if address is None or address.version == 4:
        return host
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def _is_in(host: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
