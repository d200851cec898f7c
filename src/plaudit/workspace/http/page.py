"""Page declarations: one `Page` holds a route, its role, its form and its navigation entry.

Pages are declared like the operations of the API, with two differences: a session cookie
authenticates, never an API key; and the response is for a browser: a rendered template, a
redirect, or JSON for the page's own script.

A page that reads has a handler `(request)`. One that writes declares a form or a JSON body and
has a handler `(request, submitted, context)`, whose context holds the transaction that the
endpoint opens (see `serving`). `opens_transactions` is for slow work that must not hold a
transaction, such as hashing a password: that handler is `(request, submitted)`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Generic, Literal, TypeVar

import msgspec
from markupsafe import Markup
from msgspec import Struct
from starlette.types import Receive

from plaudit.api.http.admission import Permit
from plaudit.api.http.bodies import SMALL_BODY, BodyLimit
from plaudit.api.http.client_address import ROUTED, client_network
from plaudit.api.http.job_runner import JobRunner
from plaudit.api.http.operation import Services
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts.sign_in_throttle import ClientInfo, Throttle
from plaudit.core.accounts.study_links import EntryThrottle
from plaudit.core.common.server_secret import ServerSecret
from plaudit.model.core import Actor, PersonRole, SignedIn
from plaudit.settings import Settings
from plaudit.store.engine.engine import Database
from plaudit.workspace.render.ahead import Ahead
from plaudit.workspace.render.render_pool import RenderPool
from plaudit.workspace.render.text_batch import TextBatch

Q = TypeVar("Q", bound=Struct)
T = TypeVar("T")

ANYONE: Literal["anyone"] = "anyone"
"""The role of a page that is open to people who are not signed in."""


class PageServices(Struct, frozen=True):
    """Services of one process that all of its pages share."""

    shared: Services
    """Settings, secret, store and blobs; the API's handlers use the same ones."""
    throttle: Throttle
    entries: EntryThrottle
    destinations: re.Pattern[str]
    """Matches the paths that a sign-in may redirect to."""
    render_pool: RenderPool
    ahead: Ahead

    @property
    def jobs(self) -> JobRunner:
        """Jobs of this process."""
        return self.shared.jobs


