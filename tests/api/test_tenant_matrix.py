"""Whose data may whoever see: every operation of the document, each object, each role.

The matrix is made from `/openapi.json` of the running application, so an operation that is served
and not in the matrix cannot be. A cell is one request; strangers are other organizations, the test
world of the same one, and what was never there.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from plaudit.model.core import Role
from tests.support.harness import one_engine
from tests.support.operations import CANARY, GOOD, NAMES, OPERATIONS, ask, calling, comparable

STRANGE = ("absent", "stranger", "malformed")
"""Objects of requests that no stranger's key may see; a stranger's is compared with the absent."""
DECLARED = {one.operation_id: one for one in OPERATIONS}
MALFORMED = "x" * 300 + "\u202e/../%2e"


@pytest.fixture
def document(world, ann) -> dict[str, Any]:
    with calling(world, ann) as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
        return found


def keyed(document: dict[str, Any]) -> list[str]:
    """The ids of the operations that need a key."""
    return [
        entry["operationId"]
        for methods in document["paths"].values()
        for entry in methods.values()
        if entry.get("security") != []
    ]


def renamed(params: dict[str, Any], name_of: Any) -> dict[str, Any]:
    """A request with every name in it replaced."""
    theirs = set(NAMES.values())
    return {
        name: name_of(value) if isinstance(value, str) and value in theirs else value
        for name, value in params.items()
    }


def names_something(params: dict[str, Any]) -> bool:
    return renamed(params, lambda value: None) != params


def test_the_matrix_is_complete(document):
    """Each operation that is served with a key is declared, and has a good request."""
    found = keyed(document)

    assert sorted(found) == sorted(one.operation_id for one in OPERATIONS if one.role is not None)
    assert [one for one in found if not GOOD.get(one)] == []


def request_for(kind: str, good: dict[str, Any]) -> dict[str, Any]:
    """The request of one cell."""
    match kind:
        case "absent":
            return renamed(good, lambda value: f"{value[:-1]}0")
        case "malformed":
            return renamed(good, lambda value: MALFORMED)
    return good


@one_engine
@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_what_strangers_are_told_is_what_is_told_of_the_absent(world, ann, document, role):
    world.org("Stranger")
    places = [("Stranger", "live"), ("Stranger", "test"), ("default", "test")]
    cells = 0
    for org, mode in places:
        with calling(world, world.key(org, mode, role=role.name)) as client:
            told_of_absent = None
            for operation_id, kind in itertools.product(keyed(document), STRANGE):
                operation, good = DECLARED[operation_id], GOOD[operation_id][0]
                answer = ask(client, operation, request_for(kind, good))
                if kind == "absent":
                    told_of_absent = comparable(answer)
                cells += 1
                assert CANARY.encode() not in answer.content, operation_id
                assert answer.status_code < 500, operation_id
                if role < operation.role:
                    assert answer.status_code == 403, operation_id
                elif names_something(good):
                    expected = (400, 404) if kind == "malformed" else (404,)
                    assert answer.status_code in expected, (operation_id, kind, answer.text)
                if kind == "stranger" and names_something(good):
                    assert comparable(answer) == told_of_absent, operation_id

    assert cells == len(keyed(document)) * len(STRANGE) * len(places)


@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_what_is_one_s_own_is_there_for_a_role_that_suffices(world, ann, document, role):
    with calling(world, world.key(role=role.name)) as client:
        for operation_id in keyed(document):
            operation = DECLARED[operation_id]
            answer = ask(client, operation, GOOD[operation_id][0])
            if role < operation.role:
                assert answer.status_code == 403, operation_id
            else:
                told = [(200, None), (302, None), (400, "illegal_move"), (409, "conflict")]
                if operation_id == "create_delivery":  # the task was reopened further up
                    told.append((400, "invalid_content"))
                code = answer.json()["code"] if answer.status_code >= 400 else None
                assert (answer.status_code, code) in told, (operation_id, answer.text)
