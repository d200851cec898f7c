"""Reads rendered HTML with the standard library's parser, and says what must not be in it.

The lists are written down here once more on purpose: they are what the tests promise.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from unittest import mock

from markupsafe import Markup

from plaudit.workspace.render import rich_text

VOID = {"br", "hr", "img"}
TAGS = {
    *("a", "blockquote", "br", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "img"),
    *("ins", "li", "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead"),
    *("tr", "ul"),
    *("math", "menclose", "mfrac", "mi", "mn", "mo", "mover", "mpadded", "mphantom", "mroot"),
    *("mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext"),
    *("mtr", "munder", "munderover"),
}
ATTRIBUTES = {
    *("alt", "class", "data-copy", "data-language", "dir", "href", "loading", "rel", "src"),
    *("start", "tabindex", "target", "title"),
    *(
        "accent",
        "columnalign",
        "columnlines",
        "depth",
        "display",
        "displaystyle",
        "fence",
        "form",
    ),
    *("height", "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize"),
    *("movablelimits", "notation", "rowlines", "rspace", "scriptlevel", "separator", "stretchy"),
    *("voffset", "width"),
}
LINK = re.compile(r"(https?://|mailto:)[^\s\x00-\x1f]*", re.IGNORECASE)
RELATION = "noopener noreferrer nofollow ugc"


def render_too_long(text: str) -> Markup:
    """A text as it is shown where it is too long for markdown, however short it is."""
    with mock.patch.object(rich_text, "MARKDOWN_CHARACTERS_MAX", -1):
        return rich_text.render_markdown(text)


class Reading(HTMLParser):
    """What a page holds: `elements`, each with its attributes, and the `text` outside of them.

    `faults` are the reasons why it may not be shown to anybody.
    """

    def __init__(self, source: str, attachments: str = "/attachments/") -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self._pieces: list[str] = []
        self._attachments = attachments
        self.feed(source)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        self.faults += [f"<{tag} {name}>" for name in attributes if name not in ATTRIBUTES]
        if len(attributes) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag == "a" and attributes.get("rel") != RELATION:
            self.faults.append("<a> without rel")
        if tag == "a" and attributes.get("target") != "_blank":
            self.faults.append("<a> without target")
        self._judge_urls(attributes)
        if tag not in VOID:
            self._open.append(tag)

    def _judge_urls(self, attributes: dict[str, str]) -> None:
        href, src = attributes.get("href"), attributes.get("src")
        if href is not None and not (LINK.fullmatch(href) or href.startswith(self._attachments)):
            self.faults.append(f"href={href!r}")
        if src is not None and not src.startswith(self._attachments):
            self.faults.append(f"src={src!r}")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:40]!r}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"a declaration: {decl[:40]!r}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"an instruction: {data[:40]!r}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"a section: {data[:40]!r}")
