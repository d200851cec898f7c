"""Check of e-mail addresses: only the plain form name@example.com of RFC 5322 is accepted.

An address ends up in a command to a mail server and in a header. Quoted local parts, comments,
display names, several addresses and anything beyond ASCII are therefore refused, although
RFC 5322 permits them: no mailbox that people use needs them.
"""

from __future__ import annotations

import re

CHARS_MAX = 254

SPECIALS = frozenset('()<>[]:;@\\,"')
"""Characters that structure an address field (RFC 5322, section 3.2.3); no name in it has them."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(
    rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}", re.ASCII
)


def check(text: str) -> None:
    """Raise ValueError, with a message for users, unless the text is one e-mail address."""
    if len(text) > CHARS_MAX or not _MAILBOX.fullmatch(text):
        raise ValueError(
            "an e-mail address looks like name@example.com: one address, ASCII letters, at most "
            f"{CHARS_MAX} characters, without a display name, quotes or spaces"
        )
