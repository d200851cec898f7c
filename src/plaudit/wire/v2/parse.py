"""Parse task JSON from outside: validate it, mint missing ids, and report errors by pointer.

Every task that enters the store passes through `read_task`, so what is stored can be served
without further checks: structure and enums by msgspec, values by annotation type, one
`source_id` per message of a turn, ISO times, and an id on every annotation.

Minted annotation ids contain the path of the annotation (`ann_t0u1m2a3_<task_id>`: thread 0,
turn 1, message 2, annotation 3), so finding one needs no index. A turn that several threads
share keeps the ids of its first appearance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.errors import InvalidContent
from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.wire.v2 import annotation as annotation_rules
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.annotation import Annotation, AnnotationType
from plaudit.wire.v2.resources import ArchivedBatch
from plaudit.wire.v2.task import ArchivedTask, ErrorType, Message, MessageRole, Thread, Turn

MESSAGES_PER_TASK_MAX = 10_000

_ENUMS: dict[str, Iterable[str]] = {
    "role": MessageRole,
    "status": TaskStatus,
    "batch_status": BatchStatus,
    "type": AnnotationType,
    "error_type": ErrorType,
}
_STEPS = {
    "t": "threads", "u": "turns", "m": "messages", "c": "content/chunks", "r": "rubrics",
    "k": "criteria_definitions", "e": "rubric_evaluations", "v": "criteria_evaluations",
    "a": "annotations",
}  # fmt: skip
_ANNOTATED = (
    (),
    ("turns",),
    ("turns", "messages"),
    ("turns", "messages", "content/chunks"),
    ("turns", "rubrics", "criteria_definitions"),
)
"""Paths from the threads to the parts that must have a list of annotations."""
_MINTED = re.compile(r"ann_(?:[tumcrkeva]\d+)+_(.+)", re.DOTALL)
_encode = msgspec.json.Encoder().encode


class ReadTask(Struct, frozen=True):
    """A validated task, its times in milliseconds, and its annotation ids not minted here."""

    task: ArchivedTask
    created_ms: int | None
    completed_ms: int | None
    foreign_annotation_ids: list[str]


def read_task(value: Any) -> ReadTask:
    """Validate a decoded task; raises InvalidContent with a JSON pointer.

    What its content leaves out is filled in, in `value` itself.
    """
    if isinstance(value, dict):
        fill_content(value.get("content"))
    return complete(convert(value, ArchivedTask))


def complete(task: ArchivedTask) -> ReadTask:
    """Check a decoded task and fill in what it leaves out; raises InvalidContent as `read_task`."""
    _check_fields(task)
    foreign: list[str] = []
    if task.threads:
        shared = shared_turn_paths(task.threads)
        for path, listed in annotation_lists(task.threads, shared):
            _complete_annotations(task.task_id, path, listed, foreign)
        _check_threads(task.threads, "threads")
    if task.content:
        for path, listed in annotation_lists(task.content, {}):
            _check_annotations(path, listed, "content")
        _check_threads(task.content, "content")
    return ReadTask(
        task,
        moment(task.created_at, "/created_at"),
        moment(task.completed_at, "/completed_at"),
        list(dict.fromkeys(foreign)),
    )


def fill_content(content: Any) -> None:
    """Give the parts of a decoded conversation, valid or not, the empty annotations they leave out.

    A prepared conversation has none; what is delivered names them in every part.
    """
    for path in _ANNOTATED:
        parts = _listed(content)
        for name in path:
            parts = [inner for part in parts for inner in _listed(_member(part, name))]
        for part in parts:
            if isinstance(part, dict) and part.get("annotations") is None:
                part["annotations"] = []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _member(part: Any, path: str) -> Any:
    """Member of a part by its path, such as `content/chunks`; None where there is none."""
    for name in path.split("/"):
        part = part.get(name) if isinstance(part, dict) else None
    return part


def check_content(content: list[Thread], pointer: str | None = None) -> None:
    """Check a prepared conversation by the rules of a task's content; raises InvalidContent.

    Errors point to `pointer`, or for None to their exact path below `/content`.
    """
    try:
        for path, listed in annotation_lists(content, {}):
            _check_annotations(path, listed, "content")
        _check_threads(content, "content")
    except InvalidContent as exc:
        if pointer is None:
            raise
        raise InvalidContent(exc.message, pointer=pointer) from exc


def convert(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Turn decoded JSON into a struct; raises InvalidContent with pointer and accepted values.

    Numbers may be texts unless `strict`. A struct whose enum fields differ from those of tasks
    lists their values in its ACCEPTED.
    """
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as exc:
        accepted = getattr(kind, "ACCEPTED", {})
        raise _explain(exc, "", of_batch=kind is ArchivedBatch, accepted=accepted) from exc


