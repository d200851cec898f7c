"""Quality over the management API: computed by a job, answered from the last report."""

from __future__ import annotations

import json
import signal
import time

import pytest

from plaudit.api.transfer import quality_job, report_process
from plaudit.api.transfer.report_process import _follow as follow
from plaudit.core.transfer import jobs
from plaudit.store.transfer.jobs import JobKind
from tests.support.harness import both_engines, one_engine, run_cli, store_arguments
from tests.support.labeling_project import LabelingProject
from tests.support.running.every_case import every_case

STARS = {"key": "stars", "level": "message", "type": "integer", "possible_values": [1, 2, 3]}
BETTER = {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"}
WHY = {"key": "why", "level": "turn", "type": "text"}
PARTS = ("", "/annotators", "/bias", "/leaderboard")


@pytest.fixture
def floor(world) -> LabelingProject:
    """A project in which three people have answered four tasks."""
    floor = LabelingProject(world, "Judged", form={"fields": [STARS, BETTER, WHY]}, overlap=3)
    floor.create(4, batch=floor.batch("First"))
    for number, person in enumerate(("ann", "bob", "cat")):
        for task in range(4):
            floor.work_on(person, lambda values, at=number + task: values[at % 3])
    return floor


@pytest.fixture
def client(world, floor):
    with world.client(world.key()) as client:
        yield client


def path_of(floor, rest=""):
    return f"/manage/v1/projects/{floor.project.project_id}/quality{rest}"


def computed(client, floor, **options):
    """The ended job of a report by these options."""
    answer = client.post(path_of(floor), json=options)
    assert answer.status_code == 200, answer.text
    return ended(client, floor, answer.json()["id"])


def ended(client, floor, job_id):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = client.get(path_of(floor, f"/jobs/{job_id}")).json()
        if found["state"] != "running":
            return found
        time.sleep(0.02)
    raise AssertionError("the job does not end")


@both_engines
def test_the_answer_is_the_json_that_the_command_prints(world, floor, client):
    for options, given in (
        ({"by": "batch", "style": ["length"]}, ("--by", "batch", "--style", "length")),
        ({"question": "stars", "level": "nominal", "order": ["3", "2", "1"]},
         ("--question", "stars", "--level", "nominal", "--order", "3,2,1")),
        ({"orientation": "stored", "votes": "majority", "ties": "skip", "without_leaks": True},
         ("--orientation", "stored", "--votes", "majority", "--ties", "skip", "--without-leaks")),
    ):  # fmt: skip
        job = computed(client, floor, **options)
        printed = run_cli(
            *("report", "--project", "Judged", "--json", *given),
            *store_arguments(world.settings),
        )
        answer = client.get(path_of(floor))

        assert job["state"] == "done", job
        assert answer.json() == json.loads(printed.stdout)
        assert json.dumps(answer.json()) == json.dumps(json.loads(printed.stdout))


def test_parts_of_the_report_are_answered_alone_and_say_as_of_when_they_are(floor, client):
    job = computed(client, floor, by="batch")
    report, annotators, bias, board = (client.get(path_of(floor, part)) for part in PARTS)
    floor.create(1)
    floor.work_on("dan")

    as_of = json.loads(client.get(path_of(floor)).headers["plaudit-quality"])

    assert (job["done"], job["total"]) == (4, 4)
    assert bias.json() == report.json()["bias"]
    assert board.json() == report.json()["leaderboard"]
    [stars, *_] = report.json()["questions"]
    [person, *_] = annotators.json()["people"]
    assert (person["contributor_id"], person["tasks"]) == ("ann", 4)
    assert person["questions"][0]["with_others"] == stars["people"][0]["with_others"]
    assert person["questions"][0]["accuracy"] is not None
    before = json.loads(report.headers["plaudit-quality"])
    assert before["since"] == 0
    assert as_of == before | {"since": 1}
    assert (as_of["tasks"], as_of["votes"], as_of["options"]["by"]) == (4, 48, "batch")
    assert as_of["submission_id"].startswith("submission_")


@one_engine
def test_who_has_the_last_report_is_not_sent_it_again(floor, client):
    computed(client, floor)
    for part in PARTS:
        etag = client.get(path_of(floor, part)).headers["etag"]
        for sent in (etag, f'"x", W/{etag}', "*"):
            answer = client.get(path_of(floor, part), headers={"If-None-Match": sent})

            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == etag
            assert "plaudit-quality" in answer.headers
    computed(client, floor)

    again = client.get(path_of(floor), headers={"If-None-Match": etag})

    assert again.status_code == 200
    assert again.headers["etag"] != etag


@one_engine
def test_before_the_first_report_the_answer_says_what_to_do(world, floor, client):
    for part in PARTS:
        answer = client.get(path_of(floor, part))

        assert answer.status_code == 404
        assert f"POST to {path_of(floor)}" in answer.json()["error"]


@one_engine
@every_case(
    "options, pointer",
    [
        ({"question": "stairs"}, "/question"),
        ({"style": ["color"]}, "/style"),
        ({"style": ["length", "length"]}, "/style"),
        ({"order": ["1", "1"]}, "/order"),
        ({"order": ["x" * 4001, "y" * 4000]}, "/order"),
        ({"by": " "}, "/by"),
        ({"by": "x" * 1001}, "/by"),
        ({"level": "odd"}, "/level"),
        ({"votes": "some"}, "/votes"),
    ],
)
def test_options_that_no_report_has_are_refused_by_name(floor, client, options, pointer):
    answer = client.post(path_of(floor), json=options)

    assert answer.status_code == 400
    assert answer.json()["pointer"] == pointer


@one_engine
def test_options_that_do_not_fit_the_votes_fail_the_job_and_leave_the_last_report(floor, client):
    computed(client, floor)
    before = client.get(path_of(floor))

    for options, why in (
        ({"by": "colour"}, "no task has 'colour'"),
        ({"order": ["9"]}, "these categories"),
    ):
        job = computed(client, floor, **options)

        assert job["state"] == "failed"
        assert why in job["reason"]
    assert client.get(path_of(floor)).content == before.content


@both_engines
def test_one_job_runs_at_a_time_and_a_cancelled_one_makes_way(world, floor, client):
    request, environment_id = {"project_id": floor.project.project_id, "options": {}}, world.org()
    running = world.run(
        world.db.write(
            lambda tx: jobs.start_job(tx, environment_id, "x", JobKind.quality, request, "reading")
        )
    )
    path = path_of(floor, f"/jobs/{running.job_id}/cancel")

    refused = client.post(path_of(floor), json={})
    cancelled = client.post(path, json={})
    after = computed(client, floor)

    assert refused.status_code == 409
    assert cancelled.json()["state"] == "cancelled"
    assert after["state"] == "done"


def test_a_request_that_is_repeated_starts_one_job(world, floor, client):
    answers = [
        client.post(path_of(floor), json={}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    ended(client, floor, answers[0].json()["id"])

    environment_id = world.org()

    async def count():
        async with world.db.read() as tx:
            return await jobs.list_latest_jobs(tx, environment_id, JobKind.quality, 9)

    assert answers[0].json() == answers[1].json()
    assert len(world.run(count())) == 1


@one_engine
def test_a_report_leaves_nothing_behind_of_those_before_it(world, floor, client):
    computed(client, floor)
    computed(client, floor)

    async def count():
        async with world.db.read() as tx:
            return await tx.all("SELECT DISTINCT snapshot_id FROM quality_part", {})

    assert len(world.run(count())) == 1


@one_engine
def test_quality_is_of_its_project_and_organization_alone(world, floor, client):
    other = LabelingProject(world, "Other")
    job = computed(client, floor)
    answers = [client.get(path_of(other, f"/jobs/{job['id']}"))]
    with world.client(world.key("Stranger")) as stranger:
        answers += [stranger.get(path_of(floor, part)) for part in PARTS]
        answers.append(stranger.post(path_of(floor), json={}))

    assert {answer.status_code for answer in answers} == {404}


@both_engines
def test_a_large_report_is_made_by_a_process_of_its_own(floor, client, monkeypatch):
    computed(client, floor, by="batch")
    before = client.get(path_of(floor))
    monkeypatch.setattr(quality_job, "APART_FROM", 0)

    job = computed(client, floor, by="batch")
    failed = computed(client, floor, by="colour")

    assert (job["state"], job["done"], job["total"]) == ("done", 4, 4)
    assert client.get(path_of(floor)).content == before.content
    assert client.get(path_of(floor)).headers["etag"] != before.headers["etag"]
    assert failed["reason"] == "no task has 'colour' in its metadata"


@one_engine
def test_the_process_of_a_cancelled_job_is_ended(floor, client, monkeypatch):
    """The process here is one that says nothing and never ends by itself."""
    monkeypatch.setattr(quality_job, "APART_FROM", 0)
    monkeypatch.setattr(report_process, "COMMAND", ("sleep", "600"))
    monkeypatch.setattr(report_process, "CHECK_SECONDS", 0.01)
    begun = []

    def noting(process, *rest):
        begun.append(process)
        return follow(process, *rest)

    monkeypatch.setattr(report_process, "_follow", noting)
    job = client.post(path_of(floor), json={}).json()
    until = time.monotonic() + 60
    while not begun and time.monotonic() < until:
        client.get(path_of(floor, f"/jobs/{job['id']}"))
        time.sleep(0.01)

    client.post(path_of(floor, f"/jobs/{job['id']}/cancel"), json={})
    while begun[0].poll() is None and time.monotonic() < until:
        client.get(path_of(floor, f"/jobs/{job['id']}"))
        time.sleep(0.01)

    assert begun[0].poll() == -signal.SIGKILL
    assert ended(client, floor, job["id"])["state"] == "cancelled"
