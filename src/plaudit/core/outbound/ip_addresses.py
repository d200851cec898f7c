"""Public IP addresses, by a table of our own after IANA's special-purpose address registries.

Python's `ipaddress.is_global` cannot be relied on: it is true for the NAT64, 6to4 and
IPv4-compatible forms of 127.0.0.1, and for multicast. Anything not known to be public is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; metadata of some clouds
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public, is the agent of every machine at Azure
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; metadata of some clouds
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
"""Global unicast, all that IANA has assigned. Outside lie ::1, the forms that embed IPv4 (::/96,
::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48), fc00::/7, fe80::/10, fec0::/10, ff00::/8 and more."""
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, which embeds IPv4, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """True if an address is on the public Internet and has no special use."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _GLOBAL_UNICAST_V6 and not any(
        address in network for network in _NOT_PUBLIC_V6
    )


def is_among(address: Address, networks: Iterable[Network]) -> bool:
    """True if one of the networks contains the address; IPv4-mapped forms match no IPv4 network."""
    return any(address in network for network in networks)
