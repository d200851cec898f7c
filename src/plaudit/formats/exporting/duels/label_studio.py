"""Label Studio tasks: a conversation, two responses, and an annotation of each person.

`pairwise` says left or right; a tie or two bad responses are choices, since `pairwise` cannot say
them. The labelling configuration, without which left and right mean nothing, is a file beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from plaudit.core.tasks.forms import Form
from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.duels.arena import question_ids
from plaudit.formats.exporting.duels.duel import Duel, DuelVote, Winner, duels, persons_votes
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages

CONFIG = b"""\
<View>
  <Paragraphs name="context" value="$context" layout="dialogue" nameKey="role" textKey="content"/>
  <Header value="Which response is better?"/>
  <Pairwise name="preference" toName="answer_a,answer_b"/>
  <Text name="answer_a" value="$answer_a"/>
  <Text name="answer_b" value="$answer_b"/>
  <Choices name="no_preference" toName="answer_a" choice="single">
    <Choice value="tie"/>
    <Choice value="both_bad"/>
  </Choices>
</View>
"""
_SIDES = {Winner.first: "left", Winner.second: "right"}
_CHOICES = {Winner.tie: "tie", Winner.all_bad: "both_bad"}


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    made: dict[tuple[str, str, str], Duel] = {}
    for comparison in task.comparisons:
        for duel in duels(task, comparison, options.rows, says_even=True, says_votes=True):
            if isinstance(duel, Skip):
                yield Skipped(duel)
            else:
                key = (comparison.turn_id, duel.first.source_id, duel.second.source_id)
                made.setdefault(key, duel)
    duels_made = list(made.values())
    for duel, task_id in zip(duels_made, question_ids(duels_made), strict=True):
        data: dict[str, Any] = {
            "context": context_messages(duel.comparison.context, options),
            "answer_a": duel.first.text,
            "answer_b": duel.second.text,
        }
        if duel.first.model is not None and duel.second.model is not None:
            data |= {"model_a": duel.first.model, "model_b": duel.second.model}
        values = {
            "id": task_id,
            "data": data,
            "annotations": [
                _annotation(number, vote) for number, vote in enumerate(persons_votes(duel), 1)
            ],
        }
        yield ExportRow(values, origin_of(duel.comparison))


def _annotation(number: int, vote: DuelVote) -> dict[str, Any]:
    """Annotation of a person, who is a number where the id is one, as Label Studio's are."""
    person = vote.contributor_id
    is_number = person.isascii() and person.isdigit() and str(int(person)) == person
    given: dict[str, Any] = {"completed_by": int(person) if is_number else person}
    if vote.submitted_at is not None:
        given["updated_at"] = vote.submitted_at
    return {**given, "was_cancelled": False, "result": [_region(number, vote.winner)]}


def _region(number: int, winner: Winner) -> dict[str, Any]:
    region = {"id": f"verdict_{number}", "from_name": "preference", "to_name": "answer_a"}
    if winner in _SIDES:
        return {**region, "type": "pairwise", "value": {"selected": _SIDES[winner]}}
    region["from_name"] = "no_preference"
    return {**region, "type": "choices", "value": {"choices": [_CHOICES[winner]]}}


def config(paths: Sequence[Path], form: Form) -> tuple[str, bytes]:
    """Name and content of the labelling configuration of an export."""
    return f"{paths[0].name}.config.xml", CONFIG


FORMATS = (
    ExportFormat(
        name="label-studio",
        title="Label Studio tasks with each person's annotation",
        purpose="For looking at and going on with the work in Label Studio.",
        columns=(
            ExportColumn("id", ColumnType.text),
            ExportColumn("data", ColumnType.json),
            ExportColumn("annotations", ColumnType.json),
        ),
        make=_make,
        containers=(ExportContainer.json, ExportContainer.jsonl),
        side_file=config,
    ),
)
