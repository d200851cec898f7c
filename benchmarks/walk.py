"""Walk a list from page to page and keep the places, to ask for them later in any order."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from benchmarks import load
from benchmarks.servers import Server

PAGE_TASKS = 100

Filters = Mapping[str, str]


class _Page(msgspec.Struct):
    """The little of an answer that a walk needs; everything else is skipped."""

    tasks: list[msgspec.Raw]
    next_token: str | None = None


def target(filters: Filters, **more: str | int | list[str] | None) -> str:
    """Return the path and query of a page of tasks; parameters that are None are left out."""
    given = {**filters, **more}
    pairs = {name: value for name, value in given.items() if value is not None}
    return f"/v2/tasks?{urlencode(pairs, doseq=True)}"


def page_tokens(
    server: Server,
    filters: Filters,
    *,
    token: str | None = None,
    page_count: int | None = None,
) -> list[str | None]:
    """Return the token of every full page of a walk, or of so many from a token on.

    The first page's token is None. A last page with fewer tasks is left out: it costs less and
    would flatter a median.
    """
    tokens: list[str | None] = []
    with load.Connection(server.port) as connection:
        while len(tokens) != page_count:
            request = server.get(target(filters, limit=PAGE_TASKS, next_token=token))
            page = msgspec.json.decode(connection.fetch(request), type=_Page)
            if len(page.tasks) == PAGE_TASKS:
                tokens.append(token)
            if page.next_token is None:
                return tokens
            token = page.next_token
    return tokens
