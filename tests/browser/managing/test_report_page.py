"""The page that `plaudit report --html` prints, in a browser: axe, both themes, a narrow window."""

from __future__ import annotations

import pytest

from tests.support.harness import World, on_sqlite_alone, run_cli, store_arguments
from tests.support.labeling_project import LabelingProject
from tests.support.pages.axe_rules import faults_in_both_schemes

LONG = "a-key-of-a-question-that-is-as-long-as-nobody-would-ever-want-one-to-be"
FORM = {
    "fields": [
        {"key": LONG, "level": "message", "type": "integer", "possible_values": [1, 2, 3]},
        {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"},
        {"key": "why", "level": "turn", "type": "text"},
    ]
}


@pytest.fixture
def report(settings, tmp_path):
    """The page of a project in which three people have answered four tasks."""
    world = World(settings)
    floor = LabelingProject(world, "Judged", form=FORM, overlap=3)
    floor.create(4, batch=floor.batch("First"))
    for number, person in enumerate(("ann", "bob", "cat")):
        for task in range(4):
            floor.work_on(person, lambda values, at=number + task: values[at % 3])
    world.close()
    options = ("--by", "batch", "--style", "length,headers")
    done = run_cli("report", "--project", "Judged", "--html", *options, *store_arguments(settings))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "report.html"
    path.write_text(done.stdout, "utf-8")
    return path


@on_sqlite_alone
def test_the_page_of_a_report_can_be_read_by_everybody_in_both_themes(report, browser):
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(report.as_uri())

    assert faults_in_both_schemes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("svg.plot").count() > 0
