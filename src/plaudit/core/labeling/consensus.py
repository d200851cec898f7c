"""Write what people answered into the conversation: the threads that a task is delivered with.

Each question's answers become one annotation with the consolidated value under the plain key, and
with several people each one's vote beside it. Which response is preferred follows from the
preference or the ranking. A response that was written becomes a message; scores of rubric criteria
become an evaluation of the message they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.labeling.agreement import UNRESOLVED, Ballot, ConsolidatedValue, preferred, settle
from plaudit.core.labeling.answer_values import as_shown, possible_values
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import (
    SELECTED,
    Question,
    QuestionTarget,
    deriving_field,
    questions,
    responses,
)
from plaudit.core.tasks.forms import Field, Form, Level, TextUse
from plaudit.wire.v2.annotation import POSSIBLE_VALUES, Annotation, AnnotationType, Vote
from plaudit.wire.v2.task import (
    CriterionEvaluation,
    Message,
    MessageContent,
    MessageRole,
    Rubric,
    RubricEvaluation,
    Submission,
    Thread,
)

SCORE = "score"
"""The key of the answer that is a criterion's score; others about it are annotations."""
WRITER = "human"
"""The source of a response that a person wrote; further ones are human_2, human_3, …"""


class DecodedSubmission(Struct, frozen=True):
    """One person's submission, decoded."""

    user_id: str
    submitted_ms: int
    answers: list[Answer]


class ConsolidatedTask(Struct, frozen=True):
    """Threads to deliver, and the questions that they leave open."""

    threads: list[Thread]
    unresolved: list[Question]


class AnnotatorAnswer(Struct, frozen=True):
    """What one person answered to one question."""

    judged: DecodedSubmission
    answer: Answer


Address = tuple[str, str | None, int | None, str | None, str]


def consolidate(
    form: Form,
    content: list[Thread],
    judged: Sequence[DecodedSubmission],
    fixes: Sequence[Answer] = (),
) -> ConsolidatedTask:
    """Write the answers of a task into its content, which is changed and returned.

    `judged` is in the order of submission. A reviewer's `fixes` stand in the place of what the
    people's answers come to.
    """
    opinions = opinions_of(judged)
    fixed = {address_of(answer): answer for answer in fixes}
    writer = _Writer(form, content, is_voted=len(judged) > 1)
    unresolved = []
    for question in questions(form, content):
        address = asked_at(question, content)
        given = opinions.get(address, [])
        fix = fixed.get(address)
        if fix is None and not given:
            continue
        counted = counted_of(question, content, given)
        settled = (
            settled_of(question.field, given, counted)
            if fix is None
            else ConsolidatedValue(ballot_of(fix))
        )
        if not settled.is_resolved:
            unresolved.append(question)
            continue
        writer.write(question, settled.ballot, counted, fix)
    writer.finish()
    for thread in content:
        thread.submissions = [
            Submission(submitted_at=clock.format_ms(one.submitted_ms), contributor_id=one.user_id)
            for one in judged
        ]
    return ConsolidatedTask(content, unresolved)


def correct(
    form: Form,
    content: Sequence[Thread],
    threads: list[Thread],
    judged: Sequence[DecodedSubmission],
    fixes: Sequence[Answer],
) -> None:
    """Write a reviewer's fixes into threads that were delivered; all else in them stays.

    `content` is what the threads were made of, and what the questions are about.
    """
    opinions = opinions_of(judged)
    fixed = {address_of(answer): answer for answer in fixes}
    writer = _Writer(form, threads, is_voted=len(judged) > 1, keeps=True)
    for question in questions(form, content):
        address, place = asked_at(question, content), question.place
        fix = fixed.get(address)
        if fix is None:
            continue
        if question.field.use is TextUse.response:
            assert place.turn is not None
            asked = content[place.thread].turns[place.turn].messages
            del threads[place.thread].turns[place.turn].messages[len(asked) :]
        counted = counted_of(question, content, opinions.get(address, []))
        writer.write(question, ballot_of(fix), counted, fix)
    writer.finish()


