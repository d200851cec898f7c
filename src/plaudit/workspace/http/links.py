"""Paths of pages, and safe redirect targets after sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

SIGN_IN = "/sign-in"
START = "/work"
NEXT_CHARS_MAX = 1000


def compile_paths(paths: Iterable[str]) -> re.Pattern[str]:
    """Pattern that matches any of these paths with any path parameters; nothing if empty."""
    patterns = [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) for path in paths]
    return re.compile("|".join(patterns) or "(?!)")


def fill_path(path: str, **parts: str) -> str:
    """Path of a page with its parameters filled in, percent-encoded."""
    return path.format_map({name: quote(value, safe="") for name, value in parts.items()})


def sign_in_path(scope: Any) -> str:
    """Path of the sign-in page; for a GET with the requested path as its `next`."""
    if scope["method"] != "GET":
        return SIGN_IN
    target: str = scope["path"]
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    if target == START or len(target) > NEXT_CHARS_MAX:
        return SIGN_IN
    return f"{SIGN_IN}?next={quote(target, safe='')}"


def choose_destination(target: str | None, destinations: re.Pattern[str]) -> str:
    """Redirect target after sign-in: `target` if it is a local page's path, else START."""
    if not target or len(target) > NEXT_CHARS_MAX or not target.isascii():
        return START
    if re.search(r"[\x00-\x20\\\x7f]", target) or target.startswith("//"):
        return START
    try:
        parts = urlsplit(target)
    except ValueError:
        return START
    if parts.scheme or parts.netloc or destinations.fullmatch(parts.path) is None:
        return START
    return target if parts.path != SIGN_IN else START
