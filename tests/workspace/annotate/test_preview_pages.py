"""Preview of what somebody writes: rendered like a message, for whoever holds the task."""

from __future__ import annotations

from typing import Any

from plaudit.model.quality_control import GoldSettings
from tests.support.annotators import Worker
from tests.support.gold.gold_project import GoldProject
from tests.support.pages.browser_client import add_person, signed_in


def drawn(ann: Worker, text: str) -> Any:
    return ann.call("preview", text=text)


def test_a_text_is_drawn_as_its_message_would_be(team, ann):
    team.add()
    ann.take()

    answer = drawn(ann, "**Bold** and <script>alert(1)</script> and $x^2$")

    assert answer.status_code == 200
    assert "<strong>Bold</strong>" in answer.text
    assert "<math" in answer.text
    assert "<script>" not in answer.text
    assert drawn(ann, " \n").status_code == 200


def test_only_whoever_holds_the_task_is_shown_a_preview(team, ann, client):
    team.add()
    ann.take()
    bob = team.worker(client, "Bob")
    bob.at = ann.at

    assert drawn(bob, "x").status_code == 404


def test_a_stranger_to_the_form_of_the_body_is_refused(team, ann):
    team.add()
    ann.take()

    assert ann.call("preview", text=1).status_code == 400
    assert ann.call("preview", text="x", more=1).status_code == 400


def test_a_preview_is_drawn_in_a_gold_task_as_in_any_other(world):
    """Were it refused, it would tell gold from other tasks."""
    floor = GoldProject(world, gold=GoldSettings(rate=0.5))
    floor.add_gold(1)
    floor.create(4)
    ann = add_person(world, email="ann@example.com")
    lease = floor.take_gold(ann.user_id)

    with signed_in(world, ann) as browser:
        at = f"/work/{floor.project.project_id}/tasks/{lease.assignment_id}"
        answer = browser.send(f"{at}/preview", {"text": "**Bold**"})

    assert answer.status_code == 200
    assert "<strong>Bold</strong>" in answer.text
