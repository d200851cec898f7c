"""Several serving processes on one PostgreSQL answer as one: none lags behind or mixes keys up."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from plaudit import clock
from plaudit.core.accounts import api_keys
from plaudit.core.tasks import lifecycle
from plaudit.store.tasks import tasks
from tests.support.builders import make_thread
from tests.support.harness import (
    Server,
    World,
    clean_environment,
    free_port,
    on_shared_postgres,
    store_arguments,
    walk,
)

THREADS = [make_thread()]
SECONDS_MAX = 60.0


class Workers:
    """`plaudit serve --workers 2` on a port of its own."""

    def __init__(self, settings) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = ["serve", *store_arguments(settings), "--port", str(port), "--workers", "2"]
        with (settings.data / "workers.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plaudit", *command],
                env=clean_environment(),
                stdout=log,
                stderr=log,
            )
        started = time.monotonic()
        while not self._answers():
            assert time.monotonic() - started < SECONDS_MAX
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def stop(self) -> int:
        """Ask it to end, with its workers, and return the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(35)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


pytestmark = on_shared_postgres


@pytest.fixture(scope="module")
def workers(shared_world):
    """Two workers on the shared store; asked to end, they end well."""
    workers = Workers(shared_world.settings)
    yield workers
    assert workers.stop() == 0


@pytest.fixture(scope="module", params=["two servers", "two workers"])
def urls(request, shared_world):
    """Where requests go in turn. Two workers share an address, and each connection is one's."""
    settings = shared_world.settings
    if request.param == "two servers":
        servers = [Server(settings), Server(settings)]
        yield [server.url for server in servers]
        for server in servers:
            server.stop(9)
    else:
        yield [request.getfixturevalue("workers").url] * 2


def get(url: str, key: str, path: str = "/v2/projects", **params: str):
    """One request on a connection of its own."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    return httpx2.get(f"{url}{path}", headers=headers, params=params, timeout=30)


def write(world: World, work):
    return world.run(world.db.write(work))


def test_a_key_that_was_revoked_is_refused_by_every_process_at_once(tenant, urls):
    world, environment_id = tenant, tenant.org()
    for _ in range(5):
        key = world.key(role="read")
        for _ in range(4):
            for url in urls:
                assert get(url, key).status_code == 200

        key_id = world.run(api_keys.list_keys(world.db, environment_id))[-1].key_id
        world.run(api_keys.revoke_key(world.db, environment_id=environment_id, key=key_id))

        assert [get(url, key).status_code for url in urls * 4] == [401] * 8


def test_a_completion_is_seen_through_every_process_at_once(tenant, urls):
    world, project = tenant, tenant.project()
    key = world.key()
    after = "1970-01-01"
    for _ in range(10):
        task = write(world, lambda tx: lifecycle.create_task(tx, project))
        assert [
            get(url, key, "/v2/task", task_id=task.task_id).json()["status"] for url in urls
        ] == ["pending"] * 2

        async def work(tx, task=task):
            found = await tasks.find_task(tx, project.environment_id, task.task_id)
            return await lifecycle.complete_task(tx, project.environment_id, found, THREADS)

        completed_at = clock.format_ms(write(world, work))

        for url in urls:
            answer = get(
                url, key, "/v2/tasks", project_id=project.project_id, completed_after=after
            )
            [listed] = answer.json()["tasks"]
            assert (listed["task_id"], listed["completed_at"]) == (task.task_id, completed_at)
        after = completed_at


def test_a_walk_goes_on_in_another_process(tenant, urls):
    project = tenant.project()
    key = tenant.key()

    async def work(tx):
        return [(await lifecycle.create_task(tx, project)).task_id for _ in range(30)]

    task_ids = write(tenant, work)
    found, params = [], {"project_id": project.project_id, "limit": "1"}
    for number in range(30):
        page = get(urls[number % 2], key, "/v2/tasks", **params).json()
        found += [task["task_id"] for task in page["tasks"]]
        params = {"next_token": page.get("next_token"), "limit": "1"}

    assert found == task_ids
    assert params["next_token"] is None


def test_no_process_answers_with_data_of_another_organization(shared_world, urls):
    """Both have a project of the same name; their requests are mixed on shared connections."""
    cast = {}
    for org in ("default", "stranger"):
        world = shared_world.tenant()
        project = world.project("My Test Project")

        async def work(tx, project=project, org=org):
            made = [
                await lifecycle.create_task(tx, project, metadata={"of": org}) for _ in range(25)
            ]
            return {task.task_id for task in made}

        cast[org] = (world.key(), write(world, work))

    def ask(number: int) -> int:
        answers = 0
        with httpx2.Client(base_url=urls[number % 2], timeout=30) as client:
            for turn in range(12):
                org, other = ["default", "stranger"][:: 1 if (turn + number) % 2 else -1]
                key, task_ids = cast[org]
                client.headers["Authorization"] = f"Bearer {key}"
                walked = walk(client, project_name="My Test Project", limit=10)
                assert {task["task_id"] for task in walked} == task_ids
                assert {task["metadata"]["of"] for task in walked} == {org}
                strange = client.get("/v2/task", params={"task_id": min(cast[other][1])})
                assert strange.status_code == 404
                assert other not in strange.text
                answers += len(walked)
        return answers

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(6))) == 6 * 12 * 25


def test_metrics_add_up_over_the_workers(shared_world, workers):
    key = shared_world.key()
    for _ in range(40):
        assert get(workers.url, key, "/v2/datasets").status_code == 200
    until = time.monotonic() + SECONDS_MAX
    # A request is counted once its answer is sent, which is a moment after it is read.
    while counted_by(workers.url) < 40 and time.monotonic() < until:
        time.sleep(0.05)
    counted = {counted_by(workers.url) for _ in range(8)}

    assert counted == {40}


def counted_by(url: str) -> int:
    """Requests that were counted of an operation that no other test asks for."""
    text = httpx2.get(f"{url}/metrics", headers={"Connection": "close"}, timeout=30).text
    match = re.search(
        r'^plaudit_requests_total\{operation="list_datasets",status="200"\} ([0-9.]+)$', text, re.M
    )
    return 0 if match is None else int(float(match[1]))
