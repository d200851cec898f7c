"""Managers' pages of quality: computed by a job, and read on five pages."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.store.transfer.jobs import JobKind, JobState
from tests.support.databases.statement_counter import counting
from tests.support.harness import World, one_engine
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, add_person, ended, signed_in

pytestmark = one_engine

HOSTILE = "\"><script>alert('q')</script>"
STARS = {"key": HOSTILE, "level": "message", "type": "integer", "possible_values": [1, 2, 3]}
BETTER = {"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first"}
WHY = {"key": "why", "level": "turn", "type": "text"}
STATEMENTS_MAX = 12


@pytest.fixture
def floor(world: World) -> LabelingProject:
    """A project in which three people of hostile names have answered four tasks."""
    form = {"fields": [STARS, BETTER, WHY]}
    floor = LabelingProject(world, f"P {HOSTILE}", form=form, overlap=3)
    floor.create(4)
    people = [
        add_person(world, email=f"p{number}@example.com", name=f"{HOSTILE} {number}")
        for number in range(3)
    ]
    for number, who in enumerate(people):
        for task in range(4):
            floor.work_on(who.user_id, lambda values, at=number + task: values[at % 3])
    return floor


@pytest.fixture
def mia(world: World):
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def path_of(floor: LabelingProject, rest: str = "") -> str:
    return f"/projects/{floor.project.project_id}/quality{rest}"


def compute(browser: Browser, floor: LabelingProject) -> None:
    """Press the button, and wait for the report."""
    browser.get(path_of(floor))
    answer = browser.post(path_of(floor))
    assert answer.status_code == 303, answer.text
    job_id = re.findall(r"quality/(job_\w+)/progress", browser.get(path_of(floor)).text)
    for one in job_id:
        job = ended(browser, path_of(floor, f"/{one}/progress"))
        assert job["state"] == "done", job


def question_path(floor: LabelingProject, name: str) -> str:
    return path_of(floor, f"/question?question={quote(name, safe='')}")


def test_a_project_whose_quality_was_never_computed_offers_to_do_it(floor, mia):
    for rest in ("", "/people", "/bias", "/leaderboard", "/question?question=turn:x"):
        page = mia.get(path_of(floor, rest))

        assert "Not computed yet" in page.text
        assert "Compute quality" in page.text


def test_a_project_without_votes_says_what_is_missing(world, mia):
    empty = LabelingProject(world, "Empty", form={"fields": [BETTER]})
    empty.create(1)
    compute(mia, empty)

    for rest in ("", "/people", "/bias", "/leaderboard"):
        assert "Nobody has voted yet" in mia.get(path_of(empty, rest)).text


def test_every_page_shows_the_report_with_all_that_people_wrote_as_text(floor, mia):
    compute(mia, floor)
    pages = {
        rest: mia.get(path_of(floor, rest)).text
        for rest in ("", "/people", "/bias", "/leaderboard")
    }
    pages["/question"] = mia.get(question_path(floor, f"message:{HOSTILE}")).text
    pages["/texts"] = mia.get(question_path(floor, "turn:why")).text

    assert "Agreement by question" in pages[""]
    assert "4 tasks, " in pages[""]
    assert "Plot of α and AC by question" in pages[""]
    assert "Agreement with the others" in pages["/people"]
    assert "People two by two" in pages["/question"]
    assert "Free texts have no coefficient" in pages["/texts"]
    assert "<dt>abstained</dt><dd>0</dd>" in pages["/texts"]
    assert "Place and length" in pages["/bias"]
    assert "base_model" in pages["/leaderboard"]
    for text in pages.values():
        assert "&lt;script&gt;alert" in text
        assert "<script>alert" not in text
        assert ' style="' not in text


def test_votes_that_do_not_count_are_named(floor, mia):
    floor.set(form={"fields": [STARS, WHY]})
    compute(mia, floor)
    assert "the form does not ask this" in mia.get(path_of(floor)).text.lower()

    floor.set(form={"fields": [BETTER | {"key": "other", "scale": None}]})
    compute(mia, floor)

    text = mia.get(path_of(floor)).text
    assert "No vote counts" in text
    assert "&lt;script&gt;alert" in text


def test_pseudonyms_stand_for_the_names_of_people(floor, mia):
    compute(mia, floor)
    named, hidden = (
        [
            mia.get(path).text
            for path in (
                path_of(floor, f"/people?names={names}"),
                question_path(floor, f"message:{HOSTILE}") + f"&names={names}",
            )
        ]
        for names in ("names", "pseudonyms")
    )

    assert [" 2</bdi>" in text for text in named] == [True, True]
    for text in hidden:
        assert "Person 3" in text
        assert " 2</bdi>" not in text.replace("Person 2</bdi>", "")
        assert "user_" not in text


def test_a_question_that_the_report_does_not_have_is_not_found(floor, mia):
    compute(mia, floor)

    assert mia.get(question_path(floor, "turn:nothing")).status_code == 404
    assert mia.get(path_of(floor, "/question")).status_code == 404


def begun(world, floor, who):
    """A running job of a project, without a process that runs it."""
    request, environment_id = {"project_id": floor.project.project_id, "options": {}}, world.org()
    return world.run(
        world.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, who, JobKind.quality, request, "reading tasks"
            )
        )
    )


def test_a_job_under_way_is_shown_with_its_progress_and_can_be_cancelled(world, floor, mia):
    compute(mia, floor)
    other = LabelingProject(world, "Other")
    job = begun(world, floor, "user_x")
    path = path_of(floor, f"/{job.job_id}")

    page, elsewhere = mia.get(path_of(floor)), mia.get(path_of(other))
    refused = mia.post(path_of(floor))
    mia.get(path_of(floor))
    cancelled = mia.post(f"{path}/cancel")
    after = mia.get(path_of(floor))

    assert f'data-job="{path}/progress"' in page.text
    assert "Compute again" not in page.text
    assert "Agreement by question" in page.text
    assert "The quality of another project of your organization" in elsewhere.text
    assert 'class="main" disabled>Compute quality' in elsewhere.text
    assert refused.status_code == 409
    assert cancelled.headers["location"] == path_of(floor)
    assert mia.get(f"{path}/progress").json()["state"] == "cancelled"
    assert "Compute again" in after.text
    assert "broken off" not in after.text


def test_a_job_that_failed_says_why_beside_the_last_report(world, floor, mia):
    compute(mia, floor)
    job = begun(world, floor, "user_x")
    world.run(jobs.end_job(world.db, job, JobState.failed, JobProgress(), reason="no task has 'x'"))

    page = mia.get(path_of(floor))

    assert "The last computation failed: No task has &#39;x&#39;." in page.text
    assert "Agreement by question" in page.text


def test_a_page_says_as_of_when_it_is_and_what_came_since(floor, mia):
    compute(mia, floor)
    before = mia.get(path_of(floor)).text
    floor.create(1)
    floor.work_on("dan")

    after = mia.get(path_of(floor)).text

    assert "4 tasks, " in before
    assert "since. " not in before
    assert "1 submission since. " in after
    assert "4 tasks, " in after


def test_each_page_runs_a_few_statements(floor, mia):
    compute(mia, floor)
    for path in (
        *(path_of(floor, rest) for rest in ("", "/people", "/bias", "/leaderboard")),
        question_path(floor, f"message:{HOSTILE}"),
    ):
        mia.get(path)
        with counting() as counter:
            assert mia.get(path).status_code == 200

        assert len(counter) <= STATEMENTS_MAX


def test_annotators_and_strangers_see_nothing_of_it(world, floor):
    stranger = LabelingProject(world, "Other")
    with signed_in(world, add_person(world, "annotator", email="x@example.com")) as browser:
        assert browser.get(path_of(floor)).status_code == 403
        assert browser.post(path_of(stranger)).status_code == 403


def test_questions_are_called_by_their_titles_where_they_have_one(world, mia):
    form = {"fields": [BETTER | {"title": "Which is better?"}, WHY]}
    floor = LabelingProject(world, form=form, overlap=1)
    floor.create(1)
    floor.work_on(add_person(world, email="one@example.com").user_id)
    compute(mia, floor)

    overview = mia.get(path_of(floor)).text
    question = mia.get(question_path(floor, "turn:likert_value")).text

    assert "<bdi>Which is better?</bdi></a>" in overview
    assert "<bdi>why</bdi></a>" in overview
    assert "<bdi>Which is better?</bdi>" in question
    assert "<code>likert_value</code>" in question


def test_the_leaderboard_shows_how_it_came_about(floor, mia):
    """A report that an earlier version kept has nothing of it, and is shown all the same."""
    compute(mia, floor)

    page = mia.get(path_of(floor, "/leaderboard")).text

    assert "How it came about" in page
    assert "rating-plot" in page
    assert re.search(r'<th scope="row" class="number">12</th>', page)

    async def forget(tx):
        await tx.run("DELETE FROM quality_part WHERE part = 'history'", {})

    floor.write(forget)
    older = mia.get(path_of(floor, "/leaderboard"))
    assert older.status_code == 200
    assert "How it came about" not in older.text
    assert "Leaderboard of 12 votes" in older.text
