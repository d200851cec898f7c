"""The tables that the sweeps walk: every operation, and how to ask for it.

A new operation is swept as soon as it is declared. Where a sweep needs to know a good request
for it, `GOOD` or `NAMES` fails by name until it is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from plaudit import app
from plaudit.api.http import problems
from plaudit.api.http.metrics import Metrics
from plaudit.api.http.operation import JSON, Operation
from plaudit.settings import Settings
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import World

OPERATIONS = app.all_operations(Settings(), Metrics())
KEYED = [one for one in OPERATIONS if one.role is not None]
OPEN = [one for one in OPERATIONS if one.role is None]
WRITING = [one for one in KEYED if one.body is not None]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

CANARY = "canary-5bd1e1"
NAMES = {
    "project_id": f"project_{CANARY}",
    "project_name": f"Name {CANARY}",
    "batch_id": f"batch_{CANARY}",
    "batch_name": f"Batch {CANARY}",
    "task_id": f"task_{CANARY}",
    "taskId": f"task_{CANARY}",
    "annotation_id": f"ann_{CANARY}",
    "dataset_id": f"dataset_{CANARY}",
    "delivery_id": f"delivery_{CANARY}",
    "attachmentId": f"files/{CANARY}",
    "attachment_id": f"attachment_{CANARY}",
    "schema_id": "65a0f1c2d3e4f5a6b7c8d9e1",
    "delivery_name": f"Delivery {CANARY}",
    "user_id": f"user_{CANARY}",
    "key_id": f"key_{CANARY}",
    "endpoint_id": f"webhook_{CANARY}",
    "ended_endpoint_id": f"webhook_2_{CANARY}",
    "message_id": f"message_{CANARY}",
    "import_id": f"job_{CANARY}",
    "job_id": f"job_2_{CANARY}",
    "action_id": f"action_{CANARY}",
    "pause_id": f"pause_{CANARY}",
    "lifted_pause_id": f"pause_2_{CANARY}",
    "team_id": f"team_{CANARY}",
    "member_id": f"user_{CANARY}",
    "link_id": f"study_{CANARY}",
    "assignment_id": f"assignment_{CANARY}",
}
"""What each parameter that names something is called in Ann's organization."""

ALL_OPTS = "annotation_details,attachment_details,model_parameters,submissions"
NEEDED: dict[str, dict[str, Any]] = {
    "create_batch": {"name": "Swept"},
    "create_dataset": {"name": "Swept"},
    "create_dataset_delivery": {"name": "Swept", "tasks": [{"response": {}}]},
    "create_schema": {"name": "Swept", "json": {}},
    "get_dataset_task_attachment": {
        "taskId": NAMES["taskId"],
        "attachmentId": NAMES["attachmentId"],
    },
    "set_task_metadata": {"metadata": {"swept": True}},
    "set_batch_metadata": {"metadata": {"swept": True}},
    "create_delivery": {"name": "Swept"},
    "create_project": {"name": "Swept"},
    "clone_project": {"name": "Swept again"},
    "complete_task": {"threads": [make_thread()]},
    "fail_task": {"errors": [{"type": "INVALID_CATEGORY"}]},
    "create_gold": {
        "tasks": [
            {
                "content": [make_thread(turns=[make_turn(messages=[make_message("user")])])],
                "expected": [{"at": "t0", "key": "good", "value": True}],
            }
        ]
    },
    "act_on_tasks": {"action": "cancel", "task_ids": [NAMES["task_id"]]},
    "send_back_review": {"user_id": NAMES["user_id"], "note": "Swept."},
    "write_message": {"text": "Swept.", "seen": 1},
    "read_messages": {"until": 1},
    "create_user": {"email": "swept@example.com", "role": "annotator"},
    "create_key": {"role": "read"},
    "set_rules": {"rules": []},
    "set_access": {},
    "set_member": {},
    "set_requirement": {"languages": ["es"]},
    "set_batch_team": {"team_id": None},
    "create_team": {"name": "Swept"},
    "rename_team": {"name": "Swept"},
    "add_to_team": {"user_ids": []},
    "set_skills": {"tags": ["swept"]},
    "create_study_link": {"name": "Swept", "tasks": 2, "completion_code": "C"},
    "set_qualification": {"settings": None},
    "pause_person": {"reason": "Swept."},
    "uphold_pause": {"answer": "Swept."},
    "create_webhook": {"url": "https://93.184.216.34/swept"},
}
"""What the body or path of an operation must have beside the one name that a sweep is about."""

