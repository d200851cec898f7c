"""Statements of what happens beside the requests: webhooks, jobs, and whatever expires."""

from __future__ import annotations

import asyncio

from plaudit.core.deliveries import task_selection
from plaudit.core.outbound.http_client import HttpClient
from plaudit.core.transfer import jobs
from plaudit.core.transfer.importer import Reject
from plaudit.core.transfer.jobs import JobProgress
from plaudit.core.webhooks import endpoints, messages
from plaudit.core.webhooks.messages import MessageQuery
from plaudit.store.tasks.tasks import FAR
from plaudit.store.transfer import jobs as jobs_store
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.store.webhooks import messages as messages_store
from tests.support.harness import World
from tests.support.network.receivers import LOOPBACK
from tests.support.webhook_sending import (
    add_endpoint,
    answering,
    complete,
    store_task,
    until,
    working,
)
from tests.support.webhook_sending import status as answer_of


async def put_through_telling(world: World, project) -> None:
    """Endpoints and callbacks: told, refused, ended, replayed, forgotten."""
    environment_id, url = project.environment_id, "http://127.0.0.1:1/"
    gone = answering(answer_of(410))
    # No port is permitted, so that the callback to a public address is refused before it is called.
    nearby = HttpClient(LOOPBACK, ports=())
    async with gone.listening(), working(world, http_client=nearby) as worker:
        for told in (url, gone.url):
            await add_endpoint(world, told, "task.created", environment_id=environment_id)
        task = await store_task(world, project, callback_url=url)
        await complete(world, task, environment_id)
        ended, _ = await add_endpoint(world, url, "task.error", environment_id=environment_id)
        await until(lambda: gone.connections)
        await asyncio.sleep(0.5)

        async def change(tx):
            await endpoints.ping(tx, ended)
            changed = await endpoints.change_endpoint(tx, ended, url=gone.url)
            await endpoints.rotate_endpoint(tx, world.secret, changed, keep_old_s=1)
            for _ in range(2):
                await endpoints.rotate_callback_secret(
                    tx, world.secret, environment_id, keep_old_s=1
                )
            await endpoints.delete_endpoint(tx, environment_id, ended.endpoint_id)
            await endpoints.discard_if_inactive(
                tx, environment_id, ended.endpoint_id, "endpoint_deleted"
            )
            for before in (None, "z"):
                await messages.replay_failed(tx, environment_id, None, before=before)

        await world.db.write(change)
        async with world.db.read() as tx:
            query = MessageQuery(endpoint_id=ended.endpoint_id, limit=1)
            [one] = (await messages.get_message_page(tx, world.secret, environment_id, query))[0]
            await messages_store.find_message(tx, environment_id, one.message.message_id)
        await world.db.write(lambda tx: messages_store.replay(tx, one.message, now=1))
        await world.db.write(lambda tx: messages_store.delete_ended(tx, before=FAR, limit=9))
        await worker.delete_expired()


async def put_through_jobs(world: World, project) -> None:
    """Jobs of the workspace: begun, broken off, advanced, ended, forgotten; what is undelivered."""
    environment_id = project.environment_id
    reject = Reject("x", 1, "", "no")
    for state in (JobState.failed, JobState.done):
        job = await world.db.write(
            lambda tx: jobs.start_job(tx, environment_id, "user_x", JobKind.archive, {}, "writing")
        )
        await jobs.save_progress(world.db, job, JobProgress(done=1), [reject], 0)
        await jobs.end_job(world.db, job, state, JobProgress(), [reject], 1, file_size=1)
    cancelled = await world.db.write(
        lambda tx: jobs.start_job(tx, environment_id, "user_x", JobKind.archive, {}, "writing")
    )
    await world.db.write(
        lambda tx: jobs.cancel_job(tx, environment_id, JobKind.archive, cancelled.job_id)
    )
    await jobs.end_job(world.db, cancelled, JobState.done, JobProgress())
    await jobs.delete_earlier_files(world.db, world.objects, job)

    async def work(tx):
        await jobs.get_job(tx, environment_id, JobKind.archive, job.job_id)
        await jobs.list_latest_jobs(tx, environment_id, JobKind.archive, 9)
        await jobs_store.list_rejects(tx, environment_id, job.job_id, limit=9)
        await jobs_store.list_expired_files(tx, before=FAR, limit=9)
        await jobs_store.clear_file(tx, environment_id, job.job_id)
        await jobs_store.delete_ended_jobs(tx, before=FAR, limit=9)

    await world.db.write(work)
    await task_selection.select_undelivered(world.db, project)
