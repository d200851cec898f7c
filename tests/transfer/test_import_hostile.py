"""Hostile input: what JSON is refused before it is read, and what of a task, and how it is said."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plaudit import json_guard
from plaudit.errors import InvalidContent
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World, one_engine
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import BATCH, PROJECT, full_task, full_threads

TABLES = ("project", "batch", "batch_progress", "task", "task_body", "task_content",
          "task_locator", "reserved_unique_id", "annotation_locator")  # fmt: skip
relaxed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def resolve(document: Any, pointer: str) -> Any:
    """The value a JSON pointer (RFC 6901) leads to; raises LookupError where there is none."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document


def counts_of(world: World) -> list[int]:
    """How many rows each table that an import writes to has."""

    async def read() -> list[int]:
        async with world.db.read() as tx:
            return [(await tx.all(f"SELECT count(*) FROM {one}", {}))[0][0] for one in TABLES]

    return world.run(read())


DEEP = 100_000
REFUSED: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "JSON", ""),
    "half an object": (b'{"a":', "JSON", ""),
    "two documents": (b"{}{}", "not valid JSON", ""),
    "a trailing comma": (b'{"a":1,}', "not valid JSON", ""),
    "single quotes": (b"{'a':1}", "not valid JSON", ""),
    "a raw line feed in text": (b'["a\nb"]', "not valid JSON", ""),
    "NaN": (b'{"a":NaN}', "not valid JSON", ""),
    "Infinity": (b"[Infinity]", "not valid JSON", ""),
    "minus Infinity": (b"[-Infinity]", "not valid JSON", ""),
    "beyond a double": (b"[1e400]", "number|JSON", ""),
    "far below a double": (b"[-1e999999]", "number|JSON", ""),
    "5,000 digits": (b"[%b]" % (b"9" * 5000), "outside the|JSON", ""),
    "2^63": (b'{"a":[9223372036854775808]}', "outside the 64-bit range", "/a/0"),
    "-2^63-1": (b"-9223372036854775809", "outside the 64-bit range", ""),
    "2^64": (b"[18446744073709551616]", "outside the 64-bit range", "/0"),
    "invalid UTF-8": (b'{"a":"\xff\xfe"}', "not valid UTF-8", ""),
    "an overlong slash": (b'["\xc0\xaf"]', "not valid UTF-8", ""),
    "a surrogate in UTF-8": (b'["\xed\xa0\x80"]', "not valid UTF-8", ""),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not valid", ""),
    "a lone high surrogate": (rb'["\ud800"]', "surrogate", "/0"),
    "a lone low surrogate": (rb'["\udc00 x"]', "surrogate", "/0"),
    "a lone surrogate as a key": (rb'[{"\ud800x":1}]', "surrogate", "/0"),
    "65 levels": (b"[" * 65 + b"]" * 65 + b"", "deeper than 64 levels", ""),
    "65 levels of objects": (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64 levels", ""),
    "100,000 levels": (b"[" * DEEP + b"]" * DEEP, "deeper than 64 levels", ""),
    "100,000 levels, never closed": (b'{"a":' * DEEP, "", ""),
    "NUL in text": (rb'{"a":["x",{"b/c~d":"\u0000"}]}', "NUL", "/a/1/b~1c~0d"),
    "NUL in a key": (rb'[{"a":{"\u0000":1}}]', "a key holds a NUL", "/0/a"),
    "a key twice": (b'{"a":1,"b":{"c":1,"c":2}}', "'c' stands twice", "/b/c"),
    "a key twice, written otherwise": (rb'{"a":1,"\u0061":2}', "'a' stands twice", "/a"),
    "a key twice, spaced": (b'{"a" : 1 ,"a"\t:2}', "'a' stands twice", "/a"),
    "a key twice, its twin in text": (rb'{"a":"\":","a":1}', "'a' stands twice", "/a"),
    "a key twice in a list": (b'[0,[{}],{"x":[1,2],"x":0}]', "'x' stands twice", "/2/x"),
    "the empty key twice": (b'{"":1,"":2}', "'' stands twice", "/"),
}
"""Bytes, what is said of them (a pattern), and where.

Where msgspec does not decode, what we say of it leans on its own words; "JSON" is what stays.
"""

