"""GET /v2/tasks: bounds on completion, and the order of tasks."""

from __future__ import annotations

import pytest

from tests.support.builders import make_task
from tests.support.harness import walk
from tests.support.running.every_case import every_case

SCOPE = {"project_id": "project_123"}


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [task["task_id"] for task in answer.json()["tasks"]]


# Bounds on completion


@pytest.fixture(scope="module")
def timed(open_shared):
    """Tasks completed at .168, .169 and .170 of one second, one long before, one not at all."""
    world = open_shared()
    rows = [
        make_task(f"ms_{ms}", completed_at=f"2025-01-02T04:00:39.{ms}Z", batch="batch_123")
        for ms in (170, 168, 169)
    ]
    early = make_task("early", completed_at="1969-12-31T23:59:59.999Z")
    world.load([*rows, early, make_task("open", "pending")])
    with world.client() as client:
        yield client


@every_case(
    "query, expected",
    [
        ("completed_after=2025-01-02T04:00:39.169Z", "ms_170"),
        ("completed_before=2025-01-02T04:00:39.169Z", "early ms_168"),
        ("completed_after=2025-01-02T04:00:39.168Z", "ms_169 ms_170"),
        ("completed_after=2025-01-02T04:00:39.170Z", ""),
        ("completed_before=1969-12-31T23:59:59.999Z", ""),
        ("completed_before=1970-01-01", "early"),
        ("completed_after=1969-12-31", "early ms_168 ms_169 ms_170"),
        ("completed_after=0001-01-01", "early ms_168 ms_169 ms_170"),
        ("completed_before=9999-12-31T23:59:59.999999Z", "early ms_168 ms_169 ms_170"),
        ("completed_after=9999-12-31", ""),
        ("completed_after=2025-01-02T04:00:39.168999Z", "ms_169 ms_170"),
        ("completed_after=2025-01-02T04:00:39.169001Z", "ms_170"),
        ("completed_after=2025-01-02T04:00:39.169999999Z", "ms_170"),
        ("completed_before=2025-01-02T04:00:39.169000Z", "early ms_168"),
        ("completed_before=2025-01-02T04:00:39.169001Z", "early ms_168 ms_169"),
        ("completed_before=2025-01-02T04:00:39.168000001Z", "early ms_168"),
        ("completed_before=1969-12-31T23:59:59.999001Z", "early"),
        ("completed_after=1969-12-31T23:59:59.998999Z", "early ms_168 ms_169 ms_170"),
    ],
)
def test_a_bound_on_completion_excludes_itself_to_the_millisecond(timed, query, expected):
    """Strictly after, strictly before (A10); what was never completed matches neither."""
    assert ids(timed.get(f"/v2/tasks?project_id=project_123&{query}")) == expected.split()


@every_case(
    "after, before, expected",
    [
        ("39.168", "39.170", ["ms_169"]),
        ("39.168", "39.169", []),
        ("39.169", "39.169", []),
        ("39.170", "39.168", []),
        ("39.000", "40.000", ["ms_168", "ms_169", "ms_170"]),
    ],
)
def test_two_bounds_hold_together_and_may_leave_nothing(timed, after, before, expected):
    """An empty interval is an empty page, not an error (A11)."""
    bounds = {
        "completed_after": f"2025-01-02T04:00:{after}Z",
        "completed_before": f"2025-01-02T04:00:{before}Z",
    }

    assert ids(timed.get("/v2/tasks", params=SCOPE | bounds)) == expected


@every_case(
    "filters, expected",
    [
        ({"status": "completed"}, ["ms_169", "ms_170"]),
        ({"status": "pending"}, []),
        ({"status": "canceled"}, []),
        ({"status": "deleted"}, []),
        ({"batch_id": "batch_123"}, ["ms_169", "ms_170"]),
        ({"batch_id": "batch_123", "status": "completed"}, ["ms_169", "ms_170"]),
        ({"batch_id": "batch_123", "status": "error"}, []),
    ],
)
def test_a_bound_is_combined_with_the_other_filters(timed, filters, expected):
    bound = {"completed_after": "2025-01-02T04:00:39.168Z"}

    assert ids(timed.get("/v2/tasks", params=SCOPE | bound | filters)) == expected


