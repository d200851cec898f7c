"""People and their browsers: who can sign in, and a client that behaves as a browser does."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec

from plaudit import app, clock
from plaudit.core.accounts import authentication as sign_in
from plaudit.core.accounts import passwords, sessions, users
from plaudit.model.core import PersonRole, PersonStatus
from plaudit.store.accounts import credentials
from tests.support.app_client import AppClient
from tests.support.harness import World

PASSWORD = "seven plain wooden boats"
URL = "https://plaudit.example"
HTML = "text/html,application/xhtml+xml"


@dataclass
class Somebody:
    """A person who can sign in."""

    user_id: str
    email: str
    password: str
    organization_id: str = ""


def invite(
    world: World,
    email: str,
    role: str = "annotator",
    *,
    name: str | None = None,
    org: str = "default",
) -> tuple[str, str]:
    """A new person's id, and the token of their invitation."""
    environment_id = world.org(org)

    async def work(tx: Any) -> tuple[str, str]:
        organization_id = await users.find_live_organization(tx, environment_id)
        assert organization_id is not None
        person = await users.invite(
            tx, organization_id, email=email, name=name, role=PersonRole(role)
        )
        return person.user_id, await sign_in.make_invitation(tx, world.secret, person)

    return world.run(world.db.write(work))


def add_person(
    world: World,
    role: str = "annotator",
    *,
    email: str | None = None,
    name: str | None = None,
    password: str = PASSWORD,
    org: str = "default",
) -> Somebody:
    """A new person who has chosen a password."""
    email = email or f"{role}@example.com"
    user_id, _ = invite(world, email, role, name=name, org=org)
    environment_id, password_hash = world.org(org), _hash_of(password)

    async def work(tx: Any) -> str:
        organization_id = await users.find_live_organization(tx, environment_id)
        assert organization_id is not None
        await users.change(tx, organization_id, user_id, {"status": PersonStatus.active})
        await credentials.put_password(tx, organization_id, user_id, password_hash, clock.now_ms())
        return organization_id

    return Somebody(user_id, email, password, world.run(world.db.write(work)))


@cache
def _hash_of(password: str) -> str:
    """Hashing is slow on purpose, so each password is hashed once for all tests."""
    return asyncio.run(passwords.hashed(password))


class Browser:
    """A client with cookies that sends what a browser sends with a page or a form of ours."""

    def __init__(self, client: AppClient) -> None:
        self.client = client
        client.headers.clear()
        self.page: httpx2.Response | None = None

    def get(self, path: str, *, follow: bool = True, **headers: str) -> httpx2.Response:
        """Look at a page."""
        self.page = self.client.get(
            path, headers={"Accept": HTML, **_named(headers)}, follow_redirects=follow
        )
        return self.page

    def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        follow: bool = False,
        token: str | None = None,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """Send a form with the token of the page that was looked at last."""
        given = {"csrf": self.token if token is None else token, **(fields or {})}
        self.page = self.client.post(
            path,
            data=given if content is None else None,
            content=content,
            headers={"Accept": HTML, "Origin": str(self.client.base_url), **_named(headers)},
            follow_redirects=follow,
        )
        return self.page

    def send(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """Send JSON as a script of a page does."""
        return self.client.post(
            path,
            json=body,
            headers={
                "Accept": "application/json",
                "Origin": str(self.client.base_url),
                "X-CSRF-Token": self.token,
                **_named(headers),
            },
        )

    def upload(self, path: str, content: Any, **headers: str) -> httpx2.Response:
        """Send a file as a script of a page does: its bytes alone."""
        given = {
            "Accept": "application/json",
            "Content-Type": "application/octet-stream",
            "Origin": str(self.client.base_url),
            "X-CSRF-Token": self.token,
        }
        return self.client.post(path, content=content, headers=given | _named(headers))

    @property
    def token(self) -> str:
        """The form token of the page that was looked at last; the sign-in page is, if none was."""
        found = token_in(self.page)
        if not found:
            found = token_in(self.get("/sign-in", follow=True))
        return found

    def sign_in(self, who: Somebody, **fields: str) -> httpx2.Response:
        """Go through the sign-in page."""
        self.get("/sign-in", follow=False)
        return self.post(
            "/sign-in", {"email": who.email, "password": who.password, **fields}, follow=False
        )

    @property
    def cookie(self) -> str | None:
        """What the session's cookie holds."""
        for name in ("__Host-plaudit", "plaudit"):
            if name in self.client.cookies:
                return self.client.cookies[name]
        return None


@contextmanager
def browsing(world: World, *, url: str = URL, **settings: Any) -> Iterator[Browser]:
    """A browser without cookies, before the application in this process."""
    if settings:
        chosen = msgspec.structs.replace(world.settings, **settings)
        with AppClient(app.create_app(chosen, world.secret), base_url=url) as client:
            yield Browser(client)
    else:
        with world.connect(base_url=url) as client:
            yield Browser(client)


@contextmanager
def signed_in(world: World, who: Somebody) -> Iterator[Browser]:
    """A browser in which somebody is signed in already."""

    with browsing(world) as browser:
        token = start_session(world, who)
        browser.client.cookies.set("__Host-plaudit", token, domain="plaudit.example", path="/")
        yield browser


def start_session(world: World, who: Somebody) -> str:
    """Sign somebody in without the sign-in page; what their session's cookie holds."""

    async def work(tx: Any) -> str:
        return await sessions.start_session(
            tx, world.secret, organization_id=who.organization_id, user_id=who.user_id, agent="test"
        )

    token: str = world.run(world.db.write(work))
    return token


def seat(world: World, who: Somebody, context: Any, url: str) -> None:
    """Sign somebody in, in a real browser's context, at the server of this URL."""
    context.add_cookies([{"name": "plaudit", "value": start_session(world, who), "url": url}])


def ended(browser: Browser, path: str, seconds: float = 60) -> dict[str, Any]:
    """What a job says of itself once it does not run any more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job: dict[str, Any] = browser.client.get(
            path, headers={"Accept": "application/json"}
        ).json()
        if job["state"] != "running":
            return job
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def upload_file(browser: Browser, content: Any, name: str = "rows.jsonl") -> httpx2.Response:
    """The answer to a file that is sent to be looked at, as the import page does it."""
    return browser.upload(f"/import/upload?{urlencode({'name': name})}", content)


def start_import(browser: Browser, upload_id: str, **plan: Any) -> httpx2.Response:
    """The answer to the choices that are made for an uploaded file."""
    headers = {"Accept": "application/json", "Origin": str(browser.client.base_url)}
    return browser.client.post(
        f"/import/file/{upload_id}/start",
        json=plan,
        headers=headers | {"X-CSRF-Token": browser.token},
    )


def token_in(page: httpx2.Response | None) -> str:
    """The form token of a page; empty without one."""
    found = None if page is None else re.search(r'<meta name="csrf" content="([^"]*)"', page.text)
    return "" if found is None else found[1]


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(data)
