"""The OpenAPI document is complete and true, and its page shows all of it and loads nothing."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from plaudit import app
from plaudit.api.http import problems
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.operation import JSON, Operation
from plaudit.api.http.parameters import parameters_of
from plaudit.api.openapi import docs_page
from plaudit.api.openapi import document as openapi
from plaudit.model.core import Role
from plaudit.settings import Settings
from tests.api.test_sweep import PROVOKED, all_problems
from tests.support.harness import World, above_the_store, one_engine
from tests.support.operations import GOOD, OPERATIONS, ask, calling
from tests.support.running.every_case import every_case

DOCUMENT = openapi.document(app.all_operations(Settings(), Metrics()), Settings())
ENTRIES = {
    entry["operationId"]: (path, method, entry)
    for path, item in DOCUMENT["paths"].items()
    for method, entry in item.items()
}


def nodes(value: Any, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Every value inside a document with its place."""
    yield at, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from nodes(item, f"{at}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from nodes(item, f"{at}/{number}")


def closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas, with every member that they do not name forbidden."""
    found = copy.deepcopy(schemas)
    for at, value in nodes(found):
        is_schema = isinstance(value, dict) and not at.endswith("/properties")
        if is_schema and isinstance(value.get("properties"), dict):
            value.setdefault("additionalProperties", False)
    return found


CLOSED = closed(DOCUMENT["components"]["schemas"])


def complaints(schema: dict[str, Any], schemas: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value, by a schema of the document."""
    whole = {**schema, "components": {"schemas": schemas}}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def test_the_document_is_valid_openapi_3_1():
    OPENAPI_31_VALIDATOR.validate(DOCUMENT)

    components = DOCUMENT["components"]
    every = [{"$ref": f"#/components/schemas/{name}"} for name in components["schemas"]]
    jsonschema_rs.Draft202012Validator({"anyOf": every, "components": components})
    for name, schema in components["schemas"].items():
        assert schema.get("description"), name


def test_every_reference_leads_somewhere():
    places = {at for at, _ in nodes(DOCUMENT)}
    found = {
        value["$ref"] for _, value in nodes(DOCUMENT) if isinstance(value, dict) and "$ref" in value
    }

    assert found
    assert found <= places


def test_every_schema_is_used():
    text = {
        value["$ref"] for _, value in nodes(DOCUMENT) if isinstance(value, dict) and "$ref" in value
    }

    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} == text


def test_the_document_lists_the_operations_that_are_served_and_no_others():
    assert {
        (operation.method.lower(), operation.path, operation.operation_id)
        for operation in OPERATIONS
    } == {(method, path, name) for name, (path, method, _) in ENTRIES.items()}
    assert len(ENTRIES) == len(OPERATIONS)


