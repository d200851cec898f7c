"""Signing in: who gets in, what strangers learn, and how a session ends."""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import quote

import pytest

from plaudit.core.accounts import authentication, passwords, users
from plaudit.core.accounts.sign_in_throttle import ClientInfo, Throttle
from plaudit.errors import SignInRefused
from plaudit.model.core import PersonStatus
from tests.support.harness import both_engines, on_sqlite_alone
from tests.support.pages.browser_client import (
    PASSWORD,
    Somebody,
    add_person,
    browsing,
    invite,
    signed_in,
)

STRANGER = Somebody("", "nobody@example.com", PASSWORD)


def without_what_varies(page) -> str:
    """A page without its form token, request id and what was typed."""
    text = re.sub(r'(name="csrf" (?:content|value)=")[^"]*', r"\1", page.text)
    return re.sub(r'autocomplete="username" value="[^"]*"', "", text)


def test_a_person_signs_in_and_arrives_at_their_work(world):
    who = add_person(world)
    with browsing(world) as browser:
        first = browser.get("/work", follow=False)
        answer = browser.sign_in(who)
        page = browser.get(answer.headers["location"])

    assert first.status_code == 303
    assert first.headers["location"] == "/sign-in"
    assert answer.status_code == 303
    assert answer.headers["location"] == "/work"
    assert page.status_code == 200
    assert who.email in page.text


def test_the_address_may_be_written_in_capitals_and_with_spaces_around(world):
    who = add_person(world, email="Ada@Example.com")
    with browsing(world) as browser:
        answer = browser.sign_in(Somebody("", "  aDA@example.COM ", who.password))

    assert answer.headers["location"] == "/work"


@pytest.mark.parametrize(
    "attempt",
    [
        Somebody("", "annotator@example.com", "not their password"),
        Somebody("", "annotator@example.com", PASSWORD + " "),
        Somebody("", "annotator@example.com", ""),
        Somebody("", "annotator@example.com", "x" * 3000),
        Somebody("", "invited@example.com", PASSWORD),
        Somebody("", "removed@example.com", PASSWORD),
        Somebody("", "' OR 1=1 --", "x"),
        Somebody("", "", ""),
        STRANGER,
    ],
    ids=lambda one: f"{one.email[:12]}-{len(one.password)}",
)
def test_every_refusal_to_sign_in_looks_the_same(world, attempt):
    """Neither status, words nor cookies tell whether an address is known."""
    add_person(world)
    invite(world, "invited@example.com")
    remove(world, add_person(world, email="removed@example.com"))
    with browsing(world) as browser:
        refused = browser.sign_in(STRANGER)
        answer = browser.sign_in(attempt)

    assert answer.status_code == 401
    assert without_what_varies(answer) == without_what_varies(refused)
    assert {name for name, _ in answer.headers.items()} == {
        name for name, _ in refused.headers.items()
    }
    assert "set-cookie" not in answer.headers
    assert "The e-mail address or the password is wrong." in answer.text


def remove(world, who: Somebody) -> None:
    """Remove a person, as an admin key does over the API."""
    with world.client() as client:
        answer = client.patch(f"/manage/v1/users/{who.user_id}", json={"status": "removed"})
    assert answer.status_code == 200, answer.text


@on_sqlite_alone
@pytest.mark.usefixtures("product_hasher")
def test_a_stranger_costs_as_much_work_as_a_wrong_password(world):
    """One hash is computed for each, so their CPU is alike; not so if one were left out."""
    who = add_person(world)
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    known = passwords.hashed(PASSWORD)
    hashed = world.run(known)
    for _ in range(9):
        for name, password_hash in (("known", hashed), ("unknown", None)):
            started = time.process_time()
            assert world.run(passwords.matches(password_hash, "wrong wrong wrong")) is False
            times[name].append(time.process_time() - started)

    known_s, unknown_s = (min(times[name]) for name in ("known", "unknown"))
    assert who.email
    assert 0.5 < known_s / unknown_s < 2
    assert unknown_s > 0.005


@both_engines
def test_the_same_address_in_two_organizations_needs_the_organization(world):
    here = add_person(world, email="ada@example.com", name="Ada here")
    there = add_person(
        world,
        email="ada@example.com",
        name="Ada there",
        org="Other",
        password="nine other wide seas",
    )
    with browsing(world) as browser:
        page = browser.get("/sign-in")
        ambiguous = browser.sign_in(here)
        browser.sign_in(there, organization="Other")
        work_there = browser.get("/work")
        browser.client.cookies.clear()
        browser.sign_in(here, organization="default")
        work_here = browser.get("/work")
        browser.client.cookies.clear()
        crossed = browser.sign_in(here, organization="Other")

    assert 'name="organization"' in page.text
    assert ambiguous.status_code == 401
    assert "Ada there" in work_there.text
    assert "Ada here" in work_here.text
    assert crossed.status_code == 401


def test_with_one_organization_nobody_is_asked_for_it(world):
    with browsing(world) as browser:
        assert 'name="organization"' not in browser.get("/sign-in").text


