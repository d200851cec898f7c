"""Consolidated answers, written into the threads of a conversation.

Each becomes an annotation. Which response is preferred follows from the preference or the ranking.
A response that was written becomes a message; scores of rubric criteria become an evaluation of the
message they are about.
"""

from __future__ import annotations

from msgspec import UNSET

from plaudit import clock
from plaudit.core.labeling.agreement import preferred
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.ballots import Ballot
from plaudit.core.labeling.questions import (
    SELECTED,
    Question,
    QuestionTarget,
    deriving_field,
    responses,
)
from plaudit.core.labeling.threads.answer_reading import SCORE
from plaudit.core.labeling.type_rules import possible_values
from plaudit.core.labeling.types import rules_of
from plaudit.core.labeling.votes import AnnotatorAnswer, first_reason
from plaudit.core.tasks.forms import Consolidate, Field, Form, Level, TextUse
from plaudit.wire.v2.annotation import Annotation, Vote
from plaudit.wire.v2.task import (
    CriterionEvaluation,
    Message,
    MessageContent,
    MessageRole,
    Rubric,
    RubricEvaluation,
    Thread,
)

WRITER = "human"
"""The source of a response that a person wrote; further ones are human_2, human_3, …"""


class AnswerWriter:
    """Writes consolidated answers into one conversation.

    With `keeps` the conversation was written before: scores that are not written again stay, and
    an annotation that replaces one keeps its id, and its votes if it has none.
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
        self, question: Question, ballot: Ballot, votes: list[AnnotatorAnswer], fix: Answer | None
    ) -> None:
        """Write the consolidated answer to one question."""
        field, target = question.field, question.target
        if field.use is TextUse.response:
            self._write_responses(question, ballot, votes, fix)
            return
        annotation = _annotation(field, ballot, votes, fix, is_voted=self._is_voted)
        if target.criterion is not None:
            self._evaluate(field, target, annotation)
            return
        self._put(self._annotations(target), annotation)
        if target.turn is not None and target.message is None:
            self._follow(field, target, ballot)

    def leave_out(self, question: Question) -> None:
        """Take away what was suggested as the answer to a question that has none."""
        field, target = question.field, question.target
        if target.criterion is not None and target.turn is not None and target.message is not None:
            turn = self._content[target.thread].turns[target.turn]
            turn.messages[target.message].rubric_evaluations = None
            return
        keys = {field.key}
        if target.turn is not None and target.message is None:
            turn = self._content[target.thread].turns[target.turn]
            keys |= {SELECTED} if deriving_field(self._form, turn) is field else set()
        listed = self._annotations(target)
        listed[:] = [other for other in listed if other.key not in keys]

    def take_away(self, question: Question) -> None:
        """Take away the delivered answer to a question that is not asked any more."""
        field, target = question.field, question.target
        if target.criterion is None:
            self.leave_out(question)
            return
        assert target.turn is not None
        assert target.message is not None
        message = (target.thread, target.turn, target.message)
        scores = self._scores.setdefault(message, self._delivered_scores(target))
        evaluation = scores.get(target.criterion)
        if evaluation is None:
            return
        listed = evaluation.annotations or []
        listed[:] = [other for other in listed if other.key != field.key]
        if field.key == SCORE:
            evaluation.score = None

    def finish(self) -> None:
        """Add the evaluations and the written responses that were collected."""
        for (t, u, m), scores in self._scores.items():
            turn = self._content[t].turns[u]
            turn.messages[m].rubric_evaluations = [
                _evaluation(rubric, scores, self._score_field) for rubric in turn.rubrics or ()
            ]
        for target, text in self._written:
            assert target.turn is not None
            messages = self._content[target.thread].turns[target.turn].messages
            used = {message.source_id for message in messages}
            number, source_id = 1, WRITER
            while source_id in used:
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
        return self._form_field(Level.criterion, SCORE)

    def _form_field(self, level: Level, key: str) -> Field | None:
        fields = self._form.fields
        return next((field for field in fields if (field.level, field.key) == (level, key)), None)

    def _put(self, listed: list[Annotation], annotation: Annotation) -> None:
        """Replace the annotation with this key, in its position if it `keeps`; else append."""
        for number, previous in enumerate(listed):
            if previous.key == annotation.key and self._keeps:
                annotation.id = previous.id
                annotation.votes = annotation.votes or previous.votes
                listed[number] = annotation
                return
        listed[:] = [other for other in listed if other.key != annotation.key]
        listed.append(annotation)

    def _annotations(self, target: QuestionTarget) -> list[Annotation]:
        thread = self._content[target.thread]
        if target.turn is None:
            return thread.annotations
        turn = thread.turns[target.turn]
        if target.message is None:
            return turn.annotations
        message = turn.messages[target.message]
        if target.chunk is None:
            return message.annotations
        return (message.content.chunks or [])[target.chunk].annotations

    def _follow(self, field: Field, target: QuestionTarget, ballot: Ballot) -> None:
        """Name the preferred response, if it follows from this answer."""
        assert target.turn is not None
        turn = self._content[target.thread].turns[target.turn]
        if deriving_field(self._form, turn) is not field:
            return
        sources = [turn.messages[m].source_id for m in responses(turn)]
        source_id = None if ballot.value is None else preferred(field, ballot.value, sources)
        if source_id is None:
            turn.annotations[:] = [other for other in turn.annotations if other.key != SELECTED]
            return
        selecting = self._form_field(Level.turn, SELECTED)
        if selecting is None:
            selecting = Field(key=SELECTED, level=Level.turn, type="category")
        chosen = _annotation(selecting, Ballot(source_id), [], None, is_voted=False)
        if self._keeps:
            self._put(turn.annotations, chosen)
            return
        turn.annotations[:] = [other for other in turn.annotations if other.key != SELECTED]
        turn.annotations.insert(max(0, len(turn.annotations) - 1), chosen)

    def _evaluate(self, field: Field, target: QuestionTarget, annotation: Annotation) -> None:
        assert target.turn is not None
        assert target.message is not None
        assert target.criterion is not None
        message = (target.thread, target.turn, target.message)
        if message not in self._scores:
            self._scores[message] = self._delivered_scores(target) if self._keeps else {}
        evaluation = self._scores[message].setdefault(
            target.criterion, CriterionEvaluation(criterion_definition_id=target.criterion)
        )
        listed = evaluation.annotations = evaluation.annotations or []
        if field.key == SCORE:
            value = annotation.value
            score = None if value is None else rules_of(field).score_of(value)
            evaluation.score = score
            if not self._is_voted and annotation.justification is None and score is not None:
                listed[:] = [other for other in listed if other.key != SCORE]
                return
        self._put(listed, annotation)

    def _delivered_scores(self, target: QuestionTarget) -> dict[str, CriterionEvaluation]:
        """A message's evaluations as delivered, by the id of the criterion."""
        assert target.turn is not None
        assert target.message is not None
        message = self._content[target.thread].turns[target.turn].messages[target.message]
        return {
            scored.criterion_definition_id: scored
            for evaluation in message.rubric_evaluations or ()
            for scored in evaluation.criteria_evaluations or ()
            if scored.criterion_definition_id is not None
        }

    def _write_responses(
        self, question: Question, ballot: Ballot, votes: list[AnnotatorAnswer], fix: Answer | None
    ) -> None:
        texts = [ballot.value]
        if fix is None and question.field.rule is Consolidate.all:
            texts = [vote.answer.value for vote in votes]
        self._written += [(question.target, text) for text in texts if text is not None]


