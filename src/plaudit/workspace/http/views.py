"""Draw pages: templates, what every one of them is given, and the headers that guard them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from msgspec import Struct

from plaudit import clock
from plaudit.api.http import problems
from plaudit.api.http.operation import Response
from plaudit.core.accounts import permissions
from plaudit.errors import Problem
from plaudit.model.core import SignedIn
from plaudit.workspace.http import links
from plaudit.workspace.http.assets import Assets
from plaudit.workspace.http.page import ANYONE, Page

HTML = "text/html; charset=utf-8"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"
)
"""No page needs a script or style of its own inline, so none runs (reliability T14)."""

_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    # Not no-referrer: forms would then be sent with the origin "null".
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (b"vary", b"Cookie"),
]


class Link(Struct, frozen=True):
    """One entry of the navigation."""

    path: str
    label: str
    is_here: bool


class LayoutContext(Struct, frozen=True, kw_only=True):
    """What every page is drawn with, whatever its handler says."""

    user: SignedIn | None
    path: str
    token: str
    """For the hidden field of forms and for X-CSRF-Token."""
    theme: str
    said: str
    request_id: str


class FormError(Struct, frozen=True):
    """A problem as templates see it; `pointer` names the field it is about, if it is about one."""

    message: str
    pointer: str

    @staticmethod
    def of(problem: Problem) -> FormError:
        """What to say of this problem."""
        return FormError(problem.message, getattr(problem, "pointer", None) or "")


class Views:
    """The templates and the pages that the navigation leads to."""

    def __init__(self, assets: Assets, pages: Sequence[Page]) -> None:
        self._nav = sorted(
            (page for page in pages if page.nav is not None),
            key=lambda page: (page.nav_place, page.path),
        )
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.globals |= {
            "asset": assets.url,
            "has_role": permissions.has_role,
            "to": links.filled,
            "tabs": sorted(
                (page for page in pages if page.tab is not None),
                key=lambda page: (page.tab_place, page.path),
            ),
        }
        self._templates.filters |= {"moment": clock.format_ms, "ago": _ago, "sentence": _sentence}

    def draw(
        self,
        frame: LayoutContext,
        template: str,
        context: dict[str, Any],
        *,
        status: int = 200,
        problem: Problem | None = None,
        given: dict[str, list[str]] | None = None,
    ) -> Response:
        """A whole page.

        Templates find the frame's members, the handler's context, and after a form was refused
        `problem` and `given`, the fields as they were sent (`given_lists`: with all their values).
        """
        body = self._templates.get_template(template).render(
            {
                "user": frame.user,
                "nav": self._links(frame),
                "here": frame.path,
                "csrf": frame.token,
                "theme": frame.theme,
                "said": frame.said,
                "request_id": frame.request_id,
                "problem": None if problem is None else FormError.of(problem),
                "given": {name: values[-1] for name, values in (given or {}).items()},
                "given_lists": given or {},
            }
            | context
        )
        headers = list(_HEADERS)
        if problem is not None:
            headers += problems.headers(problem)
        return Response(body.encode(), status, HTML, headers)

    def draw_problem(self, frame: LayoutContext, problem: Problem) -> Response:
        """The page of an error."""
        status = problems.STATUSES[type(problem)]
        context = {"status": status}
        return self.draw(frame, "shared/problem.html", context, status=status, problem=problem)

    def _links(self, frame: LayoutContext) -> list[Link]:
        user = frame.user
        if user is None:
            return []
        return [
            Link(
                page.path,
                page.nav or "",
                frame.path == page.path or frame.path.startswith(f"{page.path}/"),
            )
            for page in self._nav
            if page.role == ANYONE or permissions.has_role(user, page.role)
        ]


def _sentence(text: str) -> str:
    """A problem's message as a sentence of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _ago(ms: int) -> str:
    """How long ago a moment was, in words."""
    seconds = max(0, clock.now_ms() - ms) // 1000
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
