"""Between an upload and its import: columns, samples, roles, the preview, and the start."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import Any

import pytest
from markupsafe import escape

from plaudit.api.transfer import upload_job
from plaudit.core.transfer import jobs
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import zstd
from plaudit.formats.table import samples
from plaudit.store.transfer.jobs import JobKind
from tests.formats.containers.row_files import WRITERS
from tests.support.harness import one_engine, walk
from tests.support.pages.browser_client import (
    add_person,
    ended,
    signed_in,
    start_import,
)
from tests.support.pages.uploads import (
    CSV,
    PLAN,
    ROLES,
    VALUES,
    imported,
    previewed,
    selected,
    uploaded,
)
from tests.support.running.every_case import every_case
from tests.workspace.accounts.test_user_pages import trace


def tasks_of(world, key: str, project: str = "Cities") -> list[dict[str, Any]]:
    with world.client(key) as client:
        return list(walk(client, limit=100, project_name=project))


def test_files_that_are_kept_are_listed_until_they_are_not(world, browser, monkeypatch):
    upload_id = uploaded(browser, CSV, "birds.csv")
    with signed_in(world, add_person(world, "manager", email="o@example.com", org="O")) as other:
        elsewhere = other.get("/import").text

    link = f'href="/import/file/{upload_id}"'
    assert link in browser.get("/import").text
    assert link not in elsewhere
    monkeypatch.setattr(jobs, "FILE_KEPT_MS", -1)
    assert link not in browser.get("/import").text


def test_an_upload_becomes_finished_tasks_with_votes_and_a_project_that_asks_for_them(
    world, browser
):
    key = world.key()

    job = imported(browser, uploaded(browser, CSV))
    again = imported(browser, uploaded(browser, CSV))

    tasks = tasks_of(world, key)
    assert job["state"] == "done"
    assert job["counts"] == {"added": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    assert again["counts"]["unchanged"] == 3
    assert {task["status"] for task in tasks} == {"completed"}
    with world.client(key) as client:
        [project] = client.get("/v2/projects").json()["projects"]
        managed = client.get(f"/manage/v1/projects/{project['id']}").json()
    assert [field["key"] for field in managed["form"]["fields"]]
    actions = [entry[0] for entry in trace(world, key)]
    assert {"receive_upload", "start_import"} <= set(actions)


TABLE = [{"q": "Why?", "a": "So, and so.", "b": "Oh."}, {"q": "When?", "a": "Now.", "b": "Never."}]


PACKED = [
    *((container, bytes) for container in WRITERS),
    *zip(WRITERS, itertools.cycle([gzip.compress, zstd.compress]), strict=False),
]
"""Each container as it is, and packed by one of both; they are unpacked before they are told."""


@pytest.mark.parametrize(("container", "pack"), PACKED)
@one_engine
def test_a_file_is_told_by_its_content_whatever_it_is_called(browser, container, pack):
    upload_id = uploaded(browser, pack(WRITERS[container](TABLE)), "rows.bin")

    page = browser.get(f"/import/file/{upload_id}").text
    roles = {"q": "prompt", "a": "response:1", "b": "response:2"}
    job = imported(browser, upload_id, roles=roles, values={})

    assert list(selected(page)) == ["q", "a", "b"]
    assert "So, and so." in page
    assert job["counts"]["added"] == 2


@one_engine
def test_a_known_format_is_told_and_why(browser):
    row = {"prompt": "Why?", "chosen": "So.", "rejected": "Oh."}

    page = browser.get(f"/import/file/{uploaded(browser, json.dumps(row).encode())}").text

    assert '<option value="trl" selected' in page
    assert "<code>chosen</code>" in page


def test_open_work_waits_in_the_queue_without_or_with_what_was_judged(world, browser):
    key = world.key()
    upload_id = uploaded(browser, CSV)

    plain = imported(browser, upload_id, project="Open", pending=True)
    kept = imported(browser, upload_id, project="Suggested", pending=True, suggestions=True)

    assert plain["counts"]["added"] == kept["counts"]["added"] == 3
    assert {task["status"] for task in tasks_of(world, key, "Open")} == {"pending"}
    with world.client(key) as client:
        annotations = {}
        for project in ("Open", "Suggested"):
            task = tasks_of(world, key, project)[0]
            content = client.get(f"/manage/v1/tasks/{task['task_id']}/content").json()
            annotations[project] = json.dumps(content).count('"key"')
    assert annotations["Open"] == 0 < annotations["Suggested"]
    assert "Open" in browser.get("/work").text


def test_completed_tasks_are_overwritten_if_asked_alone(world, browser):
    imported(browser, uploaded(browser, CSV), roles=ROLES | {"rater": "id"} | {"prompt": "prompt"})
    changed = CSV.replace(b"Nairobi.", b"Nairobi!")
    upload_id = uploaded(browser, changed)
    plan = {"roles": ROLES | {"rater": "id"}}

    kept = imported(browser, upload_id, **plan)
    replaced = imported(browser, upload_id, **plan, replace=True)

    assert kept["counts"]["rejected"] >= 1
    assert replaced["counts"]["rejected"] == 0


def test_a_mapping_is_kept_for_the_project_and_filled_in_for_its_next_file(world, browser):
    key = world.key()
    job = imported(browser, uploaded(browser, CSV), saves_mapping=True)

    fitting = browser.get(f"/import/file/{uploaded(browser, CSV, project='Cities')}").text
    other = b'{"q": "Why?", "a": "So."}\n'
    not_fitting = browser.get(f"/import/file/{uploaded(browser, other, project='Cities')}").text

    assert job["state"] == "done"
    assert "The mapping that was saved for the project is filled in" in fitting
    assert selected(fitting) == ROLES
    assert escape('"first"') in fitting
    assert "does not fit this file" in not_fitting
    with world.client(key) as client:
        [project] = client.get("/v2/projects").json()["projects"]
        saved = client.get(f"/manage/v1/projects/{project['id']}").json()["import_mapping"]
    assert saved["preference"]["values"] == VALUES
    assert "save_import_mapping" in [entry[0] for entry in trace(world, key)]


@one_engine
def test_a_label_studio_export_of_pairs_needs_its_configuration(browser):
    export = [{"id": 1, "data": {"prompt": "Why?", "a": "So.", "b": "Oh."}, "annotations": [{
        "id": 7, "completed_by": 3, "was_cancelled": False, "result": [
            {"from_name": "pick", "to_name": "pair", "type": "pairwise",
             "value": {"selected": "left"}}]}]}]  # fmt: skip
    config = (
        '<View><Text name="prompt" value="$prompt"/><Text name="one" value="$a"/>'
        '<Text name="two" value="$b"/><Pairwise name="pick" toName="one,two"/></View>'
    )
    upload_id = uploaded(browser, json.dumps(export).encode(), "export.json")

    page = browser.get(f"/import/file/{upload_id}").text
    without = previewed(browser, upload_id, format="label-studio")
    wrong = previewed(browser, upload_id, format="label-studio", config="<View")
    fitting = previewed(browser, upload_id, format="label-studio", config=config)

    assert '<option value="label-studio" selected' in page
    assert without != fitting
    assert 'data-message="' in wrong
    assert "Task 1 of 1" in fitting


def test_an_upload_of_another_organization_is_not_found(world, browser):
    upload_id = uploaded(browser, CSV)
    with signed_in(world, add_person(world, "manager", email="o@example.com", org="O")) as other:
        other.get("/import")
        answers = [
            other.get(f"/import/file/{upload_id}"),
            other.get(f"/import/file/{upload_id}/progress"),
            other.send(f"/import/file/{upload_id}/preview", PLAN),
            start_import(other, upload_id, **PLAN),
            other.post(f"/import/file/{upload_id}/cancel"),
        ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert ended(browser, f"/import/file/{upload_id}/progress")["state"] == "done"


@one_engine
def test_an_import_s_id_is_no_upload_and_an_upload_s_no_import(browser):
    upload_id = uploaded(browser, CSV)
    import_id = imported(browser, upload_id)["job_id"]

    assert browser.get(f"/import/{upload_id}").status_code == 404
    assert browser.get(f"/import/file/{import_id}").status_code == 404


def test_a_file_that_is_not_kept_any_more_is_asked_for_again(world, browser, monkeypatch):
    upload_id = uploaded(browser, CSV)
    monkeypatch.setattr(jobs, "FILE_KEPT_MS", -1)

    page = browser.get(f"/import/file/{upload_id}")
    preview = browser.send(f"/import/file/{upload_id}/preview", PLAN)
    start = start_import(browser, upload_id, **PLAN)

    assert page.status_code == 200
    assert "The file is not kept any more" in page.text
    assert [preview.status_code, start.status_code] == [404, 404]
    assert "upload it again" in start.json()["error"]


def test_two_uploads_are_kept_beside_one_another(world, browser):
    first, second = uploaded(browser, CSV), uploaded(browser, b'{"q": "Why?", "a": "So."}\n')

    assert set(selected(browser.get(f"/import/file/{first}").text)) == set(ROLES)
    assert set(selected(browser.get(f"/import/file/{second}").text)) == {"q", "a"}
    assert imported(browser, first)["counts"]["added"] == 3


def test_a_second_import_meanwhile_is_refused_and_the_file_stays(world, browser):
    environment_id, upload_id = world.org(), uploaded(browser, CSV)
    running = world.run(
        world.db.write(
            lambda tx: jobs.start_job(tx, environment_id, "x", JobKind.import_, {"file": "y"}, "x")
        )
    )

    refused = start_import(browser, upload_id, **PLAN)
    browser.get("/import")
    browser.post(f"/import/{running.job_id}/cancel")

    assert refused.status_code == 409
    assert imported(browser, upload_id)["counts"]["added"] == 3


@every_case(
    "plan, words",
    [
        ({"project": ""}, "name the project"),
        ({"project": "\u202e"}, "visible characters"),
        ({"suggestions": True, "format": "v2", "pending": True}, "say themselves"),
        ({"format": "archive"}, "archive says itself"),
        ({"roles": {}}, "choose the column"),
        ({"format": "label-studio", "config": "<View"}, "config"),
    ],
)
@one_engine
def test_a_plan_that_cannot_be_starts_nothing(world, browser, plan, words):
    upload_id = uploaded(browser, CSV)

    refused = start_import(browser, upload_id, **(PLAN | plan))

    assert refused.status_code == 400
    assert words in refused.json()["error"]
    assert "Nothing was imported here yet" in browser.get("/import").text


@one_engine
def test_a_long_configuration_is_not_sent_with_each_look_at_the_import(browser):
    upload_id = uploaded(browser, CSV)

    job = imported(browser, upload_id, mapping="# " + "x" * 90_000 + "\n" + (
        'prompt = "prompt"\n[[responses]]\ntext = "answer_a"\n'))  # fmt: skip

    assert job["state"] == "done"
    assert len(json.dumps(job)) < 10_000


@one_engine
def test_of_many_columns_the_first_are_shown_and_the_page_says_so(browser):
    row = {f"column_{number}": "x" for number in range(1000)}
    upload_id = uploaded(browser, json.dumps(row).encode(), "wide.jsonl")

    page = browser.get(f"/import/file/{upload_id}")

    assert len(selected(page.text)) == 200
    assert "These are the first 200 columns" in page.text


@one_engine
def test_the_samples_can_be_downloaded_and_imported(browser):
    answers = {name: browser.get(f"/import/samples/{name}") for name in samples.FILES}
    counts = {
        name: imported(
            browser,
            uploaded(browser, answer.content, name),
            **({"format": "table"} if name.endswith(".csv") else {"format": "trl"}),
            project=name,
        )["counts"]
        for name, answer in answers.items()
    }

    assert {answer.headers["content-disposition"].split(";")[0] for answer in answers.values()} == {
        "attachment"
    }
    assert counts["sample.csv"]["added"] == 3
    assert counts["sample.jsonl"]["added"] == 2
    assert browser.get("/import/samples/absent.csv").status_code == 404


def test_first_rows_are_kept_up_to_a_size_and_a_larger_row_is_left_out(monkeypatch):
    monkeypatch.setattr(upload_job, "HEAD_BYTES_MAX", 200)
    rows = [
        Row(file="x", number=number, value={"a": "y" * size}, size=size)
        for number, size in enumerate((50, 500, 50, 50, 50), 1)
    ]

    kept = upload_job.decode_rows(upload_job.encode_rows(rows), "x")

    assert [row.number for row in kept] == [1, 3, 4]
    assert kept[0].value == {"a": "y" * 50}
