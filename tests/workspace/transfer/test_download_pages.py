"""Download pages: a preview, a file by a job, and what is kept of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plaudit.core.transfer import jobs
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.store.transfer.jobs import JobKind
from plaudit.workspace.transfer import download_pages
from tests.support.builders import make_task
from tests.support.harness import run_cli, store_arguments
from tests.support.operations import calling
from tests.support.pages.browser_client import add_person, ended, signed_in
from tests.support.running.every_case import every_case
from tests.transfer.judged_exports import judged

PAGE = "/projects/project_123/download"


@pytest.fixture
def stored(world):
    """Thirty judged tasks of which three are ties, and one that is not done."""
    rows = [judged(number, 4 if number % 10 == 0 else 1) for number in range(30)]
    world.load([*rows, make_task("task_open", status="pending")])
    return world


@pytest.fixture
def browser(stored):
    with signed_in(stored, add_person(stored, "manager", name="Mia")) as browser:
        browser.get(PAGE)
        yield browser


@pytest.fixture
def delivery_page(stored, browser):
    """The download page of a delivery of what is completed."""
    browser.get("/deliveries/projects/project_123")
    browser.post("/deliveries/projects/project_123", {"name": "May"})

    deliveries = "/deliveries/projects/project_123"
    running = re.search(r"/deliveries/jobs/(job_\w+)/progress", browser.get(deliveries).text)
    if running is not None:
        ended(browser, running[0])
    found = re.search(r'href="(/deliveries/[^/"]+)"><bdi>May', browser.get(deliveries).text)
    assert found is not None
    path = f"{found[1]}/download"
    assert f'href="{path}"' in browser.get(found[1]).text
    browser.get(path)
    return path


def written(browser: Any, path: str = PAGE, **fields: str) -> dict[str, Any]:
    """The job of a file, once it is there."""
    answer = browser.post(path, {"format": "trl-preference", "container": "jsonl"} | fields)
    assert answer.status_code == 303
    there, _, job_id = answer.headers["location"].partition("?job=")
    assert there == path
    job = ended(browser, f"/exports/{job_id}/progress")
    assert job["state"] == "done", job
    return job


def test_a_file_has_the_bytes_that_the_command_writes(stored, browser, tmp_path):
    out = tmp_path / "out.jsonl"
    arguments = ["--project", "project_123", "--format", "trl-preference", "--out", str(out)]
    run_cli("export", *store_arguments(stored.settings), *arguments)
    job = written(browser)
    path = f"/exports/{job['job_id']}"
    whole, manifest = browser.get(f"{path}/file"), browser.get(f"{path}/manifest.json")
    part = browser.get(f"{path}/file", Range="bytes=100-199")
    beyond = browser.get(f"{path}/file", Range=f"bytes={len(whole.content)}-")

    assert whole.content == out.read_bytes()
    assert whole.headers["content-disposition"].startswith(
        'attachment; filename="project_123 trl-preference.jsonl"'
    )
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert beyond.status_code == 416
    assert manifest.json()["rows"] == len(whole.text.splitlines()) == 27
    assert len(manifest.json()["origins"]) == 27
    assert manifest.json()["files"][0]["bytes"] == len(whole.content)


@pytest.mark.parametrize("name", ["trl-preference", "llama-factory"])
def test_the_parts_of_a_file_are_those_that_the_command_writes(stored, browser, tmp_path, name):
    out, split = tmp_path / f"{name}.jsonl", "train=0.7,test=0.3"
    arguments = ["--project", "project_123", "--format", name, "--out", str(out), "--split", split]
    run_cli("export", *store_arguments(stored.settings), *arguments)
    path = f"/exports/{written(browser, format=name, split=f' {split} ')['job_id']}"
    page = browser.get(PAGE).text
    asked = ["file?part=train", "file?part=test", "manifest.json"]
    asked += ["side-file"] * (name == "llama-factory")
    answers = [browser.get(f"{path}/{one}") for one in asked]
    range_of_test = browser.get(f"{path}/file?part=test", Range="bytes=100-199")

    names = [f"{name}.train.jsonl", f"{name}.test.jsonl", f"{name}.jsonl.manifest.json"]
    names += ["dataset_info.json"] * (name == "llama-factory")
    assert [one.content for one in answers] == [(tmp_path / one).read_bytes() for one in names]
    assert all(f'href="{path}/{one}"' in page for one in asked)
    assert f'{names[1]}"' in answers[1].headers["content-disposition"]
    assert answers[0].headers["etag"] != answers[1].headers["etag"]
    assert range_of_test.content == answers[1].content[100:200]
    assert 'value="train=0.7,test=0.3"' in browser.get(f"{PAGE}?job={path[9:]}").text
    assert {browser.get(f"{path}/{one}").status_code for one in ("file", "file?part=dev")} == {404}


@pytest.mark.parametrize(
    ("name", "beside"),
    [("llama-factory", "dataset_info.json"), ("label-studio", "label-studio.json.config.xml")],
)
def test_a_file_that_another_one_tells_of_has_it_beside_it(stored, browser, tmp_path, name, beside):
    container = "json"
    out = tmp_path / f"{name}.{container}"
    arguments = ["--project", "project_123", "--format", name, "--out", str(out)]
    run_cli("export", *store_arguments(stored.settings), *arguments)
    path = f"/exports/{written(browser, format=name, container=container)['job_id']}"
    page = browser.get(PAGE).text
    names = ("file", "manifest.json", "side-file")
    answers = [browser.get(f"{path}/{one}") for one in names]
    plain = f"/exports/{written(browser)['job_id']}/side-file"

    assert [one.content for one in answers] == [
        (tmp_path / one).read_bytes() for one in (out.name, f"{out.name}.manifest.json", beside)
    ]
    assert f'href="{path}/side-file"' in page
    assert f'filename="{beside}"' in answers[2].headers["content-disposition"]
    assert f'filename="{out.name}"' in answers[0].headers["content-disposition"]
    assert browser.get(plain).status_code == 404
    assert plain not in browser.get(PAGE).text


@every_case("fields, suggested", [
        ([("overall", "message", "integer"), ("selected_model_id", "turn", "category")],
         "trl-preference"),
        ([("order", "turn", "ranked_choices")], "trl-preference"),
        ([("overall", "message", "integer")], "trl-kto"),
        ([("acceptable", "message", "boolean")], "trl-kto"),
        ([("step_label", "chunk", "category")], "trl-stepwise"),
        ([("tone", "message", "text")], "annotations"),
    ])  # fmt: skip
def test_the_format_that_fits_the_form_stands_first(stored, browser, fields, suggested):
    form = {"fields": [{"key": key, "level": level, "type": kind} for key, level, kind in fields]}
    with calling(stored, stored.key()) as client:
        changed = client.patch("/manage/v1/projects/project_123", json={"form": form})
    page = browser.get(PAGE).text

    assert changed.status_code == 200, changed.text
    first = re.search(
        r'<optgroup label="For what this project asks">\s*<option value="([^"]+)"[^>]*>', page
    )
    assert first is not None
    assert first[1] == suggested
    assert first[0].rstrip(">").endswith(" selected")
    assert page.count(f'<option value="{suggested}"') == 1


def test_the_page_lists_files_with_what_was_left_out_and_by_whom(browser):
    assert "No file yet" in browser.get(PAGE).text
    job = written(browser)
    page = browser.get(PAGE).text

    assert f'href="/exports/{job["job_id"]}/file"' in page
    assert "by <bdi>Mia</bdi>" in page
    assert "left out: 1 × not completed" in page
    assert "left out: 3 × tie" in page
    assert "trl-preference.jsonl" in page


def test_the_form_begins_with_the_choices_of_a_file_that_was_written(browser):
    fields = {"pairs": "all", "completed_after": "2025-01-01", "min_difference": "1.5"}
    fields["metadata"] = " set=a \n\nround=2"
    job = written(browser, format="trl-kto", rewrites="on", status="completed", **fields)
    plain = browser.get(PAGE).text
    again = re.search(rf'href="({PAGE}\?job={job["job_id"]})">Same again', plain)
    assert again is not None
    page = browser.get(again[1]).text

    for chosen in ("trl-kto", "all", "completed"):
        option = rf'<option value="{chosen}"[^>]* selected>'
        assert re.search(option, page)
        assert not re.search(option, plain)
    assert 'value="2025-01-01"' in page
    assert 'value="1.5"' in page
    assert re.search(r'id="metadata"[^>]*>\s*set=a\nround=2</textarea>', page)
    assert re.search(r'id="rewrites"[^>]* checked', page)
    assert page.count("<details open>") == 2 > plain.count("<details open>")
    assert browser.get(f"{PAGE}?job=job_of_nobody").status_code == 200


def test_a_file_of_a_delivery_is_listed_at_both(browser, delivery_page):
    job = written(browser, delivery_page, container="jsonl.gz")
    page = browser.get(PAGE).text

    assert f"/exports/{job['job_id']}/file" in page
    assert "of the delivery <bdi>May</bdi>" in page
    assert "Which tasks" not in browser.get(delivery_page).text
    answer = browser.get(f"/exports/{job['job_id']}/file")
    assert answer.headers["content-type"] == "application/gzip"


def test_a_preview_shows_the_first_rows_and_counts_what_is_left_out(browser):
    answer = browser.send(f"{PAGE}/preview", {"format": "trl-preference"})
    kto = browser.send(f"{PAGE}/preview", {"format": "trl-kto", "ties": "both-desirable"})
    none = browser.send(
        f"{PAGE}/preview", {"format": "trl-preference", "completed_after": "2030-01-01"}
    )

    assert "The first 31 tasks give <strong>27 rows</strong>" in answer.text
    assert "3 × tie" in answer.text
    assert answer.text.count('<pre class="row"') == 3
    assert "Question 1?" in answer.text
    assert "<strong>60 rows</strong>" in kto.text
    assert "No task is selected" in none.text
    assert "No file yet" in browser.get(PAGE).text


def test_a_preview_ends_where_metadata_is_rare(monkeypatch, stored, browser):
    monkeypatch.setattr(download_pages, "PREVIEW_READS_MAX", 1)
    monkeypatch.setattr("plaudit.formats.exporting.selection.HEADS_PER_READ", 10)
    stored.load([judged(number, metadata={"set": "a"}) for number in (80, 81)])
    draft = {"format": "trl-preference", "metadata": "set=a"}
    few = browser.send(f"{PAGE}/preview", draft)
    monkeypatch.setattr(download_pages, "PREVIEW_READS_MAX", 50)
    all_of_them = browser.send(f"{PAGE}/preview", draft)

    assert "None of the first tasks is selected" in few.text
    assert "The first 2 tasks give" in all_of_them.text


def test_a_preview_reads_a_bounded_number_of_tasks(monkeypatch, browser):
    monkeypatch.setattr(download_pages, "PREVIEW_BYTES", 100)
    answer = browser.send(f"{PAGE}/preview", {"format": "trl-preference"})

    assert "The first 10 tasks give" in answer.text


def test_what_is_in_a_task_is_text_in_a_preview(stored, browser):
    hostile = judged(0, 1)
    hostile["threads"][0]["turns"][0]["messages"][0]["content"]["text"] = "<script>x()</script>"
    stored.load([hostile | {"project": "hostile", "task_id": "hostile"}])
    browser.get("/projects/hostile/download")
    answer = browser.send("/projects/hostile/download/preview", {"format": "trl-preference"})

    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


@every_case(
    "fields, said",
    [
        ({"format": "pickle"}, "format must be one of"),
        ({"container": "exe"}, "container must be one of"),
        ({"min_difference": "-1"}, "at least 0"),
        ({"min_difference": "nan"}, "at least 0"),
        ({"completed_after": "soon"}, "ISO 8601"),
        ({"metadata": "set=a\nalone"}, "KEY=VALUE, not"),
        ({"pairs": "some"}, "pairs"),
        ({"split": "train=0.9"}, "add up to 0.9"),
        ({"split": "manifest=1"}, "cannot be named manifest"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_in_the_preview(browser, fields, said):
    refused = browser.post(PAGE, {"format": "trl-preference"} | fields)
    draft: dict[str, Any] = {"format": "trl-preference"} | fields
    if "min_difference" in draft:
        draft["min_difference"] = -1
    preview = browser.send(f"{PAGE}/preview", draft)

    assert refused.status_code == 400
    assert said.lower() in refused.text.lower()
    assert preview.status_code in (200, 400)
    assert said.lower() in preview.text.lower()
    assert "No file yet" in browser.get(PAGE).text


def test_what_is_not_there_is_not_found_whatever_is_chosen(browser):
    for page in ("/projects/nobody/download", "/deliveries/nobody/download"):
        statuses = [
            browser.get(page).status_code,
            browser.send(f"{page}/preview", {"format": "pickle"}).status_code,
            browser.post(page, {"format": "pickle"}).status_code,
        ]
        assert statuses == [404] * 3


def test_each_format_says_what_it_is_for(browser):
    page = browser.get(PAGE).text
    shown = set(re.findall(r'data-purpose="([^"]+)" data-containers="[\w. ]+"', page))

    assert len(shown) == len({one.purpose for one in EXPORT_FORMATS.values()})


def test_files_of_others_are_not_there(stored, browser):
    job = written(browser)
    stranger = add_person(stored, "admin", email="o@example.com", org="Other")
    paths = [f"/exports/{job['job_id']}/{one}" for one in ("file", "manifest.json", "progress")]
    with signed_in(stored, stranger) as other:
        statuses = [other.get(path).status_code for path in (*paths, PAGE)]
    with signed_in(stored, add_person(stored, "reviewer")) as below:
        roles = [below.get(path).status_code for path in (*paths, PAGE)]

    assert statuses == [404] * 4
    assert roles == [403] * 4


def test_the_newest_files_are_kept_for_their_time(monkeypatch, stored, browser):
    monkeypatch.setattr("plaudit.api.transfer.export_job.KEPT_MAX", 2)
    first, *others = [written(browser)["job_id"] for _ in range(3)]
    kept = [browser.get(f"/exports/{one}/file").status_code for one in (first, *others)]
    age = {"by": jobs.FILE_KEPT_MS + 1}
    stored.run(stored.db.write(lambda tx: tx.run("UPDATE job SET ended_ms = ended_ms - :by", age)))
    late = stored.run(jobs.delete_expired_files(stored.db, stored.objects))

    assert kept == [404, 200, 200]
    assert late == 2
    assert browser.get(PAGE).text.count("not kept any more") == 3


def test_a_second_file_is_refused_while_one_is_written(stored, browser):
    environment_id, about = stored.org(), {"project_id": "project_123", "format": "trl-kto"}
    stored.run(
        stored.db.write(
            lambda tx: jobs.start_job(
                tx, environment_id, "user_x", JobKind.export, about, "exporting"
            )
        )
    )
    answer = browser.post(PAGE, {"format": "trl-preference"})

    assert answer.status_code == 409
    assert "An export of your organization is under way" in answer.text
    assert "disabled>Write file" in answer.text
