"""No spelling of an internal address leads there: neither when a URL is saved nor when it is used.

Canaries listen on 127.0.0.1 and ::1, on a port that is permitted, so that nothing but the rule for
addresses stands between them and the client. `test_outbound_network.py` has the other networks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest

from plaudit.core.outbound import urls
from plaudit.core.outbound.http_client import PORTS, HttpClient, resolve_host
from plaudit.core.outbound.ip_addresses import is_among, is_public
from plaudit.errors import InvalidContent
from plaudit.model.webhooks import AttemptStatus
from tests.support.network.receivers import OK, Receiver, book
from tests.support.running.every_case import every_case

HOSTS = [
    # 127.0.0.1 and 0.0.0.0 as inet_aton, getaddrinfo and browsers read them
    "127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "127.255.255.254", "2130706433", "0x7f000001",
    "0x7f.1", "0X7F.0X0.0X0.0X1", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "0177.0.0.01",
    "127.000.000.001", "00000177.1", "127.0x1", "0x000000007f000001", "4294967297",
    "340282366920938463463374607431768211457", "0", "0x0", "0x", "00", "0.0.0.0", "0.0", "0.0.0.0.",
    # IPv6, and the forms of it that hold an IPv4 address
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::]",
    "[::0.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::FFFF:7F00:0001]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2002:7f00:1::1]", "[2001:0:7f00:1::]", "[2001::80ff:fffe]", "[fe80::1]", "[fe80::1%lo]",
    "[fe80::1%25lo]", "[::1%lo]", "[::1%251]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[ff02::1]", "[100::1]", "[2001:db8::1]", "::1", "[::1", "::1]", "[127.0.0.1]", "[v1.x]", "[]",
    # letters and digits beyond ASCII, and what is percent-encoded
    "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "ⓛocalhost",
    "localho\u017ft", "loca\u00adlhost", "%31%32%37.0.0.1", "127.0.0.1%00", "127%2e0%2e0%2e1",
    "localhost%00.example.com", "127.0.0.1%2f.example.com",
    # other readings of what the host is
    "u@127.0.0.1", "u:p@[::1]", "@127.0.0.1", "example.com@127.0.0.1", "127.0.0.1:80:80",
    "127.0.0.1\\@example.com", "example.com\\@127.0.0.1", "example.com:80\\@127.0.0.1",
    "127.0.0.1\t", "127.0.\n0.1", " 127.0.0.1", "127.0.0.1\x00", "\u00a0127.0.0.1",
    "127.0.0.1\r\nX:",
    # names
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain",
    "localhost6", "ip6-localhost", "loopback", "metadata", "metadata.google.internal",
    "printer.local", "router.home.arpa", "localtest.example", "mixed.example", "six.example",
    "mapped.example", "nat.example", "zoned.example", "many.example",
    # addresses of other networks
    "10.0.0.5", "10.5", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
    "100.127.255.255", "169.254.169.254", "169.254.43518", "2852039166", "0xa9fea9fe",
    "0251.0376.0251.0376", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1",
]  # fmt: skip

URLS = [
    "file:///etc/passwd", "gopher://{host}/", "dict://{host}/", "ftp://{host}/", "ws://{host}/",
    "unix:///run/x.sock", "//{host}/", "{host}", "http:{host}", "http:/{host}/", "http:///{host}/",
    "http:\\\\{host}\\", "http://\\{host}/", "javascript://{host}/%0a", "https+unix://{host}/",
    "http://{host}#@example.com/", "http://{host}?@example.com/", "http://example.com@{host}/",
    "http://example.com#@{host}:x/..\\", "HTTP://{host}", "hTTps://{host}", "http://{host}:/",
    "http ://{host}/", "http://[::ffff:{host}]/", "http://{host}:0/", "http://{host}:65536/",
    "http://{host}:00080/", "http://{host}:٨٠/", "http://{host}:+80/", "http://{host}:8_0/",
]  # fmt: skip
"""Whole URLs; the host stands for 127.0.0.1 and the port of a canary."""

_names = book(
    localtest_example=["127.0.0.1"],
    mixed_example=["93.184.216.34", "127.0.0.1"],
    six_example=["::1"],
    mapped_example=["::ffff:127.0.0.1"],
    nat_example=["64:ff9b::7f00:1"],
    zoned_example=["fe80::1%1"],
    many_example=[*(f"93.184.216.{n}" for n in range(200)), "::1"],
)


async def resolve(host: str) -> Sequence[str]:
    """Names of our own, and the system's resolver for what it reads without asking anybody."""
    if re.fullmatch(r"[0-9a-fx.]+|localhost\.?", host):
        return await resolve_host(host)
    return await _names(host)


