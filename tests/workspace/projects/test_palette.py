"""The palette finds what somebody may open, by a part of its name, and nothing of others."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support.pages.browser_client import add_person, signed_in


def found(world, role, part):
    with signed_in(world, add_person(world, role)) as browser:
        answer = browser.get(f"/find?{urlencode({'q': part})}")
    assert answer.status_code == 200, answer.text
    return [(one["kind"], one["name"], one["path"]) for one in answer.json()["found"]]


def test_a_project_is_found_by_a_part_of_its_name_in_either_case(world):
    birds = world.project("Garden Birds").project_id
    world.project("Boats")

    assert found(world, "manager", "en bir") == [("Project", "Garden Birds", f"/projects/{birds}")]


def test_an_annotator_is_led_to_the_queue(world):
    birds = world.project("Garden Birds").project_id

    assert found(world, "annotator", "birds") == [("Project", "Garden Birds", f"/work/{birds}")]


@pytest.mark.parametrize("part", ["%", "_", "!", "100% _done_!", "\\", "'"])
def test_signs_of_patterns_mean_themselves(world, part):
    world.project("Garden Birds")
    name = "100% _done_! \\ it's"
    world.project(name)

    assert [name for _, name, _ in found(world, "manager", part)] == [name]


def test_nothing_is_found_by_nothing(world):
    world.project("Garden Birds")

    assert found(world, "admin", "  ") == []


def test_a_part_that_is_too_long_is_refused(world):
    with signed_in(world, add_person(world, "annotator")) as browser:
        assert browser.get("/find?q=" + "a" * 201).status_code == 400


def test_only_admins_find_people_and_only_their_own(world):
    ann = add_person(world, "annotator")
    part = ann.email[:-4].upper()
    add_person(world, "annotator", org="Elsewhere")

    assert found(world, "admin", part) == [("Person", ann.email, "/people")]
    assert found(world, "manager", part) == []


def test_projects_of_another_organization_are_not_found(world):
    world.project("Garden Birds", org="Elsewhere")

    assert found(world, "admin", "birds") == []
