"""A page is a constant number of statements, however many objects it lists."""

from __future__ import annotations

from itertools import count

import pytest

from plaudit import app
from plaudit.core.labeling import dashboard, review_decisions, review_queue, task_notes
from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.store.tasks import tasks
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.workspace.http.page import ANYONE
from plaudit.workspace.transfer import delivery_pages, import_pages, job_pages
from tests.support.databases.statement_counter import counting
from tests.support.harness import above_the_store
from tests.support.labeling_project import LabelingProject
from tests.support.operations import KEYED
from tests.support.pages.browser_client import add_person, invite, signed_in

PUBLIC = "https://93.184.216.34"
STATEMENTS_MAX = 25
SHOWN = 3
MORE = 6
"""Objects of each kind that are added before a page is asked for again."""

ONE_THING = {
    "get_task", "get_annotation", "get_batch", "get_project", "get_legacy_task", "get_dataset_task",
    "get_dataset_task_attachment", "get_schema", "get_attachment", "get_managed_project",
    "get_task_content", "get_webhook", "get_callback_secret", "get_delivery_record",
    "show_task", "ask_import", "show_one_import", "get_rejects", "ask_archive", "download_archive",
    "ask_delivery", "show_review_task", "show_managed_task", "show_file",
}  # fmt: skip
"""Operations and pages about one thing, which list nothing."""

QUERIES = {
    "list_tasks": "project_id={project_id}&expand=project,batch",
    "list_batches": "expand=project",
    "list_deliveries": "project_id={project_id}&expand=project",
    "get_delivery": "delivery_id={delivery_id}&expand=project,batch",
    "list_delivery_tasks": "project_id={project_id}",
    "list_dataset_deliveries": "expand=dataset",
    "get_dataset_delivery": "delivery_id={dataset_delivery_id}&expand=dataset",
    "list_dataset_tasks": "dataset_id={dataset_id}&expand=dataset,delivery",
    "diff_deliveries": "other={delivery_id}",
    "show_delivery_diff": "other={delivery_id}",
    "show_review_list": ("", "show=reported", "show=completed"),
}
"""What a listing has to be told, and what makes it read the most."""


JOB = dict.fromkeys(("name", "batch", "project", "completed_after", "completed_before"))
JOB |= {"file": "x", "format": "v2", "compression": "none", "replace": False, "undelivered": False}
"""What any job was asked for."""


class Furnished:
    """A store into which objects of every kind are put; lists belong to the first ones."""

    def __init__(self, world) -> None:
        self.world, self.environment_id = world, world.org()
        self.admin = add_person(world, "admin")
        self.key = world.key()
        self.main = LabelingProject(world, review="all", lease_seconds=3600)
        self.names = {"project_id": self.main.project.project_id}
        self._numbers = count()

    def add(self) -> None:
        """Add one object of each kind, and a project, a batch and a person of its own to each."""
        number = next(self._numbers)
        user_id, _ = invite(self.world, f"somebody_{number}@example.com")
        self.world.key()
        self._ask(number, "/manage/v1/webhooks", "endpoint_id", url=f"{PUBLIC}/{number}")
        self._add_work(self.main, number, user_id)
        other = LabelingProject(self.world, f"Project {number}", review="all")
        self._add_work(other, number, user_id)
        path = f"/manage/v1/projects/{self.names['project_id']}/deliveries"
        self._ask(number, path, "delivery_id")
        self._ask(number, "/manage/v1/schemas", "schema_id", json={})
        self._ask(number, "/manage/v1/datasets", "dataset_id")
        path = f"/manage/v1/datasets/{self.names['dataset_id']}/deliveries"
        self._ask(number, path, "dataset_delivery_id", tasks=[{"response": {}}])
        self.world.run(self._add_jobs(user_id))

    def _add_work(self, project: LabelingProject, number: int, user_id: str) -> None:
        """Tasks in a batch of their own: in review, completed, sent back, quarantined, pending."""
        admin_id = self.admin.user_id
        project.create(5, batch=project.batch(f"{project.project.name} {number}"))
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
        lease = project.take(user_id)
        project.do(task_notes.flag, lease, reason="odd")
        project.do(task_notes.skip, lease, reason="hard")

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

        async def give(tx):
            """Let what was sent back wait for the admin, whose pages are looked at."""
            await tx.run(
                "UPDATE assignment SET user_id = :admin_id WHERE project_key = :project_key"
                " AND status = 'returned'",
                {"admin_id": self.admin.user_id, "project_key": self.main.project.project_key},
            )

        self.main.write(give)
        counts = {}
        with self.world.client(self.key) as client:
            for name, path in OPERATIONS:
                counts[name] = self._count_one(client.get, path)
        with signed_in(self.world, self.admin) as browser:
            browser.get("/work")  # notes when the session was last seen
            for name, path in PAGES:
                counts[name] = self._count_one(browser.get, path)
        return counts

    def _count_one(self, get, path: str) -> int:
        with counting() as counter:
            answer = get(path.format(**self.names))
        assert answer.status_code == 200, (path, answer.text)
        return len(counter)


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


@pytest.fixture(scope="module")
def furnished(open_shared):
    return Furnished(open_shared())


@pytest.fixture(scope="module")
def counts(furnished):
    """Statements of each listing with one object of each kind, and with many."""
    furnished.add()
    few = furnished.count()
    for _ in range(MORE):
        furnished.add()
    return few, furnished.count()


@above_the_store
@pytest.mark.parametrize("name", [name for name, _ in (*OPERATIONS, *PAGES)])
def test_a_listing_runs_the_same_statements_for_one_object_and_for_many(counts, name):
    few, many = counts

    assert many[name] == few[name] <= STATEMENTS_MAX


@above_the_store
@pytest.mark.parametrize(
    "path",
    ["/projects", "/projects?page=2", "/deliveries", "/deliveries/projects/{project_id}",
     "/deliveries/{delivery_id}", "/import", "/work", "/review"],
)  # fmt: skip
def test_a_page_reads_no_more_rows_than_it_shows(furnished, counts, monkeypatch, path):
    for module in (dashboard, review_queue, import_pages):
        monkeypatch.setattr(module, "PROJECTS_MAX", SHOWN)
    for name in ("SHOWN_MAX", "OTHERS_MAX", "BATCHES_MAX", "ROWS_MAX"):
        monkeypatch.setattr(delivery_pages, name, SHOWN)
    monkeypatch.setattr(job_pages, "LISTED_MAX", SHOWN)

    with signed_in(furnished.world, furnished.admin) as browser, counting() as counter:
        answer = browser.get(path.format(**furnished.names))

    assert answer.status_code == 200
    assert counter.rows_max <= SHOWN + 1


@above_the_store
def test_removing_a_person_runs_the_same_statements_for_one_project_and_for_many(open_shared):
    world = open_shared()
    numbers = []
    for first, until in ((0, 1), (1, 30)):
        for number in range(first, until):
            world.project(f"Project {number}")
        with world.client() as client:
            body = {"email": f"{first}@example.com", "role": "annotator"}
            user_id = client.post("/manage/v1/users", json=body).json()["user_id"]
            with counting() as counter:
                answer = client.patch(f"/manage/v1/users/{user_id}", json={"status": "removed"})
            assert answer.status_code == 200, answer.text
        numbers.append(len(counter))

    assert numbers[0] == numbers[1] <= STATEMENTS_MAX
