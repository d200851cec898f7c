"""Members of a v2 body that are a letter or two from a known one: asked about, not passed over."""

from __future__ import annotations

import pytest

from plaudit.wire.v2.unknown_members import COMPARED_MAX, is_slip
from tests.support.harness import above_the_store, one_engine
from tests.support.operations import WRITING, calling
from tests.support.running.every_case import every_case

V2 = [one for one in WRITING if one.path.startswith("/v2/")]
OTHERS = ("instruction", "attachments", "priority", "tags", "note", "type", "params", "x" * 5000)
"""Members that are not known, nor near to one that is."""


@pytest.fixture
def ann(shared_world, shared_ann):
    """A client with the key of an admin."""
    with calling(shared_world, shared_ann) as client:
        yield client


def slips(name: str) -> list[str]:
    """Ways in which this name is written wrongly."""
    wrong = [name[:-1], name + "s", name[1:], name[1] + name[0] + name[2:], name[:2] + name[1:]]
    if "_" in name:
        head, _, tail = name.partition("_")
        wrong += [name.replace("_", ""), name.replace("_", "-"), head + tail.title()]
    return wrong


@above_the_store
@every_case("operation", V2)
def test_each_member_that_is_nearly_a_known_one_is_a_400_that_asks(ann, operation):
    known = operation.body.__struct_encode_fields__
    for name in known:
        for wrong in slips(name):
            assert wrong not in known
            answer = ann.post(operation.path, json={wrong: "x"})

            assert answer.status_code == 400, (wrong, answer.text)
            assert "did you mean" in answer.json()["error"], wrong
            assert answer.json()["pointer"] == f"/{wrong}"


@above_the_store
@every_case("operation", V2)
def test_all_other_members_are_ignored(ann, operation):
    plain = ann.post(operation.path, json={})
    more = {name: {"a": 1} for name in OTHERS} | {f"extra_{n}": n for n in range(COMPARED_MAX)}

    answer = ann.post(operation.path, json=more)

    assert answer.status_code == plain.status_code
    assert answer.json()["error"] == plain.json()["error"]


@one_engine
def test_a_response_s_members_are_looked_at_too(world, client):
    world.project("Named")
    body = {
        "project_name": "Named",
        "template_variables": {"responses": [{"text": "a", "source": "m", "sourceid": "n"}]},
    }

    answer = client.post("/v2/task/chat", json=body)

    assert answer.status_code == 400
    assert answer.json()["pointer"] == "/template_variables/responses/0/sourceid"
    assert "did you mean 'source_id'" in answer.json()["error"]


@every_case(
    "name, meant, expected",
    [
        ("template_variable", "template_variables", True),
        ("templateVariables", "template_variables", True),
        ("tempalte_variables", "template_variables", True),
        ("TEMPLATE_VARIABLES", "template_variables", True),
        ("variables", "template_variables", False),
        ("callback", "callback_url", False),
        ("task_id", "batch_id", False),
        ("note", "name", False),
        ("game", "name", True),
    ],
)
def test_one_slip_in_a_short_name_two_in_others(name, meant, expected):
    assert is_slip(name, meant) is expected
