"""Requests of a reader to a server: repeated where that helps, and downloads that go on.

Everything that is asked only reads, so a request may be sent again. Messages do not hold the key.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import IO, Any

import httpx2

from plaudit.client.exchange import RETRIED, retry_after_s
from plaudit.client.transport import ServerAddress

ATTEMPTS_MAX = 8
"""Requests in a row that bring nothing before a reader gives up."""

WAIT_S_MAX = 60.0
"""Seconds between two requests at the most, also where the server names more."""

TIMEOUT = httpx2.Timeout(30.0, read=660.0)
"""Seconds; an export waits its turn, and may be whole before its first byte, in up to 600 s."""

_ERROR_CHARS_MAX = 300


class ReadFailed(Exception):
    """A server that refuses a request, or does not answer however often it is asked."""


class ExportTransport:
    """Requests to one server with one key, on connections that are kept until it is closed.

    Raises ReadFailed for a URL or key that cannot be right.
    """

    def __init__(self, url: str, key: str) -> None:
        try:
            address = ServerAddress(url, key)
        except ValueError as exc:
            raise ReadFailed(str(exc)) from None
        headers = {name: address.headers[name] for name in ("Authorization", "User-Agent")}
        self._client = httpx2.Client(base_url=address.url, headers=headers, timeout=TIMEOUT)

    def __enter__(self) -> ExportTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def find(self, path: str, **params: Any) -> Any:
        """JSON of a resource; None if there is none. Raises ReadFailed."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                answer = self._client.get(path, params=params)
            except httpx2.TransportError as exc:
                _wait(attempt, path, words=type(exc).__name__)
                continue
            if answer.status_code in RETRIED:
                _wait(attempt, path, answer)
                continue
            if answer.status_code == httpx2.codes.NOT_FOUND:
                return None
            if not answer.is_success:
                raise ReadFailed(f"{path}: {_told(answer)}")
            try:
                return answer.json()
            except ValueError:
                raise ReadFailed(f"{path}: the answer is no JSON") from None
        raise AssertionError("the last attempt raises")

    def get(self, path: str, **params: Any) -> Any:
        """JSON of a resource that must be there. Raises ReadFailed."""
        found = self.find(path, **params)
        if found is None:
            raise ReadFailed(f"{path}: there is no such thing, or not for this key")
        return found

    def download(self, path: str, file: IO[bytes], **params: str) -> None:
        """Write a file to the beginning of an empty one; a broken download goes on where it was.

        Raises ReadFailed. A file that the server had to make again, and that became another one,
        is read from its beginning.
        """
        etag, attempt = "", 0
        while True:
            position = file.tell()
            headers = {"Accept-Encoding": "identity"}
            if position and etag:
                headers |= {"Range": f"bytes={position}-", "If-Range": etag}
            try:
                with self._client.stream("GET", path, params=params, headers=headers) as answer:
                    if answer.status_code in RETRIED:
                        answer.read()
                        _wait(attempt, path, answer)
                        attempt += 1
                        continue
                    if answer.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE:
                        # It broke off where the file ends, or the file has become shorter.
                        file.seek(0)
                        file.truncate()
                        _wait(attempt, path, answer)
                        attempt += 1
                        continue
                    if not answer.is_success:
                        answer.read()
                        raise ReadFailed(f"{path}: {_told(answer)}")
                    if answer.status_code != httpx2.codes.PARTIAL_CONTENT:
                        file.seek(0)
                        file.truncate()
                    etag = answer.headers.get("etag", "")
                    for chunk in answer.iter_raw():  # a size would hold back what has come
                        file.write(chunk)
                return
            except httpx2.TransportError as exc:
                attempt = 0 if file.tell() > position else attempt
                _wait(attempt, path, words=type(exc).__name__)
                attempt += 1


def _wait(
    attempt: int, path: str, answer: httpx2.Response | None = None, *, words: str = ""
) -> None:
    """Sleep before the next attempt; raises ReadFailed after the last one."""
    if attempt + 1 >= ATTEMPTS_MAX:
        raise ReadFailed(f"{path}: {words if answer is None else _told(answer)}; given up")
    asked = "" if answer is None else answer.headers.get("retry-after", "")
    seconds = retry_after_s(asked)
    if seconds is None:
        seconds = min(30.0, 0.5 * 2**attempt)
    time.sleep(min(WAIT_S_MAX, seconds) * random.uniform(1.0, 1.2))


def _told(answer: httpx2.Response) -> str:
    """Status of an answer, with what the server says of it."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    said = body.get("error") if isinstance(body, Mapping) else None
    return f"status {answer.status_code}" + (f", {said[:_ERROR_CHARS_MAX]}" if said else "")
