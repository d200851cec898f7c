"""A task as the review page draws it: the conversation, and all answers to each question.

Responses stand in their own order, the same for every reviewer. Disputed questions come first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.adjudication.middle_answers import middle_ballot
from plaudit.core.labeling.agreement import is_own_text
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.question_results import QuestionResult, ReviewState
from plaudit.core.labeling.questions import Positions, Question, QuestionTarget, own_order
from plaudit.core.labeling.review_queue import ReviewAction
from plaudit.core.labeling.threads.answer_reading import SCORE
from plaudit.core.labeling.votes import Address, answer_address, ballot_of, countable_answers
from plaudit.core.tasks.forms import Form
from plaudit.wire.v2.task import MessageRole, Thread
from plaudit.workspace.annotate import annotation_view, answer_words
from plaudit.workspace.annotate.controls import Control, control_of
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.annotate.portions import Plan, Portion, plan_of
from plaudit.workspace.annotate.question_index import spans_of
from plaudit.workspace.annotate.task_shown import (
    MessageShown,
    TaskShown,
    ThreadShown,
    TurnShown,
)
from plaudit.workspace.language import note_words
from plaudit.workspace.language.speech import say
from plaudit.workspace.render.text_batch import TextBatch
from plaudit.workspace.review.text_choices import (
    TextChoice,
    WrittenText,
    as_reason,
    list_choices,
)

STATES = ("unresolved", "disputed", "agreed", "unasked", "unanswered")
"""States of a question, in the order in which questions are shown."""


class AnswerRow(Struct, frozen=True):
    """One person's answer to a question, with the reason; `is_other` if it is not the result.

    `taken` is the answer as the page's scripts hold it, JSON; None where it cannot be taken over.
    """

    name: str
    text: str
    why: str | None
    is_other: bool
    taken: str | None
    person: int = 0
    """Number of the person among those who submitted the task."""


class QuestionCard(Struct, frozen=True):
    """One question: everybody's answer, the result, and the control that corrects it.

    `state` and `outcome` are as other answers ask it now, `asked_state` and `asked_outcome` those
    that it has wherever it is asked.
    """

    control: Control
    title: str
    about: str
    state: str
    rows: list[AnswerRow]
    asked_state: str
    outcome: str | None
    """The answer that is or would be delivered, in words; None without one."""
    asked_outcome: str | None
    middle: AnswerRow | None = None
    """Median of the answers, where they differ and have one."""
    texts: list[TextChoice] = []
    """Different texts, or reasons for answers, of which one is chosen."""
    reason: str = ""
    """Reason that is or would be delivered with the answer."""
    is_asked: bool = True


class AnswerChange(Struct, frozen=True):
    """One answer that a reviewer changed, in words."""

    title: str
    before: str
    after: str


class HistoryEntry(Struct, frozen=True):
    """One line of a task's history."""

    name: str
    done: str
    about: str
    text: str
    created_ms: int
    changes: list[AnswerChange]
    reasons: list[tuple[str, str]]
    """Keys of questions on which people disagreed, each with the word for why."""


class ReviewShown(Struct, frozen=True):
    """A portion of the page. `cards` are by the path of the turn or thread that they are about."""

    task: TaskShown
    cards: dict[str, list[QuestionCard]]
    answers: list[dict[str, Any]]
    """Answers that are or would be delivered, as the page's scripts hold them."""
    disputes: list[tuple[str, int, int, int]]
    """Turns and threads of the task with the numbers of their undecided and disputed questions,
    and of those with different texts."""


def build(
    review: ReviewState,
    names: Mapping[str, str],
    files: Files,
    texts: TextBatch,
    *,
    is_blind: bool,
    choose: Callable[[Plan], Portion],
    layout: str,
) -> ReviewShown:
    """Lay out a portion of a task for its reviewer, with its texts added to a batch.

    `review` has the results of all questions, or of that portion's.
    """
    bare = annotation_view.build(
        review.form,
        review.content,
        own_order(review.content),
        texts=texts,
        is_blind=is_blind,
        files=files,
        choose=choose,
        layout=layout,
    )
    cards: dict[str, list[QuestionCard]] = {}
    answers = []
    named = _Named(review.content)
    for result in review.results:
        if result.question.target.at not in bare.paths:
            continue
        control = control_of(result.number, result.question, named.positions)
        card = _card(control, result, review, names, named)
        cards.setdefault(result.question.target.at, []).append(card)
        if result.asked_answer is not None:
            editable = answer_words.given_answer(
                result.question, control, result.asked_answer, review.content
            )
            answers += [] if editable is None else [editable]
    for listed in cards.values():
        listed.sort(key=lambda card: (STATES.index(card.state), not card.texts))
    return ReviewShown(
        msgspec.structs.replace(bare, threads=[_quiet_thread(thread) for thread in bare.threads]),
        cards,
        answers,
        _disputes(review.results),
    )


