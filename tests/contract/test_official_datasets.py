"""Scale's own client reads datasets, deliveries, files and schemas from a running server."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from scaleapi import ScaleClient
from scaleapi.api_client.v2 import exceptions
from scaleapi.api_client.v2.models import Dataset, DatasetDelivery

from plaudit.core.common import server_secret
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.harness import Server, World
from tests.support.running.every_case import every_case
from tests.transfer.test_archive_datasets import (
    DELIVERED,
    SCHEMA_ID,
    make_dataset,
    make_delivery,
    make_file,
    make_schema,
    make_task,
)

COUNT = 205
FILE = bytes(range(256)) * 2000


def client_of(server: Server, key: str) -> Any:
    client = ScaleClient(key)
    client.v2.api_client.configuration.host = server.url
    return client.v2


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A running server with datasets, and the client with a key of theirs and a stranger's."""
    settings = Settings(data=tmp_path_factory.mktemp("service"))
    connect.prepare(settings)
    server_secret.make(settings.secret_path)
    world = World(settings)
    file = make_file("files/1 ü", FILE, name="f.bin")
    rows = [make_schema(), make_dataset(), make_dataset("d2"), make_delivery(), make_delivery("w")]
    rows += [make_task(f"t/{number}", attachments=[file]) for number in range(3)]
    rows += [make_task(f"t/{number}", delivery="w") for number in range(3, COUNT)]
    key, stranger = world.key(), world.key("stranger")
    _, rejects = world.load(rows, "archive")
    assert rejects == []
    server = Server(settings)
    yield client_of(server, key), client_of(server, stranger)
    server.stop(9)
    world.close()


@pytest.fixture
def client(service) -> Any:
    return service[0]


def instance(reference: Any) -> Any:
    """What stands in one of the client's fields that hold an id or an object."""
    return reference.actual_instance


def test_datasets_and_their_deliveries_parse(client):
    datasets = client.get_datasets().datasets
    deliveries = client.get_dataset_deliveries(dataset_id="d").deliveries
    expanded = client.get_dataset_deliveries(expand=["dataset"]).deliveries

    assert [(one.id, one.name) for one in datasets] == [("d", "Set d"), ("d2", "Set d2")]
    assert [(one.id, instance(one.dataset)) for one in deliveries] == [("v", "d"), ("w", "d")]
    assert isinstance(instance(expanded[0].dataset), Dataset)
    assert [one.metadata.task_count for one in expanded] == [3, COUNT - 3]
    assert expanded[0].metadata.turn_count == 3


def test_deliveries_between_bounds_parse(client):
    assert client.get_dataset_deliveries(delivered_after=DELIVERED).deliveries == []
    assert len(client.get_dataset_deliveries(delivered_before="2024-02-02").deliveries) == 2


@pytest.mark.parametrize("limit", [1, 100, None])
def test_a_delivery_comes_with_its_tasks_page_by_page(client, limit):
    found, asked = [], {} if limit is None else {"limit": limit}
    while True:
        page = client.get_dataset_delivery(delivery_id="v", **asked)
        assert isinstance(instance(page.delivery), DatasetDelivery)
        assert instance(page.delivery).name == "Delivery v"
        found += page.tasks
        if page.next_token is None:
            break
        asked["next_token"] = page.next_token

    assert [one.task_id for one in found] == ["t/0", "t/1", "t/2"]
    assert {instance(one.delivery) for one in found} == {"v"}


@every_case(
    "scope, expand",
    product(
        [{"dataset_id": "d"}, {"delivery_id": "w"}],
        [None, ["dataset"], ["delivery"], ["dataset", "delivery"]],
    ),
)
def test_a_walk_over_tasks_ends_and_gives_each_once(client, scope, expand):
    found, token = [], None
    while True:
        page = client.get_dataset_tasks(**scope, limit=60, next_token=token, expand=expand)
        found += page.tasks
        token = page.next_token
        if token is None:
            break

    first = 0 if "dataset_id" in scope else 3
    assert [one.task_id for one in found] == [f"t/{number}" for number in range(first, COUNT)]
    kinds = {(type(instance(one.dataset)), type(instance(one.delivery))) for one in found}
    assert kinds == {
        (
            Dataset if "dataset" in (expand or ()) else str,
            DatasetDelivery if "delivery" in (expand or ()) else str,
        )
    }


def test_one_task_parses_with_its_response(client):
    task = client.get_dataset_task(task_id="t/1", expand=["delivery"])

    assert task.response["threads"][0]["id"] == "thread_0"
    assert instance(task.delivery).id == "v"


def test_the_client_follows_to_the_bytes_of_a_file_with_slashes_in_its_ids(client):
    """It keeps its key on the way, because host and port are the same."""
    found = client.get_dataset_task_response_url_with_http_info("t/2", "files/1 ü")

    assert found.raw_data == FILE
    assert client.get_dataset_task_response_url("t/2", "files/1 ü") is None


def test_a_schema_parses_and_its_json_is_text(client):
    schema = client.get_schema(schema_id=SCHEMA_ID).var_schema

    assert (schema.id, schema.var_json) == (SCHEMA_ID, '{ "type": "object" }')


MISSING = [
    ("get_dataset_deliveries", {"dataset_id": "nobody"}),
    ("get_dataset_delivery", {"delivery_id": "nobody"}),
    ("get_dataset_tasks", {"dataset_id": "nobody"}),
    ("get_dataset_task", {"task_id": "nobody"}),
    ("get_dataset_task_response_url", {"task_id": "t/1", "attachment_id": "nobody"}),
    ("get_schema", {"schema_id": SCHEMA_ID[:-1] + "1"}),
]
OURS = [
    ("get_dataset_deliveries", {"dataset_id": "d"}),
    ("get_dataset_delivery", {"delivery_id": "v"}),
    ("get_dataset_tasks", {"dataset_id": "d"}),
    ("get_dataset_task", {"task_id": "t/1"}),
    ("get_dataset_task_response_url", {"task_id": "t/1", "attachment_id": "files/1 ü"}),
    ("get_schema", {"schema_id": SCHEMA_ID}),
]


@pytest.mark.parametrize(("operation", "asked"), MISSING)
def test_what_is_missing_raises_the_client_s_own_exception(client, operation, asked):
    with pytest.raises(exceptions.NotFoundException, match=r"there is no|has no"):
        getattr(client, operation)(**asked)


@pytest.mark.parametrize(("operation", "asked"), OURS)
def test_a_stranger_s_client_finds_nothing_of_ours(service, operation, asked):
    with pytest.raises(exceptions.NotFoundException):
        getattr(service[1], operation)(**asked)


@pytest.mark.parametrize(
    ("operation", "asked"),
    [("get_dataset_tasks", {}), ("get_schema", {"schema_id": "schema_123"})],
)
def test_what_the_client_does_not_check_raises_a_bad_request(client, operation, asked):
    with pytest.raises(exceptions.BadRequestException):
        getattr(client, operation)(**asked)


def test_a_404_of_a_schema_is_parsed_by_the_client(client):
    with pytest.raises(exceptions.NotFoundException) as caught:
        client.get_schema(schema_id=SCHEMA_ID[:-1] + "1")

    assert caught.value.data.status_code == 404
    assert caught.value.data.error == "there is no such schema"
