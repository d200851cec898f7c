"""Every page of the workspace as a user of `plaudit demo` meets it; and pictures of them all.

`python -m tests.support.pages.page_gallery FOLDER` writes a picture of each scene in each width and
colour scheme. The tests go through the same scenes.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plaudit.formats.table import samples
from tests.support.pages import chromium
from tests.support.pages.gallery_stage import Stage, demonstration

WIDTHS = {1440: 900, 1024: 768, 390: 844}
SCHEMES = ("light", "dark")


@dataclass(frozen=True)
class Scene:
    """A page to look at: how it is reached, and what is done on it before one looks."""

    name: str
    page_id: str
    path: str
    """Names in braces are what the demonstration has made."""
    role: str | None = "admin"
    prepare: Callable[[Any], None] = lambda page: None


RUNNING = "[data-job]"
"""Where a page shows how far a job is, and loads itself again once it has ended."""


def claim(page: Any) -> None:
    """Take the next task of the queue, and wait until its page works."""
    page.click("#claim")
    page.wait_for_selector("#task[data-ready]")


def claim_turns(page: Any) -> None:
    """Open the turns of a task on a page of their own: of one that is held, or else of the next."""
    held = page.query_selector("main a[href*='/tasks/']")
    if held is None:
        claim(page)
    else:
        page.goto(page.evaluate("one => one.href", held))
    open_turns(page)


def open_turns(page: Any) -> None:
    """Open the turns of a task from its page, as its links to further ones do."""
    page.goto(f"{page.url}/turns")


def import_file(page: Any) -> None:
    """Bring in a file with one good and one bad line, and wait for how it went."""
    lines = b'{"task_id": "brought", "status": "pending", "threads": []}\n{"task_id": 1}\n'
    file = {"name": "tasks.jsonl", "mimeType": "application/x-ndjson", "buffer": lines}
    page.set_input_files("#file", file)
    page.fill("#project", "Brought in")
    page.click("#upload-button")
    page.wait_for_url("**/import/file/job*")
    page.select_option("#format", "v2")
    page.click("#start")
    page.wait_for_url("**/import/job*")
    page.wait_for_selector("#result")


def upload_table(page: Any) -> None:
    """Upload a table, say what its verdicts mean, and wait until its first task is drawn."""
    content = samples.FILES["sample.csv"][1].encode()
    page.set_input_files("#file", {"name": "cities.csv", "mimeType": "text/csv", "buffer": content})
    page.fill("#project", "Cities")
    page.click("#upload-button")
    page.wait_for_url("**/import/file/job*")
    page.wait_for_selector("#preview article")
    page.evaluate("scrollTo(0, 0)")  # half below the bar at the top a link would be too small


def open_first(page: Any) -> None:
    """Open the first thing that a table lists."""
    page.click("tbody a >> nth=0")
    page.wait_for_load_state()


def open_first_turns(page: Any) -> None:
    """Open the turns of the first task that a table lists."""
    open_first(page)
    open_turns(page)


def open_messages(page: Any) -> None:
    """Open the messages about a task on its page of review."""
    page.click("#open-messages")


def draw_sample(page: Any) -> None:
    """Draw a sample of the tasks that a list has."""
    page.click("#accept-many summary")
    page.fill("#sample_count", "1")
    page.click("#accept-many button.main")
    page.wait_for_url("**/samples/*")


def act_on_first(page: Any) -> None:
    """Set the priority of the first task that a list shows, by keyboard."""
    page.focus("input[name=task] >> nth=0")
    page.keyboard.press("Space")
    page.select_option("#action", "priority")
    page.fill("input[name=priority]", "3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/actions/action_*")


def previewed(page: Any) -> None:
    """Wait until the server has drawn the preview."""
    page.wait_for_selector("#preview .context")


def drawn_rows(page: Any) -> None:
    """Open every option of a download, and wait for the first rows."""
    for number in range(page.locator("main details").count()):
        page.locator("main details summary").nth(number).click()
    page.wait_for_selector("#preview p")


def write_file(page: Any) -> None:
    """Write a file of a delivery in parts, and wait until they can be downloaded."""
    page.fill("#split", "train=0.9,test=0.1")
    with page.expect_navigation():  # an earlier file stands there until then
        page.click("#plan button.main")
    page.wait_for_selector(RUNNING, state="detached")
    page.wait_for_selector("tbody a[download] >> text=Manifest")
    page.wait_for_selector("#preview p")


def open_question(page: Any) -> None:
    """Open the first question in the form editor, and the kinds; nothing is changed."""
    previewed(page)
    page.click("[data-toggle] >> nth=0")
    page.click("#add-field")


def computed(page: Any) -> None:
    """Have the quality of a project computed, unless it was, and come back to the page."""
    path = page.url
    if not page.locator(".as-of").count():
        page.click(".empty form button")
        page.wait_for_selector(".as-of")
        page.goto(path)


def computed_person(page: Any) -> None:
    """Have the quality of a project computed, and open the first person."""
    computed(page)
    open_first(page)


PROJECT = "/projects/project_preference"
QUALITY = f"{PROJECT}/quality"

SCENES: Sequence[Scene] = (
    Scene("sign-in", "show_sign_in", "/sign-in", role=None),
    Scene("welcome", "show_welcome", "/welcome", role=None),
    Scene("start", "show_start", "/work"),
    Scene("queue", "show_queue", "/work/project_preference"),
    Scene("task", "show_task", "/work/project_preference", "annotator", claim),
    Scene("task-turns", "show_turns", "/work/project_preference", "annotator", claim_turns),
    Scene("my-work", "show_my_work", "/work/project_preference/mine", "annotator"),
    Scene("my-projects", "show_my_projects", "/my-work", "annotator"),
    Scene("my-figures", "show_my_figures", "/work/{review_project}/figures", "annotator"),
    Scene("feedback", "show_feedback", "{feedback}", "annotator"),
    Scene("gold", "show_gold", "/projects/{gold_project}/gold"),
    Scene("one-gold", "show_one_gold", "/projects/{gold_project}/gold/{gold}"),
    Scene(
        "task-as-gold",
        "show_task_as_gold",
        "/projects/{review_project}/tasks/{review_task}/gold",
    ),
    Scene("account", "show_account", "/account"),
    Scene("people", "show_people", "/people"),
    Scene("review", "show_review", "/review"),
    Scene("review-list", "show_review_list", "/review/{review_project}"),
    Scene("review-sample", "show_sample", "/review/{review_project}", prepare=draw_sample),
    Scene("review-completed", "show_review_list", "/review/project_preference?show=completed"),
    Scene("review-task", "show_review_task", "/review/{review_project}/tasks/{review_task}"),
    Scene(
        "review-messages",
        "show_review_task",
        "/review/{attention_project}/tasks/{asked_task}",
        prepare=open_messages,
    ),
    Scene("review-report", "show_review_task", "/review/{review_project}/tasks/{reported_task}"),
    Scene(
        "review-correction",
        "show_review_task",
        "/review/project_preference/tasks/task_6e6111a8f4ab9c8a3d24da72",
    ),
    Scene(
        "review-turns",
        "show_review_turns",
        "/review/{review_project}/tasks/{review_task}/turns",
    ),
    Scene("projects", "show_projects", "/projects"),
    Scene("new-project", "show_new_project", "/new-project"),
    Scene("project", "show_project", PROJECT),
    Scene("waiting", "show_waiting", "/projects/{staffed_project}/waiting"),
    Scene("history", "show_history", "/history"),
    Scene("project-history", "show_project_history", "/projects/{review_project}/history"),
    Scene("charts", "show_charts", f"{PROJECT}/charts"),
    Scene("quality", "show_quality", QUALITY, prepare=computed),
    Scene("project-quality", "show_project", PROJECT),
    Scene("quality-people", "show_quality_people", f"{QUALITY}/people", prepare=computed),
    Scene(
        "quality-person",
        "show_quality_person",
        "/projects/{review_project}/quality/people",
        prepare=computed_person,
    ),
    Scene(
        "quality-pseudonym",
        "show_quality_pseudonym",
        "/projects/{review_project}/quality/people?names=pseudonyms",
        prepare=computed_person,
    ),
    Scene("quality-bias", "show_quality_bias", f"{QUALITY}/bias", prepare=computed),
    Scene("quality-board", "show_quality_board", f"{QUALITY}/leaderboard", prepare=computed),
    Scene(
        "quality-question",
        "show_quality_question",
        "/projects/{review_project}/quality/question?question=turn:likert_value",
        prepare=computed,
    ),
    Scene("batches", "show_batches", f"{PROJECT}/batches"),
    Scene("tasks", "show_tasks", f"{PROJECT}/tasks"),
    Scene("tasks-found", "show_tasks", f"{PROJECT}/tasks?q=the&order=newest&columns=people"),
    Scene("actions", "show_task_actions", f"{PROJECT}/actions"),
    Scene(
        "action",
        "show_task_action",
        f"{PROJECT}/tasks?status=pending",
        prepare=act_on_first,
    ),
    Scene("new-task", "show_new_task", f"{PROJECT}/new-task"),
    Scene("managed-task", "show_managed_task", f"{PROJECT}/tasks", prepare=open_first),
    Scene("managed-turns", "show_managed_turns", f"{PROJECT}/tasks", prepare=open_first_turns),
    Scene("messages", "show_talks", "/projects/{attention_project}/messages"),
    Scene("talk", "show_talk", "/projects/{attention_project}/messages", prepare=open_first),
    Scene("own-messages", "show_own_messages", "{talk}", "annotator"),
    Scene("flagged", "show_flagged", "/projects/{attention_project}/flagged"),
    Scene("skipped", "show_skipped", "/projects/{attention_project}/skipped"),
    Scene("members", "show_members", "/projects/{staffed_project}/people"),
    Scene("teams", "show_teams", "/teams"),
    Scene("team", "show_team", "/teams/{team}"),
    Scene("skills", "show_skills", "/skills?login={skilled}"),
    Scene("study", "show_study", "{study}", role=None),
    Scene("quota", "show_queue", "/work/{staffed_project}", "annotator"),
    Scene("rules", "show_rules", "/projects/{ruled_project}/rules"),
    Scene("test", "show_qualification", "/projects/{tested_project}/qualification"),
    Scene("test-begun", "show_queue", "/work/{tested_project}", "annotator"),
    Scene("paused", "show_queue", "/work/{ruled_project}", "annotator"),
    Scene("clone", "show_clone", f"{PROJECT}/clone"),
    Scene("settings", "show_settings", f"{PROJECT}/settings"),
    Scene("questions", "show_questions", f"{PROJECT}/settings/form", prepare=open_question),
    Scene("guidelines", "show_guidelines", f"{PROJECT}/settings/guidelines"),
    Scene("template", "show_template", f"{PROJECT}/settings/template", prepare=previewed),
    Scene("styleguide", "show_styleguide", "/styleguide"),
    Scene("keys", "show_keys", "/keys"),
    Scene("webhooks", "show_webhooks", "/webhooks"),
    Scene("webhook", "show_webhook", "/webhooks/{endpoint}"),
    Scene("webhook_messages", "show_messages", "/webhooks/messages"),
    Scene("import", "show_import", "/import"),
    Scene("import-file", "show_upload", "/import", prepare=upload_table),
    Scene("one-import", "show_one_import", "/import", prepare=import_file),
    Scene("archive", "show_archive", "/archive"),
    Scene("deliveries", "show_deliveries", "/deliveries"),
    Scene(
        "project-deliveries", "show_project_deliveries", "/deliveries/projects/project_preference"
    ),
    Scene("delivery", "show_delivery", "/deliveries/{delivery}"),
    Scene(
        "delivery-diff", "show_delivery_diff", "/deliveries/{delivery}/diff?other={other_delivery}"
    ),
    Scene("download", "show_project_download", f"{PROJECT}/download", prepare=drawn_rows),
    Scene(
        "delivery-download",
        "show_delivery_download",
        "/deliveries/{delivery}/download",
        prepare=write_file,
    ),
    Scene("delivery-changes", "show_delivery_changes", "/deliveries/{delivery}/changes"),
)


def enter(demo: Stage, browser: Any, role: str | None, **options: Any) -> Any:
    """A context in which somebody of this role has signed in; nobody without a role."""
    context = browser.new_context(**options)
    if role is not None:
        # The page stays open, and with it the process that draws those to come.
        demo.sign_in(context.new_page(), role)
    return context


def visit(demo: Stage, page: Any, scene: Scene) -> Any:
    """Open a scene on a page of its role; returns the page, ready to be looked at."""
    answer = page.goto(demo.url + scene.path.format(**demo.made))
    assert answer.status < 500, f"the server failed on the scene {scene.name}"
    scene.prepare(page)
    page.wait_for_selector(RUNNING, state="detached")
    page.evaluate("scrollTo(0, 0)")  # half below the bar at the top a link would be too small
    return page


def take_pictures(folder: Path) -> int:
    """A picture of each scene, width and scheme; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    browsers = chromium.opened()
    browser = next(browsers)
    with demonstration() as demo:
        for scheme, role in itertools.product(SCHEMES, dict.fromkeys(one.role for one in SCENES)):
            context = enter(demo, browser, role, color_scheme=scheme)
            for scene in [one for one in SCENES if one.role == role]:
                page = visit(demo, context.new_page(), scene)
                for width, height in WIDTHS.items():
                    page.set_viewport_size({"width": width, "height": height})
                    page.wait_for_timeout(150)
                    page.screenshot(path=str(folder / f"{scene.name}-{width}-{scheme}.png"))
                    count += 1
                page.close()
                print(f"{scene.name} {scheme}", flush=True)
            context.close()
    next(browsers, None)
    return count


if __name__ == "__main__":
    if chromium.program() is None:
        sys.exit("Chromium is needed: install it, or put it on the PATH")
    os.environ.setdefault("PYTHONPATH", os.pathsep.join(sys.path))
    target = Path(sys.argv[1])
    print(f"{take_pictures(target)} pictures in {target}")
