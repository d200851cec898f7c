"""Scale's own client drives whole lives: batches and tasks from creation to their end."""

from __future__ import annotations

import pytest
from scaleapi import ScaleClient
from scaleapi.api_client.v2 import (
    BatchOperationRequest,
    CreateBatchRequest,
    CreateChatTaskRequest,
    SetBatchMetadataRequest,
    SetTaskMetadataRequest,
    exceptions,
)

from plaudit.core.tasks import lifecycle
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread

PROJECT = "My Test Project"


class Pipeline:
    """A running server and the official client of its organization."""

    def __init__(self, world, server) -> None:
        self.world = world
        client = ScaleClient(world.key())
        client.v2.api_client.configuration.host = server.url
        self.client = client
        self.v2 = client.v2

    def batch(self, name: str, **fields):
        return self.v2.create_batch(CreateBatchRequest(name=name, project_name=PROJECT, **fields))

    def task(self, batch: str, prompt: str = "Why?", **fields):
        request = CreateChatTaskRequest(
            project_name=PROJECT,
            batch_name=batch,
            template_variables={"prompt": prompt, "responses": ["One.", "Two."]},
            **fields,
        )
        return self.v2.create_chat_task(request)

    def complete(self, task_id: str) -> None:
        environment_id = self.world.org()

        async def work(tx):
            task = await tasks.find_task(tx, environment_id, task_id)
            await lifecycle.complete_task(tx, environment_id, task, [make_thread()])

        self.world.run(self.world.db.write(work))

    def status(self, name: str) -> str:
        return self.v2.get_batch(batch_name=name).status.value


def by_id(batch) -> BatchOperationRequest:
    return BatchOperationRequest(batch_id=batch.id)


@pytest.fixture
def pipeline(tenant, shared_server):
    tenant.project(PROJECT)
    return Pipeline(tenant, shared_server)


def test_a_staging_batch_goes_from_its_creation_to_its_last_task(pipeline):
    v2 = pipeline.v2
    batch = pipeline.batch("First", staging_batch=True, metadata={"wave": 1})
    assert (batch.status.value, batch.metadata) == ("staging", {"wave": 1})
    made = [pipeline.task("First", metadata={"n": n}) for n in range(2)]
    assert [(one.status.value, one.threads) for one in made] == [("pending", [])] * 2

    assert v2.finalize_batch(by_id(batch)).status.value == "in_progress"
    paused = v2.pause_batch(BatchOperationRequest(batch_name="First"))
    assert paused.batch.status.value == "paused"
    assert paused.message
    assert v2.resume_batch(by_id(batch)).batch.status.value == "in_progress"
    pipeline.complete(made[0].task_id)
    assert pipeline.status("First") == "in_progress"
    pipeline.complete(made[1].task_id)

    done = v2.get_batch(batch_id=batch.id)
    assert done.status.value == "completed"
    assert done.completed_at is not None
    listed = list(pipeline.client.v2_get_tasks(batch_name="First", status="completed", limit=1))
    assert [one.task_id for one in listed] == [one.task_id for one in made]
    assert [one.metadata for one in listed] == [{"n": 0}, {"n": 1}]


def test_metadata_of_tasks_and_batches_is_replaced_or_merged(pipeline):
    batch = pipeline.batch("First", metadata={"a": {"b": 1}})
    task = pipeline.task("First", metadata={"a": {"b": 1}, "keep": [1]})

    merged = pipeline.v2.set_task_metadata(
        SetTaskMetadataRequest(task_id=task.task_id, metadata={"a": {"c": None}}, merge=True)
    )
    replaced = pipeline.v2.set_task_metadata(
        SetTaskMetadataRequest(task_id=task.task_id, metadata={"only": True})
    )
    of_batch = pipeline.v2.set_batch_metadata(
        SetBatchMetadataRequest(batch_id=batch.id, metadata={"a": {"c": 2}}, merge=True)
    )

    assert merged.metadata == {"a": {"b": 1, "c": None}, "keep": [1]}
    assert replaced.metadata == {"only": True}
    assert pipeline.v2.get_task(task_id=task.task_id).metadata == {"only": True}
    assert of_batch.metadata == {"a": {"b": 1, "c": 2}}


def test_a_cancelled_batch_takes_its_pending_tasks_along_and_cannot_resume(pipeline):
    batch = pipeline.batch("First")
    done, waiting = pipeline.task("First"), pipeline.task("First")
    pipeline.complete(done.task_id)

    assert pipeline.v2.cancel_batch(by_id(batch)).batch.status.value == "cancelled"

    statuses = {t.task_id: t.status.value for t in pipeline.client.v2_get_tasks(batch_id=batch.id)}
    assert statuses == {done.task_id: "completed", waiting.task_id: "canceled"}
    for action in (pipeline.v2.resume_batch, pipeline.v2.pause_batch, pipeline.v2.finalize_batch):
        with pytest.raises(exceptions.BadRequestException):
            action(by_id(batch))
    with pytest.raises(exceptions.BadRequestException):
        pipeline.task("First")


def test_an_empty_batch_may_be_paused_and_never_completes_by_itself(pipeline):
    batch = pipeline.batch("Empty")

    assert pipeline.v2.pause_batch(by_id(batch)).batch.status.value == "paused"
    assert pipeline.v2.resume_batch(by_id(batch)).batch.status.value == "in_progress"


def test_the_exceptions_of_the_client_say_what_is_wrong(pipeline):
    pipeline.batch("First")

    with pytest.raises(exceptions.ConflictException, match="named 'First' already"):
        pipeline.batch("First")
    with pytest.raises(exceptions.NotFoundException, match="no such batch"):
        pipeline.task("Second")
    with pytest.raises(exceptions.BadRequestException, match="unknown template variables: promt"):
        pipeline.v2.create_chat_task(
            CreateChatTaskRequest(project_name=PROJECT, template_variables={"promt": "?"})
        )
    with pytest.raises(exceptions.BadRequestException, match="batch_id or batch_name"):
        pipeline.v2.pause_batch(BatchOperationRequest())
    with pytest.raises(exceptions.NotFoundException):
        pipeline.v2.set_task_metadata(SetTaskMetadataRequest(task_id="none", metadata={}))
