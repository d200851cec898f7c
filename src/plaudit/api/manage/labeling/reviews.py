"""Review under /manage/v1: tasks in review, what people answered, and decisions on them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct
from msgspec.structs import replace

from plaudit import clock
from plaudit.api.http.bodies import ANSWERS_BODY, NOTE_BODY
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import IntRange, NoQuery, Text
from plaudit.api.manage.common import NEXT_TOKEN, declare
from plaudit.api.manage.labeling.people import get_project, reviewer_of
from plaudit.api.openapi import examples_reviews as examples
from plaudit.core.common import page_tokens
from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication import review_order
from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason
from plaudit.core.labeling.adjudication.review_order import ReviewFilter
from plaudit.core.labeling.answer_values import given_value
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.question_results import (
    QuestionResult,
    ReviewState,
    make_review_state,
)
from plaudit.core.labeling.questions import Positions, address_in_turn, own_order
from plaudit.core.tasks import excerpts
from plaudit.errors import (
    AnswersRejected,
    InvalidContent,
    InvalidParameter,
    NotFound,
)
from plaudit.model.core import ProjectRow, Role, StoredTask
from plaudit.model.labeling import DisagreementReason, Fault, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.store.tasks import task_summaries, tasks, work_queue
from plaudit.wire.manage.reviews import (
    AcceptReview,
    DisputedQuestion,
    GivenByPerson,
    ReviewDecided,
    ReviewedSubmission,
    ReviewListed,
    ReviewPage,
    ReviewQuestion,
    SendBackReview,
    TaskReview,
)

LISTED_MAX = 50
_LIMIT = IntRange(
    description="How many to return at the most.", least=1, most=LISTED_MAX, default=LISTED_MAX
)


class ListReviews(Struct, frozen=True, kw_only=True):
    """Query of GET …/reviews."""

    question: Annotated[
        str | None, Text(description="Only tasks with disagreement on this question: its key.")
    ] = None
    user_id: Annotated[str | None, Text(description="Only tasks that this person answered.")] = None
    most: Annotated[
        str | None,
        Text(description="Only tasks with at most this disagreement, 0 to 1; 0 is unanimous."),
    ] = None
    limit: Annotated[int, _LIMIT] = LISTED_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class _ReviewCursor(Struct, frozen=True, array_like=True, tag="review list"):
    """The last task of a page: its rank and seq; and the list that it is of."""

    project_id: str
    chosen: ReviewFilter
    rank: int
    seq: int


async def list_reviews(call: Call[ListReviews]) -> ReviewPage:
    """GET /manage/v1/projects/{project_id}/reviews: tasks in review, by disagreement."""
    secret, environment_id = call.services.secret, call.caller.environment_id
    query, chosen, after = call.query, _chosen(call.query), review_order.FIRST
    async with call.services.db.read() as tx:
        project = await get_project(call, tx)
        if query.next_token is not None:
            cursor = page_tokens.decode(secret, environment_id, query.next_token, _ReviewCursor)
            is_bare = chosen == review_order.EVERYTHING
            if cursor.project_id != project.project_id or (not is_bare and cursor.chosen != chosen):
                raise InvalidParameter("next_token: it belongs to another list", param="next_token")
            chosen, after = cursor.chosen, (cursor.rank, cursor.seq)
        listed = await review_order.list_in_review(
            tx, project, chosen=chosen, after=after, limit=query.limit + 1
        )
        shown = listed[: query.limit]
        seqs = [one.queued.seq for one in shown]
        rows = await task_summaries.get_summaries(tx, project.project_key, seqs)
        prompts = await excerpts.list_excerpts(tx, project.project_key, seqs)
    token = None
    if len(listed) > query.limit:
        last = _ReviewCursor(project.project_id, chosen, *shown[-1].place)
        token = page_tokens.encode(secret, environment_id, last)
    return ReviewPage(
        tasks=[
            ReviewListed(
                task_id=row.task_id,
                excerpt=prompts.get(row.seq, ""),
                reason=one.queued.reason,
                submitted=one.queued.submitted_count,
                disagreement=one.disagreement,
                questions=[DisputedQuestion(key, value) for key, value in one.questions],
            )
            for one, row in zip(shown, rows, strict=True)
        ],
        next_token=token,
    )


def _chosen(query: ListReviews) -> ReviewFilter:
    most = 1.0
    if query.most is not None:
        try:
            most = float(query.most)
        except ValueError:
            most = -1.0
        if not 0 <= most <= 1:
            raise InvalidParameter("most: expected a number from 0 to 1", param="most")
    return ReviewFilter(query.question or "", query.user_id or "", most)


async def get_review(call: Call[NoQuery]) -> TaskReview:
    """GET …/reviews/{task_id}: a task with everybody's answers; raises NotFound."""
    async with call.services.db.read() as tx:
        project = await get_project(call, tx)
        task = await _task(call, tx, project)
        work = await work_queue.find_work(tx, task.project_key, task.seq)
        current = await submissions.list_current(tx, task.project_key, task.seq)

    def lay_out() -> TaskReview:
        state = make_review_state(project, task, current)
        return TaskReview(
            task_id=task.task_id,
            status=task.status.value,
            in_review=work is not None and work.state is WorkState.in_review,
            reason=None if work is None else work.reason,
            revision=state.revision,
            submissions=[
                ReviewedSubmission(
                    one.user_id, one.assignment_id, clock.format_ms(one.submitted_ms)
                )
                for one in current
            ],
            questions=_questions(state),
        )

    return await call.services.bodies.run_in_thread(lay_out)


