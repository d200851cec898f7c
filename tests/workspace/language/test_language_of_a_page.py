"""The language of a page: chosen, or the browser's; and what is said in it."""

from __future__ import annotations

import pickle
import re

import pytest

from plaudit.texts import N_, N_n
from plaudit.workspace.language import languages
from plaudit.workspace.language.languages import LANGUAGES
from plaudit.workspace.language.problem_texts import recognized
from plaudit.workspace.language.speech import listed, number, percent, say, say_count, speaking
from tests.support.pages.browser_client import add_person, browsing, signed_in
from tests.support.running.every_case import every_case
from tests.workspace.http.page_requests import PAGES, path_of

GERMAN = LANGUAGES["de"]


def lang_of(page) -> str:
    """Code that the page gives as its language."""
    found = re.search(r'<html lang="([\w-]+)"', page.text)
    assert found is not None
    return found[1]


@every_case(
    "setting, cookie, accepted, expected",
    [
        ("", "", "", "en"),
        ("", "", "de", "de"),
        ("", "", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "", "fr, es;q=0.5, de;q=0.7", "de"),
        ("", "", "fr,zh-Hant", "en"),
        ("", "", "de;q=0,es;q=0.1", "es"),
        ("", "", "DE", "de"),
        ("", "", "*", "en"),
        ("", "", "de;q=x,;;,é", "en"),
        ("", "es", "de", "es"),
        ("", "xx", "de", "de"),
        ("en", "es", "de", "en"),
        ("", "", "x," * 1000 + "de", "en"),
    ],
)
def test_a_choice_goes_before_the_browsers_languages(setting, cookie, accepted, expected):
    assert languages.choose(setting, cookie, accepted).code == expected


def test_a_page_is_in_the_browsers_language_until_another_is_chosen(shared_world):
    with signed_in(shared_world, add_person(shared_world)) as browser:
        plain = browser.get("/account")
        asked = browser.get("/account", accept_language="de")
        chosen = browser.post("/language", {"language": "es", "next": "/account"})
        after = browser.get("/account", accept_language="de")
        browser.post("/language", {"language": "", "next": "/account"})
        again = browser.get("/account", accept_language="de")

    assert [lang_of(page) for page in (plain, asked, after, again)] == ["en", "de", "es", "de"]
    assert chosen.headers["location"] == "/account"
    assert "Accept-Language" in plain.headers["vary"]


def test_a_language_is_kept_with_the_account_and_goes_before_any_browsers(shared_world):
    person = add_person(shared_world, email="kept@example.com")
    with signed_in(shared_world, person) as browser:
        browser.post("/language", {"language": "es", "next": "/account"})
        own = browser.get("/account", accept_language="de")
    with signed_in(shared_world, person) as another:
        kept = another.get("/account", accept_language="de")
        said = another.post(
            "/account/password",
            {"old_password": "x", "new_password": "y" * 20},
            accept_language="de",
        )
        another.post("/language", {"language": "", "next": "/account"})
        left = another.get("/account", accept_language="de")

    assert [lang_of(page) for page in (own, kept, said, left)] == ["es", "es", "es", "de"]
    assert '<option value="es" lang="es" selected>' in kept.text


def test_what_was_chosen_before_signing_in_is_kept_for_an_account_that_has_no_language(
    shared_world,
):
    person = add_person(shared_world, email="early@example.com")
    with browsing(shared_world) as browser:
        browser.get("/sign-in")
        browser.post("/language", {"language": "de", "next": "/sign-in"})
        browser.get("/sign-in")
        browser.post("/sign-in", {"email": person.email, "password": person.password})
    with signed_in(shared_world, person) as another:
        elsewhere = another.get("/account", accept_language="es")

    assert lang_of(elsewhere) == "de"


def test_a_language_is_chosen_before_signing_in(shared_world):
    with browsing(shared_world) as browser:
        browser.get("/sign-in")
        answer = browser.post("/language", {"language": "de", "next": "/sign-in"})
        page = browser.get(answer.headers["location"])

    assert (answer.headers["location"], lang_of(page)) == ("/sign-in", "de")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/v2/tasks", ""])
def test_the_choice_of_a_language_leads_nowhere_else(shared_world, target):
    with browsing(shared_world) as browser:
        browser.get("/sign-in")
        answer = browser.post("/language", {"language": "de", "next": target})

    assert answer.headers["location"] == "/work"


def test_a_language_that_there_is_not_is_refused(shared_world):
    with browsing(shared_world) as browser:
        browser.get("/sign-in")
        answer = browser.post("/language", {"language": "xx\r\nSet-Cookie: a=b", "next": "/work"})

    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


def test_numbers_shares_and_lists_are_written_as_the_language_has_them():
    english = (number(12345.678, 1), percent(0.5), listed(["a", "b", "c"]))
    with speaking(GERMAN):
        german = (number(12345.678, 1), percent(0.5))

    assert english == ("12,345.7", "50%", "a, b and c")
    assert german == ("12.345,7", "50\N{NO-BREAK SPACE}%")


def test_a_marked_text_is_english_and_remembers_what_it_was_made_of():
    text = N_("there is no batch %(name)s", name=N_n("%(count)s x", "%(count)s xs", 2))
    copy = pickle.loads(pickle.dumps(text))

    assert text == copy == "there is no batch 2 xs"
    assert (copy.message, copy.values) == (text.message, text.values)
    assert say(text) == text


def test_a_percent_sign_in_a_text_without_values_is_itself():
    assert (N_("50 % are done"), say("50 % are done")) == ("50 % are done", "50 % are done")
    assert say_count("%(count)s task", "%(count)s tasks", 1200) == "1,200 tasks"


@pytest.mark.parametrize(
    ("message", "german"),
    [
        ("there is no such project", "dieses Projekt gibt es nicht"),
        ("there is a batch named A (b) already", "es gibt schon einen Stapel namens A (b)"),
        ("There is nothing of that name here.", "Hier gibt es nichts dieses Namens."),
        ("something that nobody has translated", "something that nobody has translated"),
    ],
)
def test_a_problem_is_known_by_the_pattern_of_its_message(message, german):
    with speaking(GERMAN):
        assert recognized(message) == german
    assert recognized(message) == message


def test_a_refused_form_and_a_refused_script_are_told_in_the_pages_language(shared_world):
    with signed_in(shared_world, add_person(shared_world, "manager")) as browser:
        browser.get("/account")
        browser.client.headers["accept-language"] = "de"
        page = browser.post("/account/password", {"old_password": "x", "new_password": "y" * 20})
        told = browser.client.get("/nothing", headers={"Accept": "text/html"})
        browser.client.headers["accept-language"] = "en"
        english = browser.post("/account/password", {"old_password": "x", "new_password": "y" * 20})

    assert "Das ist nicht das Passwort." in page.text
    assert "Diese Seite gibt es nicht" in told.text
    assert "This is not your password." in english.text


def test_every_page_is_made_in_every_language(shared_world):
    with signed_in(shared_world, add_person(shared_world, "admin")) as browser:
        statuses = {
            page.page_id: [
                browser.get(path_of(page), accept_language=code).status_code for code in LANGUAGES
            ]
            for page in PAGES
            if page.method == "GET" and page.template
        }

    assert {name: found for name, found in statuses.items() if len(set(found)) > 1} == {}
    assert max(map(max, statuses.values())) < 500
