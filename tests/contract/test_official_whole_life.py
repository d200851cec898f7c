"""One whole life with Scale's own client, beside our routes for what Scale's people do."""

from __future__ import annotations

import httpx2
import msgspec
import pytest
from scaleapi import ScaleClient
from scaleapi.api_client.v2 import (
    BatchOperationRequest,
    CreateBatchRequest,
    CreateChatTaskRequest,
    SetBatchMetadataRequest,
    SetTaskMetadataRequest,
)

from tests.support.builders import make_annotation, make_message, make_thread, make_turn

PROJECT = "My Test Project"
FILE = b"Pacific"


@pytest.fixture
def service(world, start_server):
    """The official client's v2 operations, its walk over tasks, and our management routes."""
    key = world.key()
    server = start_server()
    client = ScaleClient(key)
    client.v2.api_client.configuration.host = server.url
    with httpx2.Client(base_url=f"{server.url}/manage/v1", auth=(key, "")) as manage:
        yield client, manage


def made(answer: httpx2.Response) -> dict:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_pipeline_lives_from_an_empty_server_to_a_frozen_delivery_and_a_dataset(service):
    client, manage = service
    v2 = client.v2
    project = made(manage.post("/projects", json={"name": PROJECT, "types": ["RLHF"]}))

    # tasks wait in a staging batch, which is opened, paused and resumed
    batch = v2.create_batch(
        CreateBatchRequest(name="First", project_name=PROJECT, staging_batch=True)
    )
    asked = [
        CreateChatTaskRequest(
            project_name=PROJECT,
            batch_name="First",
            template_variables={"prompt": prompt, "responses": ["One.", "Two."]},
        )
        for prompt in ("Why?", "How?", "When?")
    ]
    tasks = [v2.create_chat_task(one) for one in asked]
    by_id = BatchOperationRequest(batch_id=batch.id)
    states = [
        v2.finalize_batch(by_id).status,
        v2.pause_batch(by_id).batch.status,
        v2.resume_batch(by_id).batch.status,
    ]
    v2.set_task_metadata(SetTaskMetadataRequest(task_id=tasks[0].task_id, metadata={"wave": 1}))
    v2.set_batch_metadata(SetBatchMetadataRequest(batch_id=batch.id, metadata={"wave": 1}))

    # somebody answers them; the batch is then done, and another one is cancelled
    judged = make_annotation(id="first_judged", key="likert_value", type="integer", value=2)
    message = make_message(annotations=[judged])
    threads = msgspec.to_builtins([make_thread(turns=[make_turn(messages=[message])])])
    for task in tasks:
        made(manage.post(f"/tasks/{task.task_id}/complete", json={"threads": threads}))
        threads = msgspec.to_builtins([make_thread()])
    other = v2.create_batch(CreateBatchRequest(name="Second", project_name=PROJECT))
    late = v2.create_chat_task(like(asked[0], batch_name="Second"))
    cancelled = v2.cancel_batch(BatchOperationRequest(batch_id=other.id)).batch

    # what is done is frozen, and some of it collected with a file
    frozen = made(manage.post(f"/projects/{project['id']}/deliveries", json={"name": "January"}))
    dataset = made(manage.post("/datasets", json={"name": "Oceans"}))
    row = {"response": {"a": 1}, "task_id": "ocean/1"}
    row["attachments"] = [{"id": "f/1", "name": "f.txt", "content": "UGFjaWZpYw=="}]
    made(manage.post(f"/datasets/{dataset['id']}/deliveries", json={"name": "x", "tasks": [row]}))

    assert [state.value for state in states] == ["in_progress", "paused", "in_progress"]
    assert v2.get_batch(batch_id=batch.id).status.value == "completed"
    assert cancelled.status.value == "cancelled"
    walked = list(client.v2_get_tasks(project_name=PROJECT, limit=1))
    assert {one.task_id: one.status.value for one in walked} == {
        **{task.task_id: "completed" for task in tasks},
        late.task_id: "canceled",
    }
    assert v2.get_task(task_id=tasks[0].task_id).metadata == {"wave": 1}
    assert v2.get_annotation(annotation_id="first_judged").actual_instance.value == 2
    [delivery] = v2.get_deliveries(project_id=project["id"]).deliveries
    assert delivery.id == frozen["id"]
    delivered = v2.get_delivery(delivery_id=delivery.id).tasks
    assert {one.task_id for one in delivered} == {task.task_id for task in tasks}
    assert [one.name for one in v2.get_datasets().datasets] == ["Oceans"]
    assert v2.get_dataset_task(task_id="ocean/1").response == {"a": 1}
    link = v2.get_dataset_task_response_url_with_http_info("ocean/1", "f/1")
    assert link.raw_data == FILE


def like(request: CreateChatTaskRequest, **fields: str) -> CreateChatTaskRequest:
    """A request of the client's like another one, but for some fields."""
    return request.model_copy(update=fields)
