"""How deliveries are read: pages, rows, tokens, and what strangers see."""

from __future__ import annotations

import pytest

from plaudit.core.deliveries import listing
from tests.support.builders import make_task, make_tasks
from tests.support.deliveries import (
    ALL_OPTS,
    COMPLETED,
    PATH,
    deliver,
    ids_of,
    move,
    rows_of,
    stored,
)
from tests.support.harness import above_the_store, one_engine, walk
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import archive_rows, mixed_tasks


@pytest.fixture
def full(world):
    """The world with tasks of every status and shape in project_123."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    return world


@pytest.fixture
def many(world):
    """The world with 110 completed tasks in project_123."""
    assert world.load(make_tasks(110), project=None)[1] == []
    return world


@pytest.fixture(scope="module")
def shared_made(open_shared):
    """A store for tests that only read, as `full` with a delivery; its world, a key, the id."""
    world = open_shared()
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    world.load([make_task("elsewhere", project="p2")])
    with world.client(key := world.key()) as client:
        return world, key, deliver(client)["id"]


@pytest.fixture(scope="module")
def shared_walks(open_shared):
    """A store for tests that only read, as `many` with two deliveries; its world, a key, the ids.

    A stranger has five tasks in it.
    """
    world = open_shared()
    assert world.load(make_tasks(110))[1] == []
    world.load(make_tasks(5, "own", project="p"), org="stranger")
    with world.client(key := world.key()) as client:
        return world, key, [deliver(client, name)["id"] for name in ("January", "second")]


# Reading


def test_a_page_of_a_delivery_is_what_the_listing_of_tasks_shows(full, client):
    """With every set of options, and with project and batch expanded."""
    made = deliver(client)
    for opts in (None, "", "annotation_details", "submissions", ALL_OPTS):
        for expand in ("", "project", "batch", "project,batch"):
            params = {"expand": expand} | ({} if opts is None else {"opts": opts})
            asked = params | {"project_id": "project_123", "status": "completed"}
            listed = client.get("/v2/tasks", params=asked).json()["tasks"]
            page = client.get("/v2/delivery", params=params | {"delivery_id": made["id"]}).json()
            assert page == {"delivery": made["id"], "tasks": listed}


def test_expand_shows_the_delivery_with_its_project_as_an_id(full, client):
    made = deliver(client)
    shown = {
        "id": made["id"], "name": "January", "task_count": len(COMPLETED),
        "delivered_at": made["delivered_at"], "project": "project_123",
    }  # fmt: skip

    asked = {"delivery_id": made["id"], "expand": "delivery,project"}
    page = client.get("/v2/delivery", params=asked).json()
    listed = client.get("/v2/deliveries?project_name=My+Test+Project").json()
    expanded = client.get("/v2/deliveries?project_id=project_123&expand=project").json()

    assert page["delivery"] == shown
    assert listed == {"deliveries": [shown]}
    assert expanded["deliveries"][0]["project"]["name"] == "My Test Project"


def test_deliveries_are_listed_oldest_first_between_exclusive_bounds(full, client):
    made = [deliver(client, name) for name in ("a", "b", "c")]
    times = [one["delivered_at"] for one in made]

    def listed(**params):
        answer = client.get("/v2/deliveries", params={"project_id": "project_123", **params})
        return [one["name"] for one in answer.json()["deliveries"]]

    assert times == sorted(set(times))
    assert listed() == ["a", "b", "c"]
    assert listed(delivered_after=times[0]) == ["b", "c"]
    assert listed(delivered_before=times[2]) == ["a", "b"]
    assert listed(delivered_after=times[0], delivered_before=times[2]) == ["b"]


@above_the_store
@every_case(
    "path, params, status",
    [
        ("/v2/deliveries", {}, 400),
        ("/v2/deliveries", {"project_id": "nobody"}, 404),
        ("/v2/deliveries", {"project_id": "project_123", "expand": "batch"}, 400),
        ("/v2/delivery", {}, 400),
        ("/v2/delivery", {"project_id": "project_123"}, 400),
        ("/v2/delivery", {"delivery_name": "January"}, 400),
        ("/v2/delivery", {"delivery_id": "nobody"}, 404),
        ("/v2/delivery", {"delivery_name": "nobody", "project_id": "project_123"}, 404),
        ("/v2/delivery", {"delivery_id": "MADE", "delivery_name": "other"}, 400),
        ("/v2/delivery", {"delivery_id": "MADE", "project_id": "p2"}, 404),
        ("/v2/delivery", {"delivery_id": "MADE", "limit": "0"}, 400),
        ("/v2/delivery", {"delivery_id": "MADE", "opts": "everything"}, 400),
        ("/v2/delivery", {"delivery_id": "MADE", "delivery_name": "January"}, 200),
        ("/v2/delivery", {"project_name": "My Test Project", "delivery_name": "January"}, 200),
        ("/v2/delivery/tasks", {}, 400),
        ("/v2/delivery/tasks", {"project_id": "nobody"}, 404),
        ("/v2/delivery/tasks", {"delivery_id": "nobody"}, 404),
        ("/v2/delivery/tasks", {"delivery_id": "MADE", "project_id": "p2"}, 404),
        ("/v2/delivery/tasks", {"delivery_id": "MADE", "project_id": "project_123"}, 200),
        ("/manage/v1/deliveries/nobody", {}, 404),
        ("/manage/v1/deliveries/nobody/manifest", {}, 404),
        ("/manage/v1/deliveries/nobody/changes", {}, 404),
        ("/manage/v1/deliveries/MADE/diff", {}, 400),
        ("/manage/v1/deliveries/MADE/diff", {"other": "nobody"}, 404),
        ("/manage/v1/deliveries/nobody/diff", {"other": "MADE"}, 404),
        ("/manage/v1/deliveries/MADE/manifest", {"limit": "1001"}, 400),
        ("/manage/v1/deliveries/MADE", {}, 200),
    ],
)
def test_what_a_request_may_name_a_delivery_by(shared_made, path, params, status):
    world, key, made = shared_made
    params = {key: value.replace("MADE", made) for key, value in params.items()}

    with world.client(key) as client:
        answer = client.get(path.replace("MADE", made), params=params)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_walk_over_a_delivery_ends_and_gives_each_task_once(shared_walks, limit):
    world, key, [made, _] = shared_walks
    names = [f"task_{number:05d}" for number in range(110)]

    with world.client(key) as client:
        assert ids_of(client, made, limit=limit) == names
        assert list(rows_of(client, delivery_id=made, limit=limit)) == names
        assert list(rows_of(client, project_id="project_123", limit=limit)) == names


def test_a_last_page_that_is_full_has_no_token(many, client):
    made = deliver(client, task_ids=[f"task_{number:05d}" for number in range(10)])

    for path in ("/v2/delivery", "/v2/delivery/tasks", f"/manage/v1/deliveries/{made['id']}"
                 "/manifest", f"/manage/v1/deliveries/{made['id']}/changes"):  # fmt: skip
        asked = {"limit": 5} | ({"delivery_id": made["id"]} if path.startswith("/v2") else {})
        first = client.get(path, params=asked).json()
        last = client.get(path, params=asked | {"next_token": first["next_token"]}).json()
        assert "next_token" not in last


def test_every_task_of_a_project_has_a_row_and_what_was_not_delivered_has_nulls(full, client):
    made = deliver(client, batch_id="batch_123")

    page = client.get("/v2/delivery/tasks?project_id=project_123").json()

    rows = {row["task_id"]: row for row in page["docs"]}
    assert list(rows) == [task["task_id"] for task in mixed_tasks()]
    assert page["total"] == len(rows)
    nothing = dict.fromkeys(("delivery_id", "delivered_at", "response_schema_id", "response"))
    for task_id, row in rows.items():
        if task_id in ("task_in_batch", "task_plain"):
            task = client.get("/v2/task", params={"task_id": task_id, "opts": ALL_OPTS}).json()
            assert row == {
                "task_id": task_id, "created_at": task["created_at"], "delivery_id": made["id"],
                "delivered_at": made["delivered_at"], "response_schema_id": None,
                "response": {"threads": task["threads"]},
            }  # fmt: skip
        else:
            assert row == nothing | {"task_id": task_id, "created_at": row["created_at"]}


def test_the_filters_of_rows_concern_the_tasks_as_they_are_today(full, client):
    made = deliver(client)
    move(full, "reopen", "task_plain")

    for scope in ({"project_id": "project_123"}, {"delivery_id": made["id"]}):
        pending = rows_of(client, status="pending", **scope)
        assert "task_plain" in pending
        assert pending["task_plain"]["delivery_id"] == made["id"]
        assert "task_full" not in pending
        early = rows_of(client, completed_before="2025-01-01", **scope)
        later = rows_of(client, completed_after="2025-01-01", limit=2, **scope)
        assert (early, set(later)) == ({}, set(COMPLETED) - {"task_plain"})
        assert rows_of(client, status="deleted", **scope) == {}


def test_total_counts_the_rows_of_the_page(many, client):
    deliver(client, task_ids=["task_00001"])

    first = client.get("/v2/delivery/tasks?project_id=project_123&limit=7").json()

    assert (first["total"], len(first["docs"])) == (7, 7)


def test_a_rare_status_in_a_long_delivery_is_found_in_steps(many, client, monkeypatch):
    """A page looks at a bounded part of a delivery, so it may be empty; the walk goes on."""
    monkeypatch.setattr(listing, "SCANNED_MAX", 30)
    made = deliver(client)
    move(many, "reopen", "task_00100")

    first = client.get(f"/v2/delivery/tasks?delivery_id={made['id']}&status=pending").json()
    found = rows_of(client, delivery_id=made["id"], status="pending")

    assert (first["docs"], first["total"]) == ([], 0)
    assert first["next_token"]
    assert list(found) == ["task_00100"]


def test_a_schema_that_was_named_is_shown_with_each_row(full, client):
    made = deliver(client, response_schema_id="65a1b2c3d4e5f60718293a4b", task_ids=["task_full"])

    rows = rows_of(client, delivery_id=made["id"])

    assert rows["task_full"]["response_schema_id"] == "65a1b2c3d4e5f60718293a4b"
    assert made["response_schema_id"] == "65a1b2c3d4e5f60718293a4b"


# Tokens and strangers


WALKS = [
    ("/v2/delivery", {"delivery_id": "MADE"}),
    ("/v2/delivery/tasks", {"delivery_id": "MADE"}),
    ("/v2/delivery/tasks", {"project_id": "project_123"}),
    ("/v2/delivery/tasks", {"project_id": "project_123", "status": "completed"}),
    ("/manage/v1/deliveries/MADE/manifest", {}),
    ("/manage/v1/deliveries/MADE/changes", {}),
    ("/manage/v1/deliveries/MADE/diff", {"other": "SECOND"}),
]


def named(value, made, second):
    """A path or parameters of WALKS, with the ids of two deliveries filled in."""
    if isinstance(value, dict):
        return {key: named(one, made, second) for key, one in value.items()}
    return value.replace("MADE", made).replace("SECOND", second)


@above_the_store
@pytest.mark.parametrize(("path", "params"), WALKS, ids=str)
def test_a_token_that_was_changed_is_refused(shared_walks, path, params):
    world, key, ids = shared_walks
    asked, path = named(params, *ids) | {"limit": 3}, named(path, *ids)
    with world.client(key) as client:
        token = client.get(path, params=asked).json()["next_token"]
        changed = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
                   for at in range(0, len(token), 5)]  # fmt: skip

        def status(token):
            return client.get(path, params=asked | {"next_token": token, "limit": 5}).status_code

        assert status(token) == 200
        assert {status(one) for one in [*changed, "x", token + "A"]} == {400}


@above_the_store
@pytest.mark.parametrize(("path", "params"), WALKS, ids=str)
def test_a_token_is_good_for_its_own_walk_and_organization_alone(shared_walks, path, params):
    world, key, [first, second] = shared_walks
    asked = named(params, first, second) | {"limit": 3}
    answers = []
    with world.client(key) as client:
        token = client.get(named(path, first, second), params=asked).json()["next_token"]
        if "MADE" in path + str(params):  # the other delivery, with the first one's token
            swapped = named(params, second, first) | {"next_token": token}
            answers.append(client.get(named(path, second, first), params=swapped))
    with world.client(world.key("stranger")) as other:
        answers.append(other.get(named(path, first, second), params=asked | {"next_token": token}))
        answers.append(other.get("/v2/delivery/tasks", params={"next_token": token}))
        answers.append(other.get("/v2/delivery", params={"next_token": token}))

    assert {answer.status_code for answer in answers} <= {400, 404}
    assert all("task_0" not in answer.text for answer in answers)


@one_engine
def test_a_token_of_another_listing_is_refused(many, client):
    made = deliver(client)
    token = client.get("/v2/tasks?project_id=project_123&limit=1").json()["next_token"]

    for path in ("/v2/delivery", "/v2/delivery/tasks"):
        asked = {"delivery_id": made["id"], "next_token": token}
        assert client.get(path, params=asked).status_code == 400


@one_engine
@pytest.mark.parametrize("path", ["/v2/delivery", "/v2/delivery/tasks"])
def test_a_token_alone_goes_on_with_the_walk(many, client, path):
    key = {"/v2/delivery": "tasks", "/v2/delivery/tasks": "docs"}[path]
    made = deliver(client)
    first = client.get(path, params={"delivery_id": made["id"], "limit": 3}).json()

    second = client.get(path, params={"next_token": first["next_token"], "limit": 2}).json()

    assert [one["task_id"] for one in second[key]] == ["task_00003", "task_00004"]


def test_tasks_that_come_later_do_not_enter_a_walk_over_rows(many, client):
    first = client.get("/v2/delivery/tasks?project_id=project_123&limit=100").json()
    many.load(make_tasks(5, "later"))

    token = first["next_token"]
    rest = walk(client, "/v2/delivery/tasks", "docs", next_token=token)

    assert [row["task_id"] for row in rest] == [f"task_{n:05d}" for n in range(100, 110)]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        *WALKS[:2],
        ("/v2/delivery", {"delivery_name": "January", "project_id": "project_123"}),
        ("/v2/deliveries", {"project_id": "project_123"}),
        ("/manage/v1/deliveries/MADE", {}),
        *WALKS[4:],
    ],
)
def test_to_a_stranger_a_delivery_looks_like_one_that_is_not_there(shared_made, path, params):
    world, _, made = shared_made
    world.org("stranger")
    params = params | {"other": "x"}

    with world.client(world.key("stranger")) as other:
        headers = {"X-Request-Id": "pinned"}
        answers = [
            other.get(
                path.replace("MADE", name),
                params={key: value.replace("MADE", name).replace("SECOND", name)
                        for key, value in params.items()},
                headers=headers,
            )
            for name in (made, made[:-1] + "x")
        ]  # fmt: skip

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_stranger_s_request_names_nothing_of_ours(full, client):
    """Another organization's project, batch and tasks cannot be delivered from outside."""
    full.load([make_task("own", project="p2")], org="stranger")
    with full.client(full.key("stranger")) as other:
        answers = [
            other.post(PATH, json={"name": "x"}),
            other.post("/manage/v1/projects/p2/deliveries",
                       json={"name": "x", "task_ids": ["task_full"]}),
            other.post("/manage/v1/projects/p2/deliveries",
                       json={"name": "x", "batch_id": "batch_123"}),
        ]  # fmt: skip
    with full.client(full.key(role="read")) as reader:
        answers.append(reader.post(PATH, json={"name": "x"}))

    assert [answer.status_code for answer in answers] == [404, 400, 404, 403]
    assert stored(full)["delivery"] == 0
