"""Deliveries by a browser: made, looked at, compared."""

from __future__ import annotations

import hashlib
import re
from html import unescape

import pytest
from markupsafe import escape

from plaudit.core.transfer import jobs
from plaudit.store.transfer.jobs import JobKind
from plaudit.workspace.transfer import delivery_pages
from tests.support.builders import make_tasks
from tests.support.deliveries import move
from tests.support.pages.browser_client import add_person, ended, signed_in
from tests.support.running.every_case import every_case


@pytest.fixture
def project(world):
    world.load(make_tasks(5), project="P")
    world.load(make_tasks(2, prefix="pending", status="pending"), project="P")
    with world.client() as client:
        (found,) = client.get("/v2/projects").json()["projects"]
    return found


@pytest.fixture
def browser(world, project):
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/deliveries")
        browser.home = f"/deliveries/projects/{project['id']}"
        yield browser


def started(browser, name="First", **fields):
    return browser.post(browser.home, {"name": name, **fields})


def job_of(world, browser):
    async def read():
        async with world.db.read() as tx:
            return await jobs.list_latest_jobs(tx, environment_id, JobKind.delivery, 1)

    environment_id = world.org()
    (job,) = world.run(read())
    return ended(browser, f"/deliveries/jobs/{job.job_id}/progress")


def delivered(world, browser, name="First", **fields):
    """The id of a delivery that was made."""
    answer = started(browser, name, **fields)
    assert answer.status_code == 303, answer.text
    job = job_of(world, browser)
    assert job["state"] == "done", job
    return job["result"]


def rows(page):
    """Ids of the tasks that a page names, each below the beginning of its prompt."""
    return re.findall(r'<th scope="row"><a [^>]*>.+?<code[^>]*>(\w+)</code></th>', page.text)


def test_a_delivery_holds_the_completed_tasks_and_the_api_knows_it(world, browser):
    key = world.key()

    delivery_id = delivered(world, browser)
    listed = browser.get(browser.home)
    page = browser.get(f"/deliveries/{delivery_id}")
    with world.client(key) as client:
        known = client.get(f"/manage/v1/deliveries/{delivery_id}").json()
        entries = client.get("/manage/v1/audit").json()["entries"]

    assert f'href="/deliveries/{delivery_id}"' in listed.text
    assert sorted(rows(page)) == sorted(one["task_id"] for one in make_tasks(5))
    assert known["task_count"] == 5
    assert known["manifest_sha256"] in page.text
    assert {"make_delivery", "create_delivery"} <= {one["action"] for one in entries}
    assert all(
        one["actor"]["kind"] == "user" for one in entries if one["action"].endswith("_delivery")
    )


def test_the_manifest_is_the_lines_that_its_hash_is_of(world, browser):
    key = world.key()
    delivery_id = delivered(world, browser)
    answer = browser.get(f"/deliveries/{delivery_id}/manifest.txt")
    with world.client(key) as client:
        known = client.get(f"/manage/v1/deliveries/{delivery_id}").json()

    assert hashlib.sha256(answer.content).hexdigest() == known["manifest_sha256"]
    assert answer.text.count("\n") == 5
    assert answer.headers["content-disposition"].startswith("attachment")


def test_what_was_delivered_is_left_out_on_request_and_the_rest_goes_in(world, browser):
    delivered(world, browser)
    started(browser, "Nothing", undelivered="yes")
    nothing = job_of(world, browser)
    told = browser.get(browser.home).text
    world.load(make_tasks(2, prefix="later"), project="P")

    rest = delivered(world, browser, "Rest", undelivered="yes")
    everything = delivered(world, browser, "All")

    assert nothing["state"] == "failed"
    assert "every completed task that is selected was delivered" in told
    new = {one["task_id"] for one in make_tasks(2, prefix="later")}
    assert set(rows(browser.get(f"/deliveries/{rest}"))) == new
    assert len(rows(browser.get(f"/deliveries/{everything}"))) == 7


def test_a_delivery_is_compared_with_another_one_and_with_today(world, browser):
    first = delivered(world, browser)
    world.load(make_tasks(1, prefix="later"), project="P")
    task_id = make_tasks(5)[0]["task_id"]
    move(world, "reopen", task_id)
    second = delivered(world, browser, "Second")

    diff = browser.get(f"/deliveries/{first}/diff?other={second}").text
    changes = browser.get(f"/deliveries/{first}/changes").text

    assert re.search(r"Removed: 1.*?" + task_id, diff, re.S)
    assert "Added: 1" in diff
    assert task_id in changes
    assert "pending" in changes


