"""Whole journeys through the workspace in a real browser, each read back by the official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scaleapi import ScaleClient

from plaudit.formats import files
from tests.support.harness import Server, World, one_engine
from tests.support.pages.annotation_page import GRADES, question, values
from tests.support.pages.browser_client import Somebody, add_person
from tests.support.pages.chromium import Remote, Seen

Start = Callable[..., Server]
Open = Callable[..., Any]


class Somewhere:
    """A browser that starts without anything, and the server it is pointed at."""

    def __init__(self, server: Server, open_context: Open) -> None:
        self.url = server.url
        self.seen: Seen
        context, self.seen = open_context(server.url)
        self.page: Remote = context.new_page()

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, who: Somebody) -> None:
        self.go("/sign-in")
        self.page.fill("[name=email]", who.email)
        self.page.fill("[name=password]", who.password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/work")

    @property
    def faults(self) -> list[str]:
        return self.seen.errors + self.seen.violations + self.seen.foreign + self.seen.dialogs


@pytest.fixture
def arrive(world: World, start_server: Start, open_context: Open) -> Callable[[], Somewhere]:
    """Sit down at another browser; the server starts with the first."""
    servers: list[Server] = []

    def sit() -> Somewhere:
        if not servers:
            servers.append(start_server())
        return Somewhere(servers[0], open_context)

    return sit


def tasks_of(world: World, url: str, project: str, **filters: Any) -> list[Any]:
    """A project's tasks as the official client reads them."""
    client = ScaleClient(world.key())
    client.v2.api_client.configuration.host = url
    return list(client.v2_get_tasks(project_name=project, **filters))


def test_somebody_is_invited_signs_in_annotates_and_is_read_by_the_official_client(world, arrive):
    project = {"id": "p", "name": "Kitchen", "types": ["RLHF: Pref Ranking"]}
    messages = [
        {"role": role, "source_id": source, "content": {"text": text}, "annotations": []}
        for role, source, text in (
            ("user", "user", "How do I boil an egg?"),
            ("assistant", "a", "In water."),
            ("assistant", "b", "Seven minutes in boiling water."),
        )
    ]
    turn = {"id": "turn", "messages": messages, "annotations": []}
    content = [{"id": "thread", "turns": [turn], "annotations": []}]
    task = {"task_id": "t", "project": "p", "status": "pending", "threads": []}
    task |= {"created_at": "2025-01-01T00:00:00Z", "content": content}
    rows = [{"kind": "project", "value": project}, {"kind": "task", "value": task}]
    assert world.load(rows, "archive")[1] == []
    boss, ann = arrive(), arrive()

    boss.sign_in(add_person(world, "admin"))
    boss.page.click("nav >> text=Settings")
    boss.page.fill("#email", "ann@example.com")
    boss.page.click("text=Make invitation link")
    link = boss.page.input_value("#link")
    assert link.startswith(ann.url)
    ann.page.goto(link)
    ann.page.wait_for_selector("#email-field:not([hidden])")
    ann.page.fill("[name=name]", "Ann")
    ann.page.fill("[name=password]", "seven plain wooden boats")
    ann.page.click("main button[type=submit]")
    ann.page.wait_for_url("**/work")
    ann.page.click("#next")
    ann.page.wait_for_selector("#task[data-ready]")
    for position in (1, 2):
        for key in GRADES:
            ann.page.click(f"{question(key, position)} label:has(input[value='3'])")
        ann.page.click(f"{question('overall', position)} label:has(input[value='4'])")
    ann.page.click(f"{question('likert_value')} label:has(input[value='2'])")
    ann.page.fill(f"{question('justification')} textarea", "@Response 1 is better.")
    first = ann.page.inner_text('[data-response="1"] .as-rendered').strip()
    ann.page.click("#submit")
    ann.page.wait_for_url("**/work/p")

    [done] = tasks_of(world, ann.url, "Kitchen", status="completed")
    judged = values(done.threads[0].turns[0].annotations)
    preferred = {"a": "In water.", "b": "Seven minutes in boiling water."}
    assert preferred[judged["selected_model_id"]] == first
    assert boss.faults + ann.faults == []


@one_engine
def test_a_manager_makes_a_project_brings_data_in_watches_it_and_takes_the_archive(
    world, arrive, oasst, tmp_path
):
    expected = sum(1 for line in oasst.read_text("utf-8").splitlines() if line.strip())
    boss = arrive()
    page = boss.page

    boss.sign_in(add_person(world, "manager"))
    page.click("nav >> text=Data")
    page.click("text=New project")
    page.fill("#name", "Trees")
    page.select_option("#form", "empty")
    page.click("text=Create project")
    page.wait_for_selector("#editor[data-ready]", state="attached")
    page.click("#add-field")
    page.click("#kinds >> text=Rate on a scale")
    page.keyboard.type("Taste")
    page.click("#save")
    page.wait_for_selector("text=The questions are saved.")
    page.click("nav >> text=Import")
    page.set_input_files("#file", str(oasst))
    page.fill("#project", "Trees")
    page.click("#upload-button")
    page.wait_for_selector("#start")
    read_as = page.input_value("#format")
    page.click("#start")
    page.wait_for_url("**/import/job_*")
    page.wait_for_selector("#result", timeout=60_000)
    added = page.inner_text('dd[data-count="added"]')
    page.click("nav >> text=Archive")
    page.click("main form button.main")
    page.wait_for_selector("a[download]")
    saved = tmp_path / "archive.jsonl.zst"
    page._run(_downloaded, page).save_as(str(saved))

    assert read_as == "oasst"
    read = tasks_of(world, boss.url, "Trees", limit=100)
    kept = list(files.entries(saved, "archive", lambda at: None))
    [project] = [one.value for one in kept if one.kind == "project"]
    assert added == str(expected)
    assert len(read) == expected
    assert {one.value["task_id"] for one in kept if one.kind == "task"} == {
        one.task_id for one in read
    }
    assert [one["title"] for one in project["form"]["fields"]] == ["Taste"]
    assert boss.faults == []


def _downloaded(page: Any) -> Any:
    with page.expect_download() as waited:
        page.click("a[download]")
    return waited.value