_IN_PROJECT = {"project_id": NAMES["project_id"]}
_MEMBER = {"member_id": NAMES["member_id"]}
_GOLD = {"task_id": NAMES["task_id"]}
_COMPUTED = {"job_id": NAMES["job_id"]}
_ACTED = {"action_id": NAMES["action_id"]}
_WRITTEN = {"assignment_id": NAMES["assignment_id"]}
_REVIEWED = {"task_id": f"review_1_{CANARY}"}
_ON_TASKS = {"action": "cancel", "task_ids": [NAMES["task_id"]]}
_IMPORTED = {"import_id": NAMES["import_id"]}
_NAMED = {"delivery_name": NAMES["delivery_name"]}
COMPANY: dict[tuple[str, str], dict[str, Any]] = {
    ("export_project", "project_id"): {"format": "trl-preference"},
    ("export_delivery", "delivery_id"): {"format": "trl-preference"},
    ("create_delivery", "batch_id"): _IN_PROJECT,
    ("create_delivery", "batch_name"): _IN_PROJECT,
    ("get_delivery", "delivery_name"): _IN_PROJECT,
    ("get_delivery", "project_id"): _NAMED,
    ("get_delivery", "project_name"): _NAMED,
    ("get_import", "project_id"): _IMPORTED,
    ("list_import_rejects", "project_id"): _IMPORTED,
    ("cancel_import", "project_id"): _IMPORTED,
    ("get_import", "import_id"): _IN_PROJECT,
    ("list_import_rejects", "import_id"): _IN_PROJECT,
    ("cancel_import", "import_id"): _IN_PROJECT,
    ("get_gold", "project_id"): _GOLD,
    ("end_gold", "project_id"): _GOLD,
    ("get_gold", "task_id"): _IN_PROJECT,
    ("end_gold", "task_id"): _IN_PROJECT,
    ("get_quality_job", "project_id"): _COMPUTED,
    ("cancel_quality_job", "project_id"): _COMPUTED,
    ("get_quality_job", "job_id"): _IN_PROJECT,
    ("cancel_quality_job", "job_id"): _IN_PROJECT,
    ("list_managed_tasks", "user_id"): _IN_PROJECT,
    ("act_on_tasks", "batch_id"): _IN_PROJECT,
    ("act_on_tasks", "project_id"): _ON_TASKS,
    ("get_task_action", "project_id"): _ACTED,
    ("undo_task_action", "project_id"): _ACTED,
    ("cancel_task_action", "project_id"): _ACTED,
    ("get_task_action", "action_id"): _IN_PROJECT,
    ("undo_task_action", "action_id"): _IN_PROJECT,
    ("cancel_task_action", "action_id"): _IN_PROJECT,
    ("list_reviews", "user_id"): _IN_PROJECT,
    **{
        (f"{verb}_review", name): beside
        for verb in ("get", "accept", "send_back")
        for name, beside in (("project_id", _REVIEWED), ("task_id", _IN_PROJECT))
    },
    ("send_back_review", "user_id"): _IN_PROJECT | _REVIEWED,
    **{
        (operation_id, name): beside
        for operation_id in ("get_talk", "write_message", "read_messages")
        for name, beside in (("project_id", _WRITTEN), ("assignment_id", _IN_PROJECT))
    },
    ("diff_deliveries", "delivery_id"): {"other": NAMES["delivery_id"]},
    ("set_member", "member_id"): _IN_PROJECT,
    ("set_member", "project_id"): _MEMBER,
    ("remove_member", "member_id"): _IN_PROJECT,
    ("remove_member", "project_id"): _MEMBER,
    ("remove_from_team", "team_id"): {"user_id": NAMES["user_id"]},
    ("remove_from_team", "user_id"): {"team_id": NAMES["team_id"]},
    ("set_batch_team", "team_id"): {"batch_id": NAMES["batch_id"]},
    ("revoke_study_link", "link_id"): _IN_PROJECT,
    ("revoke_study_link", "project_id"): {"link_id": NAMES["link_id"]},
    ("pause_person", "project_id"): {"user_id": NAMES["user_id"]},
    ("begin_anew", "project_id"): {"user_id": NAMES["user_id"]},
    ("begin_anew", "user_id"): _IN_PROJECT,
    ("pause_person", "user_id"): _IN_PROJECT,
    ("lift_pause", "pause_id"): _IN_PROJECT,
    ("lift_pause", "project_id"): {"pause_id": NAMES["lifted_pause_id"]},
    ("uphold_pause", "pause_id"): _IN_PROJECT,
    ("uphold_pause", "project_id"): {"pause_id": NAMES["pause_id"]},
}
"""What an operation needs beside a name that does not suffice alone."""

