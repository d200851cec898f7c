"""Tasks made of items: the conversation, its responses, and the annotations of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import clock
from plaudit.errors import InvalidContent
from plaudit.formats.common import imported_task
from plaudit.formats.common.imported_task import ImportedTask, annotation
from plaudit.formats.common.rows import RowProblem
from plaudit.formats.table.comparison import compare
from plaudit.formats.table.conversation import read_context, split_turns
from plaudit.formats.table.item import Item, ItemResponse
from plaudit.formats.table.judgments import Topic, scale_of
from plaudit.formats.table.mapping import TableMapping
from plaudit.formats.table.ratings import RatingKinds
from plaudit.formats.table.row_reading import ReadSpans, RowReader, prompt_of
from plaudit.formats.table.table_row import TableRow, is_blank, value_key
from plaudit.formats.table.votes import (
    Ballot,
    Outcome,
    VoteCount,
    earliest,
    majority,
    majority_or_median,
)

OTHER_PROMPT = "rows of an item differ in their prompt; that of the first is taken"
OTHER_METADATA = "rows of an item differ in their metadata; all values are kept, as a list"
BAD_TIME = "a time is no ISO 8601 date-time; it is left out"
NO_CONTRIBUTOR = "a row has no contributor"
UNJUDGED = "nobody has judged an item; it becomes open work"
VALUES_OF_METADATA_MAX = 1000


class TaskBuilder:
    """Makes the task of an item of its rows."""

    def __init__(self, mapping: TableMapping, reader: RowReader) -> None:
        self._mapping = mapping
        self._reader = reader
        self._scale = scale_of(mapping.preference)
        self._asks = mapping.preference is not None or any(
            response.ratings or response.rewrite or response.rank or response.spans
            for response in mapping.responses or ()
        )

    def build(self, rows: Sequence[TableRow]) -> ImportedTask:
        """Return the task; raises InvalidContent for the first row, RowProblem for another one."""
        first = rows[0]
        prompt = self._conversation(first)
        item = Item(first.notes, self._reader.unmapped, self._scale)
        for number, row in enumerate(rows):
            try:
                if number:
                    self._check_prompt(row, prompt)
                self._add(item, row)
            except InvalidContent as exc:
                if number == 0:
                    raise
                raise RowProblem(row.row, exc) from exc
        turns = split_turns(prompt)
        sources = [_unique_sources(turn) for turn in turns]
        item.finish(first.row, set(sources[-1]))
        count = VoteCount(first.notes, first.row, is_long=self._mapping.is_long)
        responses = [
            self._message(response, place, item, count)
            for place, response in enumerate(item.responses)
        ]
        annotations = compare(item, count, self._scale)
        made = [
            imported_task.turn(number, messages)
            for number, messages in enumerate(
                [
                    [
                        imported_task.message(role, text, source_id=source)
                        for (role, text), source in zip(turn, named, strict=True)
                    ]
                    for turn, named in zip(turns, sources, strict=True)
                ]
            )
        ]
        self._refer(first, made[-1]["messages"])
        made[-1]["messages"] += responses
        made[-1]["annotations"] = annotations
        return self._task(rows, item, imported_task.thread(made, submissions=_submitted(count)))

    def _task(self, rows: Sequence[TableRow], item: Item, thread: dict[str, Any]) -> ImportedTask:
        first = rows[0]
        is_judged = not self._asks or bool(item.ballots) or item.has_unread
        if not is_judged:
            first.notes.add(UNJUDGED, first.row)
        if not item.responses:
            is_judged = False
        mapping = self._mapping
        metadata = self._metadata(rows)
        times = (_time(row, mapping.completed_at) for row in rows)
        completed = [time for time in times if time is not None]
        return ImportedTask(
            item_id=self._item_id(first),
            threads=[thread],
            metadata=metadata,
            flags=list(dict.fromkeys(flag for row in rows for flag in row.flags)),
            created_at=_time(first, mapping.created_at),
            completed_at=max(completed, default=None) if is_judged else None,
            is_judged=is_judged,
        )

    def _item_id(self, row: TableRow) -> str | None:
        columns = self._mapping.items
        column = self._mapping.id or (columns[0] if len(columns) == 1 else None)
        if column is None or column.startswith("$models"):
            return None
        value, pointer = row.cell(column)
        if is_blank(value):
            return None
        if isinstance(value, dict | list):
            raise InvalidContent("an id is a text or a number", pointer=pointer)
        return value_key(value)

    def _conversation(self, row: TableRow) -> list[tuple[str, str]]:
        mapping = self._mapping
        messages = [] if mapping.context is None else read_context(row, mapping.context)
        if mapping.system is not None:
            system = row.text_or_none(mapping.system)
            if system is not None:
                messages.insert(0, ("system", system))
        prompt = prompt_of(row, mapping.prompts)
        if prompt is not None:
            messages.append(("user", prompt))
        if not messages or messages[-1][0] not in ("user", "function"):
            raise InvalidContent("the row has no prompt: no message asks for the responses")
        return messages

    def _check_prompt(self, row: TableRow, prompt: list[tuple[str, str]]) -> None:
        if self._conversation(row) != prompt:
            if row.is_strict:
                raise InvalidContent("the prompt is not that of the item's first row")
            row.notes.add(OTHER_PROMPT, row.row)

    def _add(self, item: Item, row: TableRow) -> None:
        mapping = self._mapping
        judge = None
        if mapping.contributor is not None:
            judge = row.text_or_none(mapping.contributor)
            if judge is None:
                row.notes.add(NO_CONTRIBUTOR, row.row)
        item.add(row.row, self._reader.read(row), judge, _time(row, mapping.submitted_at))

    def _message(
        self, response: ItemResponse, place: int, item: Item, count: VoteCount
    ) -> dict[str, Any]:
        made = []
        for (topic, key, about), ballots in item.ballots.items():
            if about == place and topic in (Topic.rating, Topic.rewrite, Topic.spans):
                made.append(_answer(topic, key, ballots, count, self._reader.kinds))
        return imported_task.message(
            "assistant",
            response.read.text,
            source_id=response.source,
            model=response.read.model,
            annotations=made,
        )

    def _refer(self, row: TableRow, messages: list[dict[str, Any]]) -> None:
        references: list[dict[str, Any]] = []
        for column in self._mapping.references:
            value, pointer = row.cell(column)
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict | list):
                    raise InvalidContent("a reference is a text", pointer=pointer)
                if part is not None and part != "":
                    references.append({"content": row.as_text(part, pointer)})
        if references:
            messages[-1]["content"]["reference_texts"] = references

    def _metadata(self, rows: Sequence[TableRow]) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        for name, column in self._mapping.named_metadata.items():
            values: dict[bytes, Any] = {}
            for row in rows:
                value, _ = row.cell(column)
                if value is not None and len(values) < VALUES_OF_METADATA_MAX:
                    values.setdefault(msgspec.json.encode(value), value)
            if len(values) > 1:
                rows[0].notes.add(OTHER_METADATA, rows[0].row)
                metadata[name] = list(values.values())
            elif values:
                metadata[name] = next(iter(values.values()))
        return metadata


def _answer(
    topic: Topic, key: str, ballots: Sequence[Ballot], count: VoteCount, kinds: RatingKinds
) -> dict[str, Any]:
    """Annotation of a response."""
    if topic is Topic.rating:
        kind = kinds.kind(key)
        outcome = count.settle(ballots, majority_or_median if kind == "integer" else majority)
        possible = kinds.possible_values(key)
        return annotation(key, kind, outcome.value, possible_values=possible, votes=outcome.votes)
    if topic is Topic.rewrite:
        outcome = count.settle(ballots, earliest)
        return annotation(key, "text", outcome.value, votes=outcome.votes)
    return _marked(key, count.settle(ballots, _all_spans))


def _marked(key: str, outcome: Outcome) -> dict[str, Any]:
    spans: ReadSpans = outcome.value
    votes = outcome.votes
    if votes is not None:
        votes = [{**cast, "value": cast["value"].value} for cast in votes]
    return annotation(
        key, "labeled_text", spans.value, metadata={"spans": spans.given}, votes=votes
    )


def _all_spans(marked: list[ReadSpans]) -> ReadSpans:
    """Every span that anybody marked."""
    value = {(span["label"], span["text"]): span for spans in marked for span in spans.value}
    return ReadSpans(list(value.values()), [span for spans in marked for span in spans.given])


def _unique_sources(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Names of the messages of a turn: their roles, with a number after a repeated one."""
    names: list[str] = []
    for role, _ in messages:
        number = sum(name == role or name.startswith(f"{role}_") for name in names)
        names.append(role if number == 0 else f"{role}_{number + 1}")
    return names


def _time(row: TableRow, column: str | None) -> str | None:
    """Time in a column as ISO 8601; None with a remark for one that cannot be read."""
    value, pointer = (None, "") if column is None else row.cell(column)
    if is_blank(value):
        return None
    try:
        return clock.format_ms(clock.parse_moment(value if isinstance(value, str) else ""))
    except ValueError as exc:
        if row.is_strict:
            raise InvalidContent(
                "expected an ISO 8601 date-time such as 2025-01-01T08:31:03.169Z", pointer=pointer
            ) from exc
        row.notes.add(BAD_TIME, row.row)
        return None


def _submitted(count: VoteCount) -> list[dict[str, Any]]:
    return [
        {"contributor_id": judge}
        if time is None
        else {"contributor_id": judge, "submitted_at": time}
        for judge, time in count.judges.items()
    ]
