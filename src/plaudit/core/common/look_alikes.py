"""Names and e-mail addresses that look alike: by their skeletons (Unicode UTS #39, section 4).

A skeleton has one character for all that are confusable, such as the Latin and the Cyrillic a, and
leaves out what cannot be seen. Names of ASCII alone are not compared with one another: `Model 1`
and `Model l` are both what people call things, and `al@` and `a1@` are two people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files

import msgspec
from msgspec import Struct

from plaudit.core.common.blank_text import without_invisible
from plaudit.errors import Conflict
from plaudit.store.common import names
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Transaction

_WHOSE = {
    Named.project: "the name of another project",
    Named.dataset: "the name of another dataset",
    Named.person: "somebody's e-mail address",
    Named.organization: "the name of another organization",
}

COMPARED_MAX = 10_000
"""Most names that a new one is compared with."""


async def refuse_twin(
    tx: Transaction, named: Named, owner_id: str | None, name_key: str, *, own: str | None = None
) -> None:
    """Raise Conflict if another name of this owner looks like a new one, save its `own` of now.

    Of two twins that are made at the same moment on PostgreSQL both may pass.
    """
    others = await names.list_name_keys(
        tx, named, owner_id, peculiar=_is_plain(name_key), limit=COMPARED_MAX
    )
    twin = find_twin(name_key, (other for other in others if other != own))
    if twin is not None:
        whose = _WHOSE[named]
        raise Conflict(f"{name_key!r} looks like {twin!r}, {whose}; take another")


def _is_plain(name: str) -> bool:
    """True if a name is ASCII without runs of spaces, so that only a peculiar one is its twin."""
    return name.isascii() and "  " not in name


def find_twin(name: str, others: Iterable[str]) -> str | None:
    """Return the first of the other names that looks like this one and is not it."""
    for other in others:
        if other == name or (_is_plain(name) and _is_plain(other)):
            continue
        if _skeleton(other) == _skeleton(name):
            return other
    return None


class _Confusable(Struct):
    """One entry of the library's table: a character, or several, that a key is confused with."""

    c: str


@lru_cache(maxsize=4096)
def _skeleton(text: str) -> str:
    seen = without_invisible(unicodedata.normalize("NFKC", text))
    single_spaces = " ".join(seen.split())
    mapped = unicodedata.normalize("NFD", single_spaces).translate(_representatives())
    return unicodedata.normalize("NFD", mapped)


@cache
def _representatives() -> dict[int, str]:
    """Representative of each confusable character; its table is read at first use.

    It lists pairs; characters that are confusable with a common one are one class.
    """
    library = import_module("confusable_homoglyphs")  # for its table; its own code is not needed
    table = files(library).joinpath("confusables.json").read_bytes()
    pairs = msgspec.json.decode(table, type=dict[str, list[_Confusable]])
    parents: dict[str, str] = {}

    def root(char: str) -> str:
        while (parent := parents.get(char, char)) != char:
            char = parent
        return char

    for char, confusables in pairs.items():
        for other in (one.c for one in confusables):
            if len(char) == len(other) == 1:
                least, most = sorted((root(char), root(other)))
                parents[most] = least
    return {ord(char): root(char) for char in parents}
