"""The benchmark `stalls` reaches what it measures: each page and operation, in little."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.plan import quick_plan
from benchmarks.stalls.cases import known_cases, operation_cases, page_cases
from benchmarks.stalls.measurement import Cost, Snapshot
from benchmarks.stalls.requests import Case
from benchmarks.stalls.store import StallStore
from plaudit import app
from tests.support.app_client import AppClient
from tests.support.harness import one_engine
from tests.support.operations import OPERATIONS

TASK_BYTES = 1_000
PLAN = replace(
    quick_plan(Path()),
    stall_task_bytes=TASK_BYTES,
    stall_largest_bytes=2 * TASK_BYTES,
    stall_hostile_characters=TASK_BYTES,
    stall_body_bytes=60_000,
)
ANSWERED = {200, 302, 303}
TOO_LARGE = ("look_at_invitation", "save_draft", "create_task")
"""What of the known requests is refused for its size, in turn."""
REFUSED_OPERATIONS = {
    "follow_attachment_link", "offer_task", "replay_webhook_message", "delete_webhook",
    "revoke_key",
    "begin_anew", "pause_person", "lift_pause", "uphold_pause", "get_gold", "end_gold",
    "get_quality_job", "cancel_quality_job",
    "add_to_team", "get_task_action", "get_team", "remove_from_team", "rename_team",
    "revoke_study_link", "undo_task_action", "cancel_task_action",
    "get_review", "accept_review", "send_back_review",
    "get_talk", "read_messages", "write_message",
}  # fmt: skip
"""Without a signature, after a page has done the same, or about what this store does not have."""


@one_engine
def test_each_request_is_answered_and_each_refusal_is_meant(world):
    """A page or an operation that is not reached would be measured as cheap."""
    store = StallStore(world, PLAN)
    with world.connect(base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        known = statuses(client, known_cases(store))
        pages = statuses(client, page_cases(store))
        operations = statuses(client, operation_cases(store))
        metrics = Snapshot.read(client.get("/metrics").text)

    assert [name for name, status in known if status not in ANSWERED] == [*TOO_LARGE]
    assert all(status in (*ANSWERED, 413) for _, status in known)
    changing = {page.page_id for page in app.all_pages() if page.changes}
    assert {name for name, _ in pages} == {page.page_id for page in app.all_pages()}
    unread = {name for name, status in pages if status not in ANSWERED and name not in changing}
    exported = {"get_export_file", "get_export_manifest", "get_export_side_file"}
    of_gold_alone = {"show_feedback", "show_one_gold"}
    of_few_rows = {"show_team", "show_study", "show_task_action", "ask_task_action"}
    of_few_rows |= {"show_sample", "ask_sample"}
    assert unread == {"download_archive", *exported, *of_gold_alone, *of_few_rows}
    assert {status for _, status in pages} <= ANSWERED | {400, 401, 404, 409, 413}
    assert {name for name, _ in operations} == {one.operation_id for one in OPERATIONS}
    refused = {name for name, status in operations if status not in ANSWERED}
    assert refused == REFUSED_OPERATIONS
    assert metrics.longest >= 0


def test_metrics_and_waits_are_read_as_they_are_written():
    text = """# TYPE plaudit_step_cpu_max_seconds gauge
plaudit_step_cpu_max_seconds{operation="worker.nap"} 0.25
plaudit_loop_stalls_total{operation="get_docs"} 1.0
plaudit_loop_stall_seconds_bucket{le="0.05"} 1.0
plaudit_loop_stall_seconds_sum 0.75
plaudit_loop_stall_max_seconds 0.5
"""
    waits = [number / 1000 for number in range(1, 201)]
    cost = Cost(Case("x", "y", []), [200, 200], 0, 0.0, 0.06, 0.0, 0.0, waits)

    assert Snapshot.read(text) == Snapshot({"worker.nap": 0.25}, 0.5, 0.75)
    assert cost.p99 == 0.198
    assert cost.cells[1:2] == ("200",)
    assert cost.cells[5:8] == ("60", "1.20", "< 10")


def statuses(client: AppClient, cases: Iterable[Case]) -> list[tuple[str, int]]:
    """Operation and status of each request, sent one after the other."""
    found = []
    for case in cases:
        for request in case.requests:
            answer = client.request(
                request.method,
                request.target,
                headers={"Origin": "http://127.0.0.1"} | dict(request.headers),
                content=request.body,
                follow_redirects=False,
            )
            found.append((case.operation, answer.status_code))
    return found
