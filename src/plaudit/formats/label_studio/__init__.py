"""Label Studio exports: tasks with the annotations of several people.

Cancelled and rejected annotations, drafts and predictions are no votes, and of two annotations of
one person the later counts; all of these stay in the metadata. `pairwise` says left or right, and
only the labelling configuration says which response is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from plaudit.core.tasks.forms import FIELDS_MAX, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import read_message
from plaudit.formats.common.imported_task import NON_TEXT, ImportedTask, thread
from plaudit.formats.common.judgments import (
    PREFERENCE_FIELD,
    SELECTED_FIELD,
    Judgment,
    judged,
    submissions,
    verdict,
)
from plaudit.formats.common.row_members import RowMembers
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import FormatReader, ImportFormat, ImportOptions, ObjectRows
from plaudit.formats.label_studio import minimal, regions
from plaudit.formats.label_studio.annotators import (
    PersonsAnnotation,
    counted_annotations,
    iso_moment,
)
from plaudit.formats.label_studio.conditions import AnswerPlace, unasked_places, with_conditions
from plaudit.formats.label_studio.config import PAIRWISE, read_config
from plaudit.formats.label_studio.layout import TaskLayout, lay_out

NEEDS_CONFIG = (
    "pairwise regions say left or right, and only the labelling configuration says which response "
    "that is: give it with --config FILE.xml"
)
NEEDS_CONFIG_FOR_COLUMNS = (
    "a JSON-MIN or CSV export mixes data and answers, and only the labelling configuration tells "
    "them apart: give it with --config FILE.xml, or export as JSON"
)
NO_CONTROL = "the labelling configuration has no Pairwise control {name!r}"
OTHER_REGION = "a region is of a type that no annotation can hold; it stays in the metadata"
UNASKED = (
    "what people's answers come to does not ask a question that some of them answered; "
    "it has their votes and no value"
)
TWO_VERDICTS = "a person chose a response and said that none is better; the response counts"

_KEPT = ("meta", "file_upload", "project", "inner_id")
_MARKS = ("predictions", "drafts", "project", "inner_id", "total_annotations", "file_upload")


class LabelStudioReader(FormatReader):
    """Reader of an export, with the labelling configuration if there is one."""

    needs_first_pass = True
    groups_rows = True

    def __init__(self, options: ImportOptions, notes: ImportNotes) -> None:
        super().__init__(options, notes)
        self._config = None if options.config is None else read_config(options.config)
        self._uses = regions.uses_of(self._config.controls) if self._config is not None else {}
        self._slots: dict[tuple[Level, str], tuple[regions.AnswerSlot, tuple[str, str]]] = {}
        self._compares = False
        self._refusal: str | None = None
        self._form: Form | None = None

    def item_key(self, row: Row) -> str | None:
        """Id of the task that a row of a minimal export belongs to."""
        identity = row.value.get("id") if minimal.is_minimal(row.value) else None
        return None if identity in (None, "") else str(identity)

    def observe(self, row: Row) -> None:
        """Learn the answers of each control, and that the configuration is missing."""
        if not isinstance(row.value, dict):
            return
        if minimal.is_minimal(row.value):
            if self._config is None:
                self._refusal = NEEDS_CONFIG_FOR_COLUMNS
                return
            task = minimal.as_task([row], self._config).value
            row = Row(file=row.file, number=row.number, value=task)
        for region in _regions(row.value):
            regions.observe(self._uses, region)
            is_pairwise = isinstance(region, dict) and region.get("type") == PAIRWISE
            if is_pairwise and self._config is None:
                self._refusal = NEEDS_CONFIG
        with suppress(InvalidContent):
            self._learn_fields(row)

    def form(self) -> Form | None:
        """Questions of the configuration's controls and of the answers that there are.

        Raises InvalidContent for an export that needs a configuration and has none.
        """
        if self._refusal is not None:
            raise InvalidContent(self._refusal)
        fields = [SELECTED_FIELD, PREFERENCE_FIELD] if self._compares else []
        names = dict[int, str]()
        for slot, control in self._slots.values():
            field = regions.field_of(slot, self._uses[control])
            if field.type != "category" or field.possible_values is not None:
                names[len(fields)] = control[0]
                fields.append(field)
        fields = fields[:FIELDS_MAX]  # before each is compared with all others
        if self._config is not None:
            fields = with_conditions(fields, names, self._config.controls)
        self._form = Form(fields=fields) if fields else None
        return self._form

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a row; one without an annotation that counts is open work."""
        if self._refusal is not None:
            raise InvalidContent(self._refusal)
        if self._config is None or not minimal.is_minimal(rows[0].value):
            yield self._task(rows[0])
            return
        made = minimal.as_task(rows, self._config)
        try:
            yield self._task(Row(file=rows[0].file, number=rows[0].number, value=made.value))
        except InvalidContent as problem:
            raise made.problem_in(problem) from problem

    def _task(self, row: Row) -> ImportedTask:
        members = RowMembers(row, self.options, self.notes)
        counted, others = counted_annotations(members.value, row, self.notes)
        layout = self._lay_out(members, self.notes)
        answers = [self._answers(layout, given) for given in counted]
        kept = {name: members.value[name] for name in _KEPT if members.value.get(name)}
        metadata: dict[str, Any] = {**kept, **others}
        if layout.rest:
            metadata["data"] = layout.rest
        for name in ("other_regions", "spans"):
            found = [region for one in answers for region in getattr(one, name)]
            if found:
                metadata[name] = found
                if name == "other_regions":
                    self.notes.add(OTHER_REGION, row, len(found))
        if any(one.compared and one.chosen_word for one in answers):
            self.notes.add(TWO_VERDICTS, row)
        identity = members.value.get("id")
        has_id = isinstance(identity, int | str) and not isinstance(identity, bool)
        is_media = layout.has_media or "other_regions" in metadata
        besides: dict[str, Any] = {"label_studio": metadata} if metadata else {}
        threads = _threads(members, layout, counted, answers, self._uses, besides, self._form)
        return ImportedTask(
            item_id=str(identity) if has_id else None,
            threads=threads,
            metadata=besides,
            flags=list(dict.fromkeys([*members.flags, *([NON_TEXT] if is_media else [])])),
            created_at=iso_moment(members.value.get("created_at")),
            completed_at=max((one.moment for one in counted if one.moment), default=None),
            is_judged=bool(counted),
        )

    def _lay_out(self, members: RowMembers, notes: ImportNotes) -> TaskLayout:
        data = members.value.get("data")
        if not isinstance(data, dict):
            raise InvalidContent("a task has data, which is an object", pointer="/data")
        ranked: set[str] = set()
        is_written = False
        for region in _regions(members.value):
            is_written |= isinstance(region, dict) and region.get("type") == regions.CHAT
            value = region.get("value") if isinstance(region, dict) else None
            given = value.get(regions.RANKER) if isinstance(value, dict) else None
            lists = given.values() if isinstance(given, dict) else [given]
            ranked |= {str(one) for ids in lists if isinstance(ids, list) for one in ids}
        return lay_out(members, data, self._config, ranked, notes, is_written=is_written)

    def _answers(self, layout: TaskLayout, given: PersonsAnnotation) -> regions.Answers:
        answers = regions.Answers(layout, self._uses)
        for number, region in enumerate(given.results):
            pointer = f"{given.pointer}/result/{number}"
            self._check_control(region, pointer)
            answers.add(region, pointer)
        return answers

    def _check_control(self, region: Any, pointer: str) -> None:
        """Refuse a comparison that the configuration does not have."""
        if not isinstance(region, dict) or region.get("type") != PAIRWISE:
            return
        name = region.get("from_name")
        control = self._config.controls.get(str(name)) if self._config is not None else None
        if control is None or control.kind != PAIRWISE:
            raise InvalidContent(NO_CONTROL.format(name=name), pointer=f"{pointer}/from_name")

    def _learn_fields(self, row: Row) -> None:
        """Add the questions that the answers of a row belong to; raises InvalidContent."""
        notes = ImportNotes()
        members = RowMembers(row, ImportOptions(), notes)
        layout = self._lay_out(members, notes)
        answers = regions.Answers(layout, self._uses)
        for region in _regions(members.value):
            with suppress(InvalidContent):
                answers.add(region, "")
        is_compared = self._config is not None and self._config.pairwise() is not None
        self._compares |= answers.verdict is not None or (
            is_compared and len(layout.said.sources) > 1
        )
        for slot, control in answers.controls.items():
            self._slots.setdefault((slot.level, slot.key), (slot, control))