def moment(text: str | None, pointer: str) -> int | None:
    """Milliseconds of an ISO 8601 text; raises InvalidContent at `pointer`."""
    if text is None:
        return None
    try:
        return clock.parse_moment(text)
    except ValueError as exc:
        raise InvalidContent(
            "expected an ISO 8601 date-time such as 2025-01-01T08:31:03.169Z", pointer=pointer
        ) from exc


def task_id_of_annotation(annotation_id: str) -> str | None:
    """Task id within a minted annotation id; None for an id that was not minted here."""
    match = _MINTED.fullmatch(annotation_id)
    return match[1] if match else None


def annotation_lists(
    threads: list[Thread], shared: dict[int, str]
) -> Iterator[tuple[str, list[Annotation]]]:
    """Every list with annotations in the tree, with its path, such as `t0u1m2`.

    `shared` maps the identity of a repeated turn to the path of its first appearance.
    """
    for t, thread in enumerate(threads):
        if thread.annotations:
            yield f"t{t}", thread.annotations
        for u, turn in enumerate(thread.turns):
            path = shared.get(id(turn)) or f"t{t}u{u}"
            if turn.annotations:
                yield path, turn.annotations
            for r, rubric in enumerate(turn.rubrics or ()):
                for k, criterion in enumerate(rubric.criteria_definitions):
                    yield f"{path}r{r}k{k}", criterion.annotations
            for m, message in enumerate(turn.messages):
                if message.annotations:
                    yield f"{path}m{m}", message.annotations
                if message.content.chunks or message.rubric_evaluations:
                    yield from _inner_lists(f"{path}m{m}", message)


def _inner_lists(path: str, message: Message) -> Iterator[tuple[str, list[Annotation]]]:
    for c, chunk in enumerate(message.content.chunks or ()):
        yield f"{path}c{c}", chunk.annotations
    for e, evaluation in enumerate(message.rubric_evaluations or ()):
        if evaluation.annotations:
            yield f"{path}e{e}", evaluation.annotations
        for v, criterion in enumerate(evaluation.criteria_evaluations or ()):
            if criterion.annotations:
                yield f"{path}e{e}v{v}", criterion.annotations


def _check_fields(task: ArchivedTask) -> None:
    if not ids.is_usable(task.task_id):
        raise InvalidContent("a task_id has 1 to 255 characters, none of them a control character",
                             pointer="/task_id")  # fmt: skip
    if task.unique_id is not None and not ids.is_usable(task.unique_id):
        raise InvalidContent("a unique_id has 1 to 255 characters, no control characters",
                             pointer="/unique_id")  # fmt: skip
    if task.status is TaskStatus.deleted:
        raise InvalidContent("a deleted task cannot be imported", pointer="/status")
    if task.threads and task.status is not TaskStatus.completed:
        raise InvalidContent(
            "only a completed task has threads; a prepared conversation goes in content",
            pointer="/threads",
        )
    if task.completed_at is not None and task.status is not TaskStatus.completed:
        raise InvalidContent("only a completed task has completed_at", pointer="/completed_at")
    if task.threads and task.sensitive_content_reports:
        raise InvalidContent("a task whose content was reported has no threads", pointer="/threads")
    size_limits.check_metadata(task.metadata)
    size_limits.check_reasons(task.errors, "/errors")
    size_limits.check_reasons(task.sensitive_content_reports, "/sensitive_content_reports")
    if task.errors and task.status is not TaskStatus.error:
        raise InvalidContent("only a task in status error has errors", pointer="/errors")
    if task.sensitive_content_reports and task.status is not TaskStatus.completed:
        raise InvalidContent(
            "only a completed task has sensitive_content_reports",
            pointer="/sensitive_content_reports",
        )


def _complete_annotations(
    task_id: str, path: str, listed: list[Annotation], foreign: list[str]
) -> None:
    _check_annotations(path, listed, "threads")
    before, after = f"ann_{path}a", f"_{task_id}"
    for number, annotation in enumerate(listed):
        minted = f"{before}{number}{after}"
        if annotation.id is None:
            annotation.id = minted
        elif annotation.id != minted:
            if not ids.is_usable(annotation.id):
                raise InvalidContent(
                    "an annotation id has 1 to 255 characters, none of them a control character",
                    pointer=f"{_pointer_of_path(path)}/annotations/{number}/id",
                )
            foreign.append(annotation.id)
        if annotation.metadata:
            criteria = annotation.metadata.get("criteria")
            if isinstance(criteria, dict):
                criteria.setdefault("id", f"{annotation.id}_criteria")


