"""Review of questions that were asked only of some: what a fix of one makes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.review.test_review import Chair, task_of, values
from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab

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


def asked_keys(page: Any) -> list[str]:
    """Keys of the questions that a page shows as asked."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('[data-question]')]"
        ".filter((one) => !one.closest('[data-unasked]')"
        " && one.closest('[data-card]')?.dataset.state !== 'unasked')"
        ".map((one) => one.dataset.key)"
    )
    return found


def test_what_only_the_reviewers_answer_asks_is_shown_and_demanded(team, shared_server, rae):
    """Nobody was asked for the flaw: it opens, is undecided, and keeps the task in review."""
    [task_id] = team.add()
    say(team, "Ann", verdict="good")
    say(team, "Bea", verdict="good")
    rae.open(task_id)
    page = rae.page
    assert asked_keys(page) == ["verdict"]

    fix(page, "verdict", "bad")

    assert asked_keys(page) == ["verdict", "flaw"]
    assert page.locator(f"{FLAW} details.fix[open]").is_visible()
    assert "Nobody was asked this" in page.inner_text(FLAW)
    assert "1 undecided" in page.inner_text("#progress")
    page.click("#submit")
    wrong = page.locator(f"{FLAW} .wrong:visible")
    wrong.wait_for()
    assert wrong.inner_text() == (
        "This is asked now, as another question is answered, and an answer is required."
    )
    fix(page, "flaw", "rude")
    assert "undecided" not in page.inner_text("#progress")
    page.click("#submit")
    page.wait_for_url(lambda url: not url.endswith(task_id))

    task = task_of(shared_server, team, task_id)
    found = values(task.threads[0].turns[1].annotations)
    assert found == {"verdict": "bad", "flaw": "rude"}


def test_what_those_who_were_asked_said_comes_out_once_the_reviewers_answer_asks_it(
    team, shared_server, rae
):
    [task_id] = team.add()
    say(team, "Ann", verdict="bad", flaw="rude")
    say(team, "Bea", verdict="good")
    rae.open(task_id)
    page = rae.page
    assert asked_keys(page) == ["verdict"]

    fix(page, "verdict", "bad")

    assert asked_keys(page) == ["verdict", "flaw"]
    assert page.locator(f'{FLAW} input[value="rude"]').is_checked()
    assert page.inner_text("#progress") == "1 fix"
    page.click("#submit")
    page.wait_for_url(lambda url: not url.endswith(task_id))
    task = task_of(shared_server, team, task_id)
    found = values(task.threads[0].turns[1].annotations)
    assert found == {"verdict": "bad", "flaw": "rude"}


def test_the_same_answers_ask_the_same_of_who_answers_and_of_who_reviews(
    tenant, shared_server, open_context
):
    """A chain of three, step by step on both pages."""
    harsh = {
        "key": "harsh",
        "level": "turn",
        "type": "category",
        "title": "Harsh",
        "required": True,
    }
    harsh |= {"possible_values": ["yes", "no"]}
    harsh["ask_if"] = {"key": "flaw", "operator": "is_not", "value": "wrong"}
    team = AnnotationTeam(tenant, form={"fields": [*FORM["fields"], harsh]}, review="all")
    [task_id, _] = [*team.add(), *team.add()]
    say(team, "Ann", verdict="good")
    rae = Chair(open_context, shared_server, team, "reviewer")
    rae.open(task_id)
    bea = AnnotatorTab(open_context, shared_server, team, "Bea")
    bea.take()
    steps = (("verdict", "good"), ("verdict", "bad"), ("flaw", "rude"), ("flaw", "wrong"))
    steps += (("flaw", "rude"), ("harsh", "no"), ("verdict", "good"), ("verdict", "bad"))

    shown = []
    for key, value in steps:
        bea.pick(key, value)
        fix(rae.page, key, value)
        shown.append((asked_keys(bea.page), asked_keys(rae.page)))

    assert [set(one) for one, _ in shown] == [set(other) for _, other in shown]
    assert [len(one) for one, _ in shown] == [1, 2, 3, 2, 3, 3, 1, 3]
