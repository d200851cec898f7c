"""The content of the annotation page over HTTP: conversation, order of responses, files."""

from __future__ import annotations

import json

import pytest

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


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


WAV = b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(20)


def upload(client: AppClient, key: str, content: bytes, name: str, kind: str) -> str:
    """Keep a file; the URL under which tasks may name it."""
    answer = client.post(
        f"/manage/v1/attachments?name={name}",
        content=content,
        headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


@pytest.fixture
def urls(world: World, client: AppClient) -> dict[str, str]:
    """Files that the organization keeps, by name."""
    key = world.key(role="write")
    kept = (("cat.png", PNG, "image/png"), ("say.wav", WAV, "audio/wav"),
            ("page.html", b"<script>", "text/html"))  # fmt: skip
    return {name: upload(client, key, content, name, kind) for name, content, kind in kept}


def test_files_of_our_own_are_shown_in_place_and_others_are_links(team, ann, urls):
    content = make_content("Look: ![a cat](" + urls["cat.png"] + ")")
    content[0]["turns"][1]["messages"][1]["content"]["attachments"] = [
        {"name": "there.png", "mime_type": "image/png", "url": "https://other.example/there.png"},
        {"name": "none.png", "mime_type": "image/png", "url": urls["cat.png"] + "0"},
        *({"name": name, "url": url} for name, url in urls.items()),
    ]
    team.add(content)
    ann.take()

    page = ann.get(ann.at).text
    paths = {name: "/files/" + url.rpartition("/")[2] for name, url in urls.items()}

    assert page.count(f'<img src="{paths["cat.png"]}"') == 2
    assert f'<img src="{paths["cat.png"]}" alt="a cat" class="attachment"' in page
    assert f'src="{paths["say.wav"]}"></audio>' in page
    assert f'<a class="file chip" href="{paths["page.html"]}"' in page
    assert '<img src="https://other' not in page
    assert 'rel="noopener noreferrer nofollow"><bdi>there.png' in page
    assert '<img src="/manage' not in page


def test_a_file_is_led_to_for_people_of_its_organization_alone(world, team, ann, urls, client):
    path = "/files/" + urls["cat.png"].rpartition("/")[2]
    stranger = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)

    led = ann.get(path)
    file = client.get(led.headers["location"])
    other = world.key(org="Other", role="write")
    foreign = "/files/" + upload(client, other, PNG, "b.png", "image/png").rpartition("/")[2]

    assert stranger.headers["location"].startswith("/sign-in")
    assert (led.status_code, file.content) == (302, PNG)
    assert ann.get(foreign).status_code == ann.get("/files/absent").status_code == 404
