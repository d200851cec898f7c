"""The pages of review over HTTP: what waits, everybody's answers, decisions, and who is told."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote

from plaudit.model.core import PersonRole
from tests.support.annotators import (
    SECRETS,
    AnnotationTeam,
    Worker,
    good_answers,
    state_of,
)
from tests.support.app_client import AppClient
from tests.support.harness import World

LIKERT = {"at": "t0u1", "key": "likert_value"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def answer(worker: Worker, likert: int = 2, key: str = "k1", **more: Any) -> None:
    """Take the next task and submit it; `likert` is said as the page shows the responses."""
    lease_version = worker.take()["lease_version"]
    body = {
        "lease_version": lease_version,
        "answers": good_answers(likert),
        "client_key": key,
        "active_ms": 5,
    }
    told = worker.call("submit", **(body | more))
    assert told.status_code == 200, told.text


def reviewer(
    team: AnnotationTeam, client: AppClient, name: str = "Rae", role: str = "reviewer"
) -> Worker:
    return team.worker(client, name, role=PersonRole(role))


def path_of(team: AnnotationTeam, task_id: str = "") -> str:
    base = f"/review/{team.project.project_id}"
    return f"{base}/tasks/{quote(task_id, safe='')}" if task_id else base


def open_task(who: Worker, team: AnnotationTeam, task_id: str) -> tuple[str, dict[str, Any]]:
    who.at = path_of(team, task_id)
    page = who.get(who.at)
    assert page.status_code == 200, page.text
    return page.text, state_of(page.text)


def decide(who: Worker, verb: str, fixes: Any = (), **more: Any) -> Any:
    body = {"revision": state_of(who.get(who.at).text)["revision"], "fixes": list(fixes)}
    return who.call(verb, **(body | more))


def delivered(client: AppClient, team: AnnotationTeam, task_id: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {team.world.key()}"}
    found = client.get("/v2/task", params={"task_id": task_id}, headers=headers)
    assert found.status_code == 200, found.text
    return found.json()


def preference(task: dict[str, Any]) -> Any:
    turn = task["threads"][0]["turns"][1]
    return {one["key"]: one["value"] for one in turn["annotations"]}.get("likert_value")


def words_of(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_what_waits_is_listed_for_reviewers_by_project_and_task(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    rae = reviewer(team, client)
    before = rae.get("/review").text
    answer(team.worker(client))

    after, listed = rae.get("/review").text, rae.get(path_of(team)).text

    assert "Nothing waits for review" in before
    assert "Eggs" in after
    assert "Reported" not in after
    assert f'href="{path_of(team, task_id)}"' in listed
    assert "Every task is reviewed" in listed
    assert "Hello!" in listed


def test_each_page_of_a_list_leads_to_the_next_and_is_no_page_of_another(
    team: AnnotationTeam, client: AppClient
):
    ids = team.add(count=53)
    ann, boss = team.worker(client), reviewer(team, client, "Bo", "manager")
    for number in range(53):
        answer(ann, key=f"k{number}")
    found: list[str] = []
    path = path_of(team)
    while path:
        page = boss.get(path).text
        found += re.findall(r"/tasks/(task_\w+)\"", page)
        more = re.search(r'href="([^"]+next_token=[^"]+)"', page)
        path = unescape(more[1]) if more else ""

    assert found == ids
    token = re.search(r"next_token=([^\"&]+)", boss.get(path_of(team)).text)
    assert token is not None
    for show in ("completed", "reported"):
        page = boss.get(f"{path_of(team)}?show={show}&next_token={token[1]}")
        assert page.status_code == 404, show
    assert boss.get(f"{path_of(team)}?next_token=forged").status_code == 400


def test_everybodys_answers_stand_at_each_question_by_name_disputed_ones_first(
    world: World, client: AppClient
):
    team = AnnotationTeam(world, overlap=2)
    [task_id] = team.add()
    for name, grade in (("Ann", 1), ("Ben", 5)):
        answers = good_answers(4)
        for one in answers:
            if one["key"] == "safety":
                one["value"] = {1: 1, 5: 3}[grade]
        answer(team.worker(client, name), answers=answers)

    page, state = open_task(reviewer(team, client), team, task_id)

    assert state["standing"] == "in_review"
    states = re.findall(r'data-state="(\w+)"', page.split('id="notice"')[1])
    cards = [
        one
        for one in states
        if one in ("unresolved", "disputed", "agreed", "unasked", "unanswered")
    ]
    assert cards == sorted(cards, key=("unresolved", "disputed", "agreed", "unanswered").index)
    assert set(cards) >= {"agreed"}
    assert len(set(cards) & {"unresolved", "disputed"}) >= 1
    assert "Ann" in words_of(page)
    assert "Ben" in words_of(page)


def test_the_page_of_a_blind_project_says_nothing_of_the_models(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client))
    rae = reviewer(team, client)

    in_review, _ = open_task(rae, team, task_id)
    decide(rae, "accept", [LIKERT | {"value": 6}])
    completed, state = open_task(rae, team, task_id)

    assert state["standing"] == "completed"
    for secret in SECRETS:
        assert secret not in in_review
        assert secret not in completed


def test_accepting_delivers_and_leads_to_the_next_task_that_waits(
    team: AnnotationTeam, client: AppClient
):
    first, second = team.add(count=2)
    ann, rae = team.worker(client), reviewer(team, client)
    for number in range(2):
        answer(ann, key=f"k{number}")
    open_task(rae, team, first)
    assert delivered(client, team, first)["status"] == "pending"

    one = decide(rae, "accept")
    rae.at = one.json()["next"]
    two = decide(rae, "accept")

    assert rae.at == path_of(team, second)
    assert two.json()["next"] == path_of(team)
    assert {delivered(client, team, task_id)["status"] for task_id in (first, second)} == {
        "completed"
    }


def test_a_fix_is_delivered_and_both_values_stand_in_the_history(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client))
    rae = reviewer(team, client)
    _, state = open_task(rae, team, task_id)
    [was] = [one["value"] for one in state["answers"] if one["key"] == "likert_value"]
    wanted = 7 if was != 7 else 1

    decide(rae, "accept", [LIKERT | {"value": wanted}])

    page, _ = open_task(rae, team, task_id)
    assert preference(delivered(client, team, task_id)) == wanted
    history = words_of(page.split('id="history"')[1].split("</dialog>")[0])
    assert re.search(rf"Rae accepted it.*: {was}\b.*→ {wanted}\b", history)
    assert "Ann answered" in history


def test_wrong_fixes_are_named_by_what_they_are_about_and_change_nothing(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client))
    rae = reviewer(team, client)
    open_task(rae, team, task_id)

    told = decide(rae, "accept", [LIKERT | {"value": 8}])

    assert (told.status_code, told.json()["code"]) == (400, "answers_rejected")
    assert [(one["at"], one["key"]) for one in told.json()["faults"]] == [("t0u1", "likert_value")]
    assert delivered(client, team, task_id)["status"] == "pending"


def test_a_decision_on_a_page_that_is_no_longer_true_is_refused(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    ann, rae = team.worker(client), reviewer(team, client)
    answer(ann)
    _, state = open_task(rae, team, task_id)
    ann.call("undo")
    again = {
        "lease_version": ann.state()["lease_version"],
        "answers": good_answers(6),
        "client_key": "k2",
    }
    assert ann.call("submit", active_ms=5, **again).status_code == 200

    told = rae.call("accept", revision=state["revision"], fixes=[])

    assert (told.status_code, told.json()["code"]) == (409, "conflict")
    assert "changed since" in told.json()["error"]
    assert delivered(client, team, task_id)["status"] == "pending"


def test_work_goes_back_with_a_comment_that_its_author_reads(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    ann, rae = team.worker(client), reviewer(team, client)
    answer(ann)
    page, state = open_task(rae, team, task_id)
    user_id = re.search(r'name="user_id" value="([^"]+)"', page)
    assert user_id is not None

    fields = {"revision": state["revision"], "user_id": user_id[1]}
    refused = rae.form(f"{rae.at}/send-back", comment="  ", **fields)
    sent = rae.form(f"{rae.at}/send-back", comment=HOSTILE, **fields)

    assert refused.status_code == 400
    assert 'id="comment-wrong"' in refused.text
    assert (sent.status_code, sent.headers["location"]) == (303, path_of(team))
    for path in (team.path, ann.at):
        shown = ann.get(path).text
        assert HOSTILE in unescape(shown), path
        assert "<script>alert" not in shown
    assert ann.form(f"{ann.at}/resume").status_code == 303
    assert HOSTILE in unescape(ann.get(ann.at).text)
    history, _ = open_task(rae, team, task_id)
    assert "sent it back to" in history
    assert "this was done again, or counts no more" in history
    assert HOSTILE in unescape(history)
    again = {
        "lease_version": ann.state()["lease_version"],
        "answers": good_answers(),
        "client_key": "k2",
    }
    assert ann.call("submit", active_ms=5, **again).status_code == 200
    assert HOSTILE not in unescape(ann.get(ann.at).text)


def test_a_completed_task_is_corrected_and_only_then(team: AnnotationTeam, client: AppClient):
    [task_id] = team.add()
    answer(team.worker(client))
    rae = reviewer(team, client)
    open_task(rae, team, task_id)
    early = decide(rae, "correct", [LIKERT | {"value": 1}])
    decide(rae, "accept")
    was = delivered(client, team, task_id)

    listed = rae.get(f"{path_of(team)}?show=completed").text
    told = decide(rae, "correct", [LIKERT | {"value": 1}])
    nothing = decide(rae, "correct", [])

    now = delivered(client, team, task_id)
    assert early.status_code == 409
    assert path_of(team, task_id) in listed
    assert told.json() == {"next": path_of(team, task_id)}
    assert (nothing.status_code, nothing.json()["code"]) == (400, "answers_rejected")
    assert preference(now) == 1
    assert now["completed_at"] > was["completed_at"]
    page, _ = open_task(rae, team, task_id)
    assert "Rae corrected what was delivered" in words_of(page)


def test_every_decision_is_in_the_audit_log(team: AnnotationTeam, client: AppClient):
    [task_id] = team.add()
    answer(team.worker(client))
    rae = reviewer(team, client)
    open_task(rae, team, task_id)
    decide(rae, "accept")
    decide(rae, "correct", [LIKERT | {"value": 1}])

    headers = {"Authorization": f"Bearer {team.world.key()}"}
    found = client.get("/manage/v1/audit", params={"object_id": task_id}, headers=headers).json()

    actions = [one["action"] for one in found["entries"]]
    assert {"accept_task", "correct_task"} <= set(actions)


def test_who_answered_a_task_finds_it_last_and_leaves_it_to_somebody_else(
    world: World, client: AppClient
):
    team = AnnotationTeam(world, review="all")
    [own_id, other_id] = team.add(count=2)
    rae, ann = reviewer(team, client), team.worker(client)
    answer(rae)
    answer(ann)

    listed = rae.get(path_of(team)).text
    page, state = open_task(rae, team, own_id)
    refused = rae.call("accept", revision=state["revision"], fixes=[])

    assert listed.index(other_id) < listed.index(own_id) < listed.index("answered by you")
    assert "You answered this task yourself, so somebody else decides on it." in page
    assert (state["standing"], 'id="submit"' in page, 'id="send-back"' in page) == (
        "own",
        False,
        False,
    )
    assert refused.status_code == 403
    assert refused.json()["error"].startswith("you answered this task yourself")
    assert delivered(client, team, own_id)["status"] == "pending"
    open_task(rae, team, other_id)
    assert decide(rae, "accept").json()["next"] == path_of(team)

    boss = reviewer(team, client, "Bo", "manager")
    boss.form(
        f"/projects/{team.project.project_id}/settings", name="Eggs", self_review="on", review="all"
    )
    assert "answered by you" not in rae.get(path_of(team)).text
    open_task(rae, team, own_id)
    assert decide(rae, "accept").status_code == 200
    assert delivered(client, team, own_id)["status"] == "completed"


def test_what_was_decided_on_a_task_is_not_corrected_by_who_answered_it(
    world: World, client: AppClient
):
    team = AnnotationTeam(world, review="all")
    [task_id] = team.add()
    rae, zoe = reviewer(team, client), reviewer(team, client, "Zoe")
    answer(rae)
    open_task(zoe, team, task_id)
    decide(zoe, "accept")

    page, state = open_task(rae, team, task_id)

    assert "You answered this task yourself, so somebody else decides on it." in page
    assert (state["standing"], 'id="submit"' in page) == ("delivered", False)
    assert "Delivered:" in page
    assert decide(rae, "correct", [LIKERT | {"value": 1}]).status_code == 403
    assert open_task(zoe, team, task_id)[1]["standing"] == "completed"


def test_what_is_wrong_with_fixes_and_what_is_delivered_are_said_in_the_readers_language(
    team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client, "Ann"))
    rae = reviewer(team, client)
    client.headers["Accept-Language"] = "de"
    open_task(rae, team, task_id)

    refused = decide(rae, "accept", [LIKERT | {"justification": "So."}])
    decide(rae, "accept")
    page, _ = open_task(rae, team, task_id)

    assert refused.status_code == 400
    assert [one["message"] for one in refused.json()["faults"]] == ["eine Antwort ist nötig"]
    assert "Geliefert:" in page
