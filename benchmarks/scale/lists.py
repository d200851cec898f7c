"""Lists of a large store: how many pages one has, and tokens of places that nobody walks to.

A token of the server says which list it belongs to. It is read here, the place in it is exchanged
for another one of the list, which the database counts off, and it is signed again.
"""

import base64
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from benchmarks.walk import PAGE_TASKS
from plaudit.core.common import page_tokens, server_secret
from plaudit.core.tasks.listing import TaskToken
from plaudit.settings import Settings
from plaudit.store.tasks.tasks import TaskCursor, key_args, keys_sql


def full_pages(data: Path, token: str) -> int:
    """Number of full pages of the list that a token belongs to."""
    walk = _read(token)
    keys, args = _keys(walk)
    return int(_row(data, f"SELECT COUNT(*) FROM ({keys})", args)[0]) // PAGE_TASKS


def token_before(data: Path, token: str, page_number: int) -> str:
    """Token of a page of the list that another token belongs to; the first page is number 0."""
    walk = _read(token)
    keys, args = _keys(walk)
    before = page_number * PAGE_TASKS - 1
    row = _row(data, f"SELECT * FROM ({keys}) LIMIT 1 OFFSET {before}", args)
    at_ms, seq = row if walk.where.is_by_completion else (0, *row)
    settings = Settings(data=data)
    environment_id = _row(
        data, "SELECT environment_id FROM project WHERE project_key = ?", (walk.where.project_key,)
    )[0]
    return page_tokens.encode(
        server_secret.load(settings.secret_path),
        environment_id,
        msgspec.structs.replace(walk, cursor=TaskCursor(at_ms, seq)),
    )


def _read(token: str) -> TaskToken:
    """Read a token of our own server without checking its signature."""
    signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return msgspec.msgpack.decode(signed[1 : -page_tokens.MAC_BYTES], type=TaskToken)


def _keys(walk: TaskToken) -> tuple[str, dict[str, Any]]:
    """Statement with the keys of all tasks of a list, in its order, and its arguments."""
    where = walk.where
    time_column = "completed_ms" if where.is_by_completion else None
    keys = keys_sql(where.batch_id is not None, where.status is not None, time_column)
    return keys, key_args(where, where.start, walk.bound, -1)


def _row(data: Path, statement: str, args: Any) -> Any:
    with closing(apsw.Connection(str(data / "plaudit.sqlite"))) as connection:
        return connection.execute(statement, args).fetchone()