def test_pages_of_deliveries_name_tasks_by_what_was_asked(world, browser):
    first = delivered(world, browser)
    move(world, "reopen", make_tasks(5)[0]["task_id"])
    second = delivered(world, browser, "Second")

    for path in ("", f"/diff?other={second}", "/changes"):
        page = browser.get(f"/deliveries/{first}{path}").text
        assert re.search(r"<bdi>A question\?</bdi></a><br><code[^>]*>task_0", page), path


def test_of_many_differences_each_page_names_some_and_all_are_named(world, browser, monkeypatch):
    monkeypatch.setattr(delivery_pages, "ROWS_MAX", 2)
    first = delivered(world, browser)
    for task in make_tasks(5):
        move(world, "reopen", task["task_id"])
    world.load(make_tasks(1, prefix="later"), project="P")
    second = delivered(world, browser, "Second")
    path, named = f"/deliveries/{first}/diff?other={second}", []

    while path:
        page = browser.get(path).text
        on_page = re.findall(r"<code[^>]*>(\w+_\d+)</code>", page)
        named += on_page
        assert 0 < len(on_page) <= 2
        following = re.search(r'href="([^"]+next_token=[^"]+)"', page)
        path = unescape(following[1]) if following else ""

    assert sorted(named) == sorted(
        one["task_id"] for one in (*make_tasks(5), *make_tasks(1, prefix="later"))
    )


def test_a_delivery_that_cannot_be_is_refused_beside_its_field(world, browser):
    delivered(world, browser)
    answers = {name: started(browser, name) for name in ("First", " First ", "\u202e", "")}

    assert [one.status_code for one in answers.values()] == [409, 409, 400, 400]
    assert "has a delivery named" in answers[" First "].text
    assert 'id="name-wrong"' in answers[""].text


@every_case(
    "fields, status",
    [
        ({"completed_after": "soon"}, 400),
        ({"completed_before": "2025-13-01"}, 400),
        ({"batch_id": "batch_absent"}, 404),
        ({"task_ids": "x"}, 400),
        ({"most": "1"}, 400),
    ],
)
def test_a_filter_that_cannot_be_starts_nothing(world, browser, fields, status):
    answer = started(browser, **fields)

    assert answer.status_code == status
    assert "Nothing was delivered yet" in browser.get(browser.home).text


def test_bounds_narrow_a_delivery_down(world, browser):
    started(browser, "Early", completed_before="2001-01-01")
    early = job_of(world, browser)

    later = delivered(world, browser, completed_after="2001-01-01")

    assert early["state"] == "failed"
    assert "no completed task of the project is selected" in early["reason"]
    assert len(rows(browser.get(f"/deliveries/{later}"))) == 5


def test_a_second_delivery_is_refused_while_one_is_made(world, browser):
    asked = {"project_id": "project_x", "name": "Theirs"}
    environment_id = world.org()
    world.run(
        world.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, "user_x", JobKind.delivery, asked, "freezing"
            )
        )
    )

    answer = started(browser)

    assert answer.status_code == 409
    assert "A delivery of your organization is under way" in answer.text


def test_deliveries_of_another_organization_are_not_there(world, browser):
    delivery_id = delivered(world, browser)
    stranger = add_person(world, "admin", email="o@example.com", org="Other")
    with signed_in(world, stranger) as other:
        other.get("/deliveries")
        answers = [
            other.get(browser.home),
            other.post(browser.home, {"name": "Mine"}),
            *(
                other.get(f"/deliveries/{delivery_id}{rest}")
                for rest in ("", "/changes", "/manifest.txt", f"/diff?other={delivery_id}")
            ),
        ]
        page = other.get("/deliveries").text

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert browser.home not in page


@pytest.mark.parametrize(
    "query", ["?next_token=x", "/changes?next_token=x", "/diff", "/diff?other=x"]
)
def test_a_page_of_a_delivery_that_is_not_there_is_told(world, browser, query):
    delivery_id = delivered(world, browser)

    answer = browser.get(f"/deliveries/{delivery_id}{query}")

    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"].startswith("text/html")


def test_hostile_names_of_deliveries_are_shown_and_never_run(world, browser):
    name = "\"><img src=x onerror=alert(1)>' {{ 7 * 7 }}"
    delivery_id = delivered(world, browser, name)
    other = delivered(world, browser, "Other")
    pages = [
        browser.get(path)
        for path in (
            browser.home,
            f"/deliveries/{delivery_id}",
            f"/deliveries/{delivery_id}/changes",
            f"/deliveries/{other}/diff?other={delivery_id}",
        )
    ]
    manifest = browser.get(f"/deliveries/{delivery_id}/manifest.txt")

    for page in pages:
        assert "<img" not in page.text
        assert str(escape(name)) in page.text
    assert manifest.headers["content-disposition"].isascii()