STREAMED = {"create_import": b'{"prompt": "?", "chosen": "Yes.", "rejected": "No."}\n'}
"""Content for operations that refuse an empty one."""

GOOD: dict[str, list[dict[str, Any]]] = {
    "list_tasks": [
        {"project_id": NAMES["project_id"]},
        {"project_id": NAMES["project_id"], "limit": "1"},
        {"batch_name": NAMES["batch_name"], "expand": "project,batch", "opts": ALL_OPTS},
        {"project_name": NAMES["project_name"], "opts": ALL_OPTS, "expand": "batch"},
        {"project_name": NAMES["project_name"], "completed_after": "2000-01-01"},
        {"project_id": NAMES["project_id"], "status": "deleted"},
    ],
    "get_task": [
        {"task_id": NAMES["task_id"]},
        {"task_id": NAMES["task_id"], "expand": "project,batch", "opts": ALL_OPTS},
        {"task_id": f"error_{CANARY}", "opts": "submissions"},
        {"task_id": f"reported_{CANARY}"},
    ],
    "get_legacy_task": [{"taskId": NAMES["taskId"]}, {"taskId": f"error_{CANARY}"}],
    "get_annotation": [{"annotation_id": NAMES["annotation_id"]}],
    "list_batches": [{}, {"limit": "1"}, {"expand": "project"}, {"status": "cancelled"}],
    "get_batch": [
        {"batch_id": NAMES["batch_id"]},
        {"batch_name": NAMES["batch_name"], "expand": "project"},
    ],
    "list_projects": [{}],
    "get_project": [{"project_id": NAMES["project_id"]}, {"project_name": NAMES["project_name"]}],
    "get_docs_file": [{"name": "docs.css"}, {"name": "docs.js"}],
    "create_task": [
        {"project_id": NAMES["project_id"], "template_variables": {"prompt": "?"}},
        {"batch_name": NAMES["batch_name"], "metadata": {"a": 1}, "unique_id": CANARY},
    ],
    "create_task_by_alias": [{"project_name": NAMES["project_name"]}],
    "set_task_metadata": [
        {"task_id": NAMES["task_id"]},
        {"task_id": NAMES["task_id"], "merge": True},
    ],
    "create_batch": [{"project_name": NAMES["project_name"], "staging_batch": True}],
    "finalize_batch": [{"batch_id": "batch_staging"}],
    "pause_batch": [{"batch_name": NAMES["batch_name"]}],
    "resume_batch": [{"batch_id": "batch_paused"}],
    "cancel_batch": [{"batch_id": NAMES["batch_id"]}],
    "set_batch_metadata": [
        {"batch_id": NAMES["batch_id"]},
        {"batch_name": NAMES["batch_name"], "merge": True},
    ],
    "list_datasets": [{}],
    "list_dataset_deliveries": [
        {},
        {"dataset_id": NAMES["dataset_id"], "expand": "dataset"},
        {"delivered_after": "2000-01-01", "delivered_before": "2999-01-01"},
    ],
    "get_dataset_delivery": [
        {"delivery_id": NAMES["delivery_id"]},
        {"delivery_id": NAMES["delivery_id"], "expand": "dataset,delivery", "limit": "1"},
    ],
    "list_dataset_tasks": [
        {"dataset_id": NAMES["dataset_id"], "limit": "1"},
        {"delivery_id": NAMES["delivery_id"], "expand": "delivery"},
        {"dataset_id": NAMES["dataset_id"], "delivered_after": "2000-01-01"},
    ],
    "get_dataset_task": [
        {"task_id": NAMES["task_id"]},
        {"task_id": NAMES["task_id"], "expand": "dataset,delivery"},
    ],
    "get_dataset_task_attachment": [{}],
    "get_schema": [{"schema_id": NAMES["schema_id"]}],
    "create_dataset": [{}],
    "create_dataset_delivery": [{"dataset_id": NAMES["dataset_id"]}],
    "create_schema": [{}],
    "list_schemas": [{}],
    "upload_attachment": [{"name": "a.txt"}],
    "get_attachment": [{"attachment_id": NAMES["attachment_id"]}],
    "list_deliveries": [
        {"project_id": NAMES["project_id"]},
        {"project_name": NAMES["project_name"], "expand": "project"},
    ],
    "get_delivery": [
        {"delivery_id": NAMES["delivery_id"]},
        {"delivery_id": NAMES["delivery_id"], "limit": "1"},
        {"delivery_name": NAMES["delivery_name"], "project_name": NAMES["project_name"]},
        {"delivery_id": NAMES["delivery_id"], "expand": "delivery,project,batch", "opts": ALL_OPTS},
    ],
    "list_delivery_tasks": [
        {"project_id": NAMES["project_id"]},
        {"project_name": NAMES["project_name"], "completed_after": "2000-01-01"},
        {"delivery_id": NAMES["delivery_id"], "limit": "1"},
        {"delivery_id": NAMES["delivery_id"], "status": "pending"},
    ],
    "create_delivery": [{"project_id": NAMES["project_id"], "batch_id": NAMES["batch_id"]}],
    "get_delivery_record": [{"delivery_id": NAMES["delivery_id"]}],
    "get_delivery_manifest": [
        {"delivery_id": NAMES["delivery_id"]},
        {"delivery_id": NAMES["delivery_id"], "limit": "1"},
    ],
    "diff_deliveries": [
        {"delivery_id": NAMES["delivery_id"], "other": NAMES["delivery_id"]},
    ],
    "export_project": [
        {"project_id": NAMES["project_id"], "format": "trl-preference"},
        {"project_id": NAMES["project_id"], "format": "trl-kto", "batch": NAMES["batch_name"]},
    ],
    "export_delivery": [
        {"delivery_id": NAMES["delivery_id"], "format": "trl-messages"},
    ],
    "partition_project": [
        {"project_id": NAMES["project_id"]},
        {"project_id": NAMES["project_id"], "n": "2", "batch": NAMES["batch_name"]},
    ],
    "partition_delivery": [{"delivery_id": NAMES["delivery_id"], "n": "2"}],
    "list_delivery_changes": [{"delivery_id": NAMES["delivery_id"]}],
    "create_project": [{}, {"name": "Other", "form": "RLHF: Pref Ranking", "overlap": 2}],
    "clone_project": [
        _IN_PROJECT,
        _IN_PROJECT | {"name": "Once more", "parts": ["questions", "members", "gold"]},
    ],
    "get_managed_project": [{"project_id": NAMES["project_id"]}],
    "change_project": [{"project_id": NAMES["project_id"], "guidelines": "Be fair."}],
    "get_qualification": [_IN_PROJECT],
    "set_qualification": [_IN_PROJECT | {"settings": {"test": 3, "pass_mark": 1}}],
    "ask_again": [_IN_PROJECT],
    "list_qualified": [_IN_PROJECT, _IN_PROJECT | {"limit": "1"}],
    "begin_anew": [_IN_PROJECT | {"user_id": NAMES["user_id"]}],
    "get_rules": [_IN_PROJECT],
    "set_rules": [
        _IN_PROJECT | {"rules": [{"collector": "gold", "threshold": 0.7, "action": "pause"}]}
    ],
    "get_access": [_IN_PROJECT],
    "set_access": [_IN_PROJECT | {"tasks_per_day": 5}],
    "list_members": [_IN_PROJECT, _IN_PROJECT | {"limit": "1"}],
    "set_member": [_IN_PROJECT | _MEMBER | {"role": "reviewer"}],
    "remove_member": [_IN_PROJECT | _MEMBER],
    "get_requirement": [{"task_id": NAMES["task_id"]}],
    "set_requirement": [{"task_id": f"pending_{CANARY}"}],
    "set_batch_team": [{"batch_id": NAMES["batch_id"]}],
    "list_teams": [{}, {"limit": "1"}],
    "create_team": [{}],
    "get_team": [{"team_id": NAMES["team_id"]}],
    "rename_team": [{"team_id": NAMES["team_id"]}],
    "add_to_team": [{"team_id": NAMES["team_id"]}],
    "remove_from_team": [{"team_id": NAMES["team_id"], "user_id": NAMES["user_id"]}],
    "get_skills": [{"user_id": NAMES["user_id"]}],
    "set_skills": [{"user_id": NAMES["user_id"], "languages": ["es"]}],
    "create_study_link": [_IN_PROJECT],
    "list_study_links": [_IN_PROJECT, _IN_PROJECT | {"limit": "1"}],
    "revoke_study_link": [_IN_PROJECT | {"link_id": NAMES["link_id"]}],
    "list_crossings": [_IN_PROJECT, _IN_PROJECT | {"limit": "1"}],
    "list_pauses": [_IN_PROJECT, _IN_PROJECT | {"limit": "1", "status": "open"}],
    "pause_person": [_IN_PROJECT | {"user_id": NAMES["user_id"]}],
    "lift_pause": [_IN_PROJECT | {"pause_id": NAMES["lifted_pause_id"]}],
    "uphold_pause": [_IN_PROJECT | {"pause_id": NAMES["pause_id"]}],
    "upload_tasks": [{"project_id": NAMES["project_id"]}],
    "list_managed_tasks": [
        _IN_PROJECT,
        _IN_PROJECT | {"q": CANARY, "order": "newest", "only": "flagged"},
        _IN_PROJECT | {"order": "completed", "batch": NAMES["batch_id"]},
    ],
    "act_on_tasks": [_IN_PROJECT],
    "list_reviews": [_IN_PROJECT, _IN_PROJECT | {"limit": "1", "most": "0.5"}],
    "get_review": [_IN_PROJECT | _REVIEWED, _IN_PROJECT | {"task_id": NAMES["task_id"]}],
    "accept_review": [_IN_PROJECT | _REVIEWED],
    "send_back_review": [_IN_PROJECT | {"task_id": f"review_2_{CANARY}"}],
    "list_talks": [_IN_PROJECT, _IN_PROJECT | {"limit": "1", "only": "unread"}],
    "get_talk": [_IN_PROJECT | _WRITTEN],
    "write_message": [_IN_PROJECT | _WRITTEN],
    "read_messages": [_IN_PROJECT | _WRITTEN],
    "list_task_actions": [_IN_PROJECT],
    "get_task_action": [_IN_PROJECT | _ACTED],
    "undo_task_action": [_IN_PROJECT | _ACTED],
    "cancel_task_action": [_IN_PROJECT | _ACTED],
    "compute_quality": [{"project_id": NAMES["project_id"], "by": "batch", "style": ["length"]}],
    "get_quality": [_IN_PROJECT],
    "get_quality_annotators": [_IN_PROJECT],
    "get_quality_bias": [_IN_PROJECT],
    "get_quality_leaderboard": [_IN_PROJECT],
    "get_quality_job": [_IN_PROJECT | _COMPUTED],
    "cancel_quality_job": [_IN_PROJECT | _COMPUTED],
    "create_import": [{"project_id": NAMES["project_id"]}],
    "get_import": [_IN_PROJECT | _IMPORTED],
    "list_import_rejects": [_IN_PROJECT | _IMPORTED],
    "cancel_import": [_IN_PROJECT | _IMPORTED],
    "get_task_content": [{"task_id": f"pending_{CANARY}"}, {"task_id": NAMES["task_id"]}],
    "complete_task": [{"task_id": f"pending_{CANARY}"}],
    "cancel_task": [{"task_id": f"pending_{CANARY}"}],
    "fail_task": [{"task_id": f"pending_{CANARY}"}],
    "reopen_task": [{"task_id": NAMES["task_id"]}],
    "offer_task": [{"task_id": f"skipped_{CANARY}"}],
    "create_gold": [_IN_PROJECT],
    "list_gold": [_IN_PROJECT, _IN_PROJECT | {"limit": "1"}],
    "get_gold": [_IN_PROJECT | _GOLD],
    "end_gold": [_IN_PROJECT | _GOLD],
    "create_user": [{}],
    "list_users": [{}, {"limit": "1", "status": "invited"}],
    "change_user": [{"user_id": NAMES["user_id"], "role": "reviewer"}],
    "invite_user": [{"user_id": NAMES["user_id"]}],
    "create_key": [{}, {"name": "second", "expires_at": "2999-01-01"}],
    "list_keys": [{}, {"limit": "1"}],
    "revoke_key": [{"key_id": NAMES["key_id"]}],
    "list_audit": [{}, {"object_id": NAMES["task_id"]}],
    "create_webhook": [{}, {"events": ["task.completed", "batch.completed"]}],
    "list_webhooks": [{}],
    "get_webhook": [{"endpoint_id": NAMES["endpoint_id"]}],
    "change_webhook": [{"endpoint_id": NAMES["endpoint_id"], "events": ["*"]}],
    "delete_webhook": [{"endpoint_id": NAMES["ended_endpoint_id"]}],
    "enable_webhook": [{"endpoint_id": NAMES["endpoint_id"]}],
    "rotate_webhook_secret": [{"endpoint_id": NAMES["endpoint_id"], "keep_old_s": 60}],
    "test_webhook": [{"endpoint_id": NAMES["endpoint_id"]}],
    "replay_webhook": [{"endpoint_id": NAMES["endpoint_id"]}],
    "get_callback_secret": [{}],
    "rotate_callback_secret": [{}],
    "list_webhook_messages": [
        {},
        {"limit": "1", "state": "failed"},
        {"endpoint_id": NAMES["endpoint_id"]},
    ],
    "replay_webhook_message": [{"message_id": NAMES["message_id"]}],
}
"""Requests of Ann's that are answered with 200; open operations need none.

Values go where the operation takes them: into the path, the body or the query.
"""


