"""GET /v2/tasks: scopes, filters, times, parameters as they may be spelled, pages, order."""

from __future__ import annotations

import pytest

from tests.support.builders import make_task, make_tasks
from tests.support.harness import above_the_store, walk
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import BATCH, PROJECT, archive_rows, mixed_tasks

OTHER_PROJECT = {"id": "project_other", "name": "Other + projeçt"}
OTHER_BATCH = {"id": "batch_other", "name": "Other batch", "project": "project_other"}
TWIN = {"id": "batch_twin", "name": "First batch", "project": "project_other"}
FOREIGN = make_task("task_foreign", project="project_foreign", batch="batch_foreign")

IN_BATCH = ["task_in_batch", "task_plain", "task_pending_in_batch"]
ALL_IDS = [task["task_id"] for task in mixed_tasks()]


@pytest.fixture(scope="module")
def mixed(open_shared):
    """A client of `load_mixed`; nothing is written there."""
    world = open_shared()
    load_mixed(world)
    with world.client() as client:
        yield client


def load_mixed(world):
    """Tasks of every kind in project_123; one task elsewhere; one in another organization."""
    world.load(archive_rows(mixed_tasks()), "archive")
    rows = [("project", OTHER_PROJECT), ("batch", OTHER_BATCH)]
    world.load([{"kind": kind, "value": value} for kind, value in rows], "archive")
    world.load([make_task("task_other", project="project_other", batch="batch_other")])
    world.load([FOREIGN], org="stranger")


@pytest.fixture(scope="module")
def long(open_shared):
    """A client of a project with 101 tasks."""
    world = open_shared()
    world.load(make_tasks(101))
    with world.client() as client:
        yield client


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [task["task_id"] for task in answer.json()["tasks"]]


def refusal(answer) -> tuple[int, str | None]:
    body = answer.json()
    assert body["status_code"] == answer.status_code
    return answer.status_code, body.get("param")


# Scope


@every_case(
    "query, expected",
    [
        ("project_id=project_123", ALL_IDS),
        ("project_name=My+Test+Project", ALL_IDS),
        ("project_name=My%20Test%20Project", ALL_IDS),
        ("project_name=%20My+Test+Project+", ALL_IDS),
        ("project_name=Other+%2B+proje%C3%A7t", ["task_other"]),
        ("project_name=Other+%2B+projec%CC%A7t", ["task_other"]),
        ("batch_id=batch_123", IN_BATCH),
        ("batch_name=First+batch", IN_BATCH),
        ("project_id=project_123&project_name=My+Test+Project", ALL_IDS),
        ("batch_id=batch_123&batch_name=First+batch", IN_BATCH),
        ("project_id=project_123&batch_id=batch_123", IN_BATCH),
        ("project_name=My+Test+Project&batch_name=First+batch", IN_BATCH),
        ("project_id=project_123&project_id=project_123", ALL_IDS),
        ("project_id=project_123&batch_id=&batch_name=", ALL_IDS),
    ],
)
def test_a_scope_lists_its_tasks_and_no_others(mixed, query, expected):
    assert ids(mixed.get(f"/v2/tasks?{query}")) == expected