def paths_of(
    choose: Callable[[Plan], Portion],
    layout: str,
    form: Form,
    content: Sequence[Thread],
    asked: Sequence[Question],
) -> set[str]:
    """Paths of the turns and threads of a portion."""
    plan = plan_of(form, content, spans_of(asked), layout)
    return plan.paths(choose(plan))


def events(
    review: ReviewState, actions: Sequence[ReviewAction], names: Mapping[str, str]
) -> list[HistoryEntry]:
    """A task's history in words, newest first."""
    asked = {result.address: result for result in review.results}
    named = _Named(review.content)
    return [
        HistoryEntry(
            name=names[action.user_id],
            done=note_words.done(action.kind),
            about=names[action.about] if action.about else "",
            text=note_words.sentence(action.reason, action.text),
            created_ms=action.created_ms,
            changes=[
                _change(before, after, asked, review, named) for before, after in action.fixes
            ],
            reasons=[(reason.key, reason.why.value) for reason in action.reasons],
        )
        for action in sorted(actions, key=lambda action: -action.created_ms)
    ]


def _disputes(results: Sequence[QuestionResult]) -> list[tuple[str, int, int, int]]:
    states = Counter((result.question.target.at, result.state) for result in results)
    texts = Counter(result.question.target.at for result in results if _has_texts(result))
    places = dict.fromkeys(at for at, state in states if state in STATES[:2] or texts[at])
    return [(at, states[at, "unresolved"], states[at, "disputed"], texts[at]) for at in places]


def _has_texts(result: QuestionResult) -> bool:
    """True if people answered a question by different texts of their own."""
    if not is_own_text(result.question.field):
        return False
    return len({vote.answer.value for vote in result.answers if vote.answer.value is not None}) > 1


def _card(
    control: Control,
    result: QuestionResult,
    review: ReviewState,
    names: Mapping[str, str],
    named: _Named,
) -> QuestionCard:
    question, content = result.question, review.content
    state, answer = result.asked_state, result.asked_answer
    is_open = state in STATES[:2] or _has_texts(result)
    people = {one.user_id: number for number, one in enumerate(review.submissions)}
    rows = [
        AnswerRow(
            name=names[vote.submission.user_id],
            text=answer_words.describe(question, control, vote.answer, content),
            why=vote.answer.justification,
            is_other=answer is None or ballot_of(vote.answer) != ballot_of(answer),
            taken=_taken(question, control, vote.answer, content) if is_open else None,
            person=people[vote.submission.user_id],
        )
        for vote in result.answers
    ]
    outcome = None
    if answer is not None:
        outcome = answer_words.describe(question, control, answer, content)
    title, about = _heading(question, control, named)
    return QuestionCard(
        control,
        title,
        about,
        result.state,
        rows,
        state,
        None if result.answer is None else outcome,
        outcome,
        middle=_middle(result, control, content) if state in STATES[:2] else None,
        texts=_texts(result, control, rows),
        reason="" if answer is None else answer.justification or "",
        is_asked=result.is_asked,
    )


def _taken(
    question: Question, control: Control, answer: Answer, content: Sequence[Thread]
) -> str | None:
    """An answer, with the reason for it, as the page's scripts hold it, JSON."""
    given = answer_words.given_answer(question, control, answer, content)
    if given is None or answer.is_empty:
        return None
    if answer.justification:
        given["justification"] = answer.justification
    return msgspec.json.encode(given).decode()


