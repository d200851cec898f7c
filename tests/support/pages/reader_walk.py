"""Walk of a page as a screen reader makes it: by names of controls, headings and landmarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

CONTROLS = frozenset(
    (
        *("button", "checkbox", "combobox", "DisclosureTriangle", "link", "searchbox", "slider"),
        *("spinbutton", "switch", "tab", "textbox"),
    )
)
NAMED_PARTS = frozenset(
    (
        *("complementary", "dialog", "form", "group", "navigation", "radiogroup", "region"),
        "toolbar",
    )
)
"""Parts that are read out with their names when somebody comes into them."""
LANDMARKS = frozenset(("complementary", "navigation", "region"))
PARTED = frozenset(("Date", "DateTime", "InputTime"))
"""Fields that a browser makes of several controls, with names of its own."""


class _Node:
    """A node of the accessibility tree, with the named part that it is in."""

    def __init__(self, raw: dict[str, Any], part: str) -> None:
        self.role: str = raw["role"]["value"]
        self.name: str = raw.get("name", {}).get("value", "").strip()
        properties = {one["name"]: one["value"].get("value") for one in raw.get("properties", [])}
        self.level: int | None = properties.get("level")
        self.url: str = properties.get("url") or ""
        self.part = part


def faults(page: Any) -> list[str]:
    """What somebody who hears a page cannot tell apart or find.

    Controls without a name, or with the role, name and part of another one that does something
    else; landmarks with one name; headings that leave a level out.
    """
    nodes = list(_walked(page))
    found = [f"no name: {one.role}" for one in nodes if one.role in CONTROLS and not one.name]
    links = {(one.name, one.part, one.url) for one in nodes if one.role == "link"}
    alike = Counter((f"link {name}", part) for name, part, _ in links)
    alike += Counter(
        (f"{one.role} {one.name}", one.part)
        for one in nodes
        if one.role in CONTROLS - {"link"} and one.name
    )
    found += [f"{count} of one name: {name}" for (name, _), count in alike.items() if count > 1]
    marks = Counter(f"{one.role} {one.name}" for one in nodes if one.role in LANDMARKS)
    found += [f"{count} landmarks: {name}" for name, count in marks.items() if count > 1]
    is_in_dialog = any(one.role == "dialog" for one in nodes)
    before = 1 if is_in_dialog else 0
    for one in nodes:
        if one.role == "heading" and one.level is not None:
            if one.level > before + 1 or not one.name:
                found.append(f"heading {one.level} after {before}: {one.name}")
            before = one.level
    return found


def _walked(page: Any) -> Iterator[_Node]:
    """All nodes that are read out, in their order."""
    client = page.context.new_cdp_session(page)
    raw = client.send("Accessibility.getFullAXTree")["nodes"]
    client.detach()
    by_id = {one["nodeId"]: one for one in raw}
    waiting = [(raw[0], "")]
    while waiting:
        given, part = waiting.pop()
        inner = part
        if not given.get("ignored"):
            node = _Node(given, part)
            yield node
            if node.role in PARTED:
                continue
            if node.role in NAMED_PARTS and node.name:
                inner = f"{node.role} {node.name}"
        below = [by_id[one] for one in given.get("childIds", ()) if one in by_id]
        waiting += [(one, inner) for one in reversed(below)]
