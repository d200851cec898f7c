"""Tasks with every optional part that the wire has, for tests of what is shown when."""

from __future__ import annotations

from typing import Any

from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn

CREATED_AT = "2025-01-01T08:31:03.169Z"
PROJECT = {
    "id": "project_123",
    "name": "My Test Project",
    "created_at": CREATED_AT,
    "types": ["RLHF: Pref Ranking"],
    "models": ["base_model", "test_model"],
}
BATCH = {
    "id": "batch_123",
    "name": "First batch",
    "project": "project_123",
    "created_at": CREATED_AT,
    "status": "in_progress",
    "metadata": {"wave": 1},
    "callback": "https://example.com/done",
}

_DETAILS = {
    "title": "How well?",
    "description": "Compare with the guidelines.",
    "labels": ["bad", "good"],
    "not_applicable": False,
    "cannot_assess": True,
    "metadata": {"criteria": "ann_criterion", "source": "import"},
    "justification": "It says “why”.",
}
_CONFIG = {
    "workspace_id": "ws_1",
    "workspace_url": "https://example.com/ws_1",
    "workspace_token": "token",
    "expires_at": "2025-02-01T00:00:00.000Z",
    "inactivity_freeze_time": 600,
    "force_enable_workspace_access": False,
    "workspace_image_version": 3,
}
_WORKSPACE = {
    "workspace_id": "ws_1",
    "workspace_config": _CONFIG,
    "output_files": [{"scale_url": "scaledata://a", "file_name": "a.py", "file_language": "py"}],
    "stdout_output": {"content": "ok"},
    "stderr_output": {"url": "https://example.com/err"},
    "test_stdout_output": {"scale_url": "scaledata://out"},
    "test_stderr_output": {},
}
VALUES: dict[str, tuple[Any, list[Any] | None]] = {
    "boolean": (False, [True, False]),
    "integer": (2, [1, 2, 3]),
    "text": ("Free text.", None),
    "category": ("good", ["bad", "good"]),
    "category_multiple": (["good"], ["bad", "good"]),
    "file": ([{"name": "a.png", "mime_type": "image/png", "url": "https://a/a.png"}], None),
    "labeled_text": ([{"label": "error", "text": "teh"}], None),
    "ranked_choices": (["test_model", "base_model"], None),
    "ranked_groups": ([["test_model"], ["base_model", "other"]], None),
    "rubric_criteria": ({"weight": 0.5, "criterion": "is polite"}, None),
    "rubric_rating": ({"score": 1, "color": "red", "justification": "no", "extra": [1]}, None),
    "workspace_container": (_WORKSPACE, None),
}
"""A value and possible values for each type of annotation."""


def all_annotations(prefix: str = "") -> list[dict[str, Any]]:
    """One annotation of each type, with every detail that the type allows."""
    found = []
    for kind, (value, possible) in VALUES.items():
        details = _DETAILS if possible is None else _DETAILS | {"possible_values": possible}
        found.append(make_annotation(f"{prefix}{kind}", value, type=kind, **details))
    return found


def full_message(source_id: str = "base_model") -> Any:
    """A message with every optional part."""
    content = {
        "text": "An answer.",
        "reference_texts": [{"content": "Quoted.", "category": "news", "url": "https://a"}],
        "attachments": [
            {"name": "a.txt", "mime_type": "text/plain", "content": "aGk="},
            {"mime_type": "image/png", "url": "https://a/a.png", "file_size_in_bytes": 12},
            {"mime_type": "audio/wav", "duration": 1.5, "transcript": "hi"},
        ],
        "chunks": [
            {"type": "text", "text": "Step 1.", "annotations": all_annotations("chunk_")},
            {"type": "text", "text": "Step 2.", "annotations": []},
        ],
        "reasoning": [{"content": "First I think."}],
    }
    parameters = {
        "model": "m-1", "temperature": 0.9, "max_completion_tokens": 2048, "top_p": 1, "top_k": 40,
    }  # fmt: skip
    evaluation = {
        "criteria_evaluations": [
            {
                "criterion_definition_id": "criterion_0",
                "score": 0.5,
                "annotations": all_annotations("score_"),
            },
        ],
        "annotations": all_annotations("evaluation_"),
        "total_score": 1.5,
        "percentage": 75,
    }
    votes = [
        {"contributor_id": "ann", "value": 2, "submitted_at": CREATED_AT},
        {"contributor_id": "bob", "value": 3},
    ]
    return make_message(
        source_id,
        content=content,
        model_parameters=parameters,
        annotations=[*all_annotations(), make_annotation("overall", 2, votes=votes)],
        rubric_evaluations=[evaluation],
    )


def full_threads() -> list[Any]:
    """Two threads with every optional part at every level."""
    criterion = {
        "id": "criterion_0",
        "criterion": "Is it polite?",
        "weight": 3,
        "annotations": all_annotations("criterion_"),
    }
    turn = make_turn(
        messages=[make_message("user"), full_message(), make_message("test_model")],
        annotations=all_annotations(),
        rubrics=[{"criteria_definitions": [criterion], "max_total_score": 3}],
    )
    people = [{"contributor_id": "ann", "submitted_at": "2025-01-02T03:04:05.678Z"}]
    thread = make_thread(turns=[turn], annotations=all_annotations(), submissions=people)
    return [thread, make_thread("thread_1")]


def full_task(task_id: str = "task_full", **fields: Any) -> Any:
    """A completed task with every optional part."""
    return make_task(task_id, threads=full_threads(), metadata={"a": {"b": None}}, **fields)


def mixed_tasks() -> list[Any]:
    """Tasks of every status and shape; two of them have attachments."""
    report = [{"type": "violence", "message": "Reported."}]
    faults = [{"type": "PROMPT_INFEASIBLE", "message": "No."}, {"message": "Other."}]
    bare = make_message(annotations=[{"key": f"k_{kind}", "type": kind} for kind in VALUES])
    return [
        full_task(),
        full_task("task_in_batch", batch="batch_123"),
        make_task("task_plain", batch="batch_123", metadata={}),
        make_task("task_values_absent", threads=[make_thread(turns=[make_turn(messages=[bare])])]),
        make_task("task_no_content", threads=[make_thread(turns=[])]),
        make_task("task_no_threads", threads=[]),
        make_task("task_reported", threads=None, sensitive_content_reports=report),
        make_task("task_pending", "pending", content=full_threads(), metadata={"n": 1}),
        make_task("task_pending_in_batch", "pending", batch="batch_123"),
        make_task("task_canceled", "canceled"),
        make_task("task_error", "error", errors=faults),
    ]


def archive_rows(tasks: list[Any]) -> list[Any]:
    """The tasks as an archive, with their project and batch declared."""
    declared = [{"kind": "project", "value": PROJECT}, {"kind": "batch", "value": BATCH}]
    return declared + [{"kind": "task", "value": task} for task in tasks]