@every_case(
    "query, expected",
    [
        ("", (400, "project_id")),
        ("status=completed", (400, "project_id")),
        ("project_id=&project_name=", (400, "project_id")),
        ("project_id=nope", (404, None)),
        ("project_id=Project_123", (404, None)),
        ("project_id=project_123%20", (404, None)),
        ("project_name=nope", (404, None)),
        ("project_name=my+test+project", (404, None)),
        ("project_name=Other+++proje%C3%A7t", (404, None)),
        ("project_id=My+Test+Project", (404, None)),
        ("batch_id=nope", (404, None)),
        ("batch_name=nope", (404, None)),
        ("project_id=nope&project_name=My+Test+Project", (404, None)),
        ("project_id=project_foreign", (404, None)),
        ("batch_id=batch_foreign", (404, None)),
        ("project_id=project_123&project_name=Other+%2B+proje%C3%A7t", (400, "project_name")),
        ("project_id=project_123&project_name=nope", (400, "project_name")),
        ("batch_id=batch_123&batch_name=Other+batch", (400, "batch_name")),
        ("project_id=project_123&batch_id=batch_other", (404, None)),
        ("project_id=project_123&batch_name=Other+batch", (404, None)),
        ("project_id=project_123&project_id=project_other", (400, "project_id")),
        ("project_id=nope&status=deleted", (404, None)),
        ("project_id=%ff", (400, "project_id")),
        ("project_id=project_123%00", (400, "project_id")),
        ("project_id=" + "x" * 5000, (400, "project_id")),
    ],
)
def test_a_scope_that_is_not_one_is_refused(mixed, query, expected):
    """Unknown is 404 (A6), at odds is 400 (A7), a batch is sought inside its project (A8)."""
    assert refusal(mixed.get(f"/v2/tasks?{query}")) == expected


def test_a_batch_name_of_two_projects_needs_the_project(world, client):
    """A9: imported data may hold one name twice; then only the project tells them apart."""
    load_mixed(world)
    world.load([{"kind": "batch", "value": TWIN}], "archive")

    alone = client.get("/v2/tasks?batch_name=First+batch")
    inside = client.get("/v2/tasks?batch_name=First+batch&project_id=project_123")

    assert (refusal(alone), ids(inside)) == ((400, "batch_name"), IN_BATCH)


def test_an_empty_scope_is_an_empty_page_without_a_token(world, client):
    load_mixed(world)
    world.project("Empty")

    answer = client.get("/v2/tasks?project_name=Empty")

    assert answer.json() == {"tasks": []}


# Status


@every_case("status", ["pending", "completed", "canceled", "error", "deleted"])
@every_case("scope", ["project_id=project_123", "batch_id=batch_123"])
def test_a_status_lists_the_tasks_in_it(mixed, scope, status):
    """`deleted` is taken and matches nothing (A15)."""
    within = [t for t in mixed_tasks() if "project" in scope or t["task_id"] in IN_BATCH]
    expected = [task["task_id"] for task in within if task["status"] == status]

    answer = mixed.get(f"/v2/tasks?{scope}&status={status}")

    assert ids(answer) == expected


# Words and numbers


@above_the_store
@every_case(
    "query, param, accepted",
    [
        ("status=done", "status", ["pending", "completed", "canceled", "error"]),
        ("status=Completed", "status", ["completed"]),
        ("status=cancelled", "status", ["canceled"]),
        ("status=completed&status=pending", "status", []),
        ("status=completed,pending", "status", ["completed"]),
        ("expand=task", "expand", ["project", "batch"]),
        ("expand=project,task", "expand", ["project", "batch"]),
        ("expand=project&expand=delivery", "expand", ["project", "batch"]),
        ("opts=all", "opts", ["annotation_details", "attachment_details", "submissions"]),
        ("opts[]=model_parameters&opts[]=x", "opts", ["model_parameters"]),
        ("opts=Model_Parameters", "opts", ["model_parameters"]),
        ("limit=0", "limit", ["1", "100"]),
        ("limit=101", "limit", ["1", "100"]),
        ("limit=-1", "limit", []),
        ("limit=1.0", "limit", []),
        ("limit=1e1", "limit", []),
        ("limit=0x10", "limit", []),
        ("limit=ten", "limit", []),
        ("limit=%D9%A7", "limit", []),
        ("limit=true", "limit", []),
        ("limit=99999999999999999999999", "limit", []),
        ("limit=1&limit=2", "limit", []),
        ("limit=1,2", "limit", []),
        ("completed_after=yesterday", "completed_after", ["ISO 8601"]),
        ("completed_before=1735720263169", "completed_before", ["ISO 8601"]),
        ("completed_after=2025-13-01", "completed_after", ["ISO 8601"]),
        ("completed_after=2025-02-30T00:00:00Z", "completed_after", ["ISO 8601"]),
        ("completed_after=2025-01-01T25:00:00Z", "completed_after", ["ISO 8601"]),
        ("completed_after=2025-01-01T00:00:00%2B24:00", "completed_after", ["ISO 8601"]),
        ("completed_after=2025-01-01T00:00:00PST", "completed_after", ["ISO 8601"]),
        ("completed_after=2025-01-01T00:00:00Z;", "completed_after", ["ISO 8601"]),
        ("completed_after=%D9%A2%D9%A0%D9%A2%D9%A5-01-01", "completed_after", ["ISO 8601"]),
        ("completed_after=0001-01-01T00:00:00%2B01:00", "completed_after", ["ISO 8601"]),
        ("completed_before=9999-12-31T23:59:59-01:00", "completed_before", ["ISO 8601"]),
        ("next_token=imatoken123", "next_token", []),
        ("next_token=" + "A" * 3000, "next_token", []),
        ("next_token=%F0%9F%98%80", "next_token", []),
    ],
)
def test_a_bad_value_is_refused_with_the_parameter_and_what_is_accepted(
    long, query, param, accepted
):
    answer = long.get(f"/v2/tasks?project_id=project_123&{query}")

    assert refusal(answer) == (400, param)
    assert [word for word in [param, *accepted] if word not in answer.json()["error"]] == []


