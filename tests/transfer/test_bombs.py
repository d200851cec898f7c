"""Small files that hold far more than they seem to: what reading them costs, and what is said."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plaudit import settings as limits
from plaudit.core.transfer.importer import ImportEntry
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats import files
from plaudit.formats.containers import content as of_content
from plaudit.formats.containers.content import zstd
from plaudit.settings import from_environment
from tests.support.harness import run_cli, store_arguments

CPU_SECONDS_MAX = 5
MEMORY_BYTES_MAX = 100 * 1024 * 1024
PIECE = 16 * 1024 * 1024
PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


def packed(pack: Callable[[bytes], bytes], filling: bytes) -> bytes:
    """1 GiB of a filling in a small file, made of equal members."""
    return pack(filling * (PIECE // len(filling))) * (1024**3 // PIECE)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", content)
    return file.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    f"{name} of {what}": lambda pack=pack, filling=filling: packed(pack, filling)
    for name, pack in PACKED.items()
    for what, filling in {
        "line feeds": b"\n",
        "blank lines": b"  \r\n",
        "one line": b"0",
        "one blank": b" ",
    }.items()
} | {
    "gzip in gzip": lambda: gzip.compress(packed(gzip.compress, b"\n")),
    "gzip in zstd": lambda: zstd.compress(packed(gzip.compress, b"\n")),
    "zstd in gzip": lambda: gzip.compress(packed(zstd.compress, b"\n")),
    "zip": lambda: zipped(b"\n" * PIECE),
    "zip in zip": lambda: zipped(zipped(b"\n" * PIECE)),
    "zip in gzip": lambda: gzip.compress(zipped(b"\n" * PIECE)),
}


@contextmanager
def bounded() -> Iterator[None]:
    """Fail if the block takes more CPU time of this thread, or more memory, than a bomb may."""
    tracemalloc.start()
    began = time.thread_time()
    try:
        yield
        seconds, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < CPU_SECONDS_MAX
    assert peak < MEMORY_BYTES_MAX


def read_all(path: Path, format_name: str = "v2", **options: object) -> list[ImportEntry]:
    return list(files.entries(path, format_name, lambda at: None, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_within_little_time_and_memory(tmp_path, make):
    path = tmp_path / "bomb"
    path.write_bytes(make())

    for format_name in ("v2", "archive"):
        with bounded(), pytest.raises(InvalidContent):
            read_all(path, format_name)


def test_a_zstd_file_may_not_ask_for_a_large_window(tmp_path):
    path = tmp_path / "rows.zst"
    head = b"\x28\xb5\x2f\xfd\x00"  # of a frame that does not tell its size
    for bits, is_read in (
        (of_content.WINDOW_BITS_MAX, True),
        (of_content.WINDOW_BITS_MAX + 1, False),
    ):
        path.write_bytes(head + bytes([bits - 10 << 3]) + b"\x01\x00\x00")  # an empty last block
        if is_read:
            assert read_all(path) == []
        else:
            with pytest.raises(InvalidContent, match="window is larger than 32 MiB"):
                read_all(path)


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_file_of_many_empty_members_tells_how_far_it_has_come(tmp_path, pack):
    """Nothing is in it, so a job that waits for content could not be stopped."""
    path = tmp_path / "empty"
    path.write_bytes(pack(b"") * 20_000)
    told: list[int] = []

    assert list(files.entries(path, "v2", told.append)) == []

    assert len(set(told)) > 2
    assert told[-1] == path.stat().st_size


def test_blank_lines_are_counted_and_told_of_and_keep_the_numbers_of_lines_right(tmp_path):
    path = tmp_path / "rows.gz"
    blank = b"\n \r\n\t\n" * 100_000
    path.write_bytes(gzip.compress(blank + b'  {"a": 1}\n' + blank + b'{"b": 2}'))
    told: list[int] = []

    entries = list(files.entries(path, "oasst", lambda at: None, on_lines=told.append))

    assert [entry.line for entry in entries] == [300_001, 600_002]
    assert told == sorted(told)
    assert len(told) > 4


def test_lines_are_cut_the_same_wherever_blocks_end(tmp_path, monkeypatch):
    content = b'\xef\xbb\xbf\n{"kind": 1}\n\n  \n [1]\r\n' + b"x" * 40 + b'\n\n"last"'
    path = tmp_path / "rows"
    path.write_bytes(content)

    seen = set()
    for size in range(4, 60):
        monkeypatch.setattr(of_content, "READ_BYTES", size)
        seen.add(tuple((entry.line, str(entry.problem)) for entry in read_all(path, "archive")))

    assert [[line for line, _ in lines] for lines in seen] == [[2, 5, 6, 8]]


def test_the_operator_decides_how_much_a_file_may_hold(tmp_path):
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"\n" * 2000))

    read_all(path, inflated_max=2000)
    with pytest.raises(InvalidContent, match="more than 1,999 bytes"):
        read_all(path, inflated_max=1999)
    path.write_bytes(gzip.compress(b"\n" * (of_content.INFLATED_BYTES_FREE + 1)))
    read_all(path, inflated_max=None)
    with pytest.raises(InvalidContent, match="100 times"):
        read_all(path)


def test_an_import_by_the_command_line_holds_to_the_setting(world, tmp_path):
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 100))
    arguments = ["import", str(path), "--format", "v2", *store_arguments(world.settings)]

    refused = run_cli(*arguments, PLAUDIT_INFLATED_BYTES_MAX="50")

    assert refused.returncode == 1
    assert "PLAUDIT_INFLATED_BYTES_MAX" in refused.stderr


def test_the_setting_is_a_number_of_bytes_or_off():
    def read(text: str) -> int | None:
        return from_environment({"PLAUDIT_INFLATED_BYTES_MAX": text}).inflated_bytes_max

    assert [read(""), read("9"), read("off")] == [limits.INFLATED_BYTES_MAX, 9, None]
    for text in ("0", "-1", "4GiB", "1e9", "9" * 30):
        with pytest.raises(Misconfigured):
            read(text)
