"""Samples of a project's answers for its charts: the last submissions, and imported annotations.

Rows and bytes that are read are bounded, whatever the size of the project; a page that shows what
comes of them says so. An annotation that came in with a completed task, by import or from a
program, is an answer, and where several judged, each of their votes is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.threads.answer_reading import SCORE
from plaudit.core.labeling.type_rules import ResponseNames
from plaudit.core.labeling.types import TYPES
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.model.core import ALL_OPTS, ProjectRow, StoredTask
from plaudit.store.common import pages
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.labeling.statistics import SampledSubmission
from plaudit.store.tasks import tasks
from plaudit.wire.v2.annotation import Annotation, TypeWord
from plaudit.wire.v2.task import CriterionEvaluation, Message, MessageRole, Turn

SAMPLE = 1000
"""The most submissions, and the most completed tasks, that are looked at."""
SAMPLE_BYTES_MAX = 16 * 1024 * 1024
"""The most bytes of conversations that are read for submissions, and for completed tasks."""
_SCORED = (Level.criterion, SCORE)


class _ModelParameters(Struct):
    model: str | None = None


class _Message(Struct):
    """The members of a message that tell which model wrote it."""

    role: MessageRole
    source_id: str
    model_parameters: _ModelParameters | None = None


class _Turn(Struct):
    messages: list[_Message] = []


class _Thread(Struct):
    turns: list[_Turn] = []


class AnswerSample(Struct, frozen=True):
    """Submissions, the latest first, the content of their tasks by seq, and imported tasks."""

    submissions: list[SampledSubmission]
    contents: dict[int, bytes]
    imported: list[StoredTask]


class SampledAnswer(Struct, frozen=True):
    """An answer with the names of the responses of its turn, and how it came in."""

    answer: Answer
    names: ResponseNames
    is_imported: bool


_decode_answers = msgspec.json.Decoder(list[Answer]).decode
_decode_content = msgspec.json.Decoder(list[_Thread]).decode


async def load_sample(tx: Transaction, project: ProjectRow) -> AnswerSample:
    """Load the last SAMPLE submissions, and the imported ones of as many completed tasks.

    Fewer where their conversations have more than SAMPLE_BYTES_MAX together.
    """
    key = project.project_key
    submitted = await statistics.list_last_submissions(tx, key, limit=SAMPLE)
    sizes = await statistics.list_content_sizes(tx, key, {row.seq for row in submitted})
    submitted = submitted[: pages.count_fitting(_each_once(submitted, sizes), SAMPLE_BYTES_MAX)]
    contents = await statistics.list_contents(tx, key, {row.seq for row in submitted})
    imported = await statistics.list_unsubmitted_sizes(tx, key, limit=SAMPLE)
    fitting = pages.count_fitting([size for _, size in imported], SAMPLE_BYTES_MAX)
    found = await tasks.get_tasks(tx, key, [seq for seq, _ in imported[:fitting]])
    return AnswerSample(submitted, contents, found)


def _each_once(submitted: Sequence[SampledSubmission], sizes: dict[int, int]) -> list[int]:
    """Bytes that each submission adds: those of its task, if no earlier one has it."""
    left = dict(sizes)
    return [left.pop(row.seq, 0) for row in submitted]


def submitted_answers(sample: AnswerSample) -> Iterator[SampledAnswer]:
    """Every answer of the submissions that count; slow, for it decodes them all."""
    names = {seq: _names_by_turn(content) for seq, content in sample.contents.items()}
    for row in sample.submissions:
        if row.is_current:
            for answer in _decode_answers(row.answers):
                yield SampledAnswer(answer, names.get(row.seq, {}).get(answer.at, {}), False)


def imported_answers(
    form: Form, sample: AnswerSample
) -> Iterator[tuple[SampledAnswer, Annotation]]:
    """Every answer of the imported tasks, with its annotation; slow, for it decodes them all.

    Scores of criteria are answers to the form's question for them, else ratings.
    """
    asked = (field.type for field in form.fields if (field.level, field.key) == _SCORED)
    score_type: TypeWord = next(asked, "rubric_rating")
    for task in sample.imported:
        for address, names, annotation in _annotations(task, score_type):
            for answer in _imported(address, annotation):
                yield SampledAnswer(answer, names, True), annotation


def level_of(answer: Answer) -> Level:
    """The level of the field that an answer is to."""
    if answer.criterion is not None:
        return Level.criterion
    if answer.chunk is not None:
        return Level.chunk
    if answer.source_id is not None:
        return Level.message
    return Level.turn if "u" in answer.at else Level.thread


def imported_field(answer: Answer, annotation: Annotation) -> Field:
    """A field for annotations that no form asks for, as the annotation describes itself."""
    return Field(
        key=annotation.key,
        level=level_of(answer),
        type=annotation.type or "text",  # what is stored has a type
        title=annotation.title,
        possible_values=annotation.possible_values,
        labels=annotation.labels,
    )


def _imported(address: dict[str, Any], annotation: Annotation) -> Iterator[Answer]:
    """The votes of an annotation, else its own value; none for one that says nothing."""
    for cast in annotation.votes or (annotation,):
        value = cast.value if isinstance(cast, Annotation) or cast.has_value else None
        answer = Answer(
            **address,
            key=annotation.key,
            value=value,
            not_applicable=value is None and bool(cast.not_applicable),
            cannot_assess=value is None and bool(cast.cannot_assess),
        )
        if not answer.is_empty:
            yield answer


def _annotations(
    task: StoredTask, score_type: TypeWord
) -> Iterator[tuple[dict[str, Any], ResponseNames, Annotation]]:
    """Each annotation of a task that is an answer: address, names of the responses, annotation."""
    for t, thread in enumerate(threads_of(task, int(ALL_OPTS))):
        for annotation in thread.annotations:
            yield {"at": f"t{t}"}, {}, annotation
        for u, turn in enumerate(thread.turns):
            at, names = f"t{t}u{u}", _names(turn)
            for annotation in turn.annotations:
                yield {"at": at}, names, annotation
            for message in turn.messages:
                for address, annotation in _of_message(message, score_type):
                    yield {"at": at, "source_id": message.source_id} | address, names, annotation


def _of_message(
    message: Message, score_type: TypeWord
) -> Iterator[tuple[dict[str, Any], Annotation]]:
    """The annotations of a message, of its chunks, and of rubric criteria about it."""
    for annotation in message.annotations:
        yield {}, annotation
    for number, chunk in enumerate(message.content.chunks or ()):
        for annotation in chunk.annotations:
            yield {"chunk": number}, annotation
    for evaluation in message.rubric_evaluations or ():
        for scored in evaluation.criteria_evaluations or ():
            for annotation in _of_criterion(scored, score_type):
                yield {"criterion": scored.criterion_definition_id or ""}, annotation


def _of_criterion(scored: CriterionEvaluation, score_type: TypeWord) -> list[Annotation]:
    """The annotations of a scored criterion; its score is one, unless an annotation has it."""
    listed = list(scored.annotations or ())
    if scored.score is not None and all(annotation.key != SCORE for annotation in listed):
        score = int(scored.score) if float(scored.score).is_integer() else scored.score
        value = TYPES[score_type].value_of_score(score)
        listed.append(Annotation(key=SCORE, type=score_type, value=value))
    return listed


def _names_by_turn(content: bytes) -> dict[str, ResponseNames]:
    """Names of the responses of each turn by its path."""
    return {
        f"t{t}u{u}": _names(turn)
        for t, thread in enumerate(_decode_content(content))
        for u, turn in enumerate(thread.turns)
    }


def _names(turn: Turn | _Turn) -> ResponseNames:
    """Names of a turn's responses by `source_id`: the model that wrote it, if that is known.

    A `source_id` names the model as well, but for `response_1`, which only counts.
    """
    names: dict[str, str] = {}
    for message in turn.messages:
        if message.role is MessageRole.assistant:
            parameters, source_id = message.model_parameters, message.source_id
            known = parameters.model if parameters is not None else None
            number = len(names) + 1
            is_counted = source_id == f"response_{number}"
            unknown = f"Response {number} (model unknown)" if is_counted else source_id
            names[source_id] = known or unknown
    return names
