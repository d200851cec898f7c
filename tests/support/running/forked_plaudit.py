"""The command `plaudit` for scripts of the shell, each forked from one that has imported it.

To start Python and import what a command needs takes half a second of CPU. Here a small program
of that name hands its arguments, folder, environment and the three streams to the process of the
tests, which forks the command (`forked_process`) and hands its exit code back.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from plaudit.cli import main
from tests.support.forked_process import ForkedProcess

SECONDS_MAX = 60
_PROGRAM = """#!{python} -IS
import json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect({path!r})
told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(link, [len(told).to_bytes(4, "big")], [0, 1, 2])
link.sendall(told)
sys.exit(link.recv(1)[0])
"""


class ForkedPlaudit:
    """A folder for PATH in which `plaudit` is the forked command, until the end of the block."""

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="plaudit-")
        folder = Path(self._folder.name)
        address = str(folder / "socket")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(address)
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        program = folder / "plaudit"
        program.write_text(_PROGRAM.format(python=sys.executable, path=address))
        program.chmod(0o700)
        return folder

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._folder.cleanup()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listening.accept()
            except OSError:  # the end of the block
                return
            threading.Thread(target=_answer, args=(link,), daemon=True).start()


def _answer(link: socket.socket) -> None:
    """Run what one program asks for, and tell it the exit code; nothing if that fails."""
    with link, link.makefile("rb") as reader:
        size, descriptors, _, _ = socket.recv_fds(link, 4, 3)
        streams = [Connection(one) for one in descriptors]
        arguments, folder, environ = json.loads(reader.read(int.from_bytes(size, "big")))
        process = ForkedProcess(_run, arguments, folder, *streams, environ=environ)
        for stream in streams:
            stream.close()
        code = process.wait(SECONDS_MAX)
        link.sendall(bytes([code if code >= 0 else 128 - code]))


def _run(arguments: list[str], folder: str, *streams: Connection) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the one of before was closed by the fork
    os.chdir(folder)
    sys.argv = ["plaudit", *arguments]
    main()
