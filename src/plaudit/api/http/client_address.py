"""Where a request comes from: the peer's address, or what a trusted proxy says it is."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any


def network_of(scope: Any, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address a request comes from; of IPv6 the network, for one customer has all of it.

    Only a trusted proxy is believed in X-Forwarded-For, and of the addresses there the last one
    that is not itself such a proxy: whatever stands before it, the client may have written.
    """
    host = str(scope["client"][0]) if scope.get("client") else ""
    said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for before in reversed(said.decode("latin-1").split(",") if said else []):
        if not _is_in(host, trusted) or _address(before.strip()) is None:
            break
        host = before.strip()
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