def _threads(
    members: RowMembers,
    layout: TaskLayout,
    counted: Sequence[PersonsAnnotation],
    answers: Sequence[regions.Answers],
    uses: regions.Uses,
    besides: dict[str, Any],
    form: Form | None,
) -> list[dict[str, Any]]:
    """Threads of a task: one, or one for each person where people wrote the conversation.

    What messages had besides is added to `besides`.
    """
    given = list(zip(counted, answers, strict=True))
    groups = [[one] for one in given] if any(one.chat for one in answers) else [given]
    return [
        _thread(members, layout, group, uses, number, besides, form)
        for number, group in enumerate(groups)
    ]


def _thread(
    members: RowMembers,
    layout: TaskLayout,
    group: Sequence[tuple[PersonsAnnotation, regions.Answers]],
    uses: regions.Uses,
    number: int,
    besides: dict[str, Any],
    form: Form | None,
) -> dict[str, Any]:
    written = [
        read_message(members, value, pointer)
        for _, answers in group
        for value, pointer in answers.chat
    ]
    if not (layout.said.context or layout.said.responses or written):
        raise InvalidContent("a task's data has no text", pointer="/data")
    compared = [_judgment(who, said.verdict) for who, said in group if said.verdict is not None]
    of_turn = verdict(compared)
    of_thread: list[dict[str, Any]] = []
    of_messages: dict[int, list[dict[str, Any]]] = {}
    slots = {slot: control for _, said in group for slot, control in said.controls.items()}
    judgments: dict[regions.AnswerSlot, list[Judgment]] = {}
    for who, said in group:
        for slot, value in said.values.items():
            judgments.setdefault(slot, []).append(_judgment(who, value))
    made_of = {
        slot: judged(regions.field_of(slot, uses[slots[slot]]), given)
        for slot, given in judgments.items()
    }
    if form is not None and len(group) > 1:
        _leave_unasked_open(members, form, made_of, of_turn)
    for slot, made in made_of.items():
        if slot.message is not None:
            of_messages.setdefault(slot.message, []).append(made)
        else:
            (of_thread if slot.level is Level.thread else of_turn).append(made)
    dialogue = layout.said.dialogue(members, written, of_messages, of_turn)
    besides.update(dialogue.metadata)
    return thread(
        dialogue.turns,
        of_thread,
        number=number,
        submissions=submissions(_judgment(who, None) for who, _ in group),
    )


