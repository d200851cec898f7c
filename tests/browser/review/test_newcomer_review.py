"""What a reviewer who has read nothing does in a real browser, with the clicks it takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.review.test_review import Chair, task_of, values
from tests.support.annotators import AnnotationTeam, good_answers
from tests.support.harness import World, on_shared_sqlite
from tests.support.pages.axe_rules import faults_in_both_schemes

pytestmark = [on_shared_sqlite, pytest.mark.slow]

ANN = "Between @Response 1 and @Response 2 it is this: the egg is peeled too early."
BEA = "Between @Response 1 and @Response 2 it is this: the water is much too cold."


class Newcomer(Chair):
    """A reviewer whose clicks are counted."""

    clicks = 0

    def click(self, name: str, *, role: str = "button", nth: int = 0) -> None:
        self.clicks += 1
        self.page.get_by_role(role, name=name).nth(nth).click()

    def pressed(self, selector: str) -> list[str]:
        found = self.page.locator(f'{selector}[aria-pressed="true"]').all()
        return [one.inner_text().strip() for one in found]


def say(team: AnnotationTeam, name: str, why: str, overall: int = 3, count: int = 1) -> None:
    """Submit somebody's next tasks: a justification, and a grade for both responses."""
    answers = good_answers(4)
    answers[-1]["value"] = why
    for one in answers:
        if one["key"] == "overall":
            one["value"] = overall
    with team.world.client() as client:
        worker = team.worker(client, name)
        for _ in range(count):
            body = {"lease_version": worker.take()["lease_version"], "answers": answers}
            told = worker.call("submit", client_key=name, active_ms=1000, **body)
            assert told.status_code == 200, told.text


@pytest.fixture
def team(tenant: World) -> AnnotationTeam:
    return AnnotationTeam(tenant, overlap=2, review="all")


@pytest.fixture
def rae(team: AnnotationTeam, shared_server: Any, open_context: Any) -> Newcomer:
    return Newcomer(open_context, shared_server, team, "reviewer")


def test_the_better_of_two_justifications_is_chosen_with_one_click(team, shared_server, rae):
    [task_id] = team.add()
    say(team, "Ann", ANN)
    say(team, "Bea", BEA)
    rae.open(task_id)
    rae.page.set_viewport_size({"width": 1440, "height": 900})
    side_by_side = [one.bounding_box() for one in rae.page.locator(".text-choice").all()]
    marked = [one.inner_text() for one in rae.page.locator(".text-choice mark").all()]
    before = rae.pressed("[data-choose-text]")

    rae.click("Choose the text of Bea")
    after = rae.page.locator(".is-chosen h4").inner_text()
    faults = faults_in_both_schemes(rae.page)
    rae.click("Accept with fixes and go on")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert len(before) == 1
    assert side_by_side[0]["y"] == side_by_side[1]["y"]
    assert {"peeled", "early", "cold"} <= set(marked)
    assert (after, rae.clicks) == ("Bea", 2)
    turn = task_of(shared_server, team, task_id).threads[0].turns[1]
    assert values(turn.annotations)["justification"].endswith(BEA[-20:])
    assert faults == []
    assert rae.seen.errors == rae.seen.violations == []


def test_all_answers_of_one_person_and_the_median_are_one_key_each(team, shared_server, rae):
    [task_id] = team.add()
    say(team, "Ann", ANN, overall=1)
    say(team, "Bea", BEA, overall=5)
    rae.open(task_id)
    overall = f"{rae.card('overall', 1)}"

    rae.page.keyboard.press("p")
    shown = rae.page.locator("#shown-person input:checked + span").inner_text()
    alone = rae.page.locator(".voices [data-person]:visible dt").all_inner_texts()
    rae.page.reload()
    rae.ready()
    is_kept = rae.page.locator("#shown-person").is_visible()
    rae.page.keyboard.press("p")
    rae.page.keyboard.press("f")
    taken = rae.page.locator("[data-take][aria-pressed=true]:visible").count()
    rae.page.keyboard.press("p")
    everybody = rae.page.locator(".voices [data-person]:visible dt").all_inner_texts()
    rae.page.locator(overall).locator("[data-take]").first.focus()
    rae.page.keyboard.press("d")
    middle = rae.page.locator(f"{overall} [data-middle]").get_attribute("aria-pressed")
    rae.page.set_viewport_size({"width": 390, "height": 844})
    wide = rae.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    rae.page.keyboard.press("Control+Enter")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert (shown, set(alone), is_kept) == ("Ann", {"Ann"}, True)
    assert set(everybody) == {"Ann", "Bea"}
    assert taken == 3
    assert middle == "true"
    done = task_of(shared_server, team, task_id)
    first, second = done.threads[0].turns[1].messages[1:]
    assert [values(one.annotations)["overall"] for one in (first, second)] == [3, 5]
    assert values(done.threads[0].turns[1].annotations)["justification"].endswith(BEA[-20:])
    assert wide <= 0
    assert rae.seen.errors == rae.seen.violations == []


def test_a_task_is_sent_back_to_bea_in_three_clicks(team, shared_server, rae):
    [task_id] = team.add()
    say(team, "Ann", ANN)
    say(team, "Bea", BEA)
    rae.open(task_id)

    rae.click("Send back")
    rae.click("Bea", role="radio", nth=-1)
    rae.page.fill("#comment", "Look at the second response again.")
    rae.click("Send back", nth=-1)
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert rae.clicks == 3
    assert "Sent back to Bea." in rae.page.inner_text("main")
    assert task_of(shared_server, team, task_id).status.value == "pending"


def test_the_easy_ones_are_accepted_after_a_sample_in_eight_clicks(team, shared_server, rae):
    """A list of unanimous tasks, a sample of one, and the others by one button."""
    task_ids = team.add(count=3)
    say(team, "Ann", ANN, count=3)
    say(team, "Bea", ANN, count=3)
    rae.page.goto(f"{shared_server.url}/review")

    rae.click("Eggs", role="link")
    rae.page.select_option("#most", "0")
    rae.click("Show")
    rae.page.click("#accept-many summary")
    rae.clicks += 1
    rae.page.fill("#sample_count", "1")
    rae.click("Draw the sample")
    faults = faults_in_both_schemes(rae.page)
    rae.click("Look at the next one", role="link")
    rae.ready()
    rae.click("Accept and go on")
    rae.page.wait_for_url("**/samples/*")
    said = rae.page.inner_text("#verdict")
    rae.click("Accept the other 2")
    rae.page.wait_for_selector("#accepted")
    accepted = rae.page.inner_text("#accepted")
    rae.click("Undo")
    rae.page.wait_for_function(
        "() => document.querySelector('[data-job]') === null &&"
        " document.querySelector('#accepted')?.textContent.includes('in review again')"
    )

    assert "0 of 1 were wrong. So at most 95% of the others are" in said
    assert accepted == "2 other tasks were accepted."
    assert rae.clicks == 8  # besides the choice and the number
    assert faults == []
    statuses = [task_of(shared_server, team, task_id).status.value for task_id in task_ids]
    assert sorted(statuses) == ["completed", "pending", "pending"]
    assert rae.seen.errors == rae.seen.violations == []
