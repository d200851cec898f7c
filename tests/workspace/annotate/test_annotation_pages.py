"""The annotation page over HTTP: taking, keeping, submitting, and what the page must not say."""

from __future__ import annotations

from typing import Any

from plaudit.core.tasks import batches
from plaudit.core.tasks.projects import create_batch
from tests.support.annotators import AnnotationTeam, Worker, good_answers
from tests.support.app_client import AppClient
from tests.support.harness import World


def submit(worker: Worker, lease_version: int = 1, **more: Any) -> Any:
    body = {
        "lease_version": lease_version,
        "answers": good_answers(),
        "client_key": "k1",
        "active_ms": 5000,
    }
    return worker.call("submit", **(body | more))


def test_looking_at_the_queue_takes_nothing(team: AnnotationTeam, ann: Worker):
    team.add(count=2)

    pages = [ann.get(team.path).text for _ in range(3)]

    assert all("2 tasks waiting" in page for page in pages)


def test_taking_a_task_leads_to_its_page(team: AnnotationTeam, ann: Worker):
    team.add()

    state = ann.take()

    assert (state["is_open"], state["revision"], state["lease_version"]) == (True, 0, 1)


def test_nothing_can_be_typed_into_a_page_before_its_draft_is_there(
    team: AnnotationTeam, ann: Worker
):
    """Its script takes the mark away; what was typed before would be replaced."""
    team.add()
    state = ann.take()

    before = '<div id="task" inert' in ann.get(ann.at).text
    ann.call("release", lease_version=state["lease_version"])
    after = '<div id="task" inert' in ann.get(ann.at).text

    assert (before, after) == (True, False)


def test_an_empty_queue_says_so(team: AnnotationTeam, ann: Worker):
    answer = ann.form(team.path)

    assert (answer.status_code, answer.headers["location"]) == (303, team.path)
    assert "No task is waiting" in ann.get(team.path).text


