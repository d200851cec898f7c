"""Hostile texts in everything that people and customers can name or write, on every page."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.support.annotators import state_of
from tests.support.builders import make_annotation
from tests.support.pages import chromium, gallery_stage, hostile_project, page_gallery
from tests.support.pages.browser_client import token_in
from tests.support.pages.hostile_texts import RUN

TEXTS = hostile_project.TEXTS[::2][:120]
BAD = "\n".join(TEXTS)
NAMES = list(dict.fromkeys(map(hostile_project.as_name, TEXTS)))[:100]
TASK_ID = f'"><img src=x onerror={RUN}>'

JUDGED = hostile_project.make_form(TEXTS)["fields"][0]
VALUE = JUDGED["possible_values"][0]

ANSWERED = ("back", "review", "sampled", "report")
"""Tasks that people answer or report, in this order."""

OF_NOBODY = {"sign-in", "welcome", "account"}
"""Scenes that show nothing which somebody else has written."""

OF_OTHERS = {"my-projects", "feedback", "test-begun", "paused", "study", "quota"}
"""Scenes of projects that the gallery makes itself, whose texts are harmless."""

MEDDLE = """() => {
  for (const one of document.querySelectorAll('summary, [data-raw], [data-toggle]')) one.click()
  for (const one of document.querySelectorAll('main *'))
    for (const name of ['pointerover', 'mouseover', 'focus', 'focusin', 'blur', 'error', 'toggle'])
      one.dispatchEvent(new Event(name))
}"""


class Hostile:
    """Fills a demonstration with a project and people whose every string is hostile."""

    def __init__(self, demo: gallery_stage.Stage) -> None:
        self.demo = demo
        self.http = demo.api

    def furnish(self) -> None:
        self.make_project()
        self.make_lists()
        self.name_people()
        self.end_tasks()
        self.deliver()
        self.work()

    def make_project(self) -> None:
        template = {"messages": [{"role": "user", "text": "{{a}}" + BAD[:2000]}]}
        self.demo.call(
            "/projects",
            {"id": "hostile", "name": NAMES[0], "types": NAMES[:50], "models": NAMES[:50]}
            | {"form": hostile_project.make_form(TEXTS), "guidelines": BAD, "template": template}
            | {"overlap": 2, "review": "all", "self_review": True},
        )

    def make_lists(self) -> None:
        """A hundred of everything that is listed."""
        for number, name in enumerate(NAMES[1:]):
            self.demo.call("/projects", {"name": name})
            self.demo.call("/keys", {"name": name, "role": "read"})
            who = {"email": f"p{number}@example.com", "name": name, "role": "annotator"}
            self.demo.call("/users", who)
            batch = {"project_id": "hostile", "name": name, "metadata": {name: BAD}}
            assert self.http.post("/v2/batch", json=batch).status_code == 200
        hook = {"url": f"http://127.0.0.1:1/{quote(BAD[:400])}?{quote(BAD[:400], safe='<>')}"}
        self.demo.made["endpoint"] = self.demo.call("/webhooks", hook)["id"]

    def name_people(self) -> None:
        """Those who work in the scenes get a hostile name."""
        emails = [email for email, _ in self.demo.logins.values()]
        for number, one in enumerate(self.demo.call("/users")["users"]):
            if one["email"] in emails:
                path = f"/manage/v1/users/{one['user_id']}"
                assert self.http.patch(path, json={"name": NAMES[number]}).status_code == 200

    def end_tasks(self) -> None:
        content = hostile_project.make_hostile_content(TEXTS)
        lines = [
            {"task_id": TASK_ID, "batch_name": NAMES[1], "content": content},
            {
                "task_id": "failed",
                "unique_id": NAMES[3],
                "metadata": {NAMES[2]: BAD},
                "template_variables": {"a": BAD},
            },
            *(
                {"task_id": name, "content": content}
                for name in ("back", "review", "sampled", "report")
            ),
        ]
        made = self.http.post(
            "/manage/v1/projects/hostile/tasks",
            content="\n".join(map(json.dumps, lines)).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert made.json()["created"] == len(lines), made.text
        errors = [{"type": "PROMPT_INFEASIBLE", "message": BAD[:1000]}]
        self.demo.call("/tasks/failed/error", {"errors": errors})
        for turn in content[0]["turns"]:
            for one in [turn, *turn["messages"]]:
                one["annotations"] = [
                    make_annotation(f"{name}{at}", BAD[:500], id=f"{at}{name}", type="text")
                    for at, name in enumerate(NAMES[:20])
                ]
        self.threads = content
        self.complete()

    def complete(self) -> None:
        path = f"/tasks/{quote(TASK_ID, safe='')}"
        self.demo.call(f"{path}/complete", {"threads": self.threads})

    def deliver(self) -> None:
        """A hundred deliveries of the completed task, which is then completed anew."""
        made = [
            self.demo.call("/projects/hostile/deliveries", {"name": name, "task_ids": [TASK_ID]})
            for name in NAMES
        ]
        self.demo.call(f"/tasks/{quote(TASK_ID, safe='')}/reopen", {})
        self.threads[0]["turns"][0]["annotations"] = []
        self.complete()
        self.demo.made |= {"delivery": made[0]["id"], "other_delivery": made[1]["id"]}

    def work(self) -> None:
        """One task goes back with a comment, two wait for a reviewer, one is reported."""
        roles = {"annotator": self.browser("annotator"), "admin": self.browser("admin")}
        for _ in range(3):
            for role, client in roles.items():
                at = gallery_stage.take(client, "hostile")
                if role == "annotator":
                    self.demo.made["talk"] = self.write_message(client, at)
                gallery_stage.hand_in(client, at, "flag", reason="flagged", note=BAD[:1000])
                gallery_stage.hand_in(client, at, "submit", answers=self.answers(), client_key="k")
        reported = gallery_stage.take(roles["admin"], "hostile")
        gallery_stage.hand_in(roles["admin"], reported, "report", reason="other", note=BAD[:1000])
        path = "/review/hostile/tasks/back"
        page = roles["admin"].get(path, headers={"Accept": "text/html"})
        who = re.search(r'name="user_id" value="([^"]+)"', page.text)
        assert who is not None
        sent = {"csrf": token_in(page), "revision": state_of(page.text)["revision"]}
        sent |= {"user_id": who[1], "comment": BAD[:1000]}
        assert roles["admin"].post(f"{path}/send-back", data=sent).status_code == 303
        for client in roles.values():
            client.close()
        self.demo.made |= {
            "review_project": "hostile", "review_task": "review", "reported_task": "report",
            "attention_project": "hostile", "asked_task": "review",
        }  # fmt: skip

    def write_message(self, client: httpx2.Client, at: str) -> str:
        """Ask the managers about a task; return the address of what is said about it."""
        token = token_in(client.get(f"{at}/messages", headers={"Accept": "text/html"}))
        said = {"csrf": token, "text": BAD[:1900], "seen": "0"}
        assert client.post(f"{at}/messages", data=said).status_code == 303
        return f"{at}/messages"

    def answers(self) -> list[dict[str, Any]]:
        return [
            {"at": "t0u1", "position": 1, "key": JUDGED["key"], "value": VALUE},
            {"at": "t0u1", "key": "why", "value": BAD[:5000]},
            {"at": "t0u1", "position": 1, "key": "rewrite", "value": BAD[:5000]},
        ]

    def browser(self, role: str) -> httpx2.Client:
        client = httpx2.Client(base_url=self.demo.url, headers={"Origin": self.demo.url})
        email, word = self.demo.logins[role]
        token = token_in(client.get("/sign-in", headers={"Accept": "text/html"}))
        client.post("/sign-in", data={"csrf": token, "email": email, "password": word})
        return client


@pytest.fixture(scope="module")
def hostile_demo(browser):
    """A demonstration full of hostile texts."""
    with gallery_stage.demonstration() as demo:
        Hostile(demo).furnish()
        yield demo


def upload_hostile_file(page: Any) -> None:
    """Upload a table whose name, columns and cells are hostile, and look at its first task."""
    rows = [{f"{text}{place}": text for place, text in enumerate(TEXTS[:100])}] * 2
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    name = as_file_name(NAMES[4])
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": lines})
    page.fill("#project", NAMES[5])
    page.click("#upload-button")
    page.wait_for_selector("#plan[data-ready]")
    page.evaluate("for (const one of document.querySelectorAll('[data-column]')) one.value = ''")
    for number, role in enumerate(("prompt", "response:1", "response:2", "preference"), 1):
        page.select_option(f"#column-{number}", role)
    page.wait_for_selector("#preview article")


def import_hostile_file(page: Any) -> None:
    """Bring in a file whose name and lines are hostile."""
    lines = "\n".join(json.dumps({"task_id": text, text: text}) for text in TEXTS).encode()
    name = as_file_name(NAMES[4])
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": lines})
    page.fill("#project", NAMES[5])
    page.click("#upload-button")
    page.wait_for_selector("#plan[data-ready]")
    page.select_option("#format", "v2")
    page.click("#start")
    page.wait_for_url("**/import/job*")
    page.wait_for_selector("#result")


HOSTILE_FILES = {"import-file": upload_hostile_file, "one-import": import_hostile_file}


def as_file_name(text: str) -> str:
    return text.replace("/", "")[:80] + ".jsonl"


def hostile_path(scene: page_gallery.Scene) -> str:
    path = scene.path.replace("project_preference", "hostile")
    if scene.name == "quality-question":
        key = quote(f"message:{JUDGED['key']}", safe="")
        path = f"/projects/hostile/quality/question?question={key}"
    return re.sub(r"task_6e6111\w+", quote(TASK_ID, safe="").replace("{", "{{"), path)


@pytest.fixture(scope="module")
def rooms(hostile_demo, browser):
    """A browser of its own for each role, signed in once, with its one page."""
    found: dict[str | None, tuple[Any, chromium.Seen, Any]] = {}

    def enter(role: str | None) -> tuple[Any, chromium.Seen, Any]:
        if role not in found:
            context, seen = browser.new_context(), chromium.Seen()
            context._run(seen.watch, context, hostile_demo.url)
            if role is not None:
                hostile_demo.sign_in(context.new_page(), role)
            found[role] = (context, seen, context.new_page())
        return found[role]

    yield enter
    for context, *_ in found.values():
        context.close()


RAN = """() => [
  document.documentElement.outerHTML.includes('__pwned'), window.__pwned === undefined,
]"""


@pytest.mark.parametrize("scene", page_gallery.SCENES, ids=lambda scene: scene.name)
def test_no_string_on_the_page_runs(hostile_demo, rooms, scene):
    _, seen, page = rooms(scene.role)
    seen.forget()
    page.goto(hostile_demo.url + hostile_path(scene).format(**hostile_demo.made))
    HOSTILE_FILES.get(scene.name, scene.prepare)(page)
    page.evaluate(MEDDLE)
    page.wait_for_timeout(300)

    is_shown, is_harmless = page.evaluate(RAN)
    assert is_shown or scene.name in OF_NOBODY | OF_OTHERS
    assert is_harmless
    assert (seen.dialogs, seen.foreign, seen.violations, seen.errors) == ([], [], [], [])
