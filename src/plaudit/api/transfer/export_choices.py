"""Choices of an export as a query or a form gives them, and what they mean for the exporter."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.deliveries import reports
from plaudit.core.tasks.forms import form_of
from plaudit.core.tasks.resolve import find_batch_by_name_or_id
from plaudit.core.transfer import partitions
from plaudit.errors import InvalidContent, InvalidParameter, Misconfigured, NotFound
from plaudit.formats import files
from plaudit.formats.exporting import containers
from plaudit.formats.exporting.export_format import (
    ExportContainer,
    ExportFormat,
    ExportParameters,
    OptionalColumns,
)
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.run import ExportRequest, manifest_path
from plaudit.formats.exporting.selection import TaskChoice, read_conditions
from plaudit.formats.exporting.splits import path_of_split, read_splits
from plaudit.model.core import BatchRow, ProjectRow, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects
from plaudit.store.tasks.tasks import TaskFilter
from plaudit.wire.v2.resources import project_detail

MEDIA_TYPES = {
    ExportContainer.jsonl: "application/x-ndjson",
    ExportContainer.json: "application/json",
    ExportContainer.parquet: "application/vnd.apache.parquet",
    ExportContainer.csv: "text/csv; charset=utf-8",
    ExportContainer.xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportContainer.txt: "text/plain; charset=utf-8",
}
MANIFEST = "manifest"
SIDE_FILE = "side-file"
"""Words of `part` for the files that go beside the rows."""

XML_TYPE = "application/xml"
COMPRESSED_TYPES = {".gz": "application/gzip", ".zst": "application/zstd"}


class ExportChoices(ExportParameters, frozen=True, kw_only=True, omit_defaults=True):
    """Choices of an export: those of `plaudit export`, and what it is of.

    `container` is the suffix of the file without its dot, such as `jsonl.gz`. `batch` is a name or
    an id. Bounds of completion are exclusive, in milliseconds. `metadata` has `KEY=VALUE`s. `part`
    is the one of several files that is wanted: that of a part of `split`, MANIFEST or SIDE_FILE.
    """

    project_id: str
    delivery_id: str | None = None
    format: str
    container: str
    status: TaskStatus | None = None
    batch: str | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    metadata: tuple[str, ...] = ()
    formula_safe: bool = False
    optional_columns: OptionalColumns = OptionalColumns.if_complete
    split: str | None = None
    part: str | None = None
    partition: str | None = None
    """Token of a partition; filters that are absent are those of the token."""

    @property
    def never_changes(self) -> bool:
        """True if the bytes are always the same, and so is every file that was made of them."""
        is_whole = EXPORT_FORMATS[self.format].join_stored is not None and self.part is None
        return is_whole and self.delivery_id is not None

    @property
    def file_name(self) -> str:
        """Name of the file of all rows, without what it is of."""
        return f"{self.format}.{self.container}"

    @property
    def digest(self) -> str:
        """Digest of the choices, the same for the same ones."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:32]

    @property
    def whole_digest(self) -> str:
        """Digest of the choices without the part, the same for all files of an export."""
        return msgspec.structs.replace(self, part=None).digest

    @property
    def others(self) -> list[ExportChoices]:
        """Choices of the other files that are made with a part, none where all rows are asked for.

        What goes beside the rows comes first.
        """
        if self.part is None:
            return []
        rows: list[str | None] = [None] if self.split is None else [*read_parts(self.split)]
        has_side_file = EXPORT_FORMATS[self.format].side_file is not None
        parts = [MANIFEST, *[SIDE_FILE] * has_side_file, *rows]
        return [msgspec.structs.replace(self, part=one) for one in parts if one != self.part]


class ExportSource(Struct, frozen=True):
    """Source of an export: the project, the batch if one was named, and the filter."""

    project: ProjectRow
    batch: BatchRow | None
    choice: TaskChoice
    name: str
    """Name of the delivery, or of the project."""

    @property
    def where(self) -> TaskFilter:
        """Filter of the project's tasks; of a delivery, the project alone."""
        return self.choice.filter_of(self.project, self.batch)


def wanted_file(choices: ExportChoices, project: ProjectRow, out: Path) -> Path:
    """The file of `part` among those of an export to `out`."""
    if choices.part is None:
        return out
    if choices.part == MANIFEST:
        return manifest_path(out)
    if choices.part != SIDE_FILE:
        return path_of_split(out, choices.part)
    side_file = EXPORT_FORMATS[choices.format].side_file
    assert side_file is not None
    return out.with_name(side_file([out], form_of(project_detail(project)))[0])


def shown_name(choices: ExportChoices, source: ExportSource) -> str:
    """Name under which the wanted file is saved: what it is of comes first, where no other file
    refers to it by its name."""
    name = wanted_file(choices, source.project, Path(choices.file_name)).name
    is_named = choices.part is not None or EXPORT_FORMATS[choices.format].side_file is not None
    return name if is_named else f"{source.name} {name}"


def media_type(name: str) -> str:
    """Media type of an exported file, by its compression or its container."""
    path = Path(name)
    if path.suffix == ".xml":
        return XML_TYPE
    return COMPRESSED_TYPES.get(path.suffix) or MEDIA_TYPES[containers.container_of(path)]


