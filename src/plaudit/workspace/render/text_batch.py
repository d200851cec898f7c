"""Texts of one page that are to be rendered, and a cache of what was rendered before."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from markupsafe import Markup
from msgspec import Struct

from plaudit.workspace.render.rich_text import tidy

BYTES_MAX = 64 * 1024 * 1024
ENTRY_BYTES_MAX = BYTES_MAX // 4


class RenderedText(Struct, eq=False):
    """One text of a page; templates write its HTML, which the batch's owner fills in."""

    text: str
    attachments: tuple[str, ...]
    """Addresses of attachments that the text may show."""
    key: bytes
    is_mapped: bool = False
    """True if its HTML has a map to the text (source_map.py)."""
    html: Markup | None = None

    def __html__(self) -> str:
        assert self.html is not None, "the text was laid out and not rendered"
        return self.html

    def __str__(self) -> str:
        return self.__html__()


class TextBatch:
    """Texts of one page, for one organization; equal texts are rendered once."""

    def __init__(self, organization_id: str = "") -> None:
        self._organization_id = organization_id
        self._texts: dict[bytes, RenderedText] = {}

    def __iter__(self) -> Iterator[RenderedText]:
        return iter(self._texts.values())

    def add(
        self, text: str, attachments: Iterable[str] = (), *, is_mapped: bool = False
    ) -> RenderedText:
        """Add a text; returns its handle."""
        text, addresses = tidy(text), tuple(sorted(attachments))
        # Keyed by organization, so that the time a page takes tells nothing about others' texts.
        about = "\0".join((self._organization_id, "mapped" * is_mapped, *addresses)).encode()
        key = _hash(len(about).to_bytes(4), about, text.encode())
        return self._texts.setdefault(key, RenderedText(text, addresses, key, is_mapped))

    def key(self) -> bytes:
        """Hash of all texts in any order."""
        return _hash(*sorted(self._texts))

    def missing(self) -> list[RenderedText]:
        """Texts without HTML, the shortest first, so that a long one does not take their time."""
        missing = [text for text in self if text.html is None]
        return sorted(missing, key=lambda text: len(text.text))


class RenderCache:
    """HTML of texts that were rendered last, of at most `bytes_max` together. Thread-safe."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._entries: OrderedDict[bytes, Markup] = OrderedDict()
        self.size = 0
        """Bytes of all entries."""
        self._lock = threading.Lock()

    def fill(self, batch: TextBatch) -> list[RenderedText]:
        """Give the texts of a batch their HTML; returns those that have none yet."""
        batch_key = batch.key()
        for text in batch.missing():
            text.html = self._find(text.key) or self._find(_hash(batch_key, text.key))
        return batch.missing()

    def keep(self, text: RenderedText) -> None:
        """Keep the HTML of a text, for whatever page it stands on."""
        self._put(text.key, text.html)

    def keep_plain(self, batch_key: bytes, text: RenderedText) -> None:
        """Keep the plain HTML of a text for a batch whose budget did not suffice for it."""
        self._put(_hash(batch_key, text.key), text.html)

    def _find(self, key: bytes) -> Markup | None:
        with self._lock:
            html = self._entries.get(key)
            if html is not None:
                self._entries.move_to_end(key)
            return html

    def _put(self, key: bytes, html: Markup | None) -> None:
        size = sys.getsizeof(html)
        if html is None or size > min(ENTRY_BYTES_MAX, self._bytes_max):
            return
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = html
            self.size += size
            while self.size > self._bytes_max:
                self.size -= sys.getsizeof(self._entries.popitem(last=False)[1])


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()
