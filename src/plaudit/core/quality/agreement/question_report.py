"""Report on one question: from its votes, by column, to the JSON of its agreement.

A report is a plan first: it names the sums over units that it needs, so that the weights of the
bootstrap are drawn once for all questions (`question_reports`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from plaudit.core.quality.agreement import wire_answers
from plaudit.core.quality.agreement.coefficients import AgreementPlan
from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel
from plaudit.core.quality.agreement.pairs import pair_agreements
from plaudit.core.quality.agreement.rankings import (
    PAIR_CATEGORIES,
    RankingPlan,
    ResponsePairs,
)
from plaudit.core.quality.agreement.spans import SpanArrays, SpanPlan
from plaudit.core.quality.agreement.voters import (
    RepeatedVotes,
    consistency,
    disagreements,
    voter_records,
)
from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.patterns import Patterns, patterns_of
from plaudit.core.quality.people import dawid_skene
from plaudit.core.quality.people.dawid_skene import DawidSkene
from plaudit.core.quality.replicates import REPLICATES, Summands, replicate_sums
from plaudit.core.quality.report_members import annotator_model_member
from plaudit.core.quality.texts import TextVote, text_statistics
from plaudit.core.quality.vote_arrays import VoteArrays
from plaudit.wire.manage.quality import (
    AbstentionOnQuestion,
    AgreementOnQuestion,
    QuestionQuality,
    RepeatsOnQuestion,
    SliceOfQuestion,
)
from plaudit.wire.manage.quality_people import AnnotatorModel

ANSWERED = CategoryScale(2)
CHOICES_MAX = 100
"""Choices up to which each has an α of its own."""

Sums = Iterator[NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionVotes:
    """All that is known of one question.

    `categories` are the declared ones as in JSON, lowest first; where people choose several they
    are the choices, and `scale.sets` has the choices of each category of the votes. `orientation`
    is None for a question without sides; `scale.orbits` must fit it.

    `votes` are the answers; those of `rankings` where people rank, and none where they write or
    mark texts. `abstentions` are over category 0 for answered and 1 for
    abstained. `final` is the category of the final answer of each unit, NO_ANSWER without one.
    `slices` choose units of `votes`. With `unit_task_ids`, the task of each unit, the annotator
    model lists its units. Tasks have one numbering for all questions.
    """

    key: str
    about: str
    type: str
    level: MeasurementLevel
    categories: Sequence[Any]
    scale: CategoryScale
    contributor_ids: Sequence[str]
    votes: VoteArrays
    orientation: Literal["free", "stored"] | None = None
    abstentions: VoteArrays | None = None
    final: NDArray[np.int32] | None = None
    repeats: RepeatedVotes | None = None
    rankings: ResponsePairs | None = None
    spans: SpanArrays | None = None
    texts: Sequence[TextVote] | None = None
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    unit_task_ids: Sequence[str] | None = None


def question_reports(
    questions: Sequence[QuestionVotes], hashes: NDArray[np.uint64], replicates: int = REPLICATES
) -> list[QuestionQuality]:
    """The report on each question; `hashes` are those of all tasks (`task_hashes`)."""
    return plan_reports([QuestionPlan(question) for question in questions], hashes, replicates)


def plan_reports(
    plans: Sequence[QuestionPlan], hashes: NDArray[np.uint64], replicates: int = REPLICATES
) -> list[QuestionQuality]:
    """The report of each plan, which has its annotator model then."""
    wanted = [plan.summands() for plan in plans]
    sums = replicate_sums(hashes, [one for part in wanted for one in part], replicates)
    rest = iter(sums)
    return [plan.report(rest) for plan in plans]


class QuestionPlan:
    """The report on one question: the sums that it needs, and the report once they are there."""

    def __init__(self, question: QuestionVotes) -> None:
        self.model: DawidSkene | Undefined | None = None
        """Annotator model, None before the report, and of a question without one."""
        self._question = question
        self._patterns = patterns_of(question.votes)
        names = _names(question)
        self._agreement: AgreementPlan | None = None
        self._slices: dict[str, AgreementPlan] = {}
        if question.spans is None and question.texts is None:
            self._agreement = AgreementPlan(self._patterns, question.scale, names)
            self._slices = {
                name: AgreementPlan(self._patterns.of_units(units), question.scale, names)
                for name, units in question.slices.items()
            }
        self._choices = dict(_choice_plans(question))
        self._abstentions: AgreementPlan | None = None
        if question.abstentions is not None:
            patterns = patterns_of(question.abstentions)
            self._abstentions = AgreementPlan(patterns, ANSWERED, ["an answer", "nothing"])
        self._ranking = None if question.rankings is None else RankingPlan(question.rankings)
        self._spans = None if question.spans is None else SpanPlan(question.spans)

    def summands(self) -> list[Summands]:
        """The sums over units that `report` takes, in its order."""
        plans = [self._agreement, *self._choices.values(), *self._slices.values()]
        wanted = [plan.summands() for plan in [*plans, self._abstentions] if plan is not None]
        for several in (self._ranking, self._spans):
            wanted += [] if several is None else several.summands()
        return wanted

    def report(self, sums: Sums) -> QuestionQuality:
        """The report, from the sums in each replicate: as many as `summands` are taken."""
        question, ids = self._question, self._question.contributor_ids
        sizes, given = _ballots(question)
        abstained = question.abstentions
        agreement = UNSET if self._agreement is None else self._agreement_of(sums)
        slices = {
            name: SliceOfQuestion(
                units=int(np.count_nonzero(question.slices[name])),
                agreement=wire_answers.agreement(plan.agreement(next(sums)), question.orientation),
            )
            for name, plan in self._slices.items()
        }
        abstention = UNSET if self._abstentions is None else self._abstention(sums)
        answer = QuestionQuality(
            key=question.key,
            about=question.about,
            level=question.level,
            type=question.type,
            categories=list(question.categories),
            units=int(np.count_nonzero(sizes)),
            pairable=int(np.count_nonzero(sizes >= 2)),
            votes=int(given.sum()),
            abstained=0 if abstained is None else int(np.count_nonzero(abstained.values)),
            abstention=abstention,
            agreement=agreement,
            dawid_skene=self._annotator_model(),
            people=wire_answers.people(voter_records(question.votes, question.final, given), ids),
            disagreements=wire_answers.disagreements(
                disagreements(question.votes, question.final), ids
            ),
            repeats=self._repeats(),
            slices=slices or UNSET,
        )
        if self._ranking is not None:
            part = [next(sums) for _ in self._ranking.summands()]
            answer.ranking = wire_answers.ranking(self._ranking.agreement(part), ids)
        if self._spans is not None:
            part = [next(sums) for _ in self._spans.summands()]
            answer.spans = wire_answers.spans(
                self._spans.agreement(part), self._spans.is_overlapping
            )
        if question.texts is not None:
            answer.texts = wire_answers.texts(text_statistics(question.texts), ids)
        return answer

    def _agreement_of(self, sums: Sums) -> AgreementOnQuestion:
        question = self._question
        assert self._agreement is not None
        found = self._agreement.agreement(next(sums))
        answer = wire_answers.agreement(found, question.orientation)
        pairs = pair_agreements(question.votes, question.scale)
        answer.cohen = wire_answers.pairs(pairs, question.contributor_ids)
        if self._choices:
            answer.choices = {
                name: wire_answers.coefficient(plan.nominal(next(sums)))
                for name, plan in self._choices.items()
            }
        return answer

    def _abstention(self, sums: Sums) -> AbstentionOnQuestion:
        plan, votes = self._abstentions, self._question.abstentions
        assert plan is not None
        assert votes is not None
        abstained = int(np.count_nonzero(votes.values))
        return AbstentionOnQuestion(
            share=wire_answers.share_of(abstained, len(votes.values)),
            alpha=wire_answers.coefficient(plan.nominal(next(sums))),
        )

    def _annotator_model(self) -> AnnotatorModel | UnsetType:
        """The annotator model of a question with one answer of declared categories."""
        question = self._question
        others = (question.rankings, question.spans, question.texts, question.scale.sets)
        if any(one is not None for one in others):
            return UNSET
        self.model = dawid_skene.fit(question.votes)
        return annotator_model_member(
            self.model, question.categories, question.contributor_ids, question.unit_task_ids
        )

    def _repeats(self) -> RepeatsOnQuestion:
        question = self._question
        if question.repeats is None:
            return RepeatsOnQuestion(n=0, equal=0, same_side=None)
        found = consistency(question.repeats, _sides(question))
        return RepeatsOnQuestion(n=found.n, equal=found.equal, same_side=found.same_side)


def _ballots(question: QuestionVotes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Answers of each unit and of each person: a ranking is one, and so are all spans of a unit."""
    units, people = question.votes.units, question.votes.people
    if question.rankings is not None:
        units, people = np.unique(
            np.stack([question.rankings.ranks.units, question.rankings.ranks.people]), axis=1
        )
    elif question.spans is not None:
        units, people = question.spans.units, question.spans.people
    elif question.texts is not None:
        units = np.array([text.unit for text in question.texts], dtype=np.int32)
        people = np.array([text.person for text in question.texts], dtype=np.int32)
    return np.bincount(units), np.bincount(people, minlength=len(question.contributor_ids))


