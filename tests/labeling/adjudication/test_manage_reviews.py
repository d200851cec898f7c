"""Review under /manage/v1: the same rules as on the pages, for programs."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.model.core import PersonRole, TaskStatus
from plaudit.model.labeling import LeaseStatus
from tests.managing.managed_project import ManagedProject
from tests.support.labeling_project import LIKERT, OVERALL, WHY
from tests.support.pages.browser_client import add_person

FORM = {"fields": [OVERALL, LIKERT, WHY]}
CONDITIONAL: dict[str, Any] = {
    "fields": [
        {
            "key": "verdict",
            "level": "turn",
            "type": "category",
            "possible_values": ["good", "bad"],
            "required": True,
        },
        {
            "key": "flaw",
            "level": "turn",
            "type": "category",
            "possible_values": ["bad", "worse"],
            "required": True,
            "ask_if": {"key": "verdict", "operator": "is", "value": "bad"},
        },
    ]
}


@pytest.fixture
def project(world):
    world.keep_application()
    project = ManagedProject(world, overlap=2, review="all", form=FORM)
    yield project
    assert project.violations() == {}


@pytest.fixture
def client(project):
    with project.world.client(project.world.key(role="write")) as client:
        yield client


def path(project: Any, *parts: str) -> str:
    return "/".join((f"/manage/v1/projects/{project.project.project_id}/reviews", *parts))


def judged(project: Any, *prompts: str, people: Any = ("ann", "bea"), split: bool = False) -> Any:
    """Tasks that these people answered; with `split` each otherwise than the one before."""
    ids = project.say(*prompts)
    for _ in ids:
        for number, user_id in enumerate(people):
            at = number if split else 0
            project.work_on(user_id, lambda values, at=at: values[len(values) // 2 + at])
    project.follow_settings()
    return ids


def test_tasks_in_review_are_listed_by_disagreement_and_narrowed(project, client):
    [calm] = judged(project, "calm")
    [split] = judged(project, "split", split=True)
    [other] = judged(project, "other", people=("cem", "dee"))

    whole = client.get(path(project)).json()["tasks"]

    assert [one["task_id"] for one in whole] == [split, calm, other]
    assert (whole[0]["excerpt"], whole[0]["submitted"], whole[0]["reason"]) == (
        *("split", 2),
        "open questions",
    )
    assert {one["key"] for one in whole[0]["questions"]} >= {"overall"}

    def listed(**params: Any) -> list[str]:
        answer = client.get(path(project), params=params)
        assert answer.status_code == 200, answer.text
        return [one["task_id"] for one in answer.json()["tasks"]]

    assert listed(most="0") == [calm, other]
    assert listed(user_id="cem") == [other]
    assert listed(question="overall") == [split]
    first = client.get(path(project), params={"limit": 1}).json()
    token = first["next_token"]
    assert listed(limit=1, next_token=token) == [calm]
    for params in ({"most": "2"}, {"most": "x"}, {"most": "0", "next_token": token}):
        assert client.get(path(project), params=params).status_code == 400


def test_a_task_is_read_settled_and_accepted_with_the_answer_that_was_read(project, client):
    [task_id] = judged(project, "split", split=True)
    read = client.get(path(project, task_id)).json()
    disputed = [one for one in read["questions"] if one["state"] in ("disputed", "undecided")]
    taken = [
        one["address"]
        | {"value": next(a["value"] for a in one["answers"] if a["user_id"] == "bea")}
        for one in disputed
    ]
    reason = {"question": disputed[0]["number"], "key": disputed[0]["address"]["key"]}

    done = client.post(
        path(project, task_id, "accept"),
        json={
            "revision": read["revision"],
            "answers": taken,
            "reasons": [reason | {"why": "ambiguous"}],
        },
    )

    assert (done.status_code, done.json()["status"]) == (200, "completed"), done.text
    assert project.status(task_id) is TaskStatus.completed
    after = client.get(path(project, task_id)).json()
    assert (after["in_review"], after["status"]) == (False, "completed")
    by_key = {
        (str(q["address"])): q["answer"]["value"] for q in after["questions"] if "answer" in q
    }
    assert all(
        by_key[str(one["address"])] == fix["value"]
        for one, fix in zip(disputed, taken, strict=True)
    )
    assert after["revision"] != read["revision"]


def test_a_decision_on_another_revision_is_refused_and_a_repeated_one_is_done_once(project, client):
    [task_id] = judged(project, "calm")
    read = client.get(path(project, task_id)).json()
    body = {"user_id": "ann", "note": "Read it again.", "revision": read["revision"]}
    headers = {"Idempotency-Key": "once"}

    stale = client.post(path(project, task_id, "accept"), json={"revision": "x"})
    back = client.post(path(project, task_id, "send_back"), json=body, headers=headers)
    repeated = client.post(path(project, task_id, "send_back"), json=body, headers=headers)
    again = client.post(path(project, task_id, "send_back"), json=body)

    assert (stale.status_code, back.status_code, again.status_code) == (409, 200, 409)
    assert (repeated.status_code, repeated.content) == (200, back.content)
    lease = project.lease_on(task_id, "ann")
    assert lease.status is LeaseStatus.returned


@pytest.mark.parametrize(
    ("verb", "body", "status", "pointer"),
    [
        ("accept", {"answers": [{"at": "t9", "key": "overall", "value": 1}]}, 400, None),
        ("accept", {"reviewer_id": "nobody"}, 400, "/reviewer_id"),
        ("accept", {"reasons": [{"question": 0, "key": "overall", "why": "error"}]}, 400, None),
        ("send_back", {"user_id": "ann", "note": " "}, 400, "/note"),
        ("send_back", {"user_id": "zoe", "note": "Again."}, 404, None),
    ],
)
def test_what_cannot_be_decided_changes_nothing(project, client, verb, body, status, pointer):
    [task_id] = judged(project, "calm")

    refused = client.post(path(project, task_id, verb), json=body)

    assert (refused.status_code, refused.json().get("pointer")) == (status, pointer) or (
        pointer is None and refused.status_code == status
    ), refused.text
    assert project.place(task_id).state.value == "in_review"


def test_a_named_reviewer_decides_by_the_rules_of_the_pages(project, client):
    world = project.world
    people = {
        name: add_person(world, role.value, email=f"{name}@example.org").user_id
        for name, role in (
            ("rae", PersonRole.reviewer),
            ("own", PersonRole.reviewer),
            ("ann", PersonRole.annotator),
        )
    }
    first, second = judged(project, "one", "two", people=("bea", people["own"]))

    def accept(task_id: str, name: str) -> int:
        body = {"reviewer_id": people[name]}
        return int(client.post(path(project, task_id, "accept"), json=body).status_code)

    assert accept(first, "own") == 403
    assert accept(first, "ann") == 403
    assert accept(first, "rae") == 200
    project.set(self_review=True)
    assert accept(second, "own") == 200
    with world.client(world.key(role="read")) as reader:
        assert reader.get(path(project)).status_code == 200
        assert reader.post(path(project, second, "accept"), json={}).status_code == 403


def test_what_ones_own_answers_ask_is_demanded_with_its_address(world):
    """The faults of a refusal lead to each question, and to what was sent."""
    world.keep_application()
    project = ManagedProject(world, form=CONDITIONAL, review="all")
    [task_id] = project.say("one")
    verdict = {"at": "t0u0", "key": "verdict"}
    project.submit(project.take("ann"), [verdict | {"value": "good"}])
    with world.client(world.key(role="write")) as client:
        read = client.get(path(project, task_id)).json()["questions"]

        def accept(*answers: dict[str, Any]) -> Any:
            return client.post(path(project, task_id, "accept"), json={"answers": answers})

        asked = accept(verdict | {"value": "bad"})
        wrong = accept(verdict | {"value": "so"}, {"at": "t0u0", "key": "what", "value": 1})
        done = accept(*(one["address"] | {"value": "bad"} for one in read))

    assert [(one["state"], one["required"]) for one in read] == [
        ("agreed", True),
        ("unasked", True),
    ]
    assert (asked.status_code, asked.json()["code"]) == (400, "answers_rejected")
    assert asked.json()["faults"] == [
        {
            "message": "this is asked now, as another question is answered, and an answer is "
            "required",
            "address": {"at": "t0u0", "key": "flaw"},
        }
    ]
    assert [(one["pointer"], one["address"]["key"]) for one in wrong.json()["faults"]] == [
        ("/answers/0/value", "verdict"),
        ("/answers/1/key", "what"),
    ]
    assert done.status_code == 200, done.text
    assert project.violations() == {}
