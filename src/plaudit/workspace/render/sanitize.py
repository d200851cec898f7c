"""HTML sanitizer with an allow list of elements, attributes and URL schemes.

The other modules of this package only write allowed HTML. `sanitize_html` does not rely on that:
it parses their output as a browser does, and drops everything that is not allowed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import nh3
from markupsafe import Markup
from pygments.token import STANDARD_TYPES

IsAttachment = Callable[[str], bool]
"""True for the URL of an attachment of this server. It is called with untrusted URLs."""

SCHEMES = frozenset({"http", "https", "mailto"})
LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20\x7f]+", re.IGNORECASE)
"""Allowed link targets. Relative URLs would lead into the workspace, so they are not allowed."""

RELATION = "noopener noreferrer nofollow ugc"

_UNCOLOURED = frozenset(
    ("", "err", "esc", "g", "go", "l", "n", "nx", "o", "p", "pm", "py", "w", "x")
)
CODE_CLASSES = frozenset(STANDARD_TYPES.values()) - _UNCOLOURED
"""Pygments' short class names that have a colour in `rendered.css`."""

_BLOCKS = "p h3 h4 h5 h6 ul ol li blockquote hr pre div table thead tbody tr th td"
_INLINE = "a br code del em img ins span strong s"
_FORMULAS = (
    "math mrow mi mn mo mtext mspace msup msub msubsup mover munder munderover mfrac msqrt mroot"
    " mtable mtr mtd mstyle mpadded mphantom menclose"
)
TAGS = frozenset(f"{_BLOCKS} {_INLINE} {_FORMULAS}".split())

# A length moves or stretches a formula, so it stays too small to cover other text.
_LENGTH = r"[+-]?(?:0|(?:\d(?:\.\d{1,4})?|\.\d{1,4})(?:em|ex)|\d{1,2}(?:\.\d{1,4})?(?:px|pt))"
_SWITCH = "true|false"
_SPACE = dict.fromkeys(("width", "height", "depth"), _LENGTH)
_ALIGN = "left|center|right"

_VALUES: dict[str, dict[str, str]] = {
    "*": {"dir": "auto|ltr"},
    "a": {"class": "image-chip", "target": "_blank", "title": r"[^\x00-\x1f]*"},
    "code": {"class": "formula-source"},
    "div": {
        "class": "rendered|plain|code|table|formula|diff",
        "tabindex": "0",
        "data-copy": "",
        "data-language": r"[a-z0-9+#-]{1,20}",
    },
    "img": {
        "alt": r"[^\x00]*",
        "class": "attachment",
        "loading": "lazy",
        "title": r"[^\x00-\x1f]*",
    },
    "ol": {"start": r"\d{1,9}"},
    "p": {"class": "definition|note"},
    "pre": {"tabindex": "0"},
    "span": {
        "class": "|".join(["aside", "dead-link", "image-chip", *sorted(CODE_CLASSES)]),
        "title": r"[^\x00-\x1f]*",
    },
    "td": {"class": _ALIGN},
    "th": {"class": _ALIGN},
    "math": {"display": "inline|block"},
    "menclose": {"notation": r"[a-z]+( [a-z]+)?"},
    "mfrac": {"linethickness": _LENGTH},
    "mi": {"mathvariant": "[a-z-]+"},
    "mn": {"mathvariant": "[a-z-]+"},
    "mo": {
        **dict.fromkeys(("fence", "largeop", "movablelimits", "separator", "stretchy"), _SWITCH),
        **dict.fromkeys(("lspace", "maxsize", "minsize", "rspace"), _LENGTH),
        "accent": _SWITCH,
        "form": "prefix|infix|postfix",
        "mathvariant": "[a-z-]+",
    },
    "mover": {"accent": _SWITCH},
    "mpadded": _SPACE | {"lspace": _LENGTH, "voffset": _LENGTH},
    "mspace": _SPACE,
    "mstyle": {"displaystyle": _SWITCH, "scriptlevel": "[012]"},
    "mtable": {
        "columnlines": r"(?:solid|none)(?: (?:solid|none)){0,30}",
        "displaystyle": _SWITCH,
        "rowlines": r"(?:solid|dashed|none)(?: (?:solid|dashed|none)){0,99}",
    },
    "mtd": {"columnalign": _ALIGN},
    "mtext": {"mathvariant": "[a-z-]+"},
}
_PATTERNS = {
    tag: {name: re.compile(value) for name, value in attributes.items()}
    for tag, attributes in _VALUES.items()
}
ATTRIBUTES: dict[str, set[str]] = {tag: set(attributes) for tag, attributes in _VALUES.items()}
ATTRIBUTES["a"].add("href")
ATTRIBUTES["img"].add("src")

# These override the order of letters; prose needs only isolates (Unicode UAX 9).
_OVERRIDES = "\u202d\u202e"
# Invisible characters, some of which reorder others. Joiners and marks that scripts and emoji need
# are not among them.
_HIDDEN = "\u200b\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff" + "".join(
    map(chr, range(0xE0000, 0xE0080))
)
# Ranges, since single characters beyond the BMP take a search four times as long.
_ANY_HIDDEN = re.compile("[\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def no_attachment(_url: str) -> bool:
    """Return False: an IsAttachment for texts without attachments."""
    return False


def is_allowed(tag: str, name: str, value: str) -> bool:
    """True if the element may carry this attribute value; URLs are checked elsewhere."""
    pattern = _PATTERNS.get(tag, {}).get(name) or _PATTERNS["*"].get(name)
    return pattern is not None and pattern.fullmatch(value) is not None


def sanitize_html(source: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    """Parse HTML as a browser does and keep only what the allow list names; idempotent.

    Characters that override the order of letters are replaced by their numbers.
    """

    def filter_attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            is_allowed_value = LINK.fullmatch(value) is not None or is_attachment(value)
        elif name == "src":
            is_allowed_value = is_attachment(value)
        elif name == "rel":
            is_allowed_value = value == RELATION
        else:
            is_allowed_value = is_allowed(tag, name, value)
        return value if is_allowed_value else None

    clean = nh3.clean(
        source,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        attribute_filter=filter_attribute,
        url_schemes=set(SCHEMES),
        link_rel=RELATION,
        set_tag_attribute_values={"a": {"target": "_blank"}, "img": {"loading": "lazy"}},
    )
    return Markup(reveal_overrides(clean))


def reveal_hidden(text: str) -> str:
    """Replace invisible and reordering characters by their numbers, such as `⟨U+200B⟩`.

    For code and raw text, where readers must see every character.
    """
    if text.isascii() or _ANY_HIDDEN.search(text) is None:
        return text
    return _numbered(text, _HIDDEN)


def reveal_overrides(text: str) -> str:
    """Replace characters that override the order of letters by their numbers, as in all texts."""
    return _numbered(text, _OVERRIDES)


def escape_text(text: str) -> str:
    """Escape text for HTML so that `sanitize_html` leaves it unchanged."""
    return html.escape(text, quote=False)


def _numbered(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(character, f"⟨U+{ord(character):04X}⟩")
    return text
