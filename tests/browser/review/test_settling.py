"""Settling disagreements in a real browser, by keyboard: found by the order, decided by one key."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling.adjudication.disagreement_reasons import count_reasons
from plaudit.model.labeling import DisagreementReason
from tests.browser.review.test_review import WIDER, Chair, task_of, values
from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.pages.axe_rules import faults_in_both_schemes

STARS = {
    "key": "stars",
    "level": "thread",
    "type": "integer",
    "possible_values": [1, 2, 3, 4, 5],
    "consolidate": "majority",
}
SAFE = {"key": "safe", "level": "thread", "type": "boolean", "title": "Is it safe?"}
SAID = (
    [(3, 3, 3), (1, 5, 5), (1, 3, 5)],
    [(True, True, True), (True, True, True), (True, False, True)],
)
"""What each of three people says of each of three tasks: stars, and safe."""


def judged(tenant: Any, team: AnnotationTeam) -> None:
    with tenant.client() as client:
        for person, name in enumerate(("Ann", "Ben", "Cem")):
            worker = team.worker(client, name)
            for stars, safe in zip(*SAID, strict=True):
                given = [{"at": "t0", "key": "stars", "value": stars[person]}]
                given += [{"at": "t0", "key": "safe", "value": safe[person]}]
                version = worker.take()["lease_version"]
                told = worker.call(
                    "submit", lease_version=version, answers=given, client_key="k", active_ms=9
                )
                assert told.status_code == 200, told.text


@on_shared_sqlite
@pytest.mark.slow
def test_disagreements_come_first_and_are_settled_by_one_key(tenant, shared_server, open_context):
    form = {"fields": [STARS, SAFE]}
    team = AnnotationTeam(tenant, form=form, overlap=3, review="all")
    task_ids = team.add(count=3)
    judged(tenant, team)
    rae = Chair(open_context, shared_server, team, "manager")
    faults: list[str] = []

    def look(what: str) -> None:
        faults.extend(f"{what}: {fault}" for fault in faults_in_both_schemes(rae.page))
        for width in (1440, 390):
            rae.page.set_viewport_size({"width": width, "height": 900})
            if rae.page.evaluate(WIDER) > 0:
                faults.append(f"{what}: wider than {width}")
        rae.page.set_viewport_size({"width": 1440, "height": 900})

    def state(key: str) -> tuple[str, bool]:
        card = rae.page.locator(f'[data-card]:has([data-key="{key}"])')
        return rae.page.inner_text("#progress"), card.locator("[data-changed]").is_visible()

    rae.page.goto(f"{shared_server.url}/review/{team.project.project_id}")
    order = [rae.page.inner_text(f"tbody tr:nth-child({n}) td") for n in (1, 2, 3)]
    look("list")
    rae.page.locator("tbody a").first.press("Enter")
    rae.ready()
    first = rae.page.url.rsplit("/", 1)[1]
    before = state("stars")
    rae.page.keyboard.press("t")
    rae.page.keyboard.press("t")
    rae.page.wait_for_selector('[data-take][aria-pressed="true"]')
    taken = state("stars")
    rae.page.keyboard.press("y")
    look("task")
    rae.page.reload()
    rae.ready()
    kept = rae.page.locator("[data-why] input:checked").get_attribute("value")
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/tasks/{task_ids[1]}")
    rae.ready()
    rae.page.keyboard.press("t")
    own = state("stars")
    rae.page.keyboard.press("m")
    most = state("stars")
    rae.page.keyboard.press("o")
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/tasks/{task_ids[0]}")
    rae.page.goto(f"{shared_server.url}/review/{team.project.project_id}?question=stars")
    look("list of a question")
    reasons = " ".join(rae.page.inner_text("#reasons").split())
    rae.page.goto(f"{shared_server.url}/projects/{team.project.project_id}/quality")
    look("quality")
    told = " ".join(rae.page.inner_text("[aria-labelledby=reasons-title] tbody").split())

    assert [one.split()[1:] for one in order[:2]] == [["Is", "it", "safe?,", "stars"], ["stars"]]
    assert first == task_ids[2]
    assert before == ("1 undecided · 1 with different answers · no fixes", False)
    assert taken == ("1 with different answers · 1 fix", True)
    assert kept == "ambiguous"
    assert own == ("1 fix", True)
    assert most == ("1 with different answers · no fixes", False)
    done = [task_of(shared_server, team, task_id) for task_id in task_ids[1:]]
    assert [values(one.threads[0].annotations)["stars"] for one in done] == [5, 3]
    assert "0 × unclear guideline, 1 × ambiguous task, 1 × error." in reasons
    assert told == "stars 0 1 1 Tasks on which people differ about stars"
    counts = team.write(lambda tx: count_reasons(tx, team.project))
    assert counts[DisagreementReason.ambiguous] == counts[DisagreementReason.error] == 1
    assert faults == []
    assert rae.seen.errors == rae.seen.violations == rae.seen.foreign == []
