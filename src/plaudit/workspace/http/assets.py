"""The workspace's own scripts and styles, under addresses that change with their content.

All files have one version, the hash of them all, so that modules which import one another by
relative names get the files they were written with, and browsers may keep them for good.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from plaudit.api.http.operation import Response
from plaudit.errors import NotFound

_FOLDER = Path(__file__).parents[1] / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FOR_GOOD = b"public, max-age=31536000, immutable"
_VERSION_CHARS = 16


@cache
def _read() -> dict[str, tuple[bytes, str]]:
    """Each file's content and type, by its name."""
    return {
        path.relative_to(_FOLDER).as_posix(): (path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }


class Assets:
    """What stands in `static/`, read once; a name is a path below it."""

    def __init__(self) -> None:
        self._files = _read()
        digest = hashlib.sha256()
        for name, (content, _) in self._files.items():
            digest.update(b"%d %s %d " % (len(name), name.encode(), len(content)))
            digest.update(content)
        self.version = digest.hexdigest()[:_VERSION_CHARS]

    def url(self, name: str) -> str:
        """The address of a file; raises KeyError if there is none of this name."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def answer(self, version: str, name: str) -> Response:
        """A file; raises NotFound.

        While servers are upgraded one after the other, one may be asked for a version of
        another: it answers with its own, and not to be kept.
        """
        if name not in self._files:
            raise NotFound
        content, content_type = self._files[name]
        kept = _FOR_GOOD if version == self.version else b"no-store"
        headers = [
            (b"cache-control", kept),
            (b"vary", b"Accept-Encoding"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
        ]
        return Response(content, 200, content_type, headers)
