"""The other reads: one task, projects, batches, and one annotation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import above_the_store, walk
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import BATCH, PROJECT, archive_rows, full_task, mixed_tasks

PROJECTS = [
    {"id": "p_new", "name": "New", "created_at": "2025-03-01T00:00:00.000Z"},
    {"id": "p_old", "name": "Old", "created_at": "2025-01-01T00:00:00.000Z", "types": ["SFT"]},
    {"id": "p_b", "name": "Même", "created_at": "2025-02-01T00:00:00.000Z", "models": ["m"]},
    {"id": "p_a", "name": "Other", "created_at": "2025-02-01T00:00:00.000Z", "overlap": 3},
]


def _batch(batch_id: str, day: int, status: str, project: str = "p_old", **fields: Any) -> Any:
    return {
        "id": batch_id,
        "name": f"Name of {batch_id}",
        "project": project,
        "created_at": f"2025-01-0{day}T00:00:00.000Z",
        "status": status,
        "metadata": {},
    } | fields


BATCHES = [
    _batch("b_9", 9, "staging"),
    _batch("b_1", 1, "in_progress", metadata={"n": 1}),
    _batch("b_2b", 2, "completed", completed_at="2025-02-02T00:00:00.000Z"),
    _batch("b_2a", 2, "completed", "p_new", completed_at="2025-02-03T00:00:00.000Z"),
    _batch("b_4", 4, "paused", "p_new", callback="mailto@example.com"),
    _batch("b_5", 5, "cancelled"),
]
FOREIGN_ID = "5f1e2d3c4b5a69788796a5b4"


@pytest.fixture(scope="module")
def served(open_shared):
    """Projects and batches, imported in no order; one of each in another organization."""
    world = open_shared()
    world.load([{"kind": "project", "value": one} for one in PROJECTS], "archive")
    world.load([{"kind": "batch", "value": one} for one in BATCHES], "archive")
    world.load([make_task("task_foreign", project="p_foreign", batch="b_foreign")], org="stranger")
    with world.client() as client:
        yield client


def refusal(answer) -> tuple[int, str | None]:
    body = answer.json()
    assert body["status_code"] == answer.status_code
    return answer.status_code, body.get("param")


def shown_project(declared: Any) -> Any:
    """A project without what is not on the wire."""
    return {key: value for key, value in declared.items() if key != "overlap"}


# One task


@pytest.fixture
def mixed(world, client):
    """A client where a project has tasks of every status and shape."""
    assert world.load(archive_rows(mixed_tasks()), "archive")[1] == []
    return client


@every_case("expand", [None, "project,batch"])
@every_case("opts", [None, "annotation_details,attachment_details,submissions"])
def test_one_task_is_what_the_listing_shows(mixed, opts, expand):
    client = mixed
    asked = {"opts": opts, "expand": expand}
    asked = {key: value for key, value in asked.items() if value is not None}
    listed = walk(client, project_id="project_123", **asked)

    found = [
        client.get("/v2/task", params={"task_id": task["task_id"]} | asked).json()
        for task in mixed_tasks()
    ]

    assert found == listed


@every_case("task_id", ["a/b", "a%2Fb", "a b+c", "ü😀", "?&=#", "'\"<", "x" * 255])
def test_a_task_is_found_whatever_its_id_looks_like(world, client, task_id):
    world.load([make_task(task_id)])

    answer = client.get("/v2/task", params={"task_id": task_id})

    assert answer.json()["task_id"] == task_id


@above_the_store
@every_case(
    "path, expected",
    [
        ("task", (400, "task_id")),
        ("task?task_id=", (400, "task_id")),
        ("task?task_id=nope", (404, None)),
        ("task?task_id=task_foreign", (404, None)),
        ("task?task_id=TASK_123", (404, None)),
        ("task?task_id=nope&opts=x", (400, "opts")),
        ("task?task_id=nope&expand=delivery", (400, "expand")),
        ("task?task_id=a&task_id=b", (400, "task_id")),
        ("project", (400, "project_id")),
        ("project?project_id=nope", (404, None)),
        ("project?project_id=p_foreign", (404, None)),
        ("project?project_name=p_foreign", (404, None)),
        ("project?project_name=old", (404, None)),
        ("project?project_id=p_old&project_name=New", (400, "project_name")),
        ("batch", (400, "batch_id")),
        ("batch?batch_id=", (400, "batch_id")),
        ("batch?batch_id=nope", (404, None)),
        ("batch?batch_id=b_foreign", (404, None)),
        ("batch?batch_name=b_foreign", (404, None)),
        ("batch?batch_id=b_1&batch_name=Name+of+b_5", (400, "batch_name")),
        ("batch?batch_id=b_1&expand=batch", (400, "expand")),
        ("batches?project_id=nope", (404, None)),
        ("batches?project_id=p_foreign", (404, None)),
        ("batches?project_id=p_old&project_name=New", (400, "project_name")),
        ("batches?status=canceled", (400, "status")),
        ("batches?status=pending", (400, "status")),
        ("batches?expand=batch", (400, "expand")),
        ("batches?limit=0", (400, "limit")),
        ("batches?limit=101", (400, "limit")),
        ("batches?created_after=soon", (400, "created_after")),
        ("batches?completed_before=soon", (400, "completed_before")),
        ("batches?next_token=x", (400, "next_token")),
        ("projects?created_after=soon", (400, "created_after")),
        ("projects?created_before=soon", (400, "created_before")),
        ("annotation", (400, "annotation_id")),
        ("annotation?annotation_id=", (400, "annotation_id")),
        ("annotation?annotation_id=nope", (404, None)),
        ("annotation?annotation_id=ann_t0u0m1a0_task_foreign", (404, None)),
    ],
)
def test_what_is_not_there_or_not_well_asked_for_is_refused(served, path, expected):
    """What belongs to another organization is as good as not there."""
    assert refusal(served.get(f"/v2/{path}")) == expected


# Projects


@pytest.mark.parametrize("declared", PROJECTS, ids=lambda one: one["id"])
def test_a_project_is_shown_by_id_and_by_name_as_it_was_declared(served, declared):
    by_id = served.get("/v2/project", params={"project_id": declared["id"]}).json()
    by_name = served.get("/v2/project", params={"project_name": declared["name"]}).json()

    assert [by_id, by_name] == [shown_project(declared)] * 2


@every_case(
    "query, expected",
    [
        ("", "p_old p_a p_b p_new"),
        ("created_after=2025-01-01", "p_a p_b p_new"),
        ("created_after=2025-01-01T00:00:00.000Z&created_before=2025-03-01", "p_a p_b"),
        ("created_before=2025-02-01T00:00:00.000001Z", "p_old p_a p_b"),
        ("created_after=2025-03-01", ""),
        ("created_after=2025-03-01&created_before=2025-01-01", ""),
        ("limit=1&next_token=x&project_id=p_old", "p_old p_a p_b p_new"),
    ],
)
def test_projects_are_all_listed_oldest_first_between_exclusive_bounds(served, query, expected):
    """Not paginated; what the operation does not know is ignored."""
    body = served.get(f"/v2/projects?{query}").json()

    assert list(body) == ["projects"]
    assert [one["id"] for one in body["projects"]] == expected.split()


# Batches


@every_case("declared", BATCHES)
def test_a_batch_is_shown_by_id_and_by_name_as_it_was_declared(served, declared):
    """`metadata` is always an object; the client of Scale cannot read a batch without."""
    by_id = served.get("/v2/batch", params={"batch_id": declared["id"]}).json()
    by_name = served.get("/v2/batch", params={"batch_name": declared["name"]}).json()

    assert [by_id, by_name] == [declared] * 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "b_1 b_2a b_2b b_4 b_5 b_9"),
        ("project_id=p_new", "b_2a b_4"),
        ("project_name=Old", "b_1 b_2b b_5 b_9"),
        ("project_id=p_a", ""),
        ("status=staging", "b_9"),
        ("status=in_progress", "b_1"),
        ("status=completed", "b_2a b_2b"),
        ("status=paused", "b_4"),
        ("status=cancelled", "b_5"),
        ("status=completed&project_id=p_new", "b_2a"),
        ("created_after=2025-01-02", "b_4 b_5 b_9"),
        ("created_before=2025-01-02", "b_1"),
        ("created_after=2025-01-01&created_before=2025-01-04", "b_2a b_2b"),
        ("completed_after=2025-02-02", "b_2a"),
        ("completed_before=2025-02-03", "b_2b"),
        ("completed_after=2020-01-01", "b_2b b_2a"),
        ("completed_after=2020-01-01&status=paused", ""),
        ("created_after=2025-01-09&created_before=2025-01-01", ""),
    ],
)
def test_batches_are_listed_oldest_first_within_the_filters(served, query, expected):
    """By creation, or completion where that has a bound; bounds concern the batch itself (A20)."""
    filters = dict(pair.split("=") for pair in query.split("&") if pair)

    walks = [walk(served, "/v2/batches", "batches", **filters, limit=limit) for limit in (1, 100)]

    assert [[one["id"] for one in found] for found in walks] == [expected.split()] * 2


@pytest.mark.parametrize("limit", [6, 3, 2])
def test_a_full_last_page_of_batches_has_no_token(served, limit):
    pages = [served.get("/v2/batches", params={"limit": limit}).json()]
    while "next_token" in pages[-1]:
        asked = {"limit": limit, "next_token": pages[-1]["next_token"]}
        pages.append(served.get("/v2/batches", params=asked).json())

    assert [len(page["batches"]) for page in pages] == [limit] * (6 // limit)


def test_expand_shows_a_batchs_project_whole(served):
    project = shown_project(PROJECTS[0])

    one = served.get("/v2/batch?batch_id=b_4&expand=project").json()
    listed = walk(served, "/v2/batches", "batches", project_id="p_new", expand="project")

    assert [one["project"], *(batch["project"] for batch in listed)] == [project] * 3


# One annotation


def _lists(value: Any) -> list[Any]:
    """Every annotation anywhere in a task."""
    if isinstance(value, list):
        return [one for item in value for one in _lists(item)]
    if not isinstance(value, dict):
        return []
    inner = [one for key, item in value.items() if key != "annotations" for one in _lists(item)]
    return value.get("annotations", []) + inner


@every_case("opts", [None, "submissions", "model_parameters"])
def test_every_minted_id_leads_to_its_annotation_in_full(world, client, opts):
    """All details are shown, whatever the page that gave the id was asked for (3.8)."""
    world.load([full_task()])
    full = client.get("/v2/task?task_id=task_full&opts=annotation_details").json()
    page = walk(client, project_id="project_123", **({} if opts is None else {"opts": opts}))
    wanted = {one["id"]: one for one in _lists(full)}

    found = [client.get("/v2/annotation", params={"annotation_id": one["id"]}).json()
             for one in _lists(page)]  # fmt: skip

    assert found == list(wanted.values())


def test_minted_ids_are_unique_over_tasks(world, client):
    world.load([full_task("task_1"), full_task("task_2"), make_task("task_1_2")])

    found = [one["id"] for one in _lists(walk(client, project_id="project_123"))]

    assert len(set(found)) == len(found)


@every_case(
    "annotation_id",
    [
        FOREIGN_ID,
        "a/b c+d",
        "ü😀",
        "ann_t0u0m0a0_task_other",
        "ann_t9u9a9_task_123",
        "ann_",
        "x" * 255,
    ],
)
def test_a_foreign_id_is_kept_and_leads_to_its_annotation(kept_world, annotation_id):
    """Even one that looks like an id of ours for another place."""
    world = kept_world.tenant()
    own = make_annotation("own", 4, id=annotation_id, title="Mine")
    world.load([_task_with("task_123", own), make_task("task_other")])

    with world.client() as client:
        found = client.get("/v2/annotation", params={"annotation_id": annotation_id}).json()

    assert found == {**own, "type": "integer"}


def _task_with(task_id: str, annotation: Any, **fields: Any) -> Any:
    turn = make_turn(messages=[make_message(annotations=[annotation])])
    return make_task(task_id, threads=[make_thread(turns=[turn])], **fields)


def test_a_foreign_id_of_another_organization_leads_nowhere(world, client):
    own = make_annotation(id=FOREIGN_ID)
    world.load([_task_with("task_foreign", own)], org="stranger")

    assert refusal(client.get(f"/v2/annotation?annotation_id={FOREIGN_ID}")) == (404, None)


def test_two_organizations_may_use_the_same_ids(world, client):
    mine, theirs = (make_annotation(value=value, id=FOREIGN_ID) for value in (1, 2))
    world.load([_task_with("task_123", theirs)], org="stranger")
    world.load([_task_with("task_123", mine)])

    found = client.get(f"/v2/annotation?annotation_id={FOREIGN_ID}").json()

    assert found["value"] == 1


def test_a_turn_that_several_threads_share_keeps_its_annotation_ids(world, client):
    """So that a comparison is not counted once for each thread; a turn that differs has its own."""
    shared = make_turn("shared", annotations=[make_annotation("ranking", ["a"])])
    alike = make_turn("shared", annotations=[make_annotation("ranking", ["b"])])
    threads = [make_thread(f"thread_{n}", turns=[turn]) for n, turn in enumerate([shared] * 2)]
    world.load([make_task(threads=[*threads, make_thread("thread_2", turns=[alike])])])
    task = client.get("/v2/task?task_id=task_123").json()

    first, second, third = ({one["id"] for one in _lists(thread)} for thread in task["threads"])

    assert first == second
    assert not first & third


@pytest.mark.parametrize("place", [None, FOREIGN_ID])
def test_an_annotation_of_a_replaced_answer_is_gone(world, client, place):
    fields = {} if place is None else {"id": place}
    old = make_annotation("old", "x", **fields)
    world.load([_task_with("task_123", old)])
    (annotation,) = _lists(client.get("/v2/task?task_id=task_123").json())
    turn = make_turn(messages=[make_message()])
    world.load([make_task(threads=[make_thread(turns=[turn])])], replace=True)

    answer = client.get("/v2/annotation", params={"annotation_id": annotation["id"]})

    assert refusal(answer) == (404, None)


def test_batch_and_project_of_the_samples_are_shown_as_declared(world, client):
    world.load(archive_rows([]), "archive")

    shown = [client.get("/v2/projects").json()["projects"], walk(client, "/v2/batches", "batches")]

    assert shown == [[PROJECT], [BATCH]]
