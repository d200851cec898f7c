"""Gold in the workspace: a manager adds and ends it, and people learn what their project says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plaudit.core.quality_control import repeats
from plaudit.model.quality_control import GoldFeedback, GoldSettings, RepeatSettings
from plaudit.workspace.quality_control import gold_pages
from tests.support.gold.gold_project import EXPECTED, RIGHT, WRONG, GoldProject, gold_content
from tests.support.harness import World
from tests.support.pages.browser_client import Browser, add_person, signed_in
from tests.support.pages.manager_pages import entries, said_at

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def floor(world: World) -> GoldProject:
    return GoldProject(world, gold=GoldSettings(rate=0.5))


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def gold_path(floor: GoldProject, *parts: str) -> str:
    return "/".join((f"/projects/{floor.project.project_id}/gold", *parts))


def shown(text: str) -> str:
    """The words of a page on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_list_says_how_people_do_and_what_is_probably_wrong(floor, mia):
    assert "No gold" in mia.get(gold_path(floor)).text
    [task_id] = floor.add_gold(1, reason="Because it is **so**.")
    floor.create(30)
    for number in range(5):
        lease = floor.take_gold(f"user_{number}")
        floor.submit(lease, floor.prefer(lease, RIGHT if number == 4 else WRONG))

    listed = shown(mia.get(gold_path(floor)).text)
    one = shown(mia.get(gold_path(floor, task_id)).text)

    assert "A question? probably wrong" in listed
    assert "1 of 5 4–62%" in listed
    assert "user_4 1 of 1 21–100% none yet" in listed
    assert "Most people fail this one." in one
    assert "Preferred response Response 1 1 of 5" in one
    assert one.count("Response 2 wrong") == 4
    assert one.count("Response 1 right") == 1


def test_the_list_says_how_far_people_agree_with_themselves(world, mia, monkeypatch):
    monkeypatch.setattr(repeats, "REPEAT_AFTER", 1)
    monkeypatch.setattr(repeats, "REPEAT_AFTER_MS", 0)
    floor = GoldProject(world, repeats=RepeatSettings(rate=0.5))
    floor.create(8)
    while (lease := floor.lease_next("ann")) is not None:
        value = WRONG if floor.is_gold(lease) else RIGHT
        floor.submit(lease, floor.prefer(lease, value), key=lease.assignment_id)

    listed = shown(mia.get(gold_path(floor)).text)

    [n] = re.findall(r"likert_value 0 of (\d+) -\d\.\d\d", listed)
    assert int(n) > 1
    assert f"overall {2 * int(n)} of {2 * int(n)} everybody always said 1" in listed


def test_a_manager_sets_how_often_ends_gold_and_leaves_a_trace(floor, mia, world):
    [task_id] = floor.add_gold(1)

    settings = {"rate": "80", "feedback": "daily", "repeat_rate": "2"}
    refused = mia.post(gold_path(floor), settings)
    assert (refused.status_code, said_at(refused.text, "rate")) == (400, "A number from 0 to 50.")
    saved = mia.post(gold_path(floor), settings | {"rate": "7.5"}, follow=True)
    assert "The settings are saved." in saved.text
    assert 'value="7.5"' in saved.text
    ended = mia.post(gold_path(floor, task_id, "end"), follow=True)
    assert "Nobody is given that gold task any more." in ended.text
    assert mia.get(gold_path(floor, task_id)).status_code == 404

    assert [(one.action, one.object_id) for one in entries(world)][:2] == [
        ("end_gold_on_page", task_id),
        ("save_gold_settings", floor.project.project_id),
    ]


def test_rows_become_gold_all_or_none_and_a_fault_names_its_line(floor, mia):
    [task_id] = floor.create(1)
    head = "task_id,prompt,response_base_model,response_test_model,key,value,source_id,reason\n"
    good = (
        f"{task_id},,,,selected_model_id,test_model,,So\n"
        ",Why?,Yes.,No.,likert_value,2,,\n"
        ",Why?,Yes.,No.,overall,5,base_model,\n"
    )

    def send(rows: str):
        return mia.post(gold_path(floor) + "-rows", {"rows": rows}, follow=True)

    for rows, said in (
        (
            head + good + ",How?,Yes.,No.,likert_value,99,,\n",
            "Line 5, value: the question",
        ),
        (head + good + ",,,,likert_value,2,,\n", "Line 5: give task_id or prompt, one of them."),
        (head + good + "x,y\n", "Line 5: it has not as many fields as the heading."),
        ("task_id,value\n", "Line 1: the column key is missing."),
        ("task,key,value\n", "Line 1: there is no column"),
        (head, "There is no row below the heading."),
    ):
        refused = send(rows)
        assert refused.status_code == 400
        assert said in shown(refused.text).replace("&#39;", "'")
        assert floor.gold() == []
    assert "2 gold tasks are added." in send(head + good).text
    first, second = floor.gold()
    assert [question.expected.value for question in first.questions] == ["test_model"]
    assert [question.expected.value for question in second.questions] == [2, 5]
    assert first.row.reason == "So"


