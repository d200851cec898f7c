"""Whole journeys on the annotation page: by mouse, by keyboard, three at once; and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from plaudit.core.tasks.projects import change_project
from tests.support.annotators import SECRETS, AnnotationTeam, make_content
from tests.support.harness import World, on_shared_sqlite
from tests.support.pages import hostile_project
from tests.support.pages.annotation_page import AnnotatorTab, tasks_of, values

Open = Callable[..., Any]
pytestmark = on_shared_sqlite


def test_a_task_is_annotated_by_mouse_and_the_official_client_reads_it(team, annotator_tab):
    team.add(count=2)
    ann = annotator_tab()
    ann.take_by_mouse()
    first_shown = ann.page.inner_text('[data-response="1"] .as-rendered')

    ann.fill_by_mouse()
    ann.submit()
    ann.ready()

    (done,) = [task for task in tasks_of(ann) if task.status == "completed"]
    turn = done.threads[0].turns[1]
    preferred = values(turn.annotations)["selected_model_id"]
    message = next(one for one in turn.messages if one.source_id == preferred)
    assert message.content.text.replace("**", "") == first_shown
    assert values(message.annotations) | {"overall": 4, "safety": 3} == values(message.annotations)
    assert ann.seen.errors + ann.seen.violations + ann.seen.foreign == []


def test_a_task_is_annotated_by_keyboard_where_digits_stay_at_their_question(team, annotator_tab):
    team.add(count=1)
    ann = annotator_tab()
    page = ann.take()
    page.keyboard.press("?")
    page.uncheck("#keys-go-on")
    page.keyboard.press("Escape")
    page.reload()
    ann.ready()

    page.focus('[data-key="instruction_following"] input')
    for _ in range(5):  # the five dimensions, of two responses each
        for _ in range(2):
            page.keyboard.press("3")
            page.keyboard.press("ArrowDown")
    page.keyboard.press("4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("3")
    page.keyboard.press("a")
    page.keyboard.press("@")
    page.keyboard.press("Enter")
    page.keyboard.type("is clearer.")
    page.keyboard.press("Escape")
    ann.saved()
    kept = ann.answers()
    was = page.url
    page.keyboard.press("Control+Enter")
    ann.gone_from(was)

    assert kept[(None, "likert_value")] == 2
    assert kept[(None, "justification")] == "@Response 1 is clearer."
    assert (kept[(1, "overall")], kept[(2, "overall")]) == (4, 3)
    (done,) = tasks_of(ann)
    assert done.status == "completed"


def test_keys_can_be_changed_switched_off_and_typed_in_texts(team, annotator_tab):
    """They work and are shown as they were changed, and do nothing in a text or switched off."""
    team.add()
    ann = annotator_tab()
    page = ann.take()
    page.focus('[data-key="justification"] textarea')
    page.keyboard.type("absfg?")
    typed = page.input_value('[data-key="justification"] textarea')
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.fill("input[data-action='g']", "f")
    refused = page.inner_text("#keys-told")
    page.fill("input[data-action='g']", "q")
    page.keyboard.press("Escape")
    ann.saved()
    page.reload()
    ann.ready()

    page.keyboard.press("g")
    before = page.is_visible("#guidelines")
    page.keyboard.press("q")
    after = page.is_visible("#guidelines")
    shown = page.inner_text("#open-guidelines kbd")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.click("#keys-reset")
    again = page.inner_text("#open-guidelines kbd")
    page.uncheck("#keys-on")
    page.click("#help [data-close].main")
    page.keyboard.press("a")
    page.fill('[data-key="justification"] textarea', "After it.")
    ann.saved()

    assert typed == "absfg?"
    assert refused == "f is taken: flag."
    assert (before, after, shown, again) == (False, True, "q", "g")
    assert ann.answers() == {(None, "justification"): "After it."}


def test_enter_on_a_button_never_submits_nor_does_the_button_with_an_answer_missing(
    team, annotator_tab
):
    """What is missing is shown where it is; and nothing so far has told the models apart."""
    team.add(count=2)
    ann = annotator_tab()
    told: list[str] = []

    def listen(answer: Any) -> None:
        told.extend([answer.text()] if answer.ok else [])

    ann.page.on("response", listen)
    page = ann.take()
    ann.fill()

    for selector in ("[data-raw]", "#compare", '[data-mention="1"]', '[data-key="overall"] input'):
        page.focus(selector)
        page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    is_enabled = page.is_enabled("#submit")
    ann.saved()
    told.append(page.content())
    told.append(json.dumps(page.evaluate("({...localStorage, ...sessionStorage})")))
    page.remove_listener("response", listen)

    assert is_enabled
    assert "/tasks/" in page.url
    assert all(task.status == "pending" for task in tasks_of(ann))
    assert [word for text in told for word in SECRETS if word in text] == []
    page.click('[data-key="safety"] label:has(input:checked)')  # a second click takes it back
    page.click("#submit")
    page.wait_for_selector('[data-key="safety"] .wrong:not([hidden])')
    focused = page.evaluate("document.activeElement.closest('[data-question]').dataset.key")
    assert focused == "safety"
    ann.pick("safety", "3", 1)
    assert page.is_hidden('[data-key="safety"] .wrong')
    ann.submit()


SHORT = {"fields": [{"key": "likert_value", "level": "turn", "type": "integer",
                     "scale": "low_is_first", "required": True}]}  # fmt: skip


@pytest.mark.slow
def test_three_people_work_on_three_places_of_each_task_at_once(
    tenant, shared_server, open_context
):
    team = AnnotationTeam(tenant, overlap=3, form=SHORT)
    team.add(count=2)
    server = shared_server
    desks = [AnnotatorTab(open_context, server, team, name) for name in ("Ann", "Bob", "Cyd")]

    for number, likert in ((1, ("2", "3", "6")), (2, ("1", "1", "1"))):
        for one, value in zip(desks, likert, strict=True):
            one.take() if number == 1 else one.ready()
            one.pick("likert_value", value)
        for one in desks:
            one.submit()

    done = tasks_of(desks[0])
    assert [task.status for task in done] == ["completed"] * 2
    with tenant.client() as client:
        query = {"project_id": team.project.project_id, "opts": "submissions"}
        told = client.get("/v2/tasks", params=query).json()["tasks"]
    for task in told:
        people = {one["contributor_id"] for one in task["threads"][0]["submissions"]}
        assert len(people) == 3


def test_a_low_grade_asks_why_a_contradiction_is_pointed_out_and_words_are_counted(
    team, annotator_tab
):
    """Words are counted only where that is wanted, from then on."""
    team.add(make_content("One two three.", "Four."))
    ann = annotator_tab()
    page = ann.take()

    assert page.locator('[data-key="truthfulness_justification"]:visible').count() == 0
    ann.pick("truthfulness", "1", 2)
    ann.pick("overall", "5", 1)
    ann.pick("overall", "1", 2)
    ann.pick("likert_value", "7")

    assert page.locator('[data-key="truthfulness_justification"]:visible').count() == 1
    assert page.inner_text("[data-chosen]") == "Preferred: Response 2"
    page.wait_for_selector("[data-contradiction]:not([hidden])")
    page.click("[data-keep]")
    assert page.is_hidden("[data-contradiction]")
    ann.saved()
    assert not page.is_visible("[data-words]")

    page.check("#word-counts")
    page.reload()
    ann.ready()

    counts = [one.inner_text() for one in page.query_selector_all("[data-words]")]
    assert sorted(counts) == ["1 word", "3 words"]


def test_a_submission_can_be_undone_for_a_moment_and_opened_again_until_it_is_reviewed(
    team, annotator_tab
):
    team.add(count=2)
    ann = annotator_tab()
    page = ann.take()
    was = page.url
    ann.fill(likert="2")
    ann.submit()
    ann.ready()

    page.click("#undo")
    page.wait_for_url(was)
    ann.ready()

    assert page.is_checked('[data-key="likert_value"] input[value="2"]')
    assert all(task.status == "pending" for task in tasks_of(ann))
    ann.submit()
    ann.ready()
    page.keyboard.press("Alt+ArrowLeft")
    page.click("text=Open again")
    ann.working()

    ann.write("justification", "@Response 1 is better. I looked twice.")
    ann.submit()

    (done,) = [task for task in tasks_of(ann) if task.status == "completed"]
    assert values(done.threads[0].turns[1].annotations)["justification"].endswith("looked twice.")


def test_guidelines_open_at_what_is_asked_and_a_task_is_skipped_with_a_reason(team, annotator_tab):
    """Guidelines say when they have changed; harmful content is hidden at once."""
    team.add(count=2)
    guidelines = "# Rules\n\n" + "Read.\n\n" * 60 + "# Why?\n\nName a response."
    change_guidelines(team, guidelines)
    ann = annotator_tab()
    page = ann.take()
    page.keyboard.press("w")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    asked = page.inner_text("#guidelines .is-asked")
    is_seen = page.evaluate(
        "document.querySelector('#guidelines .is-asked').getBoundingClientRect().top < innerHeight"
    )
    before = page.is_visible("#guidelines-changed")

    change_guidelines(team, guidelines + " Be brief.")
    page.reload()
    ann.ready()
    after = page.is_visible("#guidelines-changed")
    page.click("#open-guidelines")

    assert (asked, is_seen) == ("Why?", True)
    assert (before, after) == (False, True)
    assert not page.is_visible("#guidelines-changed")

    was = page.url
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.click("#skip [data-send]")
    reason = page.inner_text("#skip [data-wrong]")
    page.check('input[value="harmful"]')
    hidden = page.evaluate("getComputedStyle(document.querySelector('.asked')).visibility")
    page.click("#skip [data-send]")
    ann.gone_from(was)

    assert (reason, hidden) == ("Choose a reason.", "hidden")
    ann.ready()


def change_guidelines(team: AnnotationTeam, text: str) -> None:
    team.write(
        lambda tx: change_project(
            tx, team.environment_id, team.project.project_id, {"guidelines": text}
        )
    )


def hostile_shift(world: World, texts: list[str], number: int) -> AnnotationTeam:
    """A project and a task whose every string is one or more hostile texts."""
    name = f"{number} {hostile_project.as_name(texts[0])}"
    team = AnnotationTeam(
        world, name=name, form=hostile_project.make_form(texts), guidelines="\n".join(texts)
    )
    team.add(hostile_project.make_hostile_content(texts))
    return team


@pytest.mark.slow
def test_no_string_of_a_customer_runs(tenant, shared_server, open_context):
    texts = hostile_project.TEXTS
    assert len(texts) >= 100
    opened = open_context(shared_server.url)
    for number, some in enumerate([texts[at : at + 160] for at in range(0, len(texts), 160)]):
        shift = hostile_shift(tenant, some, number)
        ann = AnnotatorTab(lambda *_: opened, shared_server, shift, f"Ann{number}")

        page = ann.take()
        page.evaluate("for (const one of document.querySelectorAll('summary')) one.click()")
        page.click("[data-raw]")
        page.click("#compare")
        page.click("[data-empty]")
        page.fill(".rewriting textarea", "\n".join(some) + " changed")
        page.wait_for_timeout(300)

        assert page.evaluate("window.__pwned") is None, some
        assert ann.seen.dialogs + ann.seen.errors + ann.seen.violations + ann.seen.foreign == []
        ann.page.close()
