"""Invitations: links that open the door once, within a week, for one person."""

from __future__ import annotations

import asyncio
import re

import pytest

from plaudit.core.accounts import authentication
from plaudit.errors import InvalidContent
from tests.support.harness import both_engines, run_cli, store_arguments
from tests.support.pages.browser_client import (
    PASSWORD,
    Somebody,
    add_person,
    browsing,
    invite,
    signed_in,
)
from tests.support.running.every_case import every_case

OTHER_PASSWORD = "eleven quiet paper moons"


def accept(browser, token: str, password: str = PASSWORD, **fields: str):
    browser.get("/welcome")
    return browser.post("/welcome", {"token": token, "password": password, **fields})


def shift_invitations(world, ms: int) -> None:
    """Let invitations have been made so many milliseconds earlier."""

    async def work(tx):
        await tx.run("UPDATE invitation SET expires_ms = expires_ms - :ms", {"ms": ms})

    world.run(world.db.write(work))


def test_an_invited_person_chooses_a_password_and_is_in(world):
    _, token = invite(world, "ada@example.com", name="Ada")
    with browsing(world) as browser:
        answer = accept(browser, token, name="Ada L.")
        page = browser.get("/work")
        browser.client.cookies.clear()
        again = browser.sign_in(Somebody("", "ada@example.com", PASSWORD))

    assert (answer.status_code, answer.headers["location"]) == (303, "/work")
    assert "Ada L." in page.text
    assert again.status_code == 303


def test_before_that_they_cannot_sign_in(world):
    invite(world, "ada@example.com")
    with browsing(world) as browser:
        for password in ("", PASSWORD):
            answer = browser.sign_in(Somebody("", "ada@example.com", password))
            assert answer.status_code == 401


def test_the_whole_link_may_be_given_in_the_place_of_its_token(world):
    _, token = invite(world, "ada@example.com")
    with browsing(world) as browser:
        answer = accept(browser, authentication.invitation_link("https://x.example", token) + " ")

    assert answer.status_code == 303


def test_a_link_works_once(world):
    _, token = invite(world, "ada@example.com")
    with browsing(world) as browser:
        accept(browser, token)
        browser.client.cookies.clear()
        again = accept(browser, token, OTHER_PASSWORD)
        old = browser.sign_in(Somebody("", "ada@example.com", PASSWORD))

    assert again.status_code == 400
    assert "has been used" in again.text
    assert old.status_code == 303


@both_engines
def test_of_many_who_use_a_link_at_once_one_gets_in(world):
    _, token = invite(world, "ada@example.com")

    async def use(number):
        try:
            return await authentication.accept_invitation(
                world.db, world.secret, token, f"{PASSWORD} {number}", name=None, agent="",
                request_id="",
            )  # fmt: skip
        except InvalidContent:
            return None

    async def race():
        return await asyncio.gather(*(use(number) for number in range(6)))

    assert sum(one is not None for one in world.run(race())) == 1


def test_a_link_works_for_a_week(world):
    _, token = invite(world, "ada@example.com")
    _, late = invite(world, "late@example.com")
    with browsing(world) as browser:
        shift_invitations(world, authentication.INVITATION_MS - 60_000)
        in_time = accept(browser, token)
        shift_invitations(world, 60_001)
        too_late = accept(browser, late)
        looked = browser.send("/welcome/look", {"token": late})

    assert in_time.status_code == 303
    assert too_late.status_code == 400
    assert looked.status_code == 400


@pytest.fixture
def ada(world):
    invite(world, "ada@example.com")


@every_case("token", ["", "x", "x" * 43, "é" * 43, "x" * 3_000, "\u202e", "' OR ''='"])
def test_a_token_nobody_was_given_opens_nothing(world, ada, token):
    with browsing(world) as browser:
        answer = accept(browser, token)
        looked = browser.send("/welcome/look", {"token": token})

    assert answer.status_code == looked.status_code == 400
    assert "ada@example.com" not in answer.text + looked.text
    assert looked.json()["code"] == "invalid_content"


def test_the_page_is_told_whom_an_invitation_is_for(world):
    world.org("Lovelace & Sons")
    _, token = invite(world, "ada@example.com", name="Ada", org="Lovelace & Sons")
    with browsing(world) as browser:
        told = browser.send("/welcome/look", {"token": token})

    assert told.json() == {
        "email": "ada@example.com",
        "name": "Ada",
        "organization": "Lovelace & Sons",
        "is_known": False,
    }


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 12 characters"),
        ("", "at least 12 characters"),
        ("x" * 257, "at most 256 characters"),
        ("Password1234!", "too easy to guess"),
        ("ada.lovelace@example.com", "too easy to guess"),
    ],
)
def test_a_bad_password_is_refused_beside_its_field_and_the_link_still_works(world, password, said):
    _, token = invite(world, "ada.lovelace@example.com")
    with browsing(world) as browser:
        refused = accept(browser, token, password, name="Ada")
        after = accept(browser, token)

    assert refused.status_code == 400
    assert said in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert 'value="Ada"' in refused.text
    assert token in refused.text
    assert f'value="{password}"' not in refused.text or not password
    assert after.status_code == 303


