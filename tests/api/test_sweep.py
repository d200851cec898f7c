"""What holds for every operation, every problem and every answer, read from their tables."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import apsw
import pytest

from plaudit import errors
from plaudit.api.http import problems
from plaudit.api.http.operation import JSON, Operation
from plaudit.api.http.parameters import parameters_of
from plaudit.errors import Problem
from plaudit.model.core import Role
from plaudit.settings import BODY_BYTES_MAX
from plaudit.store.engine.connect import FILE_NAME
from tests.support.app_client import AppClient
from tests.support.harness import World, above_the_store, on_sqlite_alone, one_engine
from tests.support.operations import (
    CANARY,
    COMPANY,
    GOOD,
    KEYED,
    METHODS,
    NAMES,
    OPERATIONS,
    ask,
    assert_is_error,
    calling,
    comparable,
)
from tests.support.running.every_case import every_case

BAD_CREDENTIALS = (
    b"",
    b"Bearer",
    b"Bearer ",
    b"Bearer live_" + b"a" * 46,
    b"Bearer null",
    b"Basic Og==",
    b"Basic !!!",
    b"Digest x",
    b"Bearer \xe9",
)


@above_the_store
@every_case("operation", KEYED)
def test_every_operation_with_a_role_refuses_a_caller_without_a_key(shared_world, operation):
    address = f"127.0.1.{KEYED.index(operation)}"  # so many failures would slow one address down
    tries = [(method, None) for method in METHODS]
    tries += [(operation.method, text) for text in BAD_CREDENTIALS]
    with calling(shared_world, None, address=address) as client:
        answers = [
            ask(
                client,
                operation,
                {},
                method=method,
                headers={} if text is None else {"Authorization": text},
            )
            for method, text in tries
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers if answer.content}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="plaudit"'}
    assert_is_error(401, answers[0].headers, answers[0].json())


@above_the_store
@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/", "/v2/tasks/", "/v2/task/x", "/v1/tasks", "/admin", "/docs/", "/metrics/"],
)
def test_what_does_not_exist_needs_a_key_before_it_says_so(shared_world, shared_ann, path):
    with calling(shared_world, None) as nobody, calling(shared_world, shared_ann) as client:
        assert {nobody.request(method, path).status_code for method in METHODS} == {401}
        known = client.get(path, follow_redirects=False)

    assert known.status_code == 404
    assert_is_error(404, known.headers, known.json())


@above_the_store
def test_every_other_method_of_every_path_is_refused_with_allow(shared_world, shared_ann):
    allowed: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        methods = {"GET", "HEAD"} if operation.method == "GET" else {operation.method}
        allowed.setdefault(operation.path, set()).update(methods)
    with calling(shared_world, shared_ann) as client:
        for path, method in itertools.product(sorted(allowed), METHODS):
            if method in allowed[path]:
                continue
            answer = client.request(method, re.sub(r"{\w+}", "x", path))
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == allowed[path]
            if method != "HEAD":
                assert_is_error(405, answer.headers, answer.json())


@above_the_store
def test_a_method_in_a_header_or_parameter_changes_nothing(shared_world, shared_ann):
    with calling(shared_world, shared_ann) as client:
        plain = client.get("/v2/projects")
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            answer = client.get("/v2/projects?_method=DELETE", headers={name: "DELETE"})
            assert comparable(answer) == comparable(plain)
            assert client.post("/v2/projects", headers={name: "GET"}).status_code == 405


def named_parameters(*, writes: bool) -> list[tuple[Operation, str]]:
    """Each operation that writes, or does not, with each of its parameters that names something."""
    found = []
    for operation in [operation for operation in KEYED if operation.writes == writes]:
        in_path = [name for name in NAMES if f"{{{name}}}" in operation.path]
        in_query = [
            name
            for name in parameters_of(operation.query)
            if name.endswith(("_id", "_name")) and name != "object_id"  # narrows a list down
        ]
        in_body = [
            name for name in NAMES if operation.body and name in operation.body.__struct_fields__
        ]
        found += [(operation, name) for name in dict.fromkeys(in_path + in_query + in_body)]
    return found


@pytest.fixture(scope="module")
def strangers(shared_world) -> list[str]:
    """Keys that open other environments than the one in which Ann's data is; they change nothing
    there, for all that they name is refused."""
    stranger = "Stranger"
    shared_world.org(stranger)
    others = ((stranger, "live"), ("default", "test"), (stranger, "test"))
    return [shared_world.key(org, mode) for org, mode in others]


def assert_hidden(world: World, strangers: Iterable[str], operation: Operation, name: str) -> None:
    """Strangers are told of what Ann names what they are told of the absent."""
    theirs, absent = NAMES[name], NAMES[name][:-1] + "0"
    beside = COMPANY.get((operation.operation_id, name), {})
    for key in strangers:
        with calling(world, key) as client:
            foreign = comparable(ask(client, operation, beside | {name: theirs}))
            missing = comparable(ask(client, operation, beside | {name: absent}))

        assert foreign == missing
        assert foreign[0] == 404
        assert CANARY.encode() not in foreign[1]


def assert_usable(world: World, ann: str, operation: Operation, name: str) -> None:
    """Ann can use what she names."""
    beside = COMPANY.get((operation.operation_id, name), {})
    with calling(world, ann) as client:
        own = ask(client, operation, beside | {name: NAMES[name]})
    assert own.status_code in (200, 302) or own.json()["code"] in ("illegal_move", "conflict")


@every_case("operation, name", named_parameters(writes=False))
def test_what_belongs_to_others_looks_exactly_like_what_is_absent(
    shared_world, shared_ann, strangers, operation, name
):
    assert_hidden(shared_world, strangers, operation, name)
    assert_usable(shared_world, shared_ann, operation, name)


@every_case("operation, name", named_parameters(writes=True))
def test_what_others_would_change_looks_exactly_like_what_is_absent(
    shared_world, shared_ann, strangers, operation, name
):
    assert_hidden(shared_world, strangers, operation, name)


ENDING = ("begin_anew", "delete_webhook", "end_gold", "remove_from_team", "remove_member")
"""Operations after which what they name is absent; each begins with a store of its own."""


@on_sqlite_alone
@every_case(
    "operation, name",
    [one for one in named_parameters(writes=True) if one[0].operation_id not in ENDING],
)
def test_what_others_would_change_is_there_for_who_may(kept_world, ann, operation, name):
    assert_usable(kept_world, ann, operation, name)


@on_sqlite_alone
@pytest.mark.parametrize(
    ("operation", "name"),
    [one for one in named_parameters(writes=True) if one[0].operation_id in ENDING],
    ids=lambda one: one if isinstance(one, str) else one.operation_id,
)
def test_what_others_would_end_is_there_for_who_may(world, ann, operation, name):
    assert_usable(world, ann, operation, name)


@every_case("operation", KEYED)
def test_no_answer_to_a_stranger_holds_a_byte_of_ours(shared_world, shared_ann, operation):
    stranger = f"Stranger to {operation.operation_id}"
    shared_world.org(stranger)
    with calling(shared_world, shared_world.key(stranger)) as client:
        for params in GOOD[operation.operation_id]:
            answer = ask(client, operation, params)
            assert CANARY.encode() not in answer.content
            assert "next_token" not in answer.text


@every_case("operation", KEYED)
def test_an_operation_of_a_higher_role_says_that_it_refuses_lower_ones(operation):
    """That each role may do what it says and no more is held by test_tenant_matrix.py."""
    assert operation.role == Role.read or 403 in operation.all_errors


def all_problems(base: type[Problem] = Problem) -> list[type[Problem]]:
    """Every class of problem there is."""
    return [problem for kind in base.__subclasses__() for problem in (kind, *all_problems(kind))]


def test_every_problem_has_a_status_a_code_of_its_own_and_a_sentence():
    kinds = all_problems()

    assert set(kinds) == set(problems.STATUSES)
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert {kind.__module__ for kind in kinds} == {errors.__name__}
    for kind in kinds:
        body = problems.body(kind(), "req_1")
        assert (inspect.getdoc(kind) or "").encode() in body
        assert problems.STATUSES[kind] in range(400, 600)
        assert problems.STATUSES[kind] != 422


def test_retry_after_is_small_and_only_where_trying_again_helps():
    for kind, status in problems.STATUSES.items():
        waits = [value for name, value in problems.headers(kind()) if name == b"retry-after"]
        assert all(1 <= int(value) <= 60 for value in waits)
        assert not waits or status in (429, 503)


PROVOKED = [
    ("GET", "/v2/tasks", {}, 400, "invalid_parameter"),
    ("GET", "/v2/task", {}, 400, "invalid_parameter"),
    ("GET", "/v2/tasks?project_id=%00", {}, 400, "invalid_parameter"),
    ("GET", f"/v2/tasks?project_id={NAMES['project_id']}&next_token=x", {}, 400, None),
    ("GET", "/v2/tasks?project_id=nobody", {}, 404, "not_found"),
    ("GET", "/v2/nothing", {}, 404, "not_found"),
    ("GET", "/docs/static/nothing", {}, 404, "not_found"),
    ("POST", "/v2/tasks", {}, 405, "method_not_allowed"),
    ("POST", "/v2/tasks", {"content-length": str(BODY_BYTES_MAX + 1)}, 413, "too_large"),
]


@every_case("method, url, headers, status, code", PROVOKED)
def test_every_refusal_has_the_one_body(
    shared_world, shared_ann, method, url, headers, status, code
):
    for accept in ("application/json", "application/problem+json", "text/html", "*/*"):
        with calling(shared_world, shared_ann) as client:
            answer = client.request(method, url, headers=headers | {"Accept": accept})
        assert answer.status_code == status
        assert_is_error(status, answer.headers, answer.json())
        assert code in (None, answer.json()["code"])
        assert "retry-after" not in answer.headers
        is_problem = accept == "application/problem+json"
        assert answer.headers["content-type"] == (accept if is_problem else JSON)


@on_sqlite_alone
def test_a_fault_of_ours_is_told_to_the_log_and_not_to_the_caller(world, ann):
    with calling(world, ann) as client:
        connection = apsw.Connection(str(world.settings.data / FILE_NAME))
        connection.execute("ALTER TABLE project RENAME TO elsewhere")
        connection.close()
        answer = client.get("/v2/projects", params={"created_after": "2000-01-01"})

    assert_is_error(500, answer.headers, answer.json())
    assert answer.json()["code"] == "server_fault"
    assert "project" not in answer.text
    assert "SELECT" not in answer.text


def every_request(
    client: AppClient, operations: Iterable[Operation] = OPERATIONS
) -> Iterator[tuple[Operation, Any]]:
    """The answer to each good request, and to some bad ones, of each operation."""
    for operation in operations:
        for params in GOOD.get(operation.operation_id, [{}]):
            yield operation, ask(client, operation, params)
            if operation.method == "GET":
                yield operation, ask(client, operation, params, method="HEAD")
        for params in ({"name": "x", "limit": "0"}, {"name": "x", "task_id": "\0"}):
            yield operation, ask(client, operation, params)


@one_engine
@pytest.mark.parametrize("has_key", [True, False])
def test_every_answer_has_the_headers_that_all_answers_have(world, ann, has_key):
    with calling(world, ann if has_key else None) as client:
        for one, answer in every_request(client):
            assert answer.headers["x-request-id"] == "pinned", one.operation_id
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["vary"].split(", ")[0] == "Authorization"
            assert "set-cookie" not in answer.headers
            assert "server" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers
            is_file = one.operation_id == "get_docs_file" and answer.status_code == 200
            expected = "public, max-age=300" if is_file else "no-store, private"
            assert answer.headers["cache-control"] == expected


@on_sqlite_alone
def test_no_request_that_reads_changes_anything(world, ann):
    before = content_hash(world)
    with calling(world, ann) as client:
        reading = [operation for operation in OPERATIONS if not operation.writes]
        statuses = {answer.status_code for _, answer in every_request(client, reading)}

    assert {200, 400} <= statuses
    assert content_hash(world) == before


def content_hash(world) -> str:
    """A digest of every row of every table."""
    connection = apsw.Connection(str(world.settings.data / FILE_NAME), apsw.SQLITE_OPEN_READONLY)
    tables = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'virtual'"
    ).fetchall()
    digest = hashlib.sha256()
    for (table,) in sorted(tables):
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2'):
            digest.update(repr((table, row)).encode())
    connection.close()
    return digest.hexdigest()