def hits(url: str) -> tuple[bool, AttemptStatus, int]:
    """Return if a URL may be saved, the outcome of a POST, and the calls that a canary got.

    `{port}` in the URL becomes the canaries' port.
    """

    async def main() -> tuple[bool, AttemptStatus, int]:
        canary, canary6 = Receiver(OK), Receiver(OK, "::1")
        async with canary.listening():
            canary6.port = canary.port
            async with canary6.listening():
                client = HttpClient(resolve=resolve, ports=(*PORTS, canary.port))
                text = url.replace("{port}", str(canary.port))
                try:
                    await client.check_url(text)
                    is_saved = True
                except InvalidContent:
                    is_saved = False
                result = await client.post(text, b"{}", {})
                return is_saved, result.outcome, canary.connections + canary6.connections

    return asyncio.run(main())


def test_there_are_enough_spellings():
    assert len(set(HOSTS)) == len(HOSTS) >= 120
    assert len(set(URLS)) == len(URLS) >= 30


@every_case("host", HOSTS)
def test_no_spelling_of_an_internal_host_leads_there(host):
    is_saved, outcome, connections = hits(f"http://{host}:{{port}}/")

    assert connections == 0
    assert outcome in (
        AttemptStatus.bad_url,
        AttemptStatus.refused_address,
        AttemptStatus.dns_failed,
    )
    assert not is_saved


@every_case("url", URLS)
def test_no_form_of_url_leads_to_an_internal_host(url):
    is_saved, outcome, connections = hits(url.replace("{host}", "127.0.0.1:{port}"))

    assert connections == 0
    assert outcome in (
        AttemptStatus.bad_url,
        AttemptStatus.refused_address,
        AttemptStatus.dns_failed,
    )
    assert not is_saved


@pytest.mark.parametrize(("host", "listener"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
def test_a_canary_would_notice(host, listener):
    async def main() -> int:
        async with Receiver(OK, listener).listening() as canary:
            client = HttpClient([ip_network(listener)])
            await client.check_url(f"http://{host}:{canary.port}/")
            await client.post(f"http://{host}:{canary.port}/", b"{}", {})
            return canary.connections

    assert asyncio.run(main()) == 1


def test_the_address_that_was_checked_is_the_one_that_is_called():
    """The resolver is asked once for each attempt; what it would say next does not matter."""
    answers = [["127.0.0.2"], ["127.0.0.1"]] * 10
    asked: list[str] = []

    async def flip(host: str) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    async def main() -> tuple[list[AttemptStatus], int, int]:
        good, canary = Receiver(OK, "127.0.0.2"), Receiver(OK)
        async with good.listening():
            canary.port = good.port
            async with canary.listening():
                client = HttpClient([ip_network("127.0.0.2")], resolve=flip)
                url = f"http://flip.example:{good.port}/"
                found = [(await client.post(url, b"{}", {})).outcome for _ in range(20)]
                return found, good.connections, canary.connections

    outcomes, called, canary_hits = asyncio.run(main())

    assert outcomes == [AttemptStatus.ok, AttemptStatus.refused_address] * 10
    assert (called, canary_hits, len(asked)) == (10, 0, 20)


def test_a_name_that_was_fine_when_saved_is_checked_again_when_used():
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])

    async def flip(host: str) -> Sequence[str]:
        return next(answers)

    async def main() -> tuple[AttemptStatus, int]:
        async with Receiver(OK).listening() as canary:
            client = HttpClient([ip_network("127.0.0.2")], resolve=flip)
            url = f"http://flip.example:{canary.port}/"
            await client.check_url(url)
            return (await client.post(url, b"{}", {})).outcome, canary.connections

    assert asyncio.run(main()) == (AttemptStatus.refused_address, 0)


PUBLIC = book(hook_example=["93.184.216.34"], both_example=["1.1.1.1", "2606:4700::1111"])


@every_case(
    "url",
    [
        "http://hook.example/", "https://hook.example", "https://hook.example:443/a?b=c#d",
        "http://hook.example:443/", "https://hook.example:80/", "HTTPS://HOOK.EXAMPLE/",
        "https://both.example/", "https://1.1.1.1/", "https://[2606:4700::1111]/",
        "https://unknown.example/", "https://b\u00fccher.example/", "https://xn--bcher-kva.example/",
        "https://a_b.example/", "https://hook.example/" + "x" * 2000, "https://hook.example/\u00e4",
    ],
)  # fmt: skip
def test_a_public_url_may_be_saved(url):
    asyncio.run(HttpClient(resolve=PUBLIC).check_url(url))


@pytest.mark.parametrize(
    "url", ["http://hook.example:8080/", "https://1.1.1.1:8443/", "https://unknown.example:22/"]
)
def test_a_public_address_is_called_on_the_usual_ports_alone(url):
    client = HttpClient(resolve=PUBLIC)

    with pytest.raises(InvalidContent, match=r"on port 80 or 443.*PLAUDIT_EGRESS_ALLOW"):
        asyncio.run(client.check_url(url))

    outcome = asyncio.run(client.post(url, b"{}", {})).outcome
    assert outcome in (AttemptStatus.refused_address, AttemptStatus.dns_failed)