ACCEPTED = [
    (b"[-9223372036854775808,9223372036854775807]", [-(2**63), 2**63 - 1]),
    (b"[" * 64 + b"]" * 64, None),
    (rb'["\\u0000"]', ["\\u0000"]),
    (rb'["\ud83d\ude00","\ufffe\uffff"]', ["\U0001f600", "\ufffe\uffff"]),
    (b"[1.7976931348623157e308,-0,5e-324,-0.0]", [1.7976931348623157e308, 0, 5e-324, -0.0]),
    (rb'{"a\":":"b\" :","c":"{\"a\":1,\"a\":1}"}', {'a":': 'b" :', "c": '{"a":1,"a":1}'}),
    ('["\u202e\u2028\r\n cafe\u0301"]'.replace("\r\n", "").encode(), ["\u202e\u2028 cafe\u0301"]),
]


@every_case("data, message, pointer", REFUSED.values())
def test_what_some_reader_would_trip_over_is_refused_quickly(data, message, pointer):
    began = time.thread_time()

    with pytest.raises(InvalidContent) as caught:
        json_guard.check(data)

    assert re.search(message, caught.value.message)
    assert caught.value.pointer == pointer
    assert time.thread_time() - began < 2  # of the CPU


@pytest.mark.parametrize(("data", "value"), ACCEPTED)
def test_what_only_looks_dangerous_is_accepted_as_it_is(data, value):
    assert json_guard.check(data) == (json.loads(data) if value is None else value)


class Members(list[tuple[str, Any]]):
    """An object as its members in order, repeats included."""


keys = st.sampled_from(
    ["a", "b", "", '":', '" :', ":", "\\", "a/b~", "é", "{", ',"a":1', "\U0001f600"]
)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | keys
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(st.tuples(keys, inner), max_size=4).map(Members)
    ),
    max_leaves=12,
)


def written(tree: Any, gap: Any, is_ascii: bool) -> str:
    """The tree as JSON, with white space drawn anew wherever JSON allows it."""
    if isinstance(tree, Members):
        members = [
            f"{gap()}{json.dumps(key, ensure_ascii=is_ascii)}{gap()}:{gap()}"
            f"{written(value, gap, is_ascii)}{gap()}"
            for key, value in tree
        ]
        return f"{{{','.join(members) or gap()}}}"
    if isinstance(tree, list):
        items = [f"{gap()}{written(item, gap, is_ascii)}{gap()}" for item in tree]
        return f"[{','.join(items) or gap()}]"
    return json.dumps(tree, ensure_ascii=is_ascii)


def first_repeat(tree: Any, pointer: str = "") -> str | None:
    """Where, in the order of writing, a key first stands for the second time."""
    seen: set[str] = set()
    steps = tree if isinstance(tree, Members) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        here = f"{pointer}/{json_guard.escape(str(step))}"
        if step in seen:
            return here
        seen.add(step)
        if found := first_repeat(value, here):
            return found
    return None


def leaves(value: Any) -> list[Any]:
    """Every key and every value that is neither an object nor a list."""
    if isinstance(value, dict):
        value = [item for pair in value.items() for item in pair]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def checked(data: bytes) -> tuple[Any, InvalidContent | None]:
    """What the guard makes of a document: its value, or why it is refused."""
    try:
        return json_guard.check(data), None
    except InvalidContent as problem:
        return None, problem


@settings(deadline=None, max_examples=150)
@given(tree=trees, data=st.data(), is_ascii=st.booleans(), spaced=st.booleans())
def test_the_guard_agrees_with_a_plain_reader_that_checks_every_member(
    tree, data, is_ascii, spaced
):
    spaces = st.sampled_from(["", "", " ", "\t", "\n", "\r", "  \n"])
    text = written(tree, lambda: data.draw(spaces) if spaced else "", is_ascii)
    expected = json.loads(text)
    repeat = first_repeat(tree)
    has_nul = any("\x00" in one for one in leaves(expected) if isinstance(one, str))
    is_wide = any(one < -(2**63) or one >= 2**63 for one in leaves(expected) if type(one) is int)

    found, problem = checked(text.encode())

    if problem is None:
        assert (repeat, has_nul, is_wide) == (None, False, False)
        assert found == expected
    elif "stands twice" in problem.message:
        assert problem.pointer == repeat
    elif "NUL" in problem.message:
        assert has_nul
        resolve(expected, problem.pointer)
    else:
        assert is_wide


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused_but_never_fail(data):
    value, problem = checked(data)

    assert problem is not None or value == json.loads(data)


def with_message(**fields: Any) -> Any:
    message = make_message("user") | fields
    return {"threads": [make_thread(turns=[make_turn(messages=[message])])]}


def with_annotation(**fields: Any) -> Any:
    return with_message(annotations=[make_annotation(**fields)])


