"""The data of Ann: one thing of every kind in her organization, under the names of `operations`."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.core.datasets import attachments
from plaudit.core.labeling import leases, submissions, task_notes
from plaudit.core.managing import talks
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.snapshots import SnapshotMaker
from plaudit.core.quality_control import gold_tasks
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks import projects as projects_core
from plaudit.model.core import ApiKeyRow, Person, PersonRole, PersonStatus, Role
from plaudit.model.labeling import LeaseRef, control_key
from plaudit.model.managing import ActionKind, ActionState, TalkSide
from plaudit.model.quality_control import (
    CrossingRow,
    PauseRow,
    QualificationRow,
    QualificationSettings,
    QualificationState,
)
from plaudit.model.staffing import StudyLinkRow, TaskQuota, TeamRow
from plaudit.model.webhooks import Event, EventType, WebhookMessageRow
from plaudit.store.accounts import organizations, project_members, study_links, teams, users
from plaudit.store.datasets import attachments as attachments_store
from plaudit.store.labeling import extra_reviews
from plaudit.store.managing import actions, changed_tasks
from plaudit.store.managing.actions import TaskAction
from plaudit.store.quality_control import crossings, pauses, qualifications
from plaudit.store.tasks import projects, work_queue
from plaudit.store.transfer import jobs
from plaudit.store.transfer.jobs import Job, JobKind, JobState, RejectedRow
from plaudit.store.webhooks import endpoints, outbox
from plaudit.store.webhooks.endpoints import EncryptedSecret, WebhookEndpoint
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.task import Thread
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.operations import CANARY, NAMES


def make_ann_rows() -> list[Any]:
    """An archive in which every field of the contract stands at least once."""
    details = {
        "id": NAMES["annotation_id"],
        "type": "integer",
        "title": "Overall",
        "description": "From 1 to 7",
        "labels": ["low", "high"],
        "possible_values": [1, 7],
        "not_applicable": False,
        "cannot_assess": False,
        "metadata": {"criteria": "c1"},
        "justification": f"because {CANARY}",
        "votes": [{"contributor_id": "c_1", "value": 3, "submitted_at": "2025-01-01T00:00:00Z"}],
    }
    rating = make_annotation("r", {"score": 0.5}, id=f"ann2_{CANARY}", type="rubric_rating")
    answer = make_message(
        "base_model",
        annotations=[make_annotation(**details), rating],
        model_parameters={"model": "m", "temperature": 0.5, "max_completion_tokens": 9, "top_k": 1},
        rubric_evaluations=[{"criteria_evaluations": [{"score": 1}], "total_score": 1.5}],
        content={
            "text": CANARY,
            "reference_texts": [{"content": "r", "category": "c", "url": "https://x.test"}],
            "attachments": [{"name": "a.png", "url": "https://x.test/a", "duration": 1.5}],
            "chunks": [{"type": "text", "text": "t", "annotations": []}],
            "reasoning": [{"content": "why"}],
        },
    )
    rubric = {"criteria_definitions": [{"id": "c", "criterion": "good", "annotations": []}]}
    turn = make_turn(messages=[make_message("user", "?"), answer], rubrics=[rubric])
    submissions = [{"submitted_at": "2025-01-01T00:00:00.000Z", "contributor_id": "c_1"}]
    inside: Any = {"project": NAMES["project_id"]}
    inside_batch = inside | {"batch": NAMES["batch_id"]}
    threads = [make_thread(turns=[turn], submissions=submissions)]
    wrong = [{"type": "INVALID_CATEGORY", "message": "no"}]
    reports = [{"type": "t", "message": "m"}]
    unanswered = [make_thread(turns=[make_turn(messages=[make_message("user")])])]
    tasks = [
        make_task(NAMES["task_id"], threads=threads, metadata={"a": [1, None]}, **inside_batch),
        make_task(f"pending_{CANARY}", "pending", **inside_batch),
        make_task(f"skipped_{CANARY}", "pending", content=unanswered, **inside),
        make_task(f"error_{CANARY}", "error", errors=wrong, **inside),
        make_task(f"reported_{CANARY}", threads=None, sensitive_content_reports=reports, **inside),
    ]
    asked: dict[str, Any] = {"level": "turn", "type": "text", "use": "response", "required": True}
    judged = {"key": "good", "level": "thread", "type": "boolean"}
    project = {
        "id": NAMES["project_id"],
        "name": NAMES["project_name"],
        "types": ["SFT"],
        "form": {"fields": [asked | {"key": "response"}, judged]},
    }
    batch = {"id": NAMES["batch_id"], "name": NAMES["batch_name"], "metadata": {"k": [1]}}
    second = {"id": "batch_2", "name": "Second", "status": "cancelled"}
    found = [("project", project), ("batch", batch | inside), ("batch", second | inside)]
    for status in ("staging", "paused"):
        found.append(("batch", {"id": f"batch_{status}", "status": status} | inside))
    found += [("task", task) for task in tasks]
    delivery = {"id": NAMES["delivery_id"], "name": NAMES["delivery_name"]} | inside
    delivered = [NAMES["task_id"], f"reported_{CANARY}"]
    found.append(("delivery", delivery | {"task_ids": delivered, "response_schema_id": "s"}))
    found += make_dataset_rows()
    return [{"kind": kind, "value": value} for kind, value in found]


def add_ann_webhooks(world: Any) -> None:
    """Two endpoints of Ann's, one message that was given up and one that waits."""
    environment_id = world.org()
    url = f"https://93.184.216.34/{CANARY}"

    async def work(tx: Any) -> None:
        for name in ("endpoint_id", "ended_endpoint_id"):
            endpoint = WebhookEndpoint(
                environment_id,
                NAMES[name],
                url,
                b'["task.error"]',
                True,
                "",
                1,
                EncryptedSecret(b"unused"),
            )
            await endpoints.insert_endpoint(tx, endpoint)
        await outbox.insert_events(
            tx,
            [
                Event(
                    0,
                    "evt_1",
                    environment_id,
                    EventType.ping,
                    1,
                    b'{"text":"%b"}' % CANARY.encode(),
                )
            ],
        )
        await outbox.insert_messages(
            tx,
            [
                WebhookMessageRow(0, message_id, environment_id, "evt_1", None, url, queue, 1)
                for message_id, queue in ((NAMES["message_id"], "ended"), ("message_2", "waiting"))
            ],
        )
        await outbox.discard(tx, "ended", outcome="timeout", now=2, limit=9)

    world.run(world.db.write(work))


