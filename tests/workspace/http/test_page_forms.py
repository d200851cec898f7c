"""What is sent to pages: from elsewhere, without a token, out of order."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest

from plaudit.errors import CrossSite
from tests.api.test_sweep import content_hash
from tests.support.harness import World, on_sqlite_alone
from tests.support.pages.browser_client import URL, Somebody, add_person, browsing, signed_in
from tests.support.running.every_case import every_case
from tests.workspace.http.page_requests import CHANGING, FIELDS, path_of, send


@pytest.fixture
def admin(world: World) -> Somebody:
    return add_person(world, "admin")


FORGED = {
    "another origin": {"Origin": "https://evil.example"},
    "no origin in a sandbox": {"Origin": "null"},
    "a neighbour": {"Origin": "https://x.plaudit.example"},
    "another port": {"Origin": "https://plaudit.example:444"},
    "our name as a beginning": {"Origin": "https://plaudit.example.evil.example"},
    "a form elsewhere": {"Sec-Fetch-Site": "cross-site"},
    "a form next door": {"Sec-Fetch-Site": "same-site"},
    "typed by a person": {"Sec-Fetch-Site": "none"},
    "an origin and a site that differ": {
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "same-origin",
    },
}


OF_EACH_KIND = [
    *(page for page in CHANGING if page.streams),
    *[page for page in CHANGING if page.form is not None][:3],
    *[page for page in CHANGING if page.body is not None][:3],
]
"""Pages that take a form, JSON and a file; what is sent to any is looked at before it is read."""

SENT_TO_ALL = ("another origin", "a form elsewhere")


@on_sqlite_alone
def test_what_comes_from_elsewhere_changes_nothing(world):
    """Each forgery is refused by pages of each kind; two of them, one for each header, by all."""
    who = add_person(world, "admin")
    with signed_in(world, who) as browser:
        browser.get("/people")
        before = content_hash(world)
        for name, headers in FORGED.items():
            for page in CHANGING if name in SENT_TO_ALL else OF_EACH_KIND:
                answer = send(browser, page, Accept="application/json", **headers)
                assert answer.status_code == 403, (page.page_id, name)
                assert answer.json()["code"] == CrossSite.code
                assert "set-cookie" not in answer.headers

    assert content_hash(world) == before


@on_sqlite_alone
def test_without_the_token_of_this_browser_nothing_changes(world):
    who = add_person(world, "admin")
    with browsing(world) as other:
        foreign = other.token
    with signed_in(world, who) as browser:
        stale = browser.token  # of the cookie before the sign-in
        browser.client.cookies.clear()
        browser.sign_in(who)
        good = browser.get("/people") and browser.token
        before = content_hash(world)
        for page in CHANGING:
            tokens = ["", stale]
            if page in OF_EACH_KIND:
                tokens += [foreign, good[:-1], good.upper(), good + "0", "é"]
            for token in tokens:
                headers = {"X-CSRF-Token": token.encode("latin-1", "replace").decode("latin-1")}
                if page.form is None:
                    answer = browser.client.post(
                        f"{path_of(page)}?{urlencode(FIELDS[page.page_id])}",
                        json=FIELDS[page.page_id],
                        headers={"Origin": URL, **({} if token == "é" else headers)},
                    )
                else:
                    answer = browser.post(
                        path_of(page), FIELDS[page.page_id], token=token, Accept="application/json"
                    )
                assert answer.status_code == 403, (page.page_id, token)
                assert answer.json()["code"] == CrossSite.code

    assert stale != good
    assert content_hash(world) == before


@on_sqlite_alone
@every_case(
    "content_type",
    ["text/plain", "multipart/form-data; boundary=x", "application/octet-stream", "", "text/html"],
)
def test_a_body_of_another_kind_changes_nothing(world, admin, content_type):
    """A form elsewhere can send text/plain that reads as JSON; it must not be read."""
    with signed_in(world, admin) as browser:
        token = browser.get("/people") and browser.token
        before = content_hash(world)
        for page in CHANGING:
            if content_type == page.streams:
                continue
            raw = msgspec.json.encode(FIELDS[page.page_id])
            if page.form is not None:
                pairs = {**FIELDS[page.page_id], "csrf": token}
                raw = "&".join(f"{name}={value}" for name, value in pairs.items()).encode()
            answer = browser.client.post(
                f"{path_of(page)}?{urlencode(FIELDS[page.page_id]) if page.streams else ''}",
                content=raw,
                headers={"Origin": URL, "X-CSRF-Token": token, "Content-Type": content_type},
            )
            assert answer.status_code == 400, page.page_id
            assert answer.json()["code"] == "bad_request"

    assert content_hash(world) == before


BAD_FORMS = {
    "not percent-encoded UTF-8": b"csrf={token}&name=%ff",
    "raw bytes": b"csrf={token}&name=\xff",
    "a NUL": b"csrf={token}&name=a%00b",
    "too many fields": b"csrf={token}&" + b"&".join(b"f%d=1" % n for n in range(1100)),
    "a field twice": b"csrf={token}&name=a&name=b",
    "a field that is not there": b"csrf={token}&name=a&role=admin",
    "a name of bidirectional overrides": b"csrf={token}&name=%E2%80%AE",
    "a name that is too long": b"csrf={token}&name=" + b"x" * 300,
    "half a surrogate pair": b"csrf={token}&name=%ed%a0%80",
}


@on_sqlite_alone
@every_case("form", BAD_FORMS.values())
def test_a_form_that_is_not_in_order_is_refused_whole(world, admin, form):
    with signed_in(world, admin) as browser:
        token = browser.get("/account") and browser.token
        before = content_hash(world)
        answer = browser.post(
            "/account/name",
            content=form.replace(b"{token}", token.encode()),
            Content_Type="application/x-www-form-urlencoded",
        )

    assert answer.status_code == 400
    assert "text/html" in answer.headers["content-type"]
    assert content_hash(world) == before


def test_a_form_that_is_too_large_is_refused(world):
    with signed_in(world, add_person(world)) as browser:
        answer = browser.post("/account/name", {"name": "x" * (1024 * 1024 + 1)})

    assert answer.status_code == 413
    assert "That is too large" in answer.text