_MESSAGE = "/threads/0/turns/0/messages/0"
_ANNOTATION = f"{_MESSAGE}/annotations/0"
_VALUE, _CRITERIA = f"{_ANNOTATION}/value", f"{_ANNOTATION}/metadata/criteria"
_TWINS = [make_thread(turns=[make_turn(messages=[make_message(one) for one in "aba"])])]
_TWIN = "/0/turns/0/messages/2/source_id"
_PENDING = {"status": "pending"}
BASE = make_task("task_base", batch="batch_123")
_OVERRIDE = PROJECT | {"id": "p9", "name": "a\u202eb"}
_IN_BATCH = BATCH | {"status": "canceled"}
WRONG: dict[str, tuple[Any, str, str]] = {
    "an empty id": ({"task_id": ""}, "/task_id", "1 to 255 characters"),
    "an id of 256": ({"task_id": "x" * 256}, "/task_id", "1 to 255 characters"),
    "a line feed in an id": ({"task_id": "a\nb"}, "/task_id", "control character"),
    "an unknown status": ({"status": "cancelled"}, "/status", "pending, completed, can"),
    "a deleted task": ({"status": "deleted"}, "/status", "deleted"),
    "a batch's unknown status": ({"batch": _IN_BATCH}, "/batch/status", "staging, in_progress"),
    "the role tool": (with_message(role="tool"), f"{_MESSAGE}/role", "system, user, assistant"),
    "an unknown type": (with_annotation(type="likert"), f"{_ANNOTATION}/type", "ranked_groups"),
    "an unknown error": ({"errors": [{"type": "X"}]}, "/errors/0/type", "PROMPT_INFEASIBLE"),
    "a source twice": ({"threads": _TWINS}, f"/threads{_TWIN}", "'a' stands twice"),
    "a source twice in content": ({"content": _TWINS}, f"/content{_TWIN}", "'a' stands twice"),
    "a pending task's threads": (_PENDING, "/threads", "only a completed task"),
    "a pending task's time": (_PENDING | {"threads": []}, "/completed_at", "only a completed task"),
    "errors of a completed task": ({"errors": [{}]}, "/errors", "in status error"),
    "a time of no calendar": ({"created_at": "2025-02-30"}, "/created_at", "ISO 8601"),
    "a time in year 0": ({"completed_at": "0000-01-01"}, "/completed_at", "ISO 8601"),
    "a number as text": (with_annotation(type="text"), _VALUE, "'str'"),
    "text as a number": (with_annotation(type="integer", value="3"), _VALUE, "'int'"),
    "true as a number": (with_annotation(type="integer", value=True), _VALUE, "'int'"),
    "a bare fraction": (with_annotation(value=0.5), _VALUE, "a fraction"),
    "a ranking": (with_annotation(type="ranked_choices", value=["", 2]), f"{_VALUE}/1", "'str'"),
    "a criterion": (with_annotation(metadata={"criteria": 5}), _CRITERIA, "annotation"),
    "an empty annotation id": (with_annotation(id=""), f"{_ANNOTATION}/id", "1 to 255"),
    "no annotations": ({"threads": [{"id": "t", "turns": []}]}, "/threads/0", "'annotations'"),
    "a project without visible characters": ({"project": "\u200b"}, "/project", "visible"),
    "a batch without visible characters": ({"batch": " "}, "/batch", "visible"),
    "an override in a name": ({"project": _OVERRIDE}, "/project/name", "bidirectional"),
}  # fmt: skip


@pytest.fixture
def with_base(world):
    """A store with one task in a batch."""
    assert world.load([BASE])[1] == []
    return world


@one_engine
@every_case("fields, pointer, message", WRONG.values())
def test_a_wrong_task_is_refused_with_the_place_and_the_reason(with_base, fields, pointer, message):
    world, before = with_base, counts_of(with_base)

    summary, [reject] = world.load([make_task() | fields])

    assert str(summary) == "tasks: 1 rejected"
    assert (reject.pointer, message in reject.message) == (pointer, True), reject
    assert counts_of(world) == before


