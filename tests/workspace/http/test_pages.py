"""What holds for every page, read from the table of pages."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape

from plaudit.workspace.http.page import ANYONE, Page
from plaudit.workspace.http.views import POLICY
from tests.api.test_sweep import content_hash
from tests.support.harness import above_the_store, on_sqlite_alone
from tests.support.operations import assert_is_error
from tests.support.pages.browser_client import HTML, Tags, add_person, browsing, invite, signed_in
from tests.support.running.every_case import every_case
from tests.workspace.http.page_requests import CHANGING, FIELDS, PAGES, path_of, send

ASKED_BY_SCRIPTS = {"find_by_name"}
LOOKED_AT = [
    page for page in PAGES if page.method == "GET" and page.page_id not in ASKED_BY_SCRIPTS
]
CLOSED = [page for page in PAGES if page.role != ANYONE]
ROLES = ("annotator", "reviewer", "manager", "admin")


@pytest.fixture(scope="module")
def shared_admin(shared_world):
    """An admin for tests that look at pages, and somebody who is invited."""
    invite(shared_world, "soon@example.com")
    return add_person(shared_world, "admin")


def ids(page: Page) -> str:
    return page.page_id


@above_the_store
@every_case("page", CLOSED)
def test_a_page_that_is_not_open_leads_strangers_to_the_sign_in(shared_world, page):
    with browsing(shared_world) as browser:
        answer = send(browser, page) if page.changes else browser.get(path_of(page), follow=False)

    if page.form is not None or not page.changes:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
    else:
        assert answer.status_code == 401
        assert answer.json()["code"] == "signed_out"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_use_its_own_pages_and_those_of_the_roles_below(world, role):
    who = add_person(world, role)
    statuses = {}
    with signed_in(world, who) as browser:
        # What ends sessions comes last.
        for page in sorted(CLOSED, key=lambda page: "/sign-" in page.path):
            if page.page_id in ("sign_out", "end_all_sessions"):
                browser.client.cookies.clear()
                browser.sign_in(who)
            answer = send(browser, page) if page.changes else browser.get(path_of(page))
            statuses[page.page_id] = answer.status_code

    for page in CLOSED:
        is_permitted = ROLES.index(role) >= ROLES.index(page.role)
        assert (statuses[page.page_id] == 403) != is_permitted, page.page_id


def test_the_navigation_shows_what_a_person_may_open_and_nothing_else(world):
    shown = {}
    for role in ROLES:
        with signed_in(world, add_person(world, role)) as browser:
            paths = links_in_navigation(browser.get("/work").text)
            for path in list(paths):
                paths |= links_in_navigation(browser.get(path).text)
            shown[role] = paths

    for role in ROLES:
        assert shown[role] == {
            page.path for page in PAGES if page.nav and ROLES.index(role) >= ROLES.index(page.role)
        }
    assert "/people" in shown["admin"] - shown["manager"]


def marked_in(html):
    """Words that the navigation and the account's menu say are where one is."""
    return re.findall(r'aria-current="\w+">([^<]+)', html[: html.index('<main id="main"')])


@every_case("page", [page for page in LOOKED_AT if page.template and page.role != ANYONE])
def test_every_page_marks_where_it_is(shared_world, shared_admin, page):
    """The message that nothing is there too, where the table's path leads to nothing."""
    with signed_in(shared_world, shared_admin) as browser:
        marked = marked_in(browser.get(path_of(page)).text)

    assert 1 <= len(marked) <= 2


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/new-project", ["Data", "Projects"]),
        ("/styleguide", ["Settings", "Keys"]),
        ("/account", ["Account"]),
        ("/webhooks/messages", ["Settings", "Webhooks"]),
        ("/review", ["Review"]),
    ],
)
def test_a_page_marks_the_word_that_it_is_below(shared_world, shared_admin, path, words):
    with signed_in(shared_world, shared_admin) as browser:
        html = browser.get(path).text

    assert marked_in(html) == words


def links_in_navigation(html):
    """Paths of the words of the navigation, and of the pages below the one that is current."""
    return {
        path
        for nav in re.findall(r'<nav class="nav.*?</nav>', html, re.S)
        for path in re.findall(r'href="([^"]+)"', nav)
    }


