"""Contexts that tests are lent one after another are as empty as new ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pages.chromium import Pages, Remote
from tests.support.pages.kept_contexts import KeptContexts

LEAVE = """async () => {
  document.cookie = 'a=b; max-age=600'
  localStorage.a = sessionStorage.a = 'b'
  await (await caches.open('a')).put('/a', new Response('b'))
  await new Promise(done => { indexedDB.open('a').onsuccess = done })
}"""
FIND = """async () => [
  document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage),
  ...await caches.keys(), ...(await indexedDB.databases()).map(one => one.name),
  ...performance.getEntriesByType('resource').map(one => String(one.transferSize)),
]"""


@pytest.fixture
def kept(browser: Remote, pages: Pages) -> Iterator[KeptContexts]:
    kept = KeptContexts(browser, pages)
    yield kept
    kept.close()


def test_a_context_that_is_lent_again_has_nothing_of_its_last_user(kept, pages):
    style = pages.add("/a.css", "p { margin: 0 }", "text/css", Cache_Control="max-age=600")
    url = pages.add("/left", f"<link rel=stylesheet href={style}>")
    context, seen = kept.lend()
    page = context.new_page()
    page.goto(url)
    fresh = page.evaluate(FIND)
    page.evaluate(LEAVE)
    left = page.evaluate(FIND)
    context.set_offline(True)
    page.route("**/*", lambda route: route.abort())
    page.evaluate("setTimeout(() => { throw new Error('late') }, 0)")
    page.wait_for_timeout(50)
    noticed = list(seen.errors)
    kept.take_back()

    again, seen_again = kept.lend()
    page = again.new_page()
    page.goto(url)

    assert again._target is context._target
    assert (noticed, seen_again.errors, len(seen_again.pages)) == (["late"], [], 1)
    assert len(left) == len(fresh) + 4
    assert page.evaluate(FIND) == fresh
    assert again.cookies() == []


def test_two_people_of_a_test_have_nothing_in_common(kept, pages):
    url = pages.add("/two", "<title>x</title>")
    for _ in range(2):
        first, second = kept.lend()[0].new_page(), kept.lend()[0].new_page()
        first.goto(url)
        first.evaluate(LEAVE)
        second.goto(url)

        assert second.evaluate("[document.cookie, localStorage.length]") == ["", 0]
        kept.take_back()


def test_a_context_speaks_to_the_origins_of_its_present_user_alone(kept, pages):
    others = Pages()
    url = others.add("/other", "<title>x</title>")
    for origins, foreign in (((others.url,), []), ((), [url]), ((others.url,), [])):
        context, seen = kept.lend(*origins)
        context.new_page().goto(url)

        assert seen.foreign == foreign
        kept.take_back()
    others.close()
