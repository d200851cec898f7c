"""Passwords: which ones may be chosen, and their hashes.

A password is at least 12 characters long and otherwise free, as NIST SP 800-63B recommends: no
rules about kinds of characters, but none that is guessed soon, by the estimate of zxcvbn (Wheeler,
USENIX Security 2016). Hashing is meant to be slow and takes memory, and an estimate takes up to
some tenths of a second, so both are done in two threads, never on the event loop and never in a
transaction; who comes while many wait is told to come again.
"""

from __future__ import annotations

import asyncio
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plaudit.errors import InvalidContent, Unavailable

T = TypeVar("T")

CHARS_MIN = 12
CHARS_MAX = 256
THREADS = 2
WAITING_MAX = 64
GUESSES_MIN = 10**10
"""zxcvbn's highest score: beyond what is tried against a slow hash."""

# argon2id with the least memory that OWASP recommends: an attempt costs about 30 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_ESTIMATED_CHARS = 32
# Time grows with the ways to read signs as letters; these are read as one sign of their kind.
_FEWER_SIGNS = str.maketrans("{[<|", "(((!")

_OUR_WORDS = (
    "plaudit",
    "annotator",
    "reviewer",
    "manager",
    "workspace",
    "correcthorsebatterystaple",
)
"""Words that are tried early here, beside those of zxcvbn and of the person."""

_PATTERNS = {
    "dictionary": "it is made of common words or passwords",
    "spatial": "it is a run of keys beside each other",
    "repeat": "it repeats itself",
    "sequence": "it is a sequence such as abc or 6543",
    "regex": "it is made of common words and a year",
    "date": "it holds a date",
}
"""What each of zxcvbn's patterns means to a person."""

_ESTIMATING = threading.Lock()


class HashingPool:
    """The threads that hash."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of work that takes long; raises Unavailable where too much is waiting."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many people sign in at this moment; try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


_SLOW = HashingPool()


async def hashed(password: str) -> str:
    """The hash under which a password is stored, with its salt and parameters."""
    return await _SLOW.run(lambda: _HASHER.hash(_prepared(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password has this hash. Without one it takes as long, and is False."""
    found = await _SLOW.run(lambda: _verify(password_hash or _nobodys_hash(), password))
    return found and password_hash is not None


def needs_new_hash(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than hashes are made with now."""
    return _HASHER.check_needs_rehash(password_hash)


async def require_good(
    password: str, *, about: Iterable[str | None], pointer: str = "/password"
) -> None:
    """Raise InvalidContent for a password that is too short, too long, or soon guessed.

    `about` is what is known of the person: their e-mail address, their name.
    """
    text = _prepared(password)
    if len(text) < CHARS_MIN:
        raise InvalidContent(
            f"the password must have at least {CHARS_MIN} characters; a few unrelated words do",
            pointer=pointer,
        )
    if len(password) > CHARS_MAX:
        raise InvalidContent(
            f"the password must have at most {CHARS_MAX} characters", pointer=pointer
        )
    known = [one for one in about if one]
    weakness = await _SLOW.run(lambda: find_weakness(text, known))
    if weakness is not None:
        raise InvalidContent(
            f"the password is too easy to guess: {weakness}; a few unrelated words do",
            pointer=pointer,
        )


def find_weakness(password: str, about: Iterable[str]) -> str | None:
    """Say why a password takes fewer than GUESSES_MIN guesses; None if it takes more.

    Time grows faster than length, so a long password is estimated piece by piece: it is as hard
    to guess as its hardest piece at the least.
    """
    words = [word for text in about for word in _words_of(text)]
    weakness = None
    for start in range(0, len(password), _ESTIMATED_CHARS):
        piece = password[start : start + _ESTIMATED_CHARS].translate(_FEWER_SIGNS)
        # It keeps the person's words in a variable of its module.
        with _ESTIMATING:
            estimate = _estimator()(piece, user_inputs=[*words, *_OUR_WORDS])
        if estimate["guesses"] >= GUESSES_MIN:
            return None
        weakness = weakness or _weakness_of(estimate["sequence"], words)
    return weakness


def _weakness_of(sequence: list[dict[str, Any]], words: list[str]) -> str:
    """What the longest part that was recognised is."""
    known = [part for part in sequence if part["pattern"] in _PATTERNS]
    longest = max(known, key=lambda part: len(part["token"]), default=None)
    if longest is None:
        return "it is too simple"
    if longest.get("matched_word") in words:
        return "it is close to the name or the e-mail address"
    return _PATTERNS[longest["pattern"]]


def _words_of(text: str) -> list[str]:
    """An address or a name, and its parts, as they might stand in a password."""
    whole = _prepared(text).casefold()[:CHARS_MAX]
    parts = [part for part in re.split(r"[\W_]+", whole) if len(part) >= 3]
    return list(dict.fromkeys([whole, whole.partition("@")[0], "".join(parts), *parts]))


@cache
def _estimator() -> Callable[..., dict[str, Any]]:
    """zxcvbn, loaded with its lists when the first password is chosen."""
    estimator: Callable[..., dict[str, Any]] = import_module("zxcvbn").zxcvbn
    return estimator


def _prepared(password: str) -> str:
    """One form for what looks the same, however a keyboard composes it."""
    return unicodedata.normalize("NFKC", password)


def _verify(password_hash: str, password: str) -> bool:
    if len(password) > CHARS_MAX:
        password = ""  # takes as long, and is nobody's
    try:
        return _HASHER.verify(password_hash, _prepared(password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")
