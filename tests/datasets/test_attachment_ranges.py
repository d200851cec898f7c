"""Parts of attachments: byte ranges (RFC 9110, section 14)."""

from __future__ import annotations

from tests.support.attachments import TEXT, link_of, upload
from tests.support.harness import one_engine
from tests.support.operations import assert_is_error
from tests.support.running.every_case import every_case

SIZE = len(TEXT)


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-", 0, SIZE),
    ("bytes=5-9", 5, 10),
    ("bytes = 5 - 9 ", 5, 10),
    ("BYTES=5-9", 5, 10),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    (f"bytes=10-{SIZE + 100}", 10, SIZE),
    ("bytes=10-999999999999999999", 10, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    (f"bytes=-{SIZE}", 0, SIZE),
    (f"bytes=-{SIZE + 5}", 0, SIZE),
]


WHOLE = [
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=5",
    "bytes=9-5",
    "bytes=a-b",
    "bytes=0-1,4-5",
    "bytes=0-1,",
    "bytes=--5",
    "bytes=-5-",
    "bytes=5--9",
    "items=0-1",
    "bytes=0-9999999999999999999999",
    "bytes=٣-٤",
    "bytes=0x1-0x2",
]


OUTSIDE = [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=999999999999-", "bytes=-0"]


@one_engine
@every_case("value, start, end", RANGES)
def test_a_range_gets_its_bytes(nobody, link, value, start, end):
    answer = nobody.get(link, headers={"Range": value})

    assert answer.status_code == 206
    assert answer.content == TEXT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@one_engine
@every_case("value", WHOLE)
def test_what_is_not_one_range_gets_the_whole(nobody, link, value):
    answer = nobody.get(link, headers={"Range": value.encode("utf-8")})

    assert (answer.status_code, answer.content) == (200, TEXT)
    assert "content-range" not in answer.headers


@every_case("value", OUTSIDE)
def test_a_range_without_a_byte_is_a_416_that_says_how_many_there_are(nobody, link, value):
    answer = nobody.get(link, headers={"Range": value})

    assert_is_error(416, answer.headers, answer.json())
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


def test_if_range_gives_the_part_of_the_same_file_and_the_whole_of_another(nobody, link):
    etag = nobody.get(link).headers["etag"]
    given = [etag, '"other"', f"W/{etag}", "Wed, 01 Jan 2025 00:00:00 GMT", ""]

    answers = [nobody.get(link, headers={"Range": "bytes=0-3", "If-Range": one}) for one in given]

    assert [answer.status_code for answer in answers] == [206, 200, 200, 200, 200]


def test_head_says_the_same_without_the_bytes(nobody, link):
    whole, head = nobody.get(link), nobody.head(link, headers={"Range": "bytes=0-3"})

    drop = {"x-request-id"}
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in whole.headers.items() if k not in drop
    }


def test_an_empty_file_is_served_and_has_no_range(client, nobody):
    link = link_of(client, upload(client, b""))

    whole, part = nobody.get(link), nobody.get(link, headers={"Range": "bytes=0-"})

    assert (whole.status_code, whole.content) == (200, b"")
    assert (part.status_code, part.headers["content-range"]) == (416, "bytes */0")
