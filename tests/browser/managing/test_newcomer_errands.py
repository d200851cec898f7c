"""Errands of people who have read nothing, with the clicks they take from Home."""

from __future__ import annotations

import pytest

from plaudit.model.core import BatchStatus
from plaudit.store.tasks import batches
from tests.browser.managing.test_newcomer_manager import open_project
from tests.support.harness import above_the_store

pytestmark = [above_the_store, pytest.mark.slow]


def test_a_batch_is_paused_with_four_clicks(project, mia):
    batch = project.batch("Week 31")
    project.create(1, batch=batch)

    open_project(mia, project)
    mia.click("Batches", within="main nav >> nth=0")
    mia.click("Pause", role="button")
    mia.page.wait_for_selector("tbody >> text=paused")

    stored = project.write(
        lambda tx: batches.find_batch(tx, project.environment_id, batch.batch_id)
    )
    assert stored.status is BatchStatus.paused
    assert mia.clicks == 4


def test_guidelines_are_written_with_five_clicks(project, mia):
    open_project(mia, project)
    mia.click("Settings", within="main nav >> nth=0")
    mia.click("Guidelines")
    mia.page.locator("main textarea").first.fill("Be **kind**.")
    mia.click("Save", role="button")
    mia.page.wait_for_selector("text=saved")

    assert mia.clicks == 5


def test_a_team_is_made_of_bea_with_four_clicks(bea, mia):
    mia.click("Settings", within="header")
    mia.click("Teams")
    mia.page.locator("main input[name=name]").first.fill("Poets")
    mia.click("Make the team", role="button")
    mia.page.wait_for_selector("h1:has-text('Poets')")
    mia.page.locator("main input[name=login]").first.fill(bea.email)
    mia.click("Add to the team", role="button")
    mia.page.wait_for_selector(f"main table >> text={bea.email}")

    assert mia.clicks == 4


def test_five_tasks_a_day_are_given_to_bea_with_five_clicks(project, bea, mia):
    open_project(mia, project)
    mia.click("People", within="main nav >> nth=0")
    mia.type("E-mail address, user name, or name of a team", bea.email)
    mia.click("Add", role="button", within="main")
    mia.type("Tasks a day of Bea", "5")
    mia.click("Save", role="button", within="main tr:has-text('Bea')")

    assert mia.page.get_by_label("Tasks a day of Bea").input_value() == "5"
    assert mia.clicks == 5


def test_a_link_for_a_study_is_made_with_five_clicks(project, mia):
    open_project(mia, project)
    mia.click("People", within="main nav >> nth=0")
    mia.page.click("summary:has-text('Make a study link')")
    form = mia.page.locator("details:has(summary:has-text('Make a study link'))")
    form.locator("[name=name]").fill("Pilot")
    form.locator("[name=completion_code]").fill("C0DE")
    mia.click("Make the link", role="button")

    assert "/study/" in mia.page.input_value("#link")
    assert mia.clicks == 5


def finished(project, count=2):
    """So many tasks that three people have answered."""
    project.say(*(f"Question {number}" for number in range(count)))
    for user_id in ("ann", "cat", "dan"):
        for _ in range(count):
            lease = project.take(user_id)
            project.submit(lease, project.answers(lease), key=lease.assignment_id)


def test_what_is_finished_is_delivered_with_four_clicks(project, mia):
    finished(project)

    open_project(mia, project)
    mia.click("Deliveries", within="main nav >> nth=0")
    mia.page.fill("main input[name=name]", "July")
    mia.click("Make", role="button", within="main")
    mia.page.wait_for_selector("tbody >> text=July")

    assert mia.page.locator("tbody tr:has-text('July') .number").inner_text() == "2"
    assert mia.clicks == 4


def test_what_is_finished_is_taken_as_a_file_with_five_clicks(project, mia):
    finished(project)

    open_project(mia, project)
    mia.click("Download", within="main nav >> nth=0")
    mia.page.select_option("#format", "messages")
    mia.page.wait_for_selector('#preview-state:text-is("")', state="attached")
    mia.click("Write file", role="button")
    mia.page.wait_for_selector("tbody a[download]")
    with mia.page.expect_download() as taken:
        mia.page.click("tbody a[download] >> nth=0")

    assert taken.value.suggested_filename.endswith(".jsonl")
    assert mia.clicks == 5  # besides the choice of the format


def test_bea_begins_to_work_with_one_click(project, bea, at_home):
    project.say("How far is the moon?")

    hers = at_home(bea)
    hers.click("Take the next task", role="button")
    hers.page.wait_for_selector("#task[data-ready]")

    assert "How far is the moon?" in hers.page.inner_text("main")
    assert hers.clicks == 1


def test_bea_opens_what_she_submitted_again_with_three_clicks(project, bea, at_home):
    project.say("How far is the moon?")
    lease = project.take(bea.user_id)
    project.submit(lease, project.answers(lease), key="once")

    hers = at_home(bea)
    hers.click(project.project.name, within="main")
    hers.click("My last submissions")
    hers.click("Open again", role="button")
    hers.page.wait_for_selector("#task[data-ready]")

    assert "How far is the moon?" in hers.page.inner_text("main")
    assert hers.clicks == 3
