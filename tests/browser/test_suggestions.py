"""Suggested answers in a browser: they count once somebody uses them, by each widget."""

from __future__ import annotations

from typing import Any

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, question
from tests.support.pages.axe_rules import axe_faults, axe_rules

pytestmark = on_shared_sqlite

FIELDS: list[dict[str, Any]] = [
    {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3],
     "required": True},
    {"key": "rewrite", "level": "message", "type": "text", "use": "rewrite"},
    {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["Wrong"]},
    {"key": "order", "level": "turn", "type": "ranked_choices"},
    {"key": "better", "level": "turn", "type": "category"},
    {"key": "topics", "level": "turn", "type": "category_multiple",
     "possible_values": ["soup", "egg"]},
    {"key": "why", "level": "turn", "type": "text"},
    {"key": "seconds", "level": "thread", "type": "integer"},
]  # fmt: skip

SUGGESTED: dict[str, Any] = {
    "rewrite": "Boil it for seven minutes.",
    "issues": [{"label": "Wrong", "text": "boiling"}],
    "order": ["omega-model-7", "zeta-model-9"],
    "better": "omega-model-7",
    "topics": ["egg"],
    "why": "It is shorter.",
    "seconds": 420,
}


def suggesting() -> list[Any]:
    """The conversation with a suggestion for each question."""
    content = make_content()
    turn = content[0]["turns"][1]
    first, second = turn["messages"][1:3]
    kinds = {field["key"]: field for field in FIELDS}
    for key, value in SUGGESTED.items():
        place = {"thread": content[0], "turn": turn, "message": first}[kinds[key]["level"]]
        place["annotations"].append({"key": key, "type": kinds[key]["type"], "value": value})
    for message, value in ((first, 3), (second, 1)):
        message["annotations"].append({"key": "overall", "type": "integer", "value": value})
    return content


def annotations_of(tab: AnnotatorTab) -> dict[str, Any]:
    """Values that were delivered on the first response, the turn and the thread, by key."""
    with tab.team.world.client() as client:
        (task,) = client.get(f"/v2/tasks?project_id={tab.team.project.project_id}").json()["tasks"]
    (thread,) = task["threads"]
    turn = thread["turns"][1]
    listed = [*turn["messages"][1]["annotations"], *turn["annotations"], *thread["annotations"]]
    return {one["key"]: one["value"] for one in listed}


def seated(tenant: Any, server: Any, open_context: Any) -> AnnotatorTab:
    team = AnnotationTeam(tenant, form={"fields": FIELDS})
    team.add(suggesting())
    tab = AnnotatorTab(open_context, server, team, "Ann")
    tab.take()
    return tab


def test_a_suggestion_counts_once_it_is_used(tenant, shared_server, open_context):
    """One by one; and every question takes its suggestion over that has no answer yet."""
    tab = seated(tenant, shared_server, open_context)
    page = tab.page
    before = page.inner_text("#progress")

    page.click(f"{question('why')} [data-use]")
    tab.saved()

    assert axe_faults(page, axe_rules("light")) == []
    assert before == "0 of 2 required answers"
    assert tab.answers() == {(None, "why"): "It is shorter."}
    assert page.input_value(f"{question('why')} textarea") == "It is shorter."
    assert "Suggested, and your answer" in page.inner_text(question("why"))
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"

    page.fill(f"{question('seconds')} input", "7")
    page.click("[data-use-all]")
    tab.saved()
    done = page.inner_text("#progress")
    shown = page.inner_text(question("order"))
    tab.submit()

    assert done == "2 of 2 required answers"
    assert "Suggested, and your answer" in shown
    derived = {"selected_model_id": "omega-model-7"}
    assert annotations_of(tab) == SUGGESTED | derived | {"overall": 3, "seconds": 7}


def test_suggestions_that_are_not_used_are_not_delivered(tenant, shared_server, open_context):
    tab = seated(tenant, shared_server, open_context)

    for position in (1, 2):
        tab.pick("overall", "2", position)
    tab.submit()

    assert annotations_of(tab) == {"overall": 2}
