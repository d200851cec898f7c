"""Client of the application in this process that goes away while it is answered."""

from __future__ import annotations

import asyncio
import threading
from typing import Any


def leaving_at(reached: threading.Event) -> Any:
    """A receive that has an empty body, and the client's leaving once `reached` is set."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await asyncio.to_thread(reached.wait, 20)
        return {"type": "http.disconnect"}

    return receive


def scope_of(client: Any, target: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"authorization", client.headers["authorization"].encode())],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "scheme": "http",
        "state": {},
    }
