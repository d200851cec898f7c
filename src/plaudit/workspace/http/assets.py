"""Static files of the workspace, under URLs that contain a version.

The version is a hash over all files, so modules that import one another by relative names always
get matching files, and browsers may cache them forever.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from starlette.types import Receive, Scope, Send

from plaudit.api.http.operation import Response, path_parts, respond
from plaudit.errors import MethodNotAllowed, NotFound
from plaudit.workspace.http import bundles, compression

_FOLDER = Path(__file__).parents[1] / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_IMMUTABLE = b"public, max-age=31536000, immutable"
_VERSION_CHARS = 16
_UNPACKED = frozenset({"image/png"})
"""Media types that are compressed already."""
_LEVEL = 9


@cache
def _read() -> dict[str, tuple[bytes, str]]:
    """Content and media type of each file, by its path below `static/`, bundles among them."""
    files = {
        path.relative_to(_FOLDER).as_posix(): (path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }
    names = list(files)
    for name in bundles.BUNDLES:
        text = bundles.make(name, lambda part: files[part][0].decode(), names)
        files[name] = (text.encode(), _TYPES[f".{name.rpartition('.')[2]}"])
    return files


@cache
def _compressed(name: str) -> bytes:
    """Content of a file, as gzip."""
    return compression.compress(_read()[name][0], _LEVEL)


def text_of(name: str) -> str:
    """Text of a file, by its path below `static/`; raises KeyError for an unknown name."""
    return _read()[name][0].decode()


def script_names() -> list[str]:
    """Paths of all scripts below `static/`."""
    return [name for name in _read() if name.endswith(".js") and name not in bundles.BUNDLES]


def style_names() -> list[str]:
    """Paths of all styles below `static/`."""
    return [name for name in _read() if name.endswith(".css") and name not in bundles.BUNDLES]


def names_below(folder: str) -> list[str]:
    """Paths of the scripts that stand directly in a folder."""
    return [name for name in _read() if re.fullmatch(rf"{re.escape(folder)}/[^/]+\.js", name)]


@cache
def _version() -> str:
    """Beginning of the hash of all files with their names."""
    digest = hashlib.sha256()
    for name, (content, _) in _read().items():
        digest.update(b"%d %s %d " % (len(name), name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()[:_VERSION_CHARS]


class Assets:
    """Files of `static/`, read once; names are paths below it."""

    def __init__(self) -> None:
        self._files = _read()
        self.version = _version()
        for name in bundles.BUNDLES:
            _compressed(name)  # now, not on the event loop

    def url(self, name: str) -> str:
        """URL path of a file; raises KeyError for an unknown name."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def answer(
        self, version: str, name: str, asked: Iterable[tuple[bytes, bytes]] = ()
    ) -> Response:
        """Response with a file, compressed if the headers that it is `asked` with allow it.

        Raises NotFound.

        During a rolling upgrade a browser may ask for the version of another server: it gets this
        server's file, marked no-store.
        """
        if name not in self._files:
            raise NotFound
        content, content_type = self._files[name]
        cache_control = _IMMUTABLE if version == self.version else b"no-store"
        headers = [
            (b"cache-control", cache_control),
            (b"vary", b"Accept-Encoding"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
        ]
        if content_type not in _UNPACKED and compression.takes_gzip(asked):
            content = _compressed(name)
            headers.append((b"content-encoding", b"gzip"))
        return Response(content, 200, content_type, headers)


class StaticRoute:
    """ASGI application of static files: open, and reads no session."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["plaudit.operation"] = "get_asset"
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow="GET, HEAD")
        parts = path_parts(scope)
        answer = self._assets.answer(parts["version"], parts["name"], scope["headers"])
        await respond(send, answer.status, answer.body, answer.content_type, answer.headers)
