"""Containers of rows, told by the first bytes of a file; what is none of them is named."""

from __future__ import annotations

import csv
import re
from enum import StrEnum
from io import StringIO

from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.containers.content import Content

HEAD_BYTES = 64 * 1024
"""Bytes at the beginning that decide, for JSON at least a line."""
SAMPLE_RECORDS = 20
"""Records that decide between commas and semicolons, where the header has both."""

OTHER_CONTENT = (
    (rb"PK\x03\x04.{26}mimetype", "an OpenDocument file; save it as XLSX or CSV"),
    (rb"PK\x03\x04|PK\x05\x06|PK\x07\x08", "a ZIP archive; unpack it first"),
    (rb"BZh[1-9]", "compressed with bzip2; plain text, gzip and zstd are read"),
    (rb"\xfd7zXZ\x00", "compressed with xz; plain text, gzip and zstd are read"),
    (rb".{257}ustar", "a tar archive; unpack it first"),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd", "compressed twice; decompress it once"),
    (rb"SQLite format 3\x00", "an SQLite database, which 'plaudit db restore' may take"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel file (XLS); save it as XLSX or CSV"),
    (rb"ARROW1|Obj\x01|ORC", "an Arrow, Avro or ORC file; write it as Parquet or JSON lines"),
    (rb"%PDF-|\x89PNG|\xff\xd8\xff|GIF8", "a document or an image, not rows"),
    (rb"\xff\xfe|\xfe\xff|[\[{]\x00|\x00[\[{]|\x00{3}[\[{]", "not UTF-8 but UTF-16 or UTF-32"),
    (rb"\s*<(!DOCTYPE|html|\?xml|HTML)", "a page or XML, not rows"),
)
"""(beginning, description) of files that are often taken for rows and are none."""

_WORKBOOK_NAME = re.compile(rb"\[Content_Types\]\.xml|_rels/|xl/|docProps/")
"""Names of the files with which a workbook begins."""
_ARRAY = re.compile(rb"\[\s*([{\[\"]|\Z)")
_WIDE_OBJECT = re.compile(rb"\{([^\n]*[{\[,])?[^\S\n]*\n\s*[\"}]")
"""An object whose first line is no row: it goes on with a key."""
_DECLARED = re.compile(rb"sep=([,;\t])\r?\n", re.IGNORECASE)
"""Line before the header, with which spreadsheets are told the delimiter."""
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UTF_16 = re.compile(rb"(\x00[^\x00]){2}|([^\x00]\x00){2}")


class Container(StrEnum):
    """Container of rows; the words are those for people."""

    json_lines = "JSON lines"
    json_array = "a JSON array"
    json_object = "a JSON object"
    csv = "CSV"
    tsv = "TSV"
    xlsx = "XLSX"
    parquet = "Parquet"


class Detected(Struct, frozen=True):
    """Container of a file, the delimiter of a table, and the line on which the content begins."""

    container: Container
    delimiter: str = ","
    line: int = 1
    is_cr: bool = False
    """True where carriage returns alone end the lines."""


def detect(content: Content, row_bytes_max: int, *, line: int, is_json: bool) -> Detected:
    """Tell the container of content without blank lines at its beginning, the first being `line`.

    What looks like neither is a table, or JSON lines if `is_json`, as only JSON will do. Raises
    InvalidContent for content that holds no rows.
    """
    head = content.peek(HEAD_BYTES)
    if not head or head[:1] == b"{":
        return Detected(_of_object(content, head, row_bytes_max), line=line)
    if head[:1] == b"[":
        return Detected(_of_array(head, is_whole=not content.has_more_than(len(head))), line=line)
    if _BINARY.search(head[:1024].partition(b"\n")[0]):
        description = "not UTF-8 but UTF-16 or UTF-32" if _UTF_16.match(head) else "no text"
        raise InvalidContent(f"{content.called} is {description}")
    is_cr = b"\n" not in head and b"\r" in head.rstrip(b"\r")
    if is_cr:
        head = head.replace(b"\r", b"\n")
    if declared := _DECLARED.match(head):
        content.skip(declared.end())
        line, head = line + 1, head[declared.end() :]
    text = head.decode(errors="replace")
    delimiter = declared[1].decode() if declared else delimiter_of(text)
    if is_json or _is_json_after_all(text):
        return Detected(Container.json_lines, line=line)
    container = Container.tsv if delimiter == "\t" else Container.csv
    return Detected(container, delimiter or ",", line=line, is_cr=is_cr)


def packed_kind(content: Content) -> Container | None:
    """Container that is no stream of text, told by its first bytes; None for any other file."""
    head = content.peek(64)
    if head.startswith(b"PAR1"):
        return Container.parquet
    is_package = head.startswith(b"PK\x03\x04") and _WORKBOOK_NAME.match(head, 30)
    return Container.xlsx if is_package else None


def refuse_other_content(content: Content) -> None:
    """Raise InvalidContent for content whose first bytes show that it holds no rows."""
    head = content.peek(512)
    for beginning, description in OTHER_CONTENT:
        if re.match(beginning, head, re.DOTALL):
            raise InvalidContent(f"{content.called} is {description}")


def _of_array(head: bytes, *, is_whole: bool) -> Container:
    line, feed, rest = head.partition(b"\n")
    if (feed or is_whole) and _is_json(line):
        return Container.json_lines if rest.strip() else Container.json_array
    return Container.json_array if _ARRAY.match(head) else Container.json_lines


def _of_object(content: Content, head: bytes, row_bytes_max: int) -> Container:
    if _WIDE_OBJECT.match(head):
        return Container.json_object
    size = len(head)
    # A line longer than a row may be is looked at as an object: its members may be rows.
    while b"\n" not in head.strip() and size <= row_bytes_max and content.has_more_than(size):
        head = content.peek(2 * size)
        size = len(head)
    if not head or b"\n" in head.strip():
        return Container.json_lines
    return Container.json_object


def _is_json(line: bytes) -> bool:
    try:
        json_guard.decode_any(line)
    except InvalidContent:
        return False
    return True


def _is_json_after_all(text: str) -> bool:
    """True for JSON lines whose first one is broken or no object."""
    lines = [line.strip() for line in text.split("\n")[1:4]]
    return any(line.startswith("{") and line.endswith("}") for line in lines)


def delimiter_of(text: str) -> str | None:
    """Delimiter of a table that begins so; None for one column, or what is no table.

    Tabs in the header decide. Where it has both commas and semicolons outside of quotes, the one
    that makes rows of one width does, and commas if both do.
    """
    header = re.sub(r'"(?:[^"]++|"")*+"', "", text).partition("\n")[0]
    if "\t" in header:
        return "\t"
    if ";" not in header:
        return "," if "," in header else None
    if "," not in header:
        return ";"
    return ";" if _is_even(text, ";") and not _is_even(text, ",") else ","


def _is_even(text: str, delimiter: str) -> bool:
    """True if the first records have one number of cells, more than one; the last may be cut."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    widths = []
    try:
        for record in reader:
            widths.append(len(record))
            if len(widths) > SAMPLE_RECORDS:
                break
    except csv.Error:
        return False
    widths = [width for width in widths[: max(1, len(widths) - 1)] if width]
    return len(set(widths)) == 1 and widths[0] > 1
