"""Strict parser of http and https URLs into scheme, host, port and path.

Where URL parsers differ (backslashes, user names, `127.1`, `0x7f.1`, `[fe80::1%eth0]`), the text is
refused. Requests are built from the parsed parts only, so no second parser can read another host
than the one that was checked.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import httpx2
from msgspec import Struct

from plaudit.core.outbound.ip_addresses import Address
from plaudit.core.outbound.url_length import check_url_length
from plaudit.errors import InvalidContent

_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\s\ud800-\udfff]")
_AUTHORITY = re.compile(
    r"(https?)://([^/?#@]*@)?(\[[^\[\]/?#@]*\]|[^\[\]/?#@:]+)(?::(\d{1,5}))?(?:[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?", re.ASCII)
"""Hosts that some parser takes for an IPv4 address (WHATWG URL, "ends in a number")."""


class Target(Struct, frozen=True):
    """Parsed URL. `host` is lower-case ASCII (punycode), without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    """Path and query, percent-encoded; the fragment is left out."""
    address: Address | None
    """The host as an address, None if it is a name that has to be resolved."""


def parse_url(text: str, *, pointer: str = "") -> Target:
    """Parse an http or https URL; raises InvalidContent with what has to be changed."""
    check_url_length(text, pointer)
    if _UNSAFE.search(text):
        raise InvalidContent(
            "the URL holds a space, a backslash or a control character; percent-encode it",
            pointer=pointer,
        )
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise InvalidContent(
            "the URL must be http://host/path or https://host/path", pointer=pointer
        )
    scheme, userinfo, _, port_text = match.groups()
    if userinfo is not None:
        raise InvalidContent("the URL must not hold a user name or password", pointer=pointer)
    port = int(port_text) if port_text else _PORTS[scheme.lower()]
    if not 0 < port < 65536:
        raise InvalidContent("the URL's port must be from 1 to 65535", pointer=pointer)
    try:
        parsed = httpx2.URL(text)
        host = parsed.raw_host.decode("ascii")
        address = _address(host)
        if address is None and not _NAME.fullmatch(host):
            raise ValueError("not a name of the DNS")
    except (httpx2.InvalidURL, ValueError) as exc:
        raise InvalidContent(
            "the URL's host must be a name, an IPv4 address as four decimal numbers, or an IPv6 "
            "address in brackets",
            pointer=pointer,
        ) from exc
    return Target(scheme.lower(), host, port, parsed.raw_path.decode("ascii"), address)


def _address(host: str) -> Address | None:
    """Return a host's address, None for a name; raises ValueError for other spellings."""
    if ":" in host:
        if "%" in host:
            raise AddressValueError("an address with a zone means something on one machine alone")
        return IPv6Address(host)
    return IPv4Address(host) if _ENDS_IN_NUMBER.fullmatch(host) else None
