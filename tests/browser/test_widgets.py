"""Each kind of question, answered in a browser and read back from the delivered task."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import (
    AnnotatorTab,
    question,
    select_words,
    tasks_of,
    values,
)

pytestmark = on_shared_sqlite


@pytest.fixture
def seat(tenant, shared_server, open_context):
    """Seat somebody at the only task of a project with this form and content."""

    def sit(fields: list[dict[str, Any]], content: list[Any]) -> AnnotatorTab:
        team = AnnotationTeam(tenant, form={"fields": fields})
        team.add(content)
        return AnnotatorTab(open_context, shared_server, team, "Ann")

    return sit


WIDE = {"fields": [
    {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3],
     "cannot_assess": True, "not_applicable": True},
    {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["Wrong", "Unclear"]},
    {"key": "rewrite", "level": "message", "type": "text", "use": "rewrite"},
    {"key": "ranking", "level": "turn", "type": "ranked_groups", "required": True},
    {"key": "both_bad", "level": "turn", "type": "boolean"},
    {"key": "topics", "level": "turn", "type": "category_multiple",
     "possible_values": ["cooking", "physics"]},
    {"key": "seconds", "level": "turn", "type": "integer"},
    {"key": "language", "level": "thread", "type": "category",
     "possible_values": [f"language {n}" for n in range(20)]},
]}  # fmt: skip


def test_every_widget_gives_what_the_server_takes(tenant, shared_server, open_context):
    team = AnnotationTeam(tenant, form=WIDE)
    team.add(make_content("One 🙂 two three.", "Four.", "Five."))
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    place = page.evaluate(
        "[...document.querySelectorAll('.response')]"
        ".findIndex(one => one.innerText.includes('two')) + 1"
    )

    page.click(
        f'[data-key="overall"][data-address*=\'"position":{place},\'] [data-offer=cannot_assess]'
    )
    select_words(page, f'[data-response="{place}"] .rendered', "two", "two")
    page.click(f'[data-response="{place}"] [data-label="Unclear"]')
    page.click(f'[data-response="{place}"] .rewriting summary')
    page.fill(f'[data-response="{place}"] .rewriting textarea', "One 🙂 2 three.")
    page.select_option('[data-key="ranking"] li[data-position="1"] select', "2")
    page.select_option('[data-key="ranking"] li[data-position="2"] select', "1")
    page.select_option('[data-key="ranking"] li[data-position="3"] select', "2")
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.click('[data-key="topics"] label:has(input[value="physics"])')
    page.fill('[data-key="seconds"] input', "420")
    page.select_option('[data-key="language"] select', "language 7")
    page.wait_for_selector(".diff ins")
    diff = page.inner_html(f'[data-response="{place}"] [data-diff]')
    ann.saved()
    kept = ann.answers()
    ann.submit()

    assert kept[(place, "issues")] == [{"label": "Unclear", "text": "two", "start": 6, "end": 9}]
    assert kept[(place, "rewrite")] == "One 🙂 2 three."
    assert diff == "One 🙂 <del>two</del><ins>2</ins> three."
    assert kept[(None, "ranking")] == [[2], [1, 3]]
    assert (kept[(None, "both_bad")], kept[(None, "seconds")]) == (True, 420)
    assert kept[(None, "topics")] == ["physics"]
    (done,) = tasks_of(ann)
    assert done.status == "completed"


STEPS = {"fields": [
    {"key": "verdict", "level": "chunk", "type": "category", "required": True,
     "possible_values": ["correct", "neutral", "incorrect"]},
    {"key": "correction", "level": "chunk", "type": "text", "title": "Write it right"},
]}  # fmt: skip


def test_the_first_incorrect_step_must_be_put_right(tenant, shared_server, open_context):
    team = AnnotationTeam(tenant, form=STEPS)
    content = make_content("The whole answer.")
    chunks = [{"type": "step", "text": text, "annotations": []} for text in ("1", "2", "3")]
    content[0]["turns"][1]["messages"][1]["content"]["chunks"] = chunks
    team.add(content)
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()

    for number, verdict in enumerate(("correct", "incorrect", "incorrect"), 1):
        page.click(f"[data-step='{number}'] label:has(input[value='{verdict}'])")
    was = page.url
    page.click("#submit")
    demanded = page.inner_text(".is-wrong .wrong")
    boxes = page.locator("[data-key='correction']:visible").count()
    page.fill("[data-step='2'] textarea", "2, better")
    page.click("#submit")
    ann.gone_from(was)

    assert "first incorrect step" in demanded
    assert boxes == 1
    (done,) = tasks_of(ann)
    chunks = done.threads[0].turns[1].messages[1].content.chunks
    steps = [values(one.actual_instance.annotations) for one in chunks]
    assert [one["verdict"] for one in steps] == ["correct", "incorrect", "incorrect"]
    assert steps[1]["correction"] == "2, better"


def test_a_response_is_written_and_delivered_as_a_message(tenant, shared_server, open_context):
    fields = [{"key": "response", "level": "turn", "type": "text", "use": "response",
               "required": True, "chars_min": 10}]  # fmt: skip
    team = AnnotationTeam(tenant, form={"fields": fields})
    content = make_content()
    del content[0]["turns"][1]["messages"][1:]
    team.add(content)
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()

    page.keyboard.press("e")
    page.keyboard.type("Too short")
    page.click("#submit")
    wrong = page.inner_text(".is-wrong .wrong")
    page.keyboard.type(", now longer.")
    ann.submit()

    assert wrong
    (done,) = tasks_of(ann)
    written = done.threads[0].turns[1].messages[-1]
    assert written.source_id == "human"
    assert written.content.text == "Too short, now longer."


RUBRIC = [{"key": "score", "level": "criterion", "type": "rubric_rating", "required": True}]


def test_criteria_are_scored_with_their_weights(seat):
    content = make_content()
    criteria = [
        {"id": "crit_1", "criterion": "Says how long", "weight": 3, "annotations": []},
        {"id": "crit_2", "criterion": "Is dangerous", "weight": -2, "annotations": []},
    ]
    content[0]["turns"][1]["rubrics"] = [{"criteria_definitions": criteria}]
    ann = seat(RUBRIC, content)
    page = ann.take()

    for position, scores in ((1, ("1", "0.5")), (2, ("0", "1"))):
        boxes = page.query_selector_all(f"{question('score', position)} input[type=number]")
        for box, score in zip(boxes, scores, strict=True):
            box.fill(score)
    told = page.inner_text("[data-scores]")
    ann.submit()

    assert told == "Response 1: 2 of 3 · Response 2: -2 of 3"
    (done,) = tasks_of(ann)
    found = [
        [one.score for one in message.rubric_evaluations[0].criteria_evaluations]
        for message in done.threads[0].turns[1].messages[1:]
    ]
    assert sorted(found) == [[0, 1], [1, 0.5]]


RANKING = [{"key": "ranking", "level": "turn", "type": "ranked_choices", "required": True}]


def test_responses_are_ranked_by_dragging_and_by_keyboard(seat):
    ann = seat(RANKING, make_content("One.", "Two.", "Three."))
    page = ann.take()
    item = "[data-key='ranking'] li[data-position='{}']".format

    page.drag_and_drop(item(3), item(1), target_position={"x": 20, "y": 2})
    dragged = page.inner_text("[data-summary]")
    page.focus(f"{item(2)} select")
    page.keyboard.press("Alt+ArrowUp")
    moved = page.inner_text("[data-summary]")
    page.keyboard.press("1")
    ann.saved()

    assert dragged == "Response 3 > Response 1 > Response 2"
    assert moved == "Response 3 > Response 2 > Response 1"
    assert page.inner_text("[data-summary]") == "Response 2 > Response 3 > Response 1"
    assert ann.answers()[(None, "ranking")] == [2, 3, 1]
    ann.submit()


def test_what_cannot_be_judged_is_said_so_and_why(seat):
    fields = [
        {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3],
         "required": True, "cannot_assess": True, "not_applicable": True},
    ]  # fmt: skip
    ann = seat(fields, make_content("One.", "Two."))
    page = ann.take()

    page.focus(f"{question('overall', 1)} input")
    page.keyboard.press("0")
    page.click(f"{question('overall', 2)} [data-offer=cannot_assess]")
    page.fill(f"{question('overall', 2)} [data-part=note]", "It is in Finnish.")
    ann.submit()

    with ann.team.world.client() as client:
        query = {"project_id": ann.team.project.project_id, "opts": "annotation_details"}
        (done,) = client.get("/v2/tasks", params=query).json()["tasks"]
    given = [one["annotations"][0] for one in done["threads"][0]["turns"][1]["messages"][1:]]
    assert sorted("not_applicable" in one for one in given) == [False, True]
    (unsure,) = [one for one in given if one.get("cannot_assess")]
    assert unsure["justification"] == "It is in Finnish."


@pytest.mark.parametrize(
    ("direction", "presses"),
    [
        ("low_is_first", {"mouse": 1, "a": 2, "1": 1}),
        ("high_is_first", {"mouse": 7, "a": 6, "7": 7}),
    ],
)
def test_preferring_response_1_delivers_the_response_that_stood_there(
    tenant, shared_server, open_context, direction, presses
):
    """However it is preferred: in one task after the other."""
    fields = [
        {"key": "likert_value", "level": "turn", "type": "integer", "scale": direction,
         "required": True},
        {"key": "selected_model_id", "level": "turn", "type": "category"},
    ]  # fmt: skip
    team = AnnotationTeam(tenant, form={"fields": fields})
    team.add(make_content("One.", "Two."), count=len(presses))
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page, found, expected = ann.take(), [], []

    for press, value in presses.items():
        ann.ready()
        shown = page.inner_text('[data-response="1"] .as-rendered').strip()
        if press == "mouse":
            page.click(f"{question('likert_value')} .pills label >> nth=0")
        else:
            page.focus(f"{question('likert_value')} input")
            page.keyboard.press(press)
        said = page.inner_text("[data-chosen]")
        is_first = page.inner_text(".preference .ends").startswith("Response 1 is much better")
        ann.saved()
        kept = ann.answers()[(None, "likert_value")]
        ann.submit()
        found.append((said, is_first, kept, preferred_text(ann)))
        expected.append(("Preferred: Response 1", True, value, shown))

    assert found == expected


def preferred_text(ann: AnnotatorTab) -> str:
    """The text of the response that was preferred in the task that was completed last."""
    done = [task for task in tasks_of(ann) if task.status == "completed"]
    turn = max(done, key=lambda task: task.completed_at).threads[0].turns[1]
    preferred = values(turn.annotations)["selected_model_id"]
    (text,) = [one.content.text for one in turn.messages if one.source_id == preferred]
    return str(text)


def test_a_contradiction_is_seen_whichever_end_of_the_scale_is_the_first_response(seat):
    fields = [
        {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3]},
        {"key": "likert_value", "level": "turn", "type": "integer", "scale": "high_is_first"},
    ]
    ann = seat(fields, make_content("One.", "Two."))
    page = ann.take()
    ann.pick("overall", "3", 1)
    ann.pick("overall", "1", 2)

    ann.pick("likert_value", "7")
    agreed = page.is_hidden("[data-contradiction]")
    ann.pick("likert_value", "1")

    assert agreed
    assert page.is_visible("[data-contradiction]")


RATING = [{"key": "rating", "level": "turn", "type": "rubric_rating", "required": True}]


def test_a_reason_outlives_its_score(seat):
    ann = seat(RATING, make_content())
    page = ann.take()
    score = f"{question('rating')} input[type=number]"
    why = f"{question('rating')} textarea"
    page.fill(score, "3")
    page.fill(why, "It is long.")

    page.fill(score, "")
    ann.saved()
    page.reload()
    ann.ready()
    shown = page.input_value(why)
    progress = page.inner_text("#progress")
    page.click("#submit")
    page.wait_for_selector(f"{question('rating')} .wrong:not([hidden])")
    page.fill(score, "4")
    ann.submit()

    assert shown == "It is long."
    assert progress == "0 of 1 required answers"
    (done,) = tasks_of(ann)
    (rating,) = [one.actual_instance for one in done.threads[0].turns[1].annotations]
    assert (rating.value.score, rating.value.justification) == (4, "It is long.")


NUMBERS = [
    ("rubric_rating", "-2", {"score": -2}),
    ("rubric_rating", "1.5", {"score": 1.5}),
    ("rubric_rating", "0", {"score": 0}),
    ("rubric_rating", "-0.5", {"score": -0.5}),
    ("integer", "-20", -20),
    ("integer", "007", 7),
]


def test_numbers_and_lines_stay_as_they_are_typed_key_by_key(seat):
    """The caret stays where it is, and what is no number is not passed over."""
    fields = [
        {"key": f"n{place}", "level": "turn", "type": kind}
        for place, (kind, _, _) in enumerate(NUMBERS)
    ]
    tags = {"key": "tags", "level": "thread", "type": "category_multiple"}
    ann = seat([*fields, tags], make_content())
    page = ann.take()
    boxes = [f"{question(field['key'])} input[type=number]" for field in fields]
    lines = f"{question('tags')} textarea"

    for box, (_, typed, _) in zip(boxes, NUMBERS, strict=True):
        page.fill(box, "3")
        page.press(box, "Control+a")
        page.keyboard.type(typed)
    page.focus(lines)
    page.keyboard.type("New\nNew York\n New \n\nOld")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    page.keyboard.type("A ")
    shown = page.input_value(lines)
    ann.saved()

    assert [page.input_value(box) for box in boxes] == [typed for _, typed, _ in NUMBERS]
    expected = {(None, f"n{place}"): value for place, (_, _, value) in enumerate(NUMBERS)}
    assert shown == "New\nA New York\n New \n\nOld"
    assert ann.answers() == expected | {(None, "tags"): ["New", "A New York", "Old"]}

    page.press(boxes[-1], "Control+a")
    page.keyboard.type("-")
    page.click("#submit")
    wrong = page.inner_text(f"{question(fields[-1]['key'])} .wrong")
    page.keyboard.type("3")
    ann.submit()

    assert wrong == "This is no number."
    (done,) = tasks_of(ann)
    assert values(done.threads[0].turns[1].annotations)[fields[-1]["key"]] == -3
    assert values(done.threads[0].annotations)["tags"] == ["New", "A New York", "Old"]