@every_case(
    "query, count",
    [
        ("", 100),
        ("limit=", 100),
        ("limit=1", 1),
        ("limit=7", 7),
        ("limit=99", 99),
        ("limit=100", 100),
        ("limit=007", 7),
        ("limit=5&limit=5", 5),
        ("status=&opts=&expand=&completed_after=&completed_before=&next_token=", 100),
        ("colour=red&Limit=1&page=2&offset=3&sort=desc", 100),
        ("limit[]=3", 3),
        ("&&limit=2&", 2),
    ],
)
def test_a_page_has_as_many_tasks_as_asked_for_at_the_most_100(long, query, count):
    """Empty parameters are absent, unknown ones are ignored."""
    answer = long.get(f"/v2/tasks?project_id=project_123&{query}")

    assert len(ids(answer)) == count


@every_case(
    "query",
    [
        "expand=project&expand=batch",
        "expand=batch&expand=project&expand=batch",
        "expand=project,batch",
        "expand[]=project&expand[]=batch",
        "expand%5B%5D=project&expand%5B%5D=batch",
        "expand=project,,batch,",
        "expand=project%2Cbatch&expand=",
    ],
)
def test_a_list_may_be_spelled_in_several_ways(mixed, query):
    answer = mixed.get(f"/v2/tasks?batch_id=batch_123&limit=1&{query}")

    task = answer.json()["tasks"][0]
    assert (task["project"]["id"], task["batch"]["id"]) == ("project_123", "batch_123")


# What a task looks like


@every_case(
    "expand, project, batch",
    [
        ([], "project_123", "batch_123"),
        (["project"], PROJECT, "batch_123"),
        (["batch"], "project_123", BATCH),
        (["project", "batch"], PROJECT, BATCH),
    ],
)
def test_expand_puts_the_whole_object_in_place_of_the_id(mixed, expand, project, batch):
    """Whatever the scope. What is nested stays an id: the batch's own project too (A16)."""
    scopes = ({"project_id": "project_123"}, {"batch_id": "batch_123"})
    walks = [walk(mixed, **scope, expand=expand) for scope in scopes]

    shown = [
        (task["project"], task["batch"])
        for tasks in walks
        for task in tasks
        if task["task_id"] == "task_in_batch"
    ]

    assert shown == [(project, batch)] * 2


def test_a_task_without_a_batch_has_none_even_expanded(mixed):
    tasks = walk(mixed, project_id="project_123", expand=["batch", "project"])

    without = {task["task_id"] for task in tasks if "batch" not in task}

    assert without == set(ALL_IDS) - set(IN_BATCH)


