"""All that v2 shows to a key, for comparing a server with a copy of it."""

from __future__ import annotations

from typing import Any

from tests.support.harness import walk

ALL_OPTS = ["annotation_details", "attachment_details", "model_parameters", "submissions"]


def everything_of(client: Any) -> dict[str, Any]:
    """Every object that the reading operations of v2 show, by kind and id."""
    projects = _listed(client, "/v2/projects", "projects")
    batches = walk(client, "/v2/batches", "batches")
    tasks: list[Any] = []
    deliveries: dict[str, Any] = {}
    for project in projects:
        scope = {"project_id": project["id"]}
        tasks += walk(client, opts=ALL_OPTS, **scope)
        for delivery in _listed(client, "/v2/deliveries", "deliveries", **scope):
            own = {"delivery_id": delivery["id"]}
            deliveries[delivery["id"]] = (
                delivery,
                walk(client, "/v2/delivery", opts=ALL_OPTS, **own),
                walk(client, "/v2/delivery/tasks", "docs", **own),
            )
    datasets = _listed(client, "/v2/datasets", "datasets")
    return {
        "projects": {one["id"]: one for one in projects},
        "batches": {one["id"]: one for one in batches},
        "tasks": {one["task_id"]: one for one in tasks},
        "task count": len(tasks),
        "deliveries": deliveries,
        "datasets": datasets,
        "dataset deliveries": _listed(client, "/v2/datasets/deliveries", "deliveries"),
        "dataset tasks": [
            walk(client, "/v2/datasets/tasks", dataset_id=one["id"]) for one in datasets
        ],
    }


def _listed(client: Any, path: str, items: str, **params: Any) -> list[Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()[items]
    return found
