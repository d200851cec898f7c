"""A manager at the form editor in a real browser, and the annotator who is asked the questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plaudit.model.core import PersonRole
from plaudit.store.tasks import projects
from tests.support.annotators import AnnotationTeam
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.labeling_project import LabelingProject
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.chromium import Remote, Seen
from tests.support.pages.manager_pages import all_projects

Open = Callable[..., Any]
pytestmark = on_shared_sqlite


class Office:
    """A manager's browser, pointed at a server."""

    def __init__(self, world: World, server: Server, open_context: Open) -> None:
        self.world, self.server, self.team = world, server, AnnotationTeam(world)
        self.open_context = open_context
        self.seen: Seen
        self.page, self.seen = self.browser("Mia", PersonRole.manager)

    def browser(self, name: str, role: PersonRole = PersonRole.annotator) -> tuple[Remote, Seen]:
        context, seen = self.open_context(self.server.url)
        cookie = {"name": "plaudit", "value": self.team.person(name, role=role)}
        context.add_cookies([cookie | {"url": self.server.url}])
        page = context.new_page()
        page.set_viewport_size({"width": 1440, "height": 900})
        return page, seen

    def open_editor(self) -> Remote:
        self.page.goto(f"{self.server.url}/projects/{self.team.project.project_id}/settings/form")
        return self.drawn()

    def drawn(self) -> Remote:
        self.page.wait_for_selector("#editor[data-ready]", state="attached")
        self.page.wait_for_selector("#preview .context")
        return self.page


@pytest.fixture
def office(tenant: World, shared_server: Server, open_context: Open) -> Office:
    return Office(tenant, shared_server, open_context)


def titles(page: Remote) -> list[str]:
    """The questions of the preview, in their order."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#preview [data-question]')].map(one => one.dataset.title)"
    )
    return list(dict.fromkeys(found))


def cards(page: Remote) -> list[str]:
    """The questions of the editor, in their order."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#fields [data-name]')].map(one => one.textContent)"
    )
    return found


def wait_for_titles(page: Remote, *expected: str) -> None:
    page.wait_for_function(
        """expected => JSON.stringify([...new Set([...document.querySelectorAll(
             '#preview [data-question]')].map(one => one.dataset.title))])
           === JSON.stringify(expected)""",
        arg=list(expected),
    )


def test_a_manager_puts_questions_together_and_an_annotator_is_asked_them(office):
    page = office.page
    page.goto(f"{office.server.url}/projects")
    page.click("text=New project")
    page.fill("#name", "Kitchen")
    page.select_option("#form", "empty")
    page.click("text=Create project")
    page.wait_for_selector("#editor[data-ready]", state="attached")

    # By mouse: a graded question about each response.
    page.click("#add-field")
    page.click("#kinds >> text=Rate on a scale")
    page.keyboard.type("Taste")
    page.fill("#fields .value-row:nth-child(1) [data-label]", "Bland")
    for _ in range(3):
        page.click("#fields .value-row:nth-child(2) [data-remove-value]")
    wait_for_titles(page, "Taste")
    page.check("#fields [data-field=required]")

    # By keyboard: a remark about the turn, moved before the other.
    page.focus("#add-field")
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("In a word?")
    page.keyboard.press("Tab")
    page.keyboard.type("the turn")
    page.keyboard.press("Tab")
    page.keyboard.type("a text")
    page.keyboard.press("Alt+ArrowUp")
    page.fill("#fields > li:first-child [data-field=key]", "word")
    page.wait_for_function("() => document.querySelectorAll('#preview textarea').length === 1")
    asked, order = titles(page), cards(page)
    page.click("#save")
    page.wait_for_selector("text=The questions are saved.")

    form = all_projects(office.world)["Kitchen"].form
    assert order == ["In a word?", "Taste"]
    assert set(asked) == {"In a word?", "Taste"}
    assert form == {
        "fields": [
            {"key": "word", "level": "turn", "type": "text", "title": "In a word?"},
            {
                "key": "question_1",
                "level": "message",
                "type": "integer",
                "title": "Taste",
                "required": True,
                "possible_values": [1, 5],
                "labels": ["Bland", "5"],
            },
        ]
    }
    assert asked_of_annotator(office, "Kitchen") == {"In a word?", "Taste"}
    assert office.seen.errors + office.seen.violations + office.seen.foreign == []


def asked_of_annotator(office: Office, name: str) -> set[str]:
    """What somebody who takes a task of this project is asked."""
    environment_id = office.team.environment_id
    found = office.team.write(lambda tx: projects.list_projects(tx, environment_id))
    office.team.project = next(one for one in found if one.name == name)
    office.team.add()
    page, _ = office.browser("Ann")
    page.goto(f"{office.server.url}/work/{office.team.project.project_id}")
    page.click("#claim")
    page.wait_for_selector("#task[data-ready]")
    return set(
        page.evaluate(
            "[...document.querySelectorAll('#task [data-question]')].map(one => one.dataset.title)"
        )
    )


