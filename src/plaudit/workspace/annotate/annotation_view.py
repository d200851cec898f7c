"""A task as the annotation page draws it: the conversation, its questions, and nothing else.

The page must not tell which model wrote what, so of a message only the text, the files and the
position on the screen come through here. Answers name responses by their position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from plaudit.core.labeling.questions import (
    SELECTED,
    Display,
    Positions,
    Question,
    questions,
    responses,
)
from plaudit.core.labeling.threads.suggestions import suggestion_for
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.texts import N_
from plaudit.wire.v2.task import Chunk, Message, MessageContent, MessageRole, Thread, Turn
from plaudit.workspace.annotate import message_parts
from plaudit.workspace.annotate.controls import Control, control_of, why_key
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.annotate.message_parts import ToolResults
from plaudit.workspace.annotate.portions import Plan, Portion, Size, plan_of
from plaudit.workspace.annotate.question_index import QuestionIndex, question_index, spans_of
from plaudit.workspace.annotate.task_shown import (
    GridRow,
    MessageShown,
    QuestionGroup,
    Section,
    Step,
    TaskShown,
    ThreadShown,
    TurnName,
    TurnShown,
)
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in
from plaudit.workspace.render import rich_text
from plaudit.workspace.render.text_batch import RenderedText, TextBatch

_ROLES = {
    MessageRole.system: N_("Instructions to the assistant"),
    MessageRole.user: N_("Prompt"),
    MessageRole.assistant: N_("Response"),
    MessageRole.function: N_("Result of a tool"),
}


OPENING_MAX = 160


def build(
    form: Form,
    content: Sequence[Thread],
    display: Display,
    *,
    texts: TextBatch,
    is_blind: bool = True,
    files: Files | None = None,
    choose: Callable[[Plan], Portion] = Plan.whole,
    layout: str = "",
) -> TaskShown:
    """Lay out the portion of a task that `choose` returns, with its texts added to a batch.

    `layout` is the hash that links to further portions carry. For `RenderPool.build`.
    """
    asked = questions(form, content)
    spans = spans_of(asked)
    plan = plan_of(form, content, spans, layout)
    positions = Positions(display)
    controls = _Controls(asked, spans, positions, content, display)
    builder = _Builder(form, content, display, texts, is_blind, files or Files(), controls)
    portion = choose(plan)
    index = question_index(asked, spans, positions, plan) if portion.is_first else None
    return builder.task(plan, portion, index)


def fingerprint(text: str) -> str:
    """Hash of a text, such as the guidelines, 16 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


_Place = tuple[str, Level, int | None, int | None]
"""Path of a turn or thread, level of a question, and the indexes of its message and chunk."""


