"""Everything that the store can be asked, once at least, for rules about its statements."""

from __future__ import annotations

import itertools
import re

from plaudit.core.datasets import attachments
from plaudit.core.deliveries import builder
from plaudit.core.labeling.counting import vote_writing
from plaudit.core.quality import vote_reading
from plaudit.core.quality.reporting.kept_people import find_numbers
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.snapshots import (
    Part,
    SnapshotMaker,
    find_snapshot,
    read_part,
)
from plaudit.core.tasks import lifecycle, resolve
from plaudit.core.transfer import export
from plaudit.model.core import TaskStatus
from plaudit.store.accounts import organizations, sessions
from plaudit.store.common import audit, idempotency
from plaudit.store.datasets.attachments import find_attachments
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine import checks, epochs
from plaudit.store.labeling import submissions as submissions_store
from plaudit.store.labeling import unread_votes
from plaudit.store.labeling import votes as votes_store
from plaudit.store.quality import vote_changes
from plaudit.store.tasks import batches as batches_store
from plaudit.store.tasks import task_changes, task_heads, task_pages, task_ranges, tasks
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter
from plaudit.wire.v2.task import ErrorDetail
from tests.support.builders import (
    make_annotation,
    make_message,
    make_task,
    make_tasks,
    make_thread,
    make_turn,
)
from tests.support.busy_organization import begin_everything
from tests.support.databases.background_workload import put_through_jobs, put_through_telling
from tests.support.databases.control_workload import put_through_quality_control
from tests.support.databases.judging_workload import put_through_judging
from tests.support.databases.labeling_workload import put_through_work
from tests.support.databases.managing_workload import put_through_lists_and_actions
from tests.support.databases.rules_workload import put_through_rules
from tests.support.databases.staffing_workload import put_through_staffing
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.moves import archive_of, values_of
from tests.support.pages.browser_client import Somebody, add_person, browsing, invite, signed_in
from tests.support.sample_tasks import archive_rows, mixed_tasks


def put_through_everything(world: World) -> None:
    environment_id = world.org()
    project = world.project("Named")
    note = make_annotation(id="foreign", type="integer")
    threads = [make_thread(turns=[make_turn(messages=[make_message(annotations=[note])])])]
    rows = archive_rows([*mixed_tasks(), make_task("noted", threads=threads, unique_id="u")])
    rows += [{"kind": "task", "value": make_task("loose", project="p2", batch="b2")}]
    world.load(rows, "archive")
    world.load([make_task("named", project=None)], project="Named")
    world.load([make_task("named", project=None)], project="Named", strict=True)
    rows[0]["value"] = rows[0]["value"] | {"name": "Renamed"}
    rows[1]["value"] = rows[1]["value"] | {"name": "Renamed", "status": "paused"}
    rows.append({"kind": "task", "value": make_task("task_plain", batch="batch_123")})
    world.load(rows, "archive", replace=True)
    key = world.key()
    asked = {"project_name": "Renamed", "limit": 2}
    with world.client(key) as client:
        token = client.get("/v2/tasks", params=asked).json()["next_token"]
        for path, params in (
            ("/v2/tasks", {"next_token": token, "expand": "project,batch"}),
            ("/v2/tasks", asked | {"completed_after": "2025-01-01"}),
            ("/v2/batches", {}), ("/v2/batches", asked | {"status": "paused"}),
            ("/v2/batch", {"batch_name": "Renamed"}), ("/v2/batch", {"batch_id": "batch_123"}),
            ("/v2/project", {"project_id": "project_123"}), ("/v2/projects", {}),
            ("/v2/task", {"task_id": "task_full"}),
            ("/v2/annotation", {"annotation_id": "foreign"}), ("/readyz", {}),
        ):  # fmt: skip
            assert client.get(path, params=params).status_code == 200, (path, params)

    put_through_writing(world, key)
    put_through_work(world)
    put_through_staffing(world)
    put_through_judging(world)
    put_through_people(world)
    put_through_datasets(world, key)
    put_through_deliveries(world, key)
    put_through_managing(world, key)
    world.run(put_through_telling(world, project))
    world.run(put_through_jobs(world, project))
    put_through_moving(world)
    put_through_counting(world)
    put_through_quality_control(world)
    put_through_rules(world)
    put_through_lists_and_actions(world)

    async def keys(tx):
        (found, *_) = await organizations.list_keys(tx, environment_id)
        await organizations.revoke_key(
            tx, environment_id=environment_id, key_id=found.key_id, now=1
        )

    world.run(world.db.write(keys))
    world.run(world.db.write(lambda tx: live(tx, environment_id, project)))
    world.run(read_everything(world, environment_id, project.project_key))
    world.run(world.db.write(lambda tx: epochs.begin(tx, old_timeline=0, timeline=0, now=1)))


