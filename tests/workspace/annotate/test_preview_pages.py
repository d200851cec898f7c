"""Preview of what somebody writes: rendered like a message, for whoever holds the task."""

from __future__ import annotations

from typing import Any

from tests.support.annotators import Worker


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
