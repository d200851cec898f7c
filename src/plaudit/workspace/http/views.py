"""Render pages: templates, their shared layout context, and the security headers."""

from __future__ import annotations

import re
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
from plaudit.texts import PageText
from plaudit.workspace.http import links
from plaudit.workspace.http.assets import Assets
from plaudit.workspace.http.compiled_templates import CompiledTemplates
from plaudit.workspace.http.page import ANYONE, Page
from plaudit.workspace.http.script_texts import ScriptTexts
from plaudit.workspace.language import note_words, problem_texts, speech, words
from plaudit.workspace.language.languages import ENGLISH, LANGUAGES, Language
from plaudit.workspace.language.speech import say, say_count

TEMPLATES = Path(__file__).parents[1] / "templates"
HTML = "text/html; charset=utf-8"
DAYS_AGO_MAX = 30

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"
)
"""No inline script or style runs, which contains injected markup (OWASP: CSP cheat sheet)."""

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
    (b"vary", b"Cookie, Accept-Language"),
]


class Link(Struct, frozen=True):
    """Entry of the navigation; `is_here` marks the current page and pages below it."""

    path: str
    label: str
    is_here: bool


class NavSection(Struct, frozen=True):
    """Word of the navigation with the pages below it; it opens the first of them."""

    label: str
    links: list[Link]

    @property
    def path(self) -> str:
        """Path of the first page."""
        return self.links[0].path

    @property
    def is_here(self) -> bool:
        """True on one of its pages."""
        return any(link.is_here for link in self.links)


class LayoutContext(Struct, frozen=True, kw_only=True):
    """Template context that every page gets beside its handler's."""

    user: SignedIn | None
    path: str
    token: str
    """CSRF token, for the hidden field of forms and for X-CSRF-Token."""
    theme: str
    language: Language = ENGLISH
    chosen_language: str = ""
    """Code of the language chosen in this browser, empty where it is the browser's own."""
    flash: str
    request_id: str


class FormError(Struct, frozen=True):
    """A problem as templates show it; `pointer` is the JSON pointer of its field, or empty."""

    message: str
    pointer: str

    @staticmethod
    def from_problem(problem: Problem) -> FormError:
        """Message and pointer of a problem."""
        return FormError(problem_texts.text_of(problem), getattr(problem, "pointer", None) or "")


class Views:
    """Template engine of the workspace, with its navigation.

    `compiled` holds templates that another process compiled, and takes those compiled here.
    """

    def __init__(
        self, assets: Assets, pages: Sequence[Page], compiled: CompiledTemplates | None = None
    ) -> None:
        self._nav = sorted(
            (page for page in pages if page.nav is not None),
            key=lambda page: (page.nav_order, page.path),
        )
        self._nav_of = {page.path: page.nav_below for page in pages if page.nav_below is not None}
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            finalize=_spoken,
            bytecode_cache=compiled,
        )
        say_in_templates(self._templates)
        self._script_texts = ScriptTexts(self._templates)
        self._templates.globals |= {
            "asset": assets.url,
            "has_role": permissions.has_role,
            "fill_path": links.fill_path,
            "languages": list(LANGUAGES.values()),
            "tabs": sorted(
                (page for page in pages if page.tab is not None),
                key=lambda page: (page.tab_order, page.path),
            ),
        }
        self._templates.filters |= {"moment": clock.format_ms, "minute": minute, "ago": ago}
        self._templates.filters["sentence"] = _sentence

    def compile_templates(self) -> None:
        """Make every template ready, which takes a second of CPU where none is compiled yet."""
        for name in self._templates.list_templates(extensions=["html"]):
            self._templates.get_template(name)

    def render(
        self,
        layout: LayoutContext,
        template: str,
        context: dict[str, Any],
        *,
        status: int = 200,
        problem: Problem | None = None,
        submitted: dict[str, list[str]] | None = None,
    ) -> Response:
        """Render a template into an HTML response.

        Templates see the layout's members and the handler's context. After a refused form they
        also see `problem` (a FormError), `submitted` (the last value of each field) and
        `submitted_lists` (all values of each field).
        """
        with speech.speaking(layout.language):
            return self._rendered(layout, template, context, status, problem, submitted)

    def _rendered(
        self,
        layout: LayoutContext,
        template: str,
        context: dict[str, Any],
        status: int,
        problem: Problem | None,
        submitted: dict[str, list[str]] | None,
    ) -> Response:
        body = self._templates.get_template(template).render(
            {
                "language": layout.language,
                "chosen_language": layout.chosen_language,
                "script_texts": self._script_texts.for_page(template, layout.language),
                "user": layout.user,
                "nav": self._sections(layout),
                "here": layout.path,
                "csrf": layout.token,
                "theme": layout.theme,
                "flash": layout.flash,
                "request_id": layout.request_id,
                "problem": None if problem is None else FormError.from_problem(problem),
                "submitted": {name: values[-1] for name, values in (submitted or {}).items()},
                "submitted_lists": submitted or {},
            }
            | context
        )
        headers = list(_HEADERS)
        if problem is not None:
            headers += problems.headers(problem)
        return Response(body.encode(), status, HTML, headers)

    def render_problem(self, layout: LayoutContext, problem: Problem) -> Response:
        """Error page of a problem, with its HTTP status and headers."""
        status = problems.STATUSES[type(problem)]
        # Other addresses say no more than that they lead nowhere; participants have nobody to ask.
        context = {"status": status, "is_told": layout.path.startswith("/study/")}
        return self.render(layout, "shared/problem.html", context, status=status, problem=problem)

    def _sections(self, layout: LayoutContext) -> list[NavSection]:
        user = layout.user
        path = self._nav_of.get(layout.path, layout.path)
        sections: dict[str, NavSection] = {}
        for page in self._nav:
            if (
                user is None
                or page.role == ANYONE
                or not permissions.may_open(user, page.role, spans_projects=page.spans_projects)
            ):
                continue
            label = speech.say(page.nav or "")
            is_here = path == page.path or path.startswith(f"{page.path}/")
            word = speech.say(page.nav_section) if page.nav_section else label
            section = sections.setdefault(word, NavSection(word, []))
            section.links.append(Link(page.path, label, is_here))
        return list(sections.values())


