"""Patterns of messages: an f-string of the code as the catalogue has it, `%(name)s` for a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator


def patterns_of(message: ast.expr) -> Iterator[str]:
    """Yield the patterns of an expression: of a text, an f-string, or each side of a choice.

    A text without a space is a key or a name.
    """
    match message:
        case ast.Constant(value=str(text)) if " " in text:
            yield text
        case ast.IfExp():
            yield from patterns_of(message.body)
            yield from patterns_of(message.orelse)
        case ast.BoolOp():
            for value in message.values:
                yield from patterns_of(value)
        case ast.JoinedStr():
            text = pattern_of(message)
            if " " in text:
                yield text


def pattern_of(message: ast.JoinedStr) -> str:
    """Pattern of an f-string; without values it is the text itself."""
    taken: dict[str, str] = {}
    text = "".join(
        str(part.value).replace("%", "%%")
        if isinstance(part, ast.Constant)
        else f"%({_value_name(part, taken)})s"
        for part in message.values
    )
    return text if taken else text.replace("%%", "%")


def pattern_of_format(template: str) -> str:
    """Pattern of a text that `str.format` fills: `{name}` or `{}` for a value."""
    numbers = iter(("value", "value_2", "value_3"))
    return re.sub(
        r"\{(\w*)(?:!\w)?\}",
        lambda field: f"%({field[1] or next(numbers)})s",
        template.replace("%", "%%"),
    )


def is_telling(pattern: str) -> bool:
    """True if a pattern has enough words of its own that it takes no other message for its own."""
    return len(re.sub(r"%\(\w+\)s|\W", "", pattern)) >= 6


def _value_name(part: ast.expr, taken: dict[str, str]) -> str:
    """Name of a value: the last name of its expression, told apart from others by a number."""
    written = ast.unparse(part)
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'|:.*|!r", "", written)) or ["value"]
    name = words[-1].strip("_").lower()
    number = 1
    while taken.get(name if number == 1 else f"{name}_{number}", written) != written:
        number += 1
    name = name if number == 1 else f"{name}_{number}"
    taken[name] = written
    return name
