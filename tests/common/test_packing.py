"""Pieces that were compressed apart are one content in each coding, for whoever reads it."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from plaudit.client import compression
from plaudit.model.codings import Coding
from plaudit.wire.v2 import packing
from plaudit.wire.v2.packing import Summed
from tests.support.running.every_case import every_case

PIECES = st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=6)


def content_of(coding: Coding, pieces: list[bytes], head: bytes, tail: bytes) -> bytes:
    """A head, pieces with commas between them in runs of two, and a tail."""
    packer, before, sums, packed = packing.Packer(), 0, [], []
    mark = packing.plain_piece(coding, b",")
    for number, piece in enumerate(pieces):
        begins_run = number % 2 == 0
        if begins_run:
            before = 77  # a run is summed as a part of something
            sums.append(Summed(before, before, 0))
        else:
            before = zlib.crc32(b",", before)
        after = zlib.crc32(piece, before)
        length = sums[-1].length + len(piece) + (not begins_run)
        sums[-1] = Summed(sums[-1].before, after, length)
        before = after
        frame, deflate = packer.pack(piece)
        packed += [mark] * (number > 0) + [frame if coding is Coding.zstd else deflate]
    begin, end = packing.packed_ends(coding, head, tail, b",", sums)
    return b"".join((begin, *packed, end))


@given(first=st.binary(max_size=5000), second=st.binary(max_size=5000))
def test_a_checksum_of_two_contents_is_that_of_both(first, second):
    combined = packing.combined(zlib.crc32(first), zlib.crc32(second), len(second))

    assert combined == zlib.crc32(first + second)


@every_case("length", [0, 1, 255, 256, 65_535, 65_536, 10**7, 2**24 + 1])
def test_checksums_of_long_contents_are_combined(length):
    second = bytes(length)
    first = zlib.crc32(b"a")

    assert packing.combined(first, zlib.crc32(second), length) == zlib.crc32(second, first)


@given(pieces=PIECES, head=st.binary(max_size=700), tail=st.binary(max_size=700))
def test_each_reader_of_gzip_gets_the_pieces_joined(pieces, head, tail):
    whole = head + b",".join(pieces) + tail

    content = content_of(Coding.gzip, pieces, head, tail)

    assert gzip.decompress(content) == whole
    assert gzip.GzipFile(fileobj=io.BytesIO(content)).read() == whole
    one_member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert (one_member.decompress(content), one_member.eof) == (whole, True)
    assert one_member.unused_data == b""


@given(pieces=PIECES, head=st.binary(max_size=700), tail=st.binary(max_size=700))
def test_each_reader_of_zstd_gets_the_pieces_joined(pieces, head, tail):
    whole = head + b",".join(pieces) + tail

    content = content_of(Coding.zstd, pieces, head, tail)

    assert zstd.decompress(content) == whole
    assert zstd.ZstdFile(io.BytesIO(content)).read() == whole
    assert compression.unpacked(content, "zstd", len(whole)) == whole


@pytest.mark.parametrize("coding", list(Coding))
@given(parts=st.lists(st.binary(max_size=1000)))
def test_a_content_that_is_compressed_for_one_answer_is_that_of_its_parts(coding, parts):
    content = packing.packed_whole(coding, parts)

    assert compression.unpacked(content, coding, 10**7) == b"".join(parts)
