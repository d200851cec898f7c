"""Messages about tasks under /manage/v1: by the rules and bounds of the pages."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.managing import talks
from plaudit.model.core import PersonRole
from plaudit.model.managing import TalkSide
from plaudit.model.quality_control import GoldSettings
from tests.managing.managed_project import ManagedProject
from tests.managing.test_talks import talk_of, unread_of, waiting, write
from tests.support.gold.gold_project import GoldProject
from tests.support.pages.browser_client import add_person

PERSON = TalkSide.person


@pytest.fixture
def project(world):
    world.keep_application()
    return ManagedProject(world)


@pytest.fixture
def client(project):
    with project.world.client(project.world.key(role="write")) as client:
        yield client


def path(project: Any, *parts: str) -> str:
    return "/".join((f"/manage/v1/projects/{project.project.project_id}/talks", *parts))


def test_a_program_reads_what_somebody_asks_answers_and_says_that_it_has_read(project, client):
    [task_id, _] = project.say("Which is better?", "Another")
    lease = project.take("ann")
    write(project, lease, PERSON, "Better for whom?")
    one = path(project, lease.assignment_id)

    listed = client.get(path(project), params={"only": "unread"}).json()["talks"]
    read = client.get(one).json()
    answered = client.post(f"{one}/messages", json={"text": " For a child. ", "seen": 1}).json()

    assert [(t["task_id"], t["user_id"], t["last_text"], t["excerpt"]) for t in listed] == [
        (task_id, "ann", "Better for whom?", "Which is better?")
    ]
    assert (read["is_unread"], read["message_count"]) == (True, 1)
    assert [(m["number"], m["by"], m["text"]) for m in answered["messages"]] == [
        (1, "person", "Better for whom?"),
        (2, "staff", "For a child."),
    ]
    assert (answered["is_unread"], answered["is_unread_by_person"]) == (False, True)
    assert unread_of(project, "ann") == [lease.assignment_id]
    write(project, lease, PERSON, "Thank you.")
    assert waiting(project) == 1
    assert client.post(f"{one}/read", json={"until": 3}).json()["is_unread"] is False
    assert waiting(project) == 0
    assert client.get(path(project), params={"only": "unread"}).json() == {"talks": []}


def test_pages_of_talks_follow_one_another_and_belong_to_their_list(project, client):
    project.say(*"abc")
    leases = [project.take(user_id) for user_id in ("ann", "bea", "cem")]
    for lease in leases:
        write(project, lease, PERSON, f"From {lease.user_id}")
    stranger = ManagedProject(project.world, "Another")

    first = client.get(path(project), params={"limit": 1}).json()
    pages, token = [first], first["next_token"]
    while token is not None:
        answer = client.get(path(project), params={"limit": 1, "next_token": token}).json()
        pages.append(answer)
        token = answer.get("next_token")
    seen = [one["assignment_id"] for page in pages for one in page["talks"]]

    assert len(pages) == 3
    assert sorted(seen) == sorted(lease.assignment_id for lease in leases)
    for where, params in ((project, {"only": "unread"}), (stranger, {})):
        refused = client.get(path(where), params=params | {"next_token": first["next_token"]})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_page_token")


def test_what_is_wrong_with_a_message_is_told_and_nothing_is_kept(project, client, monkeypatch):
    monkeypatch.setattr(talks, "MESSAGES_MAX", 1)
    project.say("a")
    lease = project.take("ann")
    one = path(project, lease.assignment_id)
    people = {
        role: add_person(project.world, role.value, email=f"{role.value}@example.org").user_id
        for role in (PersonRole.annotator, PersonRole.reviewer)
    }

    def post(**body: Any) -> tuple[int, str | None]:
        answer = client.post(f"{one}/messages", json=body)
        return answer.status_code, answer.json().get("pointer")

    assert post(text=" ") == (400, "/text")
    assert post(text="x" * 2001) == (400, "/text")
    assert post(text="x", seen=-1)[0] == 400
    assert post(text="x", author_id="nobody") == (400, "/author_id")
    assert post(text="x", author_id=people[PersonRole.annotator])[0] == 403
    assert client.post(path(project, "none", "messages"), json={"text": "x"}).status_code == 404
    assert talk_of(project, lease).messages == []
    assert post(text="x", author_id=people[PersonRole.reviewer])[0] == 200
    assert talk_of(project, lease).messages[0].user_id == people[PersonRole.reviewer]
    assert post(text="One too many.")[0] == 409
    with project.world.client(project.world.key(role="read")) as reader:
        assert reader.get(one).status_code == 200
        assert reader.post(f"{one}/messages", json={"text": "x"}).status_code == 403
        assert reader.post(f"{one}/read", json={"until": 1}).status_code == 403


def test_a_project_with_pseudonyms_and_a_check_in_disguise_tell_programs_no_more(world):
    world.keep_application()
    project = GoldProject(world, gold=GoldSettings(rate=0.5), pseudonyms=True)
    project.add_gold()
    project.create(9)
    lease = project.take_gold()
    write(project, lease, PERSON, "Odd one.")
    with world.client(world.key(role="write")) as client:
        [listed] = client.get(path(project)).json()["talks"]
        one = client.get(path(project, lease.assignment_id)).json()

    assert listed["is_control"] is True
    assert not {"task_id", "user_id"} & {*listed, *one, *one["messages"][0]}
