"""Accepting many tasks after a sample, over HTTP: the list, the sample, the job, and its undo."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from html import unescape
from typing import Any

from tests.support.annotators import AnnotationTeam, Worker, good_answers, state_of
from tests.support.app_client import AppClient
from tests.support.harness import World, both_engines
from tests.workspace.review.test_review_pages import answer, path_of, reviewer, words_of

pytestmark = both_engines


def draw(rae: Worker, team: AnnotationTeam, count: str = "1", **fields: str) -> Any:
    """Draw a sample of a list; the answer."""
    sizes = {"sample_count": count, "wrong_max": "0"} | fields
    return rae.form(f"{path_of(team)}/samples", **sizes)


def page_of(rae: Worker, at: str) -> str:
    answered = rae.get(at)
    assert answered.status_code == 200, answered.text
    return words_of(answered.text)


def settled(rae: Worker, at: str) -> str:
    """The page of a sample once nothing is under way."""
    end = time.monotonic() + 20
    while rae.get(f"{at}/progress").json()["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return page_of(rae, at)


def look(rae: Worker, page: str) -> Any:
    """Accept the next task of a sample as it is; what its page's script is told."""
    path = re.search(r'id="next" href="([^"]+)"', page)
    assert path is not None
    at = unescape(path[1])
    state = state_of(rae.get(at).text)
    rae.at = at.split("?")[0]
    told = rae.call(
        "accept", revision=state["revision"], fixes=[], sample=state["sample"], most=state["most"]
    )
    assert told.status_code == 200, told.text
    return told.json()["next"]


def fix_next(rae: Worker, page: str) -> None:
    """Accept the next task of a sample with a fix, so that it was wrong."""
    path = re.search(r'id="next" href="([^"]+)"', page)
    assert path is not None
    at = unescape(path[1])
    state = state_of(rae.get(at).text)
    rae.at = at.split("?")[0]
    fix = {"at": "t0u1", "key": "likert_value", "value": 7}
    told = rae.call(
        "accept", revision=state["revision"], fixes=[fix], sample=state["sample"], most=""
    )
    assert told.status_code == 200, told.text


def test_a_reviewer_accepts_all_after_a_sample_and_takes_it_back(
    team: AnnotationTeam, client: AppClient
):
    team.add(count=4)
    ann, rae = team.worker(client), reviewer(team, client)
    for number in range(4):
        answer(ann, key=f"k{number}")

    at = draw(rae, team, "2").headers["location"]
    first = page_of(rae, at)
    following = look(rae, rae.get(at).text)
    assert "?sample=" in following
    assert look(rae, rae.get(at).text) == at
    looked = page_of(rae, at)
    begun = rae.form(f"{at}/accept")
    accepted = settled(rae, at)
    again = rae.form(f"{at}/accept")
    completed = rae.get(f"{path_of(team)}?show=completed").text
    rae.form(f"{at}/undo")
    undone = settled(rae, at)

    assert "0 of 2 looked at · 0 wrong" in first
    assert "So at most 78% of the others are, with a confidence of 95%." in looked
    assert (begun.status_code, begun.headers["location"]) == (303, at)
    assert "2 other tasks were accepted." in accepted
    assert again.status_code == 409
    assert completed.count("/tasks/task_") == 4
    assert "2 are in review again." in undone
    assert rae.get(path_of(team)).text.count("/tasks/task_") == 2


def test_a_sample_with_a_wrong_task_accepts_no_others(team: AnnotationTeam, client: AppClient):
    team.add(count=3)
    ann, rae = team.worker(client), reviewer(team, client)
    for number in range(3):
        answer(ann, key=f"k{number}")
    at = draw(rae, team).headers["location"]
    fix_next(rae, rae.get(at).text)

    page = page_of(rae, at)
    refused = rae.form(f"{at}/accept")

    assert "1 of 1 looked at · 1 wrong" in page
    assert "the others are not accepted" in page
    assert "Accept the other" not in page
    assert refused.status_code == 409
    assert rae.get(path_of(team)).text.count("/tasks/task_") == 2
    assert rae.form(f"{at}/give-up").status_code == 303
    assert "This sample was given up." in page_of(rae, at)


