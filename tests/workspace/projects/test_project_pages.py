"""Managers' pages of projects: the list, a new one, how one comes on, and the pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from markupsafe import escape

from plaudit.core.labeling import dashboard
from plaudit.core.tasks import lifecycle, projects
from plaudit.core.tasks.forms import PRESETS
from plaudit.model.core import TaskStatus
from tests.support.builders import make_task
from tests.support.harness import World, both_engines
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, Tags, add_person, signed_in
from tests.support.pages.manager_pages import all_projects, entries, invalid_fields, said_at
from tests.support.running.every_case import every_case
from tests.workspace.http.test_pages import HOSTILE


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a manager."""
    with signed_in(world, add_person(world, "manager")) as browser:
        yield browser


def test_projects_are_listed_with_their_counts_the_newest_first(world, mia):
    LabelingProject(world).create(3)
    world.project("Newer")
    world.project("Elsewhere", org="Other")

    text = mia.get("/projects").text

    rows = {
        re.search(r"<bdi>([^<]+)</bdi>", row)[1]: re.findall(r'class="number"[^>]*>([^<]+)<', row)
        for row in re.findall(r"<tr>.*?</tr>", text, re.S)
        if "<bdi>" in row
    }
    assert rows == {"Newer": ["0", "0"], "Floor": ["3", "0"]}
    assert list(rows) == ["Newer", "Floor"]


@both_engines
def test_a_long_list_of_projects_comes_in_pages(world, mia, monkeypatch):
    monkeypatch.setattr(dashboard, "PROJECTS_MAX", 2)
    for name in ("A", "B", "C"):
        world.project(name)

    first = mia.get("/projects").text
    [older] = re.findall(r'href="(/projects\?next_token=[^"]+)">Older', first)
    second = mia.get(unescape(older)).text

    pages = [re.findall(r'<th scope="row">.*?<bdi>(\w)</bdi>', text) for text in (first, second)]
    assert [len(page) for page in pages] == [2, 1]
    assert {*pages[0], *pages[1]} == {"A", "B", "C"}
    assert "Older" not in second
    assert '<a class="button" href="/projects">Newest</a>' in second


def test_where_there_is_no_project_the_list_says_what_to_do(mia):
    text = mia.get("/projects").text

    assert "There is no project yet" in text
    assert 'href="/new-project"' in text


def test_a_project_is_created_with_everything_the_form_offers(world, mia):
    mia.get("/new-project")
    answer = mia.post(
        "/projects",
        {
            "name": "Summaries",
            "types": "RLHF: Pref Ranking\n\n  Other  ",
            "models": "model-a\nmodel-b",
            "overlap": "3",
            "review": "sample",
            "review_percent": "10",
            "lease_seconds": "600",
            "form": "SFT",
            "guidelines": "# Rules",
            "template": '{"messages":[{"role":"user","text":"{{prompt}}"}]}',
        },
    )
    said = mia.get(answer.headers["location"]).text

    detail = all_projects(world)["Summaries"]
    assert answer.status_code == 303
    assert "The project is there." in said
    assert detail.types == ["RLHF: Pref Ranking", "Other"]
    assert detail.models == ["model-a", "model-b"]
    assert (detail.overlap, detail.review, detail.review_percent) == (3, "sample", 10)
    assert (detail.lease_seconds, detail.blind, detail.guidelines) == (600, False, "# Rules")
    assert detail.form is not None
    assert [one["key"] for one in detail.form["fields"]] == ["response"]
    assert detail.template is not None
    assert [one.action for one in entries(world)] == ["create_project_on_page"]


def test_a_project_that_begins_empty_opens_an_editor_without_questions(world, mia):
    mia.get("/new-project")
    answer = mia.post("/projects", {"name": "Empty", "form": "empty", "blind": "on"})
    editor = mia.get(answer.headers["location"]).text

    detail = all_projects(world)["Empty"]
    assert (detail.form, detail.blind) == (None, True)
    assert re.search(r'name="form"[^>]*>\s*\{\s*&#34;fields&#34;: \[\]\s*\}', editor)


@every_case(
    "field, value, message",
    [
        ("name", "", "visible characters"),
        ("name", "x" * 256, "at most 255"),
        ("overlap", "0", "1 to 100"),
        ("overlap", "many", "int"),
        ("review", "sometimes", "accepted: none"),
        ("review_percent", "101", "1 to 100"),
        ("lease_seconds", "0", "1 to"),
        ("types", "a\nb\u202e", "bidirectional"),
        ("form", "No such form", "there is no form called"),
        ("guidelines", "x" * 50_001, "at most 50000"),
        ("template", "{", "JSON"),
        ("template", "[]", "object"),
        ("template", '{"messages":[{"role":"nobody","text":"x"}]}', "accepted: system"),
    ],
)
def test_what_is_wrong_with_a_new_project_stands_at_its_field_and_nothing_is_lost(
    world, mia, field, value, message
):
    mia.get("/new-project")
    given = {"name": "Good", "models": "kept-model", "form": "SFT"} | {field: value}
    answer = mia.post("/projects", given)

    assert answer.status_code == 400
    assert invalid_fields(answer.text) == [field]
    assert message.lower() in said_at(answer.text, field).lower()
    assert "kept-model" in answer.text
    assert all_projects(world) == {}


