"""Documentation page: the OpenAPI document rendered as one HTML page.

It is rendered on the server, so it needs no third-party script and works without any script. The
document's texts are untrusted: templates escape them, and descriptions are parsed as Markdown
without raw HTML.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from plaudit.api.openapi.docs_schema import (
    SchemaRow,
    Word,
    anchor_of,
    examples_of,
    facts_of,
    literal,
    read_schemas,
    resolved,
    rows_of,
    words_of,
)

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
JSON = "application/json"
# Placeholder if the document has no absolute server URL; docs.js replaces it by the page's origin.
SOME_SERVER = "http://127.0.0.1:8000"
INLINE_WIDTH = 64

# Headings would break the page's outline, and images would load from elsewhere.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    ["heading", "lheading", "hr", "image", "html_block", "html_inline"]
)


@dataclass(frozen=True, slots=True)
class ContentDoc:
    """Body of a request or response. `media_type` and `type` are empty when there is no body."""

    media_type: str = ""
    type: list[Word] = field(default_factory=list)
    rows: list[SchemaRow] = field(default_factory=list)
    examples: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ResponseDoc:
    """Response of an operation with one status."""

    status: str
    description: str
    headers: list[str]
    content: ContentDoc


@dataclass(frozen=True, slots=True)
class OperationDoc:
    """Operation: a method on a path. `curl` is the command before and after the server's URL."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    tag: str
    role: str
    is_open: bool
    is_deprecated: bool
    parameters: dict[str, list[SchemaRow]]
    body: ContentDoc
    body_description: str
    answers: list[ResponseDoc]
    errors: list[ResponseDoc]
    curl: tuple[str, str]
    search: str


def render(document: dict[str, Any]) -> str:
    """Render the complete page. Takes 150 ms, so callers keep it and wait beside the loop."""
    info = document.get("info", {})
    operations = read_operations(document)
    servers = [s.get("url", "") for s in document.get("servers", [])]
    server = next((url.rstrip("/") for url in servers if re.match(r"https?://", url)), "")
    return _TEMPLATES.get_template("docs.html").render(
        info=info,
        server=server or SOME_SERVER,
        has_server=bool(server),
        logins=_logins(document, operations),
        groups=_groups(document, operations),
        errors=_errors(operations),
        error_codes=document.get("x-error-codes", []),
        error_body=next((e.content for op in operations for e in op.errors), ContentDoc()),
        schemas=read_schemas(document),
    )


def read_operations(document: dict[str, Any]) -> list[OperationDoc]:
    """List the operations in the document's order."""
    operations = []
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                operation = {**item[method]}
                shared = item.get("parameters", [])
                operation["parameters"] = [*shared, *operation.get("parameters", [])]
                operations.append(_operation(document, method, path, operation))
    return operations


def _operation(
    document: dict[str, Any], method: str, path: str, source: dict[str, Any]
) -> OperationDoc:
    parameters = [resolved(document, p) for p in source["parameters"]]
    rows_by_location: dict[str, list[SchemaRow]] = {}
    for location in ("path", "query", "header", "cookie"):
        if rows := [_parameter(document, p) for p in parameters if p.get("in") == location]:
            rows_by_location[location] = rows
    body = resolved(document, source.get("requestBody", {}))
    security = source.get("security", document.get("security", []))
    is_open = not security or {} in security
    answers = [
        _answer(document, status, answer) for status, answer in source.get("responses", {}).items()
    ]
    name = source.get("operationId") or f"{method}-{path.strip('/')}"
    tag = next(iter(source.get("tags", [])), "Other")
    words = [name, method, path, tag, source.get("summary", ""), *(p["name"] for p in parameters)]
    content = _content(document, body, with_rows=True)
    return OperationDoc(
        anchor=anchor_of("operation", name),
        method=method.upper(),
        path=path,
        summary=source.get("summary") or name,
        description=source.get("description", ""),
        tag=tag,
        role=source.get("x-role", ""),
        is_open=is_open,
        is_deprecated=source.get("deprecated", False),
        parameters=rows_by_location,
        body=content,
        body_description=body.get("description", ""),
        answers=[a for a in answers if a.status[:1] in "123"],
        errors=[a for a in answers if a.status[:1] not in "123"],
        curl=_curl(document, method, path, parameters, content, is_open=is_open),
        search=" ".join(words).lower(),
    )


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> SchemaRow:
    schema = parameter.get("schema", {})
    schema = schema if isinstance(schema, dict) else {}
    facts = facts_of(document, schema)
    if examples := examples_of(document, parameter):
        facts = [fact for fact in facts if fact[0] != "Example"]
        facts.append(("Example", [literal(value) for _, value in examples[:1]]))
    return SchemaRow(
        name=parameter["name"],
        is_required=parameter.get("required", False),
        is_deprecated=parameter.get("deprecated", False),
        type=words_of(schema),
        facts=facts,
        description=parameter.get("description") or schema.get("description", ""),
    )


def _answer(document: dict[str, Any], status: str, source: dict[str, Any]) -> ResponseDoc:
    source = resolved(document, source)
    return ResponseDoc(
        status=str(status),
        description=source.get("description", ""),
        headers=list(source.get("headers", {})),
        content=_content(document, source, with_rows=False),
    )


