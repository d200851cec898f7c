"""No value of any parameter breaks the server: hostile ones that we know, and generated ones."""

from __future__ import annotations

import http.client
import json
import math
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from plaudit.api.http.parameters import parameters_of
from plaudit.settings import Settings
from tests.support.ann_data import fill
from tests.support.harness import Server, World
from tests.support.operations import KEYED, NAMES, OPERATIONS, assert_is_error

EXAMPLES = 200
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: Any, value: Any) -> bytes:
    """Generated rows, one a line; anything else is a line of its own."""
    rows = value if isinstance(value, list) else [value]
    return b"\n".join(json.dumps(row).encode() for row in rows)


class Target:
    """A running server, and Ann's key."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}"}
        self.link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    def get(self, target: str) -> tuple[int, dict[str, str], Any]:
        """One request, its target sent as it is."""
        self.link.request("GET", target, headers=self.headers)
        answer = self.link.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, json.loads(answer.read())


@pytest.fixture(scope="module")
def target(template, tmp_path_factory) -> Iterator[Target]:
    """A running server with data of every kind."""
    settings = Settings(data=tmp_path_factory.mktemp("fuzzed") / "data")
    shutil.copytree(template, settings.data)
    world = World(settings)
    world.org()
    fill(world)
    key = world.key()
    world.close()
    server = Server(settings, PLAUDIT_LOG_LEVEL="warning")  # nobody reads a line for each request
    made = Target(server, key)
    yield made
    made.link.close()
    server.stop(9)


HOSTILE_VALUES: dict[str, tuple[str, tuple[int, ...]]] = {
    "NUL": ("a%00b", (400,)),
    "invalid UTF-8": ("%ff%fe", (400,)),
    "an overlong NUL": ("%c0%80", (400,)),
    "a lone surrogate": ("%ed%a0%80", (400,)),
    "cut UTF-8": ("%e2%82", (400,)),
    "4,097 characters": ("a" * 4097, (400,)),
    "4,096 characters": ("a" * 4096, (400, 404)),
    "4,096 wide characters": ("%f0%9f%98%80" * 1024, (400, 404)),
    "SQL": (quote("' OR 1=1; DROP TABLE task; --"), (400, 404)),
    "a broken escape": ("%zz%", (400, 404)),
    "CR LF": ("a%0d%0aX-Evil: 1".replace(" ", "+"), (400, 404)),
    "a huge number": ("9" * 400, (400, 404)),
    "a number in other digits": (quote("١٢"), (400, 404)),
    "not a number": ("NaN", (400, 404)),
    "combining marks": (quote("e" + "\u0301" * 500), (400, 404)),
    "right to left": (quote("\u202egpj.exe"), (400, 404)),
    "a template": (quote("${jndi:ldap://x}{{7*7}}"), (400, 404)),
}


SPELT_AS_LISTS = ("NUL", "invalid UTF-8", "4,097 characters", "4,096 characters", "SQL")


@pytest.mark.parametrize("hostile", HOSTILE_VALUES, ids=HOSTILE_VALUES)
def test_a_hostile_value_of_any_parameter_is_refused_and_nothing_breaks(target, hostile):
    value, accepted = HOSTILE_VALUES[hostile]
    for operation in [one for one in KEYED if one.method == "GET"]:
        for name in parameters_of(operation.query):
            scope = (
                ""
                if name.startswith(("project", "batch"))
                else f"&project_id={NAMES['project_id']}"
            )
            # A list's spelling is the same parameter from its name on.
            for spelling in (name, f"{name}[]") if hostile in SPELT_AS_LISTS else (name,):
                status, headers, body = target.get(f"{operation.path}?{spelling}={value}{scope}")
                if name == "object_id" and 404 in accepted:  # only narrows a list down
                    assert (status, body) == (200, {"entries": []})
                    continue
                assert status in accepted, (operation.operation_id, name)
                assert_is_error(status, headers, body)
                assert "x-evil" not in headers


@pytest.fixture(scope="module")
def document(target):
    """The OpenAPI document as the server shows it."""
    return schemathesis.openapi.from_url(f"{target.server.url}/openapi.json")


@pytest.mark.parametrize("place", ["{name}={key}", "unknown={key}", "{key}", "{name}=Bearer+{key}"])
def test_a_key_in_the_query_string_is_refused(target, place):
    query = place.format(name="project_id", key=target.key)
    query += f"&batch_id={NAMES['batch_id']}"
    for path in ("/v2/projects", "/v2/tasks"):
        status, _, body = target.get(f"{path}?{query}")
        assert status == 400
        assert "Authorization header" in body["error"]
        assert target.key not in str(body)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.operation_id)
def test_generated_requests_get_the_answers_that_the_document_promises(target, document, operation):
    """200 in all: no 5xx, and no status, media type or body that is not documented."""
    described = document[operation.path][operation.method]
    weights = {one.operation_id: len(parameters_of(one.query)) or 1 for one in OPERATIONS}
    share = weights[operation.operation_id] / sum(weights.values())

    @budget(
        max_examples=math.ceil(EXAMPLES * share),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(described))
    def run(case: Any) -> None:
        case.call_and_validate(session=session, headers=target.headers, checks=CHECKS, timeout=10)

    with requests.Session() as session:
        run()
    assert target.get("/readyz")[0] == 200


def cases(described: Any) -> st.SearchStrategy[Any]:
    """Valid and invalid requests; half of them name something that exists."""
    modes = schemathesis.GenerationMode
    kinds = [described.as_strategy(modes.POSITIVE)]
    if described.query.items or described.path_parameters.items or described.body.items:
        kinds.append(described.as_strategy(modes.NEGATIVE))

    @st.composite
    def chosen(draw: Any) -> Any:
        case = draw(st.one_of(kinds))
        if draw(st.booleans()):
            for part in (case.query, case.body):
                if isinstance(part, dict):
                    part |= {name: NAMES[name] for name in NAMES if name in part}
        return case

    return chosen()