def make_dataset_rows() -> list[tuple[str, Any]]:
    """A dataset with two tasks, one with a file, and a schema."""
    inside = {"dataset": NAMES["dataset_id"], "delivery": NAMES["delivery_id"]}
    file = {"id": NAMES["attachmentId"], "name": CANARY, "content": "QQ=="}
    response = {"threads": [make_thread()], "note": CANARY}
    return [
        ("schema", {"id": NAMES["schema_id"], "name": CANARY, "json": "{}"}),
        ("dataset", {"id": NAMES["dataset_id"], "name": f"Dataset {CANARY}"}),
        (
            "dataset_delivery",
            {"id": NAMES["delivery_id"], "name": CANARY, "dataset": NAMES["dataset_id"]},
        ),
        (
            "dataset_task",
            {"task_id": NAMES["task_id"], "response": response, "attachments": [file]} | inside,
        ),
        ("dataset_task", {"task_id": f"second_{CANARY}", "response": {}} | inside),
    ]


def fill(world: World) -> None:
    """Fill Ann's organization "default"."""
    _, rejects = world.load(make_ann_rows(), "archive")
    assert rejects == []
    add_ann_people(world)
    add_ann_skip(world)
    add_ann_reviews(world)
    add_ann_file(world)
    add_ann_webhooks(world)
    add_ann_import(world)
    add_ann_quality(world)
    add_ann_gold(world)
    add_ann_pauses(world)
    add_ann_staffing(world)


