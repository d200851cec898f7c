"""Requests of the client to servers that fail, delay, break off and lie."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import httpx2
import msgspec
import pytest

from plaudit.client import AsyncClient, Client, ClientError, RetryPolicy
from plaudit.client.exchange import retry_after_s
from tests.support.network.odd_server import OddServer, answered
from tests.support.network.receivers import Authority, Receiver
from tests.support.running.every_case import every_case

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEY = "live_key"
QUICK = RetryPolicy(pause_s=0.001)
PROJECT = {"id": "p", "name": "Birds", "created_at": "2025-01-01T00:00:00.000Z"}


def blocking(server: OddServer, path: str, **options: Any) -> bytes:
    with Client(url=server.url, key=KEY, **{"retry": QUICK} | options) as client:
        return client.get(path)


def asynchronous(server: OddServer, path: str, **options: Any) -> bytes:
    async def ask() -> bytes:
        async with AsyncClient(url=server.url, key=KEY, **{"retry": QUICK} | options) as client:
            return await client.get(path)

    return asyncio.run(ask())


def through_httpx(server: OddServer, path: str, **options: Any) -> bytes:
    """As with a proxy, or with a client of the user's own."""
    with httpx2.Client(timeout=options.pop("timeout_s", 30)) as http:
        return blocking(server, path, http_client=http, **options)


@pytest.fixture(params=[blocking, asynchronous, through_httpx])
def ask(request):
    """Each way to get a path."""
    return request.param


def first(*answers: bytes | None) -> Any:
    """Each answer once, then the last one for ever."""
    return lambda number, head: answers[min(number, len(answers) - 1)]


