"""Full-text index of words: FTS5 on SQLite, a GIN index of `tsvector` on PostgreSQL.

Both are given words that are told apart already (core/managing/words.py), so both find the same. A
search looks through one block of a project's tasks: on SQLite that is a range of rowids, on
PostgreSQL a lexeme that all tasks of the block have. So no statement reads more than a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

BLOCK_BITS = 17
"""A block holds the tasks whose seq begins with the same bits: 131,072 of them at the most."""

_SEQ_BITS = 32
"""Bits of a rowid for the seq, below those for the project's number."""


class Term(Struct, frozen=True):
    """One word to look for, or all words that begin with it."""

    word: str
    is_prefix: bool = False


class IndexedProject(Struct, frozen=True):
    """A project in the index: tasks below `next_seq` have been read for their words."""

    project_key: int
    number: int
    next_seq: int

    @property
    def base(self) -> int:
        """Rowid before the project's first one in the embedded index."""
        return self.number << _SEQ_BITS


class WordIndex(Struct, frozen=True):
    """SQL of one engine's index; each takes the arguments that `args_of` makes."""

    schema: str
    insert: str
    """Insert the words of one task that has none, `:words`."""
    delete: str
    """Delete the words of one task, if it has any."""
    matches: str
    """Select `seq` of tasks of a block that have all `:terms`, over `:after_seq`, below
    `:before_seq`."""
    order: str
    """Expression by which `matches` is in order of `seq`."""
    prepare: str | None
    """Statement for the transaction of a search, None where none is needed."""
    words_of: Callable[[IndexedProject, int, Iterable[str]], Any]
    """Value of `:words` for a task, by its seq."""
    terms_of: Callable[[IndexedProject, int, Sequence[Term]], str]
    """Value of `:terms` for a block, by its number."""

    def args_of(self, project: IndexedProject, seq: int = 0) -> dict[str, Any]:
        """Arguments that lead to a task, or to a project."""
        return {"project_key": project.project_key, "base": project.base, "seq": seq}


def block_of(seq: int) -> int:
    """Number of the block that a task is in."""
    return seq >> BLOCK_BITS


def _sqlite_terms(project: IndexedProject, block: int, terms: Sequence[Term]) -> str:
    return " ".join(f'"{term.word}"{"*" * term.is_prefix}' for term in terms)


def _postgres_words(project: IndexedProject, seq: int, words: Iterable[str]) -> list[str]:
    return [*words, _block_lexeme(project, block_of(seq))]


def _postgres_terms(project: IndexedProject, block: int, terms: Sequence[Term]) -> str:
    listed = [f"'{_block_lexeme(project, block)}'"]
    listed += [f"'{term.word}'{':*' * term.is_prefix}" for term in terms]
    return " & ".join(listed)


def _block_lexeme(project: IndexedProject, block: int) -> str:
    """Lexeme that no text has: a number sign is part of no word."""
    return f"#{project.project_key}.{block}"


SQLITE = WordIndex(
    # Neither the texts nor the places of words are stored: the index holds words and rowids alone.
    schema="CREATE VIRTUAL TABLE task_words USING fts5(words, content='', contentless_delete=1,"
    " detail=none, tokenize=\"ascii tokenchars '_'\")",
    insert="INSERT INTO task_words (rowid, words) VALUES (:base + :seq, :words)",
    delete="DELETE FROM task_words WHERE rowid = :base + :seq",
    matches="SELECT rowid - :base AS seq FROM task_words WHERE task_words MATCH :terms"
    " AND rowid > :base + :after_seq AND rowid < :base + :before_seq",
    order="rowid",
    prepare=None,
    words_of=lambda project, seq, words: " ".join(words),
    terms_of=_sqlite_terms,
)
POSTGRES = WordIndex(
    # Words lie apart from the rows, so that a search that finds many tasks reads few pages.
    schema="CREATE TABLE task_words (project_key BIGINT NOT NULL, seq BIGINT NOT NULL,"
    " words TSVECTOR NOT NULL, PRIMARY KEY (project_key, seq)) WITH (toast_tuple_target = 128);"
    "CREATE INDEX task_words_by_word ON task_words USING GIN (words)",
    insert="INSERT INTO task_words (project_key, seq, words)"
    " VALUES (:project_key, :seq, array_to_tsvector(CAST(:words AS TEXT[])))",
    delete="DELETE FROM task_words WHERE project_key = :project_key AND seq = :seq",
    # The planner thinks little of reading words that lie apart, and would read them all.
    matches="WITH found AS MATERIALIZED (SELECT project_key, seq FROM task_words"
    " WHERE words @@ CAST(CAST(:terms AS TEXT) AS tsquery))"
    " SELECT seq FROM found WHERE project_key = :project_key AND seq > :after_seq"
    " AND seq < :before_seq",
    order="seq",
    prepare="SET LOCAL enable_seqscan = off",
    words_of=_postgres_words,
    terms_of=_postgres_terms,
)
