"""What holds for every operation that writes: its traces, its repetition, its refusals."""

from __future__ import annotations

import pytest

from plaudit.json_guard import BOM
from plaudit.settings import BODY_BYTES_MAX
from plaudit.store.common import audit
from tests.api.test_openapi import assert_documented
from tests.support.harness import above_the_store
from tests.support.operations import GOOD, WRITING, ask, assert_is_error, calling
from tests.support.running.every_case import every_case


@pytest.mark.parametrize("operation", WRITING, ids=lambda one: one.operation_id)
def test_a_change_is_made_traced_and_answered_once_and_a_refusal_leaves_no_trace(
    world, ann, operation
):
    """A change that is sent again under its `Idempotency-Key` is answered as it was.

    What it is answered, here and to each other good request, is what the document says.
    """
    environment_id = world.org()
    good, headers = GOOD[operation.operation_id][0], {"Idempotency-Key": "k-1"}

    def trace() -> list[tuple[str, str, str]]:
        async def read():
            async with world.db.read() as tx:
                found, _ = await audit.list_entries(
                    tx, environment_id, before=None, object_id=None, limit=1000
                )
                return [(one.action, one.actor.kind, one.actor.request_id) for one in found]

        return world.run(read())

    before = trace()
    with calling(world, ann) as client:
        refused = ask(client, operation, {}, content=b'{"a":1,"a":2}')
        after_refusal = trace()
        first = ask(client, operation, good, headers=headers)
        again = ask(client, operation, good, headers=headers)
        other = ask(client, operation, good | {"limit": "9"}, headers=headers)
        after_repetition = trace()
        further = [ask(client, operation, params) for params in GOOD[operation.operation_id][1:]]

    assert refused.status_code in (400, 404)
    assert after_refusal == before
    assert first.status_code == 200, first.text
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == 200
    if operation.kept is None:
        assert again.content == first.content
    assert after_repetition[0] == (operation.operation_id, "key", "pinned")
    assert len(after_repetition) == len(before) + 1
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_mismatch"
    for answer in (first, *further):
        assert_documented(operation, answer)


BAD_BODIES = {
    "not JSON": b"{",
    "not UTF-8": b'{"a":"\xff"}',
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "a key twice": b'{"metadata":{},"metadata":{}}',
    "a NUL": b'{"metadata":{"a":"\\u0000"}}',
    "half a surrogate pair": b'{"metadata":{"a":"\\ud800"}}',
    "too deep": b'{"metadata":' + b'{"a":' * 70 + b"1" + b"}" * 71,
    "a huge number": b'{"metadata":{"a":' + b"9" * 400 + b"}}",
    "not a number": b'{"metadata":{"a":NaN}}',
}


@above_the_store
@every_case("operation", WRITING)
def test_a_byte_order_mark_before_a_body_is_skipped(shared_world, shared_ann, operation):
    """A body that is read and not acceptable shows it, and changes nothing."""
    with calling(shared_world, shared_ann) as client:
        answers = [ask(client, operation, GOOD[operation.operation_id][0], content=body).json()
                   for body in (b"[]", BOM + b"[]")]  # fmt: skip

    assert len({(body["status"], body["error"]) for body in answers}) == 1


@above_the_store
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_not_well_formed_is_refused_everywhere(shared_world, shared_ann, body):
    with calling(shared_world, shared_ann) as client:
        for operation in WRITING:
            answer = ask(client, operation, {}, content=body)
            assert answer.status_code == 400, (operation.operation_id, answer.text)
            assert_is_error(400, answer.headers, answer.json())


@above_the_store
@every_case("operation", WRITING)
def test_a_body_beyond_the_limits_is_refused(shared_world, shared_ann, operation):
    with calling(shared_world, shared_ann) as client:
        packed = ask(client, operation, {}, headers={"Content-Encoding": "gzip"})
        pieces = (b" " * (1 << 20) for _ in range(BODY_BYTES_MAX // (1 << 20) + 1))
        long = ask(client, operation, {}, content=pieces)
        odd_key = ask(client, operation, {}, headers={"Idempotency-Key": "x" * 256})

    assert (packed.status_code, packed.json()["code"]) == (400, "bad_request")
    assert (long.status_code, long.json()["code"]) == (413, "too_large")
    assert odd_key.status_code in (400, 404)
