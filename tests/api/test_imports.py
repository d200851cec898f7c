"""Imports over the management API: formats, mappings, dry runs, refused rows, whose they are."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from plaudit.core.transfer import jobs
from plaudit.formats.common import file_import
from plaudit.formats.common.import_pool import ImportPool
from plaudit.settings import STREAM_BYTES_MAX
from plaudit.store.transfer.jobs import JobKind
from tests.support.builders import make_task
from tests.support.harness import one_engine, walk

PAIRS = [
    {"prompt": "Why?", "chosen": "So.", "rejected": "Oh."},
    {"prompt": "When?", "chosen": "Now.", "rejected": "Never."},
]
TABLE = b"q,a,b,v\nWhy?,So.,Oh.,1\nWhen?,Now.,Never.,2\n"
MAPPING = {
    "prompt": "q",
    "responses": [{"text": "a"}, {"text": "b"}],
    "preference": {"column": "v", "values": {"1": "first", "2": "second"}},
}
TOML = """prompt = "q"
[[responses]]
text = "a"
[[responses]]
text = "b"
[preference]
column = "v"
values = { 1 = "first", 2 = "second" }
"""


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@pytest.fixture
def project(world) -> str:
    return world.project("Seas").project_id


@pytest.fixture
def client(world, project):
    with world.client(world.key()) as client:
        yield client


def send(client, project: str, content: Any, **query: str) -> Any:
    """The answer to a file that is sent into a project."""
    return client.post(
        f"/manage/v1/projects/{project}/imports?{urlencode(query)}",
        content=content,
        headers={"Content-Type": "application/octet-stream"},
    )


def ended(client, project: str, import_id: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found: dict[str, Any] = client.get(
            f"/manage/v1/projects/{project}/imports/{import_id}"
        ).json()
        if found["state"] != "running":
            return found
        time.sleep(0.02)
    raise AssertionError("the import does not end")


def imported(client, project: str, content: Any, **query: str) -> dict[str, Any]:
    """The whole import of a file."""
    answer = send(client, project, content, **query)
    assert answer.status_code == 200, answer.text
    return ended(client, project, answer.json()["id"])


def tasks(client, project: str) -> list[dict[str, Any]]:
    return list(walk(client, limit=100, project_id=project))


@pytest.mark.parametrize(
    ("query", "pack"),
    [({"format": "trl"}, bytes), ({}, gzip.compress)],
    ids=["told and plain", "detected in gzip"],
)
def test_a_file_is_imported_and_the_same_again_changes_nothing(client, project, query, pack):
    first = imported(client, project, pack(lines(*PAIRS)), name="pairs.jsonl", **query)
    second = imported(client, project, pack(lines(*PAIRS)), name="pairs.jsonl", **query)

    assert first["state"] == "done", first
    assert (first["file"], first["format"]) == ("pairs.jsonl", "trl")
    assert first["counts"]["added"] == second["counts"]["unchanged"] == 2
    assert {task["status"] for task in tasks(client, project)} == {"completed"}


@one_engine
def test_columns_of_no_format_are_named_and_nothing_is_left_under_way(client, project):
    answer = send(client, project, TABLE)
    after = imported(client, project, lines(*PAIRS))

    assert answer.status_code == 400
    assert answer.json()["param"] == "format"
    assert "q, a, b, v" in answer.json()["error"]
    assert after["state"] == "done"


@pytest.mark.parametrize("mapping", [TOML, json.dumps(MAPPING)], ids=["TOML", "JSON"])
@one_engine
def test_a_table_is_read_by_the_mapping_that_comes_with_it(client, project, mapping):
    found = imported(client, project, TABLE, mapping=mapping)

    assert (found["format"], found["counts"]["added"]) == ("table", 2)


def test_a_table_is_read_by_the_mapping_of_its_project_and_that_by_one_that_comes_along(
    world, project
):
    with world.client(world.key(role="admin")) as client:
        saved = client.patch(f"/manage/v1/projects/{project}", json={"import_mapping": MAPPING})
        by_project = imported(client, project, TABLE, format="table")
        dry = imported(client, project, TABLE, mapping='prompt = "q"\n[[responses]]\ntext = "a"',
                       dry_run="true")  # fmt: skip

    assert saved.json()["import_mapping"] == MAPPING
    assert by_project["counts"]["added"] == 2
    assert "So." in str(dry["tasks"][0])
    assert "Oh." not in str(dry["tasks"][0])


BAD_MAPPINGS = {
    "no object": ([], "/import_mapping"),
    "an unknown member": ({"king": 1}, "/import_mapping/king"),
    "a question left open": (
        MAPPING | {"preference": {"column": "v", "values": {"1": "?"}}},
        "/import_mapping/preference/values/1",
    ),
    "a pattern that takes for ever": (
        MAPPING | {"prompt": {"column": "q", "remove": "(a+)+$"}},
        "/import_mapping/prompt/remove",
    ),
}


@pytest.mark.parametrize(("mapping", "pointer"), BAD_MAPPINGS.values(), ids=BAD_MAPPINGS)
@one_engine
def test_a_project_takes_no_mapping_that_cannot_be_right(world, project, mapping, pointer):
    with world.client(world.key(role="admin")) as client:
        created = client.post("/manage/v1/projects", json={"name": "N", "import_mapping": mapping})
        changed = client.patch(f"/manage/v1/projects/{project}", json={"import_mapping": mapping})
        kept = client.get(f"/manage/v1/projects/{project}").json()
    value = {"id": "p", "name": "P", "import_mapping": mapping}
    _, rejects = world.load([{"kind": "project", "value": value}], "archive")

    assert [created.status_code, changed.status_code] == [400, 400]
    assert created.json()["pointer"] == changed.json()["pointer"] == pointer
    assert "import_mapping" not in kept
    assert [reject.pointer for reject in rejects] == [f"/value{pointer}"]


@one_engine
def test_a_mapping_is_taken_away_by_null_and_goes_with_an_archive(world, project):
    with world.client(world.key(role="admin")) as client:
        path = f"/manage/v1/projects/{project}"
        client.patch(path, json={"import_mapping": MAPPING})
        removed = client.patch(path, json={"import_mapping": None}).json()
        value = {"id": "p", "name": "P", "import_mapping": MAPPING}
        _, rejects = world.load([{"kind": "project", "value": value}], "archive")
        restored = client.get("/manage/v1/projects/p").json()

    assert "import_mapping" not in removed
    assert rejects == []
    assert restored["import_mapping"] == MAPPING


def test_a_dry_run_shows_tasks_and_counts_and_stores_nothing(client, project):
    rows = [*PAIRS, {"prompt": 1, "chosen": [], "rejected": "x"}, *PAIRS]

    found = imported(client, project, lines(*rows), format="trl", dry_run="true")

    assert found["counts"] == {"added": 4, "rejected": 1}
    assert len(found["tasks"]) == 3
    assert "nothing was stored" in found["result"]
    assert tasks(client, project) == []


def test_refused_rows_are_listed_with_their_places(client, project):
    rows = [
        PAIRS[0],
        {"prompt": "Why?", "chosen": "So."},
        {"prompt": [], "chosen": "a", "rejected": "b"},
    ]

    found = imported(client, project, lines(*rows) + b"{\n", name="odd.jsonl", format="trl")
    answer = client.get(f"/manage/v1/projects/{project}/imports/{found['id']}/rejects")

    listed = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert found["counts"]["rejected"] == len(listed) >= 2
    assert {row["file"] for row in listed} == {"odd.jsonl"}
    assert 4 in [row["line"] for row in listed]
    assert all(row["message"] for row in listed)


@one_engine
def test_open_work_comes_without_judgments_and_with_them_if_asked(world, client, project):
    other = world.project("Other").project_id

    imported(client, project, lines(*PAIRS), pending="true")
    imported(client, other, lines(*PAIRS), pending="true", suggestions="true")

    found = {}
    for place in (project, other):
        [task, _] = tasks(client, place)
        assert task["status"] == "pending"
        content = client.get(f"/manage/v1/tasks/{task['task_id']}/content").json()
        found[place] = json.dumps(content).count('"key"')
    assert found[project] == 0 < found[other]


def test_one_import_runs_at_a_time_and_a_cancelled_one_makes_way(world, client, project):
    environment_id = world.org()
    request = {"file": "x", "format": "trl", "project_id": project}
    running = world.run(
        world.db.write(
            lambda tx: jobs.start_job(tx, environment_id, "x", JobKind.import_, request, "storing")
        )
    )
    path = f"/manage/v1/projects/{project}/imports/{running.job_id}"

    refused = send(client, project, lines(*PAIRS))
    cancelled = client.post(f"{path}/cancel", json={})
    again = client.post(f"{path}/cancel", json={})
    after = imported(client, project, lines(*PAIRS))

    assert refused.status_code == 409
    assert [cancelled.json()["state"], again.json()["state"]] == ["cancelled", "cancelled"]
    assert after["state"] == "done"


def test_an_import_is_of_its_project_and_organization_alone(world, client, project):
    other = world.project("Other").project_id
    found = imported(client, project, lines(*PAIRS))
    paths = [f"imports/{found['id']}", f"imports/{found['id']}/rejects", "imports/absent"]

    elsewhere = [client.get(f"/manage/v1/projects/{other}/{path}") for path in paths]
    elsewhere.append(client.post(f"/manage/v1/projects/{other}/{paths[0]}/cancel", json={}))
    with world.client(world.key("Stranger")) as stranger:
        strangers = [stranger.get(f"/manage/v1/projects/{project}/{path}") for path in paths]
        strangers.append(send(stranger, project, lines(*PAIRS)))
    with world.client(world.key(mode="test")) as tester:
        strangers.append(send(tester, project, lines(*PAIRS)))

    assert {answer.status_code for answer in (*elsewhere, *strangers)} == {404}


@one_engine
def test_a_key_that_may_read_sees_imports_and_starts_none(world, client, project):
    found = imported(client, project, lines(*PAIRS))
    with world.client(world.key(role="read")) as reader:
        seen = reader.get(f"/manage/v1/projects/{project}/imports/{found['id']}")
        refused = send(reader, project, lines(*PAIRS))

    assert seen.status_code == 200
    assert refused.status_code == 403


REFUSED = {
    "no format": ({"format": "king"}, b"{}", "format"),
    "nothing": ({"format": "trl"}, b"", None),
    "nothing to read": ({}, b"\n \n", None),
    "a table without a mapping": ({"format": "table"}, TABLE, "mapping"),
    "a mapping that is none": ({"mapping": "prompt = "}, TABLE, "mapping"),
    "a mapping for another format": ({"format": "trl", "mapping": TOML}, TABLE, "mapping"),
    "a mapping that cannot be": ({"mapping": "king = 1"}, TABLE, "mapping"),
    "no XML": ({"format": "label-studio", "config": "<View"}, b"[]", "config"),
    "suggestions for finished work": ({"suggestions": "true"}, lines(*PAIRS), "suggestions"),
    "open work that says so itself": ({"format": "v2", "pending": "true"}, b"{}", "pending"),
    "a word": ({"dry_run": "maybe"}, lines(*PAIRS), "dry_run"),
    "a parameter that is too long": ({"mapping": "#" * 5000}, TABLE, "mapping"),
}


@pytest.mark.parametrize(("query", "content", "param"), REFUSED.values(), ids=REFUSED)
@one_engine
def test_what_cannot_be_is_refused_and_the_next_import_not_held_up(
    client, project, query, content, param
):
    answer = send(client, project, content, **query)
    after = imported(client, project, lines(*PAIRS))

    assert answer.status_code == 400, answer.text
    assert answer.json().get("param") == param
    assert after["counts"]["added"] == 2


@one_engine
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(client, project):
    answer = client.post(
        f"/manage/v1/projects/{project}/imports",
        content=iter([b"{}\n"]),
        headers={"Content-Length": str(STREAM_BYTES_MAX + 1)},
    )

    assert answer.status_code == 413


@one_engine
def test_a_format_that_names_its_projects_keeps_to_them(client, project):
    rows = lines(
        {"kind": "project", "value": {"id": "own", "name": "Own"}},
        {"kind": "task", "value": make_task("task_own", project="own")},
    )

    found = imported(client, project, rows)

    assert found["format"] == "archive"
    assert tasks(client, project) == []
    assert [task["task_id"] for task in tasks(client, "own")] == ["task_own"]


def judged(count: int) -> list[Any]:
    return [make_task(f"task_{number}", project=None, metadata=None) for number in range(count)]


@one_engine
def test_a_large_file_is_read_by_processes_as_by_the_server_alone(
    client, world, project, monkeypatch
):
    """They are there while the job runs, also for lines that only the server finds words for."""
    other = world.project("Lakes").project_id
    pools: list[ImportPool] = []
    monkeypatch.setattr(file_import, "ImportPool", lambda *a, **k: kept(pools, ImportPool(*a, **k)))
    rows = [without_none(task) for task in judged(300)]
    content = lines(*rows[:150], {"task_id": 7}, *rows[150:], *rows[:3])
    alone = imported(client, project, content, format="v2")
    monkeypatch.setattr(file_import, "BYTES_MIN", 0)
    shifted = content.replace(b'": "task_', b'": "other_')

    together = imported(client, other, shifted, format="v2")

    assert len(pools) == 1
    assert pools[0].processes == []
    counts = {"added": 300, "updated": 0, "unchanged": 3, "rejected": 1}
    assert alone["counts"] == together["counts"] == counts
    assert [task["task_id"].replace("other_", "task_") for task in tasks(client, other)] == [
        task["task_id"] for task in tasks(client, project)
    ]


@one_engine
def test_a_cancelled_import_ends_its_processes(client, project, monkeypatch):
    pools: list[ImportPool] = []
    monkeypatch.setattr(file_import, "BYTES_MIN", 0)
    monkeypatch.setattr(file_import, "ImportPool", lambda *a, **k: kept(pools, ImportPool(*a, **k)))
    content = lines(*map(without_none, judged(30_000)))
    job = send(client, project, content, format="v2").json()["id"]
    until = time.monotonic() + 60
    while not pools:
        assert time.monotonic() < until
        time.sleep(0.01)

    answer = client.post(f"/manage/v1/projects/{project}/imports/{job}/cancel")

    assert answer.status_code == 200, answer.text
    assert ended(client, project, job)["state"] == "cancelled"
    while pools[0].processes:
        assert time.monotonic() < until
        time.sleep(0.01)


def kept(pools: list[ImportPool], pool: ImportPool) -> ImportPool:
    pools.append(pool)
    return pool


def without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if member is not None}
