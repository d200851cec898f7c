"""An HTTP server whose answers a test writes, in threads of the test's own process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class ScriptedRequest(NamedTuple):
    """A request: its number from 0, its method, path and query, and its body."""

    number: int
    method: str
    target: str
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def first(self, name: str) -> str | None:
        """The first value of a parameter."""
        return self.query.get(name, [None])[0]  # type: ignore[list-item]


class ScriptedAnswer(NamedTuple):
    """An answer; `pieces` are sent one by one, without a length, in place of `content`."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = {}
    pieces: Iterable[bytes] | None = None


def json_answer(value: Any, status: int = 200, **headers: str) -> ScriptedAnswer:
    """An answer in JSON; `Retry_After` is a header's name."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return ScriptedAnswer(json.dumps(value).encode(), status, named)


Script = Callable[[ScriptedRequest], ScriptedAnswer]


class _QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that were killed."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class ScriptedServer:
    """A server on a free port of loopback; `requests` are those that it got, in order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[ScriptedRequest] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def do_GET(self) -> None:
                outer._answer(self)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._http = _QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            number = len(self.requests)
            request = ScriptedRequest(number, handler.command, handler.path, body)
            self.requests.append(request)
        answer = self.script(request)
        try:
            handler.send_response(answer.status)
            for name, text in {"content-type": "application/json", **answer.headers}.items():
                handler.send_header(name, text)
            if answer.pieces is None:
                handler.send_header("Content-Length", str(len(answer.content)))
            else:
                handler.send_header("Connection", "close")
            handler.end_headers()
            for piece in answer.pieces if answer.pieces is not None else (answer.content,):
                handler.wfile.write(piece)
        except OSError:
            handler.close_connection = True
        if answer.pieces is not None:
            handler.close_connection = True


def listing_pages(items: Iterable[Any], member: str, request: ScriptedRequest) -> ScriptedAnswer:
    """A page of at most 100 items, whose tokens are the numbers of their first ones."""
    listed, start = list(items), int(request.first("next_token") or 0)
    page: dict[str, Any] = {member: listed[start : start + 100]}
    if start + 100 < len(listed):
        page["next_token"] = str(start + 100)
    return json_answer(page)


def forward_to(client: Any) -> Script:
    """Script that has an application of this process answer, with the key of its client."""

    def answer(request: ScriptedRequest) -> ScriptedAnswer:
        answered = client.request(request.method, request.target, content=request.body)
        kept = {"content-type", "retry-after"} & answered.headers.keys()
        return ScriptedAnswer(
            answered.content,
            answered.status_code,
            {name: answered.headers[name] for name in kept},
        )

    return answer
