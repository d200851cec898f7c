"""Each kind of question on the review page in a real browser: shown, chosen, and left alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.tasks.forms import PRESETS
from tests.browser.review.test_review import Chair, task_of, values
from tests.support.annotators import AnnotationTeam
from tests.support.builders import make_message, make_turn
from tests.support.harness import on_shared_sqlite
from tests.support.labeling_project import LabelingProject, make_content

TURNED = [
    {"key": "better", "level": "turn", "type": "integer", "scale": "high_is_first",
     "required": True},
    {"key": "selected_model_id", "level": "turn", "type": "category"},
    {"key": "tags", "level": "thread", "type": "category_multiple"},
]  # fmt: skip


@on_shared_sqlite
def test_a_reviewer_prefers_what_stands_there_whichever_way_the_scale_goes(
    tenant, shared_server, open_context
):
    team = AnnotationTeam(tenant, form={"fields": TURNED}, review="all")
    [task_id] = team.add()
    with tenant.client() as client:
        worker = team.worker(client, "Ann")
        state = worker.take()
        given = [{"at": "t0u1", "key": "better", "value": 4}]
        told = worker.call(
            "submit",
            lease_version=state["lease_version"],
            answers=given,
            client_key="k",
            active_ms=1,
        )
        assert told.status_code == 200, told.text
    server = shared_server
    rae = Chair(open_context, server, team, "reviewer")
    rae.open(task_id)
    page = rae.page

    page.keyboard.press("a")
    said = page.inner_text("[data-chosen]")
    page.click(f"{rae.card('tags')} .fix > summary")
    page.focus('[data-key="tags"] textarea')
    page.keyboard.type("New\nNew York")
    page.click("#submit")
    page.wait_for_url(f"**/review/{team.project.project_id}")

    task = task_of(server, team, task_id)
    turn = task.threads[0].turns[1]
    assert said == "Preferred: Response 1"
    assert values(turn.annotations)["better"] == 6
    assert values(turn.annotations)["selected_model_id"] == turn.messages[1].source_id
    assert values(task.threads[0].annotations)["tags"] == ["New", "New York"]


RUBRIC = {
    "criteria_definitions": [
        {"id": "short", "criterion": "Is it short?", "weight": 2, "annotations": []},
        {"id": "true", "criterion": "Is it true?", "weight": 3, "annotations": []},
    ]
}


STEPS = [{"type": "text", "text": text, "annotations": []} for text in ("1 + 1", "= 3")]


LOOK = """() => {
  const press = (one) => { one.focus(); one.click(); };
  document.querySelectorAll('.fix:not([open]) > summary').forEach(press);
  for (const one of document.querySelectorAll('.fix details > summary')) { press(one); press(one); }
}"""
"""Opens every question for a fix, and what is folded in it for a moment, as Enter does."""


def conversation(name: str) -> list[Any]:
    """What the questions of a preset can be put to."""
    said = {"text": "1 + 1 = 3", "chunks": STEPS}
    names = () if name == "SFT" else ("a", "b", "c") if "Ranking" in name else ("a", "b")
    messages = [make_message("user", "1 + 1?"), *(make_message(one, content=said) for one in names)]
    return [
        msgspec.to_builtins(one)
        for one in make_content(make_turn(messages=messages, rubrics=[RUBRIC]))
    ]


@on_shared_sqlite
@pytest.mark.parametrize("name", PRESETS)
def test_no_kind_of_question_is_fixed_by_being_looked_at(tenant, shared_server, open_context, name):
    team = AnnotationTeam(tenant, types=[name], review="all")
    [task_id] = team.add(conversation(name))
    labeling = LabelingProject.__new__(LabelingProject)
    labeling.__dict__.update(world=tenant, environment_id=team.environment_id, project=team.project)
    lease = labeling.take("ann")
    labeling.submit(lease)
    server = shared_server
    rae = Chair(open_context, server, team, "reviewer")
    rae.open(task_id)

    rae.page.click(".fix > summary >> nth=0")
    rae.page.evaluate(LOOK)
    is_open = rae.page.evaluate("[...document.querySelectorAll('.fix')].map(one => one.open)")
    before = rae.page.inner_text("#progress")
    rae.page.click("#submit")
    rae.page.wait_for_url(f"**/review/{team.project.project_id}")

    assert is_open
    assert all(is_open)
    assert before == "no fixes"
    assert rae.seen.errors == rae.seen.violations == []
    assert task_of(server, team, task_id).status.value == "completed"


@on_shared_sqlite
def test_a_reviewers_key_chooses_the_value_that_its_button_says(
    tenant, shared_server, open_context
):
    fields = [
        {"key": "grade", "level": "turn", "type": "integer", "possible_values": [5, 4, 3, 2, 1, 0],
         "not_applicable": True},
        {"key": "class", "level": "turn", "type": "category", "possible_values": ["0", "1", "2"]},
    ]  # fmt: skip
    team = AnnotationTeam(tenant, form={"fields": fields}, review="all")
    [task_id] = team.add()
    with tenant.client() as client:
        worker = team.worker(client, "Ann")
        version = worker.take()["lease_version"]
        told = worker.call("submit", lease_version=version, answers=[], client_key="k", active_ms=1)
        assert told.status_code == 200, told.text
    rae = Chair(open_context, shared_server, team, "reviewer")
    rae.open(task_id)
    press = """(init) => document.activeElement.dispatchEvent(
      new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }))"""
    chosen = "document.querySelector('[data-key={}] input:checked')?.value".format

    rae.page.focus(f"{rae.card('grade')} .fix summary")
    rae.page.keyboard.press("5")
    five = rae.page.evaluate(chosen("grade"))
    rae.page.keyboard.press("0")
    none = rae.page.evaluate(chosen("grade"))
    rae.page.evaluate(press, {"key": "Г", "code": "KeyU"})
    undone = rae.page.evaluate(chosen("grade"))
    rae.page.focus(f"{rae.card('class')} .fix summary")
    rae.page.keyboard.press("1")

    assert (five, none, undone) == ("5", "0", None)
    assert rae.page.evaluate(chosen("class")) == "1"