@every_case("operation", OPERATIONS)
def test_an_operation_is_documented_in_full(operation):
    _, _, entry = ENTRIES[operation.operation_id]
    declared = {(name, "query") for name in parameters_of(operation.query)}
    declared |= {(name, "path") for name in re.findall(r"{(\w+)}", operation.path)}
    declared |= {("Idempotency-Key", "header")} if operation.writes else set()
    documented = entry.get("parameters", [])

    assert {(one["name"], one["in"]) for one in documented} == declared
    for one in documented:
        assert one.get("description"), f"parameter {one['name']} says nothing"
        assert one["schema"]["type"]
    assert entry["summary"]
    assert entry["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    assert (entry.get("security") == []) == (operation.role is None)


@every_case("operation", OPERATIONS)
def test_every_status_an_operation_can_answer_is_documented(operation):
    responses = ENTRIES[operation.operation_id][2]["responses"]
    # Any request can be too big, malformed, or meet a server that is busy, slow or broken.
    always = {400, 413, 431, 500, 503, 504}
    if operation.role is not None:
        always |= {401} | ({403} if operation.role > Role.read else set())

    assert {int(status) for status in responses if status[0] in "45"} >= always
    for status, answer in responses.items():
        assert answer["description"]
        if status[0] in "45":
            assert answer["content"][JSON]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_every_code_of_an_error_is_documented():
    assert {(one["code"], one["status"]) for one in DOCUMENT["x-error-codes"]} == {
        (kind.code, problems.STATUSES[kind]) for kind in all_problems()
    }
    assert all(one["description"] for one in DOCUMENT["x-error-codes"])


def test_every_example_fits_its_schema():
    schemas = DOCUMENT["components"]["schemas"]
    for _, (_, _, entry) in ENTRIES.items():
        for parameter in entry.get("parameters", []):
            if "example" in parameter:
                assert complaints(parameter["schema"], schemas, parameter["example"]) == []
        for content in entry.get("requestBody", {}).get("content", {}).values():
            if "schema" in content:
                assert complaints(content["schema"], CLOSED, content["example"]) == []
    for schema in schemas.values():
        for example in schema.get("examples", []):
            assert complaints(schema, CLOSED, example) == []


def assert_documented(operation: Operation, answer: Any) -> None:
    """The answer to a good request is a 200 as the document describes it."""
    _, _, entry = ENTRIES[operation.operation_id]
    schema = entry["responses"]["200"]["content"][JSON]["schema"]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == JSON
    assert complaints(schema, CLOSED, answer.json()) == []


def assert_all_documented(world: World, key: str, operation: Operation) -> None:
    """Each good request of an operation gets what the document says."""
    with calling(world, key) as client:
        for params in GOOD[operation.operation_id] if operation.role else [{}]:
            assert_documented(operation, ask(client, operation, params))


STRUCTS = [one for one in OPERATIONS if not isinstance(one.answer, tuple)]


@above_the_store
@every_case("operation", [one for one in STRUCTS if not one.writes])
def test_an_answer_is_what_the_document_says_and_nothing_more(shared_world, shared_ann, operation):
    assert_all_documented(shared_world, shared_ann, operation)


@one_engine
@pytest.mark.parametrize(
    "operation",
    [one for one in STRUCTS if one.writes and one.body is None],
    ids=lambda one: one.operation_id,
)
def test_the_answer_to_a_change_without_a_body_is_what_the_document_says(world, ann, operation):
    """Those with a body are held to it by test_sweep_writes.py."""
    assert_all_documented(world, ann, operation)


@above_the_store
@every_case("operation", [one for one in OPERATIONS if isinstance(one.answer, tuple)])
def test_an_answer_that_is_no_struct_has_a_documented_media_type(
    shared_world, shared_ann, operation
):
    assert not operation.writes
    responses = ENTRIES[operation.operation_id][2]["responses"]
    with calling(shared_world, shared_ann) as client:
        for params in GOOD.get(operation.operation_id, [{}]):
            answer = ask(client, operation, params)
            media_types = set(responses[str(answer.status_code)].get("content", {}))
            if answer.content:
                assert answer.headers["content-type"].partition(";")[0] in media_types


@above_the_store
def test_every_error_body_is_what_the_document_says(shared_world, shared_ann):
    with calling(shared_world, shared_ann) as client:
        for method, url, headers, *_ in PROVOKED:
            body = client.request(method, url, headers=headers).json()
            assert complaints(CLOSED["Error"], CLOSED, body) == []


@above_the_store
def test_both_addresses_of_the_document_give_the_same_bytes(shared_world, shared_ann):
    with calling(shared_world, None) as client:
        one, other = client.get("/openapi.json"), client.get("/v2/openapi")

    assert one.content == other.content
    assert one.json() == DOCUMENT


class Page(HTMLParser):
    """What a page loads, runs and links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.inline: list[str] = []
        self._pieces: list[str] = []
        self._within = ""
        self.feed(text)
        self.close()
        self.words = "".join(self._pieces)  # adding to a long text copies it each time

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self._within = tag
        self.ids += [given["id"] or ""] if "id" in given else []
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "formaction", "data", "poster"):
                is_link = tag == "a" and name == "href"
                (self.links if is_link else self.loads).append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)
        if self._within in ("script", "style") and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


@cache
def _clean_page() -> Page:
    return Page(docs_page.render(DOCUMENT))


@pytest.fixture
def page() -> Page:
    return _clean_page()


@every_case("operation", OPERATIONS)
def test_the_page_shows_every_operation_and_parameter(page, operation):
    assert f"operation-{operation.operation_id}" in page.ids
    for name in parameters_of(operation.query):
        assert name in page.words
    assert operation.summary in page.words


def test_the_page_shows_every_schema_and_no_anchor_twice(page):
    for name in DOCUMENT["components"]["schemas"]:
        assert f"schema-{name}" in page.ids
    assert len(page.ids) == len(set(page.ids))


def test_the_page_loads_nothing_from_outside_and_links_lead_somewhere(page):
    assert page.links
    assert not {"iframe", "object", "embed", "base", "form", "img"} & set(page.tags)
    for place in page.loads:
        assert place == "data:," or re.match(r"/docs/static/[\w.]+$", place)
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else link == "/openapi.json", link


@one_engine
def test_the_page_has_no_inline_script_or_style_and_its_policy_allows_none(page, world):
    assert page.inline == []
    with calling(world, None) as client:
        answer = client.get("/docs")
        policy = answer.headers["content-security-policy"]
        files = [link for link in page.loads if link.startswith("/docs/static/")]
        assert files
        assert {client.get(link).status_code for link in files} == {200}

    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy.split("; ")
    assert "content-security-policy-report-only" not in answer.headers
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea></title></script><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "[x](javascript:alert(1)) ![x](https://evil.test/x.png) <https://evil.test>",
    "[x](data:text/html;base64,PHNjcmlwdD4=) [y](vbscript:x) [z](JaVaScRiPt:x)",
    "{{ 7*7 }} {% raw %} {{ self }}",
    "&lt;script&gt; &#60;b&#62; \u202e\u0000 \ud83d",
)


@pytest.mark.parametrize("part", range(3))
def test_hostile_text_in_the_document_stays_text(part):
    """A third of the texts each time, in every fifth path; all are drawn by the same templates."""
    text = " ".join(HOSTILE[part::3])
    some_paths = dict(list(DOCUMENT["paths"].items())[part::5])

    def poisoned(value: Any, at: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poisoned(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poisoned(item, at) for item in value]
        is_free = at in ("description", "summary", "example", "title", "error", "detail", "url")
        return f"{value} {text}" if is_free and isinstance(value, str) else value

    document = poisoned(DOCUMENT | {"paths": some_paths})
    document["info"]["title"] = text
    document["tags"][0]["name"] = text
    document["components"]["schemas"][text] = {"type": "string", "enum": [text], "pattern": text}

    found = Page(docs_page.render(document))

    clean = _clean_page()
    assert found.inline == []
    assert set(found.tags) <= set(clean.tags) | {"p", "a", "code", "ul", "li", "em"}
    assert set(found.loads) == set(clean.loads)
    for link in found.links:
        assert not re.match(r"(?i)\s*(javascript|data|vbscript):", link)
    assert "49" not in found.words or "49" in clean.words


def test_the_public_address_stands_in_document_and_page():
    settings = Settings(public_url="https://plaudit.example")
    document = openapi.document(OPERATIONS, settings)

    assert document["servers"] == [{"url": "https://plaudit.example"}]
    some_paths = {"/v2/tasks": document["paths"]["/v2/tasks"]}
    page = Page(docs_page.render(document | {"paths": some_paths}))
    assert "https://plaudit.example/v2/tasks" in page.words


@one_engine
def test_the_document_and_its_page_are_built_once_and_beside_the_event_loop(world, monkeypatch):
    """Building takes more CPU than a request may hold the loop for, and anybody may ask."""
    are_on_loop: list[bool] = []

    def noting(module: Any, name: str) -> None:
        inner = getattr(module, name)

        def run(*arguments: Any) -> Any:
            are_on_loop.append(asyncio._get_running_loop() is not None)
            return inner(*arguments)

        monkeypatch.setattr(module, name, run)

    noting(openapi, "document")
    noting(docs_page, "render")
    with world.connect() as client:
        for path in ("/openapi.json", "/docs", "/v2/openapi", "/docs"):
            assert client.get(path).status_code == 200

    assert are_on_loop == [False] * 3, "the document for itself, then for the page, and the page"