@contextmanager
def calling(world: World, key: str | None, *, address: str = "127.0.0.1") -> Iterator[AppClient]:
    """A client on loopback whose request ids are pinned, so that answers can be compared."""
    headers = {"X-Request-Id": "pinned"} | ({"Authorization": f"Bearer {key}"} if key else {})
    with world.connect(headers=headers, client=(address, 50000)) as client:
        yield client


def ask(client: AppClient, operation: Operation, params: dict[str, Any], **kwargs: Any) -> Any:
    """Call an operation; each value goes into the path, the body or the query."""
    path = operation.path
    needed = NEEDED.get(operation.operation_id, {})
    params = {name: needed[name] for name in needed if f"{{{name}}}" in path} | params
    for name in [name for name in params if f"{{{name}}}" in path]:
        path = path.replace(f"{{{name}}}", quote(params[name], safe=""))
    rest = {name: value for name, value in params.items() if f"{{{name}}}" not in operation.path}
    if operation.body is not None and "content" not in kwargs:
        fields = {*operation.body.__struct_fields__, *needed}
        rest = needed | rest
        kwargs["json"] = {name: value for name, value in rest.items() if name in fields}
        rest = {name: value for name, value in rest.items() if name not in fields}
    elif operation.operation_id in STREAMED:
        kwargs.setdefault("content", STREAMED[operation.operation_id])
    kwargs = {"method": operation.method, "follow_redirects": False} | kwargs
    return client.request(url=path, params=rest, **kwargs)


def comparable(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything of an answer that a client can see."""
    return answer.status_code, answer.content, sorted(answer.headers.items())


def assert_is_error(status: int, headers: Any, body: Any) -> None:
    """The one shape of errors."""
    assert headers["content-type"] in (JSON, "application/problem+json")
    assert isinstance(body, dict)
    assert isinstance(body["error"], str)
    assert body["error"]
    assert body["status_code"] == body["status"] == status
    assert body["request_id"] == headers["x-request-id"]
    assert body["detail"] == body["error"]
    assert set(body) <= {
        *("status_code", "error", "code", "param", "pointer", "request_id"),
        *("type", "title", "status", "detail"),
    }
    assert body["code"] in {one.code for one in problems.STATUSES}
    assert "Traceback" not in str(body)
    assert ".py" not in str(body)
