"""The rules that keep the schema and the statements ready for tables cut by a column.

Small readers, enough for the SQL this project writes: a table's keys from the catalogs, and from
a statement which tables each of its blocks reads or changes and what it says of their columns.
Each rule returns what breaks it, in words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plaudit.store.engine.citus import DISTRIBUTED, LOCAL, REFERENCE
from tests.support.source import nodes, parsed, written

BANNED = re.compile(
    r"pg_(try_)?advisory\w*|\bLISTEN\b|\bNOTIFY\b|pg_notify|\bTRIGGER\b|\b(BIG|SMALL)?SERIAL\b"
    r"|\bIDENTITY\b|\bSEQUENCE\b|\bnextval\b|\bAUTOINCREMENT\b|\bTEMP(ORARY)?\b|\bUNLOGGED\b"
    r"|\bEXCLUDE\b|\blast_insert_rowid\b|\bcurrval\b|\blastval\b",
    re.IGNORECASE,
)
TRANSACTION_WORDS = re.compile(
    r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|START TRANSACTION|END TRANSACTION)\b",
    re.IGNORECASE,
)
SQL_BEGINS = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|LOCK|COPY|TRUNCATE|BEGIN"
    r"|COMMIT|ROLLBACK|SAVEPOINT|LISTEN|NOTIFY|SET|DO)\b"
)
OWN_TRANSACTIONS = ("sqlite.py", "postgres.py", "postgres_session.py", "replica.py")
"""The only files that begin and end transactions, and that open connections to a database."""

_STATEMENT = re.compile(r"\b(tx|transaction)\s*\.\s*(one|all|run|many)\b")
_TOKEN = re.compile(r"'[^']*'|:?[A-Za-z_]\w*|\d+|::|<>|<=|>=|[^\s\w]")


@dataclass
class Table:
    """A table as the database itself describes it: its keys, each a kind and its columns."""

    name: str
    keys: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def table_faults(tables: Iterable[Table]) -> list[str]:
    """Every table has its place, and every key of a cut one holds the column it is cut by."""
    found, names = [], []
    for table in tables:
        names.append(table.name)
        places = [table.name in one for one in (REFERENCE, DISTRIBUTED, LOCAL)]
        if sum(places) != 1:
            found.append(f"{table.name} is in {sum(places)} places of store/engine/citus.py")
        column = DISTRIBUTED.get(table.name)
        if column is None:
            continue
        if not any(kind == "primary key" for kind, _ in table.keys):
            found.append(f"{table.name} has no primary key")
        for kind, columns in table.keys:
            if column not in columns:
                found.append(f"{table.name}: {kind} {columns} is without {column}")
    listed = {*REFERENCE, *DISTRIBUTED, *LOCAL}
    return found + [f"{name} does not exist" for name in sorted(listed.difference(names))]


def postgres_tables(rows: Any) -> list[Table]:
    """Tables from `rows(sql)`, which asks a PostgreSQL."""
    tables = {name: Table(name) for (name,) in rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace = 'public'::regnamespace"
    )}  # fmt: skip
    columns = (
        "(SELECT string_agg(attname, ',' ORDER BY place) FROM unnest({keys}) WITH ORDINALITY"
        " AS u (number, place) JOIN pg_attribute AS a ON a.attrelid = {table}"
        " AND a.attnum = u.number)"
    )
    indexed = columns.format(keys="i.indkey::int2[]", table="i.indrelid")
    for name, is_primary, listed in rows(
        f"SELECT c.relname, i.indisprimary, {indexed} FROM pg_index AS i JOIN pg_class AS c"
        " ON c.oid = i.indrelid WHERE (i.indisunique OR i.indisexclusion)"
        " AND c.relnamespace = 'public'::regnamespace"
    ):
        kind = "primary key" if is_primary else "unique index"
        tables[name].keys.append((kind, tuple(listed.split(","))))
    referring = columns.format(keys="k.conkey", table="k.conrelid")
    for name, listed in rows(
        f"SELECT c.relname, {referring} FROM pg_constraint AS k JOIN pg_class AS c"
        " ON c.oid = k.conrelid WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace"
    ):
        tables[name].keys.append(("foreign key", tuple(listed.split(","))))
    return list(tables.values())


OF_SQLITE = {"page_file", "task_place", "dead_record", "sqlite_sequence"}
"""Tables that SQLite alone has; no cluster cuts them."""


def sqlite_tables(rows: Any) -> list[Table]:
    """Tables from `rows(sql)`, which asks a SQLite; without those that it alone has."""
    found = []
    kinds = {row[1]: row[2] for row in rows("PRAGMA table_list")}
    for (name,) in rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        # Shadows belong to the index of words, whose rowids begin with the project.
        if name in OF_SQLITE or kinds[name] == "shadow":
            continue
        table = Table(name)
        if kinds[name] == "virtual":
            table.keys.append(("primary key", ("project_key", "seq")))
        primary = [(row[5], row[1]) for row in rows(f"PRAGMA table_info({name})") if row[5]]
        if primary:
            table.keys.append(("primary key", tuple(column for _, column in sorted(primary))))
        for _, index, is_unique, *_ in rows(f"PRAGMA index_list({name})"):
            if is_unique:
                columns = tuple(row[2] for row in rows(f"PRAGMA index_info({index})"))
                table.keys.append(("unique index", columns))
        referring: dict[int, list[str]] = {}
        for number, _, _, column, *_ in rows(f"PRAGMA foreign_key_list({name})"):
            referring.setdefault(number, []).append(column)
        table.keys += [("foreign key", tuple(columns)) for columns in referring.values()]
        found.append(table)
    return found


@dataclass
class Block:
    """One SELECT, or one change, without the blocks inside it."""

    verb: str
    tables: dict[str, str] = field(default_factory=dict)
    """Table by alias."""
    fixed: set[tuple[str, str]] = field(default_factory=set)
    """(alias, column) that equal a parameter; the alias may be empty."""
    equal: list[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    target: tuple[str, ...] | None = None
    """Columns after ON CONFLICT."""
    is_loose: bool = False
    """Whether OR or NOT make its equalities say less than they seem to."""


def blocks_of(sql: str) -> list[Block]:
    """The blocks of a statement; those in parentheses and of a UNION stand for themselves."""
    found: list[Block] = []
    _read_group(_nested(iter(_TOKEN.findall(sql))), found)
    return found


def _nested(tokens: Iterator[str]) -> list[Any]:
    found: list[Any] = []
    for token in tokens:
        if token == "(":
            found.append(_nested(tokens))
        elif token == ")":
            break
        else:
            found.append(token)
    return found


def _read_group(tokens: list[Any], found: list[Block]) -> None:
    part: list[Any] = []
    for token in [*tokens, "UNION"]:
        if token in ("UNION", "ALL"):
            if part:
                _read_part(part, found)
            part = []
        else:
            part.append(token)


def _read_part(tokens: list[Any], found: list[Block]) -> None:
    for token in tokens:
        if isinstance(token, list):
            _read_group(token, found)
    verbs = ("SELECT", "UPDATE", "DELETE", "INSERT")
    if tokens[0] in (*verbs, "WITH"):
        begin = next(at for at, token in enumerate(tokens) if token in verbs)
        found.append(_read_block(tokens[begin:]))


def _read_block(tokens: list[Any]) -> Block:
    block = Block(tokens[0])
    clause = ""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        is_listed = clause == "FROM" and token == ","
        if (token in ("FROM", "JOIN", "UPDATE", "INTO") or is_listed) and not isinstance(
            tokens[at + 1], list
        ):
            name = tokens[at + 1]
            if token == "UPDATE" and name == "SET":  # ON CONFLICT DO UPDATE
                clause = "SET"
                at += 2
                continue
            rest = [*tokens[at + 2 : at + 4], "", ""]
            alias = rest[1] if rest[0] == "AS" else name
            block.tables[alias] = name
            clause = "FROM" if token == "FROM" else clause
            if token == "INTO" and isinstance(rest[0], list):
                _read_insert(block, tokens[at:])
        elif token == "CONFLICT":
            target = tokens[at + 1] if at + 1 < len(tokens) else None
            block.target = _columns(target) if isinstance(target, list) else ()
        elif token in ("SET", "WHERE", "ON"):
            clause = token
        elif token == "OR" or (
            token == "NOT" and tokens[at - 1] != "IS" and tokens[at + 1] != "EXISTS"
        ):
            block.is_loose = True
        elif token == "=" and clause == "SET" and isinstance(tokens[at - 1], str):
            block.changed.add(tokens[at - 1])
        elif clause in ("WHERE", "ON") and token in ("=", "IN"):
            _read_equality(block, tokens, at)
        at += 1
    return block


def _read_insert(block: Block, tokens: list[Any]) -> None:
    columns = _columns(tokens[2])
    values = tokens[tokens.index("VALUES") + 1] if "VALUES" in tokens else []
    given = [one for one in values if one != ","]
    if len(given) == len(columns):
        pairs = zip(columns, given, strict=True)
        block.fixed |= {("", column) for column, value in pairs if _is_given(value)}


def _read_equality(block: Block, tokens: list[Any], at: int) -> None:
    left, right = _reference(tokens, at - 1, -1), tokens[at + 1]
    if left is None:
        return
    if tokens[at] == "IN":
        if isinstance(right, list) and all(_is_given(one) for one in right if one != ","):
            block.fixed.add(left)
    elif _is_given(right):
        block.fixed.add(left)
    elif (other := _reference(tokens, at + 1, 1)) is not None:
        block.equal.append((left, other))


def _reference(tokens: list[Any], at: int, step: int) -> tuple[str, str] | None:
    """`alias.column` or `column`, ending (or beginning) at a token."""
    if not isinstance(tokens[at], str) or not re.fullmatch(r"[a-z_]\w*", tokens[at]):
        return None
    after = at + step
    if 0 < after < len(tokens) - 1 and tokens[after] == ".":
        other = tokens[after + step]
        return (tokens[at], other) if step > 0 else (other, tokens[at])
    return ("", tokens[at])


def _is_given(token: Any) -> bool:
    return isinstance(token, str) and bool(re.fullmatch(r":[a-z_]\w*|\d+|'[^']*'", token))


def _columns(tokens: list[Any]) -> tuple[str, ...]:
    return tuple(token for token in tokens if isinstance(token, str) and token != ",")


def statement_faults(sql: str) -> list[str]:
    """What keeps a statement from going to one place for each cut table it names."""
    found = [f"uses {banned[0]}" for banned in BANNED.finditer(sql)]
    for block in blocks_of(sql):
        fixed = set() if block.is_loose else _fixed(block)
        for alias, table in block.tables.items():
            column = DISTRIBUTED.get(table)
            if column is None:
                continue
            is_alone = len(block.tables) == 1
            if (alias, column) not in fixed and not (is_alone and ("", column) in fixed):
                found.append(f"{block.verb} of {table} says nothing of {column}")
            if column in block.changed:
                found.append(f"changes {table}.{column}")
            if block.target and column not in block.target:
                found.append(f"ON CONFLICT of {table} is without {column}")
    return found


def joins_apart(sql: str) -> bool:
    """Whether a block joins tables that are cut by different columns."""
    cuts = [{DISTRIBUTED.get(table) for table in one.tables.values()} for one in blocks_of(sql)]
    return any(len(one - {None}) > 1 for one in cuts)


def _fixed(block: Block) -> set[tuple[str, str]]:
    """What equals a parameter, by way of other columns as well."""
    found = set(block.fixed)
    for _ in block.equal:
        for left, right in block.equal:
            if left in found or right in found:
                found |= {left, right}
    return found


def source_faults(path: Path, text: str) -> list[str]:
    """Transactions, connections and banned words outside the engines."""
    found = []
    is_engine = path.name in OWN_TRANSACTIONS
    for node in nodes(parsed(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL_BEGINS.match(node.value) and (banned := BANNED.search(node.value)):
                found.append(f"{path.name}:{node.lineno} uses {banned[0]}")
            if TRANSACTION_WORDS.match(node.value) and node.value.isupper() and not is_engine:
                found.append(f"{path.name}:{node.lineno} runs {node.value}")
        if not is_engine and isinstance(node, ast.Call):
            called = written(node.func)
            if called in ("asyncpg.connect", "asyncpg.create_pool", "sqlite3.connect"):
                found.append(f"{path.name}:{node.lineno} opens a connection")
            is_own = called == "apsw.Connection" and path.name != "backup.py"
            if is_own and "SQLITE_OPEN_READONLY" not in ast.unparse(node):
                found.append(f"{path.name}:{node.lineno} opens a connection")
            if called.endswith((".acquire", ".transaction")):
                found.append(f"{path.name}:{node.lineno} calls {called}")
    return found


def statement_sites(path: Path, text: str) -> Iterator[tuple[str, int, str | None]]:
    """Where a source runs statements: function, line, and the text as far as it is in place.

    What is filled into the text is a `%`; the text is None where a variable holds all of it.
    """
    if _STATEMENT.search(text):
        yield from _sites(parsed(text), "")


def _sites(node: ast.AST, function: str) -> Iterator[tuple[str, int, str | None]]:
    if isinstance(node, ast.AsyncFunctionDef):
        function = node.name
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_transaction = written(node.func.value) in ("tx", "transaction")
        if is_transaction and node.func.attr in ("one", "all", "run", "many"):
            yield function, node.lineno, _text(node.args[0])
    for inner in ast.iter_child_nodes(node):
        yield from _sites(inner, function)


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str()):
            return node.value
        case ast.JoinedStr():
            return "".join(_text(one) or "%" for one in node.values)
    return None
