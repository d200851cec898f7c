"""A page is a constant number of statements, however many objects it lists."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import dashboard, review_queue
from plaudit.workspace.transfer import delivery_pages, import_pages, job_pages
from tests.support.databases.statement_counter import counting
from tests.support.harness import above_the_store
from tests.support.listings import OPERATIONS, PAGES, Furnished
from tests.support.pages.browser_client import signed_in
from tests.support.running.every_case import every_case

STATEMENTS_MAX = 25
SHOWN = 3
MORE = 6
"""Objects of each kind that are added before a page is asked for again."""


@pytest.fixture(scope="module")
def furnished(open_shared):
    return Furnished(open_shared())


@pytest.fixture(scope="module")
def counts(furnished):
    """Statements of each listing with one object of each kind, and with many."""
    furnished.add()
    few = furnished.count()
    for _ in range(MORE):
        furnished.add()
    return few, furnished.count()


@above_the_store
@every_case("name", [name for name, _ in (*OPERATIONS, *PAGES)])
def test_a_listing_runs_the_same_statements_for_one_object_and_for_many(counts, name):
    few, many = counts

    assert many[name] == few[name] <= STATEMENTS_MAX


@above_the_store
@pytest.mark.parametrize(
    "path",
    ["/projects", "/deliveries", "/deliveries/projects/{project_id}",
     "/deliveries/{delivery_id}", "/import", "/work", "/review"],
)  # fmt: skip
def test_a_page_reads_no_more_rows_than_it_shows(furnished, counts, monkeypatch, path):
    for module in (dashboard, review_queue, import_pages):
        monkeypatch.setattr(module, "PROJECTS_MAX", SHOWN)
    for name in ("SHOWN_MAX", "OTHERS_MAX", "BATCHES_MAX", "ROWS_MAX"):
        monkeypatch.setattr(delivery_pages, name, SHOWN)
    monkeypatch.setattr(job_pages, "LISTED_MAX", SHOWN)

    with signed_in(furnished.world, furnished.admin) as browser, counting() as counter:
        answer = browser.get(path.format(**furnished.names))

    assert answer.status_code == 200
    assert counter.rows_max <= SHOWN + 1


@above_the_store
def test_removing_a_person_runs_the_same_statements_for_one_project_and_for_many(open_shared):
    world = open_shared()
    numbers = []
    for first, until in ((0, 1), (1, 30)):
        for number in range(first, until):
            world.project(f"Project {number}")
        with world.client() as client:
            body = {"email": f"{first}@example.com", "role": "annotator"}
            user_id = client.post("/manage/v1/users", json=body).json()["user_id"]
            with counting() as counter:
                answer = client.patch(f"/manage/v1/users/{user_id}", json={"status": "removed"})
            assert answer.status_code == 200, answer.text
        numbers.append(len(counter))

    assert numbers[0] == numbers[1] <= STATEMENTS_MAX
