"""Review of questions that were asked only of some: what a fix of one makes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.review.test_review import Chair, task_of, values
from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite

pytestmark = on_shared_sqlite

FORM = {
    "fields": [
        {"key": "verdict", "level": "turn", "type": "category", "title": "Verdict",
         "possible_values": ["good", "bad"], "required": True},
        {"key": "flaw", "level": "turn", "type": "category", "title": "Flaw",
         "possible_values": ["rude", "wrong"], "required": True,
         "ask_if": {"key": "verdict", "operator": "is", "value": "bad"}},
    ]
}  # fmt: skip
FLAW = '[data-card]:has([data-key="flaw"])'


def say(team: AnnotationTeam, name: str, **given: str) -> None:
    answers = [{"at": "t0u1", "key": key, "value": value} for key, value in given.items()]
    with team.world.client() as client:
        worker = team.worker(client, name)
        state = worker.take()
        body = {"lease_version": state["lease_version"], "answers": answers}
        told = worker.call("submit", client_key=name, active_ms=1000, **body)
        assert told.status_code == 200, told.text


@pytest.fixture
def team(tenant) -> AnnotationTeam:
    return AnnotationTeam(tenant, form=FORM, overlap=2, review="all")


@pytest.fixture
def rae(team, shared_server, open_context) -> Chair:
    return Chair(open_context, shared_server, team, "reviewer")


def fix(page: Any, key: str, value: str) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details.fix')) one.open = true")
    page.click(f'[data-key="{key}"] label:has(input[value="{value}"])')


def test_what_nobody_is_asked_is_marked_and_follows_the_reviewers_answer(team, shared_server, rae):
    [task_id] = team.add()
    say(team, "Ann", verdict="bad", flaw="rude")
    say(team, "Bea", verdict="good")
    rae.open(task_id)
    tag = rae.page.locator(f"{FLAW} .tag[data-not-asked]")
    assert tag.is_visible()

    fix(rae.page, "verdict", "bad")
    assert tag.is_hidden()
    fix(rae.page, "flaw", "wrong")
    fix(rae.page, "verdict", "good")
    assert tag.is_visible()
    assert "1 fix" in rae.page.inner_text("#progress")
    fix(rae.page, "verdict", "bad")
    rae.page.click("#submit")
    rae.page.wait_for_url(lambda url: not url.endswith(task_id))

    task = task_of(shared_server, team, task_id)
    found = values(task.threads[0].turns[1].annotations)
    assert found == {"verdict": "bad", "flaw": "wrong"}
