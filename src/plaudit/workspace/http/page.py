"""A page is declared once: its route, who may see it, its form and its navigation come from it.

Like the operations of the API, with two differences. Who asks is known by a cookie, never by an
API key; and what is answered is for a browser: a template filled in, a way to another page, or
JSON for what a page's own script asks.

A page that reads has a handler of one argument, the visit. One that changes something takes a
form or JSON, and its handler also takes what was sent and the change: the transaction it is made
in, which the endpoint opens (see `serving`). `opens_own` is for what must wait on something but
the transaction, such as the hash of a password: its handler takes the visit and what was sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct
from starlette.types import Receive

from plaudit.api.http.client_address import network_of
from plaudit.api.http.operation import Services
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts.authentication import ClientInfo, Throttle
from plaudit.core.common.server_secret import ServerSecret
from plaudit.model.core import Actor, PersonRole, SignedIn
from plaudit.settings import Settings
from plaudit.store.engine.engine import Database
from plaudit.workspace.http.job_runner import JobRunner

Q = TypeVar("Q", bound=Struct)

ANYONE: Literal["anyone"] = "anyone"
"""The role of a page that is open to people who are not signed in."""


class PageServices(Struct, frozen=True):
    """What all pages of a process share."""

    services: Services
    throttle: Throttle
    destinations: re.Pattern[str]
    """The paths that a sign-in may lead to."""
    jobs: JobRunner


class PageRequest(Struct, Generic[Q]):
    """One request of a browser, decoded."""

    desk: PageServices
    user: SignedIn
    """Who is signed in. On open pages it may be None."""
    query: Q
    path: dict[str, str]
    """What stands in the path, percent-decoded."""
    scope: Any
    receive: Receive
    cookie: str
    """What the session's cookie holds; empty without one. Never to be shown or stored."""
    origin: str
    """Scheme, host and port under which the browser reaches us."""

    @property
    def db(self) -> Database:
        """The store."""
        return self.desk.services.db

    @property
    def secret(self) -> ServerSecret:
        """The server's secret."""
        return self.desk.services.secret

    @property
    def settings(self) -> Settings:
        """What the operator chose."""
        return self.desk.services.settings

    @property
    def place(self) -> ClientInfo:
        """Where the request comes from, for the throttle."""
        client = network_of(self.scope, self.settings.trusted_proxies)
        return ClientInfo(client, time.monotonic())

    @property
    def request_id(self) -> str:
        """What the log and the audit log call this request."""
        return str(self.scope["plaudit.request_id"])

    @property
    def agent(self) -> str:
        """The browser's own word for itself; anything may stand there."""
        found: bytes = dict(self.scope["headers"]).get(b"user-agent", b"")
        return found.decode("latin-1")

    @property
    def actor(self) -> Actor:
        """Who the audit log names."""
        return Actor("user", self.user.user_id, self.request_id)


class Redirect(Struct, kw_only=True):
    """Leads the browser to another page, with a GET."""

    to: str
    said: str = ""
    """A sentence that the next page shows once; no secrets, it travels in a cookie."""
    session: str | None = None
    """What the session's cookie holds from now on; empty takes the cookie away."""


class TemplateResponse(Struct, kw_only=True):
    """A template filled in, where a handler answers with another one than its page declares."""

    template: str
    context: dict[str, Any]
    status: int = 200


class Page(Struct, frozen=True, kw_only=True):
    """One route of the workspace, for one method.

    A GET handler returns what its template is filled with (a dict), a struct that is sent as
    JSON, or any of Redirect, Shown, `api.operation.Answer` and `api.streams.Stream`; others return
    the same.
    """

    page_id: str
    """Names it in logs, metrics and the audit log, like an operation's id."""
    path: str
    role: PersonRole | Literal["anyone"]
    """The lowest role that may use it. There is no default: whoever declares a page decides."""
    handler: Callable[..., Awaitable[Any]]
    method: str = "GET"
    template: str | None = None
    query: type[Struct] = NoQuery
    form: type[Struct] | None = None
    """Fields of an HTML form (`application/x-www-form-urlencoded`); see `forms`."""
    body: type[Struct] | None = None
    """JSON that a script sends, with the form token in X-CSRF-Token."""
    streams: str | None = None
    """Media type of a body that a script sends, with the form token in X-CSRF-Token, and that the
    handler reads itself, in pieces: it takes the visit alone, and opens transactions by itself."""
    before: Callable[[Any, Any], Awaitable[None]] | None = None
    """Takes the visit and what was sent before the transaction begins: for what must wait."""
    opens_own: bool = False
    """The handler takes visit and what was sent, and opens transactions by itself, if any."""
    is_long: bool = False
    """Whether its answer may take as long as a stream's body, because much is done or sent."""
    again: str | None = None
    """The page_id that is drawn again, with the problem, when a form is refused."""
    nav: str | None = None
    """What the navigation calls it; None keeps it out of there. Only for a GET without parts
    in its path."""
    nav_place: int = 50
    """Smaller ones come first."""
    tab: str | None = None
    """What the tabs of a project call it; only for a GET with `project_id` alone in its path."""
    tab_place: int = 50

    @property
    def changes(self) -> bool:
        """Whether it may change what is stored."""
        return bool(self.form or self.body or self.streams)
