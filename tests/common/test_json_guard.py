"""Strict JSON: counted before it is built, and decoded without holding other threads up."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.json_guard import PIECE_BYTES, StructureCount

TEXTS = (
    b'{"a":[1,{"b":""}],"c":null}',
    b'{"a,]":"\\"[{:,","b\\\\":"\\\\","c":["\\u005b",",\\\\\\""]}',
    b'["\\\\\\\\",{"\\"":"\\\\\\"]"},[]]',
    b'[ "a" , "b\\n" , { "c" : [ ] } ]',
    b'"["',
    b"",
)


def counted_one_by_one(text: bytes) -> int:
    """Structural characters, told from strings by a pattern of whole strings."""
    return len(re.findall(rb"[\[\]{},:]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)))


@pytest.mark.parametrize("text", TEXTS)
def test_the_count_does_not_depend_on_the_pieces(text):
    expected = counted_one_by_one(text)
    for cut in range(len(text) + 1):
        for other in range(cut, len(text) + 1):
            count = StructureCount()
            for piece in (text[:cut], text[cut:other], b"", text[other:]):
                count.add(piece)
            assert count.count == expected, (cut, other)


def make_long(item: Any) -> Any:
    return {
        "many": [item] * 2_000,
        "text": "é\n" * PIECE_BYTES,
        "nested": [[{"again": [item] * 2_000, "": item}], {}],
        **{f"key {number}": item for number in range(1_000)},
    }


@pytest.mark.parametrize("padding", [0, PIECE_BYTES])
def test_a_document_of_few_values_is_the_same_however_long_its_text_is(padding):
    text = 'a, [b], {c}: \\ "' + "é" * padding
    levels = json_guard.DEPTH_MAX - 1
    for value, is_good in (
        ([{"text": text, "more": [text, {"text": text}]}], True),
        ({"": nested(levels, text)}, True),
        ({"": nested(levels + 1, text)}, False),
        ([text, 2**63], False),
        ([text, "\0"], False),
    ):
        data = json.dumps(value, ensure_ascii=False).encode()
        if is_good:
            assert json_guard.check(data) == value
        else:
            with pytest.raises(InvalidContent):
                json_guard.check(data)
    for bad in (b'{"a":"%b","a":1}', b'["%b",]', b'["%b"'):
        with pytest.raises(InvalidContent):
            json_guard.check(bad % (b"x" * padding))


def nested(levels: int, value: Any) -> Any:
    """A value within so many arrays."""
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("item", [1, -0.5, None, "t\n", [], {}, [[1, "2"]], {"a": {"b": 1e300}}])
def test_a_long_document_is_what_it_is_decoded_whole(item):
    value = make_long(item)
    for text in (msgspec.json.encode(value), msgspec.json.format(msgspec.json.encode(value))):
        assert json_guard.check(text) == value
        assert json_guard.check(b" \n" + text) == value


def test_no_call_of_the_decoder_builds_more_than_a_piece(monkeypatch):
    """A call holds the interpreter's lock, and the event loop waits for it."""
    sizes: list[int] = []
    whole = msgspec.json.Decoder()

    class Counted:
        def decode(self, data: bytes) -> Any:
            sizes.append(len(data))
            return whole.decode(data)

    monkeypatch.setattr(json_guard, "_ANY", Counted())
    text = msgspec.json.encode({"a": [[1.5, {"b": []}]] * 50_000, "c": {"d": list(range(50_000))}})
    assert json_guard.check(text) == msgspec.json.decode(text)
    assert len(text) > 10 * PIECE_BYTES
    assert max(sizes) <= 2 * PIECE_BYTES


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (b'{"a":1,"a":2}', "/a"),
        (b'[{}, {"a\\\\" : {"\\"" : 1, "b" : 2, "\\"":3}}]', '/1/a\\/"'),
        (b'{"x" : [1, [2], {"k":"k\\":","k": 1}]}', "/x/2/k"),
    ],
)
@pytest.mark.parametrize("padding", [0, PIECE_BYTES])
def test_a_key_that_stands_twice_is_found_with_its_place(text, pointer, padding):
    with pytest.raises(InvalidContent) as refused:
        json_guard.check(text + b" " * padding)

    assert refused.value.pointer == pointer


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_long_document_that_is_too_deep_is_refused(opening):
    closing = opening.replace(b'"a":', b"")[::-1].translate(bytes.maketrans(b"[{", b"]}"))
    text = b'"' + b"x" * PIECE_BYTES + b'"'
    for count in (json_guard.DEPTH_MAX + 1, 400, 5_000):
        with pytest.raises(InvalidContent, match="nested deeper"):
            json_guard.check(opening * count + text + closing * count)


def test_more_structure_than_allowed_is_refused():
    text = b"[" + b"1," * 100_000 + b"1]"
    json_guard.refuse_structure(text, 100_002)
    with pytest.raises(InvalidContent):
        json_guard.refuse_structure(text, 100_001)
