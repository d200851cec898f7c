"""Shared parameters and declaration helper of the operations under /manage/v1."""

from __future__ import annotations

from typing import Any

from plaudit.api.http.operation import Operation
from plaudit.api.http.parameters import IntRange, Text

PAGE_MAX = 100

LIMIT = IntRange(
    description="How many to return at the most.", least=1, most=PAGE_MAX, default=PAGE_MAX
)
NEXT_TOKEN = Text(
    description="Where the next page starts: `next_token` of the page before. Filters may be sent "
    "again, unchanged, or left out."
)


def declare(operation_id: str, method: str, path: str, **fields: Any) -> Operation:
    """Declare an operation at /manage/v1 + `path`; `fields` are those of Operation."""
    return Operation(
        operation_id=operation_id,
        method=method,
        path=f"/manage/v1{path}",
        tag="Management",
        **fields,
    )
