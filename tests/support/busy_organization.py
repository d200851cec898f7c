"""An organization with work under way: everything that an archive carries, in many states."""

from __future__ import annotations

from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.staffing import requirements
from plaudit.core.tasks import batches, work_queue
from plaudit.core.webhooks import endpoints
from plaudit.model.core import Review
from plaudit.model.webhooks import Attempt, AttemptStatus, MessageState
from plaudit.store.labeling import flags
from plaudit.store.webhooks import outbox
from tests.support.attachments import upload
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject

PEOPLE = ("ann", "bob", "cat", "dan", "rev")


def add_people(world: World, *user_ids: str) -> None:
    """People of these ids, who are active."""
    rows = [
        {
            "kind": "user",
            "value": {
                "id": user_id, "email": f"{user_id}@example.com", "name": user_id.title(),
                "role": "reviewer" if user_id == "rev" else "annotator", "status": "active",
                "created_at": f"2025-01-01T00:00:00.{number:03d}Z",
            },
        }
        for number, user_id in enumerate(user_ids)
    ]  # fmt: skip
    assert world.load(rows, "archive")[1] == []


def begin_work(world: World) -> LabelingProject:
    """A project of overlap two with tasks in every state of their work."""
    add_people(world, *PEOPLE)
    floor = LabelingProject(world, overlap=2, review=Review.all)
    urgent, paused = floor.batch("Urgent"), floor.batch("Paused")
    floor.write(lambda tx: work_queue.prioritize(tx, urgent, 7))
    floor.create(3, batch=urgent)
    floor.create(6, callback_url="https://example.com/hook")
    floor.create(1, batch=paused)
    floor.write(lambda tx: batches.apply_action(tx, paused, "pause"))
    floor.submit(floor.take("ann"))  # one of two submissions
    held = floor.take("bob")  # open, with a draft
    floor.draft(held, 1, floor.answers(held)[:1], active_ms=5)
    for verdict in ("accept", "wait", "undo", "send_back"):
        first, second = floor.take("ann"), floor.take("bob")
        assert first.seq == second.seq
        task_id = task_of(floor, first.seq)
        floor.submit(first, key=f"{verdict} by ann")
        floor.submit(second, key=f"{verdict} by bob")
        if verdict == "accept":
            floor.accept(task_id)
            deliver_and_correct(floor, task_id)
        elif verdict == "send_back":
            floor.decide(review_decisions.send_back, task_id, "rev", "ann", comment="Again, é.")
        elif verdict == "undo":
            floor.reopen(floor.lease(second))
    floor.do(task_notes.skip, floor.take("cat"), reason="no", note="\u2028é")
    flagged = floor.take("cat")
    floor.do(task_notes.flag, flagged, reason="seen")
    seen_ms = floor.write(
        lambda tx: flags.find_flagged_ms(tx, floor.project.project_key, flagged.seq)
    )
    floor.write(
        lambda tx: task_notes.see_flags(tx, floor.project, flagged.seq, "rev", until_ms=seen_ms)
    )
    floor.do(task_notes.flag, flagged, reason="odd")
    floor.do(task_notes.report_sensitive, floor.take("dan"), kind="self_harm")
    return floor


def deliver_and_correct(floor: LabelingProject, task_id: str) -> None:
    """Deliver a task under a schema, and correct it afterwards."""
    schema = {"id": "5" * 24, "name": "S", "json": "{}", "createdBy": "ann"}
    delivery = {
        "id": "delivery_1", "name": "First", "project": floor.project.project_id,
        "task_ids": [task_id], "response_schema_id": "5" * 24,
    }  # fmt: skip
    rows = [{"kind": "schema", "value": schema}, {"kind": "delivery", "value": delivery}]
    rejects = floor.world.load(rows, "archive")[1]
    assert rejects == [], rejects
    fix = {"at": "t0u0", "key": "justification", "value": "Because."}
    floor.decide(review_decisions.correct, task_id, "rev", fixes=[fix])


def task_of(floor: LabelingProject, seq: int) -> str:
    """The id of a project's task."""

    async def read() -> str:
        async with floor.world.db.read() as tx:
            row = await tx.one(
                "SELECT task_id FROM task WHERE project_key = :key AND seq = :seq",
                {"key": floor.project.project_key, "seq": seq},
            )
        assert row is not None
        return str(row[0])

    return floor.world.run(read())