def test_what_is_wrong_stands_at_its_control_while_one_types_and_goes_with_it(office):
    page = office.open_editor()
    before = titles(page)
    page.click("[data-toggle] >> nth=1")
    key = page.locator("#fields > li:nth-child(2) [data-field=key]")

    key.fill("instruction_following")
    page.wait_for_selector("#fields > li:nth-child(2) [data-field=key][aria-invalid]")
    said = page.inner_text("#fields > li:nth-child(2) [data-said]")
    still = titles(page)
    key.fill("other")
    page.wait_for_selector("[aria-invalid]", state="detached")

    assert "stands twice" in said
    assert still == before
    assert page.locator("#fields .is-wrong").count() == 0


def test_what_the_server_refuses_is_told_at_its_control_and_nothing_is_lost(office):
    page = office.open_editor()
    page.click("[data-toggle] >> nth=0")
    page.fill("#fields > li:nth-child(1) .value-row:nth-child(1) [data-value]", "one")
    page.click("#save")
    page.wait_for_selector("#editor[data-message][data-ready]", state="attached")

    wrong = page.inner_text("#fields > li:nth-child(1) [data-wrong=possible_values]")
    assert "possible value" in wrong
    assert page.input_value("#fields .value-row [data-value] >> nth=0") == "one"
    assert all_projects(office.world)["Eggs"].form is None


def test_questions_are_moved_and_removed_by_buttons_and_the_focus_stays(office):
    page = office.open_editor()
    first, second, *rest = cards(page)

    page.focus("#fields > li:nth-child(1) [data-move='1']")
    page.keyboard.press("Enter")
    moved = cards(page)
    focused = page.evaluate("document.activeElement.closest('li').card.find('title').value")
    page.click("#fields > li:nth-child(1) [data-remove]")

    assert moved == [second, first, *rest]
    assert focused == first
    assert cards(page) == [first, *rest]
    assert page.evaluate("document.activeElement.matches('[data-toggle]')")


def test_enter_in_a_field_saves_nothing_and_among_values_asks_for_the_next(office):
    page = office.open_editor()
    page.click("[data-toggle] >> nth=0")
    was = page.url
    page.focus("#fields [data-field=title] >> nth=0")
    page.keyboard.press("Enter")
    page.focus("#fields .value-row [data-value] >> nth=2")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Perfect")

    values = page.evaluate("document.querySelector('#fields > li').card.rows()")
    assert values[-1] == {"value": "4", "label": "Perfect"}
    assert page.url == was
    assert all_projects(office.world)["Eggs"].form is None


def test_json_that_is_typed_appears_as_controls_and_in_the_preview(office):
    page = office.open_editor()
    page.click("#as-json summary")
    page.fill("#form", '{"fields":[{"key":"a","level":"turn","type":"text","title":"Typed"}]}')
    wait_for_titles(page, "Typed")
    page.fill("#form", "{")
    page.wait_for_selector("#form-wrong:not([hidden])")

    assert cards(page) == ["Typed"]


def test_every_preset_goes_through_the_controls_unchanged(office):
    page = office.open_editor()
    page.on("dialog", lambda dialog: dialog.accept())
    for name in ("RLHF: Pref Ranking with Rewrites", "SFT", "Rubrics", "Process Supervision"):
        kept = page.evaluate(
            """async name => {
                 const preset = JSON.parse(document.getElementById('editor').dataset.vocabulary)
                   .presets[name];
                 const text = document.getElementById('form');
                 text.value = JSON.stringify(preset);
                 text.dispatchEvent(new Event('input'));
                 const sorted = one => JSON.stringify(Object.entries(one).sort());
                 const shown = [...document.querySelectorAll('#fields > li')].map(
                   one => sorted(one.card.read()));
                 return JSON.stringify(shown) === JSON.stringify(preset.fields.map(sorted));
               }""",
            name,
        )
        assert kept, name


def test_axe_finds_nothing_on_pictures_and_on_an_editor_with_faults(office):
    """All that axe knows, beyond the levels that other pages are held to."""
    labeling = LabelingProject(office.world)
    labeling.create(3, batch=labeling.batch("First"))
    labeling.work_on("ann")
    path = f"{office.server.url}/projects/{labeling.project.project_id}"
    page = office.page
    found = {}
    for name in ("charts", "batches", "tasks", "settings/form"):
        page.goto(f"{path}/{name}")
        if name == "settings/form":
            office.drawn()
            page.click("[data-toggle] >> nth=0")
            page.fill("#fields > li:nth-child(1) [data-field=key]", "")
            page.wait_for_selector("[data-field=key][aria-invalid]")
        found[name] = faults_in_both_schemes(page, resultTypes=["violations"])

    assert not any(found.values()), found


@pytest.mark.parametrize("composed", [{"isComposing": True}, {"keyCode": 229}], ids=str)
def test_enter_belongs_to_an_input_method_while_it_composes(office, composed):
    page = office.open_editor()
    page.click("#add-field")
    page.keyboard.press("Enter")
    press = """(init) => !document.activeElement.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init }))"""
    value = page.locator("#fields > :last-child .value-row input").nth(1)

    value.focus()
    before = page.locator(".value-row").count()
    is_taken = page.evaluate(press, composed)
    after = page.locator(".value-row").count()
    page.keyboard.press("Enter")

    assert (is_taken, after) == (False, before)
    assert page.locator(".value-row").count() == before + 1
