"""Deliveries: what is frozen, how it is read, and that it stays what it was."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from builders import make_annotation, make_task, make_tasks, make_thread, make_turn
from harness import walk
from plaudit.api import manage_deliveries
from plaudit.core import delivery_pages, lifecycle
from plaudit.store import checks, tasks
from samples import archive_rows, mixed_tasks

ALL_OPTS = "annotation_details,attachment_details,model_parameters,submissions"
ATTACHMENT_FREE = "annotation_details,model_parameters,submissions"
COMPLETED = [one["task_id"] for one in mixed_tasks() if one["status"] == "completed"]
PATH = "/manage/v1/projects/project_123/deliveries"


def deliver(client, name="January", **body):
    """Make a delivery of project_123; its record."""
    answer = client.post(PATH, json={"name": name, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_of(client, delivery_id, **params):
    found = walk(client, "/v2/delivery", delivery_id=delivery_id, **params)
    return [task["task_id"] for task in found]


def rows_of(client, **params):
    return {row["task_id"]: row for row in walk(client, "/v2/delivery/tasks", "docs", **params)}


def move(world, kind, task_id, threads=None):
    """Reopen, cancel or complete a task, as the management API does."""
    org_id = world.org()

    async def work(tx):
        task = await tasks.find_task(tx, org_id, task_id)
        if kind == "reopen":
            await lifecycle.reopen_task(tx, org_id, task)
        elif kind == "cancel":
            await lifecycle.cancel_task(tx, org_id, task)
        else:
            await lifecycle.complete_task(tx, org_id, task, threads or [make_thread()])

    world.run(world.db.write(work))


def set_metadata(client, task_id, metadata):
    body = {"task_id": task_id, "metadata": metadata}
    assert client.post("/v2/task/metadata", json=body).status_code == 200


@pytest.fixture
def full(world):
    """The world with tasks of every status and shape in project_123."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    return world


@pytest.fixture
def many(world):
    """The world with 250 completed tasks in project_123."""
    assert world.load(make_tasks(250), project=None)[1] == []
    return world


# What a delivery holds


def test_a_delivery_holds_the_completed_tasks_and_no_others(full, client):
    made = deliver(client)

    assert ids_of(client, made["id"]) == COMPLETED
    assert made["task_count"] == len(COMPLETED)
    assert (made["name"], made["project"]) == ("January", "project_123")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"batch_id": "batch_123"}, ["task_in_batch", "task_plain"]),
        ({"batch_name": "First batch"}, ["task_in_batch", "task_plain"]),
        ({"completed_after": "2025-01-02T00:00:02Z", "completed_before": "2025-01-02T00:00:05Z"},
         ["late_00003", "late_00004"]),
        ({"batch_id": "b2", "completed_after": "2025-01-02T00:00:07Z"},
         ["late_00008", "late_00009"]),
        ({"task_ids": ["task_plain", "task_full", "task_plain"]}, ["task_full", "task_plain"]),
    ],
)  # fmt: skip
def test_a_filter_or_ids_choose_what_is_delivered(full, client, filters, expected):
    full.load(make_tasks(10, "late", batch="b2"))

    made = deliver(client, **filters)

    assert ids_of(client, made["id"]) == expected


def test_tasks_come_in_the_order_of_the_listing_with_the_same_filter(world, client):
    """By completion where a bound on it is given, else as they came into the store."""
    found = make_tasks(20)
    world.load(list(reversed(found)))
    names = [one["task_id"] for one in found]

    by_place = deliver(client, "by place")
    by_time = deliver(client, "by time", completed_after="2025-01-01")

    assert ids_of(client, by_place["id"]) == names[::-1]
    assert ids_of(client, by_time["id"]) == names


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "name"),
        ({"name": " "}, 400, "visible"),
        ({"name": "a\nb"}, 400, "control"),
        ({"name": "x" * 256}, 400, "255"),
        ({"name": 7}, 400, "/name"),
        ({"name": "x", "nonsense": 1}, 400, "nonsense"),
        ({"name": "x", "batch_id": "nobody"}, 404, "batch"),
        ({"name": "x", "task_ids": ["nobody"]}, 400, "nobody"),
        ({"name": "x", "task_ids": ["task_full", "task_pending"]}, 400, "pending"),
        ({"name": "x", "task_ids": []}, 400, "nothing to deliver"),
        ({"name": "x", "task_ids": ["elsewhere"]}, 400, "elsewhere"),
        ({"name": "x", "task_ids": ["task_full"], "batch_id": "batch_123"}, 400, "not both"),
        ({"name": "x", "completed_after": "2999-01-01"}, 400, "nothing to deliver"),
        ({"name": "x", "completed_after": "soon"}, 400, "ISO 8601"),
        ({"name": "x", "response_schema_id": "\u0007"}, 400, "control"),
    ],
)
def test_a_delivery_that_cannot_be_made_is_refused_and_leaves_nothing(
    full, client, body, status, word
):
    full.load([make_task("elsewhere", project="p2")])

    answer = client.post(PATH, json=body)

    assert (answer.status_code, word in answer.text) == (status, True), answer.text
    assert client.get("/v2/deliveries?project_id=project_123").json() == {"deliveries": []}
    assert stored(full) == {"delivery": 0, "delivered_task": 0, "frozen_task": 0}


