"""Downloads over HTTP for whoever runs a command and names the URL.

Redirects are followed, and the proxies of the environment used. Unlike `http_client`, it connects
to any address: a server, whose callers choose URLs, must not use it. Messages hold neither user
names, passwords nor queries, which often are credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2

from plaudit import __version__
from plaudit.errors import Misconfigured

HTTP_SCHEMES = ("http", "https")
REDIRECTS_MAX = 5
TIMEOUT_SECONDS = 30.0
"""Seconds for a connection, and for the next bytes of an answer."""
CHUNK_BYTES = 256 * 1024
_HEADERS = {"User-Agent": f"Plaudit/{__version__}", "Accept-Encoding": "identity"}

OnChunk = Callable[[bytes, int | None], object]
"""Called with the next bytes of a download, and with the size of all of it, None if unknown."""


def shown_url(url: str) -> str:
    """URL without what may be a credential: user name, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def download(url: str, on_chunk: OnChunk) -> None:
    """Get a URL, and follow up to REDIRECTS_MAX redirects, though not from https to http.

    Raises Misconfigured, and what `on_chunk` raises.
    """
    shown = shown_url(url)
    try:
        with httpx2.Client(headers=_HEADERS, timeout=TIMEOUT_SECONDS) as client:
            target = httpx2.URL(url)
            for _ in range(REDIRECTS_MAX + 1):
                with client.stream("GET", target) as answer:
                    if answer.has_redirect_location:
                        target = _followed(target, answer.headers["location"], shown)
                        continue
                    if not answer.is_success:
                        raise Misconfigured(f"{shown} answers with status {answer.status_code}")
                    length = answer.headers.get("content-length", "")
                    size = int(length) if length.isdecimal() else None
                    for chunk in answer.iter_raw(CHUNK_BYTES):
                        on_chunk(chunk, size)
                    return
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as exc:
        raise Misconfigured(f"{shown} {_words_of(exc)}") from None
    raise Misconfigured(f"{shown} redirects more than {REDIRECTS_MAX} times")


def _followed(target: httpx2.URL, location: str, shown: str) -> httpx2.URL:
    """URL that a redirect leads to; raises Misconfigured for one that must not be followed."""
    followed = target.join(location)
    is_weaker = target.scheme == "https" and followed.scheme == "http"
    if is_weaker or followed.scheme not in HTTP_SCHEMES:
        raise Misconfigured(f"{shown} redirects from {target.scheme} to {followed.scheme}")
    return followed


def _words_of(exc: Exception) -> str:
    """Words for a failure; those of the library may repeat the URL."""
    match exc:
        case httpx2.ConnectError() | httpx2.ProxyError():
            return "cannot be reached"
        case httpx2.TimeoutException():
            return f"did not answer within {TIMEOUT_SECONDS:.0f} seconds"
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return "is no URL that can be read"
        case _:
            return "broke off its answer"
