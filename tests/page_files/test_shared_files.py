"""Open page files are shared by the threads of a process, and closed with their last reader."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plaudit.store.page_files import file_runs
from plaudit.store.page_files.file_runs import FileRun

THREADS, ROUNDS = 4, 4_000


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns all the time."""
    seconds = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(seconds)


def test_threads_that_open_and_leave_files_all_the_time_read_the_ones_they_opened(tmp_path, hasty):
    heads = {number: file_runs.new_head() for number in (1, 2)}
    for number, (_, head) in heads.items():
        file_runs.path_of(tmp_path, number).write_bytes(head)
    before, wrong = set(os.listdir("/proc/self/fd")), []

    def work(folder: Path, first: int) -> None:
        for turn in range(ROUNDS):
            number = 1 + (turn + first) % 2
            file_id, head = heads[number]
            file = file_runs.open_whole(folder, number, file_id, len(head))
            try:
                if file is None or FileRun(file, 0, len(head)).read() != head:
                    wrong.append("another file, or none")
            except Exception as exc:
                wrong.append(repr(exc))

    threads = [threading.Thread(target=work, args=(tmp_path, first)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert set(os.listdir("/proc/self/fd")) <= before