def test_a_task_is_not_taken_without_the_token_of_the_page(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.csrf = "wrong"

    answer = ann.form(team.path)

    assert answer.status_code == 403
    assert "1 task waiting" in ann.get(team.path).text


def test_somebody_elses_task_is_not_there(team: AnnotationTeam, ann: Worker, client: AppClient):
    team.add()
    ann.take()
    bob = team.worker(client, "Bob")
    bob.at = ann.at

    assert bob.get(ann.at).status_code == 404
    assert (
        bob.call("draft", lease_version=1, revision=1, answers=[], active_ms=0).status_code == 404
    )
    assert submit(bob).status_code == 404


def test_a_draft_comes_back_as_it_was_saved(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()
    answers = good_answers()[:3]

    kept = ann.call("draft", lease_version=1, revision=1, answers=answers, active_ms=1234).json()

    assert kept["revision"] == 1
    state = ann.state()
    assert (state["draft"], state["revision"]) == (answers, 1)


def test_the_same_revision_with_other_answers_is_a_conflict_that_says_where_we_are(
    team: AnnotationTeam, ann: Worker
):
    team.add()
    ann.take()
    ann.call("draft", lease_version=1, revision=1, answers=good_answers()[:1], active_ms=0)

    again = ann.call("draft", lease_version=1, revision=1, answers=good_answers()[:1], active_ms=0)
    other = ann.call("draft", lease_version=1, revision=1, answers=[], active_ms=0)

    assert again.status_code == 200
    assert (other.status_code, other.json()["code"], other.json()["revision"]) == (
        409,
        "draft_conflict",
        1,
    )


def test_a_submission_is_taken_once_however_often_it_is_sent(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()

    first, second = submit(ann), submit(ann)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["submission_id"] == second.json()["submission_id"]


def test_submitting_takes_the_next_task_where_that_is_wanted(team: AnnotationTeam, ann: Worker):
    team.add(count=2)
    ann.take()
    was = ann.at

    following = submit(ann, goes_on=True).json()["next"]

    assert following not in (None, was)
    assert ann.get(following).status_code == 200


def test_missing_answers_are_named_by_what_they_are_about(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()
    answers = [one for one in good_answers() if one["key"] not in ("likert_value", "safety")]

    answer = submit(ann, answers=answers)

    assert (answer.status_code, answer.json()["code"]) == (400, "answers_rejected")
    about = {(one.get("position"), one["key"]) for one in answer.json()["faults"]}
    assert about == {(None, "likert_value"), (1, "safety"), (2, "safety")}
    assert ann.state()["is_open"]


def test_what_was_submitted_stands_in_the_listing(
    team: AnnotationTeam, ann: Worker, client: AppClient
):
    (task_id,) = team.add()
    ann.take()
    submit(ann)

    (task,) = client.get("/v2/tasks", params={"project_id": team.project.project_id}).json()[
        "tasks"
    ]

    assert (task["task_id"], task["status"]) == (task_id, "completed")
    turn = task["threads"][0]["turns"][1]
    likert = {one["key"]: one.get("value") for one in turn["annotations"]}
    assert likert["selected_model_id"] in ("zeta-model-9", "omega-model-7")
    assert likert["justification"].startswith("@Response ")


def test_undo_brings_the_answers_back(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()
    submit(ann)

    answer = ann.call("undo")

    assert answer.json()["next"] == ann.at
    state = ann.state()
    assert (state["is_open"], state["draft"]) == (True, good_answers())


def test_work_on_a_batch_that_was_cancelled_is_not_opened_again_and_says_why(
    team: AnnotationTeam, ann: Worker, client: AppClient
):
    batch = team.write(lambda tx: create_batch(tx, team.project, name="B"))
    team.add(count=2, batch=batch)
    ann.take()
    submit(ann)
    team.write(lambda tx: batches.apply_action(tx, batch, "cancel"))

    undone = ann.call("undo")
    opened = ann.form(f"{ann.at}/reopen")
    kept = {f"__Host-plaudit={ann.token}", opened.headers["set-cookie"].split(";")[0]}
    told = client.get(f"{team.path}/mine", headers={"Cookie": "; ".join(kept)}).text

    assert (undone.status_code, undone.json()["code"]) == (409, "conflict")
    assert "cancelled" in undone.json()["error"]
    assert opened.headers["location"] == f"{team.path}/mine"
    assert "The batch of this task is cancelled" in told
    assert "Hello!" in told


def test_what_was_delivered_is_listed_as_such_and_not_to_be_opened(
    team: AnnotationTeam, ann: Worker, world: World
):
    team.add()
    ann.take()
    submit(ann)
    path = f"/manage/v1/projects/{team.project.project_id}/deliveries"
    with world.client() as manager:
        assert manager.post(path, json={"name": "January"}).status_code == 200

    listed = ann.get(f"{team.path}/mine").text
    ann.form(f"{ann.at}/reopen")

    assert "Delivered" in listed
    assert "Open again" not in listed
    assert not ann.state()["is_open"]


def test_one_s_own_last_submissions_can_be_opened_again(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()
    submit(ann)

    listed = ann.get(f"{team.path}/mine").text
    answer = ann.form(f"{ann.at}/reopen")

    assert "How do I boil" not in listed
    assert "Hello!" in listed
    assert answer.headers["location"] == ann.at
    assert ann.state()["is_open"]


def test_a_skipped_task_needs_a_reason_and_does_not_come_back(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()

    wrong = ann.call("skip", lease_version=1, reason="bored")
    right = ann.call("skip", lease_version=1, reason="too_hard", note="Chemistry", goes_on=True)

    assert (wrong.status_code, wrong.json()["pointer"]) == (400, "/reason")
    assert right.json()["next"] == team.path
    assert ann.form(team.path).headers["location"] == team.path


def test_a_flag_leaves_the_task_with_its_holder(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()

    answer = ann.call("flag", lease_version=1, reason="flagged", note="The prompt is cut off.")

    assert answer.status_code == 200
    assert ann.state()["is_open"]


def test_a_reported_task_is_off_the_queue_for_everybody(
    team: AnnotationTeam, ann: Worker, client: AppClient
):
    team.add()
    ann.take()

    answer = ann.call("report", lease_version=1, reason="harmful")

    assert answer.status_code == 200
    bob = team.worker(client, "Bob")
    assert bob.form(team.path).headers["location"] == team.path


def test_a_task_given_back_keeps_its_draft_for_the_one_who_takes_it_again(
    team: AnnotationTeam, ann: Worker
):
    team.add()
    ann.take()
    ann.call("draft", lease_version=1, revision=1, answers=good_answers()[:2], active_ms=0)
    ann.call("release", lease_version=1)

    lost = ann.call("draft", lease_version=1, revision=2, answers=[], active_ms=0)
    ann.form(f"{ann.at}/resume")

    assert (lost.status_code, lost.json()["code"]) == (409, "lease_lost")
    state = ann.state()
    assert (state["is_open"], state["lease_version"], state["draft"]) == (
        True,
        2,
        good_answers()[:2],
    )


def test_a_heartbeat_renews_the_lease(team: AnnotationTeam, ann: Worker):
    team.add()
    before = ann.take()["expires_ms"]

    after = ann.call("heartbeat", lease_version=1, active_ms=1000).json()["expires_ms"]

    assert after >= before


HOSTILE_SUBMISSIONS: tuple[dict[str, Any], ...] = (
    {"lease_version": 1},
    {"lease_version": "1", "answers": [], "client_key": "k", "active_ms": 0},
    {"lease_version": 1, "answers": {}, "client_key": "k", "active_ms": 0},
    {"lease_version": 1, "answers": [], "client_key": "", "active_ms": 0},
    {"lease_version": 1, "answers": [], "client_key": "k", "active_ms": 0, "user_id": "bob"},
    {"lease_version": 1, "answers": [7, None, "x"], "client_key": "k", "active_ms": 0},
)


def test_a_hostile_submission_is_refused_and_changes_nothing(team: AnnotationTeam, ann: Worker):
    team.add()
    ann.take()

    for body in HOSTILE_SUBMISSIONS:
        answer = ann.call("submit", **body)

        assert answer.status_code == 400, (body, answer.text)
        assert ann.state()["is_open"], body