def _middle(
    result: QuestionResult, control: Control, content: Sequence[Thread]
) -> AnswerRow | None:
    """Median of the answers that the form still takes."""
    question = result.question
    counted = countable_answers(question, content, result.answers)
    ballot = middle_ballot(question.field, [ballot_of(vote.answer) for vote in counted])
    if ballot is None:
        return None
    answer = msgspec.structs.replace(
        counted[0].answer,
        value=ballot.value,
        not_applicable=False,
        cannot_assess=False,
        justification=None,
    )
    taken = _taken(question, control, answer, content)
    text = answer_words.describe(question, control, answer, content)
    return None if taken is None else AnswerRow("", text, None, False, taken)


def _texts(result: QuestionResult, control: Control, rows: Sequence[AnswerRow]) -> list[TextChoice]:
    """Different texts of people, or different reasons for the answer that comes out."""
    if _has_texts(result):
        return list_choices([WrittenText(r.name, r.text, r.taken) for r in rows if r.taken])
    reasons = [(row.name, row.why) for row in rows if row.why and not row.is_other]
    return list_choices(
        [WrittenText(name, why, as_reason(control.address, why)) for name, why in reasons],
        is_reason=True,
    )


class _Named:
    """Positions of responses and texts of criteria; looking one up costs the same in any turn."""

    def __init__(self, content: Sequence[Thread]) -> None:
        self.content = content
        self.positions = Positions(own_order(content))
        self._criteria: dict[str, dict[str, str]] = {}

    def criterion(self, target: QuestionTarget) -> str | None:
        """Text of the criterion that a question is about; None if the turn has none of its id."""
        assert target.turn is not None
        if target.at not in self._criteria:
            turn = self.content[target.thread].turns[target.turn]
            self._criteria[target.at] = {
                criterion.id: criterion.criterion
                for rubric in turn.rubrics or ()
                for criterion in rubric.criteria_definitions
            }
        return self._criteria[target.at].get(target.criterion or "")


def _heading(question: Question, control: Control, named: _Named) -> tuple[str, str]:
    """Title of a question and name of its target; a criterion's title is its text."""
    target, title = question.target, control.title
    if target.turn is None:
        return title, say("the whole conversation")
    if target.criterion is not None:
        text = named.criterion(target) or title
        title = text if control.key == SCORE else f"{text} – {title}"
    if target.message is not None and not control.about:
        role = named.content[target.thread].turns[target.turn].messages[target.message].role
        return title, "prompt" if role is MessageRole.user else role.value
    return title, control.about


def _change(
    before: Answer | None,
    after: Answer,
    asked: Mapping[Address, QuestionResult],
    review: ReviewState,
    named: _Named,
) -> AnswerChange:
    result = asked.get(answer_address(after))
    if result is None:
        return AnswerChange(after.key, "", say("a question that is not asked any more"))
    control = control_of(0, result.question, named.positions)

    def words(answer: Answer | None) -> str:
        if answer is None:
            return answer_words.NOTHING
        return answer_words.describe(result.question, control, answer, review.content)

    title, about = _heading(result.question, control, named)
    return AnswerChange(f"{title} ({about})" if about else title, words(before), words(after))


def _quiet_thread(thread: ThreadShown) -> ThreadShown:
    """A conversation without controls: on this page they stand in cards."""
    sections = [
        msgspec.structs.replace(
            section,
            turn=_quiet_turn(section.turn),
            led_by=[_quiet_turn(turn) for turn in section.led_by],
            led_by_last=[_quiet_turn(turn) for turn in section.led_by_last],
        )
        for section in thread.sections
    ]
    return msgspec.structs.replace(thread, sections=sections, groups=[])


def _quiet_turn(turn: TurnShown) -> TurnShown:
    responses = [_quiet_message(message) for message in turn.responses]
    continued = None
    if turn.continued is not None:
        # The page tells it from the others by its identity.
        at = next(at for at, one in enumerate(turn.responses) if one is turn.continued)
        continued = responses[at]
    return msgspec.structs.replace(
        turn,
        prompt=[_quiet_message(message) for message in turn.prompt],
        responses=responses,
        continued=continued,
        groups=[],
    )


def _quiet_message(message: MessageShown) -> MessageShown:
    steps = [msgspec.structs.replace(step, controls=[]) for step in message.steps]
    results = [_quiet_message(result) for result in message.results]
    return msgspec.structs.replace(message, steps=steps, results=results, controls=[])
