"""JSON Schemas as words and table rows for the documentation page.

Reads the dialect that msgspec writes, and OpenAPI 3.1 as the document uses it. Unknown keywords
are left out; a valid schema never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Facts that a component shows in sections of their own.
SHOWN_APART = ("Example", "Told apart by")


@dataclass(frozen=True, slots=True)
class Word:
    """Word of a type's description; `href` links to a schema of the page, or is empty."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """Table row of a parameter or field. `facts` are pairs of a label and its literal values."""

    name: str
    is_required: bool
    is_deprecated: bool
    type: list[Word]
    facts: list[tuple[str, list[str]]]
    description: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Schema component. `variants` pairs a discriminator value, or "", with a type."""

    anchor: str
    name: str
    description: str
    type: list[Word]
    facts: list[tuple[str, list[str]]]
    rows: list[SchemaRow]
    variants: list[tuple[str, list[Word]]]
    told_by: str
    examples: list[tuple[str, Any]]


def read_schemas(document: dict[str, Any]) -> list[Schema]:
    """List the schema components by name."""
    schemas = []
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        schema = schema if isinstance(schema, dict) else {}
        told_by = schema.get("discriminator", {})
        words = {to: value for value, to in told_by.get("mapping", {}).items()}
        parts: list[Any] = schema.get("oneOf") or schema.get("anyOf") or []
        refs = [part.get("$ref", "") if isinstance(part, dict) else "" for part in parts]
        schemas.append(
            Schema(
                anchor=anchor_of("schema", name),
                name=name,
                description=schema.get("description", ""),
                type=words_of(schema),
                facts=[f for f in facts_of(document, schema) if f[0] not in SHOWN_APART],
                rows=rows_of(document, schema),
                variants=[
                    (words.get(r, ""), words_of(p)) for r, p in zip(refs, parts, strict=True)
                ],
                told_by=told_by.get("propertyName", ""),
                examples=examples_of(document, {"schema": schema}),
            )
        )
    return schemas


def rows_of(document: dict[str, Any], schema: Any, prefix: str = "") -> list[SchemaRow]:
    """List an object's fields, those of unnamed nested objects with a dotted name."""
    if not isinstance(schema, dict):
        return []
    rows = []
    for part in schema.get("allOf", []):
        rows += [] if "$ref" in part else rows_of(document, part, prefix)
    for name, value in schema.get("properties", {}).items():
        details = value if isinstance(value, dict) else {}
        rows.append(
            SchemaRow(
                name=prefix + name,
                is_required=name in schema.get("required", []),
                is_deprecated=details.get("deprecated", False),
                type=words_of(value),
                facts=facts_of(document, details),
                description=details.get("description", ""),
            )
        )
        rows += rows_of(document, value, f"{prefix}{name}.")
        rows += rows_of(document, details.get("items"), f"{prefix}{name}[].")
    return rows


def words_of(schema: Any) -> list[Word]:
    """Describe a schema's type in words: `array of Thread`, `string or Project`."""
    if not isinstance(schema, dict) or not schema:
        return [Word("nothing" if schema is False else "anything")]
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        is_ours = schema["$ref"].startswith("#/components/schemas/")
        return [Word(name, "#" + anchor_of("schema", name) if is_ours else "")]
    for key, joint in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if key in schema:
            return _joined((words_of(part) for part in schema[key]), joint)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _joined((words_of({**schema, "type": each}) for each in kind), " or ")
    if kind == "array" and "prefixItems" in schema:
        return [Word("["), *_joined(map(words_of, schema["prefixItems"]), ", "), Word("]")]
    if kind == "array":
        items = words_of(schema.get("items", {}))
        return [Word("array of "), *([Word("("), *items, Word(")")] if len(items) > 2 else items)]
    if isinstance(values := schema.get("additionalProperties"), dict) and values:
        return [Word("object with values of "), *words_of(values)]
    if kind is None:
        values = [schema["const"]] if "const" in schema else schema.get("enum", [])
        names = dict.fromkeys(_json_type(value) for value in values)
        return [Word(" or ".join(names) or "anything")]
    return [Word(f"{kind} ({schema['format']})" if "format" in schema else kind)]


def facts_of(document: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """List a schema's constraints as labels and literal values: enum, default, range, example."""
    for key in ("anyOf", "oneOf"):
        rest = [part for part in schema.get(key, []) if part != {"type": "null"}]
        if len(rest) == 1 and isinstance(rest[0], dict):
            schema = {**rest[0], **schema}
    target = resolved(document, schema)
    if "enum" in target or "const" in target:
        schema = {**target, **schema}
    items = resolved(document, schema.get("items"))
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    facts = [("Always" if len(values) == 1 else "One of", values)]
    facts.append(("Any of", items.get("enum", [])))
    facts.append(("Default", [schema["default"]] if schema.get("default") is not None else []))
    for label, low, high in (
        ("Range", "minimum", "maximum"),
        ("Strictly within", "exclusiveMinimum", "exclusiveMaximum"),
        ("Length", "minLength", "maxLength"),
        ("Items", "minItems", "maxItems"),
    ):
        facts.append((label, _span(schema.get(low), schema.get(high))))
    facts.append(("Pattern", [schema["pattern"]] if "pattern" in schema else []))
    told_by = schema.get("discriminator") or items.get("discriminator") or {}
    facts.append(("Told apart by", [told_by["propertyName"]] if told_by else []))
    own = {key: value for key, value in schema.items() if key != "$ref"}
    facts.append(("Example", [value for _, value in examples_of(document, {"schema": own})]))
    return [(label, [literal(value) for value in values]) for label, values in facts if values]


def examples_of(document: dict[str, Any], source: dict[str, Any]) -> list[tuple[str, Any]]:
    """List title and value of the examples of a parameter, body or nested `schema`."""
    if "example" in source:
        return [("Example", source["example"])]
    named = {k: resolved(document, e) for k, e in source.get("examples", {}).items()}
    if examples := [(e.get("summary", k), e["value"]) for k, e in named.items() if "value" in e]:
        return examples
    schema = resolved(document, source.get("schema", {}))
    values = schema.get("examples", []) or [schema[k] for k in ("example",) if k in schema]
    return [("Example", value) for value in values[:1]]


def resolved(document: dict[str, Any], node: Any) -> dict[str, Any]:
    """Follow up to 8 local `$ref`s from a node; {} for the schemas `true` and `false`."""
    if not isinstance(node, dict):
        return {}
    current: dict[str, Any] = node
    for _ in range(8):
        ref = current.get("$ref", "")
        if not ref.startswith("#/"):
            break
        target: Any = document
        for step in ref[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        if not isinstance(target, dict):
            break
        current = target
    return current


def anchor_of(kind: str, name: str) -> str:
    """HTML anchor `<kind>-<name>`, with unsafe characters replaced by hyphens."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}"


def literal(value: Any) -> str:
    """Format a value for a query: strings unquoted, others as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _span(low: float | None, high: float | None) -> list[str]:
    if low is None and high is None:
        return []
    if low is None or high is None:
        return [f"at least {low}" if high is None else f"at most {high}"]
    return [f"{low} to {high}" if low != high else f"{low}"]


def _joined(parts: Iterable[list[Word]], joint: str) -> list[Word]:
    words: list[Word] = []
    for part in parts:
        words += [Word(joint), *part] if words else part
    return words


def _json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return names.get(type(value), "null" if value is None else "array")
