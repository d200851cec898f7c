"""Votes in tests: the rows of a task, what they say, and threads that carry some."""

from __future__ import annotations

import json
from typing import Any

from plaudit.model.votes import VoteRow
from plaudit.store.labeling import votes as votes_store
from tests.support.builders import (
    make_annotation,
    make_message,
    make_task,
    make_thread,
    make_turn,
)
from tests.support.labeling_project import LabelingProject


def votes_of(labeling: LabelingProject, task_id: str) -> list[VoteRow]:
    """The votes on a task that count."""
    task = labeling.task(task_id)
    return labeling.write(lambda tx: votes_store.list_votes(tx, task.project_key, [task.seq]))


def said(votes: list[VoteRow], *names: str) -> list[tuple[Any, ...]]:
    """These members of each vote, its value decoded."""
    return [
        tuple(
            json.loads(vote.value) if name == "value" and vote.value else getattr(vote, name)
            for name in names
        )
        for vote in votes
    ]


def annotated(*, votes: Any = None, value: Any = 2, submissions: Any = None) -> list[Any]:
    """The threads of a judged task: two responses, the first with a rating, and a choice."""
    rating = make_annotation("overall", value, votes=votes)
    responses = [make_message("m0", annotations=[rating]), make_message("m1")]
    turn = make_turn("u0", [make_message("user", "?"), *responses])
    thread = make_thread("th", [turn])
    if submissions is not None:
        thread["submissions"] = submissions
    return [thread]


def imported(
    labeling: LabelingProject, task_id: str, threads: list[Any], **import_options: Any
) -> list[str]:
    """Import a completed task into the project; the reasons of refused rows."""
    name = labeling.project.name
    row = make_task(task_id, project=None, batch=None, threads=threads)
    return [one.message for one in labeling.world.load([row], project=name, **import_options)[1]]
