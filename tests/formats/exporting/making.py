"""Judged turns in few words, and the rows that a format makes of them, without a store."""

from __future__ import annotations

import copy
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from plaudit.core.tasks.forms import Form
from plaudit.core.tasks.resolve import find_by_name_or_id
from plaudit.core.transfer.importer import import_sources
from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.common.imported_task import annotation, message, thread, turn, vote
from plaudit.formats.exporting.compare import TaskFacts, compare_task
from plaudit.formats.exporting.comparison import Comparison
from plaudit.formats.exporting.export_format import (
    ExportedTask,
    ExportOptions,
    Skipped,
)
from plaudit.formats.exporting.judges import Judges, VerdictOptions
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.rows import RowOptions, TiePolicy
from plaudit.formats.exporting.run import ExportRequest, ExportResult, run_export
from plaudit.formats.exporting.selection import TaskChoice, choose_tasks, votes_of_tasks
from plaudit.formats.exporting.splits import Split
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.wire.v2 import parse
from plaudit.wire.v2.task import Thread
from tests.support.harness import World

NO_FORM = Form(fields=[])
SELECTED, LIKERT = "selected_model_id", "likert_value"


def said(role: str, text: str | None, **members: Any) -> dict[str, Any]:
    """A message of the context."""
    return message(role, text, **members)


