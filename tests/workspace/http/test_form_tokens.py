"""Form tokens are masked anew in each page, and compressed pages show nothing of their request."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from plaudit.api.http.parameters import NoQuery
from plaudit.workspace.annotate.portions import TurnsQuery
from plaudit.workspace.http import form_tokens
from tests.support.annotators import AnnotationTeam, Worker
from tests.support.harness import above_the_store
from tests.support.pages.browser_client import token_in
from tests.workspace.http.page_requests import PAGES

pytestmark = above_the_store
PACKED = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}


@pytest.fixture(scope="module")
def team(open_shared) -> AnnotationTeam:
    found = AnnotationTeam(open_shared())
    found.add(count=8)
    return found


@pytest.fixture
def worker(team, request) -> Iterator[Worker]:
    """Somebody with a task before them."""
    with team.world.connect() as client:
        worker = team.worker(client, name=re.sub(r"\W", "-", request.node.name)[-40:])
        worker.take()
        yield worker


def renew(worker: Worker, token: str) -> int:
    """Status of a call that carries a token."""
    worker.csrf = token
    return worker.call("heartbeat", lease_version=1, active_ms=1).status_code


def test_each_answer_masks_the_token_anew_and_every_mask_is_taken(worker):
    pages = [worker.get(worker.at).text for _ in range(3)]
    found = [set(re.findall(r'name="csrf" (?:content|value)="([^"]+)"', page)) for page in pages]

    assert [len(tokens) for tokens in found] == [1, 1, 1]
    assert len(set.union(*found)) == 3
    assert [renew(worker, token) for tokens in found for token in tokens] == [200] * 3
    assert worker.form(f"{worker.team.path}").status_code == 303


def test_a_token_that_was_changed_or_is_not_masked_is_refused(worker):
    token = worker.csrf
    both = base64.urlsafe_b64decode(token)
    changed = [bytes(b ^ (n == at) for n, b in enumerate(both)) for at in (0, 23, 24, 47)]
    others = form_tokens.mask(worker.team.world.secret.form_tokens("another session")[0])
    refused = [
        *(base64.urlsafe_b64encode(one).decode() for one in (*changed, both[:-1], both[24:], b"")),
        base64.urlsafe_b64encode(bytes(48)).decode(),
        worker.team.world.secret.form_tokens(worker.token)[0],
        token[:-1],
        token + "A",
        f" {token}",
        others,
    ]

    assert {one: renew(worker, one) for one in refused} == dict.fromkeys(refused, 403)
    assert worker.form(worker.team.path, csrf=token[:5] + "é" + token[6:]).status_code == 403
    assert renew(worker, token) == 200


def test_a_page_is_the_same_compressed_and_not(worker):
    def without_what_varies(page: str) -> str:
        page = re.sub(r'name="csrf" (content|value)="[^"]+"', "", page)
        return re.sub(r"&#34;(now_ms|active_ms)&#34;:\d+", "", page)

    packed, plain = worker.get(worker.at, **PACKED), worker.get(worker.at, **PLAIN)

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert without_what_varies(packed.text) == without_what_varies(plain.text)
    for page in (packed, plain):
        assert "Cookie" in page.headers["vary"]
        assert "Accept-Encoding" in page.headers["vary"]


def test_pages_and_files_are_compressed_for_those_who_prefer_that(worker):
    """By the rule of the API's pages (tests/api/test_compressed_pages.py)."""
    page = worker.get(worker.at, **PLAIN)
    [script, *_] = re.findall(r'"(/static/[^"]+\.js)"', page.text)
    packed = {
        accepted: tuple(
            "content-encoding" in worker.get(path, **{"accept-encoding": accepted}).headers
            for path in (worker.at, script)
        )
        for accepted in ("gzip;q=0.5", "br, *", "gzip;q=0", "*;q=0", "identity, gzip;q=0.5", "br")
    }

    assert packed == {
        **dict.fromkeys(("gzip;q=0.5", "br, *"), (True, True)),
        **dict.fromkeys(("gzip;q=0", "*;q=0", "identity, gzip;q=0.5", "br"), (False, False)),
    }


def test_a_compressed_page_shows_nothing_of_its_request(worker):
    kinds = {page.query for page in PAGES if page.is_compressed}
    said = {"referer": "http://testserver/canary", "user-agent": "canary"}
    answers = [
        worker.get(f"{worker.at}{more}canary", **PACKED, **said)
        for more in ("?", "?layout=", "?csrf=", "/turns?layout=", "/turns?first=")
    ]

    assert kinds == {NoQuery, TurnsQuery}
    assert not [one for one in answers if one.status_code == 200 and "canary" in one.text]
    assert answers[0].headers["content-encoding"] == "gzip"


def test_other_pages_stay_as_they_are(worker):
    """A search page shows what was looked for, beside what may be nobody's business."""
    queue = worker.get(worker.team.path, **PACKED)

    assert queue.status_code == 200
    assert token_in(queue) != ""
    assert "content-encoding" not in queue.headers