def _annotation(
    field: Field,
    ballot: Ballot,
    votes: list[AnnotatorAnswer],
    fix: Answer | None,
    *,
    is_voted: bool,
) -> Annotation:
    """The annotation of a consolidated answer, with each person's vote if several judged."""
    return Annotation(
        key=field.key,
        type=field.type,
        value=ballot.value,
        title=field.title,
        description=field.description,
        labels=field.labels,
        possible_values=possible_values(field),
        not_applicable=ballot.not_applicable or None,
        cannot_assess=ballot.cannot_assess or None,
        justification=_justification(ballot, votes, fix),
        votes=[
            Vote(
                contributor_id=vote.submission.user_id,
                value=UNSET if vote.answer.value is None else vote.answer.value,
                not_applicable=vote.answer.not_applicable or None,
                cannot_assess=vote.answer.cannot_assess or None,
                submitted_at=clock.format_ms(vote.submission.submitted_ms),
            )
            for vote in votes
            if not vote.answer.is_empty
        ]
        or None
        if is_voted
        else None,
    )


def _justification(ballot: Ballot, votes: list[AnnotatorAnswer], fix: Answer | None) -> str | None:
    """The reviewer's reason, else that of the first who gave this answer and a reason."""
    return first_reason(ballot, votes) if fix is None else fix.justification


def _evaluation(
    rubric: Rubric, scores: dict[str, CriterionEvaluation], field: Field | None
) -> RubricEvaluation:
    """A rubric's evaluation: weighted total and percentage of the best."""
    criteria = rubric.criteria_definitions
    listed = [scores[criterion.id] for criterion in criteria if criterion.id in scores]
    weights = {
        criterion.id: 1 if criterion.weight is None else criterion.weight for criterion in criteria
    }
    weighted = [
        scored.score * weights[scored.criterion_definition_id or ""]
        for scored in listed
        if scored.score is not None
    ]
    evaluation = RubricEvaluation(criteria_evaluations=listed)
    if not weighted:
        return evaluation
    total = sum(weighted)
    evaluation.total_score = _plain(total)
    score_max = None if field is None else rules_of(field).score_max(field)
    best: float | None = rubric.max_total_score
    if score_max is not None:
        best_total = sum(score_max * weight for weight in weights.values() if weight > 0)
        best = best_total if best is None else best
    if best:
        evaluation.percentage = _plain(round(100 * total / best, 2))
    return evaluation


def _plain(number: float) -> float | int:
    """A number as an int if it has no fraction."""
    return int(number) if float(number).is_integer() else number
