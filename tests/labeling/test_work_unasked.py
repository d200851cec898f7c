"""Tasks that nothing is asked about: nobody is given them, and managers are told which and why."""

from __future__ import annotations

import re

import pytest

from plaudit.core.labeling import statistics
from plaudit.core.labeling.questions import questions
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.forms import PRESETS
from plaudit.model.labeling import WorkState
from plaudit.store.labeling import statistics as statements
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import FORM, LIKERT, OVERALL, WHY, LabelingProject, make_content
from tests.support.pages.browser_client import add_person, signed_in
from tests.support.running.every_case import every_case

PROMPT = make_turn(messages=[make_message("user", "A question?")])
ANSWERED = make_turn(messages=[make_message("user"), make_message("model")])
COMPARED = make_turn(messages=[make_message("user"), *(make_message(f"m_{n}") for n in "ab")])
CATEGORY = {
    "key": "topic", "level": "turn", "type": "category", "possible_values": ["art", "law"],
}  # fmt: skip
WRITING = {"key": "response", "level": "turn", "type": "text", "use": "response"}


def asked(form, *turns):
    return [
        (question.target.at, question.field.key)
        for question in questions(read_form(form), make_content(*turns))
    ]


@pytest.mark.parametrize("name", [one for one in PRESETS if one != "SFT"])
def test_a_prompt_alone_is_not_asked_about_responses_that_are_not_there(name):
    assert asked(name, PROMPT) == []


def test_what_is_about_the_prompt_is_asked_and_what_explains_a_comparison_is_not():
    assert asked({"fields": [LIKERT, WHY, CATEGORY]}, PROMPT) == [("t0u0", "topic")]
    assert asked({"fields": [WHY | {"names_responses": True}]}, PROMPT) == []
    assert asked({"fields": [WHY]}, PROMPT) == [("t0u0", "justification")]
    assert asked({"fields": [WRITING, WHY, LIKERT]}, PROMPT) == [
        ("t0u0", "response"), ("t0u0", "justification"),
    ]  # fmt: skip


def test_a_last_prompt_does_not_hide_the_responses_before_it():
    assert asked({"fields": [LIKERT, WHY]}, COMPARED, PROMPT) == [
        ("t0u0", "likert_value"), ("t0u0", "justification"),
    ]  # fmt: skip
    assert asked({"fields": [WRITING]}, ANSWERED, PROMPT) == [("t0u1", "response")]


def test_nobody_is_given_a_task_that_nothing_is_asked_about_and_others_come_after_it(world):
    labeling = LabelingProject(world)
    bare, good = [*labeling.create(content=make_content(PROMPT)), *labeling.create()]

    lease = labeling.take("ann")

    assert lease.seq == labeling.task(good).seq
    assert labeling.lease_next("ben") is None
    place = labeling.place(bare)
    assert (place.state, place.open_count) == (WorkState.nothing_to_ask, 0)
    assert labeling.violations() == {}


def test_questions_that_are_about_it_bring_it_back(world):
    labeling = LabelingProject(world)
    [task_id] = labeling.create(content=make_content(PROMPT))
    assert labeling.lease_next("ann") is None

    labeling.set(form={"fields": [*FORM["fields"], WRITING]})

    assert labeling.take("ann").seq == labeling.task(task_id).seq


def test_the_overview_counts_lists_and_explains_them(world):
    labeling = LabelingProject(world)
    path = f"/projects/{labeling.project.project_id}"
    with world.client() as client:
        sent = [
            client.post("/v2/task/chat", json={"project_name": "Floor"} | more)
            for more in ({}, {"template_variables": {"prompt": "Hello?"}})
        ]
    labeling.create()
    labeling.take("ann")
    bare, prompt = [answer.json()["task_id"] for answer in sent]

    with signed_in(world, add_person(world, "manager")) as browser:
        text = browser.get(path).text
        alone = browser.get(f"{path}/tasks/{bare}").text

    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([\d,+]+)</dd>", text))
    assert figures["nothing to ask about"] == "2"
    assert figures["waiting for somebody"] == "0"
    listed = dict(re.findall(r"<code>(task_[^<]+)</code></a> ([^<]+)</li>", text))
    assert "no conversation" in listed[bare]
    assert "none of the questions" in listed[prompt]
    assert "nothing to ask about" in alone


def test_where_all_can_be_worked_on_nothing_is_listed(world):
    labeling = LabelingProject(world, form={"fields": [OVERALL]})
    labeling.create(3)

    async def read(tx):
        progress = await statistics.progress(tx, labeling.project)
        return progress.unasked, await statistics.list_unasked(tx, labeling.project, 1)

    assert labeling.write(read) == (0, [])


@every_case("most", [1, 3, 5, 6, 7, 100])
def test_those_without_questions_are_counted_among_the_oldest_pending_ones(world, most):
    """One is set aside in the queue, and two are not in it."""
    labeling = LabelingProject(world.tenant())
    key = labeling.project.project_key
    ids = [
        *labeling.create(content=make_content(PROMPT)),
        *labeling.create(),
        *labeling.create(content=make_content(PROMPT)),
        *labeling.create(2),
        *labeling.create(),
        *labeling.create(content=make_content(PROMPT)),
        *labeling.create(),
    ]
    labeling.take("ann")  # finds out that nothing is asked about the first ones
    seqs = [labeling.task(one).seq for one in ids]

    async def take_out(tx):
        for seq in (seqs[3], seqs[5]):
            await tx.run(
                "DELETE FROM task_work WHERE project_key = :key AND seq = :seq",
                {"key": key, "seq": seq},
            )

    labeling.write(take_out)
    is_unasked = [
        labeling.place(one) is None or labeling.place(one).state is WorkState.nothing_to_ask
        for one in ids
    ]
    assert sum(is_unasked) > 2

    counted, listed = labeling.write(lambda tx: _both(tx, key, most))

    assert counted == sum(is_unasked[:most])
    assert [task_id for task_id, _ in listed] == [
        one for one, unasked in zip(ids[:most], is_unasked, strict=False) if unasked
    ]


async def _both(tx, project_key, most):
    """Number of tasks that nothing is asked about, and which."""
    return (
        await statements.count_unasked(tx, project_key, most=most),
        await statements.list_unasked(tx, project_key, most=most, limit=100),
    )