def test_threads_are_empty_unless_completed_and_absent_if_reported(mixed):
    tasks = walk(mixed, project_id="project_123")

    lengths = {task["task_id"]: len(task["threads"]) for task in tasks if "threads" in task}

    assert lengths == {
        task["task_id"]: len(task.get("threads", []))
        for task in mixed_tasks()
        if task["task_id"] != "task_reported"
    }


@every_case("key", ["metadata", "errors", "sensitive_content_reports", "completed_at"])
def test_an_optional_member_is_there_only_where_it_was_set(mixed, key):
    expected = {task["task_id"]: task[key] for task in mixed_tasks() if key in task}

    tasks = walk(mixed, project_id="project_123")

    assert {task["task_id"]: task[key] for task in tasks if key in task} == expected


def test_a_task_with_reports_never_shows_threads(world, client):
    """A12: content that was reported is not handed out, whether refused at import or hidden."""
    report = [{"type": "violence"}]
    world.load([make_task(sensitive_content_reports=report), make_task("task_sound")])

    tasks = walk(client, project_id="project_123")

    assert [t for t in tasks if t.get("sensitive_content_reports") and "threads" in t] == []


def test_what_the_server_keeps_for_itself_is_not_shown(world, client):
    world.load([make_task(unique_id="mine", callback_url="https://a/b")])

    answer = client.get("/v2/tasks?project_id=project_123")

    assert "mine" not in answer.text
    assert "https://a/b" not in answer.text


# Pages (order stands in test_list_tasks_times.py, tokens in test_page_tokens.py)


def test_a_task_added_behind_the_page_does_not_shift_it(world, client):
    """A page boundary is a place, not an offset."""
    world.load(make_tasks(5))
    first = client.get("/v2/tasks", params={"project_id": "project_123", "limit": 2}).json()
    world.load([make_task("task_added")])

    rest = walk(client, project_id="project_123", limit=2, next_token=first["next_token"])

    assert [task["task_id"] for task in rest] == ["task_00002", "task_00003", "task_00004"]


@pytest.mark.parametrize("again", [{}, {"project_name": "project_123", "status": "completed"}])
def test_a_token_goes_on_with_its_filters_sent_again_or_not(world, client, again):
    """A14: the token alone knows what was asked for."""
    world.load([*make_tasks(3), make_task("open", "pending"), make_task("last")])
    asked = {"project_id": "project_123", "status": "completed", "limit": 1}
    first = client.get("/v2/tasks", params=asked).json()

    answer = client.get("/v2/tasks", params={"next_token": first["next_token"]} | again)

    assert ids(answer) == ["task_00001", "task_00002", "last"]


@every_case("status", [None, "completed", "pending"])
@every_case("scope", [{"project_id": "project_123"}, {"batch_id": "batch_123"}])
def test_a_walk_gives_the_same_list_with_any_limit(mixed, scope, status):
    params = scope | ({} if status is None else {"status": status})
    whole = mixed.get("/v2/tasks", params=params).json()["tasks"]

    found = [walk(mixed, **params, limit=limit) for limit in (1, 2, 3, 11)]

    assert found == [whole] * 4


@every_case("count, limit, pages", [(0, 1, 1), (1, 1, 1), (4, 2, 2), (5, 2, 3), (100, 100, 1)])
def test_only_a_page_that_is_followed_by_another_has_a_token(kept_world, count, limit, pages):
    """A full last page has none; the key is left out rather than null or empty (A13)."""
    world = kept_world.tenant()
    world.project("My Test Project", project_id="project_123")
    world.load(make_tasks(count))
    params = {"project_id": "project_123", "limit": limit}

    with world.client() as client:
        answers = [client.get("/v2/tasks", params=params).json()]
        while "next_token" in answers[-1]:
            params["next_token"] = answers[-1]["next_token"]
            answers.append(client.get("/v2/tasks", params=params).json())

    assert [len(one["tasks"]) for one in answers if one["tasks"]] == _page_lengths(count, limit)
    assert len(answers) == pages


def _page_lengths(count: int, limit: int) -> list[int]:
    return [min(limit, count - start) for start in range(0, count, limit)]
