"""What a change of a large task computes leaves the event loop to others, on both engines."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from plaudit.core.labeling import consensus, question_results
from plaudit.core.labeling.adjudication import review_order, task_outcome
from plaudit.core.tasks import lifecycle, thread_votes
from plaudit.model.core import TaskStatus
from plaudit.wire.v2 import parse, render
from tests.labeling.test_work_review import LIKERT_2, correct
from tests.labeling.test_work_submissions import judge
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content
from tests.support.operations import calling

STEPS = (
    (parse, "read_task"),
    (render, "render"),
    (question_results, "make_review_state"),
    (task_outcome, "consolidate"),
    (review_order, "disagreement"),
    (consensus, "correct"),
    (thread_votes, "thread_votes"),
    (lifecycle, "content_from_threads"),
)
"""What takes time in proportion to a task's length, where a task changes."""

NAMES = {name for _, name in STEPS}


@pytest.fixture
def steps(monkeypatch) -> list[tuple[str, bool]]:
    """Each of STEPS that was taken, and whether it held an event loop."""
    taken: list[tuple[str, bool]] = []

    def watch(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            holds = False
            with suppress(RuntimeError):  # without a loop
                holds = asyncio.get_running_loop().is_running()
            taken.append((name, holds))
            return inner(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    for owner, name in STEPS:
        watch(owner, name)
    return taken


@pytest.fixture
def large(labeling) -> str:
    """Id of a task with a prompt of 70 kB, whose project's tasks are all reviewed."""
    labeling.set(review="all")
    messages = [
        make_message("user", "x" * 70_000),
        *map(make_message, ("base_model", "test_model")),
    ]
    [task_id] = labeling.create(content=make_content(make_turn(messages=messages)))
    return task_id


def test_a_large_task_is_submitted_accepted_and_corrected_off_the_loop(labeling, large, steps):
    judge(labeling, "ann", 6)
    labeling.accept(large, [LIKERT_2])
    correct(labeling, large, [LIKERT_2 | {"value": 5}])

    assert {name for name, _ in steps} == NAMES - {"content_from_threads"}
    assert [name for name, holds in steps if holds] == []
    assert labeling.task(large).status is TaskStatus.completed


def test_long_answers_to_a_small_task_are_worked_with_off_the_loop(labeling, steps):
    labeling.set(review="all")
    [task_id] = labeling.create()
    lease = labeling.take("ann")
    long = [
        one | {"value": "x" * 70_000} if isinstance(one["value"], str) else one
        for one in labeling.answers(lease)
    ]

    labeling.submit(lease, long)
    labeling.accept(task_id)

    assert {name for name, _ in steps} == NAMES - {"correct", "content_from_threads"}
    assert [name for name, holds in steps if holds] == []


def test_long_threads_complete_a_small_task_off_the_loop_and_reopening_it_too(labeling, steps):
    messages = [make_message("user", "x" * 70_000), make_message("base_model")]
    threads = msgspec.to_builtins(make_content(make_turn(messages=messages)))
    task = labeling.write(lambda tx: lifecycle.create_task(tx, labeling.project))

    with calling(labeling.world, labeling.world.key()) as client:
        for verb, body in (("complete", {"threads": threads}), ("reopen", {})):
            answer = client.post(f"/manage/v1/tasks/{task.task_id}/{verb}", json=body)
            assert answer.status_code == 200, answer.text

    names = ["read_task", "render", "thread_votes", "content_from_threads"]
    assert [name for name, _ in steps] == names
    assert [name for name, holds in steps if holds] == []
    assert labeling.task(task.task_id).content is not None
