"""Managers' pages of a project's settings: rules, guidelines, template, and the form editor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from markupsafe import escape

from plaudit.core.tasks import projects
from plaudit.core.tasks.forms import PRESETS
from plaudit.model.core import ProjectRow
from plaudit.wire.v2.resources import AdaptiveOverlap, ProjectDetail
from tests.api.test_sweep import content_hash
from tests.support.harness import World, on_sqlite_alone, one_engine
from tests.support.labeling_project import FORM
from tests.support.pages.browser_client import Browser, Tags, add_person, signed_in
from tests.support.pages.manager_pages import all_projects, entries, invalid_fields, said_at
from tests.workspace.http.test_pages import HOSTILE

KEY = "overall"
"""A question of FORM whose answers can be counted."""


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


@pytest.fixture
def project(world: World) -> ProjectRow:
    """A project with something of everything set."""
    environment_id = world.org()
    detail = ProjectDetail(
        types=["Old"],
        models=["model-a"],
        form=FORM,
        overlap=2,
        guidelines="# Old",
        template={"messages": [{"role": "user", "text": "{{prompt}}"}]},
    )

    async def run(tx: Any) -> ProjectRow:
        return await projects.create_project(tx, environment_id, name="P", detail=detail)

    found: ProjectRow = world.run(world.db.write(run))
    return found


def path_of(project: ProjectRow, page: str = "") -> str:
    return f"/projects/{project.project_id}/settings{page}"


def drawn(browser: Browser, path: str, **body: Any) -> Any:
    """A preview as the page's script asks for it."""
    return browser.send(f"{path}/preview", body, Accept="text/html")


def test_settings_show_what_is_set(mia, project):
    text = mia.get(path_of(project)).text

    assert 'name="overlap" type="number" value="2"' in text
    assert "Old</textarea>" in text
    assert "model-a</textarea>" in text
    assert re.search(r'id="blind"[^>]* checked', text)


def test_saving_settings_changes_them_and_nothing_else(world, mia, project):
    mia.get(path_of(project))
    answer = mia.post(
        path_of(project), {"name": "Q", "models": "m", "overlap": "", "review": "all"}
    )
    shown = mia.get(answer.headers["location"]).text

    detail = all_projects(world)["Q"]
    assert answer.status_code == 303
    assert "The settings are saved." in shown
    assert (detail.types, detail.models, detail.overlap) == (None, ["m"], None)
    assert (detail.review, detail.blind) == ("all", False)
    assert (detail.form, detail.guidelines) == (FORM, "# Old")
    (entry,) = entries(world)
    assert (entry.action, entry.object_id) == ("save_settings", project.project_id)
    assert json.loads(entry.detail)["name"] == {"from": "P", "to": "Q"}


def test_an_adaptive_overlap_is_set_shown_and_taken_away(world, mia, project):
    fields = {"name": "P", "overlap": "2", "judges_question": KEY}
    fields |= {"judges_min": "2", "judges_max": "5", "judges_percent": "92.5"}
    mia.get(path_of(project))
    mia.post(path_of(project), fields)
    judges = all_projects(world)["P"].judges
    shown = mia.get(path_of(project)).text
    overview = mia.get(f"/projects/{project.project_id}").text
    mia.post(path_of(project), fields | {"judges_question": ""})

    assert judges == AdaptiveOverlap(min=2, max=5, confidence=0.925, question=KEY)
    assert 'id="judges_percent" name="judges_percent" type="text" value="92.5"' in shown
    assert f'<option value="{KEY}" selected>' in shown
    assert f"2 to 5, until <bdi>{KEY}</bdi> is 92.5 % sure" in overview
    assert all_projects(world)["P"].judges is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("judges_min", "", "say this as well"),
        ("judges_max", "1", "min to 100"),
        ("judges_percent", "100", "0.5 to"),
        ("judges_question", "nothing", "is not asked"),
        ("name", "   ", "visible characters"),
        ("overlap", "101", "1 to 100"),
        ("overlap", "1.5", "int"),
        ("review_percent", "0", "1 to 100"),
        ("lease_seconds", "99999999", "1 to"),
        ("models", "\n".join(map(str, range(101))), "at most 100"),
    ],
)
def test_settings_that_cannot_be_are_told_at_their_field_and_kept_on_the_page(
    world, mia, project, field, value, message
):
    mia.get(path_of(project))
    judges = {"judges_question": KEY, "judges_min": "2", "judges_max": "5"}
    judges |= {"judges_percent": "90"} if field.startswith("judges_") else {"judges_question": ""}
    answer = mia.post(
        path_of(project), {"name": "Q", "types": "typed-before"} | judges | {field: value}
    )

    assert answer.status_code == 400
    assert invalid_fields(answer.text) == [field]
    assert message in said_at(answer.text, field).lower()
    assert "typed-before" in answer.text
    assert list(all_projects(world)) == ["P"]


