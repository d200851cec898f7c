"""Requests of a reader to a server: repeated where that helps, and downloads that go on.

Everything that is asked only reads, so a request may be sent again. Messages do not hold the key.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import IO, Any

import httpx2

from plaudit.client.exchange import RETRIED, Attempts, RetryPolicy
from plaudit.client.transport import ServerAddress

ATTEMPTS_MAX = 8
"""Requests in a row that bring nothing before a reader gives up."""

POLICY = RetryPolicy(
    attempts=ATTEMPTS_MAX, total_s=math.inf, pause_s=1.0, pause_s_max=30.0, retry_after_s_max=60.0
)
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
        attempts = Attempts(POLICY)
        while True:
            try:
                answer = self._client.get(path, params=params)
            except httpx2.TransportError as exc:
                _wait(attempts, path, words=type(exc).__name__)
                continue
            if answer.status_code in RETRIED:
                _wait(attempts, path, answer)
                continue
            if answer.status_code == httpx2.codes.NOT_FOUND:
                return None
            if not answer.is_success:
                raise ReadFailed(f"{path}: {_told(answer)}")
            try:
                return answer.json()
            except ValueError:
                raise ReadFailed(f"{path}: the answer is no JSON") from None

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
        etag, attempts = "", Attempts(POLICY)
        while True:
            position = file.tell()
            headers = {"Accept-Encoding": "identity"}
            if position and etag:
                headers |= {"Range": f"bytes={position}-", "If-Range": etag}
            try:
                with self._client.stream("GET", path, params=params, headers=headers) as answer:
                    if answer.status_code in RETRIED:
                        answer.read()
                        _wait(attempts, path, answer)
                        continue
                    if answer.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE:
                        # It broke off where the file ends, or the file has become shorter.
                        file.seek(0)
                        file.truncate()
                        _wait(attempts, path, answer)
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
                if file.tell() > position:
                    attempts.begin_again()
                _wait(attempts, path, words=type(exc).__name__)


def _wait(
    attempts: Attempts, path: str, answer: httpx2.Response | None = None, *, words: str = ""
) -> None:
    """Sleep before the next attempt; raises ReadFailed after the last one."""
    seconds = attempts.pause_s("" if answer is None else answer.headers.get("retry-after", ""))
    if seconds is None:
        raise ReadFailed(f"{path}: {words if answer is None else _told(answer)}; given up")
    time.sleep(seconds)


def _told(answer: httpx2.Response) -> str:
    """Status of an answer, with what the server says of it."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    said = body.get("error") if isinstance(body, Mapping) else None
    return f"status {answer.status_code}" + (f", {said[:_ERROR_CHARS_MAX]}" if said else "")