def test_a_settled_task_is_used_as_gold_with_one_press_and_can_be_changed_before(floor, mia):
    floor.create(4)
    lease = floor.take("ann")
    floor.submit(lease, floor.prefer(lease, RIGHT))
    task = floor.write(lambda tx: _task(tx, lease))
    own = f"/projects/{floor.project.project_id}/tasks/{task}"

    assert f'href="{own}/gold"' in mia.get(own).text
    page = mia.get(f"{own}/gold")
    fields = {
        name: re.findall(rf'name="{name}" value="([^"]*)"', page.text)
        for name in ("chosen", "value", "tolerance")
    }
    assert fields["value"][-1] == str(RIGHT)
    fields["value"][0] = "9"
    refused = mia.post(f"{own}/gold", fields, follow=True)
    assert refused.status_code == 400
    assert "The question does not take this value." in refused.text
    fields["value"][0], fields["tolerance"][0] = "4", "1"
    made = mia.post(f"{own}/gold", fields, follow=True)

    assert "A copy of the task is gold now." in made.text
    [one] = floor.gold()
    expected = [question.expected for question in one.questions]
    assert (expected[0].value, expected[0].tolerance, expected[0].source_id) == (
        4, 1.0, "base_model",
    )  # fmt: skip
    assert expected[-1].value == RIGHT
    assert not floor.is_gold(floor.take("ann"))
    assert floor.is_gold(floor.take("ben"))


async def _task(tx, lease) -> str:
    row = await tx.one(
        "SELECT task_id FROM task WHERE project_key = :key AND seq = :seq",
        {"key": lease.project_key, "seq": lease.seq},
    )
    return row[0]


@contextmanager
def working(world: World, floor: GoldProject) -> Iterator[tuple[Browser, str]]:
    """The browser of an annotator of the project, and their id."""
    person = add_person(world, "annotator", email="ann@example.com")
    with signed_in(world, person) as browser:
        yield browser, person.user_id


def hand_in(floor: GoldProject, browser: Browser, lease, value: int):
    path = f"/work/{floor.project.project_id}/tasks/{lease.assignment_id}"
    answers = floor.prefer(lease, value)
    body = {"lease_version": 1, "answers": answers, "client_key": "k", "active_ms": 5}
    answer = browser.send(f"{path}/submit", body | {"goes_on": True})
    assert answer.status_code == 200, answer.text
    return path, answer.json()


@pytest.mark.parametrize("feedback", GoldFeedback)
def test_people_learn_how_they_answered_when_their_project_says_so(world, floor, feedback):
    floor.set(gold=GoldSettings(rate=0.5, feedback=feedback))
    floor.add_gold(1, reason="Because it is **so**.")
    floor.create(4)
    mine = f"/work/{floor.project.project_id}/mine"
    with working(world, floor) as (browser, user_id):
        lease = floor.take_gold(user_id)
        path, receipt = hand_in(floor, browser, lease, WRONG)

        is_shown = feedback is GoldFeedback.at_once
        assert (receipt["next"] == f"{path}/feedback") == is_shown
        assert (browser.get(f"{path}/feedback").status_code == 200) == is_shown
        assert ("known answers" in browser.get(mine).text) == is_shown

        floor.write(lambda tx: _a_day_earlier(tx, lease))
        page = browser.get(f"{path}/feedback")
        assert (page.status_code == 200) == (feedback is not GoldFeedback.off)
        if page.status_code == 200:
            assert "not as expected" in page.text
            assert "<strong>so</strong>" in page.text
            assert "0 of 1" in shown(browser.get(mine).text)
        ordinary = floor.take(user_id)
        path, receipt = hand_in(floor, browser, ordinary, RIGHT)
        assert not receipt["next"].endswith("/feedback")
        assert browser.get(f"{path}/feedback").status_code == 404


async def _a_day_earlier(tx, lease) -> None:
    await tx.run(
        "UPDATE control_result SET submitted_ms = submitted_ms - :ms WHERE project_key = :key",
        {"ms": DAY_MS, "key": lease.project_key},
    )


def test_a_page_of_gold_is_as_long_as_it_may_be(floor, mia, monkeypatch):
    monkeypatch.setattr(gold_pages, "LISTED_MAX", 2)
    floor.add_gold(3)

    first = mia.get(gold_path(floor))
    [following] = re.findall(r'href="([^"]*\?after=\d+)"', first.text)

    assert first.text.count("selected_model_id</bdi>") == 2
    assert mia.get(following).text.count("selected_model_id</bdi>") == 1


def test_a_task_without_anything_to_expect_cannot_be_gold(world, mia):
    form = {"fields": [{"key": "why", "level": "turn", "type": "text"}]}
    floor = GoldProject(world, form=form)
    [task_id] = floor.create(1)

    page = mia.get(f"/projects/{floor.project.project_id}/tasks/{task_id}/gold")

    assert "Nothing to expect" in page.text


def test_gold_of_another_task_list_is_found_nowhere(floor, mia):
    [gold_id] = floor.new({"content": gold_content(), "expected": [EXPECTED]})

    for path in ("", "/turns", "/gold"):
        found = mia.get(f"/projects/{floor.project.project_id}/tasks/{gold_id}{path}")
        assert found.status_code == 404