@every_case("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(ask, status):
    with OddServer(first(answered({"error": "later"}, status), answered(PROJECT))) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT


@every_case("status", [400, 401, 403, 404, 409, 413, 501])
def test_a_refusal_is_raised_at_once_in_the_servers_words(ask, status):
    said = {"status_code": status, "error": "no", "code": "nope", "request_id": "req_1"}
    with OddServer(first(answered(said, status))) as server:
        with pytest.raises(ClientError) as raised:
            ask(server, "/v2/project")

        assert len(server.heads) == 1
    error = raised.value
    assert (error.status, error.code, error.request_id) == (status, "nope", "req_1")
    assert "no" in str(error)
    assert KEY not in str(error)


def test_the_request_id_of_the_header_stands_in_for_that_of_the_body(ask):
    page = answered(b"<html>", 404, x_request_id="req_2")
    with OddServer(first(page)) as server, pytest.raises(ClientError) as raised:
        ask(server, "/v2/project")

    assert raised.value.request_id == "req_2"


@every_case("broken", [None, answered(PROJECT, cut=3), b"nonsense\r\n\r\n"])
def test_a_connection_that_breaks_is_made_again(ask, broken):
    with OddServer(first(broken, broken, answered(PROJECT))) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT
        assert len(server.heads) == 3


BODY = json.dumps(PROJECT).encode()
CHUNKED = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (5, BODY[:5], len(BODY) - 5, BODY[5:])

CHUNKED_ANSWER = b"HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED


@every_case(
    "answer",
    [
        CHUNKED_ANSWER,
        b"HTTP/1.1 200 Said\r\nconnection: close\r\nx-cut: 1\r\n\r\n" + BODY,
        b"HTTP/1.0 200 Said\r\nx-cut: 1\r\n\r\n" + BODY,
        b"HTTP/1.1 103 Early Hints\r\nlink: </style>\r\n\r\n" + answered(PROJECT),
    ],
)
def test_every_way_to_end_an_answer_is_understood(ask, answer):
    with OddServer(first(answer)) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT


@pytest.mark.parametrize("answer", [CHUNKED_ANSWER, answered(PROJECT, x_request_id="r" * 50)])
def test_answers_may_come_byte_by_byte(ask, answer):
    with OddServer(first(answer), piece_bytes=1) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT


def test_a_head_without_end_is_given_up(ask):
    endless = b"HTTP/1.1 200 Said\r\n" + b"x-more: and more\r\n" * 100_000
    with OddServer(first(endless)) as server, pytest.raises(ClientError):
        ask(server, "/v2/project", retry=RetryPolicy(attempts=1))


def test_a_server_that_stays_broken_is_given_up_after_the_attempts(ask):
    with OddServer(first(None)) as server:
        with pytest.raises(ClientError) as raised:
            ask(server, "/v2/project", retry=RetryPolicy(attempts=3, pause_s=0.001))

        assert len(server.heads) == 3
    assert raised.value.status is None


def test_retry_after_is_waited_for(ask):
    with OddServer(first(answered({}, 503, retry_after="1"), answered(PROJECT))) as server:
        ask(server, "/v2/project")

        assert server.moments[1] - server.moments[0] >= 0.9


def test_retry_after_may_be_a_date():
    assert retry_after_s("7") == 7
    assert 500 < retry_after_s(formatdate(time.time() + 1000, usegmt=True)) <= 1000
    assert retry_after_s(formatdate(time.time() - 10, usegmt=True)) == 0
    assert retry_after_s("soon") is None


def test_a_wait_beyond_all_patience_fails_at_once(ask):
    with OddServer(first(answered({"error": "busy"}, 503, retry_after="3600"))) as server:
        started_at = time.monotonic()
        with pytest.raises(ClientError, match="busy"):
            ask(server, "/v2/project")

        assert time.monotonic() - started_at < 60
        assert len(server.heads) == 1


def test_an_answer_that_drips_is_given_up(ask):
    slow = b"HTTP/1.1 200 Said\r\ncontent-length: 1000\r\n\r\n{"
    with OddServer(first(slow)) as server, pytest.raises(ClientError, match="in time"):
        ask(server, "/v2/project", timeout_s=0.05, retry=RetryPolicy(attempts=1))


@pytest.mark.parametrize(("coding", "pack"), [("zstd", zstd.compress), ("gzip", gzip.compress)])
def test_compressed_answers_are_read(ask, coding, pack):
    packed = answered(pack(json.dumps(PROJECT).encode()), content_encoding=coding)
    with OddServer(first(packed)) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT
        assert b"Accept-Encoding: zstd, gzip;q=0.9\r\n" in server.heads[0]


@pytest.mark.parametrize(("coding", "pack"), [("zstd", zstd.compress), ("gzip", gzip.compress)])
def test_a_bomb_is_not_unpacked_beyond_the_bound(ask, coding, pack):
    bomb = answered(pack(b" " * 64_000_000), content_encoding=coding)
    with OddServer(first(bomb)) as server:
        with pytest.raises(ClientError, match="more than 2000000 bytes"):
            ask(server, "/v2/project", answer_bytes_max=2_000_000)

        assert len(server.heads) == 1


def test_an_answer_that_is_long_as_it_is_ends_at_the_bound_too(ask):
    with (
        OddServer(first(answered(b" " * 4_000_000))) as server,
        pytest.raises(ClientError, match="more than 2000000 bytes"),
    ):
        ask(server, "/v2/project", answer_bytes_max=2_000_000)


def test_damaged_compression_is_a_broken_answer(ask):
    damaged = answered(zstd.compress(b"{}" * 1000)[:-4], content_encoding="zstd")
    with OddServer(first(damaged, answered(PROJECT))) as server:
        assert json.loads(ask(server, "/v2/project")) == PROJECT


def test_a_redirect_does_not_carry_the_key_away(ask):
    away = answered({}, 302, location="http://127.0.0.1:9/")
    with OddServer(first(away)) as server, pytest.raises(ClientError, match="redirects"):
        ask(server, "/v2/project")


def test_connections_are_kept():
    with OddServer(first(answered(PROJECT))) as server, Client(url=server.url, key=KEY) as client:
        for _ in range(5):
            client.get("/v2/project")

        assert server.connections == 1


def test_a_write_is_repeated_under_one_idempotency_key():
    answers = first(None, answered({}, 500), answered(PROJECT))
    with (
        OddServer(answers) as server,
        Client(url=server.url, key=KEY, retry=QUICK) as client,
    ):
        client.post("/v2/batch", {"name": "First"})
        client.post("/v2/batch", {"name": "Second"})

    keys = [
        line
        for head in server.heads
        for line in head.split(b"\r\n")
        if line.startswith(b"Idempotency-Key")
    ]
    assert len(server.heads) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]
    assert set(server.bodies[:3]) == {b'{"name":"First"}'}


