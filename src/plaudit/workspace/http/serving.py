"""Serve pages: who is there, whether they may, what they sent, and what they get.

In this order, for every page: the session, the role, that a change comes from a page of ours, the
query, the form, the handler. Problems go on to the edge, which asks `show_problem` how to tell a
person of them; only a form that is drawn again with its problem is answered here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from plaudit.api.http import problems
from plaudit.api.http.bodies import read_body, refuse_encoding
from plaudit.api.http.operation import JSON, Response, Services, WriteContext, path_parts, respond
from plaudit.api.http.parameters import decode
from plaudit.api.http.streams import Stream
from plaudit.core.accounts import permissions, sessions
from plaudit.core.accounts.authentication import Throttle
from plaudit.errors import (
    Conflict,
    IllegalMove,
    InvalidContent,
    MethodNotAllowed,
    NotFound,
    Problem,
    SignedOut,
    SignInRefused,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from plaudit.model.core import PersonRole, SignedIn
from plaudit.settings import BODY_BYTES_MAX, STREAM_BYTES_MAX
from plaudit.store.engine.engine import Transaction
from plaudit.workspace.http import form_data, links
from plaudit.workspace.http.assets import Assets
from plaudit.workspace.http.browser import Browser
from plaudit.workspace.http.job_runner import JobRunner
from plaudit.workspace.http.page import (
    ANYONE,
    Page,
    PageRequest,
    PageServices,
    Redirect,
    TemplateResponse,
)
from plaudit.workspace.http.views import LayoutContext, Views

_AGAIN = (InvalidContent, Conflict, IllegalMove, SignInRefused, TooManyRequests, Unavailable)
_encode = msgspec.json.Encoder().encode


class Workspace:
    """Every page, and what they share."""

    def __init__(self, services: Services, pages: Sequence[Page]) -> None:
        check(pages)
        self.services = services
        self.assets = Assets()
        self.views = Views(self.assets, pages)
        self.by_id = {page.page_id: page for page in pages}
        self._by_path: dict[str, list[Page]] = {}
        for page in pages:
            self._by_path.setdefault(page.path, []).append(page)
        shown = [page.path for page in pages if page.method == "GET" and page.template]
        self.jobs = JobRunner(services)
        """Long work that pages start; to be stopped before the database is closed."""
        self.touching = sessions.SessionActivity()
        """The same holds for it."""
        self._desk = PageServices(services, Throttle(), links.pattern_of(shown), self.jobs)
        firsts = {re.escape(path.split("/")[1]) for path in ("/static/", *self._by_path)}
        self.paths = re.compile(f"/({'|'.join(sorted(firsts))})(/.*)?")
        """Everything here is ours to answer, also what does not exist."""
        self.stream_paths = links.pattern_of(page.path for page in pages if page.streams)
        self.long_paths = links.pattern_of(page.path for page in pages if page.is_long)

    def routes(self) -> list[Route]:
        """One for each path, for the application's router."""
        found = [Route(path, _Dispatch(self, pages)) for path, pages in self._by_path.items()]
        firsts = sorted({path.split("/")[1] for path in self._by_path})
        files = Route("/static/{version}/{name:path}", _Files(self.assets))
        return [*found, files, *(Route(f"/{one}/{{rest:path}}", _Nothing(self)) for one in firsts)]

    def show_problem(self, scope: Scope, problem: Problem) -> Response | None:
        """How a person is told of a problem; None where a script asks, or an API client."""
        if self.paths.fullmatch(scope["path"]) is None:
            return None
        browser = Browser(scope, self.services.settings.public_url)
        if not browser.wants_page:
            return None
        if isinstance(problem, SignedOut):
            return self._redirect(browser, Redirect(to=links.to_sign_in(scope)))
        return self.views.draw_problem(self.frame(scope, browser), problem)

    def frame(self, scope: Scope, browser: Browser) -> LayoutContext:
        """What a page is drawn with for this request."""
        tokens = self.services.secret.form_tokens(browser.session) if browser.session else [""]
        return LayoutContext(
            user=scope.get("plaudit.user"),
            path=scope["path"],
            token=tokens[0],
            theme=browser.theme,
            said=browser.said,
            request_id=scope["plaudit.request_id"],
        )

    async def serve(self, page: Page, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a page."""
        scope["plaudit.operation"] = page.page_id
        browser = Browser(scope, self.services.settings.public_url)
        user: Any = await self.user_of(scope)  # None on open pages alone
        scope["plaudit.user"] = user
        if page.role != ANYONE:
            if user is None:
                raise SignedOut
            permissions.require_role(user, page.role)
            self.touching.touch(self.services.db, user)
        visit = PageRequest(
            desk=self._desk,
            user=user,
            query=decode(page.query, scope["query_string"]),
            path=path_parts(scope),
            scope=scope,
            receive=receive,
            cookie=browser.session,
            origin=browser.origin,
        )
        if page.changes:
            answer = await self._change(page, visit, browser)
        else:
            answer = self._answer(page, visit, browser, await page.handler(visit))
        if isinstance(answer, Stream):
            await answer.respond(send)
            return
        await respond(send, answer.status, answer.body, answer.content_type, answer.headers)

    async def user_of(self, scope: Scope) -> SignedIn | None:
        """Who is signed in with this request's cookie, as they are at this moment."""
        browser = Browser(scope, self.services.settings.public_url)
        if not browser.session:
            return None
        async with self.services.db.read(snapshot=False) as tx:
            return await sessions.find_user(tx, self.services.secret, browser.session)

    async def _change(
        self, page: Page, visit: PageRequest[Any], browser: Browser
    ) -> Response | Stream:
        browser.require_own_page()
        refuse_encoding(dict(visit.scope["headers"]))
        content_type = browser.header("content-type")
        if page.body is not None:
            browser.require_token(self.services.secret, browser.header("x-csrf-token"))
            raw = await read_body(visit.receive, BODY_BYTES_MAX)
            sent = form_data.read_json(raw, content_type, page.body)
            return self._answer(page, visit, browser, await self._handle(page, visit, sent))
        if page.streams is not None:
            browser.require_token(self.services.secret, browser.header("x-csrf-token"))
            form_data.require_type(content_type, page.streams)
            if int(browser.header("content-length") or 0) > STREAM_BYTES_MAX:
                raise TooLarge(f"a file has at most {STREAM_BYTES_MAX} bytes here")
            return self._answer(page, visit, browser, await page.handler(visit))
        assert page.form is not None
        raw = await read_body(visit.receive, form_data.FORM_BYTES_MAX)
        fields = form_data.read_fields(raw, content_type)
        browser.require_token(self.services.secret, fields.get(form_data.TOKEN_FIELD, [""])[0])
        try:
            made = await self._handle(page, visit, form_data.to_struct(fields, page.form))
        except _AGAIN as problem:
            if page.again is None or not browser.wants_page:
                raise
            return await self._draw_again(self.by_id[page.again], visit, browser, problem, fields)
        return self._answer(page, visit, browser, made)

    async def _handle(self, page: Page, visit: PageRequest[Any], sent: Struct) -> Any:
        if page.before is not None:
            await page.before(visit, sent)
        if page.opens_own:
            return await page.handler(visit, sent)

        async def work(tx: Transaction) -> Any:
            change = WriteContext(tx, visit.user.environment_id, visit.actor, page.page_id)
            made = await page.handler(visit, sent, change)
            assert change.noted, f"{page.page_id} left no trace in the audit log"
            return made

        made = await self.services.db.write(work)
        self.services.wake()
        return made

    async def _draw_again(
        self,
        page: Page,
        visit: PageRequest[Any],
        browser: Browser,
        problem: Problem,
        fields: dict[str, list[str]],
    ) -> Response:
        """The page that a form stands on, with what was wrong and what was typed."""
        assert page.template is not None
        context = await page.handler(msgspec.structs.replace(visit, query=decode(page.query, b"")))
        return self.views.draw(
            self.frame(visit.scope, browser),
            page.template,
            context,
            status=problems.STATUSES[type(problem)],
            problem=problem,
            given={name: value for name, value in fields.items() if "password" not in name},
        )

    def _answer(
        self, page: Page, visit: PageRequest[Any], browser: Browser, made: Any
    ) -> Response | Stream:
        match made:
            case Response() | Stream():
                return made
            case Redirect():
                return self._redirect(browser, made)
            case TemplateResponse():
                frame = self.frame(visit.scope, browser)
                return self.views.draw(frame, made.template, made.context, status=made.status)
            case dict():
                assert page.template is not None, f"{page.page_id} has no template"
                return self._page(page.template, visit, browser, made)
        return Response(_encode(made), 200, JSON, [(b"vary", b"Cookie")])

    def _page(
        self, template: str, visit: PageRequest[Any], browser: Browser, context: dict[str, Any]
    ) -> Response:
        """A page that is looked at: what was to be said is said, and a stranger gets a cookie.

        The cookie of somebody who is not signed in is random and stored nowhere; the forms that
        are open to them are tied to it.
        """
        cookies = [browser.set_said("")] if browser.said else []
        if not browser.session:
            token = sessions.mint_token()
            cookies.append(browser.set_session(token))
            frame = msgspec.structs.replace(
                self.frame(visit.scope, browser),
                token=self.services.secret.form_tokens(token)[0],
            )
        else:
            frame = self.frame(visit.scope, browser)
        answer = self.views.draw(frame, template, context)
        answer.headers += cookies
        return answer

    @staticmethod
    def _redirect(browser: Browser, redirect: Redirect) -> Response:
        headers = [(b"location", redirect.to.encode("ascii")), (b"vary", b"Cookie")]
        if redirect.said:
            headers.append(browser.set_said(redirect.said))
        if redirect.session is not None:
            headers.append(browser.set_session(redirect.session))
        return Response(b"", 303, "text/plain", headers)


class _Dispatch:
    """The ASGI application of one path: its pages by method. HEAD is answered like GET."""

    def __init__(self, workspace: Workspace, pages: Sequence[Page]) -> None:
        self._workspace = workspace
        self._by_method = {page.method: page for page in pages}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._by_method.get(scope["method"])
        if page is None:
            raise MethodNotAllowed(allow=", ".join(sorted(self._by_method)))
        await self._workspace.serve(page, scope, receive, send)


class _Nothing:
    """The ASGI application of what lies beside our pages: nothing, drawn for who is signed in."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["plaudit.user"] = await self._workspace.user_of(scope)
        raise NotFound


class _Files:
    """The ASGI application of the scripts and styles: open, and without a look at the session."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["plaudit.operation"] = "get_asset"
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow="GET, HEAD")
        parts = path_parts(scope)
        answer = self._assets.answer(parts["version"], parts["name"])
        await respond(send, answer.status, answer.body, answer.content_type, answer.headers)