class _Writer:
    """Puts settled answers where they belong in one conversation.

    With `keeps` the conversation was written before: scores that are not written again stay, and
    an annotation that takes the place of one keeps its id, and its votes where it has none.
    """

    def __init__(
        self, form: Form, content: list[Thread], *, is_voted: bool, keeps: bool = False
    ) -> None:
        self._form = form
        self._content = content
        self._is_voted = is_voted
        self._keeps = keeps
        self._written: list[tuple[QuestionTarget, str]] = []
        self._scores: dict[tuple[int, int, int], dict[str, CriterionEvaluation]] = {}

    def write(
        self, question: Question, ballot: Ballot, given: list[AnnotatorAnswer], fix: Answer | None
    ) -> None:
        """Write what one question came to."""
        field, place = question.field, question.place
        if field.use is TextUse.response:
            self._write_responses(question, ballot, given, fix)
            return
        annotation = _annotation(field, ballot, given, fix, is_voted=self._is_voted)
        if place.criterion is not None:
            self._evaluate(field, place, annotation)
            return
        self._put(self._annotations(place), annotation)
        if place.turn is not None and place.message is None:
            self._follow(field, place, ballot)

    def finish(self) -> None:
        """Add what was gathered: evaluations, and responses that were written."""
        for (t, u, m), scores in self._scores.items():
            turn = self._content[t].turns[u]
            turn.messages[m].rubric_evaluations = [
                _evaluation(rubric, scores, self._score_field) for rubric in turn.rubrics or ()
            ]
        for place, text in self._written:
            assert place.turn is not None
            messages = self._content[place.thread].turns[place.turn].messages
            taken = {one.source_id for one in messages}
            number, source_id = 1, WRITER
            while source_id in taken:
                number += 1
                source_id = f"{WRITER}_{number}"
            messages.append(
                Message(
                    content=MessageContent(text=text),
                    role=MessageRole.assistant,
                    source_id=source_id,
                    annotations=[],
                )
            )

    @property
    def _score_field(self) -> Field | None:
        """The field that asks for a criterion's score."""
        return next(
            (one for one in self._form.fields if (one.level, one.key) == (Level.criterion, SCORE)),
            None,
        )

    def _put(self, listed: list[Annotation], annotation: Annotation) -> None:
        """Put an annotation into the place of the one with its key, or at the end."""
        for number, one in enumerate(listed):
            if one.key == annotation.key and self._keeps:
                annotation.id = one.id
                annotation.votes = annotation.votes or one.votes
                listed[number] = annotation
                return
        listed[:] = [one for one in listed if one.key != annotation.key]
        listed.append(annotation)

    def _annotations(self, place: QuestionTarget) -> list[Annotation]:
        thread = self._content[place.thread]
        if place.turn is None:
            return thread.annotations
        turn = thread.turns[place.turn]
        if place.message is None:
            return turn.annotations
        message = turn.messages[place.message]
        if place.chunk is None:
            return message.annotations
        return (message.content.chunks or [])[place.chunk].annotations

    def _follow(self, field: Field, place: QuestionTarget, ballot: Ballot) -> None:
        """Name the preferred response, if this is the answer that says which it is."""
        assert place.turn is not None
        turn = self._content[place.thread].turns[place.turn]
        if deriving_field(self._form, turn) is not field:
            return
        sources = [turn.messages[m].source_id for m in responses(turn)]
        source_id = None if ballot.value is None else preferred(field, ballot.value, sources)
        if source_id is None:
            turn.annotations[:] = [one for one in turn.annotations if one.key != SELECTED]
            return
        named = next(
            (one for one in self._form.fields if (one.level, one.key) == (Level.turn, SELECTED)),
            Field(key=SELECTED, level=Level.turn, type="category"),
        )
        chosen = _annotation(named, Ballot(source_id), [], None, is_voted=False)
        if self._keeps:
            self._put(turn.annotations, chosen)
            return
        turn.annotations[:] = [one for one in turn.annotations if one.key != SELECTED]
        turn.annotations.insert(max(0, len(turn.annotations) - 1), chosen)

    def _evaluate(self, field: Field, place: QuestionTarget, annotation: Annotation) -> None:
        assert place.turn is not None
        assert place.message is not None
        assert place.criterion is not None
        where = (place.thread, place.turn, place.message)
        if where not in self._scores:
            self._scores[where] = self._delivered_scores(place) if self._keeps else {}
        one = self._scores[where].setdefault(
            place.criterion, CriterionEvaluation(criterion_definition_id=place.criterion)
        )
        listed = one.annotations = one.annotations or []
        if field.key == SCORE:
            value = annotation.value
            score = value["score"] if isinstance(value, dict) else value
            one.score = int(score) if isinstance(score, bool) else score
            if not self._is_voted and annotation.justification is None and score is not None:
                listed[:] = [other for other in listed if other.key != SCORE]
                return
        self._put(listed, annotation)

    def _delivered_scores(self, place: QuestionTarget) -> dict[str, CriterionEvaluation]:
        """A message's scores as they are, by criterion."""
        assert place.turn is not None
        assert place.message is not None
        message = self._content[place.thread].turns[place.turn].messages[place.message]
        return {
            one.criterion_definition_id: one
            for evaluation in message.rubric_evaluations or ()
            for one in evaluation.criteria_evaluations or ()
            if one.criterion_definition_id is not None
        }

    def _write_responses(
        self, question: Question, ballot: Ballot, given: list[AnnotatorAnswer], fix: Answer | None
    ) -> None:
        texts = [ballot.value]
        if fix is None and question.field.rule.value == "all":
            texts = [one.answer.value for one in given]
        self._written += [(question.place, text) for text in texts if text is not None]