def _content(document: dict[str, Any], body: dict[str, Any], *, with_rows: bool) -> ContentDoc:
    """Describe a body by its JSON media type, or by its first one without JSON."""
    forms = body.get("content", {})
    if not forms:
        return ContentDoc()
    media_type = JSON if JSON in forms else next(iter(forms))
    form = forms[media_type]
    schema = form.get("schema", {})
    is_named = isinstance(schema, dict) and "$ref" in schema
    rows = rows_of(document, resolved(document, schema)) if with_rows or not is_named else []
    return ContentDoc(media_type, words_of(schema), rows, examples_of(document, form))


def _curl(
    document: dict[str, Any],
    method: str,
    path: str,
    parameters: list[dict[str, Any]],
    body: ContentDoc,
    *,
    is_open: bool,
) -> tuple[str, str]:
    """Make a curl command that runs once the key and unknown ids are filled in.

    It sends the required parameters and those with an `example` of their own.
    """
    sent: dict[str, list[tuple[str, Any]]] = {"path": [], "query": [], "header": []}
    for parameter in parameters:
        examples = examples_of(document, parameter)
        if parameter.get("required") or "example" in parameter:
            value = examples[0][1] if examples else parameter["name"].upper()
            each = value if isinstance(value, list) else [value]
            sent.setdefault(parameter["in"], []).extend((parameter["name"], v) for v in each)
    for name, value in sent["path"]:
        path = path.replace("{" + name + "}", quote(literal(value), safe=""))
    query = [(name, literal(value)) for name, value in sent["query"]]
    command = "curl -G " if method == "get" and query else "curl "
    if method not in ("get", "post") or (method == "post" and not body.media_type):
        command += f"-X {method.upper()} "
    lines = [
        path
        if method == "get" or not query
        else shlex.quote(f"{path}?{urlencode(query, errors='replace')}")
    ]
    lines += [] if is_open else ['-H "Authorization: Bearer $PLAUDIT_KEY"']
    lines += [f"-H {shlex.quote(f'{name}: {literal(value)}')}" for name, value in sent["header"]]
    if method == "get":
        lines += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in query]
    if body.media_type:
        lines.append(f"-H {shlex.quote('Content-Type: ' + body.media_type)}")
        example = body.examples[0][1] if body.examples else {}
        data = json.dumps(example, ensure_ascii=False)
        if len(data) > INLINE_WIDTH:
            data = json.dumps(example, ensure_ascii=False, indent=2)
        is_json = body.media_type == JSON
        lines.append(f"-d {shlex.quote(data)}" if is_json else "--data-binary @FILE")
    return command, " \\\n  ".join(lines)


def _logins(
    document: dict[str, Any], operations: list[OperationDoc]
) -> list[tuple[str, str, tuple[str, str]]]:
    """Name, description and curl command of each authentication scheme."""
    reads = [op for op in operations if op.method == "GET" and not op.is_open]
    curl = reads[0].curl if reads else ("curl ", "/")
    logins = []
    for name, scheme in document.get("components", {}).get("securitySchemes", {}).items():
        kind = str(scheme.get("scheme") or scheme.get("type", name)).lower()
        after = curl[1]
        if kind == "basic":
            after = after.replace('-H "Authorization: Bearer $PLAUDIT_KEY"', '-u "$PLAUDIT_KEY:"')
        if kind in ("bearer", "basic"):
            logins.append((kind.capitalize(), scheme.get("description", ""), (curl[0], after)))
    return logins


def _groups(
    document: dict[str, Any], operations: list[OperationDoc]
) -> list[tuple[str, str, str, list[OperationDoc]]]:
    """Anchor, name, description and operations of each tag, in the document's order."""
    texts = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    names = dict.fromkeys([*texts, *(op.tag for op in operations)])
    grouped = {name: [op for op in operations if op.tag == name] for name in names}
    return [(anchor_of("tag", n), n, texts.get(n, ""), ops) for n, ops in grouped.items() if ops]


def _errors(
    operations: list[OperationDoc],
) -> list[tuple[str, list[str], list[OperationDoc], bool]]:
    """Per status: itself, its descriptions, its operations, and True if all operations have it."""
    uses_by_status: dict[str, list[tuple[str, OperationDoc]]] = {}
    for op in operations:
        for answer in op.errors:
            uses_by_status.setdefault(answer.status, []).append((answer.description, op))
    return [
        (
            status,
            list(dict.fromkeys(t for t, _ in uses)),
            [op for _, op in uses],
            len(uses) == len(operations),
        )
        for status, uses in sorted(uses_by_status.items())
    ]


def _prose(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))


def _pretty(value: Any, margin: str = "") -> Markup:
    """Format JSON as HTML, indented by two spaces; short lists of scalars stay on one line."""
    inner = margin + "  "
    flat = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and value:
        is_plain = not any(isinstance(each, dict | list) for each in value)
        if is_plain and len(flat) <= INLINE_WIDTH:
            return Markup("[{}]").format(Markup(", ").join(map(_pretty, value)))
        lines = [Markup("{}{}").format(inner, _pretty(each, inner)) for each in value]
        return Markup("[\n{}\n{}]").format(Markup(",\n").join(lines), margin)
    if isinstance(value, dict) and value:
        key = '{}<span class="json-key">{}</span>: {}'
        lines = [
            Markup(key).format(inner, json.dumps(k, ensure_ascii=False), _pretty(v, inner))
            for k, v in value.items()
        ]
        return Markup("{{\n{}\n{}}}").format(Markup(",\n").join(lines), margin)
    kind = "string" if isinstance(value, str) else "plain"
    return Markup('<span class="json-{}">{}</span>').format(kind, flat)


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.filters |= {"prose": _prose, "pretty": _pretty}
