"""HTTP client: the address it connects to, the request it sends, and its outcomes."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence

import pytest

from plaudit import __version__
from plaudit.core.outbound import http_client
from plaudit.core.outbound.http_client import HttpClient
from plaudit.model.webhooks import AttemptResult, AttemptStatus
from tests.support.harness import clean_environment
from tests.support.network.receivers import LOOPBACK, OK, Receiver, Talk, abort, book
from tests.support.running.every_case import every_case

CANARY = "canary-7f3a9"


def post(
    talk: Talk | bytes,
    *,
    path: str = "/hook",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
) -> tuple[AttemptResult, Receiver]:
    """Post once to a receiver that talks like this."""

    async def main() -> tuple[AttemptResult, Receiver]:
        async with Receiver(talk).listening() as receiver:
            url = f"http://127.0.0.1:{receiver.port}{path}"
            client = HttpClient(LOOPBACK, deadline_s=http_client.DEADLINE_SECONDS)
            return await client.post(url, body, headers or {}), receiver

    return asyncio.run(main())


def answering(answer: bytes) -> AttemptResult:
    return post(answer)[0]


def never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@pytest.fixture
def short_deadline(monkeypatch):
    """The 15 seconds, shortened for tests that wait them out."""
    monkeypatch.setattr(http_client, "DEADLINE_SECONDS", 0.6)
    monkeypatch.setattr(http_client, "CONNECT_SECONDS_MAX", 0.3)


def test_a_permitted_network_is_called_on_any_port():
    result, receiver = post(OK, body=b'{"task_id":"task_1"}')

    assert result.outcome == AttemptStatus.ok
    assert (result.status, result.byte_count) == (200, 2)
    assert receiver.bodies == [b'{"task_id":"task_1"}']


def test_a_request_carries_our_name_and_the_given_headers_and_asks_for_nothing_encoded():
    _, receiver = post(OK, path="/a%20b?c=d#e", headers={"webhook-id": "msg_1"})

    line, *fields = receiver.heads[0].decode().strip().split("\r\n")
    assert line == "POST /a%20b?c=d HTTP/1.1"
    assert sorted(fields) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        "Content-Length: 2",
        f"Host: 127.0.0.1:{receiver.port}",
        f"User-Agent: Plaudit/{__version__}",
        "webhook-id: msg_1",
    ]


def test_nothing_of_the_environment_is_heeded(monkeypatch):
    async def main() -> tuple[AttemptResult, int, int]:
        async with Receiver(OK).listening() as proxy, Receiver(OK).listening() as receiver:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            result = await HttpClient(LOOPBACK).post(receiver.url, b"{}", {})
            return result, proxy.connections, receiver.connections

    result, by_proxy, direct = asyncio.run(main())

    assert (result.outcome, by_proxy, direct) == (AttemptStatus.ok, 0, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failed_attempt_and_is_not_followed(status):
    async def main() -> tuple[AttemptResult, int]:
        async with Receiver(OK).listening() as other:
            answer = (
                f"HTTP/1.1 {status} Found\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            async with Receiver(answer).listening() as receiver:
                return await HttpClient(LOOPBACK).post(receiver.url, b"{}", {}), other.connections

    result, followed = asyncio.run(main())

    assert (result.outcome, result.status, followed) == (AttemptStatus.status, status, 0)


def test_cookies_are_not_kept():
    async def main() -> list[bytes]:
        answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with Receiver(answer).listening() as receiver:
            client = HttpClient(LOOPBACK)
            for _ in range(2):
                await client.post(receiver.url, b"{}", {})
            return receiver.heads

    heads = asyncio.run(main())

    assert len(heads) == 2
    assert not any(b"ookie" in head for head in heads)


@every_case("status", [300, 304, 400, 404, 410, 429, 500, 503, 599])
def test_whatever_is_not_200_to_299_is_a_failed_attempt_with_its_status(status):
    result = answering(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    assert (result.outcome, result.status) == (AttemptStatus.status, status)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_200_to_299_is_success(status):
    result = answering(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    assert (result.outcome, result.status) == (AttemptStatus.ok, status)


def test_an_attempt_says_nothing_of_what_was_answered():
    result = answering(
        f"HTTP/1.1 500 {CANARY}\r\nX-Secret: {CANARY}\r\nContent-Length: {len(CANARY)}\r\n\r\n"
        f"{CANARY}".encode()
    )

    assert CANARY not in repr(result)
    assert result.byte_count == len(CANARY)


LOGGING = """
import asyncio, sys
from plaudit import logs
from plaudit.core.outbound.http_client import HttpClient
from plaudit.settings import Settings
from tests.support.network.receivers import LOOPBACK
logs.configure_logs(Settings(log_level="debug"))
print(asyncio.run(HttpClient(LOOPBACK).post(sys.argv[1], b"{}", {})).status)
"""


def test_the_log_says_nothing_of_what_was_answered_nor_where_even_at_debug():
    async def main() -> tuple[bytes, bytes]:
        answer = f"HTTP/1.1 200 OK\r\nX: {CANARY}\r\nContent-Length: 0\r\n\r\n".encode()
        async with Receiver(answer).listening() as receiver:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", LOGGING, f"{receiver.url}?key={CANARY}",
                env=clean_environment(PYTHONPATH=":".join(filter(None, sys.path))),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            return await process.communicate()

    printed, logged = asyncio.run(main())

    assert printed.strip() == b"200"
    assert CANARY.encode() not in logged


def test_an_answer_is_not_unpacked():
    """Packed bytes are counted as they came, so a bomb is as large as what was sent."""
    packed = b"\x1f\x8b" + b"x" * 98

    result = answering(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n" + packed
    )

    assert (result.outcome, result.byte_count) == (AttemptStatus.ok, 100)


def test_an_endless_answer_is_cut_off_and_counts_as_answered():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    result, _ = post(talk)

    assert (result.outcome, result.byte_count) == (AttemptStatus.ok, http_client.ANSWER_BYTES_MAX)
    assert result.duration_ms < 15_000


async def _slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def _slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await never()


async def _only_continue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("talk", [_slow_head, _slow_body, _silent, _only_continue])
def test_whoever_is_slow_is_cut_off_at_the_deadline(talk, short_deadline):
    result, _ = post(talk)

    assert result.outcome == AttemptStatus.timeout
    assert 500 <= result.duration_ms < 15_000


def test_a_receiver_that_reads_nothing_is_cut_off_at_the_deadline(short_deadline):
    result, _ = post(_silent, body=b"x" * 20_000_000)

    assert result.outcome == AttemptStatus.timeout
    assert result.duration_ms < 15_000


async def _reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    abort(writer)


async def _reset_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxxx")
    await writer.drain()
    await asyncio.sleep(0.1)
    abort(writer)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")


async def _hang_up_in_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")


@pytest.mark.parametrize(
    "talk", [_reset_at_once, _reset_in_the_body, _hang_up, _hang_up_in_the_head]
)
def test_a_connection_that_ends_too_early_is_a_reset(talk):
    assert post(talk)[0].outcome == AttemptStatus.reset


@every_case(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"HTTP/9.9 banana\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_a_protocol_error(answer):
    assert answering(answer).outcome == AttemptStatus.protocol_error


def test_a_closed_port_is_connect_failed():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

        result = asyncio.run(HttpClient(LOOPBACK).post(url, b"{}", {}))

    assert (result.outcome, result.status) == (AttemptStatus.connect_failed, None)


def test_a_receiver_that_takes_no_connections_is_connect_timeout(short_deadline):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"

        result = asyncio.run(HttpClient(LOOPBACK).post(url, b"{}", {}))

        for filler in fillers:
            filler.close()
    assert result.outcome == AttemptStatus.connect_timeout


def test_a_name_that_is_not_found_is_dns_failed():
    result = asyncio.run(HttpClient(resolve=book()).post("http://gone.example/", b"{}", {}))

    assert result.outcome == AttemptStatus.dns_failed


def test_a_lookup_that_takes_too_long_is_dns_failed(monkeypatch):
    monkeypatch.setattr(http_client, "LOOKUP_SECONDS_MAX", 0.2)

    async def resolve(host: str) -> Sequence[str]:
        await never()
        return []

    result = asyncio.run(HttpClient(resolve=resolve).post("http://slow.example/", b"{}", {}))

    assert result.outcome == AttemptStatus.dns_failed
    assert result.duration_ms < 15_000


def test_another_address_is_tried_when_one_does_not_answer():
    async def main() -> AttemptResult:
        async with Receiver(OK, "127.0.0.2").listening() as receiver:
            names = book(two_example=("127.0.0.1", "127.0.0.2"))
            url = f"http://two.example:{receiver.port}/"
            return await HttpClient(LOOPBACK, resolve=names).post(url, b"{}", {})

    assert asyncio.run(main()).outcome == AttemptStatus.ok


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "http://127.1/", ""])
def test_what_is_no_url_of_ours_is_bad_url(url):
    assert asyncio.run(HttpClient(LOOPBACK).post(url, b"{}", {})).outcome == AttemptStatus.bad_url


@every_case(
    "value, seconds",
    [
        ("0", 0),
        ("120", 120),
        ("86400", 86400),
        ("86401", 86400),
        ("999999999999", 86400),
        ("9999999999999", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Mon, 32 Jan 2099 00:00:00 GMT", None),
        ("\xb2", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(value, seconds):
    head = f"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n"

    result = answering(head.encode("latin-1"))

    assert (result.status, result.retry_after_s) == (429, seconds)


def test_many_posts_at_once_do_not_wait_for_a_slow_one():
    async def main() -> tuple[list[AttemptResult], AttemptResult]:
        async with Receiver(_silent).listening() as slow, Receiver(OK).listening() as quick:
            client = HttpClient(LOOPBACK, deadline_s=3)
            waiting = asyncio.create_task(client.post(slow.url, b"{}", {}))
            done = await asyncio.gather(*(client.post(quick.url, b"{}", {}) for _ in range(50)))
            assert not waiting.done()
            return list(done), await waiting

    quick, slow = asyncio.run(main())

    assert {result.outcome for result in quick} == {AttemptStatus.ok}
    assert slow.outcome == AttemptStatus.timeout
