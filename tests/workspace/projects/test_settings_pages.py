"""Managers' pages of a project's settings: rules, guidelines, template."""

from __future__ import annotations

import json
import re

from markupsafe import escape

from plaudit.wire.v2.resources import AdaptiveOverlap
from tests.api.test_sweep import content_hash
from tests.support.harness import on_sqlite_alone, one_engine
from tests.support.labeling_project import FORM
from tests.support.pages.browser_client import Tags
from tests.support.pages.manager_pages import all_projects, entries, invalid_fields, said_at
from tests.support.running.every_case import every_case
from tests.workspace.http.test_pages import HOSTILE
from tests.workspace.projects.settings_requests import drawn, fault_in, path_of, version_in

KEY = "overall"
"""A question of FORM whose answers can be counted."""


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
    assert f"2 to 5, until <bdi>{KEY}</bdi> is 92.5% sure" in overview
    assert all_projects(world)["P"].judges is None


@every_case(
    "field, value, message",
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


@every_case("text", HOSTILE)
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
@every_case(
    "typed, variables, pointer, message",
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
