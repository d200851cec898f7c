"""Libraries of the user's own, which Plaudit does not install."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def own_library(name: str, purpose: str) -> Any:
    """Import a library; raises ImportError that says what needs it and how to install it."""
    try:
        return import_module(name)
    except ImportError as exc:
        raise ImportError(f"{purpose} needs {name}: pip install {name}") from exc