class PageRequest(Struct, Generic[Q]):
    """Decoded request of a browser for one page."""

    services: PageServices
    user: SignedIn
    """The signed-in user; None is possible on open pages only."""
    query: Q
    path: dict[str, str]
    """Path parameters by name, percent-decoded."""
    scope: Any
    receive: Receive
    cookie: str
    """Value of the session cookie, empty without one. A credential: never show or store it."""
    known_by: str
    chosen_language: str
    """Code of the language chosen in this browser; empty where none was."""
    """Value of the cookie of a known browser, empty without one."""
    origin: str
    """Scheme, host and port under which the browser reaches this server."""

    def aside(self) -> AbstractAsyncContextManager[None]:
        """Be without the request's permit meanwhile, for a wait that burdens nobody."""
        permit: Permit | None = self.scope["plaudit.permit"]
        return nullcontext() if permit is None else permit.aside()

    def later(self) -> PageRequest[Q]:
        """This request for work after its answer, which has no permit to be without."""
        return msgspec.structs.replace(self, scope=self.scope | {"plaudit.permit": None})

    async def build(self, layout: Callable[[TextBatch], T]) -> T:
        """Lay out a page and render its texts outside the event loop, as `RenderPool.build`."""
        async with self.aside():
            return await self.services.render_pool.build(self.user.organization_id, layout)

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Run `work` outside the event loop, organizations in turn; raises Unavailable."""
        async with self.aside():
            return await self.services.render_pool.run_in_thread(self.user.organization_id, work)

    async def render(self, text: str) -> Markup:
        """Render one text without attachments, outside the event loop."""
        async with self.aside():
            return await self.services.render_pool.render(self.user.organization_id, text)

    @property
    def db(self) -> Database:
        """Database of this process."""
        return self.services.shared.db

    @property
    def secret(self) -> ServerSecret:
        """Server secret, which signs links and form tokens."""
        return self.services.shared.secret

    @property
    def settings(self) -> Settings:
        """Settings of the operator."""
        return self.services.shared.settings

    @property
    def client_info(self) -> ClientInfo:
        """Client of this request, for the sign-in throttle."""
        network = client_network(self.scope, self.settings.trusted_proxies, prefixes=ROUTED)
        return ClientInfo(network, time.monotonic(), self.known_by)

    @property
    def request_id(self) -> str:
        """Id of this request in the log and the audit log."""
        return str(self.scope["plaudit.request_id"])

    @property
    def agent(self) -> str:
        """User-Agent header, empty without one; untrusted text."""
        value: bytes = dict(self.scope["headers"]).get(b"user-agent", b"")
        return value.decode("latin-1")

    @property
    def actor(self) -> Actor:
        """Signed-in user as the audit log names them."""
        return Actor("user", self.user.user_id, self.request_id)


class Redirect(Struct, kw_only=True):
    """Response 303: the browser loads another page with a GET."""

    to: str
    flash: str = ""
    """Sentence that the next page shows once; it travels in a cookie, so no secrets."""
    session: str | None = None
    """New value of the session cookie; empty deletes it, None leaves it."""
    known_by: str = ""
    """New value of the cookie of a known browser; empty leaves it."""
    language: str | None = None
    """Code of the language that the browser keeps; empty deletes it, None leaves it."""


class TemplateResponse(Struct, kw_only=True):
    """Rendered template other than the one that the page declares."""

    template: str
    context: dict[str, Any]
    status: int = 200


class Page(Struct, frozen=True, kw_only=True):
    """Declaration of one route of the workspace, for one method.

    A handler returns the context of the page's template (a dict), a struct that is sent as JSON,
    or a Redirect, TemplateResponse, `api.http.operation.Response` or `api.http.streams.Stream`.
    """

    page_id: str
    """Name in logs, metrics and the audit log, like an operation's id."""
    path: str
    role: PersonRole | Literal["anyone"]
    """Lowest role that may use the page. No default, so that every declaration decides."""
    handler: Callable[..., Awaitable[Any]]
    method: str = "GET"
    template: str | None = None
    query: type[Struct] = NoQuery
    form: type[Struct] | None = None
    """Fields of an HTML form (`application/x-www-form-urlencoded`); see `form_data`."""
    body: type[Struct] | None = None
    """JSON body that a script sends, with the form token in X-CSRF-Token."""
    body_limit: BodyLimit = SMALL_BODY
    """Limit of the form, in bytes, or of the JSON body; a stream has STREAM_BYTES_MAX."""
    streams: str | None = None
    """Media type of a streamed body that a script sends, with the form token in X-CSRF-Token. The
    handler is `(request)`: it reads the body itself and opens its own transactions."""
    before: Callable[[Any, Any], Awaitable[None]] | None = None
    """Called with request and submitted struct before the transaction begins, for slow checks."""
    opens_transactions: bool = False
    """The handler is `(request, submitted)` and opens its own transactions, if any."""
    is_large: bool = False
    """True where the response is as large as a task: its template is filled in a thread."""
    is_compressed: bool = False
    """True where the response is compressed, in the thread of a large one. Only for a page that
    shows nothing of its request: see `compression`."""
    is_long: bool = False
    """True where the response may take as long as a streamed body (STREAM_SECONDS_MAX)."""
    form_page: str | None = None
    """page_id of the page with the form, which is rendered with the problem of a refused one."""
    spans_projects: bool = False
    """True for a page without a project in its path that lists what the user has the role for: a
    role in one project is enough for it."""
    nav: str | None = None
    """Label in the navigation, None outside of it. Only for a GET without path parameters."""
    nav_order: int = 50
    """Ascending order in the navigation."""
    nav_section: str | None = None
    """Word of the navigation that the page is below; its own label where it stands alone."""
    nav_below: str | None = None
    """Path of the navigation's page that is marked on this one, which has a path beside it."""
    tab: str | None = None
    """Label among a project's tabs. Only for a GET with `project_id` as its one parameter."""
    tab_order: int = 50

    @property
    def changes(self) -> bool:
        """True for pages that may write to the store."""
        return bool(self.form or self.body or self.streams)