def put_through_counting(world: World) -> None:
    """Votes read, read anew where they changed, and written of an older store."""
    floor = LabelingProject(world, name="Counted")
    floor.create(3)
    floor.work_on("ann")
    key = floor.project.project_key
    [task] = make_tasks(1)
    vote = {"contributor_id": "p1", "value": 1}
    task["threads"][0]["annotations"] = [make_annotation("overall", 1, votes=[vote])]
    world.load([task | {"task_id": "voted", "project": None, "batch": None}], project="Counted")

    async def count():
        votes = await vote_reading.read_votes(world.db, floor.project)
        for work in (forget, number):
            await world.db.write(work)
            await vote_writing.fill_project(world.db, key)
        await vote_reading.read_changes(world.db, floor.project, votes)
        for _ in range(2):
            maker = SnapshotMaker(world.db, floor.project, ReportOptions())
            row = await maker.make(lambda phase, done: None)
            await world.db.write(lambda tx, maker=maker, row=row: maker.show(tx, row))
            await maker.delete_others()
            await world.db.write(lambda tx: task_changes.mark_task(tx, key, 1))
        async with world.db.read() as tx:
            snapshot = await find_snapshot(tx, key)
            assert b"".join(await read_part(tx, snapshot, Part.report)).startswith(b"{")
            assert await find_numbers(tx, key, ["ann"])
        seqs = votes.task_seqs().tolist()
        assert len(await vote_reading.task_ids(world.db, key, seqs)) == len(seqs) == 1

    async def forget(tx):
        """Make the project one of an older store."""
        for sql in (
            "DELETE FROM vote WHERE project_key = :key",
            "DELETE FROM voted_threads WHERE project_key = :key",
            "UPDATE submission SET change_no = NULL WHERE project_key = :key",
            "UPDATE vote_clock SET unread_below = 1000 WHERE project_key = :key",
        ):
            await tx.run(sql, {"key": key})
        assert await unread_votes.list_projects_to_read(tx, limit=9) == [key]

    async def number(tx):
        for table in vote_changes.TABLES:
            await vote_changes.number_changes(tx, key, table, from_seq=-1, limit=1)
        assert len(await votes_store.list_votes(tx, key, [1, 2, 3, 4])) > 1

    world.run(count())


def put_through_moving(world: World) -> None:
    """An archive of everything, into its own organization and into another one of the store."""
    tenant = world.tenant()
    begin_everything(tenant)
    lines = archive_of(tenant)
    assert tenant.load(lines, "archive")[1] == []
    world.tenant().load(lines, "archive")
    value = next(one for one in values_of(lines, "message") if one.get("attempts"))
    again = {name: value[name] for name in value if name != "endpoint"} | {"id": "again"}
    assert tenant.load([{"kind": "message", "value": again}], "archive")[1] == []


def put_through_writing(world: World, key: str) -> None:
    """Everything that is written over HTTP, and the log of it."""
    inside = {"project_name": "Named", "batch_name": "Written"}
    asked = [
        ("/v2/batch", {"project_name": "Named", "name": "Written", "staging_batch": True}),
        ("/v2/batch/finalize", {"batch_name": "Written"}),
        ("/v2/task/chat", inside | {"callback_url": "https://93.184.216.34/", "unique_id": "w"}),
        ("/v2/batch/metadata", {"batch_name": "Written", "metadata": {}}),
        ("/v2/batch/cancel", {"batch_name": "Written"}),
        ("/v2/task/metadata", {"task_id": "loose", "metadata": {}}),
        ("/v2/task/metadata", {"task_id": "named", "metadata": {}}),
    ]
    with world.client(key) as client:
        for number, (path, body) in enumerate([*asked, asked[-1]]):
            headers = {"Idempotency-Key": f"key-{min(number, len(asked) - 1)}"}
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code == 200, (path, answer.text)
    environment_id = world.org()

    async def late(tx):
        for before, object_id in ((None, None), ("z", "loose")):
            await audit.list_entries(
                tx, environment_id, before=before, object_id=object_id, limit=9
            )
        await idempotency.delete_before(tx, before=FAR, limit=10)

    world.run(world.db.write(late))


