"""Client address of a request: the peer's, or the one that a trusted proxy forwards.

An IPv4 address inside of IPv6 (::ffff:192.0.2.1), as a socket for both families names its peers,
is that IPv4 address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

_PORT = re.compile(r"^(?:\[([0-9A-Fa-f:.]+)\]|([\d.]+))(?::\d+)?$", re.ASCII)
"""Address with a port or in brackets, as some proxies write it."""

OWNED = (32, 64)
"""Prefixes of IPv4 and IPv6 of what one customer owns whole: an address, a /64 network."""
ROUTED = (24, 48)
"""Those of the smallest networks that are routed on the internet by themselves."""


def client_network(
    scope: Any,
    trusted: Sequence[IPv4Network | IPv6Network],
    *,
    prefixes: tuple[int, int] = OWNED,
) -> str:
    """Network of the client; an IPv4 address is one without a slash.

    X-Forwarded-For counts only from a trusted proxy, and then its last address that is not itself
    a trusted proxy: the client may have forged those before it.
    """
    host = peer_address(scope)
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed(forwarded.decode("latin-1").split(",") if forwarded else []):
        address = _address(_PORT.sub(r"\1\2", hop.strip()))
        if address is None or not _is_in(host, trusted):
            break
        host = str(address)
    address = _address(host)
    if address is None or (address.version == 4 and prefixes[0] == 32):
        return host
    prefix = prefixes[0] if address.version == 4 else prefixes[1]
    return str(ip_network((str(address), prefix), strict=False))


@lru_cache(maxsize=10_000)
def untrusted_network(host: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str | None:
    """Network of a peer as `client_network` names it; None for a trusted proxy or no address."""
    if not host or _is_in(host, trusted):
        return None
    return client_network({"client": (host, 0), "headers": []}, ())


def peer_address(scope: Any) -> str:
    """Address at the other end of the connection, empty if it has none."""
    host = str(scope["client"][0]) if scope.get("client") else ""
    address = _address(host)
    return host if address is None else str(address)


def _is_in(host: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
