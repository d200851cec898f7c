"""Rules that axe holds pages to: WCAG 2.2 at the levels A and AA."""

from __future__ import annotations

from typing import Any

AXE: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_CONTRAST: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def axe_rules(scheme: str) -> dict[str, Any]:
    """Options of axe for a color scheme; a dark page differs from the light one in contrast."""
    return (AXE if scheme == "light" else _CONTRAST) | {"resultTypes": ["violations"]}