@pytest.mark.parametrize("answer", [b"[1, 2]", b"null", b"{", b'{"name": 1}', b"\xff", b""])
def test_an_answer_of_another_shape_is_an_error_that_names_the_request(answer):
    with (
        OddServer(first(answered(answer, x_request_id="req_3"))) as server,
        Client(url=server.url, key=KEY) as client,
        pytest.raises(ClientError) as raised,
    ):
        client.project(project_id="p")

    assert "GET /v2/project" in str(raised.value)
    assert raised.value.request_id == "req_3"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host",
        "http://",
        "host:80",
        "http://a:b@host",
        "http://host/?a=1",
        "",
        "http://a:99999",
    ],
)
def test_a_url_that_leads_to_no_server_is_refused(url):
    with pytest.raises(ValueError, match="url"):
        Client(url=url, key=KEY)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "ключ"])
def test_a_key_that_no_header_can_hold_is_refused(key):
    with pytest.raises(ValueError, match="key"):
        Client(url="http://127.0.0.1", key=key)


def test_a_path_before_v2_is_kept_and_v2_itself_not_doubled():
    with OddServer(first(answered(PROJECT))) as server:
        with Client(url=f"{server.url}/feedback/v2/", key=KEY) as client:
            client.project(project_id="p")

        assert server.heads[0].startswith(b"GET /feedback/v2/project?project_id=p HTTP/1.1\r\n")


def test_neither_representation_nor_error_shows_the_key():
    client = Client(url="http://127.0.0.1:9", key=KEY, retry=RetryPolicy(attempts=1))
    with client, pytest.raises(ClientError) as raised:
        client.get("/v2/projects")

    assert KEY not in repr(client) + str(raised.value)
    assert "cannot be reached" in str(raised.value)


def test_a_proxy_of_the_environment_is_used_and_one_that_is_excepted_is_not(monkeypatch):
    with OddServer(first(answered(PROJECT))) as proxy, OddServer(first(answered({}))) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        with Client(url="http://feedback.test", key=KEY) as client:
            assert client.project(project_id="p").name == "Birds"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with Client(url=server.url, key=KEY) as client:
            client.get("/v2/projects")

    assert proxy.heads[0].startswith(b"GET http://feedback.test/v2/project?project_id=p ")
    assert len(server.heads) == 1


@pytest.mark.parametrize("authority", ["ours", "another"])
def test_tls_is_checked_by_the_authorities_that_are_trusted(tmp_path, monkeypatch, authority):
    ours, another = Authority(tmp_path), Authority(tmp_path)
    trusted = {"ours": ours, "another": another}[authority].client()
    monkeypatch.setattr("plaudit.client.connections.httpx2.create_ssl_context", lambda: trusted)

    async def ask() -> str:
        receiver = Receiver(answered(PROJECT))
        receiver.read_request = lambda reader: reader.readuntil(b"\r\n\r\n")
        async with receiver.listening(ours.server("127.0.0.1")):
            url = f"https://127.0.0.1:{receiver.port}"
            with Client(url=url, key=KEY, retry=RetryPolicy(attempts=1)) as client:
                try:
                    return (await asyncio.to_thread(client.project, project_id="p")).name
                except ClientError as exc:
                    return exc.message

    said = asyncio.run(ask())

    assert ("Birds" in said) == (authority == "ours")
    assert ("certificate" in said.lower()) == (authority == "another")


def test_a_path_never_changes_the_host(ask):
    with OddServer(first(answered(PROJECT))) as server:
        assert json.loads(ask(server, "v2/project")) == PROJECT

        assert server.heads[0].startswith(b"GET /v2/project HTTP/1.1\r\n")


def test_a_long_request_may_take_longer_than_a_piece_of_it():
    """Sent whole, it would have one timeout for all of it."""
    content = b'"%b"' % (b"x" * 20_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def read_slowly() -> None:
            peer, _ = listening.accept()
            with peer, peer.makefile("rb") as request:
                while request.readline() != b"\r\n":
                    pass
                for _ in range(20):
                    request.read(len(content) // 20)
                    time.sleep(0.2)
                peer.sendall(answered({}))

        with ThreadPoolExecutor(1) as threads, Client(url=url, key=KEY, timeout_s=3) as client:
            read = threads.submit(read_slowly)
            client.post("/v2/task", msgspec.Raw(content), idempotency_key="once")
            read.result(60)