def test_a_name_that_another_project_has_is_refused(world, mia, project):
    world.project("Taken")
    mia.get(path_of(project))
    answer = mia.post(path_of(project), {"name": "Taken"})

    assert answer.status_code == 409
    assert "There is a project named" in answer.text
    assert set(all_projects(world)) == {"P", "Taken"}


def test_guidelines_are_saved_and_taken_away(world, mia, project):
    path = path_of(project, "/guidelines")
    mia.get(path)
    mia.post(path, {"guidelines": "# New\r\n\r\ntext"})
    saved = all_projects(world)["P"].guidelines
    mia.post(path, {"guidelines": ""})

    assert saved == "# New\n\ntext"
    assert all_projects(world)["P"].guidelines is None


def test_guidelines_are_drawn_as_annotators_will_see_them(mia, project):
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/guidelines"), text="# Rules\n\n**Both**, `always`.")

    assert answer.status_code == 200
    assert "text/html" in answer.headers["content-type"]
    assert "<strong>Both</strong>" in answer.text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_preview_runs_nothing_that_is_typed(mia, project, text):
    mia.get("/projects")
    form = {"fields": [{"key": text[:200], "level": "turn", "type": "text", "title": text,
                        "description": text}]}  # fmt: skip
    pages = [
        drawn(mia, path_of(project, "/guidelines"), text=text),
        drawn(mia, path_of(project, "/form"), form=form, responses=2),
        drawn(
            mia,
            path_of(project, "/template"),
            template=json.dumps({"messages": [{"role": "user", "text": text}]}),
            variables="{}",
        ),
    ]

    for page in pages:
        tags = Tags(page.text)
        assert page.status_code == 200
        assert tags.inline == []
        assert {tag for tag, _ in tags.found}.isdisjoint({"script", "iframe", "object", "img"})
        for _, attributes in tags.found:
            assert not any(
                attribute.startswith("on") or attribute == "style" for attribute in attributes
            )
    assert str(escape(text)) in pages[1].text


@on_sqlite_alone
def test_previews_change_nothing(world, mia, project):
    mia.get("/projects")
    before = content_hash(world)

    for responses in (-5, 0, 1, 2, 9):
        drawn(mia, path_of(project, "/form"), form=FORM, responses=responses)
    drawn(mia, path_of(project, "/guidelines"), text="x")
    drawn(mia, path_of(project, "/template"), template="{}", variables="{}")

    assert content_hash(world) == before


def test_a_preview_is_not_drawn_for_other_sites(mia, project):
    mia.get("/projects")
    answer = mia.send(
        f"{path_of(project, '/form')}/preview",
        {"form": FORM, "responses": 2},
        Origin="https://evil.example",
    )

    assert answer.status_code == 403


def fault_in(text: str) -> tuple[str, str]:
    match = re.search(r'data-pointer="([^"]*)" data-message="([^"]*)"', text)
    assert match is not None
    return match[1], match[2]