def check(pages: Sequence[Page]) -> None:
    """Raise ValueError where a page is declared so that it would not be safe, or not work."""
    seen: set[tuple[str, str]] = set()
    ids = {page.page_id: page for page in pages}
    if len(ids) != len(pages):
        raise ValueError("two pages have the same page_id")
    for page in pages:
        if not isinstance(page.role, PersonRole) and page.role != ANYONE:
            raise ValueError(f"{page.page_id} does not say who may use it")
        if (page.method in ("GET", "HEAD")) == page.changes:
            raise ValueError(f"{page.page_id}: what changes has a form or body, and no GET does")
        if sum(bool(kind) for kind in (page.form, page.body, page.streams)) > 1:
            raise ValueError(f"{page.page_id} takes a form, JSON or a stream, not several")
        if page.role == ANYONE and page.changes and not page.opens_own:
            raise ValueError(f"{page.page_id} is open, so nobody is there to make a change for")
        if page.again is not None and (page.again not in ids or not ids[page.again].template):
            raise ValueError(f"{page.page_id} is drawn again as {page.again}, which has no page")
        if page.tab is not None and (
            page.method != "GET" or re.findall(r"{(\w+)}", page.path) != ["project_id"]
        ):
            raise ValueError(f"{page.page_id} is no page of one project, so it is none of its tabs")
        if (page.method, page.path) in seen:
            raise ValueError(f"{page.method} {page.path} is declared twice")
        seen.add((page.method, page.path))