def _names(question: QuestionVotes) -> list[str]:
    """The categories of the votes as people know them."""
    if question.rankings is not None:
        return list(PAIR_CATEGORIES)
    names = [str(one) for one in question.categories]
    if question.scale.sets is None:
        return names
    return [
        " and ".join(names[at] for at in sorted(one)) or "nothing" for one in question.scale.sets
    ]


def _choice_plans(question: QuestionVotes) -> Iterator[tuple[str, AgreementPlan]]:
    """A plan for each choice, over chosen or not, where people choose several."""
    sets, votes = question.scale.sets, question.votes
    if sets is None or len(question.categories) > CHOICES_MAX:
        return
    for at, choice in enumerate(question.categories):
        is_chosen = np.array([at in one for one in sets] or [False])
        patterns: Patterns = patterns_of(votes.recoded(is_chosen.astype(np.int32), 2))
        names = [f"no to {choice}", f"yes to {choice}"]
        yield str(choice), AgreementPlan(patterns, CategoryScale(2), names)


def _sides(question: QuestionVotes) -> NDArray[np.int32] | None:
    """The side of each category of a preference: -1, 0 in the middle, or 1."""
    if question.orientation is None or not question.scale.is_ordered:
        return None
    count = question.scale.category_count
    return np.sign(2 * np.arange(count) - (count - 1)).astype(np.int32)
