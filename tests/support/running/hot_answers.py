"""Every read that a test asks for, put to the hot route too: both answers are the same bytes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest
from starlette.types import ASGIApp, Message, Scope

from plaudit.api.http.hot_route import HotAnswer
from plaudit.api.http.middleware import Edge

TRIES = 50
"""Tests may write beside their reads, so that one answer is of before and one of after."""

compared: Counter[str] = Counter()
"""Answers that were compared in this process, by path."""

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""


async def compare(app: ASGIApp, scope: Scope, asked: Answer) -> None:
    """Fail unless the hot route leaves this request to the ordinary way or answers the same."""
    if not isinstance(app, Edge) or app._services.settings.database is not None:
        return
    for _ in range(TRIES):
        await asyncio.sleep(0)  # the turn ends in which the organization was served
        hot = _ask_hot(app, scope)
        if hot is None:
            return
        if _comparable(hot) == _comparable(asked):
            compared[scope["raw_path"].decode()] += 1
            return
        asked = await _ask_again(app, scope)
    pytest.fail(f"two answers to {scope['raw_path']} {scope['query_string']}: {hot} {asked}")


def _ask_hot(app: Edge, scope: Scope) -> Answer | None:
    """The hot route's answer to a request that was just answered, and counted, the other way."""
    with _counted_once(app):
        answer = app.hot.answer(scope["raw_path"], scope["query_string"], scope["headers"])
    return None if answer is None else (200, _headers(answer), b"".join(answer.body.read()))


def _headers(answer: HotAnswer) -> list[tuple[bytes, bytes]]:
    assert answer.body.size == sum(map(len, answer.body.read()))
    lines = answer.head.split(b"\r\n")
    assert lines.pop() == b"", "a head ends with its last header"
    return [cast("tuple[bytes, bytes]", tuple(line.split(b": ", 1))) for line in lines]


def _comparable(answer: Answer) -> Answer:
    """An answer without its request id, which is another one each time unless it is given."""
    status, headers, body = answer
    return status, [pair for pair in headers if pair[0] != b"x-request-id"], body


def _fresh(scope: Scope) -> Scope:
    """The scope as it was before the application got it."""
    kept = {name: value for name, value in scope.items() if not name.startswith("plaudit.")}
    return kept | {"headers": list(scope["headers"]), "path": scope["raw_path"].decode("latin-1")}


@contextmanager
def _counted_once(app: Edge) -> Iterator[None]:
    """Take back what the first answer took of its quotas, and put it back unless it is taken."""
    buckets = [] if app._rates is None else app._rates._buckets
    before = [dict(bucket._full_at) for bucket, _ in buckets]
    for bucket, _ in buckets:
        bucket._full_at = {who: at - bucket._cost for who, at in bucket._full_at.items()}
    try:
        yield
    finally:
        for (bucket, _), full_at in zip(buckets, before, strict=True):
            bucket._full_at = full_at


async def _ask_again(app: Edge, scope: Scope) -> Answer:
    start: list[Message] = []
    pieces: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        start.append(message)
        pieces.append(bytes(message.get("body", b"")))

    await app(_fresh(scope), receive, send)
    headers: Sequence[tuple[bytes, bytes]] = start[0]["headers"]
    return start[0]["status"], list(headers), b"".join(pieces)