def test_a_name_that_is_taken_is_said_and_nothing_is_created(world, mia):
    world.project("Taken")
    mia.get("/new-project")
    answer = mia.post("/projects", {"name": " Taken", "form": "SFT"})

    assert answer.status_code == 409
    assert "there is a project named" in answer.text.lower()
    assert len(all_projects(world)) == 1


def test_annotators_and_reviewers_see_nothing_of_it(world):
    project = world.project("Closed")
    path = f"/projects/{project.project_id}"
    for role in ("annotator", "reviewer"):
        with signed_in(world, add_person(world, role)) as browser:
            found = [
                browser.get(one).status_code
                for one in ("/projects", "/new-project", path, f"{path}/charts", f"{path}/tasks")
            ]
            sent = browser.post("/projects", {"name": "x", "form": "SFT"}).status_code

        assert {*found, sent} == {403}


def test_a_project_of_another_organization_is_not_there(world, mia):
    theirs = world.project("Theirs", org="Other")
    path = f"/projects/{theirs.project_id}"

    statuses = {
        one: mia.get(f"{path}{one}").status_code
        for one in (
            *("", "/charts", "/batches", "/tasks", "/settings", "/settings/form"),
            *("/settings/guidelines", "/settings/template"),
        )
    }
    drawn = mia.send(f"{path}/settings/guidelines/preview", {"text": "x"}, Accept="text/html")

    assert set(statuses.values()) == {404}
    assert drawn.status_code == 404


def test_the_overview_counts_tasks_by_status_and_the_work_on_them(world, mia):
    labeling = LabelingProject(world, review="all")
    ids = labeling.create(6)
    labeling.work_on("ann")
    labeling.take("ben")
    labeling.move(lifecycle.cancel_task, ids[5])

    text = mia.get(f"/projects/{labeling.project.project_id}").text

    figures = {
        re.sub(r"<[^>]+>", "", name).strip(): count
        for name, count in re.findall(r"<dt>(.*?)</dt><dd>([\d,+]+)</dd>", text)
    }
    assert figures | {"pending": "5", "completed": "0", "canceled": "1", "in error": "0"} == figures
    assert (figures["held by people"], figures["in review"]) == ("1", "1")
    assert (figures["waiting for somebody"], figures["reported and quarantined"]) == ("3", "0")


@every_case("name", HOSTILE)
def test_what_others_named_is_shown_and_never_run(world, mia, name):
    labeling = LabelingProject(world, types=[name], models=[name], guidelines=name)
    labeling.set(name=name)
    labeling.create(1, batch=labeling.batch(name), unique_id=name, metadata={name: name})
    path = f"/projects/{labeling.project.project_id}"

    for page in ("", "/charts", "/batches", "/tasks", "/settings", "/settings/form",
                 "/settings/guidelines", "/settings/template"):  # fmt: skip
        text = mia.get(path + page).text
        tags = Tags(text)
        assert tags.inline == []
        assert {tag for tag, _ in tags.found}.isdisjoint({"img", "iframe", "object"})
        assert str(escape(name)) in text
        for _, attributes in tags.found:
            assert not any(
                attribute.startswith("on") or attribute == "style" for attribute in attributes
            )


def test_every_form_that_changes_something_carries_the_token(world, mia):
    labeling = LabelingProject(world)
    labeling.create(1, batch=labeling.batch("First"))
    path = f"/projects/{labeling.project.project_id}"

    for page in ("/batches", "/settings", "/settings/form", "/settings/guidelines",
                 "/settings/template"):  # fmt: skip
        text = mia.get(path + page).text
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.S)
        assert len(forms) > 1
        assert all(f'name="csrf" value="{mia.token}"' in form for form in forms)


def test_ids_with_odd_characters_lead_to_their_pages(world, mia):
    project_id = "a/b?c#d e"
    environment_id = world.org()
    world.run(
        world.db.write(
            lambda tx: projects.create_project(
                tx, environment_id, name="Odd", project_id=project_id
            )
        )
    )

    match = re.search(r'href="(/projects/a[^"]*)"', mia.get("/projects").text)
    assert match is not None
    page = mia.get(match[1])
    links = re.findall(r'href="(/projects/[^"]+)"', page.text)

    assert page.status_code == 200
    assert len(links) > 8
    assert {mia.get(one.replace("&amp;", "&")).status_code for one in set(links)} == {200}


