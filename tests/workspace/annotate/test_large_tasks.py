"""Tasks as large as they may be are read, laid out and written outside the event loop."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from plaudit.core.labeling import question_results
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks.forms import PRESETS
from plaudit.model.core import PersonRole
from plaudit.workspace.annotate import annotation_pages, annotation_view
from plaudit.workspace.annotate.files import FILES_MAX, list_named
from plaudit.workspace.http.views import Views
from plaudit.workspace.render.text_batch import TextBatch
from tests.support.annotators import AnnotationTeam, Worker
from tests.support.builders import make_message, make_turn
from tests.support.harness import one_engine
from tests.support.labeling_project import make_content

FORM = PRESETS["RLHF: Pref Ranking"]


@pytest.fixture
def on_loop(monkeypatch) -> list[str]:
    """Names of the steps that ran where an event loop runs, among those that take long."""
    seen: list[str] = []

    def watch(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with suppress(RuntimeError):  # without a loop
                asyncio.get_running_loop()
                seen.append(name)
            return inner(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    watch(Views, "render")
    watch(annotation_pages, "_decode_content")
    watch(annotation_view, "build")
    watch(question_results, "make_review_state")
    return seen


@one_engine
@pytest.mark.parametrize("place", ["work", "review", "projects", "gold"])
def test_a_page_of_a_task_is_made_in_a_thread(
    team: AnnotationTeam, ann: Worker, client, place, on_loop
):
    [task_id] = team.add()
    project_id = team.project.project_id
    path = f"/{place}/{project_id}/tasks/{task_id}"
    person = ann
    if place == "work":
        path = ann.form(team.path).headers["location"]
    else:
        person = team.worker(client, "Max", role=PersonRole.manager)
    if place == "gold":
        path = f"/projects/{project_id}/tasks/{task_id}/gold"

    page = person.get(path)

    assert page.status_code == 200
    assert place == "gold" or "How do I boil an egg?" in page.text
    if place == "projects":  # shown again with what was refused
        assert person.form(f"{path}/error", message="").status_code == 400
    assert on_loop == []


def test_a_layout_takes_time_in_proportion_to_the_size_of_the_task():
    """Looking each question up from each turn took ten times as long, and grew with the square."""
    turns = [
        make_turn(f"turn_{n}", [make_message(name, "x") for name in ("user", "a", "b")])
        for n in range(1_000)
    ]
    results = [make_message("a", "x"), *[make_message("t", "y", role="function")] * 1_000]
    content = make_content(make_turn("turn_x", [make_message("user", "Q"), *results]), *turns)

    started = time.thread_time()
    view = annotation_view.build(FORM, content, own_order(content), texts=TextBatch())

    assert time.thread_time() - started < 5
    assert len(view.threads[0].turns) == 1_001


def test_attachments_are_looked_for_until_as_many_are_found_as_are_shown():
    named = "".join(f"https://h/manage/v1/attachments/{n} " for n in range(FILES_MAX + 5))
    hostile = "https://" * 1_000 + "/manage/v1/attachments/"
    content = make_content(
        make_turn("turn", [make_message("user", text) for text in (hostile, named)])
    )

    assert list_named(content) == [str(n) for n in range(FILES_MAX)]
