"""Tasks made of items: the conversation, its responses, and the annotations of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import clock
from plaudit.errors import InvalidContent
from plaudit.formats.common import imported_task
from plaudit.formats.common.conversations import (
    DialogueResponse,
    Utterance,
    as_dialogue,
    read_messages,
)
from plaudit.formats.common.imported_task import ImportedTask, annotation
from plaudit.formats.common.rows import RowProblem
from plaudit.formats.table.comparison import compare
from plaudit.formats.table.item import Item, ItemResponse
from plaudit.formats.table.judgments import Topic, scale_of
from plaudit.formats.table.mapping import TableMapping, text_column
from plaudit.formats.table.ratings import RatingKinds
from plaudit.formats.table.row_reading import ReadSpans, RowReader, prompt_of
from plaudit.formats.table.table_row import TableRow, is_blank, value_key
from plaudit.formats.table.votes import (
    CastBallot,
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
        context = self._conversation(first)
        item = Item(first.notes, self._reader.unmapped, self._scale)
        unread = self._reader.unmapped.count
        for number, row in enumerate(rows):
            try:
                if number:
                    self._check_prompt(row, context)
                self._add(item, row)
            except InvalidContent as exc:
                if number == 0:
                    raise
                raise RowProblem(row.row, exc) from exc
        item.finish(first.row)
        count = VoteCount(first.notes, first.row, is_long=self._mapping.is_long)
        responses = [
            self._response(response, place, item, count)
            for place, response in enumerate(item.responses)
        ]
        annotations = compare(item, count, self._scale)
        dialogue = as_dialogue(first, context, responses, annotations)
        self._refer(first, dialogue.turns)
        thread = imported_task.thread(dialogue.turns, submissions=_submitted(count))
        is_judged = not self._asks or bool(item.ballots) or self._reader.unmapped.count > unread
        if not is_judged:
            first.remark(UNJUDGED)
        if not item.responses and context[-1].role != "assistant":
            is_judged = False
        return self._task(rows, thread, dialogue.metadata, is_judged=is_judged)

    def _task(
        self,
        rows: Sequence[TableRow],
        thread: dict[str, Any],
        metadata: dict[str, Any],
        *,
        is_judged: bool,
    ) -> ImportedTask:
        first = rows[0]
        mapping = self._mapping
        times = (_time(row, mapping.completed_at) for row in rows)
        completed = [time for time in times if time is not None]
        return ImportedTask(
            item_id=self._item_id(first),
            threads=[thread],
            metadata={**metadata, **self._metadata(rows)},
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

    def _conversation(self, row: TableRow) -> list[Utterance]:
        mapping = self._mapping
        context: list[Utterance] = []
        if mapping.system is not None:
            system = row.text_or_none(mapping.system)
            if system is not None:
                context.append(Utterance(role="system", text=system))
        if mapping.context is not None:
            listed, pointer = row.list_or_none(mapping.context)
            context += self._without_answer(row, read_messages(row, listed or [], pointer))
        prompt = prompt_of(row, mapping.prompts)
        if prompt is not None:
            context.append(Utterance(role="user", text=prompt))
        asked = ("user", "function") if mapping.responses else ("user", "function", "assistant")
        if not context or context[-1].role not in asked:
            raise InvalidContent("the row has no prompt: no message asks for the responses")
        return context

    def _without_answer(self, row: TableRow, context: list[Utterance]) -> list[Utterance]:
        """Conversation without the answer at its end, where the row has it as a response."""
        mapping = self._mapping
        if mapping.prompts or not context or context[-1].role != "assistant":
            return context
        cells = [row.look_up(text_column(one.text).column)[0] for one in mapping.responses or ()]
        return context[:-1] if context[-1].text in cells else context

    def _check_prompt(self, row: TableRow, context: list[Utterance]) -> None:
        given = self._conversation(row)
        if [one.says() for one in given] != [one.says() for one in context]:
            if row.is_strict:
                raise InvalidContent("the prompt is not that of the item's first row")
            row.remark(OTHER_PROMPT)

    def _add(self, item: Item, row: TableRow) -> None:
        mapping = self._mapping
        judge = None
        if mapping.contributor is not None:
            judge = row.text_or_none(mapping.contributor)
            if judge is None:
                row.notes.add(NO_CONTRIBUTOR, row.row)
        item.add(row.row, self._reader.read(row), judge, _time(row, mapping.submitted_at))

    def _response(
        self, response: ItemResponse, place: int, item: Item, count: VoteCount
    ) -> DialogueResponse:
        annotations = [
            _answer(topic, key, ballots, count, self._reader.kinds)
            for (topic, key, about), ballots in item.ballots.items()
            if about == place and topic in (Topic.rating, Topic.rewrite, Topic.spans)
        ]
        return DialogueResponse(
            source_id=response.source,
            utterance=Utterance(role="assistant", text=response.read.text),
            annotations=annotations,
            model=response.read.model,
        )

    def _refer(self, row: TableRow, turns: list[dict[str, Any]]) -> None:
        """Put the references beside the last prompt."""
        references: list[dict[str, Any]] = []
        for column in self._mapping.references:
            value, pointer = row.cell(column)
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict | list):
                    raise InvalidContent("a reference is a text", pointer=pointer)
                if part is not None and part != "":
                    references.append({"content": row.as_text(part, pointer)})
        prompts = [
            message
            for turn in turns
            for message in turn["messages"]
            if message["role"] != "assistant"
        ]
        if references and prompts:
            prompts[-1]["content"]["reference_texts"] = references

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
    topic: Topic, key: str, ballots: Sequence[CastBallot], count: VoteCount, kinds: RatingKinds
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