def _questions(state: ReviewState) -> list[ReviewQuestion]:
    positions = Positions(own_order(state.content))
    listed = []
    for result in state.results:
        field = result.question.field
        address = {"at": result.question.target.at} | address_in_turn(result.question, positions)
        answers = [
            _given(state, result, vote.answer, vote.submission.user_id) for vote in result.answers
        ]
        outcome = None if result.answer is None else _given(state, result, result.answer, None)
        listed.append(
            ReviewQuestion(
                number=result.number,
                address=address,
                title=field.title,
                type=field.type,
                required=field.required,
                state=_state(result),
                answers=answers,
                answer=outcome,
            )
        )
    return listed


def _state(result: QuestionResult) -> Any:
    return "undecided" if result.is_unresolved else result.state


def _given(
    state: ReviewState, result: QuestionResult, answer: Answer, user_id: str | None
) -> GivenByPerson:
    """A stored answer as a request would send it; as it is stored if the form takes it no more."""
    value = answer.value
    if value is not None:
        value = given_value(result.question, state.content, value)
        value = answer.value if value is None else value
    return GivenByPerson(
        user_id=user_id,
        value=value,
        not_applicable=answer.not_applicable,
        cannot_assess=answer.cannot_assess,
        justification=answer.justification,
    )


async def accept_review(
    call: Call[NoQuery], body: AcceptReview, context: WriteContext
) -> ReviewDecided:
    """POST …/reviews/{task_id}/accept: complete a task in review."""
    tx = context.tx
    project = await get_project(call, tx)
    task = await _task(call, tx, project)
    reviewer_id = await reviewer_of(call, tx, project, body.reviewer_id, "/reviewer_id")
    try:
        await review_decisions.accept(
            tx,
            project,
            task,
            reviewer_id,
            fixes=body.answers,
            reasons=[
                GivenReason(one.question, one.key, DisagreementReason(one.why))
                for one in body.reasons
            ],
            revision=body.revision,
        )
    except AnswersRejected as problem:
        raise AnswersRejected([_in_body(fault) for fault in problem.faults]) from problem
    detail = {"fixes": len(body.answers)}
    await context.note("task", task.task_id, project_key=project.project_key, detail=detail)
    done = await tasks.get_task(tx, project.project_key, task.seq)
    assert done.completed_ms is not None
    return ReviewDecided(
        task_id=task.task_id,
        status=done.status.value,
        completed_at=clock.format_ms(done.completed_ms),
    )