class _Builder:
    def __init__(
        self,
        form: Form,
        content: Sequence[Thread],
        display: Display,
        batch: TextBatch,
        is_blind: bool,
        files: Files,
        controls: _Controls,
    ) -> None:
        self._batch = batch
        self._files = files
        self._form = form
        self._content = content
        self._display = display
        self._is_blind = is_blind
        self._controls = controls
        self._texts: dict[str, str] = {}

    def task(self, plan: Plan, portion: Portion, index: QuestionIndex | None) -> TaskShown:
        context: list[TurnShown] = []
        if portion.section is not None:
            thread = plan.places[portion.section].thread
            context = self._earlier(thread, portion.led_by)
        threads = [
            self._thread(plan, t, list(numbers), portion.most)
            for t, numbers in groupby(portion.sections, lambda n: plan.places[n].thread)
        ]
        return TaskShown(
            threads=threads,
            texts=self._texts,
            asked_count=self._controls.count,
            suggested_count=self._controls.suggested_count,
            section_count=len(plan.places),
            thread_count=len(self._content),
            before=portion.before,
            after=portion.after,
            context=context,
            paths=plan.paths(portion),
            questions=index,
        )

    def _thread(self, plan: Plan, t: int, numbers: list[int], most: Size | None) -> ThreadShown:
        sections = [self._section(plan, number, most) for number in numbers]
        name = (
            say("Conversation")
            if len(self._content) == 1
            else say("Conversation %(number)s", number=t + 1)
        )
        groups = self._groups(f"t{t}", None, []) if sections[-1].is_last else []
        return ThreadShown(f"t{t}", name, sections, groups)

    def _section(self, plan: Plan, number: int, most: Size | None) -> Section:
        place, parts = plan.places[number], plan.context(number, most)
        t, u = place.thread, place.turn
        above = (
            TurnName(f"t{t}u{place.first - 1}", say("Turn %(first)s", first=place.first))
            if place.first
            else None
        )
        return Section(
            turn=self._asked_turn(t, u, self._content[t].turns[u]),
            led_by=self._earlier(t, parts.head),
            gap=parts.gap,
            led_by_last=self._earlier(t, parts.tail),
            above=above,
            is_last=place.is_last,
        )

    def _earlier(self, t: int, numbers: Iterable[int]) -> list[TurnShown]:
        return [self._earlier_turn(t, u, self._content[t].turns[u]) for u in numbers]

    def _earlier_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, responses(turn))
        chosen = _continued(turn, order)
        tools = message_parts.tool_results(turn)
        shown = {index: self._message(at, turn, index, None, tools) for index in order}
        return TurnShown(
            at=at,
            name=say("Turn %(number)s", number=u + 1),
            is_asked=False,
            opening=_opening(turn),
            prompt=self._prompt(at, turn, tools),
            responses=[shown[index] for index in order],
            continued=None if chosen is None else shown[chosen],
        )

    def _asked_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, [])
        tools = message_parts.tool_results(turn)
        return TurnShown(
            at=at,
            name=say("Turn %(number)s", number=u + 1),
            is_asked=True,
            prompt=self._prompt(at, turn, tools),
            responses=[
                self._message(at, turn, index, position, tools)
                for position, index in enumerate(order, 1)
            ],
            groups=self._groups(at, turn, order),
        )

    def _groups(self, at: str, turn: Turn | None, order: list[int]) -> list[QuestionGroup]:
        """Questions about a turn, or about a thread where it is None, by the form's sections."""
        level = Level.thread if turn is None else Level.turn
        controls, fields = self._controls.of(at, level=level), self._form.fields
        groups = []
        for section in (None, *self._form.sections):
            key = None if section is None else section.key
            inside = [field for field in fields if field.section == key]
            group = QuestionGroup(
                title=None if section is None else built_in(section.title),
                description=None if section is None else section.description,
                is_folded=section is not None and section.folded,
                rows=[] if turn is None else self._rows(at, order, inside),
                criteria=[] if turn is None else self._criteria(at, turn, order, inside),
                controls=[control for control in controls if control.section == key],
            )
            if group.rows or group.criteria or group.controls:
                groups.append(group)
        return groups

    def _prompt(self, at: str, turn: Turn, tools: ToolResults) -> list[MessageShown]:
        below = {index for listed in tools.values() for index in listed}
        return [
            self._message(at, turn, index, None, tools)
            for index, message in enumerate(turn.messages)
            if message.role is not MessageRole.assistant and index not in below
        ]

    def _message(
        self, at: str, turn: Turn, index: int, position: int | None, tools: ToolResults
    ) -> MessageShown:
        message = turn.messages[index]
        content = message.content
        own = self._controls.of(at, index=index, level=Level.message)
        if message.role is MessageRole.assistant:
            own = [control for control in own if control.is_beside_text]
        for control in own:
            self._texts[control.text_key] = content.text or ""
        text = message_parts.own_text(content)
        return MessageShown(
            role=message.role.value,
            title=_ROLES[message.role]
            if position is None
            else say("Response %(position)s", position=position),
            position=position,
            body=self._rendered(text, own),
            raw=text or "",
            is_empty=message_parts.is_empty(content),
            words=rich_text.word_count(_words(content)),
            files=[
                message_parts.file_shown(attachment, self._files)
                for attachment in content.attachments or ()
            ],
            references=[
                message_parts.reference_shown(reference, self._files, self._batch)
                for reference in content.reference_texts or ()
            ],
            reasoning=[
                body
                for step in content.reasoning or ()
                if (body := self._rendered(step.content)) is not None
            ],
            steps=[
                self._step(at, index, number, chunk)
                for number, chunk in enumerate(content.chunks or ())
            ],
            results=[
                self._message(at, turn, result, None, tools) for result in tools.get(index, ())
            ],
            controls=own,
            model=None if self._is_blind else _model(message),
        )

    def _rendered(self, text: str | None, controls: Sequence[Control] = ()) -> RenderedText | None:
        """A text, in which these controls may mark pieces."""
        is_mapped = any(control.widget == "spans" for control in controls)
        return message_parts.rendered(text, self._files, self._batch, is_mapped=is_mapped)

    def _step(self, at: str, index: int, number: int, chunk: Chunk) -> Step:
        own = self._controls.of(at, index=index, chunk=number, level=Level.chunk)
        for control in own:
            self._texts[control.text_key] = chunk.text
        body = self._rendered(chunk.text, own)
        return Step(number + 1, message_parts.chunk_kind(chunk), body, chunk.text, own)

    def _rows(self, at: str, order: list[int], inside: Sequence[Field]) -> list[GridRow]:
        fields = [field for field in inside if field.level is Level.message]
        whys = {why_key(field, fields) for field in fields} - {None}
        rows = []
        for field in fields:
            cells = self._controls.cells(at, order, field)
            if not cells or cells[0].is_beside_text or field.key in whys:
                continue
            extra = [
                cell
                for why in fields
                if why.key == why_key(field, fields)
                for cell in self._controls.cells(at, order, why)
            ]
            rows.append(
                GridRow(
                    built_in(field.title or field.key),
                    field.description and built_in(field.description),
                    cells,
                    extra,
                )
            )
        return rows

    def _criteria(
        self, at: str, turn: Turn, order: list[int], inside: Sequence[Field]
    ) -> list[GridRow]:
        fields = [field for field in inside if field.level is Level.criterion]
        whys = {why_key(field, fields) for field in fields} - {None}
        rows = []
        for rubric in turn.rubrics or ():
            for criterion in rubric.criteria_definitions:
                for field in fields:
                    cells = self._controls.cells(at, order, field, criterion.id)
                    if not cells or field.key in whys:
                        continue
                    extra = [
                        cell
                        for why in fields
                        if why.key == why_key(field, fields)
                        for cell in self._controls.cells(at, order, why, criterion.id)
                    ]
                    title = criterion.criterion
                    about = built_in(field.title or "") if len(fields) - len(whys) > 1 else None
                    rows.append(GridRow(title, about, cells, extra, criterion.weight))
        return rows