def _check_annotations(path: str, listed: list[Annotation], root: str) -> None:
    for number, annotation in enumerate(listed):
        if annotation_rules.is_plain(annotation):
            continue
        try:
            annotation_rules.check(annotation)
        except msgspec.ValidationError as exc:
            pointer = f"{_pointer_of_path(path, root)}/annotations/{number}"
            raise _explain(exc, pointer) from exc


def _check_threads(threads: list[Thread], root: str) -> None:
    messages = 0
    for t, thread in enumerate(threads):
        for u, turn in enumerate(thread.turns):
            messages += len(turn.messages)
            if len({message.source_id for message in turn.messages}) != len(turn.messages):
                _refuse_repeated_source(turn, f"/{root}/{t}/turns/{u}")
        for s, submission in enumerate(thread.submissions or ()):
            if submission.submitted_at is not None:
                ms = moment(submission.submitted_at, f"/{root}/{t}/submissions/{s}/submitted_at")
                assert ms is not None
                if not clock.is_canonical(submission.submitted_at):
                    submission.submitted_at = clock.format_ms(ms)
            if submission.display:
                _check_display(thread, submission.display, f"/{root}/{t}/submissions/{s}/display")
    if messages > MESSAGES_PER_TASK_MAX:
        raise InvalidContent(f"more than {MESSAGES_PER_TASK_MAX} messages", pointer=f"/{root}")


def _check_display(thread: Thread, display: dict[str, list[str]], pointer: str) -> None:
    """Refuse an order of display of no turn, of what is no response, or of one response twice."""
    turns = {turn.id: turn for turn in thread.turns}
    for turn_id, shown in display.items():
        turn = turns.get(turn_id)
        where = f"{pointer}/{turn_id.replace('~', '~0').replace('/', '~1')}"
        if turn is None:
            raise InvalidContent("the thread has no turn with this id", pointer=where)
        sources = {one.source_id for one in turn.messages if one.role is MessageRole.assistant}
        if len(set(shown)) != len(shown) or not sources.issuperset(shown):
            raise InvalidContent(
                "a display lists responses of the turn by their source_id, each once, in the order "
                "in which they were shown",
                pointer=where,
            )


def _refuse_repeated_source(turn: Turn, pointer: str) -> None:
    seen: set[str] = set()
    for m, message in enumerate(turn.messages):
        if message.source_id in seen:
            raise InvalidContent(
                f"source_id {message.source_id!r} stands twice in this turn; "
                "messages of a turn are told apart by it",
                pointer=f"{pointer}/messages/{m}/source_id",
            )
        seen.add(message.source_id)


def shared_turn_paths(threads: list[Thread]) -> dict[int, str]:
    """The paths of first appearance of turns that stand in several threads.

    Two turns are the same when both id and content are equal, before any id is filled in.
    """
    turn_ids = [turn.id for thread in threads for turn in thread.turns]
    if len(set(turn_ids)) == len(turn_ids):
        return {}
    paths = [(turn, f"t{t}u{u}") for t, th in enumerate(threads) for u, turn in enumerate(th.turns)]
    first: dict[tuple[str, bytes], str] = {}
    return {
        id(turn): first.setdefault((turn.id, _encode(turn)), path)
        for turn, path in paths
    }  # fmt: skip


def _explain(
    exc: msgspec.ValidationError,
    prefix: str,
    *,
    of_batch: bool = False,
    accepted: Mapping[str, Iterable[str]] | None = None,
) -> InvalidContent:
    """InvalidContent of a msgspec error: its message, accepted values, and a JSON pointer."""
    text, path = annotation_rules.split_error(exc)
    path = path.partition("[...]")[0]
    pointer = prefix + re.sub(r"[.\[]", "/", path.replace("]", ""))
    message = text.replace("`", "'")
    if message.startswith("Invalid enum value"):
        name = pointer.rpartition("/")[2]
        if name == "type" and "/errors/" in pointer:
            name = "error_type"
        elif name == "status" and (of_batch or pointer.endswith("/batch/status")):
            name = "batch_status"
        values = {**_ENUMS, **(accepted or {})}
        message += f"; accepted: {', '.join(values[name])}" if name in values else ""
    return InvalidContent(message[0].lower() + message[1:], pointer=pointer)


def _pointer_of_path(path: str, root: str = "threads") -> str:
    steps = [f"/{_STEPS[kind]}/{number}" for kind, number in re.findall(r"([a-z])(\d+)", path)]
    return "".join(steps).replace("/threads", f"/{root}", 1)
