"""The pages of people and of one's own account."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from plaudit.workspace.accounts.account_pages import agent_name
from tests.support.builders import make_tasks
from tests.support.harness import both_engines
from tests.support.pages.browser_client import (
    PASSWORD,
    Somebody,
    add_person,
    browsing,
    invite,
    signed_in,
)

NEW_PASSWORD = "eleven quiet paper moons"


def trace(world, key: str) -> list[tuple[str, str, str]]:
    """What the audit log says of changes by people, newest first."""
    with world.client(key) as client:
        entries = client.get("/manage/v1/audit").json()["entries"]
    return [
        (one["action"], one["actor"]["id"], one["object_id"])
        for one in entries
        if one["actor"]["kind"] == "user"
    ]


def test_an_admin_invites_changes_and_removes_and_each_leaves_its_trace(world):
    key = world.key()
    admin = add_person(world, "admin")
    with signed_in(world, admin) as browser:
        browser.get("/people")
        shown = browser.post(
            "/people", {"email": "ada@example.com", "role": "annotator", "name": ""}
        )
        user_id = re.search(r'action="/people/(user_\w+)/role"', shown.text)[1]
        changed = browser.post(f"/people/{user_id}/role", {"role": "manager"})
        removed = browser.post(f"/people/{user_id}/remove")
        listed = browser.get("/people?status=removed")

    assert shown.status_code == 200
    assert "https://plaudit.example/welcome#" in shown.text
    assert changed.headers["location"] == removed.headers["location"] == "/people"
    assert "ada@example.com" in listed.text
    assert [one for one in trace(world, key) if one[2] == user_id] == [
        ("remove_person", admin.user_id, user_id),
        ("change_role", admin.user_id, user_id),
        ("invite_person", admin.user_id, user_id),
    ]


def test_the_link_is_on_no_page_after_the_one_that_showed_it(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/people")
        shown = browser.post("/people", {"email": "ada@example.com", "role": "annotator"})
        later = browser.get("/people")

    assert "/welcome#" in shown.text
    assert "/welcome#" not in later.text
    assert "set-cookie" not in shown.headers


def test_an_address_that_is_taken_is_refused_and_what_was_typed_stays(world):
    invite(world, "ada@example.com")
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/people")
        answer = browser.post(
            "/people", {"email": "ADA@example.com", "role": "manager", "name": "A"}
        )

    assert answer.status_code == 409
    assert "has this e-mail address already" in answer.text
    assert 'value="ADA@example.com"' in answer.text
    assert '<option value="manager" selected>' in answer.text


def test_an_address_that_is_none_is_refused_beside_its_field(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        browser.get("/people")
        answer = browser.post("/people", {"email": "no address", "role": "manager"})

    assert answer.status_code == 400
    assert 'id="email-wrong"' in answer.text


def test_nobody_changes_their_own_access(world):
    admin = add_person(world, "admin")
    with signed_in(world, admin) as browser:
        page = browser.get("/people").text
        answers = [
            browser.post(f"/people/{admin.user_id}/role", {"role": "annotator"}),
            browser.post(f"/people/{admin.user_id}/remove"),
            browser.post(f"/people/{admin.user_id}/invite"),
        ]
        still = browser.get("/people")

    assert f"/people/{admin.user_id}/" not in page
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "ask another admin" in answers[0].text
    assert still.status_code == 200


def test_nobody_raises_their_own_role(world):
    who = add_person(world, "manager")
    with signed_in(world, who) as browser:
        answer = browser.post(f"/people/{who.user_id}/role", {"role": "admin"})
        by_name = browser.post("/account/name", {"name": "x", "role": "admin"})
        page = browser.get("/people")

    assert answer.status_code == 403
    assert by_name.status_code == 400
    assert page.status_code == 403


def test_people_of_another_organization_are_not_there(world):
    stranger = add_person(world, email="stranger@example.com", org="Other")
    with signed_in(world, add_person(world, "admin")) as browser:
        page = browser.get("/people")
        answers = [
            browser.post(f"/people/{who}/{what}", {"role": "admin"} if what == "role" else {})
            for who in (stranger.user_id, "user_absent")
            for what in ("role", "remove", "invite")
        ]
    with browsing(world) as browser:
        still = browser.sign_in(stranger)

    assert "stranger@example.com" not in page.text
    assert {answer.status_code for answer in answers} == {404}
    assert still.status_code == 303


def test_a_long_list_of_people_comes_in_pages(world):
    with signed_in(world, add_person(world, "admin")) as browser:
        for number in range(60):
            invite(world, f"p{number}@example.com")
        found: list[str] = []
        path = "/people"
        for _ in range(3):
            text = browser.get(path).text
            found += re.findall(r"p\d+@example\.com(?=</bdi></th|</bdi>\s*</th|</bdi>)", text)
            following = re.search(r'href="(/people\?next_token=[^"]+)"', text)
            if following is None:
                break
            path = following[1].replace("&amp;", "&")

    assert sorted(set(found)) == sorted(f"p{number}@example.com" for number in range(60))


def test_a_person_changes_their_name(world):
    with signed_in(world, add_person(world)) as browser:
        browser.get("/account")
        browser.post("/account/name", {"name": "Ada Lovelace"})
        named = browser.get("/account").text
        browser.post("/account/name", {"name": ""})
        unnamed = browser.get("/account").text

    assert "Ada Lovelace" in named
    assert "Ada Lovelace" not in unnamed


def test_a_changed_password_ends_the_other_sessions_and_not_this_one(world):
    who = add_person(world)
    with signed_in(world, who) as other, signed_in(world, who) as browser:
        browser.get("/account")
        answer = browser.post(
            "/account/password", {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
        )
        here, there = browser.get("/work", follow=False), other.get("/work", follow=False)
        with_old = other.sign_in(who)
        with_new = other.sign_in(Somebody("", who.email, NEW_PASSWORD))

    assert answer.headers["location"] == "/account"
    assert here.status_code == 200
    assert there.headers["location"] == "/sign-in"
    assert with_old.status_code == 401
    assert with_new.status_code == 303


def test_a_password_is_not_changed_without_the_old_one_nor_into_a_bad_one(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        browser.get("/account")
        wrong = browser.post(
            "/account/password", {"old_password": "wrong", "new_password": NEW_PASSWORD}
        )
        bad = browser.post("/account/password", {"old_password": PASSWORD, "new_password": "short"})
        browser.client.cookies.clear()
        again = browser.sign_in(who)

    assert wrong.status_code == 400
    assert 'id="old_password-wrong"' in wrong.text
    assert 'id="new_password-wrong"' in bad.text
    assert again.status_code == 303


def test_guessing_at_the_password_of_an_open_browser_is_slowed_down(world):
    with signed_in(world, add_person(world)) as browser:
        browser.get("/account")
        form = {"old_password": "wrong", "new_password": NEW_PASSWORD}
        statuses = [browser.post("/account/password", form).status_code for _ in range(12)]

    assert statuses[0] == 400
    assert statuses[-1] == 429


def test_a_person_sees_their_sessions_and_ends_one(world):
    who = add_person(world)
    with browsing(world) as phone, signed_in(world, who) as browser:
        phone.get("/sign-in")
        phone.post(
            "/sign-in",
            {"email": who.email, "password": PASSWORD},
            User_Agent="Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari/604.1",
        )
        page = browser.get("/account").text
        row = next(row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if "iPhone" in row)
        path = re.search(r'action="([^"]+)"', row)[1]
        ended = browser.post(path)
        gone = phone.get("/work", follow=False)
        twice = browser.post(path)

    assert "Safari on iPhone" in row
    assert ended.headers["location"] == "/account"
    assert gone.headers["location"] == "/sign-in"
    assert twice.status_code == 404


def test_nobody_ends_the_sessions_of_others(world):
    who = add_person(world)
    with signed_in(world, who) as browser:
        page = browser.get("/account").text
        path = re.search(r'action="(/account/sessions/[^"]+)"', page)[1]
        with signed_in(world, add_person(world, "admin")) as other:
            other.get("/account")
            answer = other.post(path)
        still = browser.get("/work", follow=False)

    assert answer.status_code == 404
    assert still.status_code == 200


def test_signing_out_everywhere_ends_every_session(world):
    who = add_person(world)
    with signed_in(world, who) as other, signed_in(world, who) as browser:
        browser.get("/account")
        answer = browser.post("/account/sign-out-everywhere")
        here, there = browser.get("/work", follow=False), other.get("/work", follow=False)

    assert answer.headers["location"] == "/sign-in"
    assert here.headers["location"] == there.headers["location"] == "/sign-in"


def test_the_start_page_counts_the_tasks_of_each_project(world):
    world.project("Empty")
    world.project("Full")
    world.load(make_tasks(3), project="Full")
    world.project("Elsewhere", org="Other")
    with signed_in(world, add_person(world)) as browser:
        text = browser.get("/work").text
    rows = {
        re.search(r"<bdi>([^<]+)</bdi>", row)[1]: re.findall(r'class="number"[^>]*>([^<]+)<', row)
        for row in re.findall(r"<tr>.*?</tr>", text, re.S)
        if "<bdi>" in row
    }

    assert rows == {"Empty": ["0", "0"], "Full": ["0", "3"]}


def test_the_start_page_says_what_to_do_where_there_is_nothing(world):
    with signed_in(world, add_person(world, "manager")) as browser:
        manager = browser.get("/work").text
    with signed_in(world, add_person(world)) as browser:
        annotator = browser.get("/work").text

    assert "plaudit projects create" in manager
    assert "As soon as a manager" in annotator


def test_a_browser_is_named_by_what_it_says_of_itself():
    names = {
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36": "Chrome on Linux",
        "Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0": "Edge on Windows",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) Gecko Firefox/121.0": "Firefox on macOS",
        "curl/8.0": "curl",
        "<script>": "A browser",
        "": "A browser",
    }

    assert {agent: agent_name(agent) for agent in names} == names


@both_engines
def test_two_admins_who_take_each_others_role_leave_one_admin(world):
    for number in range(5):
        pair = [
            add_person(world, "admin", email=f"{name}{number}@example.com") for name in ("a", "b")
        ]
        with signed_in(world, pair[0]) as first, signed_in(world, pair[1]) as second:
            for browser in (first, second):
                browser.get("/people")
            with ThreadPoolExecutor(2) as pool:
                answers = list(
                    pool.map(
                        lambda one: one[0].post(
                            f"/people/{one[1].user_id}/role", {"role": "annotator"}
                        ),
                        ((first, pair[1]), (second, pair[0])),
                    )
                )

        assert sorted(one.status_code for one in answers) == [303, 403]