def add_ann_staffing(world: World) -> None:
    """A team of one, who is a member of Ann's project, and a study link."""
    environment_id = world.org()

    async def work(tx: Any) -> None:
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        account = await organizations.find_organization(tx, environment_id)
        assert project is not None
        assert account is not None
        key, owner, person = project.project_key, account[0], NAMES["user_id"]
        for number in (1, 2):
            team_id = NAMES["team_id"] if number == 1 else f"team_2_{CANARY}"
            team = TeamRow(owner, team_id, f"Team {number} {CANARY}", 1)
            assert await teams.insert_team(tx, team, team.name)
        await teams.add_people(tx, owner, NAMES["team_id"], [person])
        for member_id in (person, NAMES["team_id"]):
            quota = TaskQuota(None, 7)
            await project_members.put_member(tx, key, member_id, role_rank=1, quota=quota, now=1)
        for link_id in (NAMES["link_id"], f"study_2_{CANARY}"):
            link = StudyLinkRow(link_id, owner, key, CANARY, 2, 3, 0, CANARY, None, 1, 2**45, None)
            await study_links.insert_link(tx, link, link_id.encode())

    world.run(world.db.write(work))


def add_ann_pauses(world: World) -> None:
    """Two people who crossed a rule of Ann's project, are paused and say something."""
    environment_id = world.org()

    async def work(tx: Any) -> None:
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        await projects_core.change_project(
            tx,
            environment_id,
            NAMES["project_id"],
            {"qualification": QualificationSettings(test=1)},
        )
        tried = QualificationState.failed
        row = QualificationRow(project.project_key, NAMES["user_id"], "1", tried, 0, 1, 0, 1, 1)
        await qualifications.put_row(tx, row)
        rule = b'{"action":"pause","collector":"gold","threshold":0.7}'
        for number, name in enumerate(("pause_id", "lifted_pause_id"), 1):
            key, person = project.project_key, f"paused_{number}_{CANARY}"
            crossing = f"crossing_{number}_{CANARY}"
            crossed = CrossingRow(key, crossing, person, rule, 4, 10, 1, None, False, None, 0)
            await crossings.insert_crossing(tx, crossed)
            pause = PauseRow(key, NAMES[name], person, rule, 4, 10, None, 1, "server", True)
            assert await pauses.insert_pause(tx, pause)
            await pauses.set_appeal(tx, key, person, CANARY, 2)

    world.run(world.db.write(work))


def add_ann_gold(world: World) -> None:
    """A gold task, whose id no other list of tasks knows."""
    environment_id = world.org()

    async def work(tx: Any) -> None:
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        new = NewGold(
            content=[make_thread(turns=[make_turn(messages=[make_message("user", CANARY)])])],
            expected=[ExpectedAnswer(at="t0", key="good", value=True)],
        )
        await gold_tasks.create_gold(tx, project, [new])
        for table in ("gold_task", "task"):
            await tx.run(
                f"UPDATE {table} SET task_id = :task_id WHERE project_key = :project_key",
                {
                    "task_id": NAMES["task_id"],
                    "project_key": control_key(project.project_key),
                },
            )

    world.run(world.db.write(work))


def add_ann_import(world: World) -> None:
    """An import of Ann's that has ended and refused a row."""
    environment_id = world.org()
    request = {"file": CANARY, "format": "trl", "project_id": NAMES["project_id"]}
    job = Job(
        environment_id=environment_id,
        job_id=NAMES["import_id"],
        kind=JobKind.import_,
        state=JobState.running,
        user_id=NAMES["user_id"],
        created_ms=1,
        lease_ms=2,
        about=msgspec.json.encode(request),
        progress=b"{}",
    )
    reject = RejectedRow(1, f"/{CANARY}", CANARY)

    async def work(tx: Any) -> None:
        place = environment_id, job.job_id
        await jobs.insert_job(tx, job)
        await jobs.insert_rejects(tx, *place, 0, [reject])
        ending: Any = {"now": 2, "progress": b"{}", "reason": "", "file_size": None}
        await jobs.end_job(tx, *place, JobState.done, **ending)

    world.run(world.db.write(work))


