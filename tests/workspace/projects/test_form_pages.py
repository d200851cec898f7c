"""Managers' pages of a project's questions: the form editor and its preview."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from markupsafe import escape

from plaudit.core.tasks.forms import PRESETS
from tests.support.harness import both_engines, one_engine
from tests.support.labeling_project import FORM, OVERALL
from tests.support.pages.manager_pages import all_projects, entries
from tests.support.running.every_case import every_case
from tests.workspace.projects.settings_requests import drawn, fault_in, path_of, version_in


def test_the_editor_works_without_a_script_as_json(world, mia, project):
    path = path_of(project, "/form")
    page = mia.get(path).text
    shown = re.search(r'<textarea id="form" name="form"[^>]*>(.*?)</textarea>', page, re.S)
    assert shown is not None
    answer = mia.post(path, {"form": json.dumps({"fields": FORM["fields"][:1]})})

    assert json.loads(shown[1].replace("&#34;", '"'))["fields"][0]["key"] == "overall"
    assert answer.status_code == 303
    form = all_projects(world)["P"].form
    assert form is not None
    assert [one["key"] for one in form["fields"]] == ["overall"]
    assert [one.action for one in entries(world)] == ["save_questions"]


def test_questions_that_somebody_else_saved_meanwhile_are_not_replaced_unseen(world, mia, project):
    path = path_of(project, "/form")
    version = version_in(mia.get(path).text)
    hers = {"fields": FORM["fields"][:1]}
    mine = {"fields": FORM["fields"][:2]}

    mia.post(path, {"form": json.dumps(hers), "version": version})
    refused = mia.post(path, {"form": json.dumps(mine), "version": version})
    kept = all_projects(world)["P"].form
    again = mia.post(path, {"form": json.dumps(mine), "version": version_in(refused.text)})

    assert refused.status_code == 409
    assert "Somebody else saved other questions" in refused.text
    assert escape(json.dumps(mine)) in refused.text
    assert kept == hers
    assert again.status_code == 303
    assert all_projects(world)["P"].form == mine


@both_engines
@pytest.mark.parametrize("page", ["/form", "/template"])
def test_of_two_who_save_at_the_same_moment_one_is_told(world, mia, project, page):
    path, field = path_of(project, page), page.removeprefix("/")
    keys = [f"key_{number}" for number in range(3)]
    for number in range(8):
        version = version_in(mia.get(path).text)

        def save(key: str, number: int = number, version: str = version) -> int:
            what = {"fields": [OVERALL | {"key": f"{key}_{number}"}]}
            if field == "template":
                what = {"messages": [{"role": "user", "text": f"{key} {number}"}]}
            sent = {field: json.dumps(what), "version": version}
            return int(mia.post(path, sent).status_code)

        with ThreadPoolExecutor(len(keys)) as pool:
            told = sorted(pool.map(save, keys))

        assert told == [303, 409, 409]


def test_the_usual_questions_have_a_version_too(world, mia, project):
    path = path_of(project, "/form")
    before = version_in(mia.get(path).text)
    mia.post(path, {"form": "", "version": before})
    usual = version_in(mia.get(path).text)

    refused = mia.post(path, {"form": json.dumps(FORM), "version": before})

    assert (usual, refused.status_code) == ("none", 409)
    assert all_projects(world)["P"].form is None


def test_a_preview_can_be_answered_and_has_sections(mia, project):
    asked = {"key": "why", "level": "turn", "type": "text", "title": "Why?", "section": "end"}
    asked["ask_if"] = {"key": "ok", "operator": "is", "value": False}
    form = {
        "fields": [{"key": "ok", "level": "turn", "type": "boolean"}, asked],
        "sections": [{"key": "end", "title": "In the end", "description": "Be brief."}],
    }

    text = drawn(mia, path_of(project, "/form"), form=form, responses=2).text

    assert "[0,&#34;is&#34;,[false]]" in text
    assert re.search(r"<summary><bdi>In the end</bdi></summary>\s*<p[^>]*>Be brief.</p>", text)


@every_case("form, pointer, message", [
        ("{", "/form", "json"),
        ("[]", "/form", "object"),
        ('{"fields":[]}', "/form/fields", "1 to 200 fields"),
        ('{"fields":[{"key":"","level":"turn","type":"text"}]}', "/form/fields/0/key", "a key"),
        ('{"fields":[{"key":"a","level":"x","type":"text"}]}', "/form/fields/0/level", "accepted"),
        ('{"fields":[{"key":"a","level":"turn","type":"text","possible_values":["x"]}]}',
         "/form/fields/0/possible_values", "have possible values"),
        ('{"fields":[{"key":"a","level":"turn","type":"text","more":1}]}',
         "/form/fields/0", "more"),
        ('{"fields":[],"fields":[]}', "/form", "twice"),
        ("[" * 5000, "/form", ""),
    ])  # fmt: skip
def test_questions_that_cannot_be_are_refused_with_their_place_and_kept_on_the_page(
    world, mia, project, form, pointer, message
):
    path = path_of(project, "/form")
    mia.get(path)
    answer = mia.post(path, {"form": form})

    found, said = fault_in(answer.text)
    assert answer.status_code == 400
    assert found.startswith(pointer)
    assert message in said.lower()
    assert str(escape(form)) in answer.text
    assert all_projects(world)["P"].form == FORM


def test_the_usual_questions_are_asked_again(world, mia, project):
    path = path_of(project, "/form")
    mia.get(path)
    mia.post(path, {"form": ""})
    page = mia.get(path).text

    assert all_projects(world)["P"].form is None
    assert "The project has no questions of its own" in page


@one_engine
@pytest.mark.parametrize("name", PRESETS)
@every_case("responses", [0, 1, 2, 4])
def test_every_preset_is_drawn_on_every_number_of_responses(mia, project, name, responses):
    mia.get("/projects")
    form = msgspec.to_builtins(PRESETS[name])
    answer = drawn(mia, path_of(project, "/form"), form=form, responses=responses)

    text = answer.text
    titles = [one.get("title") or one["key"] for one in form["fields"]]
    assert answer.status_code == 200
    assert "data-message" not in text
    assert text.count('class="response"') == responses
    assert all(str(escape(one)) in text for one in titles if one != "Preferred response")


def test_the_preview_is_made_of_the_annotation_pages_own_parts(mia, project):
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/form"), form=FORM, responses=2)

    asked = re.findall(r'data-question="(\w+)"[^>]*data-key="(\w+)"', answer.text)
    assert asked == [
        *(("choice", "overall"), ("choice", "overall")),
        *(("scale", "likert_value"), ("text", "justification")),
    ]


@pytest.mark.parametrize("direction", ["low_is_first", "high_is_first"])
def test_a_previewed_preference_begins_with_response_1(mia, project, direction):
    field = {"key": "p", "level": "turn", "type": "integer", "scale": direction}
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/form"), form={"fields": [field]}, responses=2)

    end = "<span>(.*?)&nbsp;<kbd>.*?"
    ends = re.search(f'class="ends".*?{end}{end}', answer.text, re.S)
    assert ends is not None
    assert ends.groups() == ("Response 1 is much better", "Response 2 is much better")


@one_engine
@every_case("fields, pointer", [
        ([], "/fields"),
        ([{"key": "a", "level": "turn", "type": "text"}] * 2, "/fields/1/key"),
        ([{"key": "a", "level": "turn", "type": "text", "scale": "low_is_first"}],
         "/fields/0/scale"),
        ([{"key": "a", "level": "turn", "type": "text", "labels": ["x"]}], "/fields/0/labels"),
        ([{"key": "a", "level": "turn", "type": "integer", "possible_values": ["x"]}],
         "/fields/0/possible_values"),
        ([{"key": "a", "level": "turn", "type": "text", "chars_min": -1}], "/fields/0/chars_min"),
        ([{"level": "turn", "type": "text"}], "/fields/0"),
        (["text"], "/fields/0"),
    ])  # fmt: skip
def test_what_is_wrong_with_a_question_is_told_with_its_place_while_one_types(
    mia, project, fields, pointer
):
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/form"), form={"fields": fields}, responses=2)

    assert answer.status_code == 200
    assert fault_in(answer.text)[0] == pointer


def test_questions_that_such_a_task_is_not_asked_are_named(mia, project):
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/form"), form=FORM, responses=3)

    left = re.search(r"Not asked about such a task: (.*?)</p>", answer.text, re.S)
    assert left is not None
    assert "likert_value" in left[1]
