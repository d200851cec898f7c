"""Parquet: batches of records as JSON values; needs pyarrow, which the extra `parquet` installs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import INFLATED_BYTES_FREE, INFLATION_MAX
from plaudit.json_guard import INT_MAX, INT_MIN, escape

BATCH_ROWS_MAX = 512
BATCH_BYTES = 32 * 1024 * 1024
"""Bytes that a batch may take, as far as the sizes of the columns tell."""
COLUMNS_MAX = 16_384

_encode = msgspec.json.Encoder().encode


def rows_of_parquet(
    path: Path,
    called: str,
    row_bytes_max: int,
    on_progress: Callable[[int], None],
    inflated_max: int | None,
    on_remark: Callable[[str], None] = lambda remark: None,
) -> Iterator[Row]:
    """Rows of a Parquet file; times are ISO texts, decimals texts, maps objects.

    Raises InvalidContent for a file that is damaged, holds bytes or more than it may, and
    Misconfigured where pyarrow is missing.
    """
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as exc:
        raise Misconfigured(
            f"{called} is a Parquet file, which needs pyarrow: pip install 'plaudit[parquet]'"
        ) from exc
    number = 0
    try:
        with parquet.ParquetFile(path, pre_buffer=False, memory_map=False) as file:
            _check_size(file.metadata, path.stat().st_size, called, inflated_max)
            _check_columns(file.schema_arrow, called, arrow.types)
            on_progress(0)
            count = max(file.metadata.num_rows, 1)
            size = _batch_rows(file.metadata)
            for batch in file.iter_batches(batch_size=size, use_threads=False):
                for value in _values(batch):
                    number += 1
                    yield _row(called, number, value, row_bytes_max)
                on_progress(path.stat().st_size * number // count)
    except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError) as exc:
        reason = " ".join(str(exc).split())[:200]
        raise InvalidContent(f"{called} is damaged after row {number}: {reason}") from exc


def _check_size(metadata: Any, size: int, called: str, inflated_max: int | None) -> None:
    if metadata.num_columns > COLUMNS_MAX:
        raise InvalidContent(
            f"{called} has {metadata.num_columns:,} columns, more than {COLUMNS_MAX:,}"
        )
    inflated = sum(
        metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)
    )
    if inflated_max is None:
        return
    if inflated > max(INFLATED_BYTES_FREE, INFLATION_MAX * size):
        raise InvalidContent(
            f"{called} holds more than {INFLATION_MAX} times the bytes it has, which rows do not"
        )
    if inflated > inflated_max:
        raise InvalidContent(
            f"{called} holds more than {inflated_max:,} bytes, which PLAUDIT_INFLATED_BYTES_MAX"
            " permits"
        )


def _batch_rows(metadata: Any) -> int:
    """Rows that are decoded at once.

    A value of a dictionary stands in the file once, however many rows have it: each of them may be
    as long as the dictionary.
    """
    longest = 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = 0
        for at in range(group.num_columns):
            column = group.column(at)
            is_shared = any("DICTIONARY" in encoding for encoding in column.encodings)
            rows = 1 if is_shared else max(group.num_rows, 1)
            size += column.total_uncompressed_size // rows
        longest = max(longest, size)
    return max(1, min(BATCH_ROWS_MAX, BATCH_BYTES // longest))


def _check_columns(schema: Any, called: str, types: Any) -> None:
    """Raise InvalidContent for a column of bytes, or a name that stands twice."""
    if len(set(schema.names)) < len(schema.names):
        raise InvalidContent(f"{called} has two columns of one name")
    for field in schema:
        waiting = [field.type]
        while waiting:
            kind = waiting.pop()
            if (
                types.is_binary(kind)
                or types.is_large_binary(kind)
                or types.is_fixed_size_binary(kind)
                or types.is_interval(kind)
                or types.is_duration(kind)
            ):
                raise InvalidContent(
                    f"{called} has a column {field.name!r} of {kind}, which JSON cannot hold"
                )
            if types.is_dictionary(kind):
                waiting.append(kind.value_type)
            else:
                waiting += [kind.field(n).type for n in range(kind.num_fields)]


def _values(batch: Any) -> Iterator[Any]:
    """Records of a batch as Python values; InvalidContent for one that is none."""
    try:
        yield from batch.to_pylist(maps_as_pydicts="strict")
        return
    except (ValueError, KeyError):  # text that is not UTF-8, say: which row it is shows one by one
        pass
    for at in range(batch.num_rows):
        try:
            yield batch.slice(at, 1).to_pylist(maps_as_pydicts="strict")[0]
        except UnicodeDecodeError:
            yield InvalidContent("text is not valid UTF-8")
        except (ValueError, KeyError) as exc:
            yield InvalidContent(f"a value cannot be read: {' '.join(str(exc).split())[:200]}")


def _row(called: str, number: int, value: Any, row_bytes_max: int) -> Row:
    try:
        if isinstance(value, InvalidContent):
            raise value
        plain = _plain(value, "")
        encoded = _encode(plain)
        if len(encoded) > row_bytes_max:
            raise InvalidContent(f"the row is longer than {row_bytes_max} bytes")
        return Row(file=called, number=number, value=plain, size=len(encoded))
    except InvalidContent as problem:
        return Row(file=called, number=number, value=None, problem=problem)


def _plain(value: Any, pointer: str) -> Any:
    """Value of JSON for a value of Arrow; raises InvalidContent with a pointer."""
    match value:
        case str():
            if "\0" in value:
                raise InvalidContent("text holds a NUL character", pointer=pointer)
            return value
        case None | bool():
            return value
        case int():
            if not INT_MIN <= value <= INT_MAX:
                raise InvalidContent("an integer is outside the 64-bit range", pointer=pointer)
            return value
        case float():
            if not math.isfinite(value):
                raise InvalidContent("a number is NaN or infinite", pointer=pointer)
            return value
        case list():
            return [_plain(item, f"{pointer}/{at}") for at, item in enumerate(value)]
        case Mapping():
            members: dict[str, Any] = {}
            for key, item in value.items():
                if not isinstance(key, str):
                    raise InvalidContent("a key is no text", pointer=pointer)
                if "\0" in key:
                    raise InvalidContent("a key holds a NUL character", pointer=pointer)
                members[key] = _plain(item, f"{pointer}/{escape(key)}")
            return members
        case _ if hasattr(value, "to_pydatetime"):  # nanoseconds, where pandas is installed
            if value.nanosecond:
                raise InvalidContent("a time is finer than microseconds", pointer=pointer)
            return str(msgspec.to_builtins(value.to_pydatetime()))
        case _:
            return str(msgspec.to_builtins(value))