def say_in_templates(templates: jinja2.Environment) -> None:
    """Give templates `{% trans %}`, `_()` and `_n()`, and numbers as the page's language has them.

    What `_()` gives is escaped like any text; a `{% trans %}` may hold markup.
    """
    templates.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        speech.say,
        speech.plural_form,
        newstyle=True,
        pgettext=speech.say_in,
        npgettext=lambda context, one, many, count: speech.plural_form(one, many, count, context),
    )
    templates.globals |= {"_": say, "_n": say_count, "_p": speech.say_in}
    templates.filters |= {
        "number": speech.number,
        "percent": speech.percent,
        "said": problem_texts.said,
    }
    templates.filters |= {"word": words.word, "initial": words.initial, "built_in": words.built_in}
    templates.filters["built_in_label"] = words.built_in_label
    templates.filters |= {"note_done": note_words.done, "note_reason": note_words.reason}
    templates.filters["waiting_reason"] = note_words.waiting
    templates.policies["ext.i18n.trimmed"] = True


def _spoken(value: Any) -> Any:
    """Translate what templates write of marked texts; everything else stays as it is."""
    return say(value) if type(value) is PageText else value


_FIRST_WORD = re.compile(r"[^\W\d_]+(?![\w/=@]|\.\S)")
"""Word that is no name of a file, a member or an address."""


def _sentence(text: str) -> str:
    """Message with a capital first letter and a full stop; a name at its beginning stays."""
    text = problem_texts.recognized(_spoken(text))
    if _FIRST_WORD.match(text):
        text = text[:1].upper() + text[1:]
    return text + ("" if text.endswith((".", "?")) else ".")


def minute(ms: int) -> str:
    """A moment as people read it, to the minute: "2026-01-31 08:30 UTC"."""
    return f"{clock.format_ms(ms)[:16].replace('T', ' ')} UTC"


def ago(ms: int) -> str:
    """Time since `ms` (epoch milliseconds) in words: "just now", "3 hours ago".

    What is older than DAYS_AGO_MAX days has its date instead.
    """
    minutes = max(0, clock.now_ms() - ms) // 60_000
    if minutes > DAYS_AGO_MAX * 24 * 60:
        return clock.format_ms(ms)[:10]
    if minutes >= 24 * 60:
        return say_count("%(count)s day ago", "%(count)s days ago", minutes // (24 * 60))
    if minutes >= 60:
        return say_count("%(count)s hour ago", "%(count)s hours ago", minutes // 60)
    if minutes >= 1:
        return say_count("%(count)s minute ago", "%(count)s minutes ago", minutes)
    return say("just now")
