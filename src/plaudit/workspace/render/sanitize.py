"""What HTML made from foreign text may consist of: the allow list, and the last stand behind it.

The modules beside this one never write anything else. `cleaned` does not rely on that: it reads
their output as a browser would, and drops whatever the list does not name.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import nh3
from markupsafe import Markup
from pygments.token import STANDARD_TYPES

IsAttachment = Callable[[str], bool]
"""Tells whether a URL is one of our own attachments. It sees URLs that strangers chose."""

SCHEMES = frozenset({"http", "https", "mailto"})
LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20\x7f]+", re.IGNORECASE)
"""Where a link may lead. Relative addresses would lead into our own pages, so they may not."""

RELATION = "noopener noreferrer nofollow ugc"

_UNCOLOURED = frozenset(
    ("", "err", "esc", "g", "go", "l", "n", "nx", "o", "p", "pm", "py", "w", "x")
)
CODE_CLASSES = frozenset(STANDARD_TYPES.values()) - _UNCOLOURED
"""The short names that Pygments gives to the parts of a program, where `rendered.css` has a
colour for them."""

_BLOCKS = "p h3 h4 h5 h6 ul ol li blockquote hr pre div table thead tbody tr th td"
_INLINE = "a br code del em img ins span strong s"
_FORMULAS = (
    "math mrow mi mn mo mtext mspace msup msub msubsup mover munder munderover mfrac msqrt mroot"
    " mtable mtr mtd mstyle mpadded mphantom menclose"
)
TAGS = frozenset(f"{_BLOCKS} {_INLINE} {_FORMULAS}".split())

# A length moves or stretches what is drawn, so it stays small enough not to reach other texts.
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
    "p": {"class": "note"},
    "pre": {"tabindex": "0"},
    "span": {
        "class": "|".join(["dead-link", "image-chip", *sorted(CODE_CLASSES)]),
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

# In prose these turn the order of letters around; nobody needs them since there are isolates.
_OVERRIDES = "\u202d\u202e"
# Nobody sees these, and some reorder what stands beside them. Scripts and emoji need the joiners
# and marks that are not here.
_HIDDEN = "\u200b\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff" + "".join(
    map(chr, range(0xE0000, 0xE0080))
)
_ANY_HIDDEN = re.compile(f"[{_HIDDEN}]")


def no_attachment(_url: str) -> bool:
    """Say no: the answer where a text can have no attachments."""
    return False


def is_allowed(tag: str, name: str, value: str) -> bool:
    """Tell whether an element may carry this attribute; URLs are judged elsewhere."""
    pattern = _PATTERNS.get(tag, {}).get(name) or _PATTERNS["*"].get(name)
    return pattern is not None and pattern.fullmatch(value) is not None


def cleaned(source: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    """Read HTML as a browser does and write down what the list allows. Doing so twice is once.

    Characters that turn the order of letters around are written out as their numbers.
    """

    def judge(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            is_good = LINK.fullmatch(value) is not None or is_attachment(value)
        elif name == "src":
            is_good = is_attachment(value)
        elif name == "rel":
            is_good = value == RELATION
        else:
            is_good = is_allowed(tag, name, value)
        return value if is_good else None

    found = nh3.clean(
        source,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        attribute_filter=judge,
        url_schemes=set(SCHEMES),
        link_rel=RELATION,
        set_tag_attribute_values={"a": {"target": "_blank"}, "img": {"loading": "lazy"}},
    )
    return Markup(_numbered(found, _OVERRIDES))


def with_hidden_shown(text: str) -> str:
    """Write characters that nobody can see, or that reorder others, as their numbers.

    For code and raw text, where what is read must be what is there.
    """
    return _numbered(text, _HIDDEN) if _ANY_HIDDEN.search(text) else text


def escaped(text: str) -> str:
    """Escape text for HTML, in the way that `cleaned` leaves as it is."""
    return html.escape(text, quote=False)


def _numbered(text: str, characters: str) -> str:
    for one in characters:
        text = text.replace(one, f"⟨U+{ord(one):04X}⟩")
    return text
