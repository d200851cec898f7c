"""Pages of the audit log in words: each action has some, filters hold, and nobody sees too much."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import plaudit
from plaudit import app
from plaudit.core.common import audit
from plaudit.core.managing import history
from plaudit.model.core import Actor
from plaudit.workspace.projects import history_words
from plaudit.workspace.projects.history_pages import KINDS
from tests.support.builders import make_tasks
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.operations import OPERATIONS
from tests.support.pages.browser_client import add_person, signed_in

UNNOTED = {
    "claim_task", "resume_task", "reopen_task", "save_draft", "send_heartbeat",
    "submit_answers", "undo_submission", "skip_task", "flag_task", "report_task", "release_task",
    "look_at_invitation", "preview_text", "preview_guidelines", "preview_questions",
    "preview_template", "preview_import", "preview_project_download", "preview_delivery_download",
}  # fmt: skip
"""Requests that write no entry, or write none of their own name."""


def noted() -> tuple[set[str], set[str]]:
    """Actions and kinds of objects that the source notes by itself, as it spells them."""
    actions: set[str] = set()
    kinds: set[str] = set()
    positions = {"record": (3, 4), "record_many": (3, 4), "note": (None, 0), "note_many": (None, 0)}
    positions |= {"start_job": (2, None), "cancel_job": (2, None), "_note": (3, None)}
    texts = [path.read_text() for path in Path(plaudit.__file__).parent.rglob("*.py")]
    for text in texts:
        if not any(f".{name}(" in text for name in positions):
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            found = positions.get(called, (None, None))
            for position, names in zip(found, (actions, kinds), strict=True):
                if position is not None and position < len(node.args):
                    value = getattr(node.args[position], "value", None)
                    names |= {value} if isinstance(value, str) else set()
    return actions, kinds


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def lines(text: str) -> list[str]:
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [words(row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_whatever_the_audit_log_can_say_has_words():
    actions, kinds = noted()
    assert {"pause_person", "start_import", "cancel_archive", "cross_rule"} <= actions
    actions |= {page.page_id for page in app.all_pages() if page.changes} - UNNOTED
    actions |= {one.operation_id for one in OPERATIONS if one.method != "GET"}

    assert actions - set(history_words.WORDS) == set()
    assert kinds - set(history_words.OBJECTS) == set()
    shown = {kind for _, listed in KINDS.values() for kind in listed}
    assert set(history_words.OBJECTS) - shown == set()


def test_a_project_tells_its_managers_who_did_what_and_no_more(labeling):
    world = labeling.world
    path = f"/projects/{labeling.project.project_id}"
    [task_id] = labeling.create(1)
    with signed_in(world, add_person(world, "manager", name="Mia")) as browser:
        browser.get(path)
        browser.post(f"{path}/tasks/{task_id}/cancel")
        browser.post("/teams", {"name": "Night shift"})
        own = browser.get(f"{path}/history").text
        assert len(lines(own)) == 1
        assert "Mia canceled a task Task" in lines(own)[0]
        assert f'href="{path}/tasks/{task_id}"' in own
        assert browser.get("/history").status_code == 403
        assert lines(browser.get(f"{path}/history?kind=people").text) == []
        assert len(lines(browser.get(f"{path}/history?about={task_id}").text)) == 1
        assert len(lines(browser.get(f"{path}/history?who=MANAGER@example.com").text)) == 1
        other = LabelingProject(world, "Another")
        [elsewhere] = other.create(1)
        there = f"/projects/{other.project.project_id}"
        browser.get(there)
        browser.post(f"{there}/tasks/{elsewhere}/cancel")
        for query in (f"about={elsewhere}", "who=manager@example.com"):
            shown = browser.get(f"{path}/history?{query}").text
            assert elsewhere not in shown.partition("<tbody>")[2]
        assert len(lines(browser.get(f"{path}/history?about={task_id}&who=server").text)) == 0
        nobody = browser.get(f"{path}/history?who=nobody@example.com").text
        assert "There is nobody with this" in nobody
        assert lines(browser.get(f"{path}/history?since=2999-01-01").text) == []
        assert lines(browser.get(f"{path}/history?until=2000-01-01").text) == []
        german = browser.get(f"{path}/history", accept_language="de").text
        assert "eine Aufgabe abgebrochen" in german
    with signed_in(world, add_person(world, "admin")) as browser:
        everything = browser.get("/history").text
        assert "made a team" in everything
        assert "Floor" in everything
    other = add_person(world, "admin", email="else@example.com", org="Other")
    with signed_in(world, other) as browser:
        assert "canceled a task" not in browser.get("/history").text
        assert browser.get(f"{path}/history").status_code == 404


def test_deliveries_and_webhooks_are_called_by_their_names(world):
    world.load(make_tasks(2), project="P")
    with world.client() as client:
        (project,) = client.get("/v2/projects").json()["projects"]
        path = f"/manage/v1/projects/{project['id']}/deliveries"
        assert client.post(path, json={"name": "January"}).status_code == 200
        hook = client.post("/manage/v1/webhooks", json={"url": "https://example.com/hook"})
        assert hook.status_code == 200

    with signed_in(world, add_person(world, "admin")) as browser:
        everything = browser.get("/history").text
        own = browser.get(f"/projects/{project['id']}/history").text

    assert any("Delivery January" in line for line in lines(everything))
    assert any("Webhook https://example.com/hook" in line for line in lines(everything))
    assert any("Delivery January" in line for line in lines(own))
    assert f'href="/webhooks/{hook.json()["id"]}"' in everything


def test_what_one_request_did_to_many_is_one_line_and_pages_go_on(labeling, monkeypatch):
    monkeypatch.setattr(history, "PAGE_MAX", 2)
    world, key = labeling.world, labeling.project.project_key
    who = add_person(world, "manager", name="Mia")

    async def note(tx):
        for request, count in (("r1", 3), ("r2", 1), ("r3", 2)):
            await audit.record_many(
                tx,
                labeling.environment_id,
                Actor("user", who.user_id, request),
                "cancel_many",
                "task",
                [f"task_{request}_{number}" for number in range(count)],
                project_key=key,
            )

    labeling.write(note)
    path = f"/projects/{labeling.project.project_id}/history"
    with signed_in(world, who) as browser:
        first = browser.get(path).text
        following = re.search(r'href="([^"]*before=[^"]*)"', first)[1].replace("&amp;", "&")
        second = browser.get(following).text

    assert ["2 times" in lines(first)[0], "task_r2_0" in lines(first)[1]] == [True, True]
    assert "canceled tasks" in lines(first)[0]
    assert len(lines(second)) == 1
    assert "3 times" in lines(second)[0]
    assert "before=" not in second


def test_a_page_looks_at_a_bounded_number_of_entries_and_says_so(labeling, monkeypatch):
    monkeypatch.setattr(history, "LOOKED_MAX", 2)
    world = labeling.world
    with signed_in(world, add_person(world, "admin")) as browser:
        for name in ("A", "B", "C"):
            browser.get("/teams")
            browser.post("/teams", {"name": name})
        text = browser.get("/history?kind=tasks").text

    assert "look further" in text
    assert "before=" in text
