"""Files of pages: kept by browsers for good, compressed, and nothing else beside them."""

from __future__ import annotations

import re

import pytest

from plaudit.workspace.http.assets import Assets
from tests.support.harness import above_the_store
from tests.support.pages.browser_client import browsing


@above_the_store
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5, *", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("xgzip", None),
        ("", None),
    ],
)
def test_a_file_is_compressed_for_whoever_takes_that(shared_world, accepted, encoding):
    with shared_world.client() as client:
        path = Assets().url("shared/base.css")
        answer = client.get(path, headers={"Accept-Encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text.startswith("/* Layout and shared components")
    assert (int(answer.headers["content-length"]) < len(answer.content)) == (encoding is not None)


@above_the_store
def test_files_of_pages_are_kept_for_good_under_an_address_of_their_content(shared_world):
    assets = Assets()
    with browsing(shared_world) as browser:
        text = browser.get("/sign-in").text
        urls = set(re.findall(r'"(/static/[^"]+)"', text))
        answers = {url: browser.client.get(url) for url in urls}
        other = browser.client.get(assets.url("shared/base.css").replace(assets.version, "0" * 16))

    assert len(urls) >= 4
    for url, answer in answers.items():
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
        assert answer.headers["content-type"].startswith(kind[url.rpartition(".")[2]])
    assert other.status_code == 200
    assert other.headers["cache-control"] == "no-store"


@above_the_store
@pytest.mark.parametrize(
    "name", ["nothing.css", "../templates/base.html", "..%2ftemplates%2fbase.html", "%00", "base"]
)
def test_nothing_but_the_files_of_pages_is_served_as_such(shared_world, name):
    with browsing(shared_world) as browser:
        assert browser.client.get(f"/static/{Assets().version}/{name}").status_code == 404
