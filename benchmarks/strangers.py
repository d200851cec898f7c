"""Hold connections to a server as hostile strangers do: `python -m benchmarks.strangers PORT N`.

N connections of each kind; one that the server closes is opened again after a while.
"""

import asyncio
import sys
from contextlib import suppress

PAUSE_SECONDS = 1.0
"""Between two bytes of a connection."""
REOPEN_SECONDS = 10.0
"""Before a closed connection is opened again; a quicker stranger costs more than its place."""

_HOST = b"HTTP/1.1\r\nHost: x\r\n"
KINDS = {
    "silent": (b"", b""),
    "slow head": (b"GET / HTTP/1.1\r\nHost: ", b"x"),
    "idle": (b"GET /healthz " + _HOST + b"\r\n", b""),
    "slow body after a 401": (b"POST /v2/batch " + _HOST + b"Content-Length: 10000\r\n\r\n", b"x"),
    "slow body": (b"POST /sign-in " + _HOST + b"Content-Length: 10000\r\n\r\n", b"x"),
    "never read": ((b"GET /openapi.json " + _HOST + b"\r\n") * 20, b""),
}
"""First bytes of each kind of connection, and those sent in every further second."""


async def hold(port: int, first: bytes, further: bytes) -> None:
    """Hold one connection of a kind, and open it again whenever it is closed."""
    while True:
        with suppress(OSError):
            # A reader whose limit is one byte stops reading at once.
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.write(first)
            while not reader.at_eof() and not writer.is_closing():
                await asyncio.sleep(PAUSE_SECONDS)
                writer.write(further)
                await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(REOPEN_SECONDS)


async def main(port: int, count: int) -> None:
    kinds = [kind for kind in KINDS.values() for _ in range(count)]
    await asyncio.gather(*(hold(port, *kind) for kind in kinds))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
