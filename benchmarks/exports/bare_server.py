"""Send one file's bytes to whoever connects: `python -m benchmarks.exports.bare_server PORT FILE`.

Nothing is done but sending from memory: the least that any server of these bytes could do.
"""

import socket
import sys
from pathlib import Path

PIECE_BYTES = 256 * 1024
REQUEST_BYTES_MAX = 65_536
_OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "


def main(port: int, path: Path) -> None:
    """Serve until the process is ended: `/healthz` without bytes, and the file for all else."""
    content = path.read_bytes()
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                request = connection.recv(REQUEST_BYTES_MAX)
                body = b"" if request.startswith(b"GET /healthz") else content
                _send(connection, body)


def _send(connection: socket.socket, body: bytes) -> None:
    view = memoryview(body)
    connection.sendall(_OK + str(len(body)).encode() + b"\r\n\r\n")
    for start in range(0, len(view), PIECE_BYTES):
        connection.sendall(view[start : start + PIECE_BYTES])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