@every_case("page", LOOKED_AT)
def test_every_page_carries_the_policy_and_nothing_inline(shared_world, shared_admin, page):
    with signed_in(shared_world, shared_admin) as browser:
        if page.role == ANYONE:
            browser.client.cookies.clear()
        answer = browser.get(path_of(page))
        tags = Tags(answer.text)

    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store, private"
    assert answer.headers["vary"].split(", ")[0] == "Cookie"
    assert "geolocation=()" in answer.headers["permissions-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert tags.inline == []
    for tag, attributes in tags.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href", "action", "formaction"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), (tag, attributes)
            assert not (attributes.get(name) or "/").startswith("//")
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")
        if tag == "form":
            assert attributes["method"] == "post" or attributes["role"] == "search"


def test_the_policy_permits_nothing_inline_and_nothing_from_elsewhere():
    allowed = {name: set(rest) for name, *rest in (one.split() for one in POLICY.split("; "))}

    assert allowed["default-src"] == {"'none'"}
    assert allowed["require-trusted-types-for"] == {"'script'"}
    assert allowed["frame-ancestors"] == allowed["base-uri"] == {"'none'"}
    assert set.union(*allowed.values()) == {"'none'", "'self'", "blob:", "'script'"}
    assert allowed["script-src"] == allowed["style-src"] == allowed["form-action"] == {"'self'"}


@every_case("page", LOOKED_AT)
def test_every_form_of_a_page_carries_the_token(shared_world, shared_admin, page):
    with signed_in(shared_world, shared_admin) as browser:
        text = browser.get(path_of(page)).text
        forms = re.findall(r"<form\b.*?</form>", text, re.S)
        token = browser.token

    assert forms
    for form in forms:
        if 'role="search"' in form:
            continue
        assert f'name="csrf" value="{token}"' in form


@on_sqlite_alone
def test_looking_at_pages_changes_nothing(world):
    who = add_person(world, "admin")
    with signed_in(world, who) as browser:
        before = content_hash(world)
        for page in LOOKED_AT:
            for query in ("", "?status=active", "?next=/work", "?next_token=x", "?role=admin"):
                browser.client.get(path_of(page) + query, headers={"Accept": HTML})
                browser.client.head(path_of(page) + query)
        for page in CHANGING:
            query = "&".join(f"{name}={value}" for name, value in FIELDS[page.page_id].items())
            browser.client.get(f"{path_of(page)}?{query}&csrf={browser.token}")

    assert content_hash(world) == before


@above_the_store
@every_case("page", PAGES)
def test_other_methods_are_refused_with_allow(shared_world, shared_admin, page):
    with signed_in(shared_world, shared_admin) as browser:
        answer = browser.client.request("DELETE", path_of(page))

    methods = {one.method for one in PAGES if one.path == page.path}
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == methods
    assert_is_error(405, answer.headers, answer.json())


@pytest.mark.parametrize("path", ["/work/", "/work/nothing", "/people/x", "/static/x/../base.css"])
def test_what_is_no_page_is_said_in_html_to_people_and_in_json_to_scripts(
    shared_world, shared_admin, path
):
    with signed_in(shared_world, shared_admin) as browser:
        page = browser.get(path)
        told = browser.client.get(path, headers={"Accept": "application/json"})

    assert page.status_code == told.status_code == 404
    assert "There is no such page" in page.text
    assert page.headers["content-security-policy"] == POLICY
    assert_is_error(404, told.headers, told.json())


@above_the_store
@pytest.mark.parametrize(
    "path", ["/nothing", "/v2/nothing", "/v2/tasks/", "/work2", "/nothing/at/all"]
)
def test_a_signed_in_browser_astray_gets_a_page_and_nobody_else_learns_what_exists(
    shared_world, shared_admin, path
):
    with signed_in(shared_world, shared_admin) as browser:
        page = browser.get(path)
        script = browser.client.get(path, headers={"Accept": "application/json"})
        program = browser.get(path, Authorization="Bearer nothing")
        known = browser.get("/v2/tasks")
    with browsing(shared_world) as browser:
        stranger = browser.get(path)

    assert page.status_code == 404
    assert "There is no such page" in page.text
    assert 'href="/account"' in page.text
    assert page.headers["content-security-policy"] == POLICY
    for told in (script, program, known, stranger):
        assert told.status_code == 401
        assert_is_error(401, told.headers, told.json())


@on_sqlite_alone
def test_a_fault_of_ours_is_told_to_people_without_its_reasons(world):
    with signed_in(world, add_person(world, "admin")) as browser:

        async def spoil(tx):
            await tx.run("ALTER TABLE invitation RENAME TO elsewhere", {})

        world.run(world.db.write(spoil))
        answer = browser.get("/people")

    assert answer.status_code == 500
    assert "The server could not do that" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "invitation" not in answer.text
    assert answer.headers["content-security-policy"] == POLICY


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "{{ 7 * 7 }}{% raw %}",
    "</title><svg/onload=alert(1)>",
    "javascript:alert(1)//&lt;b&gt;",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_people_and_projects_are_shown_and_never_run(world, name):
    who = add_person(world, "admin", name=name)
    add_person(world, email="other@example.com", name=name)
    world.project(name)
    with signed_in(world, who) as browser:
        for path in ("/work", "/people", "/account"):
            page = browser.get(path)
            tags = Tags(page.text)
            assert {tag for tag, _ in tags.found} & {"b", "img", "script", "svg"} <= {
                "script",
                "svg",
            }
            assert tags.inline == []
            assert not any(
                attribute.startswith("on")
                for _, attributes in tags.found
                for attribute in attributes
            )
            assert str(escape(name)) in page.text


@above_the_store
def test_hostile_query_values_are_shown_escaped(shared_world):
    with browsing(shared_world) as browser:
        for value in HOSTILE:
            page = browser.client.get("/sign-in", params={"next": value}, headers={"Accept": HTML})
            assert page.status_code == 200
            assert Tags(page.text).inline == []
            assert f'value="{value}"' not in page.text or '"' not in value


def test_what_was_said_is_text_whatever_its_cookie_holds(world):
    with signed_in(world, add_person(world)) as browser:
        for value in ("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "/w==", "!!!", "a" * 3000):
            page = browser.get(
                "/work", Cookie=f"__Host-plaudit={browser.cookie}; __Host-plaudit-said={value}"
            )
            assert page.status_code == 200
            assert Tags(page.text).inline == []


def test_what_was_said_is_said_once(world):
    with signed_in(world, add_person(world)) as browser:
        browser.get("/account")
        browser.post("/account/name", {"name": "Ada"})
        first = browser.get("/account").text
        second = browser.get("/account").text

    assert "Your name is changed." in first
    assert "Your name is changed." not in second


@above_the_store
def test_the_root_leads_browsers_to_the_workspace_and_others_to_the_documentation(shared_world):
    with browsing(shared_world) as browser:
        person = browser.get("/", follow=False)
        program = browser.client.get("/", follow_redirects=False)

    assert (person.status_code, person.headers["location"]) == (302, "/work")
    assert (program.status_code, program.headers["location"]) == (302, "/docs")