def test_a_template_is_tried_on_values(mia, project):
    mia.get("/projects")
    template = {
        "messages": [
            {"role": "system", "text": "Be brief."},
            {"role": "user", "text": "{{prompt}}\n\n{{context}}"},
        ],
        "optional": ["context"],
    }
    answer = drawn(
        mia,
        path_of(project, "/template"),
        template=json.dumps(template),
        variables='{"prompt":"Why?","responses":["One.","Two."]}',
    )

    assert "Why?" in answer.text
    assert "Be brief." in answer.text
    assert answer.text.count('class="response"') == 2
    assert "{{" not in answer.text


@one_engine
@pytest.mark.parametrize(
    ("typed", "variables", "pointer", "message"),
    [
        ("{", "{}", "/template", "json"),
        ("[]", "{}", "/template", "object"),
        ('{"messages":[{"role":"user","text":"x","y":1}]}', "{}", "/template/messages", "y"),
        ('{"messages":[]}', "[]", "/variables", "object"),
        ('{"messages":[]}', '{"unknown":1}', "/variables", "unknown"),
        ('{"messages":[{"role":"user","text":"{{p}}"}]}', "{}", "/variables", "missing"),
        ('{"messages":[]}', '{"responses":"x"}', "/variables", "list"),
        ('{"messages":[]}', "{" * 100, "/variables", ""),
    ],
)
def test_what_is_wrong_with_a_template_is_told_while_one_types(
    mia, project, typed, variables, pointer, message
):
    mia.get("/projects")
    answer = drawn(mia, path_of(project, "/template"), template=typed, variables=variables)

    found, said = fault_in(answer.text)
    assert answer.status_code == 200
    assert found.startswith(pointer)
    assert message in said.lower()


def test_a_template_is_saved_checked_and_taken_away(world, mia, project):
    path = path_of(project, "/template")
    mia.get(path)
    refused = mia.post(path, {"template": '{"messages":[],"optional":["x"]}'})
    mia.post(path, {"template": '{"messages":[{"role":"user","text":"{{q}}"}]}'})
    saved = all_projects(world)["P"].template
    mia.post(path, {"template": ""})

    assert refused.status_code == 400
    assert "/optional" in said_at(refused.text, "template")
    assert saved == {"messages": [{"role": "user", "text": "{{q}}"}]}
    assert all_projects(world)["P"].template is None


def test_an_opening_conversation_that_somebody_else_saved_is_not_replaced_unseen(
    world, mia, project
):
    path = path_of(project, "/template")
    version = version_in(mia.get(path).text)
    hers, mine = ({"messages": [{"role": "user", "text": text}]} for text in ("hers", "mine"))
    mia.post(path, {"template": json.dumps(hers), "version": version})

    refused = mia.post(path, {"template": json.dumps(mine), "version": version})
    kept = all_projects(world)["P"].template
    again = mia.post(path, {"template": json.dumps(mine), "version": version_in(refused.text)})

    assert (refused.status_code, again.status_code) == (409, 303)
    assert (kept, all_projects(world)["P"].template) == (hers, mine)


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


def test_the_usual_questions_have_a_version_too(world, mia, project):
    path = path_of(project, "/form")
    before = version_in(mia.get(path).text)
    mia.post(path, {"form": "", "version": before})
    usual = version_in(mia.get(path).text)

    refused = mia.post(path, {"form": json.dumps(FORM), "version": before})

    assert (usual, refused.status_code) == ("none", 409)
    assert all_projects(world)["P"].form is None


def version_in(text: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', text)
    assert found is not None
    return found[1]


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


@pytest.mark.parametrize(
    ("form", "pointer", "message"),
    [
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
    ],
)  # fmt: skip
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
@pytest.mark.parametrize("responses", [0, 1, 2, 4])
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

    ends = re.search(r'class="ends".*?<span>(.*?) <kbd>.*?<span>(.*?) <kbd>', answer.text, re.S)
    assert ends is not None
    assert ends.groups() == ("Response 1 is much better", "Response 2 is much better")


@one_engine
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
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
    ],
)  # fmt: skip
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