ELSEWHERE = (
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example",
    "\\\\evil.example", "/%5cevil.example", "http:evil.example", "javascript:alert(1)",
    "data:text/html,x", "/work\r\nSet-Cookie: a=b", "/\tevil.example", "/ /evil.example",
    "https:/evil.example", "/work@evil.example", "//work", "evil.example", "/nothing",
    "/sign-out", "/sign-in", "/docs", "/v2/tasks", "/work/../../evil", "/wörk", "x" * 3000,
    "/.evil.example", "@evil.example", "http://plaudit.example/work", "",
)  # fmt: skip


def test_a_sign_in_leads_to_pages_of_ours_and_nowhere_else(world):
    who = add_person(world)
    with browsing(world) as browser:
        for target in ELSEWHERE:
            browser.client.cookies.clear()
            answer = browser.sign_in(who, next=target)
            asked = browser.get(f"/sign-in?next={quote(target, safe='')}"[:3000], follow=False)

            assert answer.status_code == 303, target
            assert answer.headers["location"] == "/work", target
            assert asked.headers["location"] == "/work", target


@pytest.mark.parametrize("target", ["/account", "/people?status=invited", "/work?x=%2F%2Fevil"])
def test_a_sign_in_leads_back_to_the_page_that_was_asked_for(world, target):
    who = add_person(world, "admin")
    with browsing(world) as browser:
        first = browser.get(target, follow=False)
        form = browser.get(first.headers["location"])
        given = re.search(r'name="next" value="([^"]*)"', form.text)
        assert given is not None
        answer = browser.sign_in(who, next=given[1])

    assert answer.headers["location"] == target


def test_who_is_signed_in_is_led_on_from_the_sign_in_page(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        answer = browser.get("/sign-in?next=/account", follow=False)

    assert answer.headers["location"] == "/account"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-in", {"email": "annotator@example.com", "password": "not their password"}),
        ("/welcome", {"token": "nobody's", "password": "not their password"}),
    ],
)
def test_an_open_form_that_is_refused_is_shown_to_who_is_signed_in_too(world, path, fields):
    """As in a second tab: the first one's session stays as it is."""
    who = add_person(world)
    with signed_in(world, who) as browser:
        browser.get("/account")
        answer = browser.post(path, fields)
        still = browser.get("/account", follow=False)

    assert answer.status_code in (400, 401)
    assert f'action="{path}"' in answer.text
    assert still.status_code == 200


def test_a_script_is_told_that_nobody_is_signed_in_where_a_person_is_led_to_the_form(world):
    with browsing(world) as browser:
        answer = browser.client.get("/work", headers={"Accept": "application/json"})

    assert answer.status_code == 401
    assert answer.json()["code"] == "signed_out"


def test_an_api_key_opens_no_page_and_a_cookie_no_operation(world):
    who = add_person(world, "admin")
    key = world.key()
    with signed_in(world, who) as browser:
        api = browser.client.get("/v2/projects")
        managed = browser.client.get("/manage/v1/users")
        browser.client.cookies.clear()
        page = browser.get("/work", follow=False, Authorization=f"Bearer {key}")
        as_cookie = browser.get("/work", follow=False, Cookie=f"__Host-plaudit={key}")

    assert (api.status_code, managed.status_code) == (401, 401)
    assert page.headers["location"] == "/sign-in"
    assert as_cookie.headers["location"] == "/sign-in"


@both_engines
def test_the_store_holds_neither_password_nor_session_nor_invitation(world):
    who = add_person(world)
    _, invitation = invite(world, "soon@example.com")
    with signed_in(world, who) as browser:
        token = browser.cookie
        assert token is not None

        async def rows(tx):
            found = []
            for table in ("person", "person_password", "invitation", "session", "audit_entry"):
                found += await tx.all(f"SELECT * FROM {table}", {})
            return found

        stored = repr(world.run(world.db.write(rows)))

    assert who.email in stored
    for secret in (PASSWORD, token, invitation):
        assert secret not in stored
        assert secret.encode().hex() not in stored


@both_engines
def test_a_removal_and_a_sign_in_at_once_leave_no_session(world):
    """Whichever comes first, a person who is removed has no session afterwards."""
    crowd = [add_person(world, email=f"{number}@example.com") for number in range(8)]
    environment_id = world.org()

    async def enter(who):
        entry = authentication.SignInAttempt(who.email, who.password, None, "racer")
        try:
            await authentication.sign_in(
                world.db,
                world.secret,
                Throttle(),
                entry,
                ClientInfo("x", 0),
            )
        except SignInRefused:
            return

    async def leave(who, seconds):
        async def work(tx):
            organization_id = await users.find_live_organization(tx, environment_id)
            await users.change(tx, organization_id, who.user_id, {"status": PersonStatus.removed})

        await asyncio.sleep(seconds)
        await world.db.write(work)

    async def race():
        moves = [enter(who) for who in crowd]
        moves += [leave(who, 0.02 * number) for number, who in enumerate(crowd)]
        await asyncio.gather(*moves)
        async with world.db.read() as tx:
            return await tx.one("SELECT COUNT(*) FROM session", {})

    assert world.run(race()) == (0,)