def put_through_people(world: World) -> None:
    """The pages of people: invited twice, signed in and out, changed, removed."""
    admin = add_person(world, "admin", email="boss@example.com")
    _, guest = invite(world, "guest@example.com")
    late = add_person(world, "annotator", email="late@example.com")
    with signed_in(world, admin) as browser, browsing(world) as other:
        deliveries = "/deliveries/projects/project_123"
        paths = ("/", "/work", "/my-work", "/people", "/account", "/projects", "/find?q=a")
        for path in (*paths, deliveries):
            assert browser.get(path).status_code == 200, path
        for path, fields in (
            ("/account/name", {"name": "New"}),
            ("/language", {"language": "en", "next": "/account"}),
            (f"/people/{late.user_id}/role", {"role": "reviewer"}),
            (f"/people/{late.user_id}/invite", {}),
            (f"/people/{late.user_id}/remove", {}),
        ):
            assert browser.post(path, fields).status_code in (200, 303), path
        chosen = {"token": guest, "password": admin.password}
        assert other.post("/welcome", chosen).status_code == 303
        other.sign_in(admin)
        changed = {"old_password": admin.password, "new_password": admin.password + " new"}
        browser.get("/account")
        browser.post("/account/password", changed)
        other.sign_in(Somebody(admin.user_id, admin.email, changed["new_password"]))
        seen = re.findall(r"/account/sessions/(\w+)/end", other.get("/account").text)
        assert other.post(f"/account/sessions/{seen[0]}/end").status_code == 303
        other.post("/sign-out")

    async def touch(tx):
        await sessions.touch_session(tx, "nothing", 1)

    world.run(world.db.write(touch))


def put_through_datasets(world: World, key: str) -> None:
    """Datasets, files and schemas, over HTTP and by an archive."""
    inside = {"dataset": "d", "delivery": "v"}
    file = {"id": "f", "content": "QQ=="}
    rows = [
        ("dataset_task", {"task_id": "dt", "response": {}, "attachments": [file]} | inside),
        ("dataset", {"id": "d", "name": "Named"}),
        ("dataset_delivery", {"id": "v", "name": "Named", "dataset": "d"}),
        ("schema", {"id": "a" * 24, "name": "s", "json": "{}"}),
    ]
    for _ in range(2):
        world.load([{"kind": kind, "value": value} for kind, value in rows], "archive")
    with world.client(key) as client:
        made = client.post("/manage/v1/datasets", json={"name": "Made"}).json()["id"]
        task = {"response": {}, "task_id": "t", "attachments": [{"content": "QQ=="}]}
        path = f"/manage/v1/datasets/{made}/deliveries"
        delivered = client.post(path, json={"name": "x", "tasks": [task]})
        assert delivered.status_code == 200, delivered.text
        between = {"delivered_after": "2000-01-01", "delivered_before": "2999-01-01"}
        for path, params in (
            ("/v2/datasets", {}), ("/v2/datasets/deliveries", {"dataset_id": "d"} | between),
            ("/v2/datasets/delivery", {"delivery_id": "v"}),
            ("/v2/datasets/tasks", {"dataset_id": "d", "expand": "delivery"}),
            ("/v2/datasets/task", {"task_id": "dt"}),
            ("/v2/datasets/task/dt/response_url/f", {}),
            ("/v2/schema", {"schema_id": "a" * 24}), ("/manage/v1/schemas", {}),
        ):  # fmt: skip
            assert client.get(path, params=params).status_code == 200, (path, params)
    world.run(attachments.sweep(world.db, world.objects))
    environment_id = world.org()
    world.run(world.db.write(lambda tx: find_attachments(tx, environment_id, ["attachment_x"])))