@every_case(
    "spelling",
    [
        "2025-01-02T04:00:39.169Z",
        "2025-01-02T04%3A00%3A39.169Z",
        "2025-01-02t04:00:39.169z",
        "2025-01-02T04:00:39.169%2B00:00",
        "2025-01-02T04:00:39.169%2B0000",
        "2025-01-02T04:00:39.169%2B00",
        "2025-01-02T04:00:39.169+00:00",
        "2025-01-02T04:00:39.169+0000",
        "2025-01-02T04:00:39.169%20%2B00:00",
        "2025-01-02T04:00:39.169-00:00",
        "2025-01-02T05:30:39.169+01:30",
        "2025-01-02T05:30:39.169%2B0130",
        "2025-01-01T21:00:39.169-07:00",
        "2025-01-01T21:00:39.169-0700",
        "2025-01-02T04:00:39.169000%2B0000",
        "2025-01-02T04:00:39.169000",
        "2025-01-02T04:00:39.169",
        "2025-01-02+04:00:39.169",
        "2025-01-02%2004:00:39.169Z",
        "2025-01-02T04:00:39,169Z",
        "+2025-01-02T04:00:39.169Z+",
    ],
)
def test_a_time_may_be_spelled_as_clients_spell_it(timed, spelling):
    """Contract 1.2, the space that decoding made of a plus included."""
    query = f"project_id=project_123&completed_after={spelling}"

    assert ids(timed.get(f"/v2/tasks?{query}")) == ["ms_170"]


@every_case(
    "spelling", ["2025-01-02", "2025-01-02T00:00", "2025-01-02T00:00Z", "2025-01-02T00:00:00"]
)
def test_a_date_alone_is_midnight_utc(world, client, spelling):
    moments = ("2025-01-01T23:59:59.999Z", "2025-01-02T00:00:00.000Z", "2025-01-02T00:00:00.001Z")
    world.load([make_task(f"task_{at[-4:-1]}", completed_at=at) for at in moments])

    assert ids(client.get("/v2/tasks", params=SCOPE | {"completed_after": spelling})) == [
        "task_001"
    ]
    assert ids(client.get("/v2/tasks", params=SCOPE | {"completed_before": spelling})) == [
        "task_999"
    ]


# Order


@pytest.fixture(scope="module")
def shuffled(open_shared):
    """Tasks whose order of import, id, creation and completion all differ; two share a time."""
    world = open_shared()
    world.load(
        [
            make_task("c", created_at="2025-01-03", completed_at="2025-02-02"),
            make_task("a", created_at="2025-01-01", completed_at="2025-02-03"),
            make_task("open", "pending", created_at="2024-01-01"),
            make_task("d", created_at="2025-01-04", completed_at="2025-02-02"),
            make_task("b", created_at="2025-01-02", completed_at="2025-02-01"),
            make_task("e", created_at="2025-01-05", completed_at="2025-02-02"),
        ]
    )
    with world.client() as client:
        yield client


@every_case(
    "filters, expected",
    [
        ({}, "c a open d b e"),
        ({"status": "completed"}, "c a d b e"),
        ({"completed_after": "2025-01-01"}, "b c d e a"),
        ({"completed_before": "2025-03-01"}, "b c d e a"),
        ({"completed_before": "2025-03-01", "status": "completed"}, "b c d e a"),
        ({"completed_after": "2025-02-01"}, "c d e a"),
        ({"completed_before": "2025-02-03"}, "b c d e"),
    ],
)
def test_tasks_come_in_order_of_arrival_or_of_completion(shuffled, filters, expected):
    """By completion, then arrival, where a bound on completion is given; else by arrival."""
    walks = [walk(shuffled, **SCOPE, **filters, limit=limit) for limit in (1, 2, 3, 100)]

    assert [[task["task_id"] for task in found] for found in walks] == [expected.split()] * 4
