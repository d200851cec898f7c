"""Words of texts, told apart for searches: of what tasks say, and of what is looked for.

No language is assumed: there are no stems and no stop words. Case, width, accents and other marks
do not count. Scripts that are written without spaces between words, and Korean, whose words carry
their endings, are cut into pairs of characters that overlap, the last character by itself; so each
character begins a pair, and a part of a word is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from plaudit.errors import InvalidContent
from plaudit.store.engine.word_index import Term
from plaudit.texts import N_

TEXT_CHARS_MAX = 200_000
"""Characters of a task that are read for words; what comes after them is not found."""

WORD_CHARS_MAX = 40
"""Characters by which words are told apart; of longer ones the rest does not count."""

WORDS_MAX = 20_000
"""Different words of a task that are kept."""

WORDS_BYTES_MAX = 1_000_000
"""Bytes of all words of a task; PostgreSQL keeps less than 1 MiB of them (`tsvector`)."""

QUERY_CHARS_MAX = 300
TERMS_MAX = 16
PREFIX_CHARS_MIN = 4
"""Fewer letters before an asterisk would be too many words to look for."""

_WORD_BYTES_MAX = 4 * WORD_CHARS_MAX

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Kana, Han, Hangul, and Han beyond the first plane."""

_ASCII_WORD = re.compile(r"[a-z0-9_]+")
_WORD = re.compile(f"([{_UNSPACED}]+)|[^\\W{_UNSPACED}]+")
_QUERY_WORD = re.compile(f"([{_UNSPACED}]+)|([^\\W{_UNSPACED}]+)(\\*?)")


def words_of(texts: Iterable[str]) -> set[str]:
    """Words of the first TEXT_CHARS_MAX characters of texts.

    They are at most WORDS_MAX and WORDS_BYTES_MAX: some characters stand for a word of several.
    """
    found: set[str] = set()
    left = TEXT_CHARS_MAX
    for text in texts:
        found |= _words_of(text[:left])
        left -= len(text)
        if left <= 0:
            break
    if len(found) > WORDS_MAX:
        found = set(sorted(found)[:WORDS_MAX])
    return found if len(found) * _WORD_BYTES_MAX <= WORDS_BYTES_MAX else _fitting(found)


def terms_of(query: str, *, pointer: str = "/q") -> list[Term]:
    """Words that a query looks for, each once; `pizz*` is all words that begin so.

    Raises InvalidContent at `pointer` for a query without words, or with too many or too long.
    """
    if len(query) > QUERY_CHARS_MAX:
        raise InvalidContent(
            N_("a search has at most %(most)s characters", most=QUERY_CHARS_MAX), pointer=pointer
        )
    found: dict[Term, None] = {}
    for match in _QUERY_WORD.finditer(_folded(query)):
        run, word, star = match.groups()
        if run:
            pairs = [run[at : at + 2] for at in range(len(run) - 1)]
            found.update((Term(pair), None) for pair in pairs)
            if not pairs:
                found[Term(run, is_prefix=True)] = None
        elif star and len(word) < PREFIX_CHARS_MIN:
            raise InvalidContent(
                N_("an asterisk stands after at least %(least)s letters", least=PREFIX_CHARS_MIN),
                pointer=pointer,
            )
        else:
            found[Term(word[:WORD_CHARS_MAX], is_prefix=bool(star))] = None
    if not found:
        raise InvalidContent(N_("write a word to look for"), pointer=pointer)
    if len(found) > TERMS_MAX:
        raise InvalidContent(
            N_("look for at most %(most)s words at once", most=TERMS_MAX), pointer=pointer
        )
    return list(found)


def _fitting(found: set[str]) -> set[str]:
    """First words, in order, of WORDS_BYTES_MAX together."""
    if sum(len(word.encode()) for word in found) <= WORDS_BYTES_MAX:
        return found
    fitting, left = set(), WORDS_BYTES_MAX
    for word in sorted(found):
        left -= len(word.encode())
        if left < 0:
            break
        fitting.add(word)
    return fitting


def _words_of(text: str) -> set[str]:
    folded = _folded(text)
    if folded.isascii():
        return {word[:WORD_CHARS_MAX] for word in _ASCII_WORD.findall(folded)}
    found: set[str] = set()
    for match in _WORD.finditer(folded):
        run = match[1]
        if run:
            found.update(run[at : at + 2] for at in range(len(run)))
        else:
            found.add(match[0][:WORD_CHARS_MAX])
    return found


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = _marks().sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFKC", plain).casefold()


@lru_cache(maxsize=1)
def _marks() -> re.Pattern[str]:
    """Marks that combine with the letter before them; vowel signs of Indic scripts are some."""
    marks = [
        chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M"
    ]
    return re.compile(f"[{''.join(marks)}]+")
