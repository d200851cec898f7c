"""Guessing at passwords is bounded from wherever it comes, and locks nobody out from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plaudit.core.accounts.sign_in_throttle import (
    PER_ACCOUNT,
    PER_ACCOUNT_AND_NETWORK,
    PER_NETWORK,
    ClientInfo,
    Throttle,
    known_browser,
    make_known,
)
from plaudit.errors import TooManyRequests
from tests.support.harness import World, one_engine
from tests.support.pages.browser_client import (
    PASSWORD,
    URL,
    Browser,
    Somebody,
    add_person,
    invite,
)

TRIES = PER_ACCOUNT_AND_NETWORK.amount
HOME, NEXT_DOOR, ELSEWHERE = "198.51.100.7", "198.51.100.200", "203.0.113.9"
HOME_6, NEXT_DOOR_6, ELSEWHERE_6 = "2001:db8:1:2::3", "2001:db8:1:ff::4", "2001:db8:2:2::3"
ADA = "ada@example.com"


@contextmanager
def browsing_from(world: World, address: str) -> Iterator[Browser]:
    with world.connect(base_url=URL, client=(address, 1)) as client:
        yield Browser(client)


def guess(world: World, who: Somebody, address: str, times: int = TRIES) -> list[int]:
    """Statuses of attempts at an account with a wrong password, from a browser without cookies."""
    wrong = Somebody("", who.email, "not their password")
    with browsing_from(world, address) as browser:
        return [browser.sign_in(wrong).status_code for _ in range(times)]


def enter(world: World, who: Somebody, address: str) -> int:
    with browsing_from(world, address) as browser:
        return browser.sign_in(who).status_code


@one_engine
@pytest.mark.parametrize(
    ("home", "elsewhere"), [(HOME, ELSEWHERE), (HOME_6, ELSEWHERE_6), (HOME, HOME_6)]
)
def test_whoever_guesses_elsewhere_does_not_lock_the_owner_out(kept_world, home, elsewhere):
    who = add_person(kept_world)

    statuses = guess(kept_world, who, elsewhere, TRIES + 1)

    assert statuses == [401] * TRIES + [429]
    assert enter(kept_world, who, home) == 303


@one_engine
@pytest.mark.parametrize(("home", "near"), [(HOME, NEXT_DOOR), (HOME_6, NEXT_DOOR_6)])
def test_one_network_has_ten_tries_at_an_account_whatever_its_addresses(kept_world, home, near):
    who = add_person(kept_world)
    other = add_person(kept_world, email="other@example.com")
    guess(kept_world, who, near)

    with browsing_from(kept_world, home) as browser:
        refused = browser.sign_in(who)

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert enter(kept_world, other, home) == 303


@one_engine
def test_an_account_that_nobody_has_must_wait_just_the_same(kept_world):
    nobody = Somebody("", "nobody@example.com", PASSWORD)

    assert guess(kept_world, nobody, HOME, TRIES + 1) == [401] * TRIES + [429]


@one_engine
def test_signing_in_rightly_is_never_counted(kept_world):
    who = add_person(kept_world)

    assert {enter(kept_world, who, HOME) for _ in range(TRIES + 2)} == {303}


@one_engine
def test_a_browser_that_signed_in_before_is_let_in_while_its_network_guesses(kept_world):
    who = add_person(kept_world)
    with browsing_from(kept_world, HOME) as browser:
        browser.sign_in(who)
        browser.post("/sign-out")
        guess(kept_world, who, HOME, TRIES + 1)

        assert browser.sign_in(who).status_code == 303


@one_engine
def test_a_browser_in_which_an_invitation_was_accepted_is_known_too(kept_world):
    _, token = invite(kept_world, ADA)
    who = Somebody("", ADA, PASSWORD)
    with browsing_from(kept_world, HOME) as browser:
        browser.get("/welcome")
        browser.post("/welcome", {"token": token, "password": PASSWORD})
        browser.post("/sign-out")
        guess(kept_world, who, HOME, TRIES + 1)

        assert browser.sign_in(who).status_code == 303


@one_engine
def test_a_known_browser_has_ten_tries_at_its_account_and_none_more_at_another(kept_world):
    who = add_person(kept_world)
    other = add_person(kept_world, email="other@example.com")
    guess(kept_world, other, HOME)
    with browsing_from(kept_world, HOME) as browser:
        browser.sign_in(who)
        browser.post("/sign-out")
        wrong = Somebody("", who.email, "not their password")
        statuses = [browser.sign_in(wrong).status_code for _ in range(TRIES + 1)]

        assert statuses == [401] * TRIES + [429]
        assert browser.sign_in(other).status_code == 429


@one_engine
def test_the_cookie_of_a_known_browser_is_for_this_server_alone(kept_world):
    with browsing_from(kept_world, HOME) as browser:
        answer = browser.sign_in(add_person(kept_world))

    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "plaudit-known=" in one]
    assert cookie.startswith("__Host-plaudit-known=")
    for attribute in ("Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age="):
        assert f"; {attribute}" in cookie


@one_engine
@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: "", "x".join])
def test_a_made_up_cookie_is_worth_nothing(world, change):
    right = make_known(world.secret, ADA)

    def is_known(text, account=ADA):
        return known_browser(world.secret, account, ClientInfo(HOME, 0, text)) is not None

    assert is_known(right)
    assert not is_known(right, "other@example.com")
    assert not is_known(change(right))


def test_one_network_that_tries_many_accounts_has_to_wait():
    throttle = Throttle()
    for number in range(PER_NETWORK.amount):
        throttle.admit(f"{number}@example.com", ClientInfo("a", 0))

    with pytest.raises(TooManyRequests):
        throttle.admit("other@example.com", ClientInfo("a", 0))
    throttle.admit("other@example.com", ClientInfo("b", 0))
    throttle.admit("again@example.com", ClientInfo("a", PER_NETWORK.seconds))


def test_many_networks_that_try_one_account_have_to_wait_and_a_known_browser_has_not():
    throttle = Throttle()
    for number in range(PER_ACCOUNT.amount):
        throttle.admit(ADA, ClientInfo(str(number), 0))

    with pytest.raises(TooManyRequests):
        throttle.admit(ADA, ClientInfo("another", 0))
    throttle.admit(ADA, ClientInfo("another", 0), "known")
    throttle.admit("other@example.com", ClientInfo("another", 0))
    throttle.admit(ADA, ClientInfo("again", PER_ACCOUNT.seconds))


def test_networks_enough_to_lock_an_account_are_more_than_a_few():
    """An attacker elsewhere, with a dozen networks at full speed, leaves the account open."""
    throttle = Throttle()
    for at in range(0, 3600, 10):
        for network in range(12):
            try:
                throttle.admit(ADA, ClientInfo(str(network), at))
            except TooManyRequests:
                continue

    throttle.admit(ADA, ClientInfo("home", 3600))