def _leave_unasked_open(
    members: RowMembers,
    form: Form,
    made_of: Mapping[regions.AnswerSlot, dict[str, Any]],
    of_turn: Sequence[dict[str, Any]],
) -> None:
    """Take the value off answers of several people whose questions are not asked by the others'."""
    values: dict[AnswerPlace, Any] = {
        (Level.turn, one["key"], None): one["value"] for one in of_turn
    }
    values |= {(slot.level, slot.key, slot.message): one["value"] for slot, one in made_of.items()}
    unasked = unasked_places(form, values)
    for slot, made in made_of.items():
        place = slot.level, slot.key, slot.message
        if place in unasked and made["value"] is not None and made.get("votes"):
            made["value"] = None
            members.remark(UNASKED)


def _judgment(who: PersonsAnnotation, value: Any) -> Judgment:
    return Judgment(value=value, contributor_id=who.person, submitted_at=who.moment)


def _regions(value: dict[str, Any]) -> list[Any]:
    """Every region of a task's annotations, sound or not."""
    annotations = value.get("annotations") or value.get("completions")
    sound = annotations if isinstance(annotations, list) else []
    results = [one.get("result") for one in sound if isinstance(one, dict)]
    return [region for result in results if isinstance(result, list) for region in result]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of a task with data and annotations, or of a JSON-MIN export."""
    marks: set[str] = set()
    for row in rows:
        value = row.value
        if not isinstance(value, dict):
            return None
        if minimal.is_minimal(value):
            marks.update(minimal.COLUMNS)
            continue
        annotations = value.get("annotations", value.get("completions"))
        is_task = isinstance(value.get("data"), dict) and isinstance(annotations, list)
        if not is_task or not all(
            isinstance(one, dict) and "result" in one for one in annotations or ()
        ):
            return None
        marks.update(name for name in _MARKS if name in value)
        marks |= {"data", "annotations"} if marks or annotations else set()
    return sorted(marks) or None


FORMAT = ImportFormat(
    name="label-studio",
    title="Label Studio exports",
    reader=LabelStudioReader,
    detect=detect,
    specificity=80,
    object_rows=ObjectRows.never,
)
