"""Requirements: what a task asks of people, in one normal form, and who meets it.

Tasks that ask the same are one pool of the queue. A pool's name is a hash of what it asks, so that
everybody who makes one makes the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from plaudit.core.common import names
from plaudit.errors import InvalidContent
from plaudit.model.staffing import Requirement, Skills

METADATA_KEY = "plaudit_requires"
"""Member of a new task's metadata that says what it asks of people."""
WORDS_MAX = 10
"""Languages of a requirement, and tags."""
PEOPLE_MAX = 20
TAG_CHARS_MAX = 50
ANYBODY = Requirement()
OPEN_POOL = ""
"""Pool of tasks that ask nothing."""

_POOL_CHARS = 16
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Requirement).decode


def read_requirement(value: Any, pointer: str = "") -> Requirement:
    """Requirement of decoded JSON, normalized; None is a task that asks nothing.

    Raises InvalidContent for anything but lists of languages, tags and people within the bounds.
    """
    if value is None:
        return ANYBODY
    try:
        read = msgspec.convert(value, Requirement)
    except msgspec.ValidationError as exc:
        raise InvalidContent(
            "what a task asks of people is {languages, tags, people}, a list of words each",
            pointer=pointer,
        ) from exc
    if read.team is not None:
        raise InvalidContent("a team works on a whole batch", pointer=f"{pointer}/team")
    for name, most in (("languages", WORDS_MAX), ("tags", WORDS_MAX), ("people", PEOPLE_MAX)):
        if len(getattr(read, name)) > most:
            raise InvalidContent(f"at most {most}", pointer=f"{pointer}/{name}")
    return Requirement(
        languages=checked_languages(read.languages, f"{pointer}/languages"),
        tags=checked_tags(read.tags, f"{pointer}/tags"),
        people=tuple(sorted(set(read.people))),
    )


def check_metadata(metadata: dict[str, Any] | None) -> Requirement:
    """Requirement that a new task's metadata states; raises InvalidContent for a wrong one."""
    return read_requirement((metadata or {}).get(METADATA_KEY), f"/metadata/{METADATA_KEY}")


def checked_languages(words: Iterable[str], pointer: str) -> tuple[str, ...]:
    """Language tags (BCP 47: `es`, `pt-br`) in small letters, sorted; raises InvalidContent."""
    found = sorted({word.strip().lower() for word in words})
    for word in found:
        if _LANGUAGE.fullmatch(word) is None:
            raise InvalidContent(
                f"{word[:40]!r} is not a language tag such as en or pt-br", pointer=pointer
            )
    return tuple(found)


def checked_tags(words: Iterable[str], pointer: str) -> tuple[str, ...]:
    """Tags in their normal form, sorted; raises InvalidContent for an empty or long one."""
    found = set()
    for word in words:
        found.add(names.check_name(word.strip().casefold(), pointer))
        if len(word.strip()) > TAG_CHARS_MAX or "," in word:
            raise InvalidContent(
                f"a tag has at most {TAG_CHARS_MAX} characters and no comma", pointer=pointer
            )
    return tuple(sorted(found))


def is_met(requirement: Requirement, person: Skills) -> bool:
    """True if a person may do tasks with this requirement.

    Who knows `es-mx` knows `es`, and not the other way round.
    """
    return (
        all(knows(person, language) for language in requirement.languages)
        and person.tags.issuperset(requirement.tags)
        and (not requirement.people or person.user_id in requirement.people)
        and (requirement.team is None or requirement.team in person.teams)
    )


def knows(person: Skills, language: str) -> bool:
    """True if a person knows a language, or a variety of it."""
    return any(own == language or own.startswith(f"{language}-") for own in person.languages)


def pool_of(requirement: Requirement) -> str:
    """Name of the pool of a requirement; OPEN_POOL where it asks nothing."""
    if requirement == ANYBODY:
        return OPEN_POOL
    return hashlib.sha256(_encode(requirement)).hexdigest()[:_POOL_CHARS]


def encode(requirement: Requirement) -> bytes:
    """JSON of a requirement, as the store keeps it."""
    return _encode(requirement)


def decode(stored: bytes) -> Requirement:
    """Requirement of the store's JSON."""
    return _decode(stored)


def with_team(requirement: Requirement, team_id: str | None) -> Requirement:
    """Requirement of a task whose batch was handed to a team, None for no team."""
    return msgspec.structs.replace(requirement, team=team_id)


def pools_for(person: Skills, pools: Sequence[tuple[str, bytes]]) -> list[str]:
    """Pools that a person may be given tasks of, OPEN_POOL first."""
    met = [pool for pool, stored in pools if is_met(_decode(stored), person)]
    return [OPEN_POOL, *dict.fromkeys(met)]