def numbers_of(text: str, chart: str) -> dict[str, int]:
    """A chart's table: what stands in each row."""
    picture = re.search(rf'aria-labelledby="{chart}-title".*?</figure>', text, re.S)
    assert picture is not None
    rows = re.findall(r'<th scope="row">([^<]*)</th><td class="number">([\d,]+)<', picture[0])
    return {label: int(count.replace(",", "")) for label, count in rows}


def test_completions_are_drawn_by_day_and_stand_in_a_table(world, mia):
    labeling = LabelingProject(world)
    labeling.create(3)
    labeling.work_on("ann")
    labeling.work_on("ann")

    text = mia.get(f"/projects/{labeling.project.project_id}/charts").text

    days = numbers_of(text, "pace")
    columns = re.findall(r'<rect class="column"[^>]*height="([\d.]+)"><title>(\S+): (\d+)<', text)
    assert len(days) == 30
    assert (sum(days.values()), list(days.values())[-1]) == (2, 2)
    assert [count for height, _, count in columns[:30] if float(height) > 0] == ["2"]


def test_a_project_of_long_ago_shows_the_days_until_its_last_completion(world, mia):
    days = ("2025-01-02", "2025-01-02", "2024-12-05", "2024-12-03")
    made = [
        make_task(f"task_{n}", completed_at=f"{day}T12:00:00.000Z") for n, day in enumerate(days)
    ]
    project = world.project("Long ago")
    world.load(made, project="Long ago")

    text = mia.get(f"/projects/{project.project_id}/charts").text

    drawn = numbers_of(text, "pace")
    assert "Nothing was completed after 2025-01-02." in text
    assert (len(drawn), list(drawn)[-1]) == (30, "2025-01-02")
    assert (sum(drawn.values()), drawn["2025-01-02"], drawn["2024-12-05"]) == (3, 2, 1)


def test_values_are_counted_for_each_question_from_what_people_submitted(world, mia):
    labeling = LabelingProject(world)
    labeling.create(4)
    for value in (1, 1, 7):
        labeling.work_on(
            "ann", lambda possible, value=value: possible[min(value, len(possible)) - 1]
        )

    text = mia.get(f"/projects/{labeling.project.project_id}/charts").text

    tables = {
        re.search(r"<caption><bdi>([^<]+)<", one)[1]: {
            label: int(count)
            for label, count in re.findall(
                r'<th scope="row"><bdi>([^<]+)</bdi>.*?<td class="number">(\d+)<', one, re.S
            )
        }
        for one in re.findall(r"<table.*?</table>", text, re.S)
        if "<caption>" in one
    }
    assert set(tables) == {"overall", "likert_value"}
    assert tables["overall"] == {"1": 4, "2": 0, "3": 0, "4": 0, "5": 2}
    assert sum(tables["likert_value"].values()) == 3
    assert "last 1,000 submissions at most; 3 of them count" in text


def test_answers_that_were_taken_back_are_not_counted(world, mia):
    labeling = LabelingProject(world)
    labeling.create(2)
    labeling.work_on("ann")
    lease = labeling.take("ann")
    labeling.submit(lease)
    labeling.undo(lease)

    text = mia.get(f"/projects/{labeling.project.project_id}/charts").text

    assert "; 1 of them count" in text


def test_times_are_drawn_as_a_histogram(world, mia):
    labeling = LabelingProject(world)
    labeling.create(1)
    labeling.work_on("ann")

    text = mia.get(f"/projects/{labeling.project.project_id}/charts").text

    times = numbers_of(text, "times")
    assert times["0–30 s"] == 1
    assert sum(times.values()) == 1


def test_the_charts_of_an_empty_project_say_that_nothing_is_there(world, mia):
    project = world.project("Quiet")

    text = mia.get(f"/projects/{project.project_id}/charts").text

    assert "Nobody has submitted anything yet" in text


def test_presets_are_offered_by_name(mia):
    text = mia.get("/new-project").text

    offered = re.findall(r'<option value="([^"]+)"', text)
    assert set(PRESETS) < set(offered)


def test_statuses_of_tasks_lead_to_the_tasks_in_them(world, mia):
    labeling = LabelingProject(world)
    labeling.create(1)

    text = mia.get(f"/projects/{labeling.project.project_id}").text

    for status in ("pending", "completed", "canceled", "error"):
        assert f"/tasks?status={status}" in text
    assert TaskStatus.deleted.value not in text
