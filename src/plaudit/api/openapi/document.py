"""OpenAPI document, generated from the declared operations and the wire structs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

import plaudit
from plaudit import errors
from plaudit.api.http import problems
from plaudit.api.http.operation import JSON, Operation
from plaudit.api.http.parameters import parameters_of
from plaudit.core.common.idempotency import KEY_CHARS_MAX
from plaudit.settings import Settings
from plaudit.wire.v2 import annotation
from plaudit.wire.v2.resources import Error

_REF = "#/components/schemas/{name}"
_DESCRIPTION = (
    "Plaudit speaks Scale's GenAI v2 API, field for field, so that a pipeline written for it works "
    "unchanged: point it at this server and give it a key made with `plaudit keys create`. "
    "Success is always 200; every error has one body."
)
_TAGS = (
    ("Tasks", "Tasks with their threads, turns, messages and annotations."),
    ("Batches", "Named groups of a project's tasks."),
    ("Deliveries", "Frozen sets of completed tasks, as they were handed over."),
    ("Projects", "What kind of work, on which models."),
    ("Datasets", "Finished tasks, delivered under a name, and what deliveries look like."),
    ("Attachments", "Files of tasks and datasets."),
    ("Management", "What Scale's API has no routes for: settings, uploads, people, keys, audit."),
    ("Webhooks", "Who is told of events, and how that went."),
    ("Server", "Health, metrics and this document."),
)


def document(operations: Sequence[Operation], settings: Settings) -> dict[str, Any]:
    """Build the OpenAPI 3.1 document of the operations."""
    structs: list[Any] = [Error]
    structs += [op.answer for op in operations if not isinstance(op.answer, tuple)]
    structs += [op.body for op in operations if op.body is not None]
    structs += [op.row for op in operations if op.row is not None]
    unique = list(dict.fromkeys(structs))
    _, schemas = msgspec.json.schema_components(unique, ref_template=_REF)
    _complete_schemas(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Plaudit",
            "version": plaudit.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.public_url or "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The API key.",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The API key as the user name, no password.",
                },
            },
        },
        "x-error-codes": _error_codes(),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        entry["description"] = operation.description
    if operation.role is None:
        entry["security"] = []
    else:
        entry["x-role"] = operation.role.name
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)}", operation.path)]
    for name, parameter in parameters_of(operation.query).items():
        schema = parameter.schema()
        declaration = {
            "name": name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.description,
            "schema": schema,
        }
        if schema["type"] == "array":
            declaration |= {"style": "form", "explode": True}
        if parameter.example is not None:
            declaration["example"] = parameter.example
        parameters.append(declaration)
    if operation.writes:
        parameters.append(_IDEMPOTENCY_KEY)
    if parameters:
        entry["parameters"] = parameters
    if operation.writes:
        entry["requestBody"] = _request_body(operation)
    return entry | {"responses": _responses(operation)}


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of this request's own. Sent again under the same key, it has no second "
    "effect and gets the first answer, for two days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX},
}


def _request_body(operation: Operation) -> dict[str, Any]:
    entry: dict[str, Any] = {"required": True}
    if operation.body is None:
        content: dict[str, Any] = {media_type: {} for media_type in operation.streams}
        if operation.row is not None:
            # OpenAPI 3.1 has no NDJSON, so the rows are described as an array
            items = {"$ref": _REF.format(name=operation.row.__name__)}
            for media in content.values():
                media["schema"] = {"type": "array", "items": items}
    else:
        content = {JSON: {"schema": {"$ref": _REF.format(name=operation.body.__name__)}}}
        limit = operation.body_limit
        entry["description"] = (
            f"At most {limit.bytes_max:,} bytes, with at most {limit.structure_max:,} of the "
            "characters `{}[]:,` outside of texts."
        )
    if operation.body_example is not None:
        for media in content.values():
            media["example"] = operation.body_example
    return entry | {"content": content}


def _responses(operation: Operation) -> dict[str, Any]:
    if isinstance(operation.answer, tuple):
        content: dict[str, Any] = {media_type: {} for media_type in operation.answer}
    else:
        schema: dict[str, Any] = {"$ref": _REF.format(name=operation.answer.__name__)}
        if operation.is_array:
            schema = {"type": "array", "items": schema}
        content = {JSON: {"schema": schema}}
        if operation.example is not None:
            content[JSON]["example"] = operation.example
    responses: dict[str, Any] = {
        str(status): {"description": operation.answer_description, "content": content}
        for status in operation.successes
        if status != HTTPStatus.NOT_MODIFIED
    }
    if HTTPStatus.NOT_MODIFIED in operation.successes:
        responses["304"] = {"description": "Not changed since the answer of that `ETag`."}
    for status in operation.all_errors:
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {JSON: {"schema": {"$ref": _REF.format(name="Error")}}},
        }
    return responses


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": "As it stands in the path, percent-encoded.",
        "schema": {"type": "string"},
    }


def _complete_schemas(schemas: dict[str, Any]) -> None:
    """Add what structs cannot declare: date-time formats, annotation values, error examples."""
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if name.endswith("_at"):
                for variant in [field, *field.get("anyOf", ())]:
                    if variant.get("type") == "string":
                        variant["format"] = "date-time"
    if "Annotation" in schemas:
        _describe_annotation(schemas["Annotation"])
    schemas["Error"]["examples"] = [_error_example()]


def _describe_annotation(schema: dict[str, Any]) -> None:
    words = {
        name: inspect.getdoc(kind) if isinstance(kind, type) and issubclass(kind, Struct) else None
        for name, kind in annotation.VALUES.items()
    }
    plain = {
        "boolean": "true or false",
        "integer": "a whole number",
        "text": "text",
        "category": "one of the possible values",
        "category_multiple": "a list of possible values",
        "file": "a list of files: content (base64), mime_type, scale_url, url, name",
        "labeled_text": "a list of {label, text}",
        "ranked_choices": "a list, best first",
        "ranked_groups": "a list of lists, best first, ties grouped",
        "rubric_criteria": "an object: weight, and any other members",
        "rubric_rating": "an object: score, color, justification, and any other members",
        "workspace_container": "an object: workspace_id, workspace_config, output_files, …",
    }
    text = "; ".join(f"`{name}`: {plain[name]}" for name in words)
    properties = schema["properties"]
    properties["value"]["description"] = f"By type. {text}. Absent when there is no value."
    for name in annotation.DETAILS:
        properties[name].setdefault("description", "Shown under `opts=annotation_details`.")
    properties["votes"]["description"] = (
        "Each judge's value, where several judged; whoever abstained has `not_applicable` or"
        " `cannot_assess` instead. Plaudit's extension, under `opts=submissions`."
    )
    schema["required"] = ["id", "key", "type"]


def _error_example() -> dict[str, Any]:
    problem = errors.InvalidParameter("limit must be a whole number from 1 to 100", param="limit")
    example: dict[str, Any] = msgspec.json.decode(problems.body(problem, "req_4f2a"))
    return example


def _error_codes() -> list[dict[str, Any]]:
    return [
        {"status": status, "code": kind.code, "description": inspect.getdoc(kind)}
        for kind, status in problems.STATUSES.items()
    ]
