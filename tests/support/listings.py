"""Operations and pages that list something, and a store in which each has something to list."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from itertools import count
from typing import Any

from plaudit import app
from plaudit.core.labeling import review_decisions, task_notes
from plaudit.core.managing import actions, saved_views, talks
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.quality_control import gold_tasks, pauses
from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.model.core import Actor
from plaudit.model.labeling import DisagreementReason
from plaudit.model.managing import ActionKind, TalkSide
from plaudit.store.labeling.disagreement_reasons import put_reasons
from plaudit.store.tasks import tasks
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.wire.manage.gold import NewGold
from plaudit.wire.v2.parse import convert
from plaudit.workspace.http.page import ANYONE
from tests.support.databases.statement_counter import StatementCounter, counting
from tests.support.gold.gold_project import EXPECTED, gold_content
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.operations import KEYED
from tests.support.pages.browser_client import add_person, invite, signed_in

PUBLIC = "https://93.184.216.34"
ONE_THING = {
    "ask_export", "get_export_file", "get_export_manifest", "get_export_side_file",
    "export_project", "export_delivery", "partition_project", "partition_delivery",
    "get_task", "get_annotation", "get_batch", "get_project", "get_legacy_task", "get_dataset_task",
    "get_dataset_task_attachment", "get_schema", "get_attachment", "get_managed_project",
    "get_gold", "show_one_gold", "show_task_as_gold", "show_feedback",
    "get_task_content", "get_webhook", "get_callback_secret", "get_delivery_record",
    "show_task", "ask_import", "show_one_import", "get_rejects", "ask_archive", "download_archive",
    "ask_delivery", "show_review_task", "show_managed_task", "show_file", "show_turns",
    "show_review_turns", "show_managed_turns", "get_import", "list_import_rejects",
    "get_quality", "get_quality_annotators", "get_quality_bias", "get_quality_leaderboard",
    "get_quality_job", "ask_quality", "show_quality_person", "show_quality_pseudonym",
    "show_upload", "ask_upload", "get_import_sample", "show_new_task", "get_skills", "get_access",
    "get_requirement", "show_skills",
    "show_own_messages", "show_talk", "show_clone",
    "get_task_action", "show_task_action", "ask_task_action", "show_sample", "ask_sample",
    "get_review", "get_talk",
}  # fmt: skip
"""Operations and pages about one thing, which list nothing."""

EARLY, LATE = "2000-01-01", "2100-01-01"
QUERIES = {
    "list_tasks": (
        "project_id={project_id}&expand=project,batch",
        "project_id={project_id}&status=canceled",
        f"project_id={{project_id}}&completed_after={LATE}",
        f"batch_id={{batch_id}}&completed_before={LATE}",
    ),
    "list_batches": (
        "expand=project", "status=paused", "project_id={project_id}&status=staging",
        f"created_after={LATE}", f"project_id={{project_id}}&created_after={LATE}&status=completed",
        f"completed_before={EARLY}", f"completed_after={EARLY}&status=paused",
        f"project_id={{project_id}}&completed_after={LATE}",
        f"project_id={{project_id}}&completed_after={EARLY}&status=paused",
    ),
    "list_projects": ("", f"created_after={LATE}"),
    "list_deliveries": "project_id={project_id}&expand=project",
    "get_delivery": "delivery_id={delivery_id}&expand=project,batch",
    "list_delivery_tasks": "project_id={project_id}",
    "list_dataset_deliveries": "expand=dataset",
    "get_dataset_delivery": "delivery_id={dataset_delivery_id}&expand=dataset",
    "list_dataset_tasks": "dataset_id={dataset_id}&expand=dataset,delivery",
    "diff_deliveries": "other={delivery_id}",
    "show_delivery_diff": "other={delivery_id}",
    "list_users": ("", "status=removed"),
    "list_audit": ("", "object_id={project_id}"),
    "list_webhook_messages": ("", "state=failed", "endpoint_id={endpoint_id}"),
    "show_messages": ("", "state=failed", "endpoint_id={endpoint_id}"),
    "show_review_list": (
        "", "show=reported", "show=completed", "question=overall", "person={admin_id}",
    ),
    "show_people": ("", "status=removed"),
    "find_by_name": "q=a",
    "show_history": ("", "about={project_id}", "who={admin_id}&kind=people", f"until={EARLY}"),
    "show_project_history": ("", "about={project_id}", "who={admin_id}"),
    "show_talks": ("", "show=all"),
    "list_talks": ("", "only=unread"),
    "show_batches": ("", "status=paused"),
    "show_tasks": (
        "", "status=error", f"created_after={EARLY}", f"created_after={LATE}",
        f"created_before={LATE}&status=error", f"created_after={LATE}&batch={{batch_id}}",
        f"completed_after={LATE}", f"completed_after={EARLY}&created_after={LATE}",
        "q=words", "order=newest&status=pending", "order=completed", "order=disagreement",
        "order=flags", "only=flagged&order=newest", "only=in_review", "person={admin_id}",
    ),
    "list_managed_tasks": (
        "", "q=words&order=completed", "order=newest&batch={batch_id}", "order=disagreement",
        f"created_after={LATE}",
    ),
}  # fmt: skip
"""What a listing has to be told, and what makes it read the most."""


JOB = dict.fromkeys(("name", "batch", "project", "completed_after", "completed_before"))
JOB |= {"file": "x", "format": "v2", "compression": "none", "replace": False, "undelivered": False}
"""What any job was asked for."""


def _listings(declared, key: str) -> list[tuple[str, str]]:
    """Id and path, with its query, of each declared listing."""
    found = []
    for one in declared:
        name = getattr(one, key)
        if one.method == "GET" and name not in ONE_THING:
            queries = QUERIES.get(name, "")
            for query in queries if isinstance(queries, tuple) else (queries,):
                found.append((f"{name}?{query}", f"{one.path}?{query}"))
    return found


OPERATIONS = _listings(KEYED, "operation_id")
PAGES = _listings([page for page in app.all_pages() if page.role != ANYONE], "page_id")


class Furnished:
    """A store into which objects of every kind are put; lists belong to the first ones."""

    def __init__(self, world: World) -> None:
        self.world, self.environment_id = world, world.org()
        self.admin = add_person(world, "admin")
        self.key = world.key()
        self.main = LabelingProject(world, review="all", lease_seconds=3600)
        self.names = {"project_id": self.main.project.project_id, "admin_id": self.admin.user_id}
        self._numbers = count()

    def add(self) -> None:
        """Add one object of each kind, and a project, a batch and a person of its own to each."""
        number = next(self._numbers)
        user_id, _ = invite(self.world, f"somebody_{number}@example.com")
        self.world.key()
        self._ask(number, "/manage/v1/webhooks", "endpoint_id", url=f"{PUBLIC}/{number}")
        self._add_work(self.main, number, user_id)
        self._add_control(user_id)
        self._add_staff(number, user_id)
        other = LabelingProject(self.world, f"Project {number}", review="all")
        self._add_work(other, number, user_id)
        path = f"/manage/v1/projects/{self.names['project_id']}/deliveries"
        self._ask(number, path, "delivery_id")
        self._ask(number, "/manage/v1/schemas", "schema_id", json={})
        self._ask(number, "/manage/v1/datasets", "dataset_id")
        path = f"/manage/v1/datasets/{self.names['dataset_id']}/deliveries"
        self._ask(number, path, "dataset_delivery_id", tasks=[{"response": {}}])
        self.world.run(self._add_jobs(user_id))
        self.main.write(lambda tx: self._add_lists(tx, f"List {number}", user_id))

    async def _add_lists(self, tx, name: str, user_id: str) -> None:
        """A saved list, and an action on many tasks, which changed none."""
        project = self.main.project
        await saved_views.save_view(tx, project, user_id, name=name, query="q=words")
        request = ActionRequest(kind=ActionKind.cancel)
        await actions.finish(tx, await actions.begin(tx, project, user_id, request))

    def _add_work(self, project: LabelingProject, number: int, user_id: str) -> None:
        """Tasks in a batch of their own: in review, completed, sent back, quarantined, pending."""
        admin_id = self.admin.user_id
        batch = project.batch(f"{project.project.name} {number}")
        self.names.setdefault("batch_id", batch.batch_id)
        project.create(5, batch=batch)
        project.work_on(admin_id)
        lease = project.take(admin_id)
        project.submit(lease)
        project.accept(self._task_of(lease), user_id=user_id)
        lease = project.take(user_id)
        project.submit(lease)
        arguments = self._task_of(lease), admin_id, user_id
        project.decide(review_decisions.send_back, *arguments, comment="Again.")
        reporter_id = f"reporter_{number}"
        project.do(task_notes.report_sensitive, project.take(reporter_id), kind="violence")
        reason = (0, "overall", DisagreementReason.error.value)
        project.write(lambda tx: put_reasons(tx, project.project.project_key, lease.seq, [reason]))
        lease = project.take(user_id)
        self._talk(project, lease)
        project.do(task_notes.flag, lease, reason="odd")
        project.do(task_notes.skip, lease, reason="hard")

    def _talk(self, project: LabelingProject, lease) -> None:
        """Messages of both sides about a task, the last of which nobody has read."""
        for side, author in (
            (TalkSide.staff, self.admin.user_id),
            (TalkSide.person, lease.user_id),
        ):
            project.write(
                lambda tx, side=side, author=author: talks.write(
                    tx, project.project, lease.assignment_id, side, author, text="Hm?", seen=0
                )
            )

    def _add_control(self, user_id: str) -> None:
        """A gold task, and a pause of somebody, in the first project."""
        gold = convert({"content": gold_content(), "expected": [EXPECTED]}, NewGold)
        self.main.write(lambda tx: gold_tasks.create_gold(tx, self.main.project, [gold]))
        actor = Actor("user", self.admin.user_id)
        self.main.write(
            lambda tx: pauses.pause_by_hand(
                tx, self.main.project, user_id, reason="Rest.", actor=actor
            )
        )

    def _add_staff(self, number: int, user_id: str) -> None:
        """A team and a study of the first project, and a person in the first team and project."""
        with self.world.client(self.key) as client:
            team = client.post("/manage/v1/teams", json={"name": f"Team {number}"}).json()
            self.names.setdefault("team_id", team["team_id"])
            people = {"user_ids": [user_id]}
            client.post(f"/manage/v1/teams/{self.names['team_id']}/people", json=people)
            project = f"/manage/v1/projects/{self.names['project_id']}"
            study = {"name": "Study", "tasks": 1, "completion_code": "C"}
            client.post(f"{project}/study_links", json=study)
            for member_id in (user_id, team["team_id"]):
                assert client.put(f"{project}/members/{member_id}", json={}).status_code == 200

    def _task_of(self, lease) -> str:
        async def work(tx):
            return (await tasks.get_task(tx, lease.project_key, lease.seq)).task_id

        return self.main.write(work)

    def _ask(self, number: int, path: str, name: str, **body) -> None:
        given = body if "url" in body else {"name": f"Name {number}"} | body
        with self.world.client(self.key) as client:
            answer = client.post(path, json=given)
        assert answer.status_code == 200, answer.text
        self.names.setdefault(name, answer.json().get("id"))

    async def _add_jobs(self, user_id: str) -> None:
        for kind in JobKind:
            job = await self.world.db.write(
                lambda tx, kind=kind: jobs.start_job(
                    tx, self.environment_id, user_id, kind, JOB | self.names, "x"
                )
            )
            await jobs.end_job(self.world.db, job, JobState.done, JobProgress(), [], 0)

    def count(self) -> dict[str, int]:
        """Number of statements of each listing."""
        return {name: len(counter) for name, counter in self.run_each()}

    def run_each(self, leave: Container[str] = ()) -> Iterator[tuple[str, StatementCounter]]:
        """Ask for each listing but those to `leave`, and return what it ran."""

        async def give(tx):
            """Let what was sent back wait for the admin, whose pages are looked at."""
            await tx.run(
                "UPDATE assignment SET user_id = :admin_id WHERE project_key = :project_key"
                " AND status = 'returned'",
                {"admin_id": self.admin.user_id, "project_key": self.main.project.project_key},
            )

        self.main.write(give)
        with self.world.client(self.key) as client:
            for name, path in OPERATIONS:
                if name not in leave:
                    yield name, self._run_one(client.get, path)
        with signed_in(self.world, self.admin) as browser:
            browser.get("/work")  # notes when the session was last seen
            for name, path in PAGES:
                if name not in leave:
                    yield name, self._run_one(browser.get, path)

    def _run_one(self, get: Callable[[str], Any], path: str) -> StatementCounter:
        with counting() as counter:
            answer = get(path.format(**self.names))
        assert answer.status_code == 200, (path, answer.text)
        return counter
