"""Where a request comes from, and whom to believe about it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from plaudit.api.http.client_address import ROUTED, client_network
from plaudit.errors import Misconfigured
from plaudit.settings import LOOPBACK, from_environment
from tests.support.running.every_case import every_case

PROXIES = (*LOOPBACK, ip_network("10.0.0.0/8"))


@every_case(
    "peer, said, network",
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::1", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["198.51.100.7, 10.2.2.2"], "198.51.100.7"),
        ("127.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["nonsense, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("::ffff:127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["::ffff:198.51.100.7, ::ffff:10.2.2.2"], "198.51.100.7"),
        ("127.0.0.1", ["1.1.1.1, 198.51.100.7:50123"], "198.51.100.7"),
        ("127.0.0.1", ["[2001:db8:1:2:3:4:5:6]:50123"], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["198.51.100.7, [10.1.1.1"], "127.0.0.1"),
        ("testclient", ["198.51.100.7"], "testclient"),
    ],
)
def test_a_client_is_known_by_its_address_or_by_the_word_of_a_trusted_proxy(peer, said, network):
    """Whatever a client writes into the header itself stands before what the proxy adds."""
    headers = [(b"x-forwarded-for", one.encode()) for one in said]

    assert client_network({"client": (peer, 1), "headers": headers}, PROXIES) == network


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("testclient", "testclient"),
    ],
)
def test_networks_that_are_routed_by_themselves_are_wider(peer, network):
    scope = {"client": (peer, 1), "headers": []}

    assert client_network(scope, PROXIES, prefixes=ROUTED) == network


def test_the_proxies_that_are_believed_are_a_setting():
    assert from_environment({}).trusted_proxies == LOOPBACK
    assert from_environment({"PLAUDIT_TRUSTED_PROXIES": "none"}).trusted_proxies == ()
    named = from_environment({"PLAUDIT_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}).trusted_proxies
    assert named == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    with pytest.raises(Misconfigured, match="PLAUDIT_TRUSTED_PROXIES"):
        from_environment({"PLAUDIT_TRUSTED_PROXIES": "everybody"})
