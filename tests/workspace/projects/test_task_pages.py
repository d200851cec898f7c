"""Managers' pages of tasks: found by filters, seen from all sides, ended and reopened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from plaudit.core.labeling import task_notes
from plaudit.core.tasks import batches, lifecycle, listing
from plaudit.model.core import TaskStatus
from plaudit.store.tasks import tasks
from plaudit.workspace.projects import task_list_pages
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject, make_content
from tests.support.pages.browser_client import Browser, Tags, add_person, signed_in
from tests.support.pages.manager_pages import entries, invalid_fields, said_at
from tests.support.running.every_case import every_case
from tests.workspace.http.test_pages import HOSTILE


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    return LabelingProject(world)


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def path_of(labeling: LabelingProject, task_id: str = "", verb: str = "") -> str:
    return "/".join(filter(None, (f"/projects/{labeling.project.project_id}/tasks", task_id, verb)))


def listed(browser: Browser, path: str, **params: str) -> list[str]:
    """The ids of the tasks on a page of them."""
    answer = browser.client.get(path, params=params, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return ids_in(answer.text)


def ids_in(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>.*?<code[^>]*>([^<]+)</code>', text)


def walked(browser: Browser, path: str, **params: str) -> list[str]:
    """The ids on a page and on all that follow."""
    found: list[str] = []
    text = browser.client.get(path, params=params, headers={"Accept": "text/html"}).text
    for _ in range(50):
        found += ids_in(text)
        following = re.search(r'href="([^"]*next_token=[^"]+)">Next page', text)
        if following is None:
            return found
        text = browser.get(following[1].replace("&amp;", "&")).text
    raise AssertionError("the pages do not end")


def test_tasks_are_listed_in_the_order_of_their_creation(labeling, mia):
    ids = labeling.create(3)

    assert listed(mia, path_of(labeling)) == ids


def test_tasks_are_filtered_by_status_and_batch(labeling, mia):
    batch = labeling.batch("First")
    inside = labeling.create(2, batch=batch)
    outside = labeling.create(2)
    labeling.move(lifecycle.cancel_task, inside[0])
    path = path_of(labeling)

    assert listed(mia, path, status="pending") == [inside[1], *outside]
    assert listed(mia, path, batch="First") == inside
    assert listed(mia, path, batch=batch.batch_id, status="canceled") == inside[:1]
    assert listed(mia, path, status="error") == []


def test_tasks_are_filtered_by_completion_and_creation(world, mia):
    times = {"a": "2025-01-01", "b": "2025-02-01", "c": "2025-03-01"}
    rows = [
        make_task(name, created_at=f"{day}T00:00:00Z", completed_at=f"{day}T12:00:00Z")
        for name, day in times.items()
    ]
    project = world.project("Dated")
    world.load([row | {"project": project.project_id} for row in rows], project="Dated")
    path = f"/projects/{project.project_id}/tasks"

    assert listed(mia, path, completed_after="2025-01-15") == ["b", "c"]
    assert listed(mia, path, completed_before="2025-02-01T12:00:00Z") == ["a"]
    assert listed(mia, path, created_after="2025-01-15", created_before="2025-02-15") == ["b"]
    assert listed(mia, path, created_after="2025-01-31T23:59:59.999Z") == ["b", "c"]
    assert listed(mia, path, created_after="2025-02-01T00:00:00Z") == ["c"]
    assert listed(mia, path, created_before="2025-02-01T00:00:00Z") == ["a"]


def test_a_task_is_found_by_its_id_and_by_its_unique_id(labeling, mia):
    [wanted, *_] = labeling.create(1, unique_id="mine ☃")
    labeling.create(2)
    other = labeling.world.project("Other")
    path = path_of(labeling)

    assert listed(mia, path, q=wanted) == [wanted]
    assert listed(mia, path, q=" mine ☃ ") == [wanted]
    assert listed(mia, path, q="absent") == []
    assert listed(mia, f"/projects/{other.project_id}/tasks", q=wanted) == []


@every_case(
    "field, value",
    [
        ("completed_after", "yesterday"),
        ("completed_before", "2025-13-01"),
        ("created_after", "x" * 3000),
        ("created_before", "2025-02-30T00:00:00Z"),
        ("status", "deleted"),
        ("status", "nonsense"),
        ("batch", "No such batch"),
    ],
)
def test_a_filter_that_cannot_be_is_told_at_its_field_and_kept(labeling, mia, field, value):
    labeling.create(1)
    answer = mia.client.get(
        path_of(labeling), params={field: value, "q": ""}, headers={"Accept": "text/html"}
    )

    assert ids_in(answer.text) == []
    assert 'class="wrong"' in answer.text
    if field != "status":
        assert invalid_fields(answer.text) == [field]
        assert said_at(answer.text, field)
        assert f'value="{value}"' in answer.text


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_filters_are_shown_escaped(labeling, mia, value):
    answer = mia.client.get(
        path_of(labeling), params={"q": value, "batch": value}, headers={"Accept": "text/html"}
    )

    tags = Tags(answer.text)
    assert answer.status_code == 200
    assert tags.inline == []
    assert str(escape(value)) in answer.text


def test_pages_of_tasks_follow_one_another_without_gaps(labeling, mia, monkeypatch):
    monkeypatch.setattr(task_list_pages, "PAGE_MAX", 3)
    monkeypatch.setattr(listing, "SCANNED_MAX", 4)
    batch = labeling.batch("First")
    ids = labeling.create(5, batch=batch) + labeling.create(3)
    path = path_of(labeling)

    assert walked(mia, path) == ids
    assert walked(mia, path, status="pending", batch="First") == ids[:5]
    assert walked(mia, path, created_after="2000-01-01") == ids
    assert walked(mia, path, created_before="2000-01-01") == []


def test_a_page_token_of_other_filters_is_refused(labeling, mia, monkeypatch):
    monkeypatch.setattr(task_list_pages, "PAGE_MAX", 1)
    labeling.create(2)
    text = mia.get(path_of(labeling)).text
    token = re.search(r"next_token=([^\"&]+)", text)
    assert token is not None

    changed = mia.get(f"{path_of(labeling)}?status=error&next_token={token[1]}")
    broken = mia.get(f"{path_of(labeling)}?next_token=x{token[1]}")

    assert (changed.status_code, broken.status_code) == (400, 400)


def raw_json(text: str) -> Any:
    match = re.search(r'<pre class="raw-json"[^>]*>(.*?)</pre>', text, re.S)
    assert match is not None
    text = match[1]
    for name, char in (("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(name, char)
    return json.loads(text.replace("&amp;", "&"))


def test_the_json_beside_a_task_is_what_the_api_answers(labeling, mia):
    [task_id] = labeling.create(1, batch=labeling.batch("First"), metadata={"a<b": "&\"'"})
    labeling.work_on("ann")
    text = mia.get(path_of(labeling, task_id)).text
    with labeling.world.client(labeling.world.key()) as client:
        answer = client.get(
            "/v2/task",
            params={
                "task_id": task_id,
                "expand": "project,batch",
                "opts": "annotation_details,attachment_details,model_parameters,submissions",
            },
        )

    assert raw_json(text) == answer.json()


def test_a_completed_task_shows_what_people_said_beside_each_message(world, mia):
    project = world.project("Imported")
    turn = make_turn(
        messages=[
            make_message("user", "Why is **this** so?"),
            make_message(
                "model-a",
                "Because.",
                model_parameters={"model": "model-a-7b"},
                annotations=[
                    make_annotation(
                        "overall", 2, type="integer", title="Overall",
                        possible_values=[1, 2], labels=["Bad", "Good"],
                    )
                ],
            ),
        ],
        annotations=[make_annotation("why", "A reason.", type="text", justification="It is so.")],
    )  # fmt: skip
    task = make_task("shown", threads=[make_thread(turns=[turn])], project=project.project_id)
    world.load([task], project="Imported")

    text = mia.get(f"/projects/{project.project_id}/tasks/shown").text

    said = re.findall(r"<dt><bdi>([^<]+)</bdi></dt><dd[^>]*>(.*?)</dd>", text, re.S)
    assert "<strong>this</strong>" in text
    assert "model-a-7b" in text
    assert [(name, re.sub(r"<[^>]+>", "", value)) for name, value in said] == [
        ("Overall", "2 · Good"),
        ("why", "A reason. – It is so."),
    ]


def test_everything_in_a_message_is_shown_steps_and_files_included(labeling, mia):
    said = {
        "text": "In short.",
        "chunks": [{"type": "text", "text": "First **step**.", "annotations": []}],
        "reasoning": [{"content": "Let me think."}],
        "reference_texts": [{"category": "Source", "content": "From a book."}],
        "attachments": [{"url": "https://files.example/a.pdf", "mime_type": "application/pdf"}],
    }
    message = make_message("model-a") | {"content": said}
    content = make_content(make_turn(messages=[make_message("user", "Why?"), message]))
    [task_id] = labeling.create(1, content=content)

    text = mia.get(path_of(labeling, task_id)).text

    for expected in ("In short.", "First <strong>step</strong>.", "Let me think.", "From a book."):
        assert expected in text
    assert re.search(r'href="https://files.example/a.pdf"[^>]*rel="noopener', text)


def test_the_work_on_a_task_is_shown_with_names_and_notes(world, mia):
    labeling = LabelingProject(world, overlap=3)
    who = add_person(world, email="ann@example.com", name="Ann <b>")
    [task_id] = labeling.create(1)
    labeling.work_on(who.user_id)
    labeling.do(task_notes.flag, labeling.take("ghost"), reason="odd<script>")

    text = mia.get(path_of(labeling, task_id)).text

    assert "1 of 3 submissions, 1 under way" in text
    assert "Ann &lt;b&gt;" in text
    assert re.search(r"<bdi>ghost</bdi></th><td>open</td>", text)
    assert "odd&lt;script&gt;" in text
    assert Tags(text).inline == []


def test_a_pending_task_is_canceled(labeling, mia):
    [task_id] = labeling.create(1)
    mia.get(path_of(labeling, task_id))
    answer = mia.post(path_of(labeling, task_id, "cancel"))
    page = mia.get(answer.headers["location"]).text

    assert labeling.status(task_id) is TaskStatus.canceled
    assert "The task is canceled." in page
    assert "Cancel task" not in page
    (entry,) = entries(labeling.world)
    assert (entry.action, json.loads(entry.detail)) == ("cancel_task_on_page", {"from": "pending"})


def test_a_completed_task_is_reopened_and_done_anew(labeling, mia):
    [task_id] = labeling.create(1)
    labeling.work_on("ann")
    mia.get(path_of(labeling, task_id))
    answer = mia.post(path_of(labeling, task_id, "reopen"))

    assert answer.status_code == 303
    assert labeling.status(task_id) is TaskStatus.pending
    assert labeling.counting(task_id) == []


def test_a_task_of_a_cancelled_batch_offers_no_reopening_and_refuses_it(labeling, mia):
    batch = labeling.batch()
    [task_id, _] = labeling.create(2, batch=batch)
    labeling.work_on("ann")
    before = mia.get(path_of(labeling, task_id)).text
    labeling.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    answer = mia.post(path_of(labeling, task_id, "reopen"))
    after = mia.get(path_of(labeling, task_id)).text

    assert ("Reopen task" in before, "Reopen task" in after) == (True, False)
    assert answer.status_code == 409
    assert "The batch of this task is cancelled" in answer.text
    assert labeling.status(task_id) is TaskStatus.completed
    assert entries(labeling.world) == []


def test_a_task_is_put_in_error_with_a_reason_that_clients_read(labeling, mia):
    [task_id] = labeling.create(1)
    mia.get(path_of(labeling, task_id))
    mia.post(path_of(labeling, task_id, "error"), {"message": " The image is <b>missing</b>. "})
    text = mia.get(path_of(labeling, task_id)).text

    assert labeling.status(task_id) is TaskStatus.error
    assert raw_json(text)["errors"] == [{"message": "The image is <b>missing</b>."}]
    assert "The image is &lt;b&gt;missing&lt;/b&gt;." in text


@pytest.mark.parametrize("message", ["", "  ", "x" * 10_001])
def test_a_task_is_not_put_in_error_without_a_reason(labeling, mia, message):
    [task_id] = labeling.create(1)
    mia.get(path_of(labeling, task_id))
    answer = mia.post(path_of(labeling, task_id, "error"), {"message": message})

    assert answer.status_code == 400
    assert invalid_fields(answer.text) == ["message"]
    assert labeling.status(task_id) is TaskStatus.pending


@pytest.mark.parametrize("verb", ["cancel", "reopen", "error"])
def test_a_move_that_comes_too_late_is_told_and_changes_nothing(labeling, mia, verb):
    [task_id] = labeling.create(1)
    labeling.move(lifecycle.cancel_task, task_id)
    mia.get(path_of(labeling, task_id))
    fields = {"message": "x"} if verb == "error" else {}
    answer = mia.post(path_of(labeling, task_id, verb), fields)

    assert answer.status_code == 409
    assert "it is canceled" in answer.text
    assert labeling.status(task_id) is TaskStatus.canceled
    assert entries(labeling.world) == []


def test_only_the_moves_that_a_task_can_make_are_offered(labeling, mia):
    pending, done = labeling.create(2)
    labeling.write(lambda tx: _complete(tx, labeling, done))
    verbs = {
        one: re.findall(
            r'tasks/[^/"]+/(cancel|reopen|error)"', mia.get(path_of(labeling, one)).text
        )
        for one in (pending, done)
    }

    assert verbs == {pending: ["cancel", "error"], done: ["reopen"]}


async def _complete(tx: Any, labeling: LabelingProject, task_id: str) -> None:
    task = await tasks.find_task(tx, labeling.environment_id, task_id)
    assert task is not None
    await lifecycle.complete_task(tx, labeling.environment_id, task, [make_thread()])


def test_a_task_of_another_project_or_organization_is_not_there(labeling, mia):
    [task_id] = labeling.create(1)
    other = labeling.world.project("Other")
    theirs = labeling.world.project("Theirs", org="Else")
    for project in (other, theirs):
        path = f"/projects/{project.project_id}/tasks/{task_id}"
        statuses = [mia.get(path).status_code] + [
            mia.post(f"{path}/{verb}", fields).status_code
            for verb, fields in (("cancel", {}), ("reopen", {}), ("error", {"message": "x"}))
        ]
        assert set(statuses) == {404}

    assert labeling.status(task_id) is TaskStatus.pending


@every_case("text", HOSTILE)
def test_what_a_task_holds_is_shown_and_never_run(labeling, mia, text):
    content = make_content(make_turn(messages=[make_message("user", text), make_message(text)]))
    [task_id] = labeling.create(1, content=content, metadata={text: text})

    page = mia.get(path_of(labeling, task_id)).text

    tags = Tags(page)
    assert tags.inline == []
    assert {tag for tag, _ in tags.found}.isdisjoint({"img", "iframe", "object"})
    for _, attributes in tags.found:
        assert not any(
            attribute.startswith("on") or attribute == "style" for attribute in attributes
        )
    assert str(escape(text)) in page


def test_a_task_without_content_says_that_nobody_can_work_on_it(labeling, mia):
    async def bare(tx: Any) -> str:
        return (await lifecycle.create_task(tx, labeling.project)).task_id

    task_id = labeling.write(bare)
    text = mia.get(path_of(labeling, task_id)).text

    assert "nobody can work on it" in text
    assert "it is in nobody's queue" in text.replace("&#39;", "'")
