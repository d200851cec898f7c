"""Writing with the client: projects, batches, tasks and deliveries on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plaudit.client import Client, ClientError
from tests.support.builders import make_tasks
from tests.support.harness import World, on_shared_sqlite

pytestmark = on_shared_sqlite

VARIABLES = {"prompt": "Why?", "responses": ["One.", "Two."]}
PROJECT = "My Test Project"


@pytest.fixture
def client(tenant: World) -> Iterator[Client]:
    """A client of an organization of its own with a project."""
    tenant.project(PROJECT)
    with (
        tenant.client() as http,
        Client(url="http://testserver", key=tenant.key(), http_client=http) as client,
    ):
        yield client


def test_a_batch_lives_from_its_creation_to_its_cancellation(client):
    batch = client.create_batch("First", project_name=PROJECT, staging_batch=True)
    task = client.create_chat_task(
        project_name=PROJECT, batch_id=batch.id, template_variables=VARIABLES, metadata={"n": 1}
    )

    moves = [
        client.finalize_batch(batch_id=batch.id),
        client.pause_batch(batch_name="First"),
        client.resume_batch(batch_id=batch.id),
        client.cancel_batch(batch_id=batch.id),
    ]

    assert [str(one.status) for one in moves] == [
        "in_progress",
        "paused",
        "in_progress",
        "cancelled",
    ]
    assert client.batch(batch_name="First").id == batch.id
    assert [one.id for one in client.batches(project_name=PROJECT)] == [batch.id]
    assert client.task(task.task_id).status == "canceled"


def test_a_request_that_is_sent_twice_creates_one_task(client):
    wanted: dict[str, Any] = {"project_name": PROJECT, "template_variables": VARIABLES}

    made = [client.create_chat_task(idempotency_key="nightly-17", **wanted) for _ in range(2)]

    assert made[0].task_id == made[1].task_id
    assert len(list(client.tasks(project_name=PROJECT))) == 1


def test_the_generic_path_creates_tasks_too(client):
    made = client.create_task(
        project_name=PROJECT, template_variables=VARIABLES, unique_id="one", metadata={"a": 1}
    )
    changed = client.set_task_metadata(made.task_id, {"b": 2}, merge=True)

    assert changed.metadata == {"a": 1, "b": 2}
    with pytest.raises(ClientError) as raised:
        client.create_task(project_name=PROJECT, template_variables=VARIABLES, unique_id="one")
    assert raised.value.status == 409


def test_a_project_is_made_with_its_form_and_found_by_its_name(client):
    form = {"fields": [{"key": "good", "level": "message", "type": "boolean"}]}

    made = client.create_project("Birds", settings={"form": form, "overlap": 2})

    assert client.project(project_name="Birds").id == made.id
    assert {"Birds", PROJECT} <= {one.name for one in client.projects()}


def test_a_delivery_is_frozen_and_read_again(client, tenant):
    tenant.load(make_tasks(3, prefix="done"))

    made = client.create_delivery("project_123", "May", completed_before="2026-01-01")

    assert made.task_count == 3
    assert [one.name for one in client.deliveries(project_id="project_123")] == ["May"]
    delivered = list(client.delivered_tasks(made.id))
    assert [one.task_id for one in delivered] == [f"done_{n:05d}" for n in range(3)]
    assert len(client.delivered_tasks(made.id).to_arrow()) == 3
    assert len(list(client.delivered_tasks(made.id, raw=True))) == 3


def test_a_key_that_only_reads_is_refused_with_the_servers_words(tenant):
    tenant.project(PROJECT)
    key = tenant.key(role="read")
    with (
        tenant.client() as http,
        Client(url="http://testserver", key=key, http_client=http) as client,
        pytest.raises(ClientError) as raised,
    ):
        client.create_batch("First", project_name=PROJECT)

    assert (raised.value.status, raised.value.code) == (403, "forbidden")
