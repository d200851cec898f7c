"""GET /v2/tasks: scopes, filters, pages."""

from __future__ import annotations

from builders import make_task, make_tasks
from harness import walk


def test_a_task_added_behind_the_page_does_not_shift_it(world, client):
    """A page boundary is a place, not an offset."""
    world.load(make_tasks(5))
    first = client.get("/v2/tasks", params={"project_id": "project_123", "limit": 2}).json()
    world.load([make_task("task_added")])

    rest = walk(client, project_id="project_123", limit=2, next_token=first["next_token"])

    assert [task["task_id"] for task in rest] == ["task_00002", "task_00003", "task_00004"]