class _Controls:
    """The controls of a page by what they are about; made when they are first looked for."""

    def __init__(
        self,
        asked: Sequence[Question],
        spans: Mapping[str, range],
        positions: Positions,
        content: Sequence[Thread],
        display: Display,
    ) -> None:
        self.count = len(asked)
        self.suggested_count = 0
        """Suggestions of the controls that were made."""
        self._content, self._display = content, display
        self._asked, self._positions = asked, positions
        self._unmade = dict(spans)
        self._at: dict[tuple[str, Level, int | None, int | None], list[Control]] = {}
        self._cells: dict[tuple[str, Level, str, str | None], dict[int | None, Control]] = {}

    def of(
        self, at: str, *, level: Level, index: int | None = None, chunk: int | None = None
    ) -> list[Control]:
        """The controls at a thread, a turn, a message or a step, in the order of the form."""
        self._make(at)
        return self._at.get((at, level, index, chunk), [])

    def cells(
        self, at: str, order: list[int], field: Field, criterion: str | None = None
    ) -> list[Control]:
        """The controls of one field, in the order of the responses on the screen."""
        self._make(at)
        controls = self._cells.get((at, field.level, field.key, criterion), {})
        return [controls[index] for index in order if index in controls]

    def _make(self, at: str) -> None:
        for number in self._unmade.pop(at, ()):
            question = self._asked[number]
            control, target = control_of(number, question, self._positions), question.target
            suggestion = suggestion_for(question, self._content, self._display, control.choices)
            if suggestion is not None:
                control = msgspec.structs.replace(control, suggestion=suggestion)
                self.suggested_count += 1
            level, key = question.field.level, question.field.key
            place = (target.at, level, target.message, target.chunk)
            self._at.setdefault(place, []).append(control)
            line = (target.at, level, key, target.criterion)
            self._cells.setdefault(line, {})[target.message] = control


def _continued(turn: Turn, order: list[int]) -> int | None:
    """Index of the response that the conversation went on from: the only one, or the selected."""
    if len(order) == 1:
        return order[0]
    chosen = {note.value for note in turn.annotations if note.key == SELECTED}
    return next((index for index in order if turn.messages[index].source_id in chosen), None)


def _opening(turn: Turn) -> str:
    """First line of what the user said last in a turn; empty if that is no text."""
    said = [one.content for one in turn.messages if one.role is MessageRole.user]
    lines = _words(said[-1]).strip().splitlines() if said else []
    line = rich_text.readable(lines[0].lstrip("#>*- ")) if lines else ""
    return line if len(line) <= OPENING_MAX else f"{line[:OPENING_MAX]}…"


def _words(content: MessageContent) -> str:
    """Words that are counted: the text, or what the chunks say in its place."""
    text = message_parts.own_text(content)
    return " ".join(chunk.text for chunk in content.chunks or ()) if text is None else text


def _model(message: Message) -> str:
    parameters = message.model_parameters
    return (parameters.model if parameters else None) or message.source_id


def as_json(value: Any) -> str:
    """JSON for an attribute of the page; the template escapes it."""
    return msgspec.json.encode(value).decode()
