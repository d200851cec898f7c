"""Scale's own client reads deliveries: the list, every task of one, the rows of a project."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from scaleapi import ScaleClient
from scaleapi.api_client.v2 import exceptions

from tests.support.builders import make_tasks
from tests.support.deliveries import deliver, set_metadata
from tests.support.harness import above_the_store
from tests.support.sample_tasks import archive_rows, mixed_tasks

COMPLETED = [one["task_id"] for one in mixed_tasks() if one["status"] == "completed"]
EXPAND = ("project", "batch", "delivery")
OPTS = ("annotation_details", "model_parameters", "submissions")


def subsets(words: tuple[str, ...]) -> list[list[str]]:
    sizes = range(len(words) + 1)
    return [list(some) for some in chain(*(combinations(words, size) for size in sizes))]


def spelled(words: list[str]) -> str:
    return "+".join(words) or "none"


@pytest.fixture
def v2(tenant, shared_server) -> Any:
    """The official client of a running server."""
    client = ScaleClient(tenant.key())
    client.v2.api_client.configuration.host = shared_server.url
    return client.v2


@pytest.fixture
def made(tenant) -> dict[str, Any]:
    """A delivery of tasks of every shape, one of which has new metadata since."""
    assert tenant.load(archive_rows([*mixed_tasks(), *make_tasks(8)]), "archive")[1] == []
    with tenant.client() as client:
        found = deliver(client, task_ids=COMPLETED, response_schema_id="65a1b2c3d4e5f60718293a4b")
        set_metadata(client, "task_plain", {"later": True})
    return found


def walk(call, **asked) -> list[Any]:
    """Every page that the client reads."""
    pages = [call(**asked)]
    while pages[-1].next_token is not None:
        assert len(pages) < 100
        pages.append(call(**asked, next_token=pages[-1].next_token))
    return pages


@above_the_store
def test_the_deliveries_of_a_project_parse(v2, made):
    for asked in ({"project_id": "project_123"}, {"project_name": "My Test Project"}):
        [found] = v2.get_deliveries(**asked).deliveries
        assert (found.id, found.name, found.task_count) == (made["id"], "January", len(COMPLETED))
        assert found.project.actual_instance == "project_123"

    [expanded] = v2.get_deliveries(project_id="project_123", expand=["project"]).deliveries
    assert expanded.project.actual_instance.name == "My Test Project"


@above_the_store
def test_deliveries_are_bounded_by_the_times_the_client_sends(v2, made):
    at = datetime.fromisoformat(made["delivered_at"])
    asked = {"project_id": "project_123"}

    def count(**bounds):
        return len(v2.get_deliveries(**asked, **bounds).deliveries)

    just_before = at - timedelta(milliseconds=1)
    assert (count(delivered_after=just_before), count(delivered_after=at)) == (1, 0)
    assert count(delivered_before=at + timedelta(milliseconds=1)) == 1
    assert count(delivered_before=at.astimezone(UTC).replace(tzinfo=None)) == 0


@above_the_store
def test_every_task_of_a_delivery_parses_with_any_expand_and_opts(v2, made):
    """Each choice of one parameter stands beside the same and the opposite of the other."""
    expands, several = subsets(EXPAND), subsets(OPTS)
    for expand, opts in [
        *zip(expands, several, strict=True),
        *zip(expands, reversed(several), strict=True),
    ]:
        page = v2.get_delivery(delivery_id=made["id"], expand=expand, opts=opts)
        assert [task.task_id for task in page.tasks] == COMPLETED, (expand, opts)
        shown = page.delivery.actual_instance
        assert (shown if "delivery" not in expand else shown.id) == made["id"]


@above_the_store
def test_with_default_arguments_a_delivery_is_ids_and_the_tasks_as_they_were(v2, made):
    page = v2.get_delivery(delivery_name="January", project_name="My Test Project")

    tasks = {task.task_id: task for task in page.tasks}
    assert page.delivery.actual_instance == made["id"]
    assert tasks["task_plain"].metadata == {}
    assert v2.get_task("task_plain").metadata == {"later": True}
    assert tasks["task_plain"].batch.actual_instance == "batch_123"


@above_the_store
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_walks_over_deliveries_end_and_give_each_task_once(v2, made, limit):
    pages = walk(v2.get_delivery, delivery_id=made["id"], limit=limit)
    rows = walk(v2.get_delivery_tasks, delivery_id=made["id"], limit=limit)
    every = walk(v2.get_delivery_tasks, project_name="My Test Project", limit=limit)

    assert [task.task_id for page in pages for task in page.tasks] == COMPLETED
    assert [row.task_id for page in rows for row in page.docs] == COMPLETED
    assert [page.total for page in rows] == [len(page.docs) for page in rows]
    assert len([row for page in every for row in page.docs]) == len(mixed_tasks()) + 8


@above_the_store
def test_rows_of_a_project_parse_with_their_deliveries_and_with_nulls(v2, made):
    page = v2.get_delivery_tasks(project_id="project_123", status="completed")

    rows = {row.task_id: row for row in page.docs}
    delivered, other = rows["task_full"], rows["task_00000"]
    assert delivered.delivery_id == made["id"]
    assert delivered.response_schema_id == "65a1b2c3d4e5f60718293a4b"
    assert [thread["id"] for thread in delivered.response["threads"]] == ["thread_0", "thread_1"]
    assert (other.delivery_id, other.delivered_at, other.response) == (None, None, None)
    assert other.created_at is not None


@above_the_store
@pytest.mark.parametrize(
    ("call", "asked", "kind"),
    [
        ("get_deliveries", {}, exceptions.BadRequestException),
        ("get_deliveries", {"project_id": "nobody"}, exceptions.NotFoundException),
        ("get_delivery", {}, exceptions.BadRequestException),
        ("get_delivery", {"delivery_name": "January"}, exceptions.BadRequestException),
        ("get_delivery", {"delivery_id": "nobody"}, exceptions.NotFoundException),
        ("get_delivery_tasks", {}, exceptions.BadRequestException),
        ("get_delivery_tasks", {"project_name": "nobody"}, exceptions.NotFoundException),
    ],
)
def test_a_refusal_raises_the_client_s_own_exception(v2, call, asked, kind):
    with pytest.raises(kind):
        getattr(v2, call)(**asked)
