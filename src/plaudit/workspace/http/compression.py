"""Compression of what browsers ask for: gzip, where a request allows it.

The length of a compressed page tells how much of it repeats. Whoever can have a word put into a
page and sees its length on the wire can guess a secret of that page letter by letter (BREACH,
https://breachattack.com). So only pages that show nothing of their request are compressed, and the
one secret that stands in each, the form token, is masked anew each time (`form_tokens`).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from plaudit.api.http.content_codings import accepted_codings, chosen_coding
from plaudit.model.codings import Coding

LEVEL = 4
"""Level for what is compressed anew each time: a page of 100 kB takes 0.4 ms."""


def takes_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """True if the headers of a request allow gzip, and do not prefer none."""
    return chosen_coding(accepted_codings(headers), (Coding.gzip,)) is not None


def compress(body: bytes, level: int = LEVEL) -> bytes:
    """A body as gzip, the same each time."""
    return gzip.compress(body, level, mtime=0)
