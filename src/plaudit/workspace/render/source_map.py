"""Map from a rendered text to its source: where each visible piece of it comes from.

A page shows markdown as HTML, while marks have their offsets in the text as it is delivered. The
map is a list of pieces: where both are of one length they go character by character; else, as for
entities, formulas and images, the piece stands as a whole for its source. What comes from no place
of its own, such as the space between paragraphs, is in no piece.

The visible text is what a browser calls `textContent`, counted in UTF-16 units as scripts do; the
source is counted in code points of the tidied text (`rich_text.tidy`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

from markdown_it.common.utils import unescapeAll
from markdown_it.token import Token

from plaudit.workspace.render.highlighting import language_of
from plaudit.workspace.render.sanitize import reveal_hidden, reveal_overrides
from plaudit.workspace.render.source_places import Run

APART_MAX = 200
"""Most characters that are looked through for a text that is not where it is expected."""

_TAG = re.compile(r"""<[^>"]*(?:"[^"]*"[^>"]*)*>""")


class Piece(NamedTuple):
    """A piece of the visible text, and the part of the source that it comes from."""

    visible: int
    length: int
    source: int
    source_length: int
    is_exact: bool
    """True if both go character by character."""


def map_markdown(text: str, tokens: Sequence[Token], rendered: str) -> list[Piece]:
    """Map of a text that was parsed into these tokens and rendered as this sanitized HTML."""
    walk = _Walk(text, visible_text(rendered))
    for token in tokens:
        walk.read(token)
    return walk.pieces


def visible_text(rendered: str) -> str:
    """All text of sanitized HTML, as browsers read it."""
    return html.unescape(_TAG.sub("", rendered))


def map_plain(text: str, note: str) -> list[Piece]:
    """Map of a text that is shown as it is, with invisible characters as numbers, below a note."""
    walk = _Walk(text, note + reveal_hidden(text))
    walk.skip(note)
    walk.code(text, range(len(text)))
    return walk.pieces


def written(pieces: Sequence[Piece], visible_text: str) -> str:
    """The map for the page's scripts: pieces apart by spaces, each `visible.length.source`, and
    where it stands as a whole `.source_length`; the visible side counted in UTF-16 units."""
    if not visible_text.isascii() and max(visible_text) > "\uffff":
        units = list(accumulate((1 + (c > "\uffff") for c in visible_text), initial=0))
        pieces = [
            piece._replace(visible=at, length=units[piece.visible + piece.length] - at)
            for piece in pieces
            for at in (units[piece.visible],)
        ]
    return " ".join(
        f"{one.visible}.{one.length}.{one.source}"
        + ("" if one.is_exact else f".{one.source_length}")
        for one in pieces
    )


class _Walk:
    """A walk through the tokens of a text, along its visible text."""

    def __init__(self, text: str, visible: str) -> None:
        self._text, self.visible = text, visible
        self._lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]
        self._at = 0
        self._rows: dict[int, list[list[int]]] = {}
        self.pieces: list[Piece] = []

    def read(self, token: Token) -> None:
        """Map what a block of the text shows."""
        if token.type == "inline":
            self._paragraph(token)
        elif token.type == "fence" and token.map:
            self._info(token)
            lines = range(token.map[0] + 1, token.map[1])
            self.code(token.content, self._places(token.content, lines))
        elif token.type == "code_block" and token.map:
            self.code(token.content, self._places(token.content, range(*token.map)))
        elif token.type == "definition" and token.map:
            places = self._places(token.content, range(*token.map))
            self._exact(token.content, reveal_overrides(token.content), places)
        elif token.type == "formula" and token.map:
            first, last = self._starts[token.map[0]], self._starts[token.map[1]] - 1
            self._formula(token, (first, last))

    def skip(self, shown: str) -> int | None:
        """Go beyond what is shown next; its beginning in the visible text, None if it is not."""
        at = self.visible.find(shown, self._at, self._at + len(shown) + APART_MAX)
        if not shown or at < 0:
            return None
        self._at = at + len(shown)
        return at

    def code(self, content: str, places: Sequence[int] | None) -> None:
        """Map code, where every character is shown."""
        self._exact(content, reveal_hidden(content), places)

    def _paragraph(self, token: Token) -> None:
        places = self._paragraph_places(token)
        runs = iter(token.meta.get("runs", ()))
        rest = next(runs, None)
        for child in token.children or ():
            place = child.meta.get("place")
            if child.type == "formula":
                self._formula(child, _spanned(places, place))
            elif child.type == "code_inline":
                self.code(child.content, _cut(places, place))
            elif child.type == "text" and "place" in child.meta:
                self._whole(reveal_overrides(child.content), _spanned(places, place))
            elif child.type == "text":
                rest = self._text_runs(len(child.content), rest, runs, places)

    def _text_runs(
        self, length: int, rest: Run | None, runs: Iterator[Run], places: list[int] | None
    ) -> Run | None:
        """Map so much of a paragraph's runs; what is left of the last one."""
        while length > 0 and rest is not None:
            content, start, count = rest
            if len(content) <= length:
                self._run(rest, places)
                length -= len(content)
                rest = next(runs, None)
                continue
            taken = count * length // len(content) if count == len(content) else count
            self._run(Run(content[:length], start, taken), places)
            begin, left = (start + taken, count - taken) if taken < count else (start, count)
            return Run(content[length:], begin, left)
        return rest

    def _run(self, run: Run, places: list[int] | None) -> None:
        shown = reveal_overrides(run.content)
        place = (run.start, run.start + run.length)
        if run.length == len(run.content):
            self._exact(run.content, shown, _cut(places, place))
        else:
            self._whole(shown, _spanned(places, place))

    def _info(self, token: Token) -> None:
        """Map what a fence is called, where that is shown."""
        info = unescapeAll(token.info).strip()
        if not token.map or info.lower() == language_of(token.info):
            return
        start = self._starts[token.map[0]]
        self._whole(reveal_hidden(info), (start, start + len(self._lines[token.map[0]])))

    def _formula(self, token: Token, place: tuple[int, int] | None) -> None:
        self._whole(reveal_overrides(visible_text(token.meta.get("html", ""))), place)

    def _whole(self, shown: str, place: tuple[int, int] | None) -> None:
        """Map a text to a part of the source, character by character if that is the same."""
        at = self.skip(shown)
        if at is None or place is None:
            return
        start, end = place
        inner = self._text.find(shown, start, end)
        if inner >= 0 and len(shown) > 1:
            self._add(Piece(at, len(shown), inner, len(shown), True))
        else:
            self._add(Piece(at, len(shown), start, end - start, False))

    def _exact(self, content: str, shown: str, places: Sequence[int] | None) -> None:
        """Map a text whose characters have these places in the source."""
        at = self.skip(shown)
        if at is None or places is None:
            return
        if content == shown:
            for number, length in _whole_ranges(places[: len(content)]):
                self._add(Piece(at + number, length, places[number], length, True))
            return
        for character, place in zip(content, places, strict=False):
            length = len(reveal_hidden(character)) if shown[:1] == "⟨" else 1
            self._add(Piece(at, length, place, 1, length == 1))
            at, shown = at + length, shown[length:]

    def _add(self, piece: Piece) -> None:
        """Add a piece, or make the last one longer by it."""
        last = self.pieces[-1] if self.pieces else None
        if (
            last is not None
            and last.is_exact
            and piece.is_exact
            and last.visible + last.length == piece.visible
            and last.source + last.length == piece.source
        ):
            length = last.length + piece.length
            self.pieces[-1] = last._replace(length=length, source_length=length)
        elif piece.length > 0:
            self.pieces.append(piece)

    def _paragraph_places(self, token: Token) -> list[int] | None:
        if not token.map:
            return None
        if "cell" in token.meta:
            start, number = token.meta["cell"]
            cells = self._cells(start)
            return cells[number] if number < len(cells) else None
        return self._places(token.content, range(*token.map))

    def _places(self, content: str, lines: range) -> list[int] | None:
        """Place of each character of a block, whose lines are ends of the source's; None if not."""
        found: list[int] = []
        for said, number in zip(content.split("\n"), chain(lines, [None]), strict=False):
            if number is None:  # after the last line end
                break
            at = _find_in_line(said, self._lines[number])
            if at is None:
                return None
            start = self._starts[number]
            # Spaces that a tab has been made into all come from the beginning of the line.
            found += [start] * -at
            found += range(start + max(at, 0), start + at + len(said))
            found.append(start + len(self._lines[number]))
        return found

    def _cells(self, start: int) -> list[list[int]]:
        """Places of the characters of each cell of a table's row, which begins there."""
        if start not in self._rows:
            self._rows[start] = list(_cells_from(self._text, start))
        return self._rows[start]


def _find_in_line(said: str, line: str) -> int | None:
    """Place in a line of what a block has of it: its end, but for what is stripped or ends a title.

    Below zero where tabs at the beginning have been made spaces.
    """
    core, ended = said.strip(), line.rstrip()
    if not core:
        return len(line) - len(said)
    at = len(ended) - len(core) if ended.endswith(core) else line.rfind(core)
    hashes = len(line) - len(line.lstrip())
    if line.startswith("#", hashes) and not ended.endswith(core):
        at = line.find(core, hashes)
    return None if at < 0 else at - (len(said) - len(said.lstrip()))


def _cells_from(text: str, start: int) -> Iterator[list[int]]:
    """Yield the places of each cell's characters, as the parser splits and strips a table's row."""
    stop = text.find("\n", start)
    end = len(text) if stop < 0 else stop
    while start < end and text[start].isspace():
        start += 1
    cells: list[list[int]] = [[]]
    for at in range(start, len(text[:end].rstrip())):
        is_escaped = text[at - 1] == "\\" and at > start
        if text[at] == "|" and not is_escaped:
            cells.append([])
            continue
        if text[at] == "|":
            cells[-1].pop()  # the mark that it is no end of the cell
        cells[-1].append(at)
    if not cells[0]:
        cells.pop(0)
    for places in cells:
        while places and text[places[0]].isspace():
            places.pop(0)
        while places and text[places[-1]].isspace():
            places.pop()
        yield places


def _whole_ranges(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where runs of places that follow one another begin, and how many they are."""
    if places and list(places) == list(range(places[0], places[0] + len(places))):
        yield 0, len(places)
        return
    first = 0
    for number in range(1, len(places) + 1):
        if number == len(places) or places[number] != places[number - 1] + 1:
            yield first, number - first
            first = number


def _cut(places: Sequence[int] | None, place: tuple[int, int] | None) -> Sequence[int] | None:
    return None if places is None or place is None else places[place[0] : place[1]]


def _spanned(places: Sequence[int] | None, place: tuple[int, int] | None) -> tuple[int, int] | None:
    """Part of the source from the first to the last character of a part of a paragraph."""
    cut = _cut(places, place)
    return (cut[0], cut[-1] + 1) if cut else None