def _in_body(fault: Fault) -> Fault:
    """A fault with its pointer, if it has one, led from the request's body."""
    return replace(fault, pointer=f"/answers{fault.pointer}") if fault.pointer else fault


async def send_back_review(
    call: Call[NoQuery], body: SendBackReview, context: WriteContext
) -> ReviewDecided:
    """POST …/reviews/{task_id}/send_back: have one person do a task again, with a note."""
    tx = context.tx
    project = await get_project(call, tx)
    task = await _task(call, tx, project)
    try:
        await review_decisions.send_back(
            tx,
            project,
            task,
            await reviewer_of(call, tx, project, body.reviewer_id, "/reviewer_id"),
            body.user_id,
            comment=body.note,
            revision=body.revision,
        )
    except InvalidContent as problem:
        raise InvalidContent(problem.message, pointer="/note") from problem
    await context.note("task", task.task_id, project_key=project.project_key)
    return ReviewDecided(task_id=task.task_id, status=task.status.value)


async def _task(call: Call[Any], tx: Transaction, project: ProjectRow) -> StoredTask:
    task = await tasks.find_task(tx, call.caller.environment_id, call.path["task_id"])
    if task is None or task.project_key != project.project_key:
        raise NotFound("there is no such task")
    return task


OPERATIONS = (
    declare(
        "list_reviews",
        "GET",
        "/projects/{project_id}/reviews",
        role=Role.read,
        handler=list_reviews,
        query=ListReviews,
        summary="List tasks in review",
        description="Those first on which people disagree most, overall or on one `question`.",
        answer=ReviewPage,
        answer_description="One page of tasks.",
        example=examples.REVIEW_PAGE,
        errors=(404,),
    ),
    declare(
        "get_review",
        "GET",
        "/projects/{project_id}/reviews/{task_id}",
        role=Role.read,
        handler=get_review,
        summary="Get what people answered",
        description="Of a task in any status: every question with everybody's answers and the "
        "answer that is delivered. `revision` goes into the decision.",
        answer=TaskReview,
        answer_description="The task as its reviewer sees it.",
        example=examples.TASK_REVIEW,
        errors=(404,),
    ),
    declare(
        "accept_review",
        "POST",
        "/projects/{project_id}/reviews/{task_id}/accept",
        role=Role.write,
        handler=accept_review,
        body=AcceptReview,
        body_limit=ANSWERS_BODY,
        summary="Accept a task in review",
        description="Completes it with people's answers, save those in `answers`, which replace "
        "them; every undecided question needs one, and so does a required one that they alone ask. "
        "The `faults` of a 400 have the addresses of what is wrong or missing. 409 if it is not in "
        "review, or has another `revision`; 403 if `reviewer_id` answered it and the project does "
        "not allow that.",
        answer=ReviewDecided,
        answer_description="The completed task.",
        example=examples.REVIEW_ACCEPTED,
        body_example={
            "revision": "8c1d3f",
            "answers": [{"at": "t0u0", "key": "likert_value", "value": 2}],
        },
        errors=(403, 404, 409),
    ),
    declare(
        "send_back_review",
        "POST",
        "/projects/{project_id}/reviews/{task_id}/send_back",
        role=Role.write,
        handler=send_back_review,
        body=SendBackReview,
        body_limit=NOTE_BODY,
        summary="Send a task in review back",
        description="One person does it again, with what they answered before them and the note; "
        "the answers of the others stay. 409 as for accepting; 404 if the person has not "
        "submitted it.",
        answer=ReviewDecided,
        answer_description="The task, which is pending still.",
        example={"task_id": "task_0197a", "status": "pending"},
        body_example={"user_id": "user_0197a", "note": "Look at the second response again."},
        errors=(403, 404, 409),
    ),
)
