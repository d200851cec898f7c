"""Rules and pauses as managers see them, and a pause as the paused person does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from markupsafe import escape

from plaudit.core.labeling import leases
from plaudit.core.quality_control import pauses
from plaudit.model.labeling import LeaseStatus
from plaudit.store.tasks.projects import get_project
from plaudit.wire.v2.resources import project_detail
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.support.harness import World
from tests.support.pages.browser_client import Browser, Somebody, Tags, add_person, signed_in
from tests.support.pages.manager_pages import entries
from tests.workspace.http.test_pages import HOSTILE

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

WHY = "Of 10 tasks whose right answers are known, 4 were answered right (40 %)"


@pytest.fixture
def project(world: World) -> ControlledProject:
    project = ControlledProject(world, rules=[rule("gold", 0.7)])
    project.create(6)
    return project


@pytest.fixture
def ann(world: World) -> Somebody:
    return add_person(world, "annotator", name="Ann")


@pytest.fixture
def at_ann(world: World, ann: Somebody) -> Iterator[Browser]:
    with signed_in(world, ann) as browser:
        yield browser


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def managed(project: ControlledProject, *parts: str) -> str:
    return "/".join((f"/projects/{project.project.project_id}", *parts))


def queue(project: ControlledProject) -> str:
    return f"/work/{project.project.project_id}"


def test_a_paused_person_reads_why_and_gets_no_task_and_answers_once(project, ann, at_ann):
    project.gold(ann.user_id, 4, 6)

    text = at_ann.get(queue(project)).text
    taken = at_ann.post(queue(project), {})

    assert WHY in text
    assert 'id="claim"' not in text
    assert taken.headers["location"] == queue(project)
    sent = at_ann.post(queue(project) + "/appeal", {"text": "<b>I was ill.</b>"})
    again = at_ann.get(sent.headers["location"]).text
    assert "&lt;b&gt;I was ill.&lt;/b&gt;" in again
    assert 'name="text"' not in again
    assert at_ann.post(queue(project) + "/appeal", {"text": "More."}).status_code == 409
    [entry] = entries(project.world)
    assert (entry.action, entry.object_id) == ("appeal_pause", project.pause(ann.user_id).pause_id)


def test_an_appeal_that_is_too_long_or_empty_is_refused_where_it_was_typed(project, ann, at_ann):
    project.gold(ann.user_id, 4, 6)
    for text in ("", "x" * (pauses.TEXT_CHARS_MAX + 1)):
        answer = at_ann.post(queue(project) + "/appeal", {"text": text})

        assert answer.status_code == 400
        assert "1 to 5000 characters" in answer.text
        assert f"{text}</textarea>" in answer.text


def test_who_is_not_paused_sees_nothing_of_it_and_cannot_appeal(project, at_ann):
    text = at_ann.get(queue(project)).text

    assert "paused" not in text
    assert at_ann.post(queue(project) + "/appeal", {"text": "Why?"}).status_code == 409


def test_a_call_after_the_leases_were_given_back_says_that_one_is_paused(project, ann, at_ann):
    at_ann.post(queue(project), {})
    [lease] = project.write(lambda tx: leases.list_open_leases(tx, project.project, ann.user_id))
    project.gold(ann.user_id, 0, 10)
    project.follow_up()
    path = f"{queue(project)}/tasks/{lease.assignment_id}"

    answer = at_ann.send(f"{path}/heartbeat", {"lease_version": 1, "active_ms": 5})

    assert (answer.status_code, answer.json()["code"]) == (403, "paused")


def test_a_manager_reads_the_reason_and_the_appeal_and_lifts_the_pause(project, ann, mia):
    project.gold(ann.user_id, 4, 6)
    project.appeal(ann.user_id, "I was ill.")

    text = mia.get(managed(project, "rules")).text
    pause_id = project.pause(ann.user_id).pause_id

    assert WHY in text
    assert "I was ill." in text
    assert "Ann" in text
    answer = mia.post(managed(project, "pauses", pause_id, "lift"), {"answer": "Welcome back."})
    assert "may work again" in mia.get(answer.headers["location"]).text
    assert project.pause(ann.user_id) is None
    assert project.lease_next(ann.user_id) is not None
    [entry] = entries(project.world)
    assert (entry.action, entry.object_id) == ("lift_pause_on_page", pause_id)


def test_a_pause_is_upheld_with_an_answer_and_not_without(project, ann, mia, at_ann):
    project.gold(ann.user_id, 4, 6)
    project.appeal(ann.user_id)
    pause_id = project.pause(ann.user_id).pause_id
    path = managed(project, "pauses", pause_id, "uphold")

    refused = mia.post(path, {"answer": ""})
    mia.post(path, {"answer": "Read the guidelines."})

    assert refused.status_code == 400
    assert "Say why the pause stays" in refused.text
    assert "Read the guidelines." in at_ann.get(queue(project)).text
    assert "Answer, and leave it" not in mia.get(managed(project, "rules")).text
    assert mia.post(path, {"answer": "Again."}).status_code == 409


def test_a_manager_pauses_somebody_by_hand(project, ann, mia):
    lease = project.take(ann.user_id)
    text = mia.get(managed(project, "rules")).text

    answer = mia.post(managed(project, "pauses"), {"user_id": ann.user_id, "reason": "Wait."})

    assert f'<option value="{ann.user_id}">Ann</option>' in text
    assert answer.status_code == 303
    assert project.lease(lease).status is LeaseStatus.released
    assert (
        mia.post(managed(project, "pauses"), {"user_id": "user_x", "reason": "Wait."}).status_code
        == 404
    )


def test_crossings_are_listed_until_somebody_has_seen_them(world, ann, mia):
    project = ControlledProject(world, rules=[rule("gold", 0.7, "extra_reviews", 7)])
    project.gold(ann.user_id, 4, 6)
    [crossing] = project.crossings()

    text = mia.get(managed(project, "rules")).text
    assert re.search(r"crossed rules to see</a></dt><dd>1</dd>", mia.get(managed(project)).text)
    answer = mia.post(managed(project, "crossings", crossing.crossing_id, "seen"), {})

    assert WHY in text
    assert "Review their next tasks: 7" in text
    assert WHY not in mia.get(answer.headers["location"]).text
    again = mia.post(managed(project, "crossings", crossing.crossing_id, "seen"), {})
    assert again.status_code == 409
    assert "crossed rules" not in mia.get(managed(project)).text


def fields(*rows: tuple[str, str, str, str]) -> dict[str, list[str]]:
    names = ("collector", "threshold", "action", "n")
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def test_rules_are_set_in_percent_and_shown_so(project, mia):
    answer = mia.post(
        managed(project, "rules"),
        fields(
            ("gold", "72.5", "pause", ""),
            ("", "1", "note", "9"),
            ("skips", "12", "redo_last", "30"),
        ),
    )

    text = mia.get(answer.headers["location"]).text
    row = project.write(lambda tx: get_project(tx, project.project.project_key))
    wanted = [rule("gold", 0.725), rule("skips", 12, "redo_last", 30)]
    assert project_detail(row).rules == wanted
    assert 'value="72.5"' in text
    [entry] = entries(project.world)
    assert json.loads(entry.detail) == {"from": [rule("gold", 0.7)], "to": wanted}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("gold", "", "pause", ""), "Rule 1, <code>threshold</code>: A number is missing here."),
        (("gold", "170", "pause", ""), "Rule 1, <code>threshold</code>: A share of 0.05 to 0.99."),
        (("gold", "70", "redo_last", ""), "Rule 1, <code>n</code>: A number of tasks, 1 to 200."),
        (("luck", "70", "note", ""), "Rule 1, <code>collector</code>"),
    ],
)
def test_rules_that_cannot_be_are_refused_and_shown_as_typed(project, mia, row, said):
    answer = mia.post(managed(project, "rules"), fields(row))

    assert answer.status_code == 400
    assert said in answer.text
    assert f'name="threshold" type="number" step="any" min="0" max="100" value="{row[1]}"' in (
        answer.text
    )


def test_a_form_with_missing_fields_is_refused(project, mia):
    answer = mia.post(managed(project, "rules"), {"collector": "gold"})

    assert answer.status_code == 400


def test_words_and_names_are_text(world, project, mia):
    for number, words in enumerate(HOSTILE):
        person = add_person(world, "reviewer", name=words, email=f"rae{number}@example.com")
        project.pause_by_hand(person.user_id, words)
        project.appeal(person.user_id, words)

    text = mia.get(managed(project, "rules")).text

    assert all(str(escape(words)) in text for words in HOSTILE)

    assert Tags(text).inline == []
    assert "<script>alert" not in text


def test_an_annotator_may_not_see_or_change_rules(project, at_ann):
    for path in ("rules", "pauses/pause_1/lift"):
        assert at_ann.post(managed(project, path), {}).status_code == 403
    assert at_ann.get(managed(project, "rules")).status_code == 403
