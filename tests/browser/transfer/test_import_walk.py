"""From a table of unknown columns to annotated work, in a real browser: by mouse and by keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plaudit.core.transfer import jobs
from plaudit.store.transfer.jobs import JobKind
from tests.support.harness import Server, World, on_shared_sqlite, walk
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.browser_client import Somebody, add_person, seat
from tests.support.pages.chromium import Remote, Seen

pytestmark = on_shared_sqlite

CSV = """\
q;first_text;second_text;who_won;by
Why is the sea salty?;"Rivers carry salts; the sea keeps them.";Whales.;1;ann
Name a bird.;A tern.;A fig.;1;ben
Name a fish.;;A pike.;2;ann
"Line one
line two";Yes.;No.;0;ann
"""
ROLES = {
    "q": "prompt",
    "first_text": "response:1",
    "second_text": "response:2",
    "who_won": "preference",
    "by": "contributor",
}
VERDICTS = {"0": "tie", "1": "first", "2": "second"}


class Desk:
    """A manager's browser."""

    def __init__(
        self, world: World, open_context: Callable[..., Any], server: Server, who: Somebody
    ) -> None:
        self.context: Remote
        self.seen: Seen
        self.url = server.url
        self.context, self.seen = open_context(server.url)
        seat(world, who, self.context, server.url)
        self.page = self.context.new_page()

    def go(self, path: str) -> Remote:
        self.page.goto(self.url + path)
        return self.page

    @property
    def faults(self) -> list[str]:
        return self.seen.errors + self.seen.violations + self.seen.foreign + self.seen.dialogs

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Press Tab until the focus is on an element."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(f"document.activeElement?.matches({selector!r}) ?? false"):
                return
        raise AssertionError(f"Tab does not lead to {selector}")

    def choose(self, selector: str, title: str) -> None:
        """Choose an option of a select by typing the beginning of its title."""
        self.tab_to(selector)
        self.page.keyboard.type(title)


@pytest.fixture
def desk(tenant: World, shared_server: Server, open_context: Callable[..., Any]) -> Desk:
    return Desk(tenant, open_context, shared_server, add_person(tenant, "manager"))


def table_of(tmp_path: Path) -> str:
    given = tmp_path / "birds.csv"
    given.write_text(CSV)
    return str(given)


def stored(world: World, project: str) -> list[dict[str, Any]]:
    with world.client(world.key()) as client:
        return list(walk(client, limit=100, project_name=project))


def test_a_table_is_mapped_previewed_imported_and_annotated_by_mouse(tenant, desk, tmp_path):
    page, axe = desk.go("/import"), []
    page.set_input_files("#file", table_of(tmp_path))
    page.click("#upload-button")
    page.wait_for_selector("#plan[data-ready]")
    for name, role in ROLES.items():
        page.select_option(f'select[data-column="{name}"]', role)
    page.wait_for_selector("#preview article")
    for value, meaning in VERDICTS.items():
        page.select_option(f'#verdict-fields select[data-value="{value}"]', meaning)
    page.fill("#project", "Birds")
    page.check("#pending")
    page.check("#saves_mapping")
    page.wait_for_selector('#preview:has-text("Why is the sea salty?")')
    page.click("#preview-next")
    page.wait_for_selector('#preview h3:has-text("Task 2 of")')
    second = page.inner_text("#preview")
    axe += faults_in_both_schemes(page)
    page.click("#start")
    page.wait_for_url("**/import/job_*")
    page.wait_for_selector("#result")
    counts = {name: page.inner_text(f'dd[data-count="{name}"]') for name in ("added", "rejected")}
    axe += faults_in_both_schemes(page)
    page.click('main a:has-text("Birds")')
    page.click('a:has-text("Open the queue")')
    page.click("#claim")
    page.wait_for_selector("#task[data-ready]")
    shown = page.inner_text("#task")
    page.click("[data-question] label >> nth=0")

    assert "Name a bird." in second
    assert counts == {"added": "4", "rejected": "0"}
    assert any(text in shown for text in ("Why is the sea salty?", "Name a bird."))
    assert {task["status"] for task in stored(tenant, "Birds")} == {"pending"}
    assert axe == []
    assert desk.faults == []


