"""Portions of long conversations: all of it is reached, in order, by whoever may see the page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.questions import Positions, own_order, questions
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.forms import PRESETS
from plaudit.core.tasks.projects import change_project
from plaudit.model.core import PersonRole
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate import portions
from plaudit.workspace.annotate.controls import control_of
from plaudit.workspace.annotate.portions import Plan, Size, TurnsQuery, all_places, plan_of
from plaudit.workspace.annotate.question_index import question_index, spans_of
from tests.support.annotators import AnnotationTeam, Worker, good_answers
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import one_engine
from tests.support.long_chat import PAGES, long_chat, read_whole
from tests.support.pages.browser_client import add_person, signed_in

FORM = PRESETS["RLHF: Pref Ranking"]
LINK = re.compile(r'href="([^"]+/turns\?[^"]+)"')


@pytest.fixture
def small(monkeypatch):
    """Portions of few turns."""
    monkeypatch.setattr(portions, "FIRST_MAX", Size(3, 60_000, 200))
    monkeypatch.setattr(portions, "FURTHER_MAX", Size(4, 60_000, 200))
    monkeypatch.setattr(portions, "LED_BY_MAX", 2)


def parsed(content: list[Any]) -> list[Thread]:
    threads: list[Thread] = convert(content, list[Thread])
    return threads


def plan(content: list[Any]) -> Plan:
    threads = parsed(content)
    return plan_of(FORM, threads, spans_of(questions(FORM, threads)), "")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("every", [1, 7, 14])
def test_portions_together_show_each_turn_once(world, client, page, every, small):
    """Whether all turns are asked about, some, or the last."""
    person, path = PAGES[page](AnnotationTeam(world), client, long_chat(14, every=every))

    first, *further = read_whole(person, path)
    text = "".join([first, *further])

    assert 1 <= len(further) <= 5
    for number in range(14):
        assert len(re.findall(rf"<p[^>]*>prompt {number}\.<", text)) == 1
        assert text.count(f"answer {number} one.") >= 1


@one_engine
@pytest.mark.parametrize("page", PAGES)
def test_a_short_conversation_is_drawn_whole(world, client, page):
    person, path = PAGES[page](AnnotationTeam(world), client, long_chat(10))

    assert LINK.findall(person.get(path).text) == []


@one_engine
def test_portions_are_for_those_who_may_see_the_page(world, client, small):
    team, others = AnnotationTeam(world, review="all"), AnnotationTeam(world, "Others")
    [task_id] = team.add(long_chat(14))
    ann, ben = team.worker(client), team.worker(client, "Ben")
    rae = team.worker(client, "Rae", role=PersonRole.reviewer)
    mia = team.worker(client, "Mia", role=PersonRole.manager)
    version = ann.take()["lease_version"]
    inside, beside = team.project.project_id, others.project.project_id

    def status(person: Worker, path: str) -> int:
        return int(person.get(f"{path}/turns?first=3&stop=14").status_code)

    assert status(ann, ann.at) == 200
    assert status(ben, ann.at) == 404
    assert status(ann, ann.at.replace(inside, beside)) == 404
    for place, person in (("review", rae), ("projects", mia)):
        assert status(person, f"/{place}/{inside}/tasks/{task_id}") == 200
        assert status(person, f"/{place}/{beside}/tasks/{task_id}") == 404
        assert status(ann, f"/{place}/{inside}/tasks/{task_id}") == 403
    ann.call("report", lease_version=version, reason="harmful", note="It is cruel.")
    assert status(rae, f"/review/{inside}/tasks/{task_id}") == 403
    assert status(mia, f"/review/{inside}/tasks/{task_id}") == 200


@one_engine
@pytest.mark.parametrize("page", PAGES)
def test_another_organization_finds_no_portion(world, client, page, small):
    person, path = PAGES[page](AnnotationTeam(world), client, long_chat(14))
    links = [unescape(link) for link in LINK.findall(person.get(path).text)]

    with signed_in(world, add_person(world, "admin", org="Other")) as stranger:
        statuses = [stranger.get(link).status_code for link in links]

    assert statuses == [404]


@one_engine
@pytest.mark.parametrize("page", ["annotate", "review"])
def test_a_portion_of_a_page_that_is_old_is_refused(world, client, page, small):
    """Its questions would stand beside others: the form has changed, or the answers have."""
    team = AnnotationTeam(world, form={"fields": [{"key": "a", "level": "turn", "type": "text"}]})
    person, path = PAGES[page](team, client, long_chat(14))
    link = unescape(LINK.findall(person.get(path).text)[0])
    before = person.get(link)

    form = {"fields": [{"key": "b", "level": "turn", "type": "text"}]}
    team.write(
        lambda tx: change_project(tx, team.environment_id, team.project.project_id, {"form": form})
    )

    assert before.status_code == 200
    assert person.get(link).status_code == 409


OTHER_QUERIES = (
    "", "first=14", "first=999&stop=999", "first=9&stop=3", "at=14", "first=3&at=2",
    "at=999999999", "section=0", "section=13&first=0", "section=99", "section=0&first=99",
    "first=x", "stop=-1", "first=99999999999999", "layout=x", "layout=%00",
)  # fmt: skip


@one_engine
@pytest.mark.parametrize("page", PAGES)
def test_no_query_asks_for_what_there_is_not(world, client, page, small):
    person, path = PAGES[page](AnnotationTeam(world), client, long_chat(14))

    answers = {query: person.get(f"{path}/turns?{query}") for query in OTHER_QUERIES}

    assert {query: answer.status_code for query, answer in answers.items()
            if answer.status_code not in (200, 400, 409)} == {}  # fmt: skip
    assert [query for query, answer in answers.items()
            if answer.text.count('<section class="asked"') > 4] == []  # fmt: skip


def test_the_index_has_every_question_that_is_drawn():
    """With steps, criteria, prompts that are asked about, and a question about the whole."""
    texts = [f"step {number}" for number in range(3)]
    chunks = [{"type": "text", "text": text, "annotations": []} for text in texts]
    stepped = make_message("model_b", "x")
    stepped["content"]["chunks"] = chunks
    turns = [
        make_turn("a", [make_message("user", "Q"), make_message("model_a", "x"), stepped]),
        make_turn("b", [make_message("user", "Q"), *[make_message("m", "x")] * 2]),
    ]
    fields = [
        {"key": "stars", "level": "message", "type": "integer", "possible_values": [1, 2]},
        {"key": "clear", "level": "message", "type": "boolean", "applies_to": "user"},
        {"key": "right", "level": "chunk", "type": "boolean", "required": True},
        {"key": "why", "level": "turn", "type": "text"},
        {"key": "tags", "level": "thread", "type": "text"},
    ]
    form = read_form({"fields": fields})
    threads = parsed([make_thread(turns=turns), make_thread(turns=turns)])
    asked, positions = questions(form, threads), Positions(own_order(threads))
    spans = spans_of(asked)

    index = question_index(asked, spans, positions, plan_of(form, threads, spans, ""))

    found = [{"at": at} | line for at, shape, _ in index.places for line in index.shapes[shape]]
    required = [line.pop("required", False) for line in found]
    controls = [control_of(number, question, positions) for number, question in enumerate(asked)]
    assert found == [msgspec.json.decode(control.address) for control in controls]
    assert required == [control.is_required for control in controls]
    assert [section for *_, section in index.places] == [0, 1, 1, 2, 3, 3]
    assert len(index.shapes) == 3


def test_a_portion_holds_so_many_turns_characters_and_questions(monkeypatch):
    monkeypatch.setattr(portions, "FIRST_MAX", Size(turns=5, characters=1_000, questions=60))
    short = long_chat(20)

    def said(characters: int) -> list[Any]:
        prompt = make_message("user", "x" * characters)
        messages = [prompt, make_message("a", "A"), make_message("b", "B")]
        return [make_thread(turns=[make_turn("t", messages)] * 20)]

    contents = (short, said(400), said(2_000))
    counts = [len(plan(content).first_portion().sections) for content in contents]

    assert len(questions(FORM, parsed(long_chat(1)))) == 16
    assert counts == [3, 2, 1]


def test_of_a_long_context_the_beginning_and_the_end_are_drawn_first():
    found = plan(long_chat(100, every=100))

    first = found.first_portion()
    context = found.context(0, first.most)
    assert context.gap is not None
    further = found.portion(TurnsQuery(first=10, stop=89, section=0))

    assert first.sections == range(1)
    assert (context.head, context.tail) == (range(10), range(89, 99))
    assert (context.gap.first, context.gap.stop, context.gap.turns) == (10, 89, 79)
    assert (further.led_by, further.after) == (range(10, 89), None)


def test_threads_without_turns_have_their_place_on_the_page_of_managers():
    threads = parsed([make_thread(turns=[]), *long_chat(2), make_thread(turns=[])])

    found = Plan(threads, all_places(threads), {}).first_portion()

    assert found.sections == range(4)


def test_a_submission_from_the_first_portion_is_held_to_the_whole(world, client, small):
    team = AnnotationTeam(world)
    team.add(long_chat(5))
    ann = team.worker(client)
    version = ann.take()["lease_version"]
    answers = [one for number in range(5) for one in good_answers(at=f"t0u{number}")]

    def submit(given: list[Any]) -> Any:
        body = {"answers": given, "client_key": "k", "active_ms": 1}
        return ann.call("submit", lease_version=version, **body)

    refused = submit(answers[:-3])

    assert refused.status_code == 400
    assert {(fault["at"], fault["key"]) for fault in refused.json()["faults"]} == {
        ("t0u4", "overall"), ("t0u4", "likert_value"), ("t0u4", "justification")
    }  # fmt: skip
    assert submit(answers).is_success
