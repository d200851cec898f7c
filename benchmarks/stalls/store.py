"""A store in which everything is as large as it may be, for the requests of `stalls`."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
from structlog.testing import capture_logs

from benchmarks.plan import Plan
from plaudit.api.transfer.upload_job import HEAD_BYTES_MAX, UploadedFile, encode_rows
from plaudit.core.accounts import sessions
from plaudit.core.common import server_secret
from plaudit.core.datasets.attachments import make_seal
from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.formats.common.rows import Row
from plaudit.settings import Settings
from plaudit.store.engine import connect
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from tests.support import ann_data
from tests.support.annotators import AnnotationTeam, Worker
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.listings import JOB
from tests.support.operations import CANARY, NAMES
from tests.support.pages.browser_client import add_person

TEXT_CHARACTERS = 196_000
"""Of each text of a large conversation."""
DRAFT_FIELDS = 104
DRAFT_CHARACTERS = 10_000
"""Of each answer; together little less than a draft may have."""
LARGEST_TASK = "task_largest"
PAGE_BATCH = "batch_of_pages"
LISTED_PROJECT = "Listed"
UPLOADED_ROWS = 50
UPLOADED_COLUMNS = 1000
SOURCES = ("user", "base_model", "test_model", "third_model")
CHANGED = ("complete_task", "cancel_task", "fail_task")
"""Operations that each end a pending task of their own."""


class StallStore:
    """What the requests of `stalls` ask for, and who asks: an admin, viewers, two keys."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.secret, self.plan = world.secret, plan
        self._world, self._team = world, AnnotationTeam(world, "Empty")
        world.keep_application()
        self.key, self.other_key = world.key(), world.key("Other")
        self._fill_every_kind()
        admin = add_person(world, "admin")
        self.admin = self._session(admin.organization_id, admin.user_id)
        self.seal = make_seal(
            self.secret,
            project_id=NAMES["project_id"],
            user_id=admin.user_id,
            attachment_id=NAMES["attachment_id"],
        )
        """That of the file in the path that a page shows the admin."""
        self._add_jobs(admin.user_id)
        self._import_listed()
        with world.connect() as client:
            self.assignment = self._claim(client, f"/work/{NAMES['project_id']}", self.admin)
            self.chats = {turns: self._add_chat(client, turns) for turns in plan.stall_turns}
            self.hostile = self._add_hostile(client)
            self.draft = self._add_draft(client)

    def _fill_every_kind(self) -> None:
        """Put one object of each kind into the store, with large conversations."""
        inside: Any = {"project": NAMES["project_id"]}
        rows = ann_data.make_ann_rows()
        batch = {"id": PAGE_BATCH, "name": "Of pages"} | inside
        rows.insert(1, {"kind": "batch", "value": batch})
        for name in CHANGED:
            task = make_task(f"{name}_{CANARY}", "pending", content=[make_thread()], **inside)
            rows.append({"kind": "task", "value": task})
        for row in rows:
            value = row["value"]
            for holder in (value, value.get("response", {})):
                for name in ("threads", "content"):
                    if holder.get(name):
                        holder[name][0]["turns"] += large_turns(self.plan.stall_task_bytes)
        largest = make_task(LARGEST_TASK, project=NAMES["project_id"])
        largest["threads"] = [make_thread(turns=large_turns(self.plan.stall_largest_bytes))]
        rows.append({"kind": "task", "value": largest})
        _, rejects = self._world.load(rows, "archive")
        assert rejects == []
        for add in (
            ann_data.add_ann_people,
            ann_data.add_ann_skip,
            ann_data.add_ann_file,
            ann_data.add_ann_webhooks,
            ann_data.add_ann_import,
        ):
            add(self._world)

    def _import_listed(self) -> None:
        """Import the tasks of one listing, each written out as it is read."""

        def rows() -> Iterator[bytes]:
            thread = make_thread(turns=large_turns(self.plan.stall_task_bytes))
            threads = json.dumps([thread]).encode()
            for number in range(self.plan.stall_tasks):
                task = make_task(f"listed_{number}", threads=None)
                yield json.dumps(task).encode()[:-5] + threads + b"}"

        _, rejects = self._world.load(rows(), project=LISTED_PROJECT)
        assert rejects == []
        (self._world.settings.data / "rows.jsonl").unlink()

    def _session(self, organization_id: str, user_id: str) -> str:
        """What the cookie of a new session holds."""

        async def work(tx: Any) -> str:
            return await sessions.start_session(
                tx,
                self.secret,
                organization_id=organization_id,
                user_id=user_id,
                agent="benchmark",
            )

        return self._world.run(self._world.db.write(work))

    def _add_jobs(self, user_id: str) -> None:
        environment_id = self._world.org()
        request = JOB | {"project_id": NAMES["project_id"]}
        self.job_ids: dict[JobKind, str] = {}

        async def add() -> None:
            for kind in JobKind:
                job = await self._world.db.write(
                    lambda tx, kind=kind: jobs.start_job(
                        tx, environment_id, user_id, kind, request, "x"
                    )
                )
                progress, size = JobProgress(), None
                if kind is JobKind.upload:
                    progress.detail, size = self._keep_upload(job)
                await jobs.end_job(
                    self._world.db, job, JobState.done, progress, [], 0, file_size=size
                )
                self.job_ids[kind] = job.job_id

        self._world.run(add())

    def _keep_upload(self, job: Job) -> tuple[dict[str, Any], int]:
        """Keep a file of many columns, whose first rows are as large as they may be."""
        cell = "x" * (HEAD_BYTES_MAX // (UPLOADED_ROWS * UPLOADED_COLUMNS) - 20)
        values = [
            {f"column_{number}": f"{cell} {row}" for number in range(UPLOADED_COLUMNS)}
            for row in range(UPLOADED_ROWS)
        ]
        file = b"".join(json.dumps(value).encode() + b"\n" for value in values)
        rows = [
            Row(file="rows.jsonl", number=number, value=value, size=len(file) // UPLOADED_ROWS)
            for number, value in enumerate(values, 1)
        ]
        head = encode_rows(rows)
        uploaded = UploadedFile(name="rows.jsonl", file_bytes=len(file), head_bytes=len(head))
        self._world.objects.put_blocking(jobs.file_key(job), file + head)
        return msgspec.to_builtins(uploaded), len(file) + len(head)

    def _claim(self, client: AppClient, path: str, session: str) -> str:
        """Take the next task for somebody; the path of its page."""
        answer = Worker(self._team, client, session).form(path)
        assert answer.status_code == 303, answer.text
        path_of_task: str = answer.headers["location"]
        return path_of_task

    def _add_chat(self, client: AppClient, turns: int) -> str:
        """A task of so many short turns, taken by the admin; the path of its page."""
        texts = [f"What is said {number}." for number in range(2 * turns)]
        team = AnnotationTeam(self._world, f"Chat of {turns}")
        team.add(conversation(texts))
        return self._claim(client, team.path, self.admin)

    def _add_hostile(self, client: AppClient) -> list[tuple[str, str]]:
        """A task whose texts take long to render; page and session of each who took it."""
        plan = self.plan
        texts = ["![" * (plan.stall_hostile_characters // 2)] * plan.stall_hostile_texts
        team = AnnotationTeam(self._world, "Hostile", overlap=plan.stall_viewers)
        team.add(conversation([f"{number}{text}" for number, text in enumerate(texts)]))
        people = [team.person(f"Viewer{number}") for number in range(plan.stall_viewers)]
        return [(self._claim(client, team.path, session), session) for session in people]

    def _add_draft(self, client: AppClient) -> str:
        """A task with many questions; the path of its page."""
        fields = [
            {"key": f"why_{number}", "level": "turn", "type": "text"}
            for number in range(DRAFT_FIELDS)
        ]
        team = AnnotationTeam(self._world, "Draft", form={"fields": fields})
        team.add(conversation(["A question?", "One.", "Two."]))
        return self._claim(client, team.path, self.admin)


def large_turns(size: int) -> list[Any]:
    """Turns with prose of about so many bytes."""
    count = max(1, round(size / TEXT_CHARACTERS))
    length = size // count
    words = "Some *words* that are long. "
    texts = [f"{number} {words * (length // len(words))}" for number in range(count)]
    return [
        make_turn(
            f"large_{number}", [make_message("user", "Go on."), make_message("base_model", text)]
        )
        for number, text in enumerate(texts)
    ]


def conversation(texts: list[str]) -> list[Any]:
    """Turns of a prompt and a response; the last one has what remains, and is asked about."""
    at = max(0, (len(texts) - 3) // 2)
    groups = [texts[2 * number : 2 * number + 2] for number in range(at)] + [texts[2 * at :]]
    turns = [
        make_turn(
            f"turn_{number}",
            [make_message(name, text) for name, text in zip(SOURCES, group, strict=False)],
        )
        for number, group in enumerate(groups)
    ]
    return [make_thread(turns=turns)]


@contextmanager
def made(settings: Settings, plan: Plan) -> Iterator[StallStore]:
    """A new store, filled and closed, to be served by another process."""
    settings.data.mkdir(parents=True)
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    with capture_logs(), closing(World(settings)) as world:
        found = StallStore(world, plan)
    yield found
