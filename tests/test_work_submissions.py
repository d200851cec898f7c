"""Submissions: what is accepted once, what completes a task, and what comes out of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from builders import make_message, make_turn
from floor import FORM, LIKERT, OVERALL, WHY, Floor, make_content
from plaudit.core import batching, lifecycle, review, reviews, submission
from plaudit.errors import (
    AnswersRejected,
    Conflict,
    IdempotencyMismatch,
    InvalidContent,
    LeaseLost,
    LimitReached,
    NotFound,
)
from plaudit.model import BatchStatus, TaskStatus
from plaudit.model_work import LeaseStatus, WorkState
from plaudit.wire.task import Task

OPTS = "annotation_details,model_parameters,submissions"


@pytest.fixture
def floor(world):
    floor = Floor(world)
    yield floor
    assert floor.violations() == {}


def delivered(floor: Floor, task_id: str, opts: str = OPTS) -> dict:
    """The task as clients get it."""
    with floor.world.client() as client:
        answer = client.get("/v2/task", params={"task_id": task_id, "opts": opts})
        assert answer.status_code == 200, answer.text
        return answer.json()


def values(annotations: list) -> dict:
    return {one["key"]: one.get("value") for one in annotations}


def chosen(value):
    """Choose this value where it is possible, else the first."""
    return lambda possible: value if value in possible else possible[0]


def judge(floor: Floor, user_id: str, likert: int, overall: int = 3):
    """Work on the next task: `likert` is said of the responses in their own order."""
    lease = floor.take(user_id)
    is_swapped = json.loads(lease.display)["t0u0"] == [2, 1]
    answers = floor.answers(lease)
    for one in answers:
        if one["key"] == "likert_value":
            one["value"] = 8 - likert if is_swapped else likert
        elif one["key"] == "overall":
            one["value"] = overall
    floor.submit(lease, answers)
    return lease


def test_a_submission_completes_a_task_with_what_was_answered(floor):
    [task_id] = floor.create(metadata={"a": 1})
    judge(floor, "ann", 2, overall=4)

    task = delivered(floor, task_id)

    [thread] = task["threads"]
    [turn] = thread["turns"]
    assert task["status"] == "completed"
    assert task["metadata"] == {"a": 1}
    assert [one["contributor_id"] for one in thread["submissions"]] == ["ann"]
    assert [values(one["annotations"]) for one in turn["messages"]] == [
        {},
        {"overall": 4},
        {"overall": 4},
    ]
    found = values(turn["annotations"])
    assert (found["likert_value"], found["selected_model_id"]) == (2, "base_model")
    msgspec.convert(task, Task)


def test_annotations_carry_what_the_form_says(floor):
    [task_id] = floor.create()
    judge(floor, "ann", 2)

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    overall = turn["messages"][1]["annotations"][0]

    assert overall["id"].endswith(task_id)
    assert (overall["type"], overall["possible_values"]) == ("integer", [1, 2, 3, 4, 5])
    assert "votes" not in overall


def test_answers_follow_the_response_and_not_the_place_where_it_stood(world):
    floor = Floor(world, overlap=20, review="none")
    [task_id] = floor.create()
    swapped = set()
    for number in range(20):
        lease = floor.take(f"user_{number}")
        order = json.loads(lease.display)["t0u0"]
        swapped.add(order == [2, 1])
        good = order.index(1) + 1  # base_model, wherever it is shown
        floor.submit(
            lease,
            [
                {"at": "t0u0", "position": good, "key": "overall", "value": 5},
                {"at": "t0u0", "position": 3 - good, "key": "overall", "value": 1},
                {"at": "t0u0", "key": "likert_value", "value": 1 if good == 1 else 7},
                {"at": "t0u0", "key": "justification", "value": f"@Response {good} is right."},
            ],
        )

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    found = values(turn["annotations"])

    assert swapped == {True, False}
    assert [values(one["annotations"]) for one in turn["messages"][1:]] == [
        {"overall": 5},
        {"overall": 1},
    ]
    assert (found["likert_value"], found["selected_model_id"]) == (1, "base_model")
    why = next(one for one in turn["annotations"] if one["key"] == "justification")
    assert {one["value"] for one in why["votes"]} == {"@Response 1 is right."}


def test_a_tie_selects_nobody(floor):
    [task_id] = floor.create()
    judge(floor, "ann", 4)

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]

    assert "selected_model_id" not in values(turn["annotations"])
    assert values(turn["annotations"])["likert_value"] == 4


def test_several_judges_come_to_one_value_with_their_votes_beside_it(world):
    floor = Floor(world, overlap=3)
    [task_id] = floor.create()
    for user_id, likert in (("ann", 1), ("ben", 2), ("cem", 6)):
        judge(floor, user_id, likert)

    [thread] = delivered(floor, task_id)["threads"]
    [turn] = thread["turns"]
    likert = next(one for one in turn["annotations"] if one["key"] == "likert_value")

    assert likert["value"] == 2
    assert [(one["contributor_id"], one["value"]) for one in likert["votes"]] == [
        ("ann", 1),
        ("ben", 2),
        ("cem", 6),
    ]
    assert [one["contributor_id"] for one in thread["submissions"]] == ["ann", "ben", "cem"]
    plain = json.dumps(delivered(floor, task_id, "model_parameters"))
    assert "votes" not in plain
    assert "ann" not in json.loads(plain)["threads"][0].get("submissions", [])


def test_answers_that_leave_a_question_open_wait_for_a_reviewer_who_answers_it(world):
    floor = Floor(world, overlap=2)
    [task_id] = floor.create()
    judge(floor, "ann", 1, overall=2)
    judge(floor, "ben", 3, overall=2)

    assert floor.status(task_id) is TaskStatus.pending
    assert floor.place(task_id).reason == "open questions"
    with pytest.raises(AnswersRejected) as caught:
        floor.accept(task_id)
    assert [one.key for one in caught.value.faults] == ["likert_value"]

    floor.accept(task_id, [{"at": "t0u0", "key": "likert_value", "value": 2}])

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    likert = next(one for one in turn["annotations"] if one["key"] == "likert_value")
    assert likert["value"] == 2
    assert [one["value"] for one in likert["votes"]] == [1, 3]
    assert values(turn["annotations"])["selected_model_id"] == "base_model"


def test_where_everything_is_reviewed_nothing_is_delivered_before(floor):
    floor.set(review="all")
    [task_id] = floor.create()
    judge(floor, "ann", 1)

    assert floor.status(task_id) is TaskStatus.pending
    assert [one.seq for one in floor.write(lambda tx: reviews.list_in_review(tx, floor.project))]
    floor.accept(task_id)
    assert floor.status(task_id) is TaskStatus.completed


def test_a_sample_is_drawn_by_the_task_and_has_about_the_size_asked_for(floor):
    floor.set(review="sample", review_percent=30)
    ids = [f"task_{number}" for number in range(2000)]

    drawn = [submission.review_reason(floor.project, one) for one in ids]

    assert drawn == [submission.review_reason(floor.project, one) for one in ids]
    assert 500 < drawn.count("sample") < 700
    assert set(drawn) == {"sample", None}


def test_work_that_is_sent_back_waits_for_its_author_alone(floor):
    floor.set(review="all")
    [task_id] = floor.create()
    lease = judge(floor, "ann", 1)

    floor.decide(review.send_back, task_id, "rev", "ann", comment="Look again.")

    assert floor.claim("ben") is None
    again = floor.take("ann")
    assert (again.assignment_id, again.fence > lease.fence) == (lease.assignment_id, True)
    assert json.loads(again.draft)
    floor.submit(again, key="second")
    [one] = floor.counting(task_id)
    assert (one.revision, one.supersedes is not None) == (2, True)
    assert floor.place(task_id).state is WorkState.in_review


def test_work_that_was_never_submitted_cannot_be_sent_back(floor):
    floor.set(review="all")
    [task_id] = floor.create()
    judge(floor, "ann", 1)

    with pytest.raises(NotFound):
        floor.decide(review.send_back, task_id, "rev", "ben", comment="Look again.")


def test_the_last_task_of_a_batch_completes_it(floor):
    batch = floor.batch()
    floor.create(2, batch=batch)

    statuses = []
    for _ in range(2):
        judge(floor, "ann", 1)
        statuses.append(floor.fresh_batch(batch).status)

    assert statuses == [BatchStatus.in_progress, BatchStatus.completed]


def test_the_same_submission_again_is_received_once(floor):
    [task_id] = floor.create()
    lease = floor.take()
    answers = floor.answers(lease)

    first = floor.submit(lease, answers)
    again = floor.submit(lease, answers)

    assert (again.submission_id, again.is_repeated) == (first.submission_id, True)
    assert (first.outcome, again.outcome) == ("completed", "completed")
    assert len(floor.counting(task_id)) == 1
    with pytest.raises(IdempotencyMismatch):
        floor.submit(lease, [*answers, answers[0]])
    with pytest.raises(LeaseLost, match="submitted"):
        floor.submit(lease, answers, key="another")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_a_submission_needs_a_usable_key(floor, key):
    floor.create()

    with pytest.raises(InvalidContent):
        floor.submit(floor.take(), key=key)


def test_answers_that_are_refused_leave_everything_as_it_was(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.draft(lease, 1, ["half"])

    with pytest.raises(AnswersRejected) as caught:
        floor.submit(lease, [{"at": "t0u0", "position": 1, "key": "overall", "value": 9}])

    assert [(one.pointer, one.key, one.position) for one in caught.value.faults] == [
        ("/0/value", "overall", 1),
        ("", "overall", 2),
        ("", "likert_value", None),
    ]
    assert floor.lease(lease).draft == b'["half"]'
    assert floor.place(task_id).submitted_count == 0
    floor.submit(lease)


def test_a_submission_can_be_undone_for_ten_seconds(floor):
    batch = floor.batch()
    [task_id, _] = floor.create(2, batch=batch)
    lease = floor.take()
    answers = floor.answers(lease)
    floor.submit(lease, answers)

    again = floor.undo(lease)

    assert floor.status(task_id) is TaskStatus.pending
    assert json.loads(again.draft) == answers
    assert again.display == lease.display
    assert floor.counting(task_id) == []
    floor.submit(again, key="second")
    assert floor.status(task_id) is TaskStatus.completed

    floor.age(again, submission.UNDO_MS + 1)

    with pytest.raises(Conflict, match="too late"):
        floor.undo(again)


def test_what_completed_a_task_of_a_cancelled_batch_is_neither_undone_nor_reopened(floor):
    batch = floor.batch()
    [task_id, _] = floor.create(2, batch=batch)
    lease = floor.take()
    floor.submit(lease)
    floor.write(lambda tx: batching.move(tx, batch, "cancel"))

    for again in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="batch of this task is cancelled"):
            again(lease)

    assert floor.status(task_id) is TaskStatus.completed
    assert len(floor.counting(task_id)) == 1
    assert floor.lease(lease).status is LeaseStatus.submitted
    assert floor.violations() == {}


def test_undo_works_although_the_next_tasks_are_open(floor):
    floor.create(5)
    lease = floor.take()
    floor.submit(lease)
    for _ in range(3):
        floor.take()

    with pytest.raises(LimitReached):
        floor.reopen(lease)
    floor.undo(lease)

    with pytest.raises(LimitReached):
        floor.claim()


def test_the_last_twenty_submissions_can_be_opened_again(floor):
    floor.create(22)
    leases = []
    for number in range(22):
        leases.append(floor.take())
        floor.submit(leases[-1])
        floor.age(leases[-1], 60_000 * (30 - number))

    recent = floor.write(lambda tx: submission.list_recent(tx, floor.project, "ann"))

    assert [one.assignment_id for one in recent] == [one.assignment_id for one in leases[:1:-1]]
    with pytest.raises(Conflict, match="last 20"):
        floor.reopen(leases[1])
    floor.reopen(leases[2])


def test_what_is_opened_again_and_left_lying_is_free_for_others(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    again = floor.reopen(lease)
    floor.age(again)

    other = floor.take("ben")
    floor.submit(other)

    assert [one.user_id for one in floor.counting(task_id)] == ["ben"]
    with pytest.raises(LeaseLost):
        floor.submit(again, key="late")


def test_a_task_that_is_undone_needs_as_many_as_it_had_whatever_the_project_now_says(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    floor.set(overlap=5)

    floor.submit(floor.undo(lease), key="second")

    assert floor.status(task_id) is TaskStatus.completed


def test_what_was_reviewed_stays(floor):
    floor.set(review="all")
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    floor.accept(task_id)

    for verb in (floor.undo, floor.reopen):
        with pytest.raises(Conflict, match="reviewed"):
            verb(lease)


def test_what_is_open_or_skipped_cannot_be_undone(floor):
    floor.create()
    lease = floor.take()

    with pytest.raises(Conflict, match="not submitted"):
        floor.undo(lease)


def test_what_waits_for_others_can_be_undone(world):
    floor = Floor(world, overlap=2)
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)

    floor.undo(lease)

    place = floor.place(task_id)
    assert (place.submitted_count, place.open_count) == (0, 1)
    assert floor.violations() == {}


def test_answers_kept_as_given_never_change(floor):
    [task_id] = floor.create()
    lease = floor.take()
    floor.submit(lease)
    [first] = floor.counting(task_id)
    again = floor.undo(lease)
    answers = floor.answers(again, chosen(5))
    floor.submit(again, answers, key="second")

    [second] = floor.counting(task_id)

    assert second.supersedes == first.submission_id
    assert second.answers != first.answers
    assert floor.lease(lease).status is LeaseStatus.submitted


RANKING = {"key": "ranking", "level": "turn", "type": "ranked_groups", "required": True}


def test_more_than_two_responses_are_ranked(world):
    floor = Floor(world, form={"fields": [RANKING, LIKERT, OVERALL]})
    messages = [make_message("user"), *(make_message(f"model_{n}") for n in "abc")]
    [task_id] = floor.create(content=make_content(make_turn(messages=messages)))
    lease = floor.take()
    order = json.loads(lease.display)["t0u0"]
    at = {name: order.index(index) + 1 for index, name in enumerate("abc", 1)}
    graded = [
        {"at": "t0u0", "position": position, "key": "overall", "value": 3} for position in (1, 2, 3)
    ]

    floor.submit(
        lease,
        [*graded, {"at": "t0u0", "key": "ranking", "value": [[at["b"]], [at["a"], at["c"]]]}],
    )

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    found = values(turn["annotations"])
    assert found["ranking"][0] == ["model_b"]
    assert set(found["ranking"][1]) == {"model_a", "model_c"}
    assert found["selected_model_id"] == "model_b"
    assert "likert_value" not in found


def test_a_response_written_from_nothing_becomes_a_message(world):
    floor = Floor(world, types=["SFT"], form=None)
    turn = make_turn(messages=[make_message("user", "Say hello.")])
    [task_id] = floor.create(content=make_content(turn))
    lease = floor.take()

    floor.submit(lease, [{"at": "t0u0", "key": "response", "value": "Hello! @Response 1"}])

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    written = turn["messages"][-1]
    assert (written["role"], written["source_id"]) == ("assistant", "human")
    assert written["content"]["text"] == "Hello! @Response 1"


def test_several_people_write_several_responses(world):
    floor = Floor(world, types=["SFT"], form=None, overlap=2)
    turn = make_turn(messages=[make_message("user", "Say hello.")])
    [task_id] = floor.create(content=make_content(turn))
    for user_id in ("ann", "ben"):
        said = f"Hello from {user_id}."
        floor.submit(floor.take(user_id), [{"at": "t0u0", "key": "response", "value": said}])

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]

    assert [(one["source_id"], one["content"]["text"]) for one in turn["messages"][1:]] == [
        ("human", "Hello from ann."),
        ("human_2", "Hello from ben."),
    ]


def test_steps_are_marked_one_by_one(world):
    floor = Floor(world, types=["Process Supervision"], form=None)
    chunks = [{"type": "text", "text": text, "annotations": []} for text in ("1 + 1", "= 3")]
    message = make_message("model", content={"text": "1 + 1 = 3", "chunks": chunks})
    turn = make_turn(messages=[make_message("user", "1 + 1?"), message])
    [task_id] = floor.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1, "key": "step_label"}

    floor.submit(
        floor.take(),
        [where | {"chunk": 0, "value": "correct"}, where | {"chunk": 1, "value": "incorrect"}],
    )

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    marked = turn["messages"][1]["content"]["chunks"]
    assert [values(one["annotations"]) for one in marked] == [
        {"step_label": "correct"},
        {"step_label": "incorrect"},
    ]


def test_rubric_criteria_are_scored_with_their_weights(world):
    floor = Floor(world, types=["Rubrics"], form=None)
    rubric = {
        "criteria_definitions": [
            {"id": "short", "criterion": "Is it short?", "weight": 2, "annotations": []},
            {"id": "true", "criterion": "Is it true?", "weight": 3, "annotations": []},
            {"id": "rude", "criterion": "Is it rude?", "weight": -1, "annotations": []},
        ]
    }
    turn = make_turn(messages=[make_message("user"), make_message("model")], rubrics=[rubric])
    [task_id] = floor.create(content=make_content(turn))
    where = {"at": "t0u0", "position": 1}
    met = {"short": True, "true": False, "rude": True}

    floor.submit(
        floor.take(),
        [
            *(where | {"criterion": c, "key": "score", "value": v} for c, v in met.items()),
            where | {"criterion": "true", "key": "evidence", "value": "It says 3."},
        ],
    )

    [turn] = delivered(floor, task_id)["threads"][0]["turns"]
    [evaluation] = turn["messages"][1]["rubric_evaluations"]
    scores = {
        one["criterion_definition_id"]: one["score"] for one in evaluation["criteria_evaluations"]
    }
    assert scores == {"short": 1, "true": 0, "rude": 1}
    assert (evaluation["total_score"], evaluation["percentage"]) == (1, 20)
    evidence = evaluation["criteria_evaluations"][1]["annotations"]
    assert values(evidence) == {"evidence": "It says 3."}


def test_no_answer_is_an_answer_where_the_form_offers_it(world):
    fields = [OVERALL | {"cannot_assess": True, "not_applicable": True}, LIKERT, WHY]
    floor = Floor(world, form={"fields": fields})
    [task_id] = floor.create()
    lease = floor.take()
    where = {"at": "t0u0", "key": "overall"}

    floor.submit(
        lease,
        [
            where | {"position": 1, "cannot_assess": True, "justification": "It is in Welsh."},
            where | {"position": 2, "not_applicable": True},
            {"at": "t0u0", "key": "likert_value", "value": 4},
        ],
    )

    messages = delivered(floor, task_id)["threads"][0]["turns"][0]["messages"][1:]
    found = [one["annotations"][0] for one in messages]
    by_kind = {bool(one.get("cannot_assess")): one for one in found}
    assert by_kind[True]["justification"] == "It is in Welsh."
    assert by_kind[False]["not_applicable"] is True
    assert all(one.get("value") is None for one in found)


def test_turns_that_only_led_there_are_not_asked_about(world):
    floor = Floor(world, form=FORM)
    earlier = make_turn("turn_0", [make_message("user", "Hi."), make_message("model", "Hello.")])
    later = make_turn("turn_1", [make_message("user"), make_message("a"), make_message("b")])
    floor.create(content=make_content(earlier, later))

    shown = floor.shown(floor.take())

    assert {one.at for one in shown.questions} == {"t0u1"}
    assert [one.is_asked for one in shown.threads[0].turns] == [False, True]


def test_a_completed_task_reads_the_same_through_every_door(floor):
    [task_id] = floor.create()
    judge(floor, "ann", 6)

    with floor.world.client() as client:
        asked = {"project_id": floor.project.public_id, "opts": OPTS}
        [listed] = client.get("/v2/tasks", params=asked).json()["tasks"]

    assert listed == delivered(floor, task_id)
    floor.move(lifecycle.reopen_task, task_id)
    judge(floor, "ben", 6)
    assert floor.status(task_id) is TaskStatus.completed
