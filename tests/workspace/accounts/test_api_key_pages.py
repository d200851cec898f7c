"""The page of API keys."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape

from plaudit.core.accounts import api_keys
from tests.support.pages.browser_client import add_person, signed_in
from tests.workspace.accounts.test_user_pages import trace


def text_of(page) -> str:
    return re.search(r'id="key-text" readonly value="([^"]+)"', page.text)[1]


def status_with(world, key: str) -> int:
    with world.client(key) as client:
        return client.get("/v2/projects").status_code


def test_a_key_that_an_admin_makes_opens_its_world_until_it_is_revoked(world):
    watching = world.key()
    admin = add_person(world, "admin")
    with signed_in(world, admin) as browser:
        browser.get("/keys")
        made = browser.post("/keys", {"name": "nightly", "mode": "live", "role": "read"})
        key = text_of(made)
        path = re.search(rf'<code>{key[:12]}….*?action="(/keys/[^"]+/revoke)"', made.text, re.S)[1]
        before = status_with(world, key)
        revoked = browser.post(path, {"mode": "live"}, follow=True)
        after = status_with(world, key)

    assert api_keys.is_key(key)
    assert (before, after) == (200, 401)
    assert "is revoked" in revoked.text
    assert [one[0] for one in trace(world, watching)][:2] == ["withdraw_key", "make_key"]


def test_the_text_of_a_key_is_on_no_page_after_the_one_that_showed_it(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys")
        made = browser.post("/keys", {"mode": "live", "role": "admin"})
        later = browser.get("/keys")

    assert text_of(made) not in later.text
    assert text_of(made)[:12] in later.text
    assert "set-cookie" not in made.headers
    assert made.headers["cache-control"] == "no-store, private"


def test_keys_of_test_data_are_made_and_listed_apart(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys?mode=test")
        key = text_of(browser.post("/keys", {"mode": "test", "role": "read"}))
        live, test = browser.get("/keys").text, browser.get("/keys?mode=test").text
    seen = world.run(api_keys.list_keys(world.db, world.org(mode="test")))

    assert key.startswith("test_")
    assert key[:12] in test
    assert key[:12] not in live
    assert [one.display for one in seen] == [key[:12]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"expires_at": "2001-01-01"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x" * 256}, "name"),
        ({"name": "\u202e"}, "name"),
    ],
)
def test_a_key_that_cannot_be_is_refused_beside_its_field(world, fields, field):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys")
        answer = browser.post("/keys", {"mode": "live", "role": "read", **fields})

    assert answer.status_code == 400
    assert f'id="{field}-wrong"' in answer.text
    assert world.run(api_keys.list_keys(world.db, world.org())) == []


@pytest.mark.parametrize("fields", [{"role": "owner"}, {"mode": "other"}, {"environment_id": "x"}])
def test_a_key_of_no_role_or_world_is_not_made(world, fields):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys")
        answer = browser.post("/keys", {"mode": "live", "role": "read", **fields})

    assert answer.status_code == 400
    assert world.run(api_keys.list_keys(world.db, world.org())) == []


def test_an_admin_sees_and_revokes_no_key_of_another_organization(world):
    key = world.key("Other")
    theirs = world.run(api_keys.list_keys(world.db, world.org("Other")))[0]
    with signed_in(world, add_person(world, "admin")) as browser:
        page = browser.get("/keys")
        answer = browser.post(f"/keys/{theirs.key_id}/revoke", {"mode": "live"})

    assert theirs.display not in page.text
    assert answer.status_code == 404
    assert status_with(world, key) == 200


def test_revoking_twice_says_so(world):
    key = world.key()
    ours = world.run(api_keys.list_keys(world.db, world.org()))[0]
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys")
        browser.post(f"/keys/{ours.key_id}/revoke", {"mode": "live"})
        again = browser.post(f"/keys/{ours.key_id}/revoke", {"mode": "live"})

    assert again.status_code == 409
    assert status_with(world, key) == 401


def test_hostile_names_of_keys_are_shown_and_never_run(world):
    name = "\"><img src=x onerror=alert(1)>' {{ 7 * 7 }}"
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/keys")
        made = browser.post("/keys", {"mode": "live", "role": "read", "name": name})
        listed = browser.get("/keys")

    for page in (made, listed):
        assert "<img" not in page.text
        assert str(escape(name)) in page.text