def test_another_sample_of_the_same_tasks_names_the_earlier_one_and_counts_it(
    team: AnnotationTeam, client: AppClient
):
    team.add(count=5)
    ann, rae, zoe = team.worker(client), reviewer(team, client), reviewer(team, client, "Zoe")
    for number in range(5):
        answer(ann, key=f"k{number}")
    first = draw(rae, team).headers["location"]
    fix_next(rae, rae.get(first).text)
    rae.form(f"{first}/give-up")

    refused = draw(zoe, team, "2")
    second = draw(zoe, team, "2", wrong_max="1").headers["location"]
    begun = zoe.get(second).text
    look(zoe, begun)
    look(zoe, zoe.get(second).text)
    looked = page_of(zoe, second)

    said = (
        "1 of the 1 tasks that were looked at in earlier samples were wrong, and they count; "
        "allow so many, or look at each task."
    )
    assert b64encode(said.encode()).decode() in refused.headers["set-cookie"]
    assert f'<a href="{first}">1 of 1 wrong</a>, <bdi>Rae' in begun
    assert "An earlier sample of these tasks counts too:" in words_of(begun)
    assert "1 of 3 were wrong. So at most 91% of the others are" in looked
    assert "Accept the other 2" in looked


UNDRAWN = (
    ({"sample_count": "9"}, "The list has 3 tasks; look at fewer."),
    ({"sample_count": "many"}, "Expected a whole number."),
    ({"sample_count": "1", "wrong_max": "1"}, "Allow fewer wrong tasks than you look at."),
)


def test_a_sample_that_cannot_be_drawn_says_why_on_the_list(
    team: AnnotationTeam, client: AppClient
):
    team.add(count=3)
    ann, rae = team.worker(client), reviewer(team, client)
    for number in range(3):
        answer(ann, key=f"k{number}")

    for fields, said in UNDRAWN:
        refused = draw(rae, team, **({"listing": "most=0.25"} | fields))

        assert refused.headers["location"] == f"{path_of(team)}?most=0.25", said
        assert b64encode(said.encode()).decode() in refused.headers["set-cookie"], said


def test_a_sample_belongs_to_one_reviewer_and_one_organization(
    world: World, team: AnnotationTeam, client: AppClient
):
    team.add(count=3)
    ann, rae, zoe = team.worker(client), reviewer(team, client), reviewer(team, client, "Zoe")
    for number in range(3):
        answer(ann, key=f"k{number}")
    at = draw(rae, team).headers["location"]
    world.org("stranger")
    elsewhere = object.__new__(AnnotationTeam)
    elsewhere.__dict__.update(team.__dict__, environment_id=world.org("stranger"))
    eve = reviewer(elsewhere, client, "Eve", "admin")

    others = page_of(zoe, at)

    assert "Only the person who drew the sample can accept the others." in others
    for verb in ("accept", "stop", "give-up", "undo"):
        assert zoe.form(f"{at}/{verb}").status_code == 403
        assert eve.form(f"{at}/{verb}").status_code == 404
        assert ann.form(f"{at}/{verb}").status_code == 403
    assert (eve.get(at).status_code, ann.get(at).status_code) == (404, 403)
    assert eve.get(f"{at}/progress").status_code == 404
    assert draw(eve, team).status_code == 404


def test_a_list_can_be_narrowed_to_what_nobody_disagrees_on(world: World, client: AppClient):
    team = AnnotationTeam(world, overlap=2, review="all")
    same, split = team.add(count=2)
    for name, likert in (("Ann", (4, 4)), ("Ben", (4, 1))):
        worker = team.worker(client, name)
        for number, value in enumerate(likert):
            graded = good_answers(value)
            for one in graded:
                one |= {"value": 3} if one["key"] == "overall" else {}
            answer(worker, answers=graded, key=f"k{number}")
    rae = reviewer(team, client)

    unanimous = rae.get(f"{path_of(team)}?most=0").text
    everything = rae.get(path_of(team)).text

    assert (same in unanimous, split in unanimous) == (True, False)
    assert (same in everything, split in everything) == (True, True)
    assert "?most=0" in unanimous