def test_a_new_link_makes_the_one_before_worthless(world):
    admin = add_person(world, "admin")
    user_id, first = invite(world, "ada@example.com")
    with signed_in(world, admin) as browser:
        browser.get("/people")
        page = browser.post(f"/people/{user_id}/invite")
        second = link_in(page)
        browser.client.cookies.clear()
        with_first = accept(browser, first)
        with_second = accept(browser, second)

    assert with_first.status_code == 400
    assert with_second.status_code == 303


def link_in(page) -> str:
    """The token of the link that a page shows."""
    found = re.search(
        r'id="link" readonly value="https://plaudit.example/welcome#([^"]+)"', page.text
    )
    assert found is not None, page.text
    return found[1]


def test_a_lost_password_is_replaced_by_a_new_link_and_all_sessions_end(world):
    admin = add_person(world, "admin")
    who = add_person(world, email="ada@example.com")
    with signed_in(world, who) as theirs, signed_in(world, admin) as browser:
        browser.get("/people")
        token = link_in(browser.post(f"/people/{who.user_id}/invite"))
        meanwhile = theirs.get("/work", follow=False)
        browser.client.cookies.clear()
        browser.get("/welcome")
        told = browser.send("/welcome/look", {"token": token})
        accepted = accept(browser, token, OTHER_PASSWORD)
        after = theirs.get("/work", follow=False)
        with_old = theirs.sign_in(who)
        with_new = theirs.sign_in(Somebody("", who.email, OTHER_PASSWORD))

    assert meanwhile.status_code == 200
    assert told.json()["is_known"] is True
    assert accepted.status_code == 303
    assert after.headers["location"] == "/sign-in"
    assert with_old.status_code == 401
    assert with_new.status_code == 303


def test_removing_somebody_takes_their_invitation_back(world):
    user_id, token = invite(world, "ada@example.com")
    with world.client() as client:
        client.patch(f"/manage/v1/users/{user_id}", json={"status": "removed"})
    with browsing(world) as browser:
        assert accept(browser, token).status_code == 400


def test_the_api_answers_a_link_that_works_and_keeps_it_nowhere(world):
    with world.client() as client:
        headers = {"Idempotency-Key": "k"}
        body = {"email": "ada@example.com", "role": "manager"}
        made = client.post("/manage/v1/users", json=body, headers=headers).json()
        repeated = client.post("/manage/v1/users", json=body, headers=headers).json()
        again = client.post(f"/manage/v1/users/{made['user_id']}/invite").json()
        listed = client.get("/manage/v1/users").text
    first, second = (one["invitation_link"] for one in (made, again))
    with browsing(world) as browser:
        with_first = accept(browser, first)
        with_second = accept(browser, second)

    assert first.startswith("http://testserver/welcome#")
    assert "invitation_link" not in repeated
    assert "welcome" not in listed
    assert with_first.status_code == 400
    assert with_second.status_code == 303


def test_a_test_key_and_another_organization_can_invite_nobody_again(world):
    user_id, token = invite(world, "ada@example.com")
    for key in (world.key(mode="test"), world.key("Other")):
        with world.client(key) as client:
            assert client.post(f"/manage/v1/users/{user_id}/invite").status_code == 404
    with browsing(world) as browser:
        assert accept(browser, token).status_code == 303


@pytest.mark.slow
def test_the_commands_print_links_that_work(world):
    store = store_arguments(world.settings)
    public = {"PLAUDIT_PUBLIC_URL": "https://plaudit.example/"}
    made = run_cli("users", "create", "Ada@example.com", "--role", "admin", *store, **public)
    again = run_cli("users", "invite", "ada@EXAMPLE.com", *store, **public)
    nobody = run_cli("users", "invite", "nobody@example.com", *store)
    twice = run_cli("users", "create", "ada@example.com", "--role", "admin", *store)
    with browsing(world) as browser:
        with_first = accept(browser, made.stdout.strip())
        with_second = accept(browser, again.stdout.strip())
        page = browser.get("/people")

    for done in (made, again):
        assert re.fullmatch(r"https://plaudit\.example/welcome#[\w-]{43}\n", done.stdout)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert (twice.returncode, twice.stdout) == (1, "")
    assert with_first.status_code == 400
    assert with_second.status_code == 303
    assert page.status_code == 200
