"""Who sees what waits for review: other organizations, projects and roles, and hostile names."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from plaudit.core.tasks import lifecycle
from plaudit.model.core import PersonRole
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.task import Thread
from tests.support.annotators import (
    AnnotationTeam,
    good_answers,
    make_content,
)
from tests.support.app_client import AppClient
from tests.support.harness import World, both_engines
from tests.support.pages.visible_text import visible_text
from tests.workspace.review.test_review_pages import (
    HOSTILE,
    answer,
    decide,
    delivered,
    open_task,
    path_of,
    reviewer,
)

pytestmark = both_engines


def test_somebody_elses_comment_is_not_shown_to_others(team: AnnotationTeam, client: AppClient):
    [task_id, _] = team.add(count=2)
    ann, ben, rae = team.worker(client), team.worker(client, "Ben"), reviewer(team, client)
    answer(ann)
    page, state = open_task(rae, team, task_id)
    user_id = re.search(r'name="user_id" value="([^"]+)"', page)
    assert user_id is not None
    fields = {"revision": state["revision"], "user_id": user_id[1]}
    rae.form(f"{rae.at}/send-back", comment="Only for Ann.", **fields)
    ben.take()

    for path in (team.path, ben.at):
        assert "Only for Ann." not in ben.get(path).text


def test_what_was_reported_is_for_managers_who_confirm_or_dismiss_it(
    team: AnnotationTeam, client: AppClient
):
    first, second = team.add(count=2)
    ann, rae = team.worker(client), reviewer(team, client)
    bo = reviewer(team, client, "Bo", "manager")
    for _ in range(2):
        lease_version = ann.take()["lease_version"]
        told = ann.call(
            "report", lease_version=lease_version, reason="harmful", note="It is cruel."
        )
        assert told.status_code == 200

    assert rae.get("/review").text.count("Eggs") == 0
    assert "Eggs" in bo.get("/review").text
    assert rae.get(f"{path_of(team)}?show=reported").status_code == 403
    assert rae.get(path_of(team, first)).status_code == 403
    assert "How do I boil" not in bo.get(f"{path_of(team)}?show=reported").text
    assert rae.form(f"{path_of(team, first)}/confirm-report").status_code == 403
    page, _ = open_task(bo, team, first)
    assert "It is cruel." in page
    confirmed = bo.form(f"{path_of(team, first)}/confirm-report")
    dismissed = bo.form(f"{path_of(team, second)}/dismiss-report")
    again = bo.form(f"{path_of(team, second)}/dismiss-report")

    assert (confirmed.status_code, dismissed.status_code, again.status_code) == (303, 303, 409)
    ended = delivered(client, team, first)
    assert (ended["status"], "threads" in ended) == ("completed", False)
    assert delivered(client, team, second)["status"] == "pending"
    assert "1 task waiting" in ann.get(team.path).text
    page, state = open_task(rae, team, first)
    assert state["standing"] == "ended"


def test_what_people_did_and_why_is_said_in_the_language_of_the_reader(
    team: AnnotationTeam, client: AppClient
):
    """Words that the product stores for a choice are said; what somebody wrote stays as it is."""
    reported, flagged = team.add(count=2)
    ann, bo = team.worker(client), reviewer(team, client, "Bo", "manager")
    version = ann.take()["lease_version"]
    ann.call("report", lease_version=version, reason="harmful", note="It is cruel.")
    version = ann.take()["lease_version"]
    ann.call("flag", lease_version=version, reason="flagged", note="No image.")
    ann.call("skip", lease_version=version, reason="too_hard")
    managed = f"/projects/{team.project.project_id}/tasks"

    def read(path: str) -> str:
        page = bo.get(path, **{"Accept-Language": "de"}).text
        return visible_text(page, without_class="raw-json")

    on_reported = [read(f"{base}/{reported}") for base in (managed, path_of(team) + "/tasks")]
    on_flagged = [read(f"{base}/{flagged}") for base in (managed, path_of(team) + "/tasks")]
    listed = read(f"{path_of(team)}?show=reported")

    for text in on_reported:
        assert "Schädlicher Inhalt" in text
        assert "It is cruel." in text
    for text in on_flagged:
        assert "Zu schwer" in text
        assert "No image." in text
    assert "Schädlicher Inhalt" in listed
    for text in (*on_reported, *on_flagged, listed):
        assert not re.search("harmful|too_hard|flagged", text)


def test_another_organization_sees_and_changes_nothing(
    world: World, team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client))
    world.org("stranger")
    elsewhere = object.__new__(AnnotationTeam)
    elsewhere.__dict__.update(team.__dict__, environment_id=world.org("stranger"))
    eve = elsewhere.worker(client, "Eve", role=PersonRole.admin)
    eve.at = path_of(team, task_id)

    assert eve.get(path_of(team)).status_code == 404
    assert eve.get(eve.at).status_code == 404
    assert "Eggs" not in eve.get("/review").text
    for verb in ("accept", "correct"):
        assert eve.call(verb, revision="x", fixes=[]).status_code == 404
    fields = {"revision": "x", "user_id": "x", "comment": "x"}
    assert eve.form(f"{eve.at}/send-back", **fields).status_code == 404
    for verb in ("confirm-report", "dismiss-report"):
        assert eve.form(f"{eve.at}/{verb}").status_code == 404
    assert delivered(client, team, task_id)["status"] == "pending"


def test_a_task_of_one_project_is_not_found_in_another(
    world: World, team: AnnotationTeam, client: AppClient
):
    [task_id] = team.add()
    answer(team.worker(client))
    other = AnnotationTeam(world, "Other")

    assert reviewer(team, client).get(path_of(other, task_id)).status_code == 404


def test_a_task_with_any_id_has_a_page(world: World, team: AnnotationTeam, client: AppClient):
    task_id = 'a/b ?#"%é<'
    threads = convert(make_content(), list[Thread])

    async def add(tx: Any) -> None:
        await lifecycle.create_task(tx, team.project, content=threads, task_id=task_id)

    team.write(add)
    answer(team.worker(client))
    rae = reviewer(team, client)
    link = re.search(r'href="(/review/[^"]+/tasks/[^"]+)"', rae.get(path_of(team)).text)
    assert link is not None
    rae.at = unescape(link[1])

    assert rae.get(rae.at).status_code == 200
    assert decide(rae, "accept").status_code == 200
    assert delivered(client, team, task_id)["status"] == "completed"


def test_hostile_answers_and_names_are_shown_as_text(team: AnnotationTeam, client: AppClient):
    [task_id] = team.add()
    answers = good_answers()
    answers[-1]["value"] = HOSTILE + " @Response 1 @Response 2"
    answer(team.worker(client), answers=answers)

    page, _ = open_task(reviewer(team, client), team, task_id)

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert HOSTILE in unescape(page)
