"""About how long a JSON value is, without writing it: how much work it will be."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

ENOUGH = 128 * 1024
"""Bytes at which counting stops: more than any bound that sizes are compared with."""

VALUE_BYTES = 8
"""Bytes of each value besides its text: quotes, a comma, a number."""


def json_size(whole: Any) -> int:
    """About the bytes of decoded JSON, or of structs, when written, up to a little over ENOUGH.

    Takes a millisecond at most, for a value of whatever size.
    """
    size, rest = 0, [whole]
    while rest and size < ENOUGH:
        one = rest.pop()
        size += VALUE_BYTES
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, (list, tuple)):
            rest.extend(one[: ENOUGH // VALUE_BYTES])
        elif isinstance(one, Struct):
            held = (getattr(one, name) for name in one.__struct_fields__)
            rest.extend(value for value in held if value is not None)
        elif isinstance(one, dict):
            for key, value in one.items():
                size += len(key)
                rest.append(value)
                if size >= ENOUGH:
                    break
    return size