def begin_everything(world: World) -> LabelingProject:
    """Work under way, with webhooks that are pending and delivered, files, and an audit log."""

    environment_id = world.org()

    async def listen(tx):
        return await endpoints.create_endpoint(
            tx, world.secret, environment_id, url="https://example.com/all", events=["*"]
        )

    endpoint, _ = world.run(world.db.write(listen))
    floor = begin_work(world)
    staff(floor)
    world.run(world.db.write(lambda tx: endpoints.ping(tx, endpoint)))
    world.run(world.db.write(lambda tx: deliver_first(tx, endpoint.endpoint_id)))
    with world.client() as client:
        file = upload(client, name="é.bin")
        upload(client, b"\x89PNG\r\n\x1a\n" + bytes(4_000_000), "big.png", "image/png")
        dataset = client.post("/manage/v1/datasets", json={"name": "Set"}).json()
        answer = client.post(
            f"/manage/v1/datasets/{dataset['id']}/deliveries",
            json={
                "name": "First",
                "tasks": [
                    {"task_id": "d", "response": {}, "attachments": [{"upload": file["id"]}]}
                ],
            },
        )
        assert answer.status_code == 200, answer.text
    return floor


def staff(floor: LabelingProject) -> None:
    """Teams with people who can something, members of the project, and tasks that ask for them."""
    with floor.world.client() as client:

        def send(method: str, path: str, body: dict[str, object]) -> dict[str, str]:
            answer = client.request(method, f"/manage/v1{path}", json=body)
            assert answer.status_code == 200, answer.text
            found: dict[str, str] = answer.json()
            return found

        project = f"/projects/{floor.project.project_id}"
        team = send("POST", "/teams", {"name": "Équipe"})["team_id"]
        send("POST", "/teams", {"name": "Nobody yet"})
        send("POST", f"/teams/{team}/people", {"user_ids": ["ann", "cat"]})
        send("PUT", "/users/ann/skills", {"languages": ["fr", "pt-br"], "tags": ["law"]})
        send("PUT", f"{project}/members/{team}", {"role": "annotator"})
        for user_id, role, per_day in (("bob", "annotator", 50), ("dan", "annotator", None)):
            body = {"role": role, "tasks_per_day": per_day, "tasks_in_all": 900}
            send("PUT", f"{project}/members/{user_id}", body)
        send("PUT", f"{project}/members/rev", {"role": "reviewer"})
        access = {"members_only": True, "tasks_per_day": 70, "tasks_in_all": None}
        send("PUT", f"{project}/access", access)
        batch = floor.batch("Handed")
        asking = {requirements.METADATA_KEY: {"languages": ["fr"]}}
        _, narrowed, freed, cancelled = floor.create(4, batch=batch, metadata=asking)
        send("PUT", f"/batches/{batch.batch_id}/team", {"team_id": team})
        asked = {"languages": [], "tags": ["law"], "people": ["ann"]}
        send("PUT", f"/tasks/{narrowed}/requirement", asked)
        send("PUT", f"/tasks/{freed}/requirement", {"languages": [], "tags": [], "people": []})
        send("POST", f"/tasks/{cancelled}/cancel", {})


async def deliver_first(tx, queue: str) -> None:
    """Record one attempt that failed and one that succeeded, for two messages of a receiver."""
    first, second, *_ = await outbox.list_due(tx, queue, now=2**50, limit=2)
    for message, state, outcome in (
        (first, MessageState.delivered, AttemptStatus.ok),
        (second, MessageState.pending, AttemptStatus.timeout),
    ):
        assert await outbox.lease(tx, message, now=2**50, until=2**50)
        leased = outbox.LeasedMessage(
            *(getattr(message, name) for name in message.__struct_fields__[:-2]),
            message.lease_no + 1, 2**50,
        )  # fmt: skip
        attempt = Attempt(1, 1_700_000_000_000, outcome.value, 200, 12)
        result = outbox.RecordedResult(state, 1_700_000_060_000, 1, 1_700_000_000_000)
        assert await outbox.record_result(tx, leased, attempt, result)