def add_ann_quality(world: World) -> None:
    """The last report on Ann's project, and a job that made one."""
    environment_id = world.org()
    request = {"project_id": NAMES["project_id"], "options": {"by": CANARY}}
    job = Job(
        environment_id=environment_id,
        job_id=NAMES["job_id"],
        kind=JobKind.quality,
        state=JobState.running,
        user_id=NAMES["user_id"],
        created_ms=1,
        lease_ms=2,
        about=msgspec.json.encode(request),
        progress=b"{}",
    )

    async def work(tx: Any) -> None:
        await jobs.insert_job(tx, job)
        ending: Any = {"now": 2, "progress": b"{}", "reason": "", "file_size": None}
        await jobs.end_job(tx, environment_id, job.job_id, JobState.done, **ending)
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        await actions.insert_action(
            tx,
            TaskAction(
                project_key=project.project_key,
                action_id=NAMES["action_id"],
                user_id=NAMES["user_id"],
                kind=ActionKind.cancel,
                state=ActionState.done,
                created_ms=await tx.now_ms(),
                lease_ms=1,
                detail=b'{"kind":"cancel"}',
            ),
        )

    async def compute() -> None:
        async with world.db.read() as tx:
            project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        maker = SnapshotMaker(world.db, project, ReportOptions())
        row = await maker.make(lambda phase, done: None)
        await world.db.write(lambda tx: maker.show(tx, row))

    world.run(world.db.write(work))
    world.run(compute())


def add_ann_file(world: World) -> None:
    """A file that Ann uploaded."""
    attachment_id, environment_id = NAMES["attachment_id"], world.org()
    world.objects.put_blocking(attachments.blob_key(environment_id, attachment_id), b"A")
    received = attachments.IncomingFile()
    received.update(b"A")
    row = received.make_row(attachment_id, environment_id, CANARY, None)
    world.run(world.db.write(lambda tx: attachments_store.insert_attachment(tx, row)))


def add_ann_people(world: Any) -> None:
    """Somebody of Ann's, and a key that nobody uses."""
    environment_id = world.org()

    async def work(tx: Any) -> None:
        found = await organizations.find_organization(tx, environment_id)
        assert found is not None
        person = Person(
            organization_id=found[0],
            user_id=NAMES["user_id"],
            email=f"{CANARY}@example.com",
            name=CANARY,
            role=PersonRole.annotator,
            status=PersonStatus.invited,
            created_ms=1,
        )
        await users.insert_person(tx, person, person.email)
        key = ApiKeyRow(
            NAMES["key_id"], environment_id, CANARY, Role.read, "live_unused0", 1, None, None
        )
        await organizations.insert_key(tx, key, CANARY.encode())

    world.run(world.db.write(work))


def add_ann_skip(world: World) -> None:
    """A task that somebody of Ann's has skipped, who is the only one to work there."""
    user_id, environment_id = NAMES["user_id"], world.org()

    async def work(tx: Any) -> None:
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        lease = await leases.lease_next(tx, project, user_id)
        assert lease is not None
        lease_ref = LeaseRef(user_id, lease.assignment_id, lease.lease_version)
        await task_notes.skip(tx, project, lease_ref, reason="no")

    world.run(world.db.write(work))


def add_ann_reviews(world: World) -> None:
    """Two tasks in review that somebody of Ann's has answered, and written about to managers."""
    user_id, environment_id = NAMES["user_id"], world.org()

    async def work(tx: Any) -> None:
        project = await projects.find_project(tx, environment_id, NAMES["project_id"])
        assert project is not None
        message = make_message("user", CANARY)
        content = convert([make_thread(turns=[make_turn(messages=[message])])], list[Thread])
        for number in (1, 2):
            task = await lifecycle.create_task(
                tx, project, content=content, task_id=f"review_{number}_{CANARY}"
            )
            queued = await work_queue.find_work(tx, task.project_key, task.seq)
            assert queued is not None
            await changed_tasks.place_work(tx, msgspec.structs.replace(queued, rank=-1000))
            await extra_reviews.watch_task(tx, task.project_key, task.seq)
            lease = await leases.lease_next(tx, project, user_id)
            assert lease is not None
            assert lease.seq == task.seq
            assignment_id = lease.assignment_id
            if number == 1:
                assignment_id = NAMES["assignment_id"]
                await tx.run(
                    "UPDATE assignment SET assignment_id = :wanted"
                    " WHERE project_key = :key AND assignment_id = :minted",
                    {
                        "wanted": assignment_id,
                        "key": project.project_key,
                        "minted": lease.assignment_id,
                    },
                )
            await talks.write(
                tx, project, assignment_id, TalkSide.person, user_id, text=CANARY, seen=0
            )
            await submissions.submit(
                tx,
                project,
                LeaseRef(user_id, assignment_id, lease.lease_version),
                [{"at": "t0u0", "key": "response", "value": CANARY}],
                client_key="once",
                active_ms=1,
            )

    world.run(world.db.write(work))
