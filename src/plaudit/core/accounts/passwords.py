"""Passwords: which ones may be chosen, and their hashes.

A password is at least 12 characters long and otherwise free, as NIST SP 800-63B recommends: no
rules about kinds of characters, but none that everybody tries first. Hashing is meant to be slow
and takes memory, so it is done in two threads, never on the event loop and never in a
transaction; who comes while many wait is told to come again.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plaudit.errors import InvalidContent, Unavailable

T = TypeVar("T")

CHARS_MIN = 12
CHARS_MAX = 256
THREADS = 2
WAITING_MAX = 64
DISTINCT_CHARS_MIN = 5

# argon2id with the least memory that OWASP recommends: an attempt costs about 30 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_COMMON_WORDS = frozenset(
    (files("plaudit.core") / "common_passwords.txt").read_text("utf-8").split()
)
"""Words of which the passwords that are tried first are made, alone and together."""

_RUNS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "qazwsxedcrfvtgbyhnujm",
)
_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")


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


def require_good(password: str, *, email: str, pointer: str = "/password") -> None:
    """Raise InvalidContent for a password that is too short, or that is tried by everybody."""
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
    if is_easy(text, email=email):
        raise InvalidContent(
            "the password is too easy to guess: it is a common one, a run of keys, or close to "
            "the e-mail address; a few unrelated words do",
            pointer=pointer,
        )


def is_easy(password: str, *, email: str) -> bool:
    """Whether a password is among the first that somebody would try.

    Capitals, digits that stand for letters, and digits and signs at the ends do not make a common
    word uncommon; neither does writing it twice.
    """
    plain = password.casefold()
    if len(set(plain)) < DISTINCT_CHARS_MIN or _is_run(plain):
        return True
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    for text in {plain, bare, plain.translate(_LOOKALIKES), bare.translate(_LOOKALIKES)}:
        letters = re.sub(r"[\W\d_]+", "", text)
        if _is_made_of_common_words(letters):
            return True
    address = email.casefold()
    local = address.partition("@")[0]
    names = {address, local, *re.split(r"[._+@-]", local)}
    left = plain
    for name in sorted((one for one in names if len(one) >= 4), key=len, reverse=True):
        left = left.replace(name, "")
    return len(plain) != len(left) and len(set(left)) < DISTINCT_CHARS_MIN


def _is_run(text: str) -> bool:
    """Whether a text is a piece of a row of keys or of the alphabet, or such pieces repeated."""
    for size in range(1, len(text) // 2 + 1):
        if len(text) % size == 0 and text[:size] * (len(text) // size) == text:
            text = text[:size]
            break
    return any(text in run or text in run * 2 for run in _RUNS)


def _is_made_of_common_words(letters: str) -> bool:
    """Whether nothing but common words stands here, one to three of them."""
    reachable = {0: 0}
    for at in range(len(letters)):
        if at not in reachable or reachable[at] == 3:
            continue
        for end in range(at + 3, len(letters) + 1):
            if letters[at:end] in _COMMON_WORDS:
                reachable[end] = min(reachable.get(end, 9), reachable[at] + 1)
    return not letters or len(letters) in reachable


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
