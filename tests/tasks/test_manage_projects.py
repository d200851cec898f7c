"""Projects over the management API: created, shown, changed field by field."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from plaudit.core.tasks import forms
from tests.support.harness import Server, World, one_engine
from tests.support.running.every_case import every_case

PATH = "/manage/v1/projects"
FORM = {
    "fields": [
        {"key": "overall", "level": "message", "type": "integer", "possible_values": [1, 2, 3]},
        {"key": "why", "level": "turn", "type": "text", "required": True},
    ]
}
TEMPLATE = {"messages": [{"role": "user", "text": "Summarise: {{text}}"}]}
JUDGES = {"min": 2, "max": 5, "confidence": 0.95, "question": "overall"}
WHOLE = {
    "types": ["RLHF: Pref Ranking"],
    "models": ["base", "test"],
    "form": FORM,
    "template": TEMPLATE,
    "overlap": 3,
    "judges": JUDGES,
    "guidelines": "# Be fair\n\nAlways.",
    "review": "sample",
}


def create(client, **fields: Any) -> Any:
    return client.post(PATH, json={"name": "Oceans"} | fields)


def change(client, project_id: str, **fields: Any) -> Any:
    return client.patch(f"{PATH}/{project_id}", json=fields)


def show(client, project_id: str) -> dict[str, Any]:
    answer = client.get(f"{PATH}/{project_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_project_is_created_with_everything_that_is_set_for_it(client):
    made = create(client, id="oceans", **WHOLE)

    assert made.status_code == 200, made.text
    assert made.json() == show(client, "oceans")
    assert made.json() == {
        "id": "oceans", "name": "Oceans", "created_at": made.json()["created_at"], **WHOLE,
    }  # fmt: skip
    shown = client.get("/v2/project", params={"project_name": "Oceans"}).json()
    assert set(shown) == {"id", "name", "created_at", "types", "models"}


def test_a_project_needs_no_more_than_a_name(client):
    made = create(client).json()

    assert set(made) == {"id", "name", "created_at"}
    assert made["id"].startswith("project_")
    assert [one["id"] for one in client.get("/v2/projects").json()["projects"]] == [made["id"]]


def test_a_preset_is_written_out_so_that_it_stays_what_it_was(client):
    made = create(client, form="RLHF: Pref Ranking").json()

    assert made["form"]["fields"][0]["key"] == "instruction_following"
    assert len(made["form"]["fields"]) == len(forms.preset("RLHF: Pref Ranking").fields)


def test_a_form_with_conditions_and_sections_is_taken_checked_and_given_back(client):
    verdict = {"key": "verdict", "level": "turn", "type": "boolean"}
    asked = {"key": "verdict", "operator": "is", "value": False}
    why = {"key": "why", "level": "turn", "type": "text", "section": "end", "ask_if": asked}
    form = {"fields": [verdict, why], "sections": [{"key": "end", "title": "In the end"}]}
    made = create(client, form=form).json()

    late = client.patch(
        f"{PATH}/{made['id']}", json={"form": {"fields": [why | {"section": None}, verdict]}}
    )

    assert made["form"] == form
    assert (late.status_code, late.json()["pointer"]) == (400, "/form/fields/0/ask_if/key")
    assert client.get(f"{PATH}/{made['id']}").json()["form"] == form


def test_its_template_makes_the_conversation_of_its_tasks(client):
    create(client, template=TEMPLATE)

    good = client.post(
        "/v2/task/chat",
        json={"project_name": "Oceans", "template_variables": {"text": "A book."}},
    )
    bad = client.post("/v2/task/chat", json={"project_name": "Oceans"})

    content = client.get(f"/manage/v1/tasks/{good.json()['task_id']}/content").json()["content"]
    assert content[0]["turns"][0]["messages"][0]["content"]["text"] == "Summarise: A book."
    assert (bad.status_code, "text" in bad.json()["error"]) == (400, True)


def test_a_name_or_an_id_that_is_taken_is_a_conflict(world, client):
    create(client, id="oceans")

    for fields in ({}, {"name": " Oceans "}, {"id": "oceans", "name": "Other"}):
        answer = create(client, **fields)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert len(client.get("/v2/projects").json()["projects"]) == 1
    with world.client(world.key("Stranger")) as stranger:
        assert create(stranger, id="oceans").status_code == 200


BAD: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "overlap 0": ({"overlap": 0}, "/overlap", "1 to 100"),
    "overlap 101": ({"overlap": 101}, "/overlap", "1 to 100"),
    "overlap 1.5": ({"overlap": 1.5}, "/overlap", "int"),
    "overlap true": ({"overlap": True}, "/overlap", "int"),
    "judges without a question": (
        {"judges": {"min": 2, "max": 5, "confidence": 0.9}}, "/judges", "question",
    ),
    "judges of a text": ({"judges": JUDGES | {"question": "why"}}, "/judges/question", "'why'"),
    "more judges than are": ({"judges": JUDGES | {"max": 101}}, "/judges/max", "min to 100"),
    "judges that are too sure": (
        {"judges": JUDGES | {"confidence": 1}}, "/judges/confidence", "0.9999",
    ),
    "an unknown review": ({"review": "some"}, "/review", "none, sample, all"),
    "long guidelines": ({"guidelines": "x" * 50_001}, "/guidelines", "50000"),
    "too many types": ({"types": ["x"] * 101}, "/types", "at most 100"),
    "an empty model": ({"models": ["a", ""]}, "/models/1", "visible"),
    "a control character": ({"types": ["a\u0007"]}, "/types/0", "control"),
    "an unknown preset": ({"form": "RLHF"}, "/form", "Pref Ranking"),
    "a bad field": (
        {"form": {"fields": [FORM["fields"][0] | {"type": "float"}]}},
        "/form/fields/0/type", "category",
    ),
    "a field's own member": (
        {"form": {"fields": [FORM["fields"][0] | {"environment_id": "x"}]}},
        "/form/fields/0", "'environment_id'",
    ),
    "labels that do not match": (
        {"form": {"fields": [FORM["fields"][0] | {"labels": ["a"]}]}},
        "/form/fields/0/labels", "3 possible values",
    ),
    "a form that is a list": ({"form": []}, "/form", "object"),
    "a template's own member": ({"template": TEMPLATE | {"x": 1}}, "/template", "'x'"),
    "an optional that is nowhere": (
        {"template": TEMPLATE | {"optional": ["nobody"]}}, "/template/optional", "nobody",
    ),
    "a large form": (
        {"form": {"fields": [
            {"key": f"k{n}", "level": "turn", "type": "text", "description": "x" * 9000}
            for n in range(40)
        ]}},
        None, "256 KiB",
    ),
}  # fmt: skip


@one_engine
@every_case("bad", BAD.values())
def test_what_cannot_be_set_is_refused_at_its_place_and_changes_nothing(client, bad):
    fields, pointer, word = bad
    create(client, id="oceans", **WHOLE)
    before = show(client, "oceans")

    refused = [create(client, name="Other", **fields), change(client, "oceans", **fields)]

    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_content")
        assert answer.json().get("pointer") == pointer
        assert word in answer.json()["error"]
    assert show(client, "oceans") == before
    assert len(client.get("/v2/projects").json()["projects"]) == 1


@every_case("name", ["", " ", "\u200b", "a\nb", "x" * 256, "\u202eevil"])
def test_a_name_that_could_not_be_told_apart_is_refused(client, name):
    create(client, id="oceans")

    assert create(client, name=name).status_code == 400
    assert change(client, "oceans", name=name).status_code == 400


@pytest.mark.parametrize("project_id", ["", "x" * 256, "a\u0000b", "a\nb"])
def test_an_id_that_cannot_be_kept_is_refused(client, project_id):
    assert create(client, id=project_id).status_code == 400


def test_an_id_with_a_slash_is_reached_percent_encoded(client):
    create(client, id="a/b c")

    assert show(client, "a%2Fb%20c")["id"] == "a/b c"
    assert change(client, "a%2Fb%20c", overlap=2).json()["overlap"] == 2


@pytest.mark.parametrize("name", WHOLE)
def test_a_change_leaves_alone_what_it_does_not_name(client, name):
    create(client, id="oceans", **WHOLE)
    other = {
        "types": ["SFT"], "models": [], "overlap": 1, "guidelines": "", "review": "all",
        "judges": JUDGES | {"min": 1},
        "form": "RLHF: Pref Ranking", "template": {"messages": []},
    }  # fmt: skip

    changed = change(client, "oceans", **{name: other[name]}).json()
    taken = change(client, "oceans", **{name: None}).json()

    kept = {key: value for key, value in WHOLE.items() if key != name}
    assert {key: changed[key] for key in kept} == kept
    assert {key: taken[key] for key in kept} == kept
    assert changed[name] != WHOLE[name]
    assert name not in taken
    assert taken == show(client, "oceans")


def test_a_change_of_nothing_changes_nothing(client):
    create(client, id="oceans", **WHOLE)
    before = show(client, "oceans")

    assert change(client, "oceans").json() == before == show(client, "oceans")


def test_a_project_may_be_renamed_but_not_to_a_name_that_is_taken(client):
    create(client, id="oceans")
    create(client, id="seas", name="Seas")

    assert change(client, "oceans", name="Seas").status_code == 409
    assert change(client, "oceans", name=None).status_code == 400
    assert change(client, "oceans", name="Oceans ").json()["name"] == "Oceans "
    assert change(client, "oceans", name="Lakes").json()["name"] == "Lakes"
    assert change(client, "seas", name="Oceans").status_code == 200
    assert client.get("/v2/project", params={"project_name": "Lakes"}).json()["id"] == "oceans"


class Served:
    """A running server and clients that send at one moment."""

    def __init__(self, server: Server, world: World) -> None:
        self.url = server.url
        self.headers = {"Authorization": f"Bearer {world.key()}"}

    def at_once(self, method: str, path: str, bodies: list[Any]) -> list[Any]:
        start = threading.Barrier(len(bodies))

        def send(body: Any) -> Any:
            with httpx2.Client(base_url=self.url, headers=self.headers, timeout=30) as client:
                start.wait(20)
                return client.request(method, path, json=body)

        with ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(send, bodies))


def test_changes_of_different_fields_at_once_lose_nothing(tenant, tenant_client, shared_server):
    create(tenant_client, id="oceans")
    served = Served(shared_server, tenant)
    bodies = [{name: value} for name, value in WHOLE.items()] + [{"name": "Lakes"}]

    for _ in range(5):
        change(tenant_client, "oceans", **dict.fromkeys(WHOLE, None), name="Oceans")
        answers = served.at_once("PATCH", f"{PATH}/oceans", bodies)
        assert {one.status_code for one in answers} == {200}
        shown = show(tenant_client, "oceans")
        assert {name: shown.get(name) for name in WHOLE} == WHOLE
        assert shown["name"] == "Lakes"


def test_of_several_who_take_one_name_at_once_one_gets_it(tenant, tenant_client, shared_server):
    """Creations and changes of names meet; nobody is told of a fault of ours."""
    served = Served(shared_server, tenant)
    for n in range(4):
        create(tenant_client, id=f"p{n}", name=f"P {n}")

    for run in range(5):
        name = f"Wanted {run}"
        start = threading.Barrier(8)

        def send(n: int, name: str = name, start: threading.Barrier = start) -> Any:
            with httpx2.Client(base_url=served.url, headers=served.headers, timeout=30) as one:
                start.wait(20)
                if n < 4:
                    return one.patch(f"{PATH}/p{n}", json={"name": name})
                return one.post(PATH, json={"name": name})

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(one.status_code for one in pool.map(send, range(8)))

        assert statuses == [200] + [409] * 7
        named = [one["name"] for one in tenant_client.get("/v2/projects").json()["projects"]]
        assert named.count(name) == 1


def test_what_is_set_for_a_project_goes_with_its_archive(world, client, tmp_path):
    create(client, id="oceans", **WHOLE)
    row = {"kind": "project", "value": show(client, "oceans")}

    world.load([row], "archive", org="Second")

    with world.client(world.key("Second")) as second:
        assert show(second, "oceans") == row["value"]


@pytest.mark.parametrize("name", ["form", "template", "overlap", "review", "judges"])
def test_an_archive_brings_in_nothing_that_could_not_be_set(world, client, name):
    bad: dict[str, Any] = {
        "form": {"fields": [{"key": "overall"}]}, "template": {"text": "?"}, "overlap": 1000,
        "review": "some", "judges": JUDGES | {"question": "nothing"},
    }  # fmt: skip
    row = {"kind": "project", "value": {"id": "p", "name": "P", name: bad[name]}}

    _, rejects = world.load([row], "archive")

    assert [one.pointer.split("/")[1:3] for one in rejects] == [["value", name]]
    assert json.loads(client.get("/v2/projects").content) == {"projects": []}
