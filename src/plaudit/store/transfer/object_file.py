"""One file of an object store (s3, gs, az), read by whoever runs a command and names its URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from plaudit.errors import Misconfigured

CHUNK_BYTES = 256 * 1024
REASON_CHARS_MAX = 200
_USER = re.compile(r"//[^/]*@")
_CLIENT: Any = {"timeout": "10min", "connect_timeout": "10s", "allow_http": True}
_RETRIES: Any = {"max_retries": 3}


def read_object(url: str, on_chunk: Callable[[bytes, int | None], object]) -> None:
    """Read the object of a URL; `on_chunk` gets its bytes and the size of all of it.

    obstore reads credentials from the variables of the provider's tools (AWS_ACCESS_KEY_ID, …).
    Raises Misconfigured, and what `on_chunk` raises.
    """
    folder, _, name = url.rpartition("/")
    shown = _USER.sub("//", url)
    try:
        store = from_url(folder, client_options=_CLIENT, retry_config=_RETRIES)
        result = obstore.get(store, name)
        size = result.meta["size"]
        for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
            on_chunk(bytes(chunk), size)
    except FileNotFoundError:
        raise Misconfigured(f"{shown} does not exist") from None
    except (BaseError, ValueError) as exc:
        said = " ".join(str(exc).partition("Debug source:")[0].split())
        raise Misconfigured(f"{shown} cannot be read: {said[:REASON_CHARS_MAX]}") from exc