def test_a_refused_task_leaves_no_project_or_batch_behind(world):
    world.load([BASE])
    before = counts_of(world)

    world.load([make_task(project="p2", batch="batch_123")])

    assert counts_of(world) == before


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every node of a JSON value."""
    steps: Any = value.items() if isinstance(value, dict) else ()
    steps = enumerate(value) if isinstance(value, list) else steps
    return [path, *(below for step, item in steps for below in paths_of(item, (*path, step)))]


FULL = full_task("task_full", batch="batch_123", errors=None, content=full_threads())
_ONE_LIST = ("threads", 0, "turns", 0, "messages", 1, "annotations")
PLACES = {
    path if path[:7] == _ONE_LIST else tuple(step for step in path if isinstance(step, str)): path
    for path in reversed(paths_of(FULL)[1:])
}
"""One path for each kind of node, and every node of one list of annotations of all types."""
words = st.sampled_from(["completed", "pending", "text", "ranked_choices", "assistant", "x" * 300])
REPLACEMENTS = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "key", "type", "value", "name", "a/b"]), inner)
    ),
    max_leaves=5,
)


@settings(relaxed, max_examples=100)
@given(path=st.sampled_from(list(PLACES.values())), replacement=REPLACEMENTS, named=st.booleans())
@example(path=("project",), replacement="", named=False)
@example(path=("batch",), replacement="\n", named=True)
@example(path=("unique_id",), replacement="", named=False)
def test_any_value_anywhere_is_taken_or_refused_at_a_place_that_exists(
    with_base, path, replacement, named
):
    world = with_base
    task = json.loads(json.dumps(FULL))
    parent = resolve(task, "".join(f"/{step}" for step in path[:-1]))
    parent[path[-1]] = replacement
    row = {"kind": "task", "value": task} if named else task
    before = counts_of(world)

    _, rejects = world.load([row], "archive" if named else "v2")

    for reject in rejects:
        assert reject.message
        resolve(row, reject.pointer)
    assert not rejects or counts_of(world) == before


@settings(relaxed, max_examples=60)
@given(value=REPLACEMENTS, kind=st.sampled_from(["project", "batch", "organization"]))
@example(value={"id": ""}, kind="project")
@example(value={}, kind="delivery")
def test_any_value_as_an_archived_thing_is_taken_or_refused(world, value, kind):
    rows = [{"kind": kind, "value": value}, value, {"kind": value, "value": {}}]

    _, rejects = world.load(rows, "archive")

    for reject in rejects:
        resolve(rows[reject.line - 1], reject.pointer)


NAMES: dict[str, tuple[str, str | None]] = {
    "plain": ("Project 1", None),
    "right to left": ("\u05e9\u05dc\u05d5\u05dd", None),
    "255 characters": ("\U0001f600" * 255, None),
    "256 characters": ("x" * 256, "at most 255 characters"),
    "4 kB": ("x" * 4096, "at most 255 characters"),
    "only space": (" \u00a0\u2003", "visible"),
    "only zero width": ("\u200b\u2060\ufeff", "visible"),
    "a line feed": ("a\nb", "control"),
    "a line separator": ("a\u2028b", "control"),
    "an escape sequence": ("a\x1b[31m", "control"),
    "a bidirectional override": ("a\u202etxt.exe", "bidirectional"),
    "a bidirectional isolate": ("a\u2066b", "bidirectional"),
}


@one_engine
@pytest.mark.parametrize(("name", "message"), NAMES.values(), ids=NAMES)
def test_a_name_that_could_not_be_told_apart_is_refused(world, name, message):
    world.project()
    rows = [
        {"kind": "project", "value": {"id": "p1", "name": name}},
        {"kind": "batch", "value": {"id": "b1", "project": "p2", "name": name}},
    ]

    _, rejects = world.load(rows, "archive")

    expected = [] if message is None else ["/value/name", "/value/name"]
    assert [reject.pointer for reject in rejects] == expected
    assert all(message in reject.message for reject in rejects)


def test_ten_megabytes_of_one_text_are_taken_as_they_are(world, client):
    text = "e\u0301" * (3 * 1024 * 1024)

    summary, _ = world.load([make_task("task_big") | with_message(content={"text": text})])

    answer = client.get("/v2/task", params={"task_id": "task_big"}).json()
    assert str(summary) == "tasks: 1 added"
    assert answer["threads"][0]["turns"][0]["messages"][0]["content"]["text"] == text


HOSTILE_ROWS = {
    "a line feed": make_task() | {"status": "a\nrows.jsonl:9: forged"},
    "an escape sequence": make_task() | {"status": "\x1b[2J\x1b[31m"},
    "a key": b'{"a\\n\\u001b[2J":1,"a\\n\\u001b[2J":2}',
    "a kind": {"kind": "x\n\x1b[2Jy", "value": 1},
    "a place": make_task() | {"status": "x - at `$.threads[0].id`"},
    "a length": make_task() | {"status": "x" * 100_000},
}


@pytest.mark.parametrize("row", HOSTILE_ROWS.values(), ids=HOSTILE_ROWS)
def test_a_refusal_is_one_short_line_of_ours_whatever_was_sent(world, row):
    format_name = "archive" if isinstance(row, dict) and "kind" in row else "v2"

    _, [reject] = world.load([row], format_name)

    assert str(reject).isprintable()
    assert "/threads" not in reject.pointer
    assert len(str(reject)) < 1000
