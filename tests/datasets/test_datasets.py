"""Datasets: delivered in one piece, never changed, read page by page; and schemas of deliveries."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from plaudit.store.common import audit
from tests.support.builders import make_thread
from tests.support.dataset_requests import (
    assert_refused,
    deliver,
    make_dataset,
)
from tests.support.harness import one_engine, walk
from tests.support.operations import assert_is_error, comparable
from tests.support.running.every_case import every_case


@pytest.fixture
def dataset(client) -> str:
    return make_dataset(client)


@pytest.fixture
def delivered(client, dataset):
    """Deliveries a and b of four tasks each, and one of another dataset."""
    made = [deliver(client, dataset, name, 4).json() for name in ("a", "b")]
    return made, deliver(client, make_dataset(client, "Rivers"), "elsewhere", 2).json()


def test_a_dataset_is_made_with_a_name_of_its_own(client):
    first = make_dataset(client, "Oceans")
    second = make_dataset(client, "Rivers")

    again = client.post("/manage/v1/datasets", json={"name": " Oceans "})

    assert_is_error(409, again.headers, again.json())
    assert client.get("/v2/datasets").json() == {
        "datasets": [{"id": first, "name": "Oceans"}, {"id": second, "name": "Rivers"}]
    }


def test_a_delivery_is_shown_with_its_tasks_as_the_contract_says(client, dataset):
    made = deliver(client, dataset).json()

    page = client.get("/v2/datasets/delivery", params={"delivery_id": made["id"]}).json()

    assert page["delivery"] == {
        "id": made["id"],
        "name": "January",
        "delivered_at": made["delivered_at"],
        "metadata": {"task_count": 3, "turn_count": 3},
        "dataset": dataset,
    }
    assert [task["task_id"] for task in page["tasks"]] == ["January/0", "January/1", "January/2"]
    assert page["tasks"][1] == {
        "task_id": "January/1",
        "dataset": dataset,
        "delivery": made["id"],
        "response": {"threads": [make_thread()], "n": 1},
    }
    assert "next_token" not in page


def test_expand_shows_objects_whose_own_references_stay_ids(client, dataset):
    made = deliver(client, dataset, tasks=1).json()
    whole = {"id": dataset, "name": "Oceans"}
    delivery = {name: value for name, value in made.items() if name != "tasks"}

    def ask(path: str, expand: str, **params: str) -> Any:
        return client.get(path, params=params | {"expand": expand}).json()

    both = "dataset,delivery"
    page = ask("/v2/datasets/delivery", both, delivery_id=made["id"])
    listed = ask("/v2/datasets/tasks", both, dataset_id=dataset)["tasks"]
    alone = ask("/v2/datasets/task", both, task_id="January/0")
    deliveries = ask("/v2/datasets/deliveries", "dataset")["deliveries"]

    assert page["delivery"] == delivery
    assert page["tasks"] == listed == [alone]
    assert (alone["dataset"], alone["delivery"]) == (whole, delivery)
    assert deliveries == [delivery | {"dataset": whole}]


@one_engine
@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("/v2/datasets/deliveries", "delivery"),
        ("/v2/datasets/delivery?delivery_id=x", "project"),
        ("/v2/datasets/tasks?dataset_id=x", "batch"),
        ("/v2/datasets/task?task_id=x", "project"),
    ],
)
def test_expand_takes_what_the_contract_lists_and_nothing_else(client, path, expand):
    answer = client.get(path, params={"expand": expand})

    assert_is_error(400, answer.headers, answer.json())
    assert answer.json()["param"] == "expand"


def test_deliveries_are_listed_for_one_dataset_or_for_all_between_strict_bounds(client, dataset):
    other = make_dataset(client, "Rivers")
    made = [
        deliver(client, where, name, 1).json()
        for where, name in ((dataset, "a"), (other, "elsewhere"), (dataset, "b"))
    ]

    def names(**params: str) -> list[str]:
        answer = client.get("/v2/datasets/deliveries", params=params)
        return [one["name"] for one in answer.json()["deliveries"]]

    assert sorted(names()) == ["a", "b", "elsewhere"]
    assert names(dataset_id=dataset) == ["a", "b"]
    assert names(dataset_id=dataset, delivered_after=made[0]["delivered_at"]) == ["b"]
    assert names(dataset_id=dataset, delivered_before=made[2]["delivered_at"]) == ["a"]
    assert names(delivered_after="2999-01-01") == []


@every_case("limit, scope", product([1, 2, 4, 5, 100], ["dataset", "delivery", "both", "since"]))
def test_a_walk_ends_and_gives_each_task_once_in_the_order_of_delivery(
    client, dataset, delivered, scope, limit
):
    made, _ = delivered
    params, expected = {
        "dataset": ({"dataset_id": dataset}, "ab"),
        "delivery": ({"delivery_id": made[1]["id"]}, "b"),
        "both": ({"dataset_id": dataset, "delivery_id": made[0]["id"]}, "a"),
        "since": ({"dataset_id": dataset, "delivered_after": made[0]["delivered_at"]}, "b"),
    }[scope]

    found = walk(client, "/v2/datasets/tasks", **params, limit=limit)

    wanted = [f"{name}/{number}" for name in expected for number in range(4)]
    assert [task["task_id"] for task in found] == wanted


def test_a_token_alone_continues_its_walk_and_contradictions_are_refused(client, dataset):
    made = deliver(client, dataset, "a", 4).json()
    other = deliver(client, dataset, "b", 1).json()
    first = client.get("/v2/datasets/tasks", params={"delivery_id": made["id"], "limit": 3}).json()
    token = {"next_token": first["next_token"]}

    alone = client.get("/v2/datasets/tasks", params=token).json()
    wrong = [
        client.get("/v2/datasets/tasks", params=token | extra)
        for extra in (
            {"delivery_id": other["id"]},
            {"delivered_after": "2020-01-01"},
            {"delivered_before": "2999-01-01"},
        )
    ]
    elsewhere = client.get("/v2/tasks", params={"project_id": "x", **token})

    assert [task["task_id"] for task in alone["tasks"]] == ["a/3"]
    assert [answer.json()["code"] for answer in wrong] == ["invalid_page_token"] * 3
    assert elsewhere.status_code in (400, 404)


def test_a_walk_that_has_begun_does_not_see_what_is_delivered_meanwhile(client, dataset):
    deliver(client, dataset, "a", 3)
    first = client.get("/v2/datasets/tasks", params={"dataset_id": dataset, "limit": 2}).json()
    deliver(client, dataset, "b", 3)

    rest = walk(client, "/v2/datasets/tasks", next_token=first["next_token"], limit=1)

    assert [task["task_id"] for task in rest] == ["a/2"]


def test_each_delivery_of_a_dataset_has_a_later_time_than_those_before(client, dataset):
    made = [deliver(client, dataset, f"d{number}", 1).json() for number in range(5)]

    times = [one["delivered_at"] for one in made]

    assert times == sorted(set(times))


@one_engine
@every_case(
    "path, status",
    [
        ("/v2/datasets/tasks", 400),
        ("/v2/datasets/tasks?dataset_id=nobody", 404),
        ("/v2/datasets/tasks?delivery_id=nobody", 404),
        ("/v2/datasets/tasks?dataset_id={dataset}&delivery_id={foreign}", 404),
        ("/v2/datasets/delivery", 400),
        ("/v2/datasets/delivery?delivery_id=nobody", 404),
        ("/v2/datasets/deliveries?dataset_id=nobody", 404),
        ("/v2/datasets/task", 400),
        ("/v2/datasets/task?task_id=nobody", 404),
        ("/v2/datasets/tasks?dataset_id={dataset}&limit=0", 400),
        ("/v2/datasets/tasks?dataset_id={dataset}&limit=101", 400),
        ("/v2/datasets/tasks?dataset_id={dataset}&next_token=x", 400),
    ],
)
def test_what_is_not_there_or_not_well_asked_for_is_refused(
    client, dataset, delivered, path, status
):
    _, foreign = delivered

    answer = client.get(path.format(dataset=dataset, foreign=foreign["id"]))

    assert_is_error(status, answer.headers, answer.json())


READS = (
    "/v2/datasets/deliveries?dataset_id={0}",
    "/v2/datasets/delivery?delivery_id={1}",
    "/v2/datasets/tasks?dataset_id={0}",
    "/v2/datasets/tasks?delivery_id={1}",
    "/v2/datasets/task?task_id={2}",
    "/v2/datasets/task/{2}/response_url/{3}",
    "/v2/schema?schema_id={4}",
    "/manage/v1/attachments/{5}",
)


def test_what_belongs_to_others_looks_exactly_like_what_is_absent(world, client, dataset):
    file = {"id": "f", "name": "f", "content": "QQ=="}
    made = deliver(client, dataset, tasks=[{"response": {}, "attachments": [file]}]).json()
    schema = client.post("/manage/v1/schemas", json={"name": "s", "json": {}}).json()["schema"]
    upload = client.post("/manage/v1/attachments", content=b"x").json()
    ours = [dataset, made["id"], made["tasks"][0]["task_id"], "f", schema["id"], upload["id"]]
    absent = [one[:-1] + "0" if one[-1] != "0" else one[:-1] + "1" for one in ours]
    pinned = {"X-Request-Id": "pinned"}

    for stranger in (world.key("stranger"), world.key(mode="test")):
        with world.client(stranger) as theirs:
            for path in READS:
                own = client.get(path.format(*ours), follow_redirects=False)
                foreign = theirs.get(path.format(*ours), headers=pinned)
                missing = theirs.get(path.format(*absent), headers=pinned)
                assert own.status_code in (200, 302), path
                assert foreign.status_code == 404, path
                if "response_url" not in path:  # it says whether task or file is unknown
                    assert comparable(foreign) == comparable(missing)
            assert theirs.get("/v2/datasets").json() == {"datasets": []}
            assert theirs.get("/v2/datasets/deliveries").json() == {"deliveries": []}
            assert theirs.get("/manage/v1/schemas").json() == {"schemas": []}
            task = {"response": {}, "attachments": [{"upload": upload["id"]}]}
            assert deliver(theirs, dataset, "x", [task]).status_code == 404
            stolen = deliver(theirs, make_dataset(theirs), "x", [task])
            assert_refused(stolen, 400, "/tasks/0/attachments/0/upload")


def test_a_key_that_only_reads_delivers_nothing(world, client, dataset):
    with world.client(world.key(role="read")) as reader:
        answers = [
            reader.post("/manage/v1/datasets", json={"name": "x"}),
            deliver(reader, dataset),
            reader.post("/manage/v1/schemas", json={"name": "x", "json": {}}),
            reader.post("/manage/v1/attachments", content=b"x"),
        ]

    assert [answer.status_code for answer in answers] == [403] * 4


SCHEMA = '{ "type": "object",\n  "required": ["threads"] }'


def test_a_schema_is_shown_with_its_text_as_it_was_given(client):
    made = client.post("/manage/v1/schemas", json={"name": "Oceans", "json": SCHEMA}).json()

    shown = client.get("/v2/schema", params={"schema_id": made["schema"]["id"]}).json()

    assert shown == made
    assert set(shown["schema"]) == {
        *("id", "name", "createdBy", "createdAt", "updatedBy", "updatedAt", "json"),
    }
    assert shown["schema"]["json"] == SCHEMA
    listed = client.get("/manage/v1/schemas").json()["schemas"]
    assert listed == [{name: shown["schema"][name] for name in shown["schema"] if name != "json"}]


@one_engine
@every_case(
    "schema_id, status",
    [
        ("", 400),
        ("x", 400),
        ("65a0f1c2d3e4f5a6b7c8d9e", 400),
        ("65a0f1c2d3e4f5a6b7c8d9e0a", 400),
        ("g5a0f1c2d3e4f5a6b7c8d9e0", 400),
        ("６5a0f1c2d3e4f5a6b7c8d9e0", 400),
        ("65a0f1c2d3e4f5a6b7c8d9e0", 404),
    ],
)
def test_a_schema_id_that_is_none_is_a_400_and_an_unknown_one_a_404(client, schema_id, status):
    answer = client.get("/v2/schema", params={"schema_id": schema_id})

    assert_is_error(status, answer.headers, answer.json())
    assert answer.json().get("param") == (None if status == 404 else "schema_id")


@one_engine
@every_case("json", ["", "x", "[]", "3", '{"a":1,"a":2}', [], None, '{"a":"\\u0000"}'])
def test_what_is_no_json_schema_is_refused(client, json):
    answer = client.post("/manage/v1/schemas", json={"name": "x", "json": json})

    assert_refused(answer, 400, "/json")


def test_every_change_is_in_the_audit_log_with_who_made_it(world, client, dataset):
    made = deliver(client, dataset, tasks=1).json()
    schema = client.post("/manage/v1/schemas", json={"name": "s", "json": {}}).json()["schema"]
    upload = client.post("/manage/v1/attachments", content=b"x").json()

    environment_id = world.org()

    async def entries() -> list[Any]:
        async with world.db.read() as tx:
            found, _ = await audit.list_entries(
                tx, environment_id, before=None, object_id=None, limit=10
            )
            return found

    assert {(one.action, one.object_id, one.actor.kind) for one in world.run(entries())} >= {
        ("create_dataset", dataset, "key"),
        ("create_dataset_delivery", made["id"], "key"),
        ("create_schema", schema["id"], "key"),
        ("upload_attachment", upload["id"], "key"),
    }