def test_a_table_is_mapped_and_imported_by_keyboard_alone(tenant, desk, tmp_path):
    page = desk.go("/import")
    desk.tab_to("#paste")
    page.keyboard.insert_text(CSV.replace(";", "\t"))
    desk.tab_to("#project")
    page.keyboard.type("Birds")
    desk.tab_to("#upload-button")
    desk.press("Enter")
    page.wait_for_selector("#plan[data-ready]")
    titles = {
        "q": "Prompt", "first_text": "Response 1", "second_text": "Response 2",
        "who_won": "Verdict", "by": "Person",
    }  # fmt: skip
    for name, title in titles.items():
        desk.choose(f'select[data-column="{name}"]', title)
    for value, title in {"1": "Response 1", "2": "Response 2", "0": "They"}.items():
        desk.choose(f'#verdict-fields select[data-value="{value}"]', title)
    page.wait_for_selector('#preview:has-text("Why is the sea salty?")')
    desk.tab_to("#start")
    desk.press("Enter")
    page.wait_for_url("**/import/job_*")
    page.wait_for_selector("#result")
    focused = page.evaluate("document.activeElement.id")

    tasks = stored(tenant, "Birds")
    assert {task["status"] for task in tasks} == {"completed"}
    assert len(tasks) == 4
    assert focused == "main"
    assert desk.faults == []


def _stall(page: Any) -> None:
    page.route("**/import/upload*", lambda route: None)


def test_an_upload_is_cancelled_on_its_page_and_another_file_can_be_chosen(desk, tmp_path):
    page = desk.go("/import")
    page._run(_stall, page)
    page.set_input_files("#file", table_of(tmp_path))
    page.click("#upload-button")
    page.wait_for_selector("#upload-state:not([hidden])")
    was_enabled = page.is_enabled("#upload-button")

    page.click("#upload-cancel")
    page.wait_for_selector("#upload-state", state="hidden")

    assert not was_enabled
    assert page.is_enabled("#upload-button")
    assert page.evaluate("document.activeElement.id") == "file"


def test_an_import_that_runs_is_cancelled_on_its_page(tenant, desk):
    environment_id = tenant.org()
    request = {"file": "birds.csv", "format": "table", "project": "Birds", "replace": False}
    running = tenant.run(
        tenant.db.write(
            lambda tx: jobs.start_job(tx, environment_id, "x", JobKind.import_, request, "storing")
        )
    )
    page = desk.go(f"/import/{running.job_id}")

    page.evaluate("window.confirm = () => true")
    page.click('.job button:has-text("Cancel")')
    page.wait_for_selector('main .tag:has-text("cancelled")')

    assert desk.faults == []


def test_a_draft_in_text_gives_way_to_choices_and_what_somebody_wrote_does_not(desk):
    names = ["prompt", *(f"output {number}" for number in range(1, 9))]
    page = desk.go("/import")
    page.fill("#paste", "\n".join("\t".join(row) for row in (names, ["Why is it so?", *names[1:]])))
    page.click("#upload-button")
    page.wait_for_selector("#plan[data-ready]")
    drafted = page.input_value("#mapping")
    page.select_option('select[data-column="output 1"]', "response:1")
    page.wait_for_selector("#preview article")
    after = page.input_value("#mapping")

    page.click("summary")
    page.fill("#mapping", 'prompt = "prompt"')
    page.select_option('select[data-column="output 2"]', "response:2")

    assert "output 8" in drafted
    assert after == ""
    assert page.input_value("#mapping") == 'prompt = "prompt"'
    assert page.is_visible("#text-wins")
    assert desk.faults == []


def test_refused_rows_are_listed_and_downloaded(desk, tmp_path):
    given = tmp_path / "pairs.jsonl"
    given.write_text(
        '{"prompt": "Why?", "chosen": "So.", "rejected": "Oh."}\n'
        '{"prompt": 1, "chosen": [], "rejected": "Oh."}\n'
    )
    page = desk.go("/import")
    page.set_input_files("#file", str(given))
    page.fill("#project", "Birds")
    page.click("#upload-button")
    page.wait_for_selector("#plan[data-ready]")
    page.select_option("#format", "trl")
    page.wait_for_selector('#preview:has-text("1 would be refused")')
    page.click("#start")
    page.wait_for_selector("#result")
    download = page._run(_downloaded, page)

    assert download.suggested_filename == "rejected.txt"
    assert Path(download.path()).read_text().startswith("pairs.jsonl:2:")
    assert desk.faults == []


def _downloaded(page: Any) -> Any:
    with page.expect_download() as waited:
        page.click('a:has-text("Download the list")')
    return waited.value
