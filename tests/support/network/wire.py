"""A connection that says bytes as they are, and what it is answered."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import msgspec

from tests.support.harness import Server


class Answer(msgspec.Struct):
    """One response as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Spoken(msgspec.Struct):
    """What a connection gave: responses, what is left over, and whether it was closed."""

    answers: list[Answer]
    rest: bytes
    is_closed: bool

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


class Wire:
    """Speaks bytes to one running server."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.key = key

    def say(
        self, *pieces: bytes, heads: int = 0, expect: int | None = 1, seconds: float = 5.0
    ) -> Spoken:
        """Send the pieces, then read until `expect` responses came, the close, or the time.

        The first `heads` responses are to HEAD, without a body. With `expect` None the time is
        always waited for, to see that nothing more comes.
        """
        with socket.create_connection(("127.0.0.1", self.server.port)) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data, is_closed = b"", False
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(0.05)
                try:
                    link.sendall(piece)
                except OSError:
                    break
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                link.settimeout(left)
                try:
                    got = link.recv(65536)
                except (TimeoutError, ConnectionResetError) as exc:
                    is_closed = isinstance(exc, ConnectionResetError)
                    break
                data += got
                is_closed = not got
                if is_closed or (expect and len(parse(data, heads)[0]) >= expect):
                    break
        answers, rest = parse(data, heads)
        return Spoken(answers, rest, is_closed)

    def get(self, target: str, *headers: str, method: str = "GET") -> Answer:
        """One request with Ann's key."""
        lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}"]
        text = "\r\n".join([*lines, *headers, "", ""])
        spoken = self.say(text.encode("latin-1"), heads=int(method == "HEAD"))
        assert len(spoken.answers) == 1, spoken
        return spoken.answers[0]

    def logged(self, request_id: str) -> list[dict[str, Any]]:
        """The log's lines about a request; they are written just after its answer."""
        for _ in range(40):
            lines = [json.loads(one) for one in self.server.log_path.read_bytes().splitlines()]
            if found := [one for one in lines if one.get("request_id") == request_id]:
                return found
            time.sleep(0.02)
        return []


def parse(data: bytes, heads: int = 0) -> tuple[list[Answer], bytes]:
    """Cut what a server sent into responses."""
    answers: list[Answer] = []
    while True:
        head, mark, rest = data.partition(b"\r\n\r\n")
        if not mark:
            return answers, data
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1.1 ")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        assert len(headers) == len(lines), "a header stands twice"
        size = 0 if len(answers) < heads else int(headers["content-length"])
        if len(rest) < size:
            return answers, data
        answers.append(Answer(int(first[9:12]), headers, rest[:size]))
        data = rest[size:]
