"""Sessions of browsers: their cookies, and how they end."""

from __future__ import annotations

import time

import apsw
import pytest

from plaudit import clock
from plaudit.core.accounts import sessions
from plaudit.store.engine.connect import FILE_NAME
from tests.support.harness import on_sqlite_alone
from tests.support.pages.browser_client import add_person, browsing, signed_in
from tests.workspace.accounts.test_sign_in import remove


def shift_sessions(world, *, seen: int = 0, expires: int = 0) -> None:
    """Let sessions have been used, or end, so many milliseconds earlier."""

    async def work(tx):
        await tx.run(
            "UPDATE session SET seen_ms = seen_ms - :seen, expires_ms = expires_ms - :expires",
            {"seen": seen, "expires": expires},
        )

    world.run(world.db.write(work))


def use(world, browser):
    """Look at a page until the use of the session is written down beside it.

    A use is left out while an earlier one is still being written; the next request tries again.
    """

    async def idle_ms(tx):
        return clock.now_ms() - (await tx.one("SELECT MIN(seen_ms) FROM session", {}))[0]

    for number in range(500):
        if number % 100 == 0:
            answer = browser.get("/work", follow=False)
        if world.run(world.db.write(idle_ms)) < sessions.TOUCHED_EVERY_MS:
            return answer
        time.sleep(0.01)
    raise AssertionError("the use of the session is not written down")


def test_signing_in_gives_a_new_session_whatever_cookie_was_there_before(world):
    """A cookie that somebody else planted never becomes a session."""
    who = add_person(world)
    planted = sessions.mint_token()
    with browsing(world) as browser:
        browser.client.cookies.set("__Host-plaudit", planted, domain="plaudit.example", path="/")
        browser.sign_in(who)
        after = browser.cookie
        other = browser.client
        other.cookies.clear()
        other.cookies.set("__Host-plaudit", planted, domain="plaudit.example", path="/")
        page = browser.get("/work", follow=False)

    assert after != planted
    assert page.headers["location"] == "/sign-in"


def test_signing_in_again_gives_another_session(world):
    who = add_person(world)
    with browsing(world) as browser:
        browser.sign_in(who)
        first = browser.cookie
        browser.client.cookies.clear()
        browser.sign_in(who)

        assert browser.cookie not in (None, first)


def test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts(world):
    who = add_person(world)
    with browsing(world) as browser:
        header = browser.sign_in(who).headers.get_list("set-cookie")[0]

    parts = header.split("; ")
    assert parts[0].startswith("__Host-plaudit=")
    assert set(parts[1:]) == {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_on_loopback_over_plain_http_the_cookie_has_no_prefix(world, host):
    who = add_person(world)
    with browsing(world, url=f"http://{host}") as browser:
        header = browser.sign_in(who).headers.get_list("set-cookie")[0]
        # The client's own cookie jar knows no loopback by number.
        page = browser.get("/work", Cookie=header.partition(";")[0])

    assert header.startswith("plaudit=")
    assert "Secure" not in header
    assert "HttpOnly" in header
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("url", "chosen", "headers"),
    [
        ("http://feedback.example.com", {}, {}),
        ("http://127.0.0.1:8000", {}, {"X-Forwarded-For": "192.0.2.1"}),
        ("http://127.0.0.1:8000", {}, {"X-Forwarded-Proto": "https"}),
        ("http://127.0.0.1:8000", {"public_url": "https://feedback.example.com"}, {}),
    ],
)
def test_anywhere_else_the_cookie_is_for_encrypted_connections_alone(world, url, chosen, headers):
    with browsing(world, url=url, **chosen) as browser:
        header = browser.client.get("/sign-in", headers=headers).headers["set-cookie"]

    assert header.startswith("__Host-plaudit=")
    assert "; Secure" in header


def test_a_cookie_without_the_prefix_counts_for_nothing_where_the_prefix_is_due(world):
    """Any host beside ours, and any network in between, can set a cookie without it."""
    who = add_person(world)
    with browsing(world) as browser:
        browser.sign_in(who)
        token = browser.cookie
        browser.client.cookies.clear()
        page = browser.get("/work", follow=False, Cookie=f"plaudit={token}")

    assert page.headers["location"] == "/sign-in"


def test_signing_out_ends_the_session_and_not_only_the_cookie(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        token = browser.cookie
        browser.get("/work")
        answer = browser.post("/sign-out")
        cookie = answer.headers["set-cookie"]
        browser.client.cookies.clear()
        page = browser.get("/work", follow=False, Cookie=f"__Host-plaudit={token}")

    assert answer.headers["location"] == "/sign-in"
    assert "Max-Age=0" in cookie
    assert page.headers["location"] == "/sign-in"


def test_a_session_ends_when_it_was_not_used_for_twelve_hours(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        shift_sessions(world, seen=sessions.IDLE_MS - 60_000)
        still = use(world, browser)
        shift_sessions(world, seen=sessions.IDLE_MS + 1000)
        over = browser.get("/work", follow=False)

    assert still.status_code == 200
    assert over.headers["location"] == "/sign-in"


def test_use_keeps_a_session_and_is_written_down(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        for _ in range(3):
            shift_sessions(world, seen=sessions.IDLE_MS // 2 + 1000)
            assert use(world, browser).status_code == 200


def test_a_session_ends_after_seven_days_however_much_it_is_used(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        shift_sessions(world, expires=sessions.LIFETIME_MS + 1000)
        page = browser.get("/work", follow=False)

    assert page.headers["location"] == "/sign-in"


def test_a_removed_person_is_out_at_their_next_request(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        before = browser.get("/work", follow=False)
        remove(world, who)
        after = browser.get("/work", follow=False)
        posted = browser.post("/account/name", {"name": "x"})
        again = browser.sign_in(who)

    assert before.status_code == 200
    assert after.headers["location"] == "/sign-in"
    assert posted.headers["location"] == "/sign-in"
    assert again.status_code == 401


def test_sessions_do_not_come_back_with_a_person_who_was_removed(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        remove(world, who)
        with world.client() as client:
            back = client.patch(f"/manage/v1/users/{who.user_id}", json={"status": "active"})
        page = browser.get("/work", follow=False)
        again = browser.sign_in(who)

    assert back.json()["status"] == "active"
    assert page.headers["location"] == "/sign-in"
    assert again.status_code == 401


def test_a_change_of_role_holds_from_the_next_request_on(world):
    who = add_person(world, "admin")
    with signed_in(world, who) as browser:
        before = browser.get("/people")
        with world.client() as client:
            client.patch(f"/manage/v1/users/{who.user_id}", json={"role": "annotator"})
        after = browser.get("/people")

    assert before.status_code == 200
    assert after.status_code == 403


@on_sqlite_alone
def test_pages_are_read_while_the_store_cannot_be_written(world):
    """Although the use of their session is to be written down."""
    with signed_in(world, add_person(world, "manager")) as browser:
        world.run(
            world.db.write(lambda tx: tx.run("UPDATE session SET seen_ms = seen_ms - 400000", {}))
        )
        other = apsw.Connection(str(world.settings.data / FILE_NAME))
        other.execute("BEGIN IMMEDIATE")
        answer = browser.get("/projects")
        other.execute("ROLLBACK")
        other.close()

    assert answer.status_code == 200
