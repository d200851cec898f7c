"""Requests and answers about tasks in review."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

ReasonWord = Literal["guideline", "ambiguous", "error"]


class DisputedQuestion(Struct):
    """A question on which people disagree, with how much, 0 to 1."""

    key: str
    disagreement: float


class ReviewListed(Struct, omit_defaults=True, kw_only=True):
    """A task in review; `reason` is why it waits."""

    task_id: str
    excerpt: str
    reason: str | None = None
    submitted: int
    disagreement: float
    questions: list[DisputedQuestion] = []


class ReviewPage(Struct, omit_defaults=True, kw_only=True):
    """A page of tasks in review, those first on which people disagree most."""

    tasks: list[ReviewListed]
    next_token: str | None = None


class GivenByPerson(Struct, omit_defaults=True, kw_only=True):
    """One person's answer to a question, or with `user_id` absent the one to be delivered.

    Values name responses by their position in the conversation, from 1.
    """

    user_id: str | None = None
    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False
    justification: str | None = None


class ReviewQuestion(Struct, omit_defaults=True, kw_only=True):
    """A question with everybody's answers; `address` is what an answer to it has beside them.

    `answer` is the one that is delivered unless a reviewer gives another; it is absent while the
    question is undecided. An unasked question is asked once other answers meet its condition, and
    needs an answer then if it is `required`.
    """

    number: int
    address: dict[str, Any]
    title: str | None = None
    type: str
    required: bool = False
    state: Literal["undecided", "disputed", "agreed", "unasked", "unanswered"]
    answers: list[GivenByPerson] = []
    answer: GivenByPerson | None = None


class ReviewedSubmission(Struct):
    """A submission that counts, by its author and the assignment that it was made for."""

    user_id: str
    assignment_id: str
    submitted_at: str


class TaskReview(Struct, omit_defaults=True, kw_only=True):
    """A task as its reviewer sees it; a decision names the `revision` that it is about."""

    task_id: str
    status: str
    in_review: bool
    reason: str | None = None
    revision: str
    submissions: list[ReviewedSubmission]
    questions: list[ReviewQuestion]


class DisagreementReasonBody(Struct, forbid_unknown_fields=True):
    """Why people disagreed on a question, named by its number and key."""

    question: int
    key: str
    why: ReasonWord


class AcceptReview(Struct, forbid_unknown_fields=True, kw_only=True):
    """Accept a task: with `answers` in place of what people said, and why they disagreed.

    Each answer is the `address` of its question with a value. `reviewer_id` is the person who
    decided, who may not have answered the task; without one it is the key.
    """

    answers: list[Any] = []
    reasons: list[DisagreementReasonBody] = []
    revision: str | None = None
    reviewer_id: str | None = None


class SendBackReview(Struct, forbid_unknown_fields=True, kw_only=True):
    """Send a task back to one person, with a note that they read."""

    user_id: str
    note: str
    revision: str | None = None
    reviewer_id: str | None = None


class ReviewDecided(Struct, omit_defaults=True, kw_only=True):
    """A task after a decision."""

    task_id: str
    status: str
    completed_at: str | None = None