def stored(*turns: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """A completed task of the project `Set`, to import."""
    return {
        "task_id": f"t{number}",
        "project": "Set",
        "status": "completed",
        "completed_at": f"2026-01-{number + 1:02}T00:00:00Z",
        "threads": [{"id": f"th{number}", "turns": list(turns), "annotations": []}],
    }


def answers(**texts: str) -> list[dict[str, Any]]:
    """Responses by `source_id`."""
    return [message("assistant", text, source_id=source) for source, text in texts.items()]


def rated(source: str, text: str, **ratings: Any) -> dict[str, Any]:
    """A response with annotations of one value each; a text is a text."""
    kinds = {bool: "boolean", int: "integer", str: "text"}
    given = [annotation(key, kinds[type(value)], value) for key, value in ratings.items()]
    return message("assistant", text, source_id=source, annotations=given)


TWO = answers(a="Yes.", b="No.")
THREE = answers(a="Yes.", b="No.", c="Perhaps.")
SPLIT = [("p1", "a"), ("p2", "a"), ("p3", "b")]
"""Votes of which two of three agree."""


def chose(source: str | None, **members: Any) -> dict[str, Any]:
    """The selected response of a turn; `votes` are pairs of a person and a value."""
    return annotation(SELECTED, "category", source, **_votes(members))


def tied(word: str = "tie", **members: Any) -> dict[str, Any]:
    """A verdict in words, such as a tie."""
    return annotation("preference", "category", word, **_votes(members))


def scaled(value: int | None, key: str = LIKERT, **members: Any) -> dict[str, Any]:
    """A value of the preference's scale, 1 to 7 unless `possible_values` say otherwise."""
    members.setdefault("possible_values", [1, 2, 3, 4, 5, 6, 7])
    return annotation(key, "integer", value, **_votes(members))


def ranked(*groups: list[str], **members: Any) -> dict[str, Any]:
    """A ranking, best first; responses of one group are equals."""
    return annotation("ranked_groups", "ranked_groups", list(groups) or None, **_votes(members))


def _votes(members: dict[str, Any]) -> dict[str, Any]:
    votes = members.pop("votes", None)
    if votes is None:
        return members
    return {**members, "votes": [_vote(*one) for one in votes]}


def _vote(person: str, value: Any, *rest: Any) -> dict[str, Any]:
    """A vote; None is that of somebody who cannot assess the question."""
    made = vote(person, value, *rest)
    if value is None:
        del made["value"]
        made["cannot_assess"] = True
    return made


def judged_turn(
    messages: Sequence[dict[str, Any]], *annotations: dict[str, Any], number: int = 0
) -> dict[str, Any]:
    """A turn with the annotations of its verdict."""
    return turn(number, list(messages), list(annotations))


def asked(
    responses: Sequence[dict[str, Any]], *annotations: dict[str, Any], number: int = 0
) -> dict[str, Any]:
    """A turn of one question, the responses to it, and the annotations of its verdict."""
    return judged_turn(
        [said("user", f"Question {number}"), *responses], *annotations, number=number
    )


def task_of(
    *turns: dict[str, Any],
    form: Form = NO_FORM,
    options: ExportOptions | None = None,
    metadata: dict[str, Any] | None = None,
) -> ExportedTask:
    """A completed task of one thread, checked as a stored one is."""
    threads = [thread(list(turns))]
    parse.read_task({"task_id": "t1", "status": "completed", "threads": copy.deepcopy(threads)})
    decoded = msgspec.convert(threads, list[Thread])
    facts = TaskFacts(task_id="t1", project="Set", metadata=metadata or {})
    verdict = (options or ExportOptions()).verdict
    return ExportedTask(
        value={"task_id": "t1", "status": "completed"},
        threads=decoded,
        form=form,
        comparisons=list(compare_task(facts, decoded, form, verdict)),
    )


def compared(*turns: dict[str, Any], form: Form = NO_FORM, **choices: Any) -> Comparison:
    """The comparison of the last turn; `choices` are those of `options_of`."""
    options = options_of(**choices)
    return task_of(*turns, form=form, options=options).comparisons[-1]


class Made:
    """Rows that a format made of a task, in plain values, and counts of what it skipped."""

    def __init__(self, name: str, task: ExportedTask, options: ExportOptions | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.flags: list[Sequence[str]] = []
        self.skipped: Counter[str] = Counter()
        declared = EXPORT_FORMATS[name]
        for made in declared.make(task, options or ExportOptions()):
            if isinstance(made, Skipped):
                self.skipped[str(made)] += 1
            else:
                assert list(made.values) == [column.name for column in declared.columns]
                assert made.origin.task_id == "t1"
                self.rows.append(msgspec.to_builtins(made.values))
                self.flags.append(made.origin.flags)

    @property
    def row(self) -> dict[str, Any]:
        """The one row."""
        assert not self.skipped
        (row,) = self.rows
        return row


def options_of(
    *,
    judges: str = "majority",
    min_difference: float | None = None,
    prefer: str | None = None,
    pairs: str = "best-vs-rest",
    ties: str = "skip",
    include_reasoning: bool = False,
    **choices: Any,
) -> ExportOptions:
    """Choices of an export, by the words of the command line."""
    return ExportOptions(
        verdict=VerdictOptions(judges=Judges(judges), prefer=prefer, min_difference=min_difference),
        rows=RowOptions(pairs=PairPolicy(pairs), ties=TiePolicy(ties), prefer=prefer, **choices),
        include_reasoning=include_reasoning,
    )


def sides(made: Made) -> list[tuple[str, str]]:
    """Texts of TRL's preference rows, the better one first."""
    return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in made.rows]


def make(name: str, *turns: dict[str, Any], form: Form = NO_FORM, **choices: Any) -> Made:
    """Rows of a task of these turns; `choices` are those of `options_of`."""
    options = options_of(**choices)
    return Made(name, task_of(*turns, form=form, options=options), options)


def import_files(
    world: World,
    paths: Iterable[Path],
    name: str,
    *,
    mapping: str | None = None,
    config: str | None = None,
    org: str = "default",
) -> None:
    """Import files into the project `Set` of an organization, as the command does."""
    inputs = [InputFile(path, path.name, path.stat().st_size) for path in paths]
    decoded = None if mapping is None else tomllib.loads(mapping)
    options = ImportOptions(mapping=decoded, config=config)
    with closing(FileImport(inputs, FORMATS[name], options, project_name="Set")) as prepared:
        prepared.prepare()
        world.run(
            import_sources(
                world.db,
                world.org(org),
                prepared.sources,
                project_name="Set",
                replace=False,
                strict=False,
                on_reject=lambda reject: None,
                objects=world.objects,
                project_form=prepared.form,
            )
        )


def export_file(
    world: World,
    name: str,
    out: Path,
    *,
    splits: Sequence[Split] = (),
    org: str = "default",
    **choices: Any,
) -> ExportResult:
    """Export the project `Set` of an organization; `choices` are those of `options_of`."""
    options = options_of(**choices)
    request = ExportRequest(format=EXPORT_FORMATS[name], options=options, out=out, splits=splits)

    environment_id = world.org(org)

    async def run() -> ExportResult:
        async with world.db.read() as tx:
            project = await find_by_name_or_id(tx, environment_id, "Set")
        return await run_export(
            request,
            project,
            choose_tasks(world.db, project, None, TaskChoice()),
            votes_of=votes_of_tasks(world.db, project),
        )

    return world.run(run())


def lines(path: Path) -> list[Any]:
    """Values of a file of JSON lines."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
