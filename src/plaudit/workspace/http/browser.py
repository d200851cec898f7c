"""Cookies and CSRF checks of the workspace.

The session cookie has the prefix `__Host-`: no other host, no path and no unencrypted connection
can set it. Browsers refuse it over plain HTTP on loopback, so there, and only there, it has no
prefix. A request that writes must come from a page of this server: the browser's Origin and
Sec-Fetch-Site say so, and the request carries a token that only these pages contain.
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
from plaudit.model.core import SignedIn
from plaudit.workspace.http import form_tokens
from plaudit.workspace.language import languages
from plaudit.workspace.language.languages import Language

SESSION_COOKIE = "plaudit"
FLASH_COOKIE = "plaudit-said"
KNOWN_COOKIE = "plaudit-known"
KNOWN_S = 180 * 24 * 60 * 60
"""Seconds for which a browser keeps the cookie by which it is known."""
THEME_COOKIE = "plaudit-theme"
THEMES = ("light", "dark")
LANGUAGE_COOKIE = "plaudit-language"
LANGUAGE_S = 365 * 24 * 60 * 60
"""Seconds for which a browser keeps the language that was chosen in it."""
FLASH_CHARS_MAX = 500

_SECURE_PREFIX = "__Host-"
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip")


class Browser:
    """Headers and cookies of one browser request."""

    def __init__(self, scope: Any, public_url: str | None) -> None:
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        host = self.header("host")
        is_forwarded = any(name in self._headers for name in _FORWARDED)
        # A proxy may have terminated TLS without saying so; behind one, https is assumed.
        scheme = "https" if is_forwarded else scope["scheme"]
        self.origin = public_url or f"{scheme}://{host}"
        self._own = {self.origin, f"http://{host}", f"https://{host}"}
        is_plain = self.origin.startswith("http:") and scheme == "http" and _is_loopback(host)
        self._prefix = "" if is_plain else _SECURE_PREFIX
        self._cookies = _cookies_of(self._headers.get(b"cookie", b""))

    def header(self, name: str) -> str:
        """Value of a header, empty without it."""
        return self._headers.get(name.encode(), b"").decode("latin-1")

    @property
    def session(self) -> str:
        """Value of the session cookie, empty without one."""
        return self._cookies.get(self._prefix + SESSION_COOKIE, "")

    @property
    def known_by(self) -> str:
        """Value of the cookie of a known browser, empty without one; untrusted text."""
        return self._cookies.get(self._prefix + KNOWN_COOKIE, "")

    @property
    def theme(self) -> str:
        """Colour scheme chosen in this browser, one of THEMES; empty follows the system."""
        chosen = self._cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    def language_for(self, user: SignedIn | None) -> Language:
        """Language of the pages: the account's, else the one chosen in this browser, else its own.

        The browser's own is the first that it asks for and that there is.
        """
        chosen = self._cookies.get(LANGUAGE_COOKIE, "")
        setting = "" if user is None else user.language
        return languages.choose(setting, chosen, self.header("accept-language"))

    @property
    def chosen_language(self) -> str:
        """Code of the language chosen in this browser, empty where its own settings decide."""
        chosen = self._cookies.get(LANGUAGE_COOKIE, "")
        return chosen if chosen in languages.LANGUAGES else ""

    @property
    def flash(self) -> str:
        """Message of the page before, at most FLASH_CHARS_MAX characters; untrusted text."""
        try:
            raw = base64.urlsafe_b64decode(self._cookies.get(self._prefix + FLASH_COOKIE, ""))
            return raw.decode()[:FLASH_CHARS_MAX]
        except (binascii.Error, ValueError):
            return ""

    @property
    def wants_page(self) -> bool:
        """True where the browser navigates to the response, False where a script fetches it."""
        mode = self.header("sec-fetch-mode")
        return mode == "navigate" if mode else "text/html" in self.header("accept")

    def set_session(self, token: str) -> tuple[bytes, bytes]:
        """Set-Cookie header of the session; an empty token deletes the cookie.

        It is a session cookie without Max-Age: the store decides when the session expires.
        """
        return self._set(SESSION_COOKIE, token)

    def set_flash(self, text: str) -> tuple[bytes, bytes]:
        """Set-Cookie header of the flash message; an empty text deletes it."""
        return self._set(FLASH_COOKIE, base64.urlsafe_b64encode(text.encode()).decode())

    def set_known_by(self, value: str) -> tuple[bytes, bytes]:
        """Set-Cookie header of a known browser, which outlives the session."""
        name, cookie = self._set(KNOWN_COOKIE, value)
        return name, cookie + b"; Max-Age=%d" % KNOWN_S

    @staticmethod
    def set_language(code: str) -> tuple[bytes, bytes]:
        """Set-Cookie header of the chosen language; empty deletes it."""
        age = LANGUAGE_S if code else 0
        cookie = f"{LANGUAGE_COOKIE}={code}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}"
        return b"set-cookie", cookie.encode()

    def require_own_page(self) -> None:
        """Raise CrossSite unless Origin and Sec-Fetch-Site name this server.

        At least one of the two headers is required: every browser since 2020 sends Origin with
        requests other than GET.
        """
        site, origin = self.header("sec-fetch-site"), self.header("origin")
        if not (site or origin) or site not in ("", "same-origin"):
            raise CrossSite
        if origin and origin not in self._own:
            raise CrossSite

    def require_token(self, secret: ServerSecret, token: str) -> None:
        """Raise CrossSite unless a masked CSRF token was made for this browser's session cookie."""
        if not self.session:
            raise CrossSite(
                "the browser sent no cookie; allow cookies for this server, and open it by https"
            )
        valid_tokens, sent = secret.form_tokens(self.session), form_tokens.unmask(token)
        if not any(hmac.compare_digest(valid, sent) for valid in valid_tokens):
            raise CrossSite

    def _set(self, name: str, value: str) -> tuple[bytes, bytes]:
        cookie = f"{self._prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax"
        if self._prefix:
            cookie += "; Secure"
        if not value:
            cookie += "; Max-Age=0"
        return b"set-cookie", cookie.encode()


def _cookies_of(header: bytes) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for piece in header.decode("latin-1").split(";"):
        name, _, value = piece.strip().partition("=")
        # Of two with one name the first counts: browsers send the more specific one first.
        cookies.setdefault(name, value)
    return cookies


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