@every_case(
    "url, message",
    [
        ("ftp://hook.example/", "http://host/path or https://host/path"),
        ("https://u:p@hook.example/", "user name or password"),
        ("https://hook.example/a b", "percent-encode"),
        ("https://127.1/", "four decimal numbers"),
        ("https://hook.example:99999/", "1 to 65535"),
        ("https://hook.example/" + "x" * 2048, "2048 characters"),
        ("https://" + "a" * 64 + ".example/", "must be a name"),
        ("https://" + "a." * 127 + "example/", "must be a name"),
        ("https://-a.example/", "must be a name"),
        ("https://[2606:4700::1111%lo]/", "must be a name"),
        ("https://[2606:4700::1111%251]/", "must be a name"),
        ("https://a..example/", "must be a name"),
    ],
)
def test_a_refusal_says_what_to_change(url, message):
    with pytest.raises(InvalidContent, match=message):
        asyncio.run(HttpClient(resolve=PUBLIC).check_url(url))


def test_a_refusal_points_at_the_field():
    for url in ("ftp://x/", "http://10.0.0.1/"):
        with pytest.raises(InvalidContent) as caught:
            asyncio.run(HttpClient().check_url(url, pointer="/callback_url"))

        assert caught.value.pointer == "/callback_url"


def test_a_refusal_does_not_say_where_a_name_leads():
    client = HttpClient(resolve=book(secret_example=["10.11.12.13"]))

    with pytest.raises(InvalidContent) as caught:
        asyncio.run(client.check_url("https://secret.example/"))

    assert "10.11" not in f"{caught.value.message} {caught.value.detail}"


def test_a_name_beyond_ascii_is_looked_up_in_its_ascii_form():
    target = urls.parse_url("https://B\u00fccher.Example:443/\u00e4?\u00f6=1")

    assert target.host == "xn--bcher-kva.example"
    assert target.path == "/%C3%A4?%C3%B6=1"


@every_case(
    "address, is_it",
    [
        ("0.255.255.255", False), ("1.0.0.0", True), ("9.255.255.255", True), ("10.0.0.0", False),
        ("10.255.255.255", False), ("11.0.0.0", True), ("100.63.255.255", True),
        ("100.64.0.0", False), ("100.127.255.255", False), ("100.128.0.0", True),
        ("126.255.255.255", True), ("127.0.0.0", False), ("128.0.0.0", True),
        ("168.63.129.15", True), ("168.63.129.16", False), ("169.253.255.255", True),
        ("169.254.0.0", False), ("169.255.0.0", True), ("172.15.255.255", True),
        ("172.16.0.0", False), ("172.31.255.255", False), ("172.32.0.0", True),
        ("192.0.0.255", False), ("192.0.1.0", True), ("192.0.2.0", False), ("192.0.3.0", True),
        ("192.88.99.255", False), ("192.167.255.255", True), ("192.168.255.255", False),
        ("192.169.0.0", True), ("198.17.255.255", True), ("198.18.0.0", False),
        ("198.19.255.255", False), ("198.20.0.0", True), ("198.51.100.0", False),
        ("203.0.113.255", False), ("203.0.114.0", True), ("223.255.255.255", True),
        ("224.0.0.0", False), ("239.255.255.255", False), ("240.0.0.0", False),
        ("255.255.255.255", False), ("::", False), ("::1", False), ("::8.8.8.8", False),
        ("::ffff:8.8.8.8", False), ("64:ff9b::8.8.8.8", False), ("64:ff9b:1::1", False),
        ("100::1", False), ("1fff:ffff::1", False), ("2000::1", True), ("2001::1", False),
        ("2001:1ff:ffff::1", False), ("2001:200::1", True), ("2001:db7:ffff::1", True),
        ("2001:db8::1", False), ("2001:db9::1", True), ("2001:ffff::1", True), ("2002::1", False),
        ("2003::1", True), ("2606:4700::1111", True), ("3ffe::1", True), ("3fff:fff::1", False),
        ("3fff:1000::1", True), ("4000::1", False), ("5f00::1", False), ("fc00::1", False),
        ("fdff::1", False), ("fe80::1", False), ("febf::1", False), ("fec0::1", False),
        ("ff02::1", False),
    ],
)  # fmt: skip
def test_each_border_of_the_public_addresses_is_where_it_should_be(address, is_it):
    assert is_public(ip_address(address)) == is_it


def test_a_permitted_ipv4_network_does_not_permit_other_forms_of_its_addresses():
    networks = [ip_network("127.0.0.0/8")]

    assert is_among(ip_address("127.9.9.9"), networks)
    assert not is_among(ip_address("::ffff:127.0.0.1"), networks)
    assert not is_among(ip_address("::7f00:1"), networks)


def test_one_address_that_is_not_permitted_spoils_a_name():
    names = book(two_example=["10.0.0.1", "10.1.0.1"])

    with pytest.raises(InvalidContent):
        asyncio.run(
            HttpClient([ip_network("10.0.0.0/16")], resolve=names).check_url("http://two.example/")
        )
    asyncio.run(
        HttpClient([ip_network("10.0.0.0/8")], resolve=names).check_url("http://two.example/")
    )