def put_through_deliveries(world: World, key: str) -> None:
    """Deliveries by ids and filters, one that is taken over, one taken back; all that is read."""
    path = "/manage/v1/projects/project_123/deliveries"
    asked = [
        {"name": "a", "task_ids": ["task_full", "task_plain"]},
        {"name": "b", "completed_after": "2000-01-01", "completed_before": "2999-01-01"},
        {"name": "c", "batch_id": "batch_123", "completed_after": "2000-01-01"},
        {"name": "d", "batch_id": "batch_123"},
    ]
    with world.client(key) as client:
        ids = [client.post(path, json=body).json()["id"] for body in asked]
        project = {"project_id": "project_123"}
        reads = [
            ("/v2/deliveries", project),
            ("/v2/delivery", {"delivery_id": ids[0]}),
            ("/v2/delivery", {"delivery_id": ids[0], "opts": "submissions"}),
        ]
        for inside in (project, {"delivery_id": ids[1]}):
            for status in ({}, {"status": "completed"}):
                for bound in ({}, {"completed_after": "2000-01-01"}):
                    reads.append(("/v2/delivery/tasks", inside | status | bound))
        for report in ("manifest", "changes", "diff"):
            reads.append((f"/manage/v1/deliveries/{ids[0]}/{report}", {"other": ids[1]}))
        for one, params in reads:
            assert client.get(one, params=params).status_code == 200, (one, params)
        changed = {"task_id": "task_full", "metadata": {"since": "delivered"}}
        assert client.post("/v2/task/metadata", json=changed).status_code == 200
    environment_id = world.org()

    async def runs(tx):
        project = await resolve.find_project(tx, environment_id, resolve.ScopeNames("project_123"))
        taken = builder.DeliveryBuilder(lambda work: work(tx), project, "e", lease_ms=0)
        await taken.start()
        found = await frozen_tasks.list_completed(tx, project.project_key, [1])
        taken.commit_chunk(await taken.add(tx, [*found.values()]))
        anew = builder.DeliveryBuilder(lambda work: work(tx), project, "e")
        await anew.start()
        await anew.rollback()

    world.run(world.db.write(runs))
    row = {"id": "imported", "project": "project_123", "task_ids": ["task_full"]}
    assert world.load([{"kind": "delivery", "value": row}] * 2, "archive")[1] == []


def put_through_managing(world: World, key: str) -> None:
    """Everything that the management API does, users invited twice and lines sent twice."""
    root, email = "/manage/v1", {"email": "ada@example.com", "role": "annotator"}
    lines = b'{"unique_id":"line 1"}\n{"task_id":"line 2"}\n'
    with world.client(key) as client:
        made = client.post(f"{root}/projects", json={"id": "managed", "name": "Managed"}).json()
        client.patch(f"{root}/projects/{made['id']}", json={"overlap": 2})
        user = client.post(f"{root}/users", json=email).json()["user_id"]
        assert client.post(f"{root}/users", json=email).status_code == 409
        client.patch(f"{root}/users/{user}", json={"role": "admin"})
        made_key = client.post(f"{root}/keys", json={"role": "read"}).json()["key_id"]
        client.post(f"{root}/keys/{made_key}/revoke")
        for _ in range(2):
            client.post(f"{root}/projects/managed/tasks", content=lines)
        for path in ("users", "users?status=invited", "keys", "audit", "audit?object_id=x"):
            assert client.get(f"{root}/{path}").status_code == 200, path


async def live(tx, environment_id, project):
    """Tasks through every move of their lives."""
    batch = batches_store.BatchRow(
        environment_id,
        "b",
        project.project_key,
        "b",
        batches_store.BatchStatus.in_progress,
        1,
        None,
        b"{}",
        None,
    )
    await batches_store.insert_batch(tx, batch, "b")
    made = [await lifecycle.create_task(tx, project, batch=batch) for _ in range(2)]
    made.append(await lifecycle.create_task(tx, project, batch=batch, task_id="task_of_its_own"))
    await lifecycle.fail_task(tx, environment_id, made[0], [ErrorDetail(message="No.")])
    await lifecycle.cancel_task(tx, environment_id, made[1])
    await lifecycle.complete_task(tx, environment_id, made[2], [make_thread()])
    done = await tasks.find_task(tx, environment_id, made[2].task_id)
    await lifecycle.reopen_task(tx, environment_id, done)


async def read_everything(world, environment_id, project_key):
    """Pages in every shape, an archive, and the checks."""
    shapes = itertools.product(
        (None, "b"), (None, TaskStatus.pending), (None, 0), (None, 9), (False, True)
    )
    for batch_id, status, after, before, with_patches in shapes:
        where = TaskFilter(project_key, batch_id, status, after, before)
        async with world.db.read() as tx:
            for start in (where.start, TaskCursor(where.start.at_ms, 1)):
                await task_pages.list_tasks(
                    tx, where, after=start, bound=FAR, limit=2, with_patches=with_patches
                )
            await task_ranges.plan_ranges(tx, where, bound=FAR, count=2)
            await task_ranges.list_range(tx, where, after=0, until=9, limit=2)
            heads, _ = await task_heads.list_heads(tx, where, after=where.start, bound=9, limit=2)
            await task_heads.list_tasks_at(tx, where, [seq for seq, *_ in heads])
            await submissions_store.list_displays(tx, project_key, [1, 2])
    async for _ in export.archive_lines(world.db, environment_id, world.objects):
        pass
    await checks.violations(world.db)
    await world.db.check()
    async with world.db.read() as tx:
        await epochs.current(tx)
