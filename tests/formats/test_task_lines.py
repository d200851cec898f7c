"""Lines of tasks that are decoded at once: each as if it had been read with care, or not at all."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit import clock, json_guard
from plaudit.core.transfer import prepared_tasks
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.errors import InvalidContent
from plaudit.wire.v2 import task
from plaudit.wire.v2.task_lines import LineReader
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.strategies import JSON, TEXTS, THREADS

NOW = 1_800_000_000_000
STYLES: list[dict[str, Any]] = [
    {"separators": (",", ":"), "ensure_ascii": False},
    {"separators": (",", ":")},
    {},
    {"separators": (" , ", " : "), "ensure_ascii": False},
]


def at_once(line: bytes, *, is_archive: bool = False) -> PreparedTask | None:
    return prepared_tasks.read_line(LineReader(is_archive=is_archive), line)


def with_care(line: bytes) -> PreparedTask | None:
    try:
        return prepared_tasks.read(json_guard.check(line))
    except InvalidContent:
        return None


def assert_equal_or_left(line: bytes) -> PreparedTask | None:
    """The task that was read at once, which is that of reading with care; None if it was left."""
    read = at_once(line)
    archived = at_once(b'{"kind":"task","value":%b}' % line, is_archive=True)

    assert read == archived
    assert read is None or read == with_care(line)
    return read


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


def make_plain(**members: Any) -> dict[str, Any]:
    """A judged task without rare members."""
    responses = [
        make_message(
            source,
            text=f'"quotes": {source}',
            annotations=[{"key": "overall", "value": 3}, {"key": "good", "value": True}],
            model_parameters={"model": source, "temperature": 0.5},
        )
        for source in ("a", "b")
    ]
    turn = make_turn(
        "u", responses, annotations=[{"key": "selected_model_id", "value": "a"}, {"key": "why"}]
    )
    thread = make_thread("t", [turn], submissions=[{"contributor_id": "ann"}])
    return make_task(threads=[thread], **members)


@settings(max_examples=60, deadline=None)
@given(
    threads=THREADS,
    status=st.sampled_from(["completed", "completed", "pending", "error"]),
    metadata=st.none() | st.dictionaries(TEXTS, JSON, max_size=2),
    style=st.sampled_from(STYLES),
)
def test_any_task_is_read_as_with_care_or_left(threads, status, metadata, style):
    name = "threads" if status == "completed" else "content"
    value = make_task(status=status, metadata=metadata)
    value.pop("completed_at", None)
    value["threads"] = []
    value[name] = threads

    assert_equal_or_left(json.dumps(value, **style).encode())


@pytest.mark.parametrize("style", STYLES)
def test_most_tasks_are_read_at_once(style):
    for value in (
        make_plain(),
        make_plain(batch="b", metadata={"n": 1, "deep": [{"a": None}]}, unique_id="u"),
        make_task(status="pending", threads=[], content=make_plain()["threads"]),
        make_task(
            threads=[make_thread(annotations=[make_annotation("k", 1, votes=[], title="T")])]
        ),
    ):
        value = {name: member for name, member in value.items() if member is not None}

        assert assert_equal_or_left(json.dumps(value, **style).encode()) is not None


MEMBERS = {
    "a member twice": ('"key":', '"key":"x","key":'),
    "a member twice, made up for by escapes": ('"overall"', '"x","key":"\\u0022\\u0022overall"'),
    "a member twice in a value": ('"value": 3', '"value": {"a": 1, "a": 2}'),
    "an escaped name twice": ('"key":', '"k\\u0065y":"x","key":'),
    "NUL": ("quotes", "\\u0000"),
    "an integer of 65 bits": ('"value": 3', '"value": 18446744073709551616'),
    "an integer of 64 bits without a sign": ('"value": 3', '"value": 9223372036854775808'),
    "a great integer in a list": ('"value": 3', '"value": [1, 36893488147419103232]'),
    "a great temperature": ("0.5", "100000000000000000000"),
    "a number out of range": ("0.5", "1e400"),
    "a surrogate": ("quotes", "\\ud800"),
    "deep metadata": ('"status"', '"metadata": {"a": %s}, "status"' % ("[" * 70 + "]" * 70)),
    "a deep value": ('"value": 3', '"value": %s' % ("[" * 70 + "]" * 70)),
    "two documents": ("}]}]}", "}]}]} {}"),
    "a type that the value is not of": ('"value": 3', '"type": "text", "value": 3'),
    "a source twice": ('"source_id": "b"', '"source_id": "a"'),
    "a control character in an id": ('"key": "good"', '"id": "a\\n", "key": "good"'),
    "a date that is none": ("2025-", "2025-x"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_what_is_refused_with_care_is_never_read_at_once(name):
    line = json.dumps(make_plain())
    found, put = MEMBERS[name]
    assert found in line

    broken = line.replace(found, put, 1).encode()

    assert with_care(broken) is None
    assert at_once(broken) is None


OTHERS = {
    "an unknown member": ('"key":', '"colour":"red","key":'),
    "null": ('"key":', '"title":null,"key":'),
    "a model's name within a value": ('"value": 3', '"value": {"b":1,"model_parameters":{"a":1}}'),
    "an object for the project": ('"project": "', '"project": {"id":"p"}, "unique_id": "'),
    "a byte order mark": ("{", "\ufeff{"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_taken_with_care_alone_is_left(name):
    found, put = OTHERS[name]
    line = json.dumps(make_plain(), ensure_ascii=False)
    assert found in line

    assert_equal_or_left(line.replace(found, put, 1).encode())


def test_every_part_of_a_task_is_written_without_what_it_lacks():
    """The proof by quotation marks counts on it: nothing is written that was not read."""
    seen: set[type] = set()
    pending: list[Any] = [task.ArchivedTask]
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        for field in msgspec.structs.fields(one):
            kinds = msgspec.inspect.type_info(field.type)
            pending += [kind.cls for kind in _structs(kinds)]

    names = {one.__name__ for one in seen}
    assert {"Thread", "Vote", "Attachment", "CriterionEvaluation"} <= names
    assert {one.__name__ for one in seen if not one.__struct_config__.omit_defaults} == {"Batch"}


def _structs(kind: Any) -> list[Any]:
    if isinstance(kind, msgspec.inspect.StructType):
        return [kind]
    inner = [getattr(kind, "item_type", None), getattr(kind, "value_type", None)]
    inner += getattr(kind, "types", ())
    return [found for one in inner if one is not None for found in _structs(one)]
