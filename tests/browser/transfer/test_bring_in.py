"""A manager in a real browser: a file goes in, its progress is watched, an archive comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plaudit.core.transfer import export
from plaudit.formats import files
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.pages.browser_client import Somebody, add_person
from tests.support.pages.chromium import Remote, Seen

pytestmark = on_shared_sqlite


def tree(number: int) -> dict[str, Any]:
    """One OpenAssistant tree with two ranked answers."""
    return {
        "message_tree_id": f"tree-{number}",
        "prompt": {
            "message_id": f"{number:08d}-p",
            "text": f"Question {number}?",
            "role": "prompter",
            "replies": [
                {
                    "message_id": f"{rank}{number:07d}",
                    "text": "So.",
                    "role": "assistant",
                    "rank": rank,
                }
                for rank in (0, 1)
            ],
        },
    }


class Office:
    """One manager's or admin's browser, signed in through the sign-in page."""

    def __init__(self, open_context: Callable[..., Any], server: Server, who: Somebody) -> None:
        self.context: Remote
        self.seen: Seen
        self.server = server
        self.context, self.seen = open_context(server.url)
        self.page = self.context.new_page()
        self.open("/sign-in")
        self.page.fill("[name=email]", who.email)
        self.page.fill("[name=password]", who.password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/work")

    def open(self, path: str) -> Remote:
        self.page.goto(self.server.url + path)
        return self.page

    def upload(self, path: Path, format_name: str, project: str) -> None:
        """Upload a file, choose how it is read, and wait for the page of the import."""
        self.open("/import")
        self.page.set_input_files("#file", str(path))
        self.page.fill("#project", project)
        self.page.click("#upload-button")
        self.page.wait_for_selector("#start")
        self.page.select_option("#format", format_name)
        self.page.click("#start")
        self.page.wait_for_url("**/import/job_*")


@pytest.fixture
def office(
    tenant: World, shared_server: Server, open_context: Callable[..., Any]
) -> Callable[[str], Office]:
    """Seat somebody of a role."""

    def seat(role: str) -> Office:
        email = f"{role}_of_{tenant.org()}@example.com"
        return Office(open_context, shared_server, add_person(tenant, role, email=email))

    return seat


def test_a_manager_imports_a_file_watches_it_and_downloads_the_archive(tenant, office, tmp_path):
    given = tmp_path / "trees.jsonl"
    rows = [json.dumps(tree(number)) for number in range(400)]
    given.write_text("\n".join([*rows[:7], "{", *rows[7:]]) + "\n")
    annotator_tab = office("manager")

    annotator_tab.upload(given, "oasst", "Trees")
    annotator_tab.page.wait_for_selector("#result")
    counts = {
        name: annotator_tab.page.inner_text(f'dd[data-count="{name}"]')
        for name in ("added", "rejected")
    }
    refused = annotator_tab.page.inner_text("tbody tr")
    annotator_tab.open("/archive")
    annotator_tab.page.click("main form button.main")
    annotator_tab.page.wait_for_selector("a[download]")
    saved = tmp_path / "archive.jsonl.zst"
    download = annotator_tab.page._run(_downloaded, annotator_tab.page)
    download.save_as(str(saved))

    environment_id = tenant.org()

    async def lines() -> list[bytes]:
        return [
            line async for line in export.archive_lines(tenant.db, environment_id, tenant.objects)
        ]

    written = tenant.run(lines())
    entries = list(files.entries(saved, "archive", lambda at: None))
    assert counts == {"added": "400", "rejected": "1"}
    assert refused.split()[0] == "8"
    assert [one.kind for one in entries] == [json.loads(line)["kind"] for line in written]
    assert [one.value for one in entries] == [json.loads(line)["value"] for line in written]
    assert sum(one.kind == "task" for one in entries) == 400
    assert (
        annotator_tab.seen.errors + annotator_tab.seen.violations + annotator_tab.seen.foreign == []
    )


def _downloaded(page: Any) -> Any:
    with page.expect_download() as waited:
        page.click("a[download]")
    return waited.value


def test_the_progress_of_an_import_outlives_the_page_that_started_it(tenant, office, tmp_path):
    given = tmp_path / "trees.jsonl"
    given.write_text("\n".join(json.dumps(tree(number)) for number in range(1000, 13_000)))
    annotator_tab = office("manager")

    annotator_tab.upload(given, "oasst", "Trees")
    annotator_tab.page.wait_for_selector("[data-job]")
    annotator_tab.open("/import")
    bar = annotator_tab.page.wait_for_selector("#job-bar")
    may_upload = annotator_tab.page.is_enabled("#upload-button")
    annotator_tab.page.wait_for_selector(
        'tbody tr:has-text("12,000"):has-text("done")', timeout=90_000
    )

    assert bar is not None
    assert may_upload
    assert (
        annotator_tab.seen.errors + annotator_tab.seen.violations + annotator_tab.seen.foreign == []
    )


def test_a_file_that_is_refused_is_told_beside_the_form(office, tmp_path):
    given = tmp_path / "empty.jsonl"
    given.write_text("")
    annotator_tab = office("manager")
    annotator_tab.open("/import")

    annotator_tab.page.set_input_files("#file", str(given))
    annotator_tab.page.click("#upload-button")
    annotator_tab.page.wait_for_selector("#upload-problem:not([hidden])")

    assert annotator_tab.page.inner_text("#upload-problem") == "The file is empty."
    assert annotator_tab.page.is_enabled("#upload-button")
