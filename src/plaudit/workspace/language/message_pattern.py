"""Pattern of a message with values in it, compared in a time that grows with the message alone."""

from __future__ import annotations

import re

_VALUE = re.compile(r"%\((\w+)\)s")


class MessagePattern:
    """A message of the catalogue, `%(name)s` for each value, which has one character or more.

    A value ends where the text after it stands first, so that nothing is tried twice: a message
    that somebody else wrote a part of cannot make the comparison long.
    """

    def __init__(self, singular: str) -> None:
        self.start, *parts = _VALUE.split(singular.replace("%%", "%"))
        """Text before the first value, perhaps empty."""
        self._names, self._texts = parts[::2], parts[1::2]
        self.chars = len(self.start) + sum(map(len, self._texts))
        """Number of its own characters: the more, the less another message fits."""

    def values_of(self, message: str) -> dict[str, str] | None:
        """Values of a message by their names; None where it does not fit.

        A name that stands twice has the same value in both places.
        """
        if not message.startswith(self.start) or not message.endswith(self._texts[-1]):
            return None
        values: dict[str, str] = {}
        at, end = len(self.start), len(message) - len(self._texts[-1])
        for number, (name, text) in enumerate(zip(self._names, self._texts, strict=True), start=1):
            stop = end if number == len(self._names) else message.find(text, at + 1, end)
            if stop <= at or values.setdefault(name, message[at:stop]) != message[at:stop]:
                return None
            at = stop + len(text)
        return values
