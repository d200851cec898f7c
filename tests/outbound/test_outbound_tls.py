"""TLS to receivers: the name of the URL is what must be certified, whatever address it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from plaudit.core.outbound.http_client import HttpClient
from plaudit.model.webhooks import AttemptResult, AttemptStatus
from tests.support.network.receivers import LOOPBACK, OK, Authority, Receiver, abort, book


def tls_post(
    authority: Authority, *, certificate: Sequence[str], url_host: str, trusted: bool = True
) -> tuple[AttemptResult, Receiver]:
    """Post over TLS to a receiver on 127.0.0.1 that goes by the name hook.example."""

    async def main() -> tuple[AttemptResult, Receiver]:
        async with Receiver(OK).listening(authority.server(*certificate)) as receiver:
            client = HttpClient(
                LOOPBACK,
                resolve=book(hook_example=("127.0.0.1",)),
                tls=authority.client() if trusted else None,
            )
            url = f"https://{url_host}:{receiver.port}/"
            return await client.post(url, b"{}", {}), receiver

    return asyncio.run(main())


def test_tls_verifies_the_name_and_not_the_address(tmp_path):
    authority = Authority(tmp_path)

    by_name, receiver = tls_post(authority, certificate=("hook.example",), url_host="hook.example")
    by_address, _ = tls_post(authority, certificate=("127.0.0.1",), url_host="hook.example")

    assert by_name.outcome == AttemptStatus.ok
    assert f"Host: hook.example:{receiver.port}".encode() in receiver.heads[0]
    assert by_address.outcome == AttemptStatus.tls_failed


def test_tls_with_an_address_in_the_url_verifies_the_address(tmp_path):
    authority = Authority(tmp_path)

    good, _ = tls_post(authority, certificate=("127.0.0.1",), url_host="127.0.0.1")
    bad, _ = tls_post(authority, certificate=("hook.example",), url_host="127.0.0.1")

    assert (good.outcome, bad.outcome) == (AttemptStatus.ok, AttemptStatus.tls_failed)


def test_a_certificate_of_an_unknown_authority_is_tls_failed(tmp_path):
    result, receiver = tls_post(
        Authority(tmp_path), certificate=("hook.example",), url_host="hook.example", trusted=False
    )

    assert (result.outcome, receiver.heads) == (AttemptStatus.tls_failed, [])


@pytest.mark.parametrize("manner", ["answers", "hangs up", "resets"])
def test_a_receiver_that_speaks_no_tls_is_tls_failed(manner):
    async def main() -> AttemptResult:
        async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            if manner == "answers":
                writer.write(OK)
            elif manner == "resets":
                abort(writer)

        async with Receiver(hello).listening() as receiver:
            url = f"https://127.0.0.1:{receiver.port}/"
            return await HttpClient(LOOPBACK).post(url, b"{}", {})

    assert asyncio.run(main()).outcome == AttemptStatus.tls_failed