def stored(world):
    """How many rows the tables of deliveries have."""

    async def read():
        async with world.db.read() as tx:
            return {
                name: (await tx.one(f"SELECT COUNT(*) FROM {name}", {}))[0]
                for name in ("delivery", "delivered_task", "frozen_task")
            }

    return world.run(read())


def test_a_request_for_more_than_it_may_have_points_to_the_command(many, client, monkeypatch):
    monkeypatch.setattr(manage_deliveries, "DELIVERY_TASKS_MAX", 249)

    answers = [
        client.post(PATH, json={"name": "x"}),
        client.post(PATH, json={"name": "x", "task_ids": [f"task_{n:05d}" for n in range(250)]}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all("plaudit deliver" in answer.json()["error"] for answer in answers)
    assert stored(many)["delivery"] == 0


def test_a_name_is_taken_once_in_a_project_however_it_is_spelled(full, client):
    full.load([make_task("elsewhere", project="p2")])
    deliver(client, "Caf\u00e9")

    again = client.post(PATH, json={"name": " Cafe\u0301 "})
    other = client.post("/manage/v1/projects/p2/deliveries", json={"name": "Caf\u00e9"})

    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert other.status_code == 200
    asked = {"project_id": "project_123", "delivery_name": "Cafe\u0301"}
    assert client.get("/v2/delivery", params=asked).status_code == 200


def test_the_same_request_again_under_its_key_gives_the_first_answer(full, client):
    headers = {"Idempotency-Key": "once"}
    first = client.post(PATH, json={"name": "x"}, headers=headers)
    for task_id in COMPLETED:
        move(full, "reopen", task_id)

    second = client.post(PATH, json={"name": "x"}, headers=headers)

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert stored(full)["delivery"] == 1


def test_making_a_delivery_is_written_into_the_audit_log(full, client):
    made = deliver(client)

    async def read():
        async with full.db.read() as tx:
            return await tx.all("SELECT action, object_kind, object_id FROM audit_entry", {})

    assert full.run(read()) == [("create_delivery", "delivery", made["id"])]


# What was delivered stays


def test_what_was_delivered_never_changes_whatever_becomes_of_the_task(full, client):
    """Byte for byte: after new metadata, reopening, completing anew, and canceling."""
    made = deliver(client)
    shown = [{"delivery_id": made["id"], "opts": opts} for opts in ("", ALL_OPTS, "submissions")]

    def everything():
        pages = [client.get("/v2/delivery", params=params).content for params in shown]
        return [*pages, client.get(f"/v2/delivery/tasks?delivery_id={made['id']}").content]

    before = everything()
    set_metadata(client, "task_full", {"new": True})
    assert everything() == before
    move(full, "reopen", "task_plain")
    assert everything() == before
    move(full, "complete", "task_plain", [make_thread("another")])
    move(full, "reopen", "task_full")
    move(full, "cancel", "task_full")
    full.load(archive_rows([make_task("task_in_batch", batch="batch_123")]), "archive",
              replace=True)  # fmt: skip

    assert everything() == before


def test_the_latest_delivery_of_a_task_is_shown_and_each_keeps_its_own(full, client):
    first = deliver(client, "first")
    was = rows_of(client, project_id="project_123")["task_plain"]
    move(full, "reopen", "task_plain")
    assert rows_of(client, project_id="project_123")["task_plain"] == was
    move(full, "complete", "task_plain", [make_thread("another")])
    second = deliver(client, "second", task_ids=["task_plain"])

    latest = rows_of(client, project_id="project_123")["task_plain"]

    assert (latest["delivery_id"], latest["delivered_at"]) == (second["id"], second["delivered_at"])
    assert [thread["id"] for thread in latest["response"]["threads"]] == ["another"]
    assert rows_of(client, delivery_id=first["id"])["task_plain"] == was
    assert was["delivery_id"] == first["id"]


def test_a_version_that_was_delivered_twice_is_stored_once(many, client):
    for name in ("a", "b", "c"):
        deliver(client, name)

    assert stored(many) == {"delivery": 3, "delivered_task": 750, "frozen_task": 250}


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


@pytest.mark.parametrize(
    ("path", "params", "status"),
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
def test_what_a_request_may_name_a_delivery_by(full, client, path, params, status):
    full.load([make_task("elsewhere", project="p2")])
    made = deliver(client)
    params = {key: value.replace("MADE", made["id"]) for key, value in params.items()}

    answer = client.get(path.replace("MADE", made["id"]), params=params)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_walk_over_a_delivery_ends_and_gives_each_task_once(many, client, limit):
    made = deliver(client)
    names = [f"task_{number:05d}" for number in range(250)]

    assert ids_of(client, made["id"], limit=limit) == names
    assert list(rows_of(client, delivery_id=made["id"], limit=limit)) == names
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
    monkeypatch.setattr(delivery_pages, "SCANNED_MAX", 30)
    made = deliver(client)
    move(many, "reopen", "task_00200")

    first = client.get(f"/v2/delivery/tasks?delivery_id={made['id']}&status=pending").json()
    found = rows_of(client, delivery_id=made["id"], status="pending")

    assert (first["docs"], first["total"]) == ([], 0)
    assert first["next_token"]
    assert list(found) == ["task_00200"]


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


@pytest.mark.parametrize(("path", "params"), WALKS, ids=str)
def test_a_token_that_was_changed_is_refused(many, client, path, params):
    ids = deliver(client)["id"], deliver(client, "second")["id"]
    asked, path = named(params, *ids) | {"limit": 3}, named(path, *ids)
    token = client.get(path, params=asked).json()["next_token"]
    changed = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
               for at in range(0, len(token), 5)]  # fmt: skip

    def status(token):
        return client.get(path, params=asked | {"next_token": token, "limit": 5}).status_code

    assert status(token) == 200
    assert {status(one) for one in [*changed, "x", token + "A"]} == {400}


@pytest.mark.parametrize(("path", "params"), WALKS, ids=str)
def test_a_token_is_good_for_its_own_walk_and_organization_alone(many, client, path, params):
    first, second = deliver(client)["id"], deliver(client, "second")["id"]
    asked = named(params, first, second) | {"limit": 3}
    token = client.get(named(path, first, second), params=asked).json()["next_token"]
    many.load(make_tasks(5, "own", project="p"), org="stranger")

    answers = []
    if "MADE" in path + str(params):  # the other delivery, with the first one's token
        swapped = named(params, second, first) | {"next_token": token}
        answers.append(client.get(named(path, second, first), params=swapped))
    with many.client(many.key("stranger")) as other:
        answers.append(other.get(named(path, first, second), params=asked | {"next_token": token}))
        answers.append(other.get("/v2/delivery/tasks", params={"next_token": token}))
        answers.append(other.get("/v2/delivery", params={"next_token": token}))

    assert {answer.status_code for answer in answers} <= {400, 404}
    assert all("task_0" not in answer.text for answer in answers)


def test_a_token_of_another_listing_is_refused(many, client):
    made = deliver(client)
    token = client.get("/v2/tasks?project_id=project_123&limit=1").json()["next_token"]

    for path in ("/v2/delivery", "/v2/delivery/tasks"):
        asked = {"delivery_id": made["id"], "next_token": token}
        assert client.get(path, params=asked).status_code == 400


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

    assert [row["task_id"] for row in rest] == [f"task_{n:05d}" for n in range(100, 250)]


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
def test_to_a_stranger_a_delivery_looks_like_one_that_is_not_there(full, client, path, params):
    made = deliver(client)
    params = params | {"other": "x"}

    with full.client(full.key("stranger")) as other:
        headers = {"X-Request-Id": "pinned"}
        answers = [
            other.get(
                path.replace("MADE", name),
                params={key: value.replace("MADE", name).replace("SECOND", name)
                        for key, value in params.items()},
                headers=headers,
            )
            for name in (made["id"], made["id"][:-1] + "x")
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


# Manifest, diff, changes


def manifest_of(client, delivery_id, limit=1000):
    path = f"/manage/v1/deliveries/{delivery_id}/manifest"
    return walk(client, path, limit=limit)


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_a_manifest_has_the_hash_of_each_task_exactly_as_it_is_served(full, client, limit):
    made = deliver(client)
    page = client.get("/v2/delivery", params={"delivery_id": made["id"], "opts": ALL_OPTS})
    text = page.content.decode()
    starts = [found.start() for found in re.finditer(r'\{"task_id":"', text)]
    ends = [start - 1 for start in starts[1:]] + [len(text) - len("]}")]
    served = [text[start:end] for start, end in zip(starts, ends, strict=True)]

    entries = manifest_of(client, made["id"], limit)

    assert [json.loads(one)["task_id"] for one in served] == COMPLETED
    assert entries == [
        {"task_id": json.loads(one)["task_id"], "sha256": hashlib.sha256(one.encode()).hexdigest()}
        for one in served
    ]
    lines = "".join(f"{one['sha256']}  {one['task_id']}\n" for one in entries)
    assert hashlib.sha256(lines.encode()).hexdigest() == made["manifest_sha256"]
    record = client.get(f"/manage/v1/deliveries/{made['id']}").json()
    assert record == made


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
def test_a_diff_says_what_came_what_went_and_what_changed(full, client, limit):
    first = deliver(client, "first", task_ids=["task_full", "task_plain", "task_in_batch"])
    set_metadata(client, "task_plain", {"edited": 1})
    second = deliver(client, "second", task_ids=["task_plain", "task_in_batch", "task_reported"])

    found = {"added": [], "removed": [], "changed": []}
    params, path = {"other": second["id"], "limit": limit}, f"/manage/v1/deliveries/{first['id']}"
    for _ in range(20):
        page = client.get(f"{path}/diff", params=params).json()
        for key, listed in found.items():
            listed += page[key]
        if "next_token" not in page:
            break
        params["next_token"] = page["next_token"]

    assert found == {
        "added": ["task_reported"], "removed": ["task_full"], "changed": ["task_plain"],
    }  # fmt: skip


def test_a_delivery_differs_from_itself_in_nothing_and_other_projects_are_refused(full, client):
    full.load([make_task("elsewhere", project="p2")])
    made = deliver(client)
    other = client.post("/manage/v1/projects/p2/deliveries", json={"name": "x"}).json()
    path = f"/manage/v1/deliveries/{made['id']}/diff"

    same = client.get(path, params={"other": made["id"]}).json()
    refused = client.get(path, params={"other": other["id"]})

    assert same == {"added": [], "removed": [], "changed": []}
    assert (refused.status_code, refused.json()["param"]) == (400, "other")


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_changes_are_the_tasks_that_are_not_what_was_delivered(full, client, limit):
    made = deliver(client)
    path = f"/manage/v1/deliveries/{made['id']}/changes"
    assert walk(client, path, limit=limit) == []
    set_metadata(client, "task_full", {"new": 1})
    move(full, "reopen", "task_plain")
    move(full, "reopen", "task_in_batch")
    move(full, "complete", "task_in_batch", [make_thread(turns=[make_turn("anew")])])

    found = walk(client, path, limit=limit)

    assert found == [
        {"task_id": "task_full", "status": "completed", "threads_changed": False},
        {"task_id": "task_in_batch", "status": "completed", "threads_changed": True},
        {"task_id": "task_plain", "status": "pending", "threads_changed": True},
    ]


def test_a_change_of_an_annotation_s_details_alone_is_a_change(full, client):
    """What the default options do not show is part of what was delivered."""
    note = make_annotation(id="a", type="integer", title="Before")
    rows = [make_task("noted", threads=[make_thread(annotations=[note])])]
    full.load(rows)
    made = deliver(client, task_ids=["noted"])
    rows[0]["threads"][0]["annotations"][0]["title"] = "After"
    full.load(rows, replace=True)

    found = walk(client, f"/manage/v1/deliveries/{made['id']}/changes")

    assert found == [{"task_id": "noted", "status": "completed", "threads_changed": True}]


def test_what_must_be_true_of_deliveries_is_checked(full, client):
    deliver(client)
    assert full.run(checks.violations(full.db)) == {}

    async def break_it(tx):
        await tx.run("UPDATE delivery SET task_count = task_count + 1", {})
        await tx.run("DELETE FROM frozen_task WHERE seq = 1", {})

    full.run(full.db.write(break_it))

    assert full.run(checks.violations(full.db)) == {
        "each delivery counts its tasks": 1,
        "every delivered task is kept as it was delivered": 1,
    }
