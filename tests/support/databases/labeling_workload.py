"""Everything that people do with tasks, and what managers look at, for rules about statements."""

from __future__ import annotations

import itertools

from plaudit.core.labeling import (
    answer_samples,
    free_tasks,
    leases,
    review_decisions,
    review_queue,
    statistics,
    submissions,
    task_notes,
    task_work,
)
from plaudit.core.labeling.adjudication import review_order
from plaudit.core.quality_control import undecided
from plaudit.core.tasks import batches, lifecycle, resolve, work_queue
from plaudit.core.tasks.listing import BatchQuery, batch_rows_page
from plaudit.model.core import PersonRole, TaskStatus
from plaudit.store.accounts import organizations
from plaudit.store.deliveries import deliveries
from plaudit.store.labeling import flags, skips
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import task_summaries
from plaudit.store.tasks import work_queue as queue_store
from plaudit.store.tasks.tasks import FAR, TaskFilter
from plaudit.store.webhooks import endpoints
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.staffing.people import as_user


def put_through_work(world: World) -> None:
    """Everything that people do with tasks, and what becomes of their leases."""
    labeling = LabelingProject(world, review="all", overlap=2)
    batch, project_key = labeling.batch(), labeling.project.project_key
    [first, *_] = task_ids = labeling.create(5, batch=batch)
    labeling.write(lambda tx: work_queue.prioritize(tx, batch, 1))
    labeling.set(overlap=1)
    lease = labeling.take()
    labeling.draft(lease, 1, [])
    labeling.do(leases.heartbeat, lease, active_ms=1)
    labeling.do(task_notes.flag, lease, reason="odd")
    flagged = lease
    labeling.do(leases.release, lease)
    lease = labeling.resume(lease)
    labeling.submit(lease)
    lease = labeling.undo(lease)
    labeling.submit(lease, key="again")
    labeling.write(lambda tx: review_order.list_in_review(tx, labeling.project))
    labeling.write(
        lambda tx: review_queue.list_waiting(
            tx, as_user(labeling.environment_id, "rev", PersonRole.admin)
        )
    )
    labeling.decide(review_decisions.send_back, first, "rev", "ann", comment="Look again.")
    labeling.write(lambda tx: review_queue.list_returned(tx, labeling.project, "ann"))
    labeling.submit(labeling.take(), key="third")
    labeling.set(review_percent=5)
    labeling.write(lambda tx: queue_store.list_undecided_projects(tx, limit=9))
    labeling.write(lambda tx: undecided.decide(tx, project_key))
    labeling.write(lambda tx: queue_store.set_aside(tx, project_key, 0))
    labeling.accept(first)
    fix = {"at": "t0u0", "key": "likert_value", "value": 2}
    labeling.decide(review_decisions.correct, first, "rev", fixes=[fix])
    labeling.write(lambda tx: review_queue.list_completed(tx, labeling.project))
    labeling.write(lambda tx: review_queue.list_submit_actions(tx, labeling.project, 1))
    labeling.write(lambda tx: submissions.list_recent(tx, labeling.project, "ann"))
    labeling.move(lifecycle.reopen_task, first)
    labeling.age(labeling.take("ben"))
    lease = labeling.take("cem")
    labeling.do(task_notes.skip, lease, reason="hard")
    labeling.write(lambda tx: task_notes.offer_again(tx, labeling.project, [lease.seq], "rev"))
    labeling.write(lambda tx: skips.release_skipped(tx, project_key, [lease.seq]))
    labeling.write(
        lambda tx: task_notes.see_flags(tx, labeling.project, flagged.seq, "rev", until_ms=FAR)
    )
    labeling.set(review="none")
    lease = labeling.take("dan")
    labeling.submit(lease)
    labeling.undo(lease)
    lease = labeling.take("eve")
    labeling.do(task_notes.report_sensitive, lease, kind="violence")
    [reported] = [one for one in task_ids if labeling.task(one).seq == lease.seq]
    labeling.decide(review_decisions.dismiss_report, reported, "rev")
    labeling.do(task_notes.report_sensitive, labeling.take("fay"), kind="violence")
    labeling.write(lambda tx: review_queue.list_quarantined(tx, labeling.project))
    [quarantined] = [one for one in task_ids if (place := labeling.place(one)) and place.reason]
    labeling.decide(review_decisions.confirm_report, quarantined, "rev")

    async def late(tx):
        organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
        await leases.end_leases_of(tx, organization_id, "dan")
        await leases.list_open_leases(tx, labeling.project, "ann")
        await free_tasks.count_free_tasks(tx, labeling.project, "ann", limit_max=10)
        await leases_store.list_projects_due(tx, now=FAR, limit=10)
        await leases.expire_leases(tx, project_key)

    labeling.age(labeling.take("gil"))
    labeling.write(late)
    done = labeling.task(first)
    labeling.write(lambda tx: looked_after(tx, labeling, done))
    labeling.write(lambda tx: batches.apply_action(tx, batch, "pause"))
    labeling.write(lambda tx: batches.apply_action(tx, batch, "cancel"))


async def looked_after(tx, labeling: LabelingProject, task) -> None:
    """What managers look at: counts, pictures, one task, tasks and batches as rows."""
    project, secret = labeling.project, labeling.world.secret
    await statistics.progress(tx, project)
    await statistics.list_unasked(tx, project, 1)
    await statistics.pace(tx, project, FAR // 10**6)
    await answer_samples.load_sample(tx, project)
    await task_work.list_flagged(tx, project, after_seq=0, limit=10)
    await flags.find_flagged_ms(tx, project.project_key, 1)
    organization_id, _ = await organizations.find_organization(tx, labeling.environment_id)
    await task_work.get_task_work(tx, task, organization_id)
    words = resolve.ScopeNames(project_id=project.project_id)
    shapes = itertools.product((None, "b"), (None, TaskStatus.pending), (None, 0))
    for batch_id, status, after in shapes:
        where = TaskFilter(project.project_key, batch_id, status, after)
        await task_summaries.list_summaries(tx, where, after=where.start, bound=9, limit=2)
    await batches_store.find_batch_names(tx, labeling.environment_id, ["b"])
    await deliveries.find_delivery_names(tx, labeling.environment_id, ["d"])
    await endpoints.find_endpoint_urls(tx, labeling.environment_id, ["e"])
    await task_summaries.list_openings(tx, project.project_key, [1, 2])
    query = BatchQuery(scope=words)
    for batch in (await batch_rows_page(tx, secret, labeling.environment_id, query))[0]:
        await batches_store.list_progress(tx, project.project_key, [batch.batch_id])
