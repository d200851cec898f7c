"""A network of its own, with a false Internet, internal servers and a name server that lies.

Run inside new network and mount namespaces (`test_outbound_network.py` does that). It gives the
loopback interface the addresses below, answers on ports 80 and 443 of each, points the system's
resolver at its own name server, and drives the product's client through all of it. Prints one JSON
object: what became of each case, and how often an internal server was called.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

from plaudit.core.outbound.http_client import HttpClient
from plaudit.errors import InvalidContent
from tests.outbound.test_ip_addresses import HOSTS, URLS

PUBLIC = "93.184.216.34"
METADATA = "169.254.169.254"
INTERNAL = ("127.0.0.1", "::1", "10.0.0.5", "100.64.0.1", METADATA, "fd00:ec2::254", "172.17.0.1")
REPEATS = 30

NAMES: dict[str, list[list[str]]] = {
    "good.test": [[PUBLIC]],
    "flip.test": [[PUBLIC], [METADATA]],
    "flop.test": [[METADATA], [PUBLIC]],
    "mixed.test": [[PUBLIC, METADATA]],
    "meta.test": [[METADATA]],
    "ten.test": [["10.0.0.5"]],
    "shared.test": [["100.64.0.1"]],
    "loop.test": [["127.0.0.1"]],
    "six.test": [["::1"]],
    "cloud.test": [["fd00:ec2::254"]],
    "split.test": [[PUBLIC, "::1"]],
    "later.test": [[PUBLIC]],
}
"""Name → what successive lookups find, over and over. TTL 0."""


class NameServer(asyncio.DatagramProtocol):
    """Answers A and AAAA for NAMES; each name moves on with every question for its A record."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, packet: bytes, address: tuple[str, int]) -> None:
        place, labels = 12, []
        while packet[place]:
            labels.append(packet[place + 1 : place + 1 + packet[place]].decode().lower())
            place += 1 + packet[place]
        (kind,) = struct.unpack_from("!H", packet, place + 1)
        name, question = ".".join(labels), packet[12 : place + 5]
        found = self._find(name, kind)
        head = packet[:2] + struct.pack(
            "!HHHHH", 0x8180 if name in NAMES else 0x8183, 1, len(found), 0, 0
        )
        answers = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(one)) + one for one in found
        )
        self._transport.sendto(head + question + answers, address)

    def _find(self, name: str, kind: int) -> list[bytes]:
        turns = NAMES.get(name, [[]])
        if kind == 1:
            self.asked[name] += 1
        turn = turns[(max(1, self.asked[name]) - 1) % len(turns)]
        version = {1: 4, 28: 6}.get(kind)
        return [ip_address(one).packed for one in turn if ip_address(one).version == version]


class Web:
    """An HTTP server on ports 80 and 443 of one address; redirects what asks for /redirect."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.connections = 0

    async def start(self) -> None:
        for port in (80, 443):
            await asyncio.start_server(self._answer, self.host, port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            moved = head.startswith(b"POST /redirect")
            line = b"302 Found\r\nLocation: http://169.254.169.254/" if moved else b"200 OK"
            writer.write(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


def prepare() -> None:
    """Addresses on the loopback interface, and our name server in resolv.conf."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (PUBLIC, *INTERNAL):
        if address not in ("127.0.0.1", "::1"):
            # Nobody else can have it; until that is known, nothing could be bound to it.
            form = [f"{address}/128", "nodad"] if ":" in address else [f"{address}/32"]
            subprocess.run(["ip", "address", "add", *form, "dev", "lo"], check=True)
    files = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.write_text(text)
            subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)


async def attempt(client: HttpClient, url: str) -> dict[str, str | bool]:
    """Try to save a URL, and post to it whether or not that worked."""
    try:
        await client.check_url(url)
        is_saved = True
    except InvalidContent:
        is_saved = False
    return {"saved": is_saved, "outcome": (await client.post(url, b"{}", {})).outcome}


async def main() -> None:
    """Run every case and print what came of it."""
    names = NameServer()
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 53))
    public, internal = Web(PUBLIC), [Web(host) for host in INTERNAL]
    for one in (public, *internal):
        await one.start()

    client = HttpClient()
    found: dict[str, object] = {}
    for name in NAMES:
        found[name] = await attempt(client, f"http://{name}/")
    found["public literal"] = await attempt(client, f"http://{PUBLIC}/")
    found["redirect"] = await attempt(client, "http://good.test/redirect")
    found["unknown"] = await attempt(client, "http://gone.test/")
    NAMES["later.test"] = [[METADATA]]
    found["later.test, later"] = await attempt(client, "http://later.test/")

    before = public.connections
    rounds = [(await client.post("http://flip.test/", b"{}", {})).outcome for _ in range(REPEATS)]
    found["rebinding"] = dict(Counter(rounds))
    found["rebinding called"] = public.connections - before

    outcomes: Counter[str] = Counter()
    for url in [*(f"http://{h}/" for h in HOSTS), *(u.replace("{host}", METADATA) for u in URLS)]:
        case = await attempt(client, url)
        outcomes[f"{'saved, ' if case['saved'] else ''}{case['outcome']}"] += 1
    found["spellings"] = dict(outcomes)
    found["canaries"] = {one.host: one.connections for one in internal}

    _, writer = await asyncio.open_connection(METADATA, 80)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(0.1)
    found["canary control"] = sum(one.connections for one in internal)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    prepare()
    asyncio.run(main())
