"""Serve the workspace's pages: session, role, CSRF check, query, form, handler, response.

In this order for every page. Problems are raised to the outer middleware, which calls
`show_problem` to render them for people; a refused form is rendered with its problem here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from plaudit.api.http import problems
from plaudit.api.http.bodies import read_body, read_json, refuse_encoding, refuse_length
from plaudit.api.http.operation import JSON, Response, Services, WriteContext, path_parts, respond
from plaudit.api.http.parameters import decode
from plaudit.api.http.streams import Stream
from plaudit.core.accounts import sessions
from plaudit.core.accounts.sign_in_throttle import Throttle
from plaudit.core.accounts.study_links import EntryThrottle
from plaudit.errors import (
    Conflict,
    IllegalMove,
    InvalidContent,
    MethodNotAllowed,
    NotFound,
    Problem,
    SignedOut,
    SignInRefused,
    TooManyRequests,
    Unavailable,
)
from plaudit.model.core import SignedIn
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.engine.engine import Transaction
from plaudit.workspace.http import compression, form_data, form_tokens, links, page_checks
from plaudit.workspace.http.assets import Assets, StaticRoute
from plaudit.workspace.http.browser import Browser
from plaudit.workspace.http.compiled_templates import compiled_templates
from plaudit.workspace.http.page import (
    ANYONE,
    Page,
    PageRequest,
    PageServices,
    Redirect,
    TemplateResponse,
)
from plaudit.workspace.http.project_access import require_access, require_seen
from plaudit.workspace.http.views import LayoutContext, Views
from plaudit.workspace.language import problem_texts, speech
from plaudit.workspace.render.ahead import Ahead
from plaudit.workspace.render.render_pool import RenderPool

_FORM_PROBLEMS = (
    InvalidContent,
    Conflict,
    IllegalMove,
    SignInRefused,
    TooManyRequests,
    Unavailable,
)
_encode = msgspec.json.Encoder().encode


class Workspace:
    """All pages of a process with their shared services, templates and static files.

    `api_paths` are those of the API, which are none of its own.
    """

    def __init__(
        self, services: Services, pages: Sequence[Page], api_paths: re.Pattern[str]
    ) -> None:
        page_checks.check_pages(pages)
        self.services = services
        self.assets = Assets()
        self.views = Views(self.assets, pages, compiled_templates())
        self.by_id = {page.page_id: page for page in pages}
        self._by_path: dict[str, list[Page]] = {}
        for page in pages:
            self._by_path.setdefault(page.path, []).append(page)
        viewed = [page.path for page in pages if page.method == "GET" and page.template]
        self.session_activity = sessions.SessionActivity()
        """Writes when sessions were last used; stop it before the database is closed."""
        self.render_pool = RenderPool()
        """Renders the texts of pages; its processes end with `stop`."""
        self.ahead = Ahead()
        """Draws what is likely to be asked for next; stop it before the pool and the database."""
        self._page_services = PageServices(
            services,
            Throttle(),
            EntryThrottle(),
            links.compile_paths(viewed),
            self.render_pool,
            self.ahead,
        )
        firsts = sorted({path.split("/")[1] for path in ("/static/", *self._by_path)})
        self.paths = re.compile(f"/({'|'.join(map(re.escape, firsts))})(/.*)?")
        """Matches every path below the workspace's first segments, existing or not."""
        self._api_paths = api_paths
        self.stream_paths = links.compile_paths(page.path for page in pages if page.streams)
        self.long_paths = links.compile_paths(page.path for page in pages if page.is_long)

    def routes(self) -> list[Route]:
        """Routes of all pages, of static files, and of 404 pages below known first segments."""
        firsts = sorted({path.split("/")[1] for path in self._by_path})
        return [
            *(Route(path, _Dispatch(self, pages)) for path, pages in self._by_path.items()),
            Route("/static/{version}/{name:path}", StaticRoute(self.assets)),
            *(Route(f"/{first}/{{rest:path}}", _NotFoundRoute(self)) for first in firsts),
        ]

    async def is_astray(self, scope: Scope) -> bool:
        """True if a signed-in browser navigates to a path that nothing serves.

        Its problem is then shown as a page.
        """
        path, browser = scope["path"], Browser(scope, self.services.settings.public_url)
        is_known = self.paths.fullmatch(path) or self._api_paths.fullmatch(path)
        if is_known or not browser.wants_page:
            return False
        scope["plaudit.user"] = await self.user_of(scope)
        return scope["plaudit.user"] is not None

    def show_problem(self, scope: Scope, problem: Problem) -> Response | None:
        """Error page or sign-in redirect for a problem; None for scripts and API clients."""
        is_own = self.paths.fullmatch(scope["path"]) is not None
        if not is_own and scope.get("plaudit.user") is None:
            return None
        browser = Browser(scope, self.services.settings.public_url)
        if not browser.wants_page:
            return None
        if isinstance(problem, SignedOut):
            return self._redirect(browser, Redirect(to=links.sign_in_path(scope)))
        return self.views.render_problem(self.layout(scope, browser), problem)

    def layout(self, scope: Scope, browser: Browser) -> LayoutContext:
        """Layout context of this request: user, form token, theme, flash message."""
        token = self._token(browser.session) if browser.session else ""
        user: SignedIn | None = scope.get("plaudit.user")
        return LayoutContext(
            user=user,
            path=scope["path"],
            token=token,
            theme=browser.theme,
            language=browser.language_for(user),
            chosen_language=(user.language if user else "") or browser.chosen_language,
            flash=browser.flash,
            request_id=scope["plaudit.request_id"],
        )

    def _token(self, session: str) -> str:
        """A form token for this session cookie, masked."""
        return form_tokens.mask(self.services.secret.form_tokens(session)[0])

    async def serve(self, page: Page, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response of one request for a page; raises SignedOut, Forbidden and Problems."""
        scope["plaudit.operation"] = page.page_id
        browser = Browser(scope, self.services.settings.public_url)
        parts = path_parts(scope)
        user = await self.user_of(scope, parts.get("project_id", ""))
        scope["plaudit.user"] = user
        with speech.speaking(browser.language_for(user)):
            try:
                await self._serve(page, browser, user, parts, scope, receive, send)
            except Problem as problem:
                if not browser.wants_page:  # its script shows it
                    problem.message = problem_texts.text_of(problem)
                raise

    async def _serve(
        self,
        page: Page,
        browser: Browser,
        user: Any,  # None on open pages alone
        parts: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        if page.role != ANYONE:
            if user is None:
                raise SignedOut
            require_access(page, user, parts.get("project_id", ""))
            self.session_activity.touch(self.services.db, user)
        request = PageRequest(
            services=self._page_services,
            user=user,
            query=decode(page.query, scope["query_string"]),
            path=parts,
            scope=scope,
            receive=receive,
            cookie=browser.session,
            known_by=browser.known_by,
            chosen_language=browser.chosen_language,
            origin=browser.origin,
        )
        if page.changes:
            answer = await self._write(page, request, browser)
        else:
            result = await page.handler(request)
            if page.is_large:
                fill = partial(self._answer, page, request, browser, result)
                answer = await request.run_in_thread(fill)
            else:
                answer = self._answer(page, request, browser, result)
        if isinstance(answer, Stream):
            await answer.respond(send)
            return
        await respond(send, answer.status, answer.body, answer.content_type, answer.headers)

    def session_of(self, scope: Scope) -> str:
        """Value of the session cookie of a request, empty without one; untrusted text."""
        return Browser(scope, self.services.settings.public_url).session

    async def user_of(self, scope: Scope, project_id: str = "") -> SignedIn | None:
        """User of this request's session cookie, read from the store; None if signed out.

        Their role is the one in the project with this id, where they have one there.
        """
        browser = Browser(scope, self.services.settings.public_url)
        if not browser.session:
            return None
        async with self.services.db.read(snapshot=False) as tx:
            return await sessions.find_user(
                tx, self.services.secret, browser.session, project_id=project_id
            )

    async def _write(
        self, page: Page, request: PageRequest[Any], browser: Browser
    ) -> Response | Stream:
        browser.require_own_page()
        headers = dict(request.scope["headers"])
        refuse_encoding(headers)
        limit, bodies = page.body_limit, self.services.bodies
        refuse_length(headers, limit.bytes_max if page.streams is None else STREAM_BYTES_MAX)
        content_type = browser.header("content-type")
        if page.body is not None:
            browser.require_token(self.services.secret, browser.header("x-csrf-token"))
            raw = await read_json(request.receive, limit)
            submitted = await bodies.run(
                len(raw), partial(form_data.read_json, raw, content_type, page.body)
            )
            result = await self._handle(page, request, submitted)
            fill = partial(self._answer, page, request, browser, result)
            return await request.run_in_thread(fill) if page.is_large else fill()
        if page.streams is not None:
            browser.require_token(self.services.secret, browser.header("x-csrf-token"))
            form_data.require_content_type(content_type, page.streams)
            require_seen(request.path, request.user)
            return self._answer(page, request, browser, await page.handler(request))
        assert page.form is not None
        raw = await read_body(request.receive, limit.bytes_max)
        fields = await bodies.run(len(raw), partial(form_data.read_fields, raw, content_type))
        browser.require_token(self.services.secret, fields.get(form_data.TOKEN_FIELD, [""])[0])
        require_seen(request.path, request.user)
        try:
            result = await self._handle(page, request, form_data.read_struct(fields, page.form))
        except _FORM_PROBLEMS as problem:
            if page.form_page is None or not browser.wants_page:
                raise
            return await self._render_form(
                self.by_id[page.form_page], request, browser, problem, fields
            )
        return self._answer(page, request, browser, result)

    async def _handle(self, page: Page, request: PageRequest[Any], submitted: Struct) -> Any:
        require_seen(request.path, request.user)
        if page.before is not None:
            await page.before(request, submitted)
        if page.opens_transactions:
            return await page.handler(request, submitted)

        spoken = speech.language()

        async def work(tx: Transaction) -> Any:
            context = WriteContext(tx, request.user.environment_id, request.actor, page.page_id)
            with speech.speaking(spoken):  # it may run in the writer's thread
                result = await page.handler(request, submitted, context)
            assert context.noted, f"{page.page_id} left no trace in the audit log"
            return result

        result = await self.services.db.write(work)
        self.services.wake()
        return result

    async def _render_form(
        self,
        page: Page,
        request: PageRequest[Any],
        browser: Browser,
        problem: Problem,
        fields: dict[str, list[str]],
    ) -> Response:
        """The form's page with the problem and the submitted values, passwords left out.

        An open form is shown as to anybody: its page may lead on whoever is signed in.
        """
        assert page.template is not None
        user = None if page.role == ANYONE else request.user
        context = await page.handler(
            msgspec.structs.replace(request, query=decode(page.query, b""), user=user)
        )
        fill = partial(
            self.views.render,
            self.layout(request.scope, browser),
            page.template,
            context,
            status=problems.STATUSES[type(problem)],
            problem=problem,
            submitted={name: value for name, value in fields.items() if "password" not in name},
        )
        return await request.run_in_thread(fill) if page.is_large else fill()

    def _answer(
        self, page: Page, request: PageRequest[Any], browser: Browser, result: Any
    ) -> Response | Stream:
        match result:
            case Response() | Stream():
                return result
            case Redirect():
                return self._redirect(browser, result)
            case TemplateResponse():
                layout = self.layout(request.scope, browser)
                return self.views.render(
                    layout, result.template, result.context, status=result.status
                )
            case dict():
                assert page.template is not None, f"{page.page_id} has no template"
                answer = self._page(page.template, request, browser, result)
                return _compressed(answer, request.scope) if page.is_compressed else answer
        return Response(_encode(result), 200, JSON, [(b"vary", b"Cookie, Accept-Language")])

    def _page(
        self, template: str, request: PageRequest[Any], browser: Browser, context: dict[str, Any]
    ) -> Response:
        """Render a page; consume its flash message, and give signed-out browsers a cookie.

        That cookie is random and stored nowhere; the tokens of open forms are derived from it.
        """
        cookies = [browser.set_flash("")] if browser.flash else []
        if not browser.session:
            token = sessions.mint_token()
            cookies.append(browser.set_session(token))
            layout = msgspec.structs.replace(
                self.layout(request.scope, browser),
                token=self._token(token),
            )
        else:
            layout = self.layout(request.scope, browser)
        answer = self.views.render(layout, template, context)
        answer.headers += cookies
        return answer

    @staticmethod
    def _redirect(browser: Browser, redirect: Redirect) -> Response:
        headers = [(b"location", redirect.to.encode("ascii")), (b"vary", b"Cookie")]
        if redirect.flash:
            headers.append(browser.set_flash(speech.say(redirect.flash)))
        if redirect.session is not None:
            headers.append(browser.set_session(redirect.session))
        if redirect.language is not None:
            headers.append(browser.set_language(redirect.language))
        if redirect.known_by:
            headers.append(browser.set_known_by(redirect.known_by))
        return Response(b"", 303, "text/plain", headers)


def _compressed(answer: Response, scope: Scope) -> Response:
    """A page as gzip where the browser takes that."""
    headers = [*answer.headers, (b"vary", b"Accept-Encoding")]
    body = answer.body
    if compression.takes_gzip(scope["headers"]):
        headers.append((b"content-encoding", b"gzip"))
        body = compression.compress(body)
    return msgspec.structs.replace(answer, body=body, headers=headers)


class _Dispatch:
    """ASGI application of one path: dispatches to its pages by method, HEAD like GET."""

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


class _NotFoundRoute:
    """ASGI application of unknown workspace paths: 404, with the signed-in user's layout."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["plaudit.user"] = await self._workspace.user_of(scope)
        raise NotFound
