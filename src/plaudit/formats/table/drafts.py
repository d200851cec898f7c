"""stand-in"""

from typing import Any

from msgspec import Struct


class Column(Struct):
    name: str
    samples: list[str]
    values: list[str]


def describe_columns(rows: Any) -> list[Any]:
    names = dict.fromkeys(name for row in rows if isinstance(row.value, dict) for name in row.value)
    return [
        Column(
            name,
            [str(row.value.get(name))[:200] for row in rows[:3]],
            sorted({str(row.value.get(name))[:100] for row in rows})[:20],
        )
        for name in names
    ]


def draft_mapping(rows: Any) -> dict[str, Any]:
    return {"responses": []}


def mapping_to_toml(mapping: Any) -> str:
    return ""


def draft_toml(rows: Any) -> str:
    return ""
