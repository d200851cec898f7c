"""Ways from one page to another, and where a sign-in may lead: to pages of ours, nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

SIGN_IN = "/sign-in"
START = "/work"
NEXT_CHARS_MAX = 1000


def pattern_of(paths: Iterable[str]) -> re.Pattern[str]:
    """What matches these paths, with anything in the places of their parts; nothing without any."""
    found = [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) for path in paths]
    return re.compile("|".join(found) or "(?!)")


def filled(path: str, **parts: str) -> str:
    """A page's path with its parts filled in, whatever characters they have."""
    return path.format_map({name: quote(value, safe="") for name, value in parts.items()})


def to_sign_in(scope: Any) -> str:
    """The sign-in page, which leads back to what was asked for if that was a page to look at."""
    if scope["method"] != "GET":
        return SIGN_IN
    wanted: str = scope["path"]
    if scope["query_string"]:
        wanted += "?" + scope["query_string"].decode("latin-1")
    if wanted == START or len(wanted) > NEXT_CHARS_MAX:
        return SIGN_IN
    return f"{SIGN_IN}?next={quote(wanted, safe='')}"


def safe_next(wanted: str | None, destinations: re.Pattern[str]) -> str:
    """Where to go after signing in: there, if it is the address of a page of ours; else START."""
    if not wanted or len(wanted) > NEXT_CHARS_MAX or not wanted.isascii():
        return START
    if re.search(r"[\x00-\x20\\\x7f]", wanted) or wanted.startswith("//"):
        return START
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return START
    if parts.scheme or parts.netloc or destinations.fullmatch(parts.path) is None:
        return START
    return wanted if parts.path != SIGN_IN else START