def _annotation(
    field: Field,
    ballot: Ballot,
    given: list[AnnotatorAnswer],
    fix: Answer | None,
    *,
    is_voted: bool,
) -> Annotation:
    """One question's answer as the wire shows it."""
    return Annotation(
        key=field.key,
        type=field.type,
        value=ballot.value,
        title=field.title,
        description=field.description,
        labels=field.labels,
        possible_values=possible_values(field) if field.type in POSSIBLE_VALUES else None,
        not_applicable=ballot.not_applicable or None,
        cannot_assess=ballot.cannot_assess or None,
        justification=_justification(ballot, given, fix),
        votes=[
            Vote(
                contributor_id=one.judged.user_id,
                value=one.answer.value,
                submitted_at=clock.format_ms(one.judged.submitted_ms),
            )
            for one in given
        ]
        if is_voted and given
        else None,
    )


def _justification(ballot: Ballot, given: list[AnnotatorAnswer], fix: Answer | None) -> str | None:
    """Why: in the words of the reviewer, else of the first who said the same and gave a reason."""
    if fix is not None:
        return fix.justification
    return next(
        (
            one.answer.justification
            for one in given
            if one.answer.justification and ballot_of(one.answer) == ballot
        ),
        None,
    )


def counted_of(
    question: Question, content: Sequence[Thread], given: Sequence[AnnotatorAnswer]
) -> list[AnnotatorAnswer]:
    """The answers to one question that the form, which may have changed since, still takes."""
    return [
        one
        for one in given
        if one.answer.value is None or as_shown(question, content, one.answer.value) is not None
    ]


def settled_of(
    field: Field, given: Sequence[AnnotatorAnswer], counted: Sequence[AnnotatorAnswer]
) -> ConsolidatedValue:
    """What the answers to one question come to; it is open where all that was said counts no more.

    `counted` are those of the `given` answers that the form still takes.
    """
    ballots = [ballot_of(one.answer) for one in counted if not one.answer.is_empty]
    if ballots:
        return settle(field, ballots)
    return ConsolidatedValue() if all(one.answer.is_empty for one in given) else UNRESOLVED


def _evaluation(
    rubric: Rubric, scores: dict[str, CriterionEvaluation], field: Field | None
) -> RubricEvaluation:
    """What the scores of a rubric's criteria come to (contract 4.5)."""
    listed = [scores[one.id] for one in rubric.criteria_definitions if one.id in scores]
    weights = {
        one.id: 1 if one.weight is None else one.weight for one in rubric.criteria_definitions
    }
    scored = [one for one in listed if one.score is not None]
    evaluation = RubricEvaluation(criteria_evaluations=listed)
    if not scored:
        return evaluation
    total = sum(
        one.score * weights[one.criterion_definition_id or ""]
        for one in scored
        if one.score is not None
    )
    evaluation.total_score = _plain(total)
    most = _most_score(field)
    best: float | None = rubric.max_total_score
    if most is not None:
        best_total = sum(most * weight for weight in weights.values() if weight > 0)
        best = best_total if best is None else best
    if best:
        evaluation.percentage = _plain(round(100 * total / best, 2))
    return evaluation


def _most_score(field: Field | None) -> int | None:
    """The best score that a criterion can get, None if there is no such bound."""
    if field is None:
        return None
    if field.type == AnnotationType.boolean:
        return 1
    values: list[Any] | None = field.possible_values
    return max(values) if values and field.type == AnnotationType.integer else None


def _plain(number: float) -> float | int:
    """A number without a fraction as a whole one."""
    return int(number) if float(number).is_integer() else number


def ballot_of(answer: Answer) -> Ballot:
    """An answer without the reason given for it."""
    return Ballot(answer.value, answer.not_applicable, answer.cannot_assess)


def opinions_of(judged: Sequence[DecodedSubmission]) -> dict[Address, list[AnnotatorAnswer]]:
    """What people answered, by what it is about, in the order of submission."""
    found: dict[Address, list[AnnotatorAnswer]] = {}
    for one in judged:
        for answer in one.answers:
            found.setdefault(address_of(answer), []).append(AnnotatorAnswer(one, answer))
    return found


def address_of(answer: Answer) -> Address:
    """What an answer is about."""
    return answer.at, answer.source_id, answer.chunk, answer.criterion, answer.key


def asked_at(question: Question, content: Sequence[Thread]) -> Address:
    """What a question is about, as its answers say it."""
    place, source_id = question.place, None
    if place.turn is not None and place.message is not None:
        source_id = content[place.thread].turns[place.turn].messages[place.message].source_id
    return place.at, source_id, place.chunk, place.criterion, question.field.key
