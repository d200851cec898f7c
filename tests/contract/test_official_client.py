"""Scale's own client against a running server: everything parses, every walk ends.

The client cannot parse any attachment object, so attachments are asked for by
plain HTTP. It is strict elsewhere: one unexpected type loses a page.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import httpx2
import pytest
from scaleapi import ScaleClient
from scaleapi.api_client.v2 import ApiClient, Configuration, V2Api, exceptions

from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.builders import make_annotation, make_task, make_tasks, make_thread
from tests.support.harness import SHARED_DATA, Server, World
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import BATCH, PROJECT, VALUES, archive_rows, mixed_tasks

COMPATIBILITY = Path(__file__).parents[2] / "docs" / "compatibility.md"
PROJECT_NAME = "My Test Project"
FILLERS = make_tasks(105, prefix="filler")
OPTS = ("annotation_details", "model_parameters", "submissions")


def subsets(words: tuple[str, ...]) -> list[list[str]]:
    sizes = range(len(words) + 1)
    return [list(some) for some in chain(*(combinations(words, size) for size in sizes))]


def spelled(words: list[str]) -> str:
    return "+".join(words) or "none"


class Service:
    """A running server, a key of its organization, and the key of another one."""

    def __init__(self, settings: Settings) -> None:
        connect.prepare(settings)
        server_secret.make(settings.secret_path)
        self.world = World(settings)
        self.key = self.world.key()
        self.stranger = self.world.key("stranger")
        _, rejects = self.world.load(archive_rows(mixed_tasks() + FILLERS), "archive")
        assert rejects == []
        self.server = Server(settings)

    def client(self, key: str | None = None, suffix: str = "") -> ScaleClient:
        client = ScaleClient(key or self.key)
        client.v2.api_client.configuration.host = self.server.url + suffix
        return client

    def get(self, path: str, **params: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.get(self.server.url + path, params=params, headers=headers)

    def close(self) -> None:
        self.server.stop(9)
        self.world.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(Settings(data=tmp_path_factory.mktemp("service")))
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service: Service) -> ScaleClient:
    return service.client()


ALL_IDS = [task["task_id"] for task in [*mixed_tasks(), *FILLERS]]
IN_BATCH = [task["task_id"] for task in mixed_tasks() if task.get("batch") == "batch_123"]


# Walks


@pytest.mark.parametrize("limit", [1, 7, 100, None])
def test_a_walk_ends_and_gives_each_task_once(client, limit):
    asked = {} if limit is None else {"limit": limit}

    found = [task.task_id for task in client.v2_get_tasks(project_name=PROJECT_NAME, **asked)]

    assert found == ALL_IDS


@every_case("opts, expand", product(subsets(OPTS), subsets(("project", "batch"))))
def test_every_task_parses_with_any_expand_and_opts(client, expand, opts):
    found = client.v2_get_tasks(batch_id="batch_123", expand=expand, opts=opts)

    assert [task.task_id for task in found] == IN_BATCH


def test_every_status_and_shape_parses_with_all_opts(client):
    found = client.v2_get_tasks(project_id="project_123", opts=list(OPTS))

    assert [task.task_id for task in found] == ALL_IDS


@pytest.mark.parametrize("path", ["/v2/tasks", "/v2/task"])
def test_attachments_come_truthfully_by_plain_http(service, path):
    params = {"project_id": "project_123"} if path == "/v2/tasks" else {"task_id": "task_full"}

    answer = service.get(path, opts="attachment_details", limit=1, **params).json()

    task = answer["tasks"][0] if path == "/v2/tasks" else answer
    wanted = mixed_tasks()[0]["threads"][0]["turns"][0]["messages"][1]["content"]["attachments"]
    assert task["threads"][0]["turns"][0]["messages"][1]["content"]["attachments"] == wanted


def test_the_client_reads_the_value_of_each_type_as_it_was_imported(client):
    task = client.v2.get_task("task_full", opts=["annotation_details"])

    listed = [one.actual_instance for one in task.threads[0].annotations]

    values = {one.type: one.to_dict()["value"] for one in listed if one.type != "file"}
    assert values == {kind: value for kind, (value, _) in VALUES.items() if kind != "file"}


def test_the_client_reads_the_details_of_each_type(client):
    task = client.v2.get_task("task_full", opts=["annotation_details"])

    listed = [one.actual_instance for one in task.threads[0].annotations]

    assert [(one.title, one.labels, one.cannot_assess) for one in listed] == [
        ("How well?", ["bad", "good"], True) for _ in VALUES
    ]


def test_a_criterion_given_whole_inside_metadata_parses(service):
    """`metadata.criteria` is an id or an annotation, which the client holds to all its rules."""
    criterion = {"key": "polite", "value": {"weight": 2}}
    rating = make_annotation("rating", 1, metadata={"criteria": criterion})
    task = make_task("task_rated", threads=[make_thread(annotations=[rating])])
    service.world.load([task], org="stranger")

    task = service.client(service.stranger).v2.get_task("task_rated", opts=["annotation_details"])

    criteria = task.threads[0].annotations[0].actual_instance.metadata.criteria.actual_instance
    assert criteria.actual_instance.key == "polite"


STATUSES = Counter(task["status"] for task in [*mixed_tasks(), *FILLERS])


@pytest.mark.parametrize("status", ["pending", "completed", "canceled", "error", "deleted"])
def test_the_client_filters_by_every_status_it_knows(client, status):
    found = list(client.v2_get_tasks(project_name=PROJECT_NAME, status=status))

    assert Counter(task.status.value for task in found) == Counter({status: STATUSES[status]})


# Conversation trees


def test_published_trees_come_out_with_every_thread_message_and_ranking(start_server, world, oasst):
    world.load(oasst, "oasst", project="Trees")
    client = ScaleClient(world.key())
    client.v2.api_client.configuration.host = start_server().url

    tasks = list(client.v2_get_tasks(project_name="Trees", limit=7))

    expected = json.loads((SHARED_DATA / "expected.json").read_text())["oasst-en100"]
    counted = _counted(tasks)
    assert counted == {name: expected[name] for name in counted}
    assert len({task.task_id for task in tasks}) == len(tasks)


def _counted(tasks: list[Any]) -> dict[str, int]:
    threads = [thread for task in tasks for thread in task.threads]
    turns = {turn.id: turn for thread in threads for turn in thread.turns}
    keys = [{one.actual_instance.key for one in turn.annotations} for turn in turns.values()]
    responses = Counter(len(turn.messages) - 1 for turn in turns.values())
    roles = Counter(message.role.value for turn in turns.values() for message in turn.messages)
    return {
        "trees": len(tasks),
        "leaf_turns": len(threads),
        "ranked_turns": sum("selected_model_id" in found for found in keys),
        "multi_unranked_or_partial": sum(
            len(turn.messages) > 2 and "selected_model_id" not in found
            for turn, found in zip(turns.values(), keys, strict=True)
        ),
        "user_messages": roles["user"],
        "assistant_messages": roles["assistant"],
        "user_without_reply": responses.pop(0),
        "turns_with_reply": responses.total(),
    } | {f"turns_{count}_responses": times for count, times in responses.items()}


# The other operations


def test_one_task_parses_with_expanded_project_and_batch(client):
    task = client.v2.get_task("task_in_batch", expand=["project", "batch"])

    found = (task.project.actual_instance.name, task.batch.actual_instance.name)

    assert found == ("My Test Project", "First batch")


@pytest.mark.parametrize("words", [{"project_id": "project_123"}, {"project_name": PROJECT_NAME}])
def test_a_project_parses(client, words):
    project = client.v2.get_project(**words).to_dict()

    assert {key: project[key] for key in ("id", "types", "models")} == {
        key: PROJECT[key] for key in ("id", "types", "models")
    }


def test_projects_parse(client):
    found = client.v2.get_projects()

    assert [project.id for project in found.projects] == ["project_123"]


@pytest.mark.parametrize("expand", [[], ["project"]], ids=spelled)
@pytest.mark.parametrize("words", [{"batch_id": "batch_123"}, {"batch_name": "First batch"}])
def test_a_batch_parses(client, words, expand):
    batch = client.v2.get_batch(**words, expand=expand)

    assert (batch.id, batch.metadata) == (BATCH["id"], BATCH["metadata"])


@pytest.mark.parametrize("expand", [[], ["project"]], ids=spelled)
def test_batches_parse(client, expand):
    found = client.v2.get_batches(project_id="project_123", limit=1, expand=expand)

    assert [batch.id for batch in found.batches] == ["batch_123"]


def test_an_annotation_of_each_type_parses(client):
    task = client.v2.get_task("task_full")
    listed = [one.actual_instance for one in task.threads[0].annotations]

    found = [client.v2.get_annotation(one.id).actual_instance for one in listed]

    assert [(one.type, one.title) for one in found] == [(kind, "How well?") for kind in VALUES]


# Times


AT = datetime(2025, 1, 2, 0, 0, 10)
WEST = timezone(timedelta(hours=-7))


@pytest.mark.parametrize(
    "moment", [AT, AT.replace(tzinfo=UTC), AT.replace(tzinfo=UTC).astimezone(WEST)], ids=str
)
def test_naive_and_aware_times_bound_completion_alike(client, moment):
    """A time without an offset is UTC; the client sends `+0000`, `-0700`, or nothing."""
    wanted = {"completed_after": moment, "completed_before": moment + timedelta(seconds=3)}

    found = client.v2_get_tasks(project_name=PROJECT_NAME, **wanted)

    assert [task.task_id for task in found] == ["filler_00011", "filler_00012"]


# Errors


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({}, exceptions.BadRequestException),
        ({"project_name": "No such project"}, exceptions.NotFoundException),
        ({"batch_id": "no_such_batch"}, exceptions.NotFoundException),
        ({"project_id": "project_123", "project_name": "x"}, exceptions.BadRequestException),
    ],
)
def test_a_refused_listing_raises_the_exception_of_its_status(client, asked, kind):
    with pytest.raises(kind) as caught:
        list(client.v2_get_tasks(**asked))

    assert json.loads(caught.value.body)["status_code"] == caught.value.status


def test_a_broken_token_raises_a_bad_request(client):
    with pytest.raises(exceptions.BadRequestException):
        client.v2.get_tasks(project_id="project_123", next_token="imatoken123")


def test_a_wrong_key_raises_unauthorized(service):
    with pytest.raises(exceptions.UnauthorizedException):
        service.client("live_" + "x" * 46).v2.get_projects()


def test_what_belongs_to_another_organization_is_not_found(service):
    with pytest.raises(exceptions.NotFoundException):
        service.client(service.stranger).v2.get_task("task_full")


# The connection


def test_the_key_may_be_the_user_name_of_basic_authentication(service):
    basic = Configuration(host=service.server.url, username=service.key, password="")

    found = V2Api(ApiClient(basic)).get_projects()

    assert [project.id for project in found.projects] == ["project_123"]


def test_a_host_with_a_slash_at_its_end_works(service):
    found = service.client(suffix="/").v2.get_projects()

    assert [project.id for project in found.projects] == ["project_123"]


def test_the_client_has_no_operation_that_is_missing():
    missing = re.findall(
        r"^\| `\w+ (/v2/[^`]+)` \| missing", COMPATIBILITY.read_text("utf-8"), re.M
    )
    known = re.findall(r"resource_path=.(/v2/[^'\"]+)", inspect.getsource(V2Api))

    assert len(missing) == 11
    assert len(known) > 20
    assert {path.split("/")[2] for path in missing}.isdisjoint(path.split("/")[2] for path in known)
