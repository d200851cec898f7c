"""Comparisons of a task: its turns in order, each with the context that was chosen before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import Form, Level, TextUse
from plaudit.formats.common.imported_task import COERCED, FLAGS, NON_TEXT
from plaudit.formats.exporting.comparison import (
    Candidate,
    Comparison,
    ContextMessage,
    Skip,
    VerdictKind,
)
from plaudit.formats.exporting.judges import Judges, VerdictOptions
from plaudit.formats.exporting.verdicts import TurnVerdict, find_verdict
from plaudit.wire.v2.annotation import Annotation, AnnotationType
from plaudit.wire.v2.task import Message, MessageRole, Thread, Turn

CONTINUED_FROM = "continued_from"
REWRITE_KEYS = frozenset(("rewrite", "edited_response"))
REWRITE_SOURCES = frozenset(("rewrite", "human"))
_SINGLE = frozenset(
    (AnnotationType.boolean, AnnotationType.integer, AnnotationType.text, AnnotationType.category)
)
_ROLES = {
    MessageRole.system: "system",
    MessageRole.user: "user",
    MessageRole.assistant: "assistant",
    MessageRole.function: "tool",
}


class TaskFacts(Struct, frozen=True, kw_only=True):
    """Facts of a task that its comparisons name; `completed_at` is ISO 8601."""

    task_id: str
    project: str
    batch: str | None = None
    completed_at: str | None = None
    metadata: dict[str, Any] = {}


def compare_task(
    facts: TaskFacts, threads: Sequence[Thread], form: Form, options: VerdictOptions
) -> Iterator[Comparison]:
    """Yield the turns of a task that have a response, each once, in the order of the threads.

    A turn that several threads share is compared once. After a turn without a chosen response the
    rest of its thread has an ambiguous context; where each vote gives a row, the majority chooses.
    """
    seen = SeenTurns()
    problem = Skip.coerced_text if COERCED in _flags(facts) else None
    for t, thread in enumerate(threads):
        context: list[ContextMessage] = []
        is_ambiguous = False
        for u, turn in enumerate(thread.turns):
            context += [
                _context_message(one, facts) for one in turn.messages if not _is_response(one)
            ]
            responses = [_candidate(one, form, facts) for one in turn.messages if _is_response(one)]
            if not responses:
                continue
            verdict = _verdict(turn, responses, form, options)
            said = verdict
            if options.judges is Judges.each and u < len(thread.turns) - 1:
                said = _verdict(turn, responses, form, _of_majority(options))
            chosen = chosen_response(turn, responses, said)
            if seen.is_new(turn):
                yield Comparison(
                    task_id=facts.task_id,
                    project=facts.project,
                    batch=facts.batch,
                    thread_id=thread.id,
                    turn_id=turn.id,
                    thread=t,
                    turn=u,
                    context=tuple(context),
                    responses=responses,
                    kind=verdict.kind,
                    pairs=verdict.pairs,
                    groups=verdict.groups,
                    likert=verdict.likert,
                    votes=verdict.votes,
                    other_votes=verdict.other_votes,
                    contributor_ids=contributors(thread, turn),
                    completed_at=facts.completed_at,
                    flags=verdict.flags,
                    references=_references(turn),
                    metadata=facts.metadata,
                    is_last_turn=u == len(thread.turns) - 1,
                    skip=problem or (Skip.ambiguous_context if is_ambiguous else None),
                )
            if chosen is None:
                is_ambiguous = True
            else:
                context.append(
                    ContextMessage("assistant", chosen.text, chosen.reasoning, chosen.is_text)
                )


class SeenTurns:
    """Turns of a task. One that several threads share has one id and says the same in each.

    Its annotations may differ: the threads go on from different responses.
    """

    def __init__(self) -> None:
        self._seen: set[Any] = set()

    def is_new(self, turn: Turn) -> bool:
        """True for a turn that has not been asked about before."""
        said = (turn.id, *((one.role, one.source_id, one.content.text) for one in turn.messages))
        is_new = said not in self._seen
        self._seen.add(said)
        return is_new


def chosen_response(
    turn: Turn, responses: Sequence[Candidate], verdict: TurnVerdict
) -> Candidate | None:
    """Response with which the conversation went on; None if that is not known.

    The one that the thread is marked as continued from, the only one, a rewrite, or the best one.
    """
    by_source = {response.source_id: response for response in responses}
    continued = next((one for one in turn.annotations if one.key == CONTINUED_FROM), None)
    if continued is not None and continued.value in by_source:
        return by_source[continued.value]
    if len(responses) == 1:
        return responses[0]
    rewrites = [response for response in responses if response.is_rewrite]
    if len(rewrites) == 1:
        return rewrites[0]
    best = {pair.better for pair in verdict.pairs} - {pair.worse for pair in verdict.pairs}
    if verdict.kind is VerdictKind.prefer and len(best) == 1:
        chosen = responses[best.pop()]
        return (
            chosen
            if chosen.rewrite is None
            else Candidate(source_id=chosen.source_id, text=chosen.rewrite)
        )
    return None


def contributors(thread: Thread, turn: Turn) -> list[str]:
    """Ids of the people who judged, each once: of the thread's submissions and the turn's votes."""
    named: dict[str, None] = {}
    for submission in thread.submissions or ():
        if submission.contributor_id is not None:
            named[submission.contributor_id] = None
    for annotation in turn.annotations:
        for vote in annotation.votes or ():
            named[vote.contributor_id] = None
    return list(named)


def _of_majority(options: VerdictOptions) -> VerdictOptions:
    return VerdictOptions(prefer=options.prefer, min_difference=options.min_difference)


def _verdict(
    turn: Turn, responses: Sequence[Candidate], form: Form, options: VerdictOptions
) -> TurnVerdict:
    if len(responses) < 2:
        return TurnVerdict()
    return find_verdict(turn.annotations, responses, form, options)


def _is_response(message: Message) -> bool:
    return message.role is MessageRole.assistant


def _context_message(message: Message, facts: TaskFacts) -> ContextMessage:
    return ContextMessage(
        _ROLES[message.role],
        _text(message) or "",
        _reasoning(message),
        _is_text(message, facts),
    )


def _flags(facts: TaskFacts) -> list[Any]:
    flags = facts.metadata.get(FLAGS)
    return flags if isinstance(flags, list) else []


def _is_text(message: Message, facts: TaskFacts) -> bool:
    """True if a message is text and nothing else; pieces count unless an import flagged them."""
    content = message.content
    if content.attachments:
        return False
    if content.chunks and NON_TEXT in _flags(facts):
        return False
    return content.text is not None or bool(content.chunks)


def _text(message: Message) -> str | None:
    """Text of a message, or that of its pieces; None where there is none."""
    content = message.content
    if content.text is not None:
        return content.text
    if content.chunks:
        return "".join(chunk.text for chunk in content.chunks)
    return None


def _reasoning(message: Message) -> str | None:
    pieces = [piece.content for piece in message.content.reasoning or () if piece.content]
    return "\n\n".join(pieces) if pieces else None


def _candidate(message: Message, form: Form, facts: TaskFacts) -> Candidate:
    return Candidate(
        source_id=message.source_id,
        text=_text(message) or "",
        model=message.model_parameters.model if message.model_parameters else None,
        reasoning=_reasoning(message),
        ratings=_ratings(message.annotations),
        rewrite=_rewrite(message.annotations, form),
        is_text=_is_text(message, facts),
        is_rewrite=message.source_id in REWRITE_SOURCES,
    )


def _ratings(annotations: Sequence[Annotation]) -> dict[str, Any]:
    """Values of the annotations that have one value, and the scores of rubrics."""
    ratings: dict[str, Any] = {}
    for given in annotations:
        if given.not_applicable or given.cannot_assess or given.value is None:
            continue
        if given.type in _SINGLE:
            ratings[given.key] = given.value
        elif given.type == AnnotationType.rubric_rating and isinstance(given.value, dict):
            score = given.value.get("score")
            if isinstance(score, int | float):
                ratings[given.key] = score
    return ratings


def _rewrite(annotations: Sequence[Annotation], form: Form) -> str | None:
    keys = {
        field.key
        for field in form.fields
        if field.level is Level.message and field.use is TextUse.rewrite
    } | REWRITE_KEYS
    texts = [one.value for one in annotations if one.key in keys and isinstance(one.value, str)]
    return next((text for text in texts if text.strip()), None)


def _references(turn: Turn) -> list[str]:
    """Reference texts of the turn's messages, each once."""
    texts = (
        reference.content
        for message in turn.messages
        for reference in message.content.reference_texts or ()
        if reference.content
    )
    return list(dict.fromkeys(texts))
