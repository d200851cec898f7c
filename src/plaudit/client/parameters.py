"""Parameters of a request's query, as v2 writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

Parameter = str | int | bool | datetime | Iterable[str] | None
"""Value of a parameter; a datetime without a zone is UTC, None is left out."""


def query_of(params: Mapping[str, Parameter]) -> list[tuple[str, str]]:
    """Names and texts of a query in order; a list gives its name once for each member."""
    return [(name, text) for name, value in params.items() for text in _texts(value)]


def _texts(value: Parameter) -> Iterator[str]:
    match value:
        case None:
            return
        case str():
            yield str(value)
        case bool():
            yield "true" if value else "false"
        case int():
            yield str(value)
        case datetime():
            zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
            yield zoned.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case _:
            yield from map(str, value)
