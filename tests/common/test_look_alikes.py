"""Names and e-mail addresses that look like another's are refused where names are unique."""

from __future__ import annotations

import pytest

from plaudit.core.accounts import api_keys
from plaudit.core.common.look_alikes import find_twin
from plaudit.errors import Conflict
from tests.support.harness import run_cli, store_arguments
from tests.support.pages.browser_client import invite
from tests.support.running.every_case import every_case

TWINS = {
    "Cyrillic": ("coco", "сосо"),
    "one letter of Cyrillic": ("Acme", "Аcme"),
    "Greek": ("Option", "Οption"),
    "a capital of Cyrillic beside an l": ("Issue", "Іssue"),
    "full width": ("Acme", "Ａｃｍｅ"),
    "mathematical": ("Acme", "𝐀𝐜𝐦𝐞"),
    "a dotless i": ("pipe", "pıpe"),
    "an accent of another letter": ("noël", "noёl"),
    "a soft hyphen": ("Acme", "Ac\u00adme"),
    "a character of no width": ("Acme", "Ac\u200bme"),
    "a space that does not break": ("Acme Co", "Acme\u00a0Co"),
    "two spaces": ("Acme Co", "Acme  Co"),
    "two scripts beyond ASCII": ("Ρо", "Pο"),
}
APART = {
    "the name itself": ("Acme", "Acme"),
    "digits and letters": ("Model 1", "Model l"),
    "capitals": ("acme", "Acme"),
    "accents": ("resume", "résumé"),
    "Russian": ("Опрос", "Опросы"),
    "Japanese": ("評価", "評定"),
    "an emoji": ("Cats 🐈", "Cats"),
}


@every_case("one, other", TWINS.values())
def test_twins_are_found_both_ways(one, other):
    assert find_twin(one, ["x", other]) == other
    assert find_twin(other, ["x", one]) == one


@pytest.mark.parametrize(("one", "other"), APART.values(), ids=APART)
def test_names_that_can_be_told_apart_are_no_twins(one, other):
    assert find_twin(one, [other]) is None
    assert find_twin(other, [one]) is None


@pytest.fixture
def twin_of(world):
    """Makes something under a name, each by the way that people or programs take."""
    with world.client() as client:
        yield {
            "project": lambda name: client.post("/manage/v1/projects", json={"name": name}),
            "dataset": lambda name: client.post("/manage/v1/datasets", json={"name": name}),
            "user": lambda name: client.post(
                "/manage/v1/users", json={"email": f"{name}@example.com", "role": "annotator"}
            ),
        }


@pytest.mark.parametrize("kind", ["project", "dataset", "user"])
@pytest.mark.parametrize(("first", "second"), [("coco", "сосо"), ("сосо", "coco")])
def test_a_twin_is_refused_and_named(twin_of, kind, first, second):
    made, refused, another = (twin_of[kind](name) for name in (first, second, "соса"))

    assert made.status_code == 200, made.text
    assert refused.status_code == 409
    assert refused.json()["code"] == "conflict"
    assert "looks like" in refused.json()["error"]
    assert another.status_code == 200


def test_an_address_whose_domain_is_a_twin_is_refused(world):
    invite(world, "ada@example.com")

    with pytest.raises(Conflict, match="looks like"):
        invite(world, "ada@exаmple.com")


def test_a_twin_in_another_organization_is_nobody_s_business(world):
    world.project("coco")

    assert world.project("сосо", org="Other").name == "сосо"


def test_an_organization_s_twin_is_refused(world):
    world.org("Acme")

    with pytest.raises(Conflict, match="another organization"):
        world.run(api_keys.create_organization(world.db, "Аcme"))


def test_a_project_is_not_renamed_to_a_twin_but_may_become_its_own(world):
    world.project("coco")
    other = world.project("Аcme")
    with world.client() as client:
        path = f"/manage/v1/projects/{other.project_id}"
        refused = client.patch(path, json={"name": "сосо"})
        own = client.patch(path, json={"name": "Acme"})
        same = client.patch(path, json={"name": "Acme", "overlap": 2})

    assert [one.status_code for one in (refused, own, same)] == [409, 200, 200]


def test_an_import_makes_no_twin_either(world, tmp_path):
    world.project("coco")
    row = {"kind": "project", "value": {"id": "project_x", "name": "сосо"}}
    _, rejects = world.load([row], "archive")

    assert [reject.message for reject in rejects if "looks like" in reject.message]


def test_a_command_makes_no_twin_either(world):
    world.project("coco")

    done = run_cli("projects", "create", "сосо", *store_arguments(world.settings))

    assert done.returncode == 1
    assert "looks like 'coco'" in done.stderr
