"""Passwords: the rules for new ones, and their hashes.

A password is at least 12 characters long and otherwise free, as NIST SP 800-63B recommends: no
rules about kinds of characters, but none that is guessed soon, by the estimate of zxcvbn (Wheeler,
USENIX Security 2016). Hashing is meant to be slow and takes memory, and an estimate takes up to
some tenths of a second, so both run in two threads, never on the event loop and never in a
transaction; while WAITING_MAX calls wait, further ones are refused.
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
"""zxcvbn's highest score (4): safe from offline guessing against a slow hash."""

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
"""Words that an attacker of this server tries early, beside zxcvbn's lists and the user's name."""

_PATTERNS = {
    "dictionary": "it is made of common words or passwords",
    "spatial": "it is a run of keys beside each other",
    "repeat": "it repeats itself",
    "sequence": "it is a sequence such as abc or 6543",
    "regex": "it is made of common words and a year",
    "date": "it holds a date",
}
"""Message for each of zxcvbn's patterns."""

_ESTIMATING = threading.Lock()


class HashingPool:
    """Thread pool for hashing and estimating, with a bounded queue."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return its result; raises Unavailable if WAITING_MAX wait."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many people sign in at this moment; try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


_SLOW = HashingPool()


async def hashed(password: str) -> str:
    """Hash a password; returns the encoded hash with salt and parameters. Raises Unavailable."""
    return await _SLOW.run(lambda: _HASHER.hash(_prepared(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """True if a password has this hash. None takes as long and is False. Raises Unavailable."""
    is_verified = await _SLOW.run(lambda: _verify(password_hash or _nobodys_hash(), password))
    return is_verified and password_hash is not None


def needs_new_hash(password_hash: str) -> bool:
    """True if a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


async def require_good(
    password: str, *, about: Iterable[str | None], pointer: str = "/password"
) -> None:
    """Raise InvalidContent for a password that is too short, too long, or easy to guess.

    `about` has the user's e-mail address and name, which count as easy words. Raises Unavailable.
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
    known_texts = [known_text for known_text in about if known_text]
    weakness = await _SLOW.run(lambda: find_weakness(text, known_texts))
    if weakness is not None:
        raise InvalidContent(
            f"the password is too easy to guess: {weakness}; a few unrelated words do",
            pointer=pointer,
        )


def find_weakness(password: str, about: Iterable[str]) -> str | None:
    """Return a reason why a password takes fewer than GUESSES_MIN guesses; None if it takes more.

    Time grows faster than length, so a long password is estimated piece by piece: it is at least
    as hard to guess as its hardest piece.
    """
    words = [word for text in about for word in _words_of(text)]
    weakness = None
    for start in range(0, len(password), _ESTIMATED_CHARS):
        piece = password[start : start + _ESTIMATED_CHARS].translate(_FEWER_SIGNS)
        # zxcvbn keeps user_inputs in a global variable.
        with _ESTIMATING:
            estimate = _estimator()(piece, user_inputs=[*words, *_OUR_WORDS])
        if estimate["guesses"] >= GUESSES_MIN:
            return None
        weakness = weakness or _weakness_of(estimate["sequence"], words)
    return weakness


def _weakness_of(sequence: list[dict[str, Any]], words: list[str]) -> str:
    """Message for the longest part of a password that matched a pattern."""
    known = [part for part in sequence if part["pattern"] in _PATTERNS]
    longest = max(known, key=lambda part: len(part["token"]), default=None)
    if longest is None:
        return "it is too simple"
    if longest.get("matched_word") in words:
        return "it is close to the name or the e-mail address"
    return _PATTERNS[longest["pattern"]]


def _words_of(text: str) -> list[str]:
    """An e-mail address or a name, and its parts of 3 characters or more, casefolded."""
    whole = _prepared(text).casefold()[:CHARS_MAX]
    parts = [part for part in re.split(r"[\W_]+", whole) if len(part) >= 3]
    return list(dict.fromkeys([whole, whole.partition("@")[0], "".join(parts), *parts]))


@cache
def _estimator() -> Callable[..., dict[str, Any]]:
    """zxcvbn, loaded with its lists when the first password is chosen."""
    estimator: Callable[..., dict[str, Any]] = import_module("zxcvbn").zxcvbn
    return estimator


def _prepared(password: str) -> str:
    """NFKC form, in which a password does not depend on how a keyboard composes characters."""
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
