"""The content of the annotation page over HTTP: conversation, order of responses, files."""

from __future__ import annotations

import json

from tests.support.annotators import SECRETS, AnnotationTeam, Worker, good_answers, make_content
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_turn
from tests.support.harness import World
from tests.workspace.annotate.test_annotation_pages import submit


def test_a_blind_page_says_nothing_that_tells_the_models_apart(team: AnnotationTeam, ann: Worker):
    team.add(count=2)
    ann.take()
    seen = [ann.get(team.path).text, ann.get(ann.at).text]
    seen.append(
        ann.call("draft", lease_version=1, revision=1, answers=good_answers(), active_ms=0).text
    )
    seen.append(submit(ann, answers=[]).text)
    seen.append(submit(ann, goes_on=True, client_key="k2").text)
    seen.append(ann.call("undo").text)
    seen += [ann.get(f"{team.path}/mine").text, ann.get(ann.at).text]

    found = [word for text in seen for word in SECRETS if word in text]

    assert found == []


def test_a_project_that_is_not_blind_names_the_models(world: World, client: AppClient):
    team = AnnotationTeam(world, blind=False)
    team.add()
    ann = team.worker(client)
    ann.take()

    assert "zeta-model-9-temperaturecanary" in ann.get(ann.at).text


def test_earlier_turns_show_the_response_that_was_continued(world: World, client: AppClient):
    team = AnnotationTeam(world, types=["SFT"])
    thanks = make_turn("turn_2", [make_message("user", "Thanks. And a goose egg?")])
    content = make_content("Put it into water.", "Use a kettle.")
    content[0]["turns"][1]["annotations"] = [{"key": "selected_model_id", "value": "omega-model-7"}]
    content[0]["turns"].append(thanks)
    team.add(content)
    ann = team.worker(client)
    ann.take()

    page = ann.get(ann.at).text

    shown, hidden = page.index("Use a kettle."), page.index("1 other response")
    assert shown < hidden < page.index("Put it into water.")


def test_responses_stand_in_the_order_that_was_drawn_for_this_person(
    team: AnnotationTeam, ann: Worker, client: AppClient
):
    team.add(make_content("First text.", "Second text."), count=12)

    orders = set()
    for number in range(12):
        ann.take()
        page = ann.get(ann.at).text
        orders.add(page.index("First text.") < page.index("Second text."))
        submit(ann, client_key=f"k{number}")

    assert orders == {True, False}


def test_every_string_of_a_customer_is_text(world: World, client: AppClient):
    bad = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"
    fields = [
        {
            "key": "choice",
            "level": "message",
            "type": "category",
            "title": bad,
            "description": bad,
            "possible_values": [bad, "b"],
            "labels": [bad, "b"],
        },
        {"key": "spans", "level": "message", "type": "labeled_text", "labels": [bad]},
        {"key": "note", "level": "turn", "type": "text", "title": bad, "description": bad},
    ]
    team = AnnotationTeam(world, form={"fields": fields}, guidelines=bad)
    content = make_content(bad, bad, prompt=bad)
    message = content[0]["turns"][1]["messages"][1]
    message["content"]["attachments"] = [
        {"name": bad, "mime_type": bad, "url": f"https://a.example/{bad}"},
        {"name": bad, "url": "javascript:alert(1)"},
    ]
    message["content"]["reference_texts"] = [{"content": bad, "category": bad}]
    team.add(content)
    ann = team.worker(client)
    ann.take()

    page = ann.get(ann.at).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page
    assert json.dumps(bad)[:6] not in page
