"""Ask a server steadily for something small: `python -m benchmarks.stalls.probe PORT KEY`.

A request is due every few milliseconds. One that is due while its predecessor still waits has
waited from then on, so that a long wait counts for as many requests as it kept back. For each
line on standard input, the waits since the line before are written as JSON.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress

from benchmarks import load

TARGET = "/v2/projects"
PAUSE_SECONDS = 0.01


class Probe:
    """A probe in a process of its own; `with` ends it."""

    def __init__(self, port: int, key: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stalls.probe", str(port), key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while not self.read():
            time.sleep(PAUSE_SECONDS)

    def read(self) -> list[float]:
        """Seconds that each request waited that was answered since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        waits: list[float] = json.loads(self._process.stdout.readline())
        return waits

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def _ask(port: int, key: str, waits: list[float]) -> None:
    """Send requests for ever; a wait ends when the next whole answer is there."""
    request = load.get(port, TARGET, key)
    due = time.monotonic()
    while True:
        with suppress(OSError, load.LoadError), load.Connection(port) as connection:
            while True:
                time.sleep(max(0.0, due - time.monotonic()))
                connection.fetch(request)
                now = time.monotonic()
                while due <= now:
                    waits.append(now - due)
                    due += PAUSE_SECONDS
        time.sleep(PAUSE_SECONDS)


def main(port: int, key: str) -> None:
    waits: list[float] = []
    threading.Thread(target=_ask, args=(port, key, waits), daemon=True).start()
    for _ in sys.stdin:
        count = len(waits)
        print(json.dumps(waits[:count]), flush=True)
        del waits[:count]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
