"""Tables of the store by what an archive makes of them: carried, made anew, or left behind."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

CARRIED: Mapping[str, str] = {
    "person": "user",
    "project": "project",
    "batch": "batch",
    "team": "team",
    "team_member": "team_member",
    "person_skill": "skills",
    "project_member": "member",
    "batch_team": "batch_team",
    "task_requirement": "requirement",
    "delivery_schema": "schema",
    "task": "task",
    "task_body": "task",
    "task_content": "task",
    "task_work": "work",
    "assignment": "lease",
    "submission": "submission",
    "task_note": "note",
    "task_flag": "note",
    "delivery": "delivery",
    "delivered_task": "delivery",
    "frozen_task": "delivery",
    "attachment": "attachment",
    "dataset": "dataset",
    "dataset_delivery": "dataset_delivery",
    "dataset_task": "dataset_task",
    "webhook_endpoint": "endpoint",
    "event": "event",
    "webhook_message": "message",
    "webhook_attempt": "message",
    "audit_entry": "audit_entry",
}
"""Kind of the lines that carry the rows of a table; notes have a second one, `review`."""

REBUILT: Mapping[str, str] = {
    "project_clock": "an import moves it to the latest completion that it brings",
    "project_sequence": "an import numbers tasks in the order of their lines",
    "batch_progress": "an import counts the tasks of batches",
    "batch_name": "an import reserves the names of batches",
    "task_locator": "an import notes where each task is",
    "reserved_unique_id": "an import reserves the unique_ids of tasks",
    "annotation_locator": "an import notes where each annotation is",
    "dataset_task_locator": "an import notes where each task is",
    "vote": "an import writes the votes of submissions and threads",
    "voted_threads": "an import notes which threads brought votes",
    "vote_clock": "an import's changes of votes are numbered anew",
    "task_change": "an import notes which tasks it changed",
    "review_order": "an import lists tasks in review by its submissions",
    "disagreement_reason": "an import notes the reasons that decisions of review give",
    "page_file": "a server on SQLite writes page files anew",
    "task_place": "a server on SQLite writes page files anew",
    "dead_record": "a server on SQLite writes page files anew",
    "lease_lock": "rows that are locked and say nothing",
    "task_words": "the words of tasks are read anew",
    "word_clock": "the words of tasks are read anew",
    "unread_task": "the words of tasks are read anew",
    "work_pool": "an import puts tasks that ask the same into one pool",
}
"""Tables that follow from the lines of an archive, each with how."""


class LeftBehind(Struct, frozen=True):
    """Rows that no archive carries: their name, their tables, the reason, and what to do."""

    noun: str
    tables: tuple[str, ...]
    reason: str
    remedy: str


LEFT_BEHIND = (
    LeftBehind(
        noun="passwords and invitations",
        tables=("person_password", "invitation"),
        reason="secret",
        remedy="give each person a link: plaudit users invite",
    ),
    LeftBehind(
        noun="sessions",
        tables=("session",),
        reason="secret",
        remedy="people sign in again",
    ),
    LeftBehind(
        noun="API keys",
        tables=("api_key",),
        reason="secret",
        remedy="make new ones: plaudit keys create",
    ),
    LeftBehind(
        noun="webhook secrets",
        tables=("callback_secret",),
        reason="secret; endpoints and callbacks have new ones",
        remedy="show receivers theirs: plaudit webhooks rotate",
    ),
    LeftBehind(
        noun="answers kept for Idempotency-Keys",
        tables=("idempotency",),
        reason="they hold for a day, on one server",
        remedy="repeat no request of before",
    ),
    LeftBehind(
        noun="imports and archives by browser",
        tables=("job", "job_reject"),
        reason="they are work of one server",
        remedy="begin again what was under way",
    ),
    LeftBehind(
        noun="counted cases, pauses and tests of people",
        tables=(
            *("quality_counter", "quality_crossing", "quality_pause", "quality_pace"),
            *("extra_review", "qualification"),
        ),
        reason="they are of people at work on one server",
        remedy="rules count anew; pause again who is paused; tests are taken anew",
    ),
    LeftBehind(
        noun="gold tasks, and how people answered them",
        tables=("gold_task", "repeat_task", "control_turn", "control_place", "control_result"),
        reason="nothing that leaves the server may tell them from others",
        remedy="read each with GET …/gold/{task_id}, and send it again",
    ),
    LeftBehind(
        noun="reports on quality",
        tables=("quality_snapshot", "quality_part"),
        reason="they follow from votes and tasks",
        remedy="compute them anew",
    ),
    LeftBehind(
        noun="saved views, and actions on many tasks",
        tables=(
            *("saved_view", "task_action", "task_action_change"),
            *("acceptance", "acceptance_task"),
        ),
        reason="they are work of one server",
        remedy="save views again; what was done by then stays done",
    ),
    LeftBehind(
        noun="messages between annotators and managers",
        tables=("task_talk", "talk_message"),
        reason="they are of people at work on one server",
        remedy="answer what is open before",
    ),
    LeftBehind(
        noun="links of studies, and who came by them",
        tables=("study_link", "study_person"),
        reason="secret; whoever came stays a member",
        remedy="make new links",
    ),
    LeftBehind(
        noun="the store's own",
        tables=("organization", "environment", "server_secret", "store_epoch"),
        reason="each store has its own",
        remedy="name the organization with --org",
    ),
)
"""Rows that no archive carries, in the order in which an import tells of them."""
