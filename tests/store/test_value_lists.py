"""SQL for a list of values: its text and its arguments."""

from __future__ import annotations

import apsw

from plaudit.store.engine import value_lists


def test_names_that_begin_alike_are_different_parameters():
    sql, args = value_lists.union_all(
        "SELECT :number, :key, :key_of, :keys, :numbers, 'a:key', CAST(:key AS TEXT)",
        key=[1, 2],
        key_of=["a", "b"],
    )

    rows = apsw.Connection(":memory:").execute(sql, args | {"keys": 7, "numbers": 8}).fetchall()

    assert rows == [(0, 1, "a", 7, 8, "a:key", "1"), (1, 2, "b", 7, 8, "a:key", "2")]


def test_casts_of_postgresql_are_no_parameters():
    sql, _ = value_lists.union_all("SELECT :key::text", text=["x"], key=[1])

    assert sql == "SELECT :key_0::text"
