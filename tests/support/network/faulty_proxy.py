"""Proxy before a server that answers with errors and cuts downloads, as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
from msgspec import Struct


class Refusal(Struct):
    """Answer with this status, and this Retry-After if there is one."""

    status: int
    retry_after: str | None = None


class Cut(Struct):
    """End the connection after so many bytes of the body, or before the answer if it is None."""

    after: int | None


class FaultyProxy:
    """Address of the proxy, what it is still to do to the next requests, and what came in."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.faults: list[Refusal | Cut | None] = []
        self.requests: list[tuple[str, dict[str, str]]] = []


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """Forward GET requests to a server; each takes the next of `faults`, None for none."""
    with httpx2.Client(base_url=target, timeout=30) as client:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                proxy.requests.append((self.path, headers))
                fault = proxy.faults.pop(0) if proxy.faults else None
                if isinstance(fault, Refusal):
                    self.send_response(fault.status)
                    if fault.retry_after is not None:
                        self.send_header("Retry-After", fault.retry_after)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if isinstance(fault, Cut) and fault.after is None:
                    self.close_connection = True
                    return
                kept = ("authorization", "range", "if-range", "accept-encoding")
                answer = client.get(
                    self.path, headers={name: headers[name] for name in kept if name in headers}
                )
                self.send_response(answer.status_code)
                for name in ("content-type", "etag", "content-range"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                # An export that was sent while it was made came without a size.
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                if isinstance(fault, Cut):
                    self.wfile.write(answer.content[: fault.after])
                    self.close_connection = True
                else:
                    self.wfile.write(answer.content)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        proxy = FaultyProxy(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
