"""A manager in a real browser: a delivery is downloaded as files that trainers load."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from plaudit.formats.exporting.export_format import ExportContainer
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.browser.transfer.test_bring_in import Office
from tests.browser.transfer.test_import_walk import Desk
from tests.support.builders import make_task
from tests.support.harness import on_sqlite_alone, run_cli, store_arguments
from tests.support.operations import calling
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.browser_client import add_person
from tests.transfer.judged_exports import judged

IN_CSV = next(
    (one.name for one in EXPORT_FORMATS.values() if ExportContainer.csv in one.containers), None
)
"""A format that is written as CSV, if there is one."""


@pytest.fixture
def office(world, start_server, open_context) -> Office:
    """Seat a manager at a project with a delivery of twelve judged tasks, two of them ties."""
    world.load([judged(number, 4 if number < 2 else 1) for number in range(12)])
    with calling(world, world.key()) as client:
        path = "/manage/v1/projects/project_123/deliveries"
        delivery_id = client.post(path, json={"name": "May"}).json()["id"]
    office = Office(open_context, start_server(), add_person(world, "manager"))
    office.open(f"/deliveries/{delivery_id}")
    return office


def take(office: Office, folder: Path, name: str, container: str) -> Path:
    """Choose by the keyboard, write the file, and download it."""
    page = office.page
    page.select_option("#format", name)
    page.wait_for_selector(f"#container option[value='{container}']", state="attached")
    page.select_option("#container", container)
    page.wait_for_selector('#preview-state:text-is("")', state="attached")
    page.focus("#plan button.main")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'tbody tr:has-text("{name}.{container}") a[download]')
    saved = folder / f"saved.{container}"
    page._run(_save, page, saved)
    return saved


def _save(page: Any, path: Path) -> None:
    with page.expect_download() as waited:
        page.click("tbody tr >> nth=0 >> a[download] >> nth=0")
    waited.value.save_as(str(path))


@on_sqlite_alone
def test_a_manager_downloads_a_delivery_as_json_lines_and_csv(world, office, tmp_path):
    page = office.page
    page.click("nav.tabs a:has-text('Download')")
    page.select_option("#format", "trl-preference")
    page.wait_for_selector('#preview:has-text("give 10 rows")')
    said = page.inner_text("#preview")
    purpose = page.inner_text("#format-purpose")

    jsonl = take(office, tmp_path, "trl-preference", "jsonl")
    listed = page.inner_text("tbody")
    table = None if IN_CSV is None else take(office, tmp_path, IN_CSV, "csv")

    assert "The first 12 tasks give 10 rows" in said
    assert "2 × tie" in said
    assert purpose == EXPORT_FORMATS["trl-preference"].purpose
    assert "left out: 2 × tie" in listed
    rows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert len(rows) == 10
    for name, saved in (("trl-preference", jsonl), (IN_CSV, table)):
        if saved is not None:
            out = tmp_path / f"out{saved.suffix}"
            arguments = ["--project", "project_123", "--format", name, "--out", str(out)]
            stored = store_arguments(world.settings)
            run_cli("export", *stored, *arguments, "--from-delivery", "May")
            assert saved.read_bytes() == out.read_bytes()
    if table is not None:
        with table.open(newline="") as file:
            assert len(list(csv.reader(file))) > 1
    assert office.seen.errors + office.seen.violations + office.seen.foreign == []


@on_sqlite_alone
def test_a_file_is_chosen_previewed_written_and_taken_by_keyboard_alone(
    world, start_server, open_context, tmp_path
):
    """All of the page in its order, on one load; axe looks at it open, and with a file."""
    world.load([judged(number, 4 if number < 2 else 1) for number in range(12)])
    world.load([judged(40, metadata={"set": "a"}), make_task("open", status="pending")])
    desk = Desk(world, open_context, start_server(), add_person(world, "manager"))
    page = desk.go("/projects/project_123/download")

    desk.tab_to("#format")
    assert page.input_value("#format") == "trl-preference"
    page.keyboard.type("llama-factory: ")
    desk.tab_to("#container")
    page.keyboard.type(".par")
    desk.tab_to("summary")
    desk.press("Enter")
    desk.choose("#status", "completed")
    for name in ("#batch", "#completed_after", "#completed_before"):
        desk.tab_to(name)
    desk.tab_to("#metadata")
    page.keyboard.type("set=a")
    page.wait_for_selector('#preview:has-text("The first 1 task gives 1 row")')
    desk.press("Control+a", "Delete")
    page.wait_for_selector('#preview:has-text("The first 13 tasks give 11 rows")')
    desk.tab_to("summary")
    desk.press("Enter")
    for name in ("#judges", "#pairs", "#ties", "#prefer", "#min_difference"):
        desk.tab_to(name)
    page.keyboard.type("-1")
    page.wait_for_selector('#preview-state:has-text("at least 0")')
    desk.press("Control+a", "Delete")
    page.wait_for_selector('#preview-state:text-is("")', state="attached")
    for name in ("rewrites", "only_rewrites", "references", "reasoning", "last_turn_only"):
        desk.tab_to(f"#{name}")
        desk.press("Space")
        assert page.is_checked(f"#{name}")
        desk.press("Space")
    desk.tab_to("#formula_safe")
    said = page.inner_text("#preview")
    axe = faults_in_both_schemes(page)
    desk.tab_to("#plan button.main")
    desk.press("Enter")
    page.wait_for_selector("tbody a[download] >> text=Side file")
    listed = page.inner_text("tbody")
    page.evaluate("scrollTo(0, 0)")  # half below the bar at the top a link would be too small
    axe += faults_in_both_schemes(page)
    desk.tab_to("#preview")
    desk.tab_to("tbody a[download]")
    saved = tmp_path / "saved.parquet"
    page._run(_press_and_save, page, saved)
    desk.tab_to("tbody a[href*='job=']")
    desk.press("Enter")
    page.wait_for_url("**/download?job=*")

    assert "2 × tie" in said
    assert "Row 1" in said
    assert "left out: 2 × tie" in listed
    assert "llama-factory.parquet" in listed
    assert saved.read_bytes().startswith(b"PAR1")
    assert (page.input_value("#format"), page.input_value("#status")) == (
        *("llama-factory", "completed"),
    )
    assert axe == []
    assert desk.faults == []


def _press_and_save(page: Any, path: Path) -> None:
    with page.expect_download() as waited:
        page.keyboard.press("Enter")
    waited.value.save_as(str(path))
