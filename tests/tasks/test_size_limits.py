"""How large a task may be: whatever is stored is archived, and whatever is archived comes back."""

from __future__ import annotations

import json
import re

import pytest

from plaudit.core.deliveries import schemas
from plaudit.core.transfer import export
from plaudit.errors import InvalidContent
from plaudit.store.tasks import tasks
from plaudit.wire.v2 import size_limits
from tests.support.builders import make_message, make_task, make_thread, make_turn
from tests.support.deliveries import deliver, set_metadata
from tests.support.harness import one_engine, run_cli, store_arguments
from tests.support.pages.browser_client import add_person, ended, signed_in
from tests.support.sample_tasks import PROJECT, archive_rows, mixed_tasks
from tests.transfer.test_archive import lines_of

MIB = 1024 * 1024
UPLOAD = "/manage/v1/projects/project_123/tasks"
FULL = {"x": "é" * (size_limits.METADATA_BYTES_MAX // 2 - 4)}
"""Metadata of the greatest length there may be."""


def said(size):
    """A conversation of one message, of so many bytes in all."""

    def made(text):
        return [make_thread(turns=[make_turn(messages=[make_message("user", text)])])]

    return made("x" * (size - len(compact(made("")))))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def row(task_id, **fields):
    return {"kind": "task", "value": make_task(task_id, **fields)}


@pytest.fixture
def project(world):
    return world.project(project_id="project_123")


def load(world, rows, **options):
    """Import an archive's lines; counts by kind and outcome, and what was refused."""
    summary, rejects = world.load(rows, "archive", **options)
    return dict(summary.counts), [(one.pointer, one.message) for one in rejects]


def test_a_task_of_the_greatest_length_comes_back_with_a_delivery_that_names_it(world, client):
    longest = size_limits.CONVERSATION_BYTES_MAX
    threads, content = said(longest - len('"threads":}')), said(longest)
    rows = archive_rows([make_task("long", threads=threads, content=content, metadata=FULL)])
    assert load(world, rows)[1] == []
    deliver(client)
    set_metadata(client, "long", {"now": "another"})

    lines = lines_of(world)
    counts, rejects = load(world, lines, org="fresh")

    assert len(compact(FULL)) == size_limits.METADATA_BYTES_MAX
    assert max(map(len, lines)) > 48 * MIB
    assert rejects == []
    assert (counts["task", "added"], counts["delivery", "added"]) == (1, 1)
    assert lines_of(world, "fresh") == lines


def test_a_task_as_long_as_requests_make_it_comes_back(world, client, project):
    content, threads = said(10 * MIB - 1000), said(10 * MIB - 1000)
    made = client.post(UPLOAD, content=compact({"task_id": "t", "content": content}))
    done = client.post("/manage/v1/tasks/t/complete", content=compact({"threads": threads}))
    set_metadata(client, "t", FULL)

    lines = lines_of(world)
    _, rejects = load(world, lines, org="fresh")

    assert (made.json()["created"], done.status_code) == (1, 200)
    assert rejects == []
    assert lines_of(world, "fresh") == lines


def nested(levels):
    """Metadata of so many levels."""
    return json.loads('{"a":' * levels + "1" + "}" * levels)


def test_a_task_as_deep_as_requests_make_it_comes_back_with_a_delivery(world, client):
    """A request has the metadata in its body, an archive in a task, in a list, in a value."""
    assert load(world, archive_rows([make_task("deep")]))[1] == []
    set_metadata(client, "deep", nested(63))
    deliver(client)
    set_metadata(client, "deep", nested(63) | {"b": 1})
    made = client.post(
        "/v2/batch", json={"project_id": "project_123", "name": "B", "metadata": nested(63)}
    )

    lines = lines_of(world)
    _, rejects = load(world, lines, org="fresh")

    assert made.status_code == 200
    assert rejects == []
    assert lines_of(world, "fresh") == lines


def test_nothing_in_an_archive_is_deeper_than_what_requests_bring(world):
    rows = archive_rows(
        [make_task("t1", metadata=nested(64)), make_task("t2", metadata=nested(63))]
    )
    delivered = {"id": "d", "project": "project_123", "task_ids": ["t2"]}
    rows += [
        {"kind": "delivery", "value": delivered | {"frozen": [make_task("t2", metadata=one)]}}
        for one in (nested(64), nested(63))
    ]

    counts, rejects = load(world, rows)

    assert [message for _, message in rejects] == [
        "nested deeper than 65 levels", "nested deeper than 67 levels",
    ]  # fmt: skip
    assert (counts["task", "added"], counts["delivery", "added"]) == (1, 1)


@pytest.mark.parametrize("read_bytes", [1, 2000])
def test_an_archive_is_the_same_however_little_is_read_at_once(world, monkeypatch, read_bytes):
    load(world, archive_rows(mixed_tasks()))
    expected = lines_of(world)
    monkeypatch.setattr(export, "READ_BYTES", read_bytes)
    monkeypatch.setattr(export, "TASKS_PER_READ", 3)

    assert lines_of(world) == expected


def test_the_parts_of_a_task_fit_on_a_line_together():
    parts = (
        size_limits.METADATA_BYTES_MAX
        + size_limits.REASONS_BYTES_MAX
        + 2 * size_limits.CONVERSATION_BYTES_MAX
    )

    assert parts + MIB <= size_limits.ARCHIVE_LINE_BYTES_MAX
    assert 2 * size_limits.TEXT_BYTES_MAX + MIB <= size_limits.ARCHIVE_LINE_BYTES_MAX


def more(metadata):
    """The same with one byte more."""
    return {key: f"{value}x" for key, value in metadata.items()}


def test_metadata_has_a_greatest_length_when_it_is_given(client, project):
    bodies = [{"metadata": FULL}, {"metadata": more(FULL)}]

    tasks_made = [
        client.post("/v2/task/chat", json={"project_id": "project_123"} | one) for one in bodies
    ]
    batches_made = [
        client.post("/v2/batch", json={"project_id": "project_123", "name": f"B{n}"} | one)
        for n, one in enumerate(bodies)
    ]
    uploaded = client.post(UPLOAD, content=b"\n".join(map(compact, bodies))).json()

    for good, bad in (tasks_made, batches_made):
        assert (good.status_code, bad.status_code) == (200, 400)
        assert (bad.json()["code"], bad.json()["pointer"]) == ("invalid_content", "/metadata")
        assert str(size_limits.METADATA_BYTES_MAX) in bad.json()["error"]
    assert [one["outcome"] for one in uploaded["results"]] == ["created", "rejected"]
    assert uploaded["results"][1]["pointer"] == "/metadata"


@pytest.mark.parametrize("kind", ["task", "batch"])
def test_metadata_does_not_grow_beyond_its_greatest_length_by_merging(client, project, kind):
    path = {"task": "/v2/task", "batch": "/v2/batch"}[kind]
    body = {"project_id": "project_123", "metadata": FULL}
    if kind == "task":
        named = {"task_id": client.post("/v2/task/chat", json=body).json()["task_id"]}
    else:
        named = {"batch_id": client.post("/v2/batch", json=body | {"name": "B"}).json()["id"]}

    grown = client.post(f"{path}/metadata", json=named | {"metadata": {"y": 1}, "merge": True})
    replaced = client.post(f"{path}/metadata", json=named | {"metadata": more(FULL)})
    after = client.get(path, params=named).json()["metadata"]
    same = client.post(f"{path}/metadata", json=named | {"metadata": FULL, "merge": True})
    fewer = client.post(
        f"{path}/metadata", json=named | {"metadata": {"x": "", "y": 1}, "merge": True}
    )

    assert [one.status_code for one in (grown, replaced, same, fewer)] == [400, 400, 200, 200]
    assert {one.json()["pointer"] for one in (grown, replaced)} == {"/metadata"}
    assert after == FULL
    assert fewer.json()["metadata"] == {"x": "", "y": 1}


@one_engine
def test_an_import_refuses_what_is_too_long_row_by_row(world):
    batch = {"id": "b1", "project": "project_123"}
    whole = {"id": "b2", "name": "B2", "status": "staging", "created_at": "2025-01-01"} | {
        "project": "project_123", "metadata": more(FULL)
    }  # fmt: skip
    far = "https://example.com/" + "x" * 2048
    rows = [
        {"kind": "project", "value": PROJECT},
        {"kind": "batch", "value": batch},
        {"kind": "batch", "value": batch | {"metadata": more(FULL)}},
        {"kind": "batch", "value": batch | {"id": "b2", "metadata": more(FULL)}},
        {"kind": "batch", "value": batch | {"id": "b2", "callback": far}},
        row("t1", metadata=more(FULL)),
        row("t1", batch=whole),
        row("t1", callback_url=far),
        row("t1", unique_id="u" * 256),
        row("t1", status="error", threads=None, completed_at=None,
            errors=[{"message": "x" * size_limits.REASONS_BYTES_MAX}]),
        row("t1", threads=None,
            sensitive_content_reports=[{"message": "x" * size_limits.REASONS_BYTES_MAX}]),
        row("t1", content=said(size_limits.CONVERSATION_BYTES_MAX + 1)),
        row("t1", threads=said(size_limits.CONVERSATION_BYTES_MAX + 1)),
        row("t1", threads=said(size_limits.CONVERSATION_BYTES_MAX + 1), completed_at=None),
        row("t1", metadata=FULL),
    ]  # fmt: skip

    counts, rejects = load(world, rows)

    assert [pointer for pointer, _ in rejects] == [
        "/value/metadata", "/value/metadata", "/value/callback", "/value/metadata",
        "/value/batch/metadata", "/value/callback_url", "/value/unique_id", "/value/errors",
        "/value/sensitive_content_reports", "/value/content", "/value/threads", "/value/threads",
    ]  # fmt: skip
    assert counts["task", "added"] == 1


def test_threads_that_become_too_long_by_their_ids_are_refused(client, project, monkeypatch):
    monkeypatch.setattr(size_limits, "CONVERSATION_BYTES_MAX", 8 * MIB)
    task_id = "t" * 255
    annotations = [{"key": "", "type": "text", "value": ""}] * 30_000
    message = make_message("user", annotations=annotations)
    threads = [make_thread(turns=[make_turn(messages=[message])])]
    client.post(UPLOAD, json={"task_id": task_id, "content": said(1000)})

    answer = client.post(f"/manage/v1/tasks/{task_id}/complete", json={"threads": threads})

    assert (answer.status_code, answer.json()["pointer"]) == (400, "/threads")
    assert client.get("/v2/task", params={"task_id": task_id}).json()["status"] == "pending"


def test_content_that_becomes_too_long_by_its_numbers_is_refused(client, project, monkeypatch):
    monkeypatch.setattr(size_limits, "CONVERSATION_BYTES_MAX", 4 * MIB)
    annotation = {"key": "a", "type": "text", "value": "", "metadata": {"numbers": []}}
    content = [make_thread(annotations=[annotation])]
    line = compact({"task_id": "t", "content": content})
    grown = line.replace(b'"numbers":[]', b'"numbers":[%b1]' % (b"1e15," * 280_000))

    [result] = client.post(UPLOAD, content=grown).json()["results"]

    assert len(grown) < 4 * MIB
    assert (result["outcome"], result["pointer"]) == ("rejected", "/content")


def test_a_template_does_not_multiply_its_variables_without_bound(client, project):
    template = {"messages": [{"role": "user", "text": "{{prompt}}" * 10_000}]}
    set_ = client.patch("/manage/v1/projects/project_123", json={"template": template})
    body = {"template_variables": {"prompt": "x" * 5 * MIB}}

    created = client.post("/v2/task/chat", json=body | {"project_id": "project_123"})
    uploaded = client.post(UPLOAD, json=body).json()["results"]

    assert set_.status_code == 200
    assert (created.status_code, created.json()["pointer"]) == (400, "/template_variables")
    assert [(one["outcome"], one["pointer"]) for one in uploaded] == [
        ("rejected", "/template_variables")
    ]


def test_a_schema_has_a_greatest_length():
    with pytest.raises(InvalidContent) as caught:
        schemas.checked_json({"x": [1e15] * (size_limits.TEXT_BYTES_MAX // 16)})

    assert caught.value.pointer == "/json"


def test_whoever_made_an_imported_schema_has_a_name_of_bounded_length(world):
    schema = {"id": "0" * 24, "name": "S", "createdBy": "x" * 255, "json": "{}"}
    rows = [
        {"kind": "schema", "value": schema | one}
        for one in ({"createdBy": "x" * 256}, {"updatedBy": "x" * 256}, {})
    ]

    counts, rejects = load(world, rows)

    assert [pointer for pointer, _ in rejects] == ["/value/createdBy", "/value/updatedBy"]
    assert counts["schema", "added"] == 1


def outgrow(world, task_id):
    """Make a stored task longer than any import takes, as no request could."""
    content = compact(said(size_limits.ARCHIVE_LINE_BYTES_MAX))
    environment_id = world.org()

    async def work(tx):
        task = await tasks.find_task(tx, environment_id, task_id)
        await tx.run(
            "UPDATE task_content SET content = :content"
            " WHERE project_key = :project_key AND seq = :seq",
            {"content": content, "project_key": task.project_key, "seq": task.seq},
        )

    world.run(world.db.write(work))


@one_engine
def test_an_archive_that_could_not_be_read_back_is_not_written(world, tmp_path):
    """Neither the command writes it, nor a browser, which is told why."""
    load(
        world,
        archive_rows([make_task("fits"), make_task("outgrown", "pending", content=said(1000))]),
    )
    outgrow(world, "outgrown")
    folder = tmp_path / "archives"
    folder.mkdir()

    ended_ = run_cli("archive", *store_arguments(world.settings), "--out", str(folder / "a.jsonl"))

    assert ended_.returncode == 1
    assert "the task 'outgrown' has 67109" in ended_.stderr
    assert f"at most {size_limits.ARCHIVE_LINE_BYTES_MAX}" in ended_.stderr
    assert list(folder.iterdir()) == []

    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/archive")
        assert browser.post("/archive", {"compression": "none"}).status_code == 303
        job_id = re.search(r"/archive/(job_\w+)/", browser.get("/archive").text)[1]
        job = ended(browser, f"/archive/{job_id}/progress")
        file = browser.get(f"/archive/{job_id}/file")

    assert job["state"] == "failed"
    assert "outgrown" in job["reason"]
    assert file.status_code == 404