def choose_format(name: str | None, container: str | None) -> tuple[ExportFormat, str]:
    """Find a format, and its container: the first that it is written to, if none is named.

    Raises InvalidParameter for an unknown one, and for a container that the format or this server
    does not write.
    """
    found = EXPORT_FORMATS.get(name or "")
    if found is None:
        listed = ", ".join(EXPORT_FORMATS)
        raise InvalidParameter(f"format must be one of {listed}", param="format")
    if container is None:
        return found, found.containers[0].value
    try:
        chosen = containers.container_of(Path(f"rows.{container}"))
    except Misconfigured:
        chosen = None
    if chosen is None or container not in list_containers(found):
        listed = ", ".join(list_containers(found))
        raise InvalidParameter(f"container must be one of {listed}", param="container")
    library = containers.missing_library(chosen)
    if library is not None:
        raise InvalidParameter(
            f"this server does not write {chosen}: it has no {library}", param="container"
        )
    return found, container


def list_containers(export_format: ExportFormat) -> list[str]:
    """Containers of a format, each also compressed where it is not already."""
    found = []
    for container in export_format.containers:
        found.append(container.value)
        is_packed = container in (ExportContainer.parquet, ExportContainer.xlsx)
        if export_format.is_compressible and not is_packed:
            found += [f"{container}{suffix}" for suffix in files.COMPRESSION_SUFFIXES]
    return found


def check_part(export_format: ExportFormat, split: str | None, part: str | None) -> None:
    """Raise InvalidParameter for a split that cannot be read, or a part that is not of it."""
    parts = [MANIFEST]
    if export_format.side_file is not None:
        parts.append(SIDE_FILE)
    if split is not None:
        parts = [*read_parts(split), *parts]
    if part not in parts and (part is not None or split is not None):
        raise InvalidParameter(f"part must be one of {', '.join(parts)}", param="part")


def read_parts(split: str) -> list[str]:
    """Names of the parts of a split; raises InvalidParameter."""
    try:
        names = [one.name for one in read_splits(split)]
    except InvalidContent as problem:
        raise InvalidParameter(problem.message, param="split") from problem
    if MANIFEST in names:
        raise InvalidParameter(f"a part cannot be named {MANIFEST}", param="split")
    return names


def export_request(choices: ExportChoices, source: ExportSource, out: Path) -> ExportRequest:
    """Request of the exporter for a file at `out`, as `plaudit export` makes it."""
    named = source.choice.named()
    if source.batch is not None:
        named["batch"] = choices.batch or source.batch.name  # a partition may have one of its own
    return ExportRequest(
        format=EXPORT_FORMATS[choices.format],
        options=choices.options,
        out=out,
        splits=() if choices.split is None else read_splits(choices.split),
        is_formula_safe=choices.formula_safe,
        optional_columns=choices.optional_columns,
        filters=named,
    )


async def find_source(tx: Transaction, environment_id: str, choices: ExportChoices) -> ExportSource:
    """Find what choices name, not cut to a partition.

    Raises NotFound, and InvalidContent for metadata.
    """
    if choices.delivery_id is not None:
        delivery = await reports.get_delivery(tx, environment_id, choices.delivery_id)
        owner = await projects.find_project_by_key(tx, environment_id, delivery.project_key)
        assert owner is not None
        return ExportSource(owner, None, TaskChoice(delivery=delivery.name), delivery.name)
    choice = TaskChoice(
        status=choices.status,
        completed_after=choices.completed_after,
        completed_before=choices.completed_before,
        metadata=read_conditions(choices.metadata),
    )
    return await find_tasks(tx, environment_id, choices.project_id, choices.batch, choice)


async def find_tasks(
    tx: Transaction,
    environment_id: str,
    project_id: str,
    batch_name: str | None,
    choice: TaskChoice,
) -> ExportSource:
    """Find the tasks of a project, or of its batch of a name or an id; raises NotFound."""
    project = await projects.find_project(tx, environment_id, project_id)
    if project is None:
        raise NotFound("there is no such project")
    batch = None
    if batch_name is not None:
        batch = await find_batch_by_name_or_id(tx, project, batch_name)
    return ExportSource(project, batch, choice, project.name)


async def find_partition(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    choices: ExportChoices,
    source: ExportSource,
) -> ExportSource:
    """Narrow a source to the partition that the choices name, if they name one.

    Raises InvalidPageToken or PageTokenExpired.
    """
    if choices.partition is None:
        return source
    found = partitions.read_token(
        tx,
        secret,
        environment_id,
        choices.partition,
        where=source.where,
        delivery_id=choices.delivery_id,
        metadata=tuple(map(str, source.choice.metadata)),
    )
    where, batch = found.where, source.batch
    if batch is None and where.batch_id is not None:
        batch = await batches.find_batch(tx, environment_id, where.batch_id)
    choice = msgspec.structs.replace(
        source.choice,
        status=where.status,
        completed_after=where.completed_after,
        completed_before=where.completed_before,
        metadata=read_conditions(found.metadata),
        after=found.after,
        until=found.until,
    )
    return msgspec.structs.replace(source, batch=batch, choice=choice)


def summary_of(tasks: int, rows: int, skipped: dict[str, int], flags: dict[str, int]) -> Any:
    """Counts of an export, as answers and pages tell them."""
    return {"tasks": tasks, "rows": rows, "skipped": skipped, "flags": flags}


def reason_words(reason: str) -> str:
    """Reason of skipped rows in words; the rule of a format stays as it is."""
    code, colon, rule = reason.partition(":")
    return code.replace("_", " ") + colon + rule
