"""Errands of a manager who has read nothing, with the clicks they take from Home."""

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
