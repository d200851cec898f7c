"""Drafts and submissions that the server cannot read: the answer that holds the fault is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.labeling.test_types import UNASKED
from tests.support.sample_tasks import VALUES

LONE = '"x\\ud83d"'
LARGE = "12345678901234567890"
HOLE = "put it here"


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Each place of a value where a text or number stands: a pointer, and the value with a hole."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ((at, value | {key: one}) for at, one in leaves(inner, f"{pointer}/{key}"))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            for at, one in leaves(inner, f"{pointer}/{number}"):
                yield at, [*value[:number], one, *value[number + 1 :]]
    else:
        yield pointer, HOLE


PLACES = [
    (kind, pointer, value)
    for kind, (sample, _) in VALUES.items()
    if kind not in UNASKED
    for pointer, value in leaves(sample)
]


@pytest.mark.parametrize("bad", [LONE, LARGE], ids=["surrogate", "large"])
def test_a_refused_draft_names_its_field_whatever_the_type(team, ann, bad):
    team.add()
    ann.take()

    for kind, pointer, value in PLACES:
        first = {"at": "t0", "key": "a", "value": 'a ":" b'}
        answers = [first, {"at": "t0", "key": kind, "value": value}]
        for verb, more in (
            ("draft", {"revision": 1}),
            ("submit", {"client_key": "k"}),
        ):
            body = msgspec.json.encode(
                {"lease_version": 1, "answers": answers, "active_ms": 0, **more}
            ).decode()

            refused = ann.send(verb, body.replace(f'"{HOLE}"', bad).encode())

            assert refused.status_code == 400, (kind, verb)
            assert refused.json()["pointer"] == f"/answers/1/value{pointer}", (kind, verb)
    assert ann.state()["revision"] == 0


def test_a_reason_that_cannot_be_read_is_named_too(team, ann):
    team.add()
    ann.take()
    body = '{"lease_version":1,"revision":1,"active_ms":0,"answers":[{"at":"t0","key":"k",%s}]}'

    why = ann.send("draft", (body % f'"justification":{LONE}').encode())
    key = ann.send("draft", (body % f'"value":{{{LONE}:1}}').encode())

    assert [(one.status_code, one.json()["pointer"]) for one in (why, key)] == [
        (400, "/answers/0/justification"),
        (400, "/answers/0/value"),
    ]
