"""What a browser tells us and what we tell it: cookies, where a request came from, what it wants.

The session's cookie has the prefix `__Host-`: no other host, no path and no unencrypted connection
can set it. On loopback over plain HTTP browsers do not take it, so there, and only there, it has
another name. What changes something must come from a page of our own: the browser says so itself
(Origin, Sec-Fetch-Site), and the request carries a token that only our pages know.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import CrossSite

SESSION_COOKIE = "plaudit"
SAID_COOKIE = "plaudit-said"
THEME_COOKIE = "plaudit-theme"
THEMES = ("light", "dark")
SAID_CHARS_MAX = 500

_SECURE_PREFIX = "__Host-"
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip")


class Browser:
    """One request's headers, as the workspace reads them."""

    def __init__(self, scope: Any, public_url: str | None) -> None:
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        host = self.header("host")
        is_forwarded = any(name in self._headers for name in _FORWARDED)
        # Whether TLS was taken away in front of us cannot be known; then only https is meant.
        scheme = "https" if is_forwarded else scope["scheme"]
        public = None if public_url is None else _origin_of(public_url)
        self.origin = public or f"{scheme}://{host}"
        self._own = {self.origin, f"http://{host}", f"https://{host}"}
        is_plain = self.origin.startswith("http:") and scheme == "http" and _is_loopback(host)
        self._prefix = "" if is_plain else _SECURE_PREFIX
        self._cookies = _cookies_of(self._headers.get(b"cookie", b""))

    def header(self, name: str) -> str:
        """A header's text; empty without it."""
        return self._headers.get(name.encode(), b"").decode("latin-1")

    @property
    def session(self) -> str:
        """What the session's cookie holds; empty without one."""
        return self._cookies.get(self._prefix + SESSION_COOKIE, "")

    @property
    def theme(self) -> str:
        """The colour scheme that was chosen here; empty leaves it to the system."""
        chosen = self._cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    @property
    def said(self) -> str:
        """What the page before wants said; the cookie can hold anything, so it is only text."""
        try:
            raw = base64.urlsafe_b64decode(self._cookies.get(self._prefix + SAID_COOKIE, ""))
            return raw.decode()[:SAID_CHARS_MAX]
        except (binascii.Error, ValueError):
            return ""

    @property
    def wants_page(self) -> bool:
        """Whether a person looks at the answer, rather than a script."""
        mode = self.header("sec-fetch-mode")
        return mode == "navigate" if mode else "text/html" in self.header("accept")

    def set_session(self, token: str) -> tuple[bytes, bytes]:
        """The header that sets the session's cookie, or takes it away. The store knows when it
        ends; the browser keeps it as long as it is open, and restores it with its windows."""
        return self._set(SESSION_COOKIE, token)

    def set_said(self, text: str) -> tuple[bytes, bytes]:
        """The header that hands a sentence to the next page, or takes it away."""
        return self._set(SAID_COOKIE, base64.urlsafe_b64encode(text.encode()).decode())

    def require_own_page(self) -> None:
        """Raise CrossSite unless the browser says that a page of ours sends this.

        One of the two headers must be there: every browser since 2020 sends Origin with what is
        not a GET.
        """
        site, origin = self.header("sec-fetch-site"), self.header("origin")
        if not (site or origin) or site not in ("", "same-origin"):
            raise CrossSite
        if origin and origin not in self._own:
            raise CrossSite

    def require_token(self, secret: ServerSecret, given: str) -> None:
        """Raise CrossSite unless this token was drawn for this browser's cookie."""
        if not self.session:
            raise CrossSite(
                "the browser sent no cookie; allow cookies for this server, and open it by https"
            )
        known = secret.form_tokens(self.session)
        if not any(hmac.compare_digest(one.encode(), given.encode()) for one in known):
            raise CrossSite

    def _set(self, name: str, value: str) -> tuple[bytes, bytes]:
        whole = f"{self._prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax"
        if self._prefix:
            whole += "; Secure"
        if not value:
            whole += "; Max-Age=0"
        return b"set-cookie", whole.encode()


def _cookies_of(header: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for piece in header.decode("latin-1").split(";"):
        name, _, value = piece.strip().partition("=")
        # Of two with one name the first counts: browsers send the more specific one first.
        found.setdefault(name, value)
    return found


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
