"""Exports under /manage/v1: judged tasks of a project or a delivery as a file for a trainer."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Struct

from plaudit.api.http.made_files import MadeFile
from plaudit.api.http.operation import Call, Operation
from plaudit.api.http.parameters import DateTime, Enum, Number, Text, TextList
from plaudit.api.http.streams import Stream, content_disposition, parse_range
from plaudit.api.manage.common import declare
from plaudit.api.transfer.export_choices import (
    COMPRESSED_TYPES,
    MEDIA_TYPES,
    XML_TYPE,
    ExportChoices,
    check_part,
    choose_format,
    find_partition,
    find_source,
    media_type,
    shown_name,
)
from plaudit.api.transfer.export_making import Making, made_key
from plaudit.errors import InvalidContent, InvalidParameter
from plaudit.formats.exporting.export_format import OptionalColumns
from plaudit.formats.exporting.judges import Judges
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.rows import TiePolicy
from plaudit.model.core import Role, TaskStatus

COUNTS = b"plaudit-export"
"""Header with the counts of an export, as JSON."""

_ETAG = re.compile(rb'"([0-9a-f]{32})"')
_FORMATS = ", ".join(f"`{one.name}` ({one.title})" for one in EXPORT_FORMATS.values())


class OnOff(StrEnum):
    """Value of an option that is on or off."""

    false = "false"
    true = "true"


def _option(description: str) -> Enum:
    return Enum(description=description, words=OnOff)


OnlyStatus: TypeAlias = Annotated[
    TaskStatus | None,
    Enum(
        description="Only tasks of this status; formats for training take completed tasks alone.",
        words=TaskStatus,
    ),
]
OnlyBatch: TypeAlias = Annotated[
    str | None, Text(description="Only tasks of this batch: its name or its id.")
]
OnlyAfter: TypeAlias = Annotated[
    int | None, DateTime(description="Only tasks completed strictly after this.")
]
OnlyBefore: TypeAlias = Annotated[
    int | None, DateTime(description="Only tasks completed strictly before this.", round_up=True)
]
OnlyMetadata: TypeAlias = Annotated[
    tuple[str, ...],
    TextList(
        description="Only tasks whose metadata has this, `KEY=VALUE`; repeated, one value of "
        "each key. A text as it stands, any other value as its JSON.",
    ),
]


class ExportDelivery(Struct, frozen=True):
    """Query of GET /manage/v1/deliveries/{delivery_id}/export."""

    format: Annotated[
        str | None, Text(description=f"What the rows are: {_FORMATS}.", required=True)
    ] = None
    container: Annotated[
        str | None,
        Text(
            description="What the file is: `jsonl`, `json`, `csv`, also with `.gz` or `.zst` "
            "behind it, `parquet` or `xlsx`; the first that the format is written to if absent.",
            example="jsonl.zst",
        ),
    ] = None
    prefer: Annotated[
        str | None,
        Text(
            description="An annotation of the responses, a number or true and false, that decides "
            "where nobody said which response is better."
        ),
    ] = None
    min_difference: Annotated[
        float | None,
        Number(
            description="The least difference of `prefer`, or of the mean strength, that counts."
        ),
    ] = None
    pairs: Annotated[
        PairPolicy,
        Enum(
            description="Pairs that a ranking of more than two responses gives.", words=PairPolicy
        ),
    ] = PairPolicy.best_vs_rest
    judges: Annotated[
        Judges, Enum(description="How several people's verdicts become one.", words=Judges)
    ] = Judges.majority
    ties: Annotated[
        TiePolicy,
        Enum(
            description="Use of responses that are equally good, in formats with labels.",
            words=TiePolicy,
        ),
    ] = TiePolicy.skip
    rewrites: Annotated[
        OnOff,
        _option("Also write each rewrite as better than the response that it was made of."),
    ] = OnOff.false
    only_rewrites: Annotated[
        OnOff, _option("Learn rewrites alone, and no responses as they were given.")
    ] = OnOff.false
    references: Annotated[OnOff, _option("Take the reference texts as the responses to learn.")] = (
        OnOff.false
    )
    reasoning: Annotated[
        OnOff,
        _option("Put a model's reasoning in front of its response, as `<think>…</think>`."),
    ] = OnOff.false
    last_turn_only: Annotated[OnOff, _option("Only the last turn of each conversation.")] = (
        OnOff.false
    )
    formula_safe: Annotated[
        OnOff, _option("In CSV, put an apostrophe in front of what a spreadsheet would run.")
    ] = OnOff.false
    optional_columns: Annotated[
        OptionalColumns,
        Enum(
            description="Use of columns such as `margin` that not every row has a value of: "
            "written if every row of the file has one, always (with null), or never.",
            words=OptionalColumns,
        ),
    ] = OptionalColumns.if_complete
    split: Annotated[
        str | None,
        Text(
            description="Parts by the first user message and their shares; `part` says which one.",
            example="train=0.9,test=0.1",
        ),
    ] = None
    part: Annotated[
        str | None,
        Text(
            description="One of the files that `plaudit export` writes: a part of `split` by its "
            "name, `manifest`, or `side-file` (`dataset_info.json` of llama-factory, and the "
            "configuration or settings of label-studio and argilla). The rows if absent."
        ),
    ] = None
    partition: Annotated[
        str | None,
        Text(
            description="Only the tasks of this partition: a `token` of `…/partitions`. Filters "
            "that it was planned with may be sent again, unchanged, or left out."
        ),
    ] = None


class ExportProject(ExportDelivery, frozen=True):
    """Query of GET /manage/v1/projects/{project_id}/export."""

    status: OnlyStatus = None
    batch: OnlyBatch = None
    completed_after: OnlyAfter = None
    completed_before: OnlyBefore = None
    metadata: OnlyMetadata = ()


async def export_project(call: Call[ExportProject]) -> Stream:
    """GET /manage/v1/projects/{project_id}/export: tasks of a project as a file."""
    query = call.query
    return await _export(
        call,
        project_id=call.path["project_id"],
        status=query.status,
        batch=query.batch,
        completed_after=query.completed_after,
        completed_before=query.completed_before,
        metadata=query.metadata,
    )


async def export_delivery(call: Call[ExportDelivery]) -> Stream:
    """GET /manage/v1/deliveries/{delivery_id}/export: the tasks of a delivery, for ever the same.

    The rows are those of the tasks as they were delivered.
    """
    return await _export(call, project_id="", delivery_id=call.path["delivery_id"])


async def _export(call: Call[Any], **about: Any) -> Stream:
    choices = _choices(call.query, about)
    services, environment_id = call.services, call.caller.environment_id
    try:
        async with services.db.read() as tx:
            source = await find_source(tx, environment_id, choices)
            source = await find_partition(tx, services.secret, environment_id, choices, source)
    except InvalidContent as problem:
        raise InvalidParameter(problem.message, param="metadata") from problem
    headers, name = dict(call.scope["headers"]), shown_name(choices, source)
    digest, size = None, None
    is_part = call.scope["method"] == "HEAD" or b"range" in headers
    if is_part:
        digest = _kept_digest(call, choices, headers.get(b"if-range"))
    else:
        async with call.aside():
            await services.made_files.wait_for(environment_id, choices.whole_digest)
        if choices.never_changes:
            made_before = services.made_files.find_any(environment_id, choices.digest)
        else:
            made_before = services.made_files.take(environment_id, choices.digest)
        digest = None if made_before is None else made_before.digest
    if digest is not None:
        async with call.aside():
            await services.made_files.wait_for(environment_id, digest)
        size = await services.objects.size(made_key(environment_id, choices, digest))
    if digest is None or size is None:
        making = Making(services, environment_id, choices, source)
        # Without chunks, as in HTTP/1.0, a body that breaks off would look whole.
        may_begin = not is_part and call.scope["http_version"] != "1.0"
        async with call.aside():
            made = await making.wait(call.receive, may_begin=may_begin)
        if not isinstance(made, MadeFile):
            started = _headers(name, making.token)
            return Stream(making.pieces(made, call.receive), None, media_type(name), started)
        digest = made.digest
        size = await services.objects.size(made.key) or 0
    return await _stream(call, choices, digest, size, name)


def _headers(name: str, digest: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-disposition", content_disposition("attachment", name)),
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{digest}"'.encode()),
    ]


def _choices(query: ExportDelivery, about: dict[str, Any]) -> ExportChoices:
    """Choices of a query; raises InvalidParameter."""
    export_format, container = choose_format(query.format, query.container)
    check_part(export_format, query.split, query.part)
    return ExportChoices(
        **about,
        format=export_format.name,
        container=container,
        prefer=query.prefer,
        min_difference=query.min_difference,
        pairs=query.pairs,
        judges=query.judges,
        ties=query.ties,
        rewrites=query.rewrites is OnOff.true,
        only_rewrites=query.only_rewrites is OnOff.true,
        references=query.references is OnOff.true,
        reasoning=query.reasoning is OnOff.true,
        last_turn_only=query.last_turn_only is OnOff.true,
        formula_safe=query.formula_safe is OnOff.true,
        optional_columns=query.optional_columns,
        split=query.split,
        part=query.part,
        partition=query.partition,
    )


def _kept_digest(call: Call[Any], choices: ExportChoices, if_range: bytes | None) -> str | None:
    """Digest of the file that a range or a HEAD is about; it may be kept or not."""
    if if_range is not None:
        match = _ETAG.fullmatch(if_range)
        return None if match is None else match[1].decode()
    return call.services.made_files.last_digest(call.caller.environment_id, choices.digest)


async def _stream(
    call: Call[Any], choices: ExportChoices, digest: str, size: int, name: str
) -> Stream:
    environment_id, etag = call.caller.environment_id, f'"{digest}"'.encode()
    headers = _headers(name, digest)
    made = call.services.made_files.find(environment_id, choices.digest, digest)
    if made is not None:
        headers.append((COUNTS, msgspec.json.encode(made.counts)))
    byte_range = parse_range(call.scope, size, etag)
    start, end = byte_range or (0, size)
    if byte_range is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    key = made_key(environment_id, choices, digest)
    read_end = start if call.scope["method"] == "HEAD" else end
    pieces = await call.services.objects.open(key, start, read_end)
    return Stream(
        pieces, end - start, media_type(name), headers, 200 if byte_range is None else 206
    )


_DESCRIPTION = (
    "The file that `plaudit export` writes, byte for byte; the same tasks and options give the "
    "same bytes. It is made by a job's thread, at most two at once for an organization, and sent "
    "while it is made if that takes longer than a second. A download that broke off goes "
    "on with `Range` and `If-Range`: the file is kept for at most a day, and where it is not kept "
    "any more, it is made again, whole if it has changed. The header `Plaudit-Export` has the "
    "counts as JSON: `tasks`, `rows`, and those `skipped` by reason."
)
_ANSWER = (*dict.fromkeys((*MEDIA_TYPES.values(), *COMPRESSED_TYPES.values(), XML_TYPE)),)


def _export_operation(operation_id: str, path: str, **fields: Any) -> Operation:
    return declare(
        operation_id,
        "GET",
        path,
        role=Role.read,
        answer=_ANSWER,
        answer_description="The file, or the range of it.",
        successes=(200, 206),
        is_long=True,
        errors=(404, 416),
        **fields,
    )


OPERATIONS = (
    _export_operation(
        "export_project",
        "/projects/{project_id}/export",
        handler=export_project,
        query=ExportProject,
        summary="Export tasks of a project for a trainer",
        description=_DESCRIPTION,
    ),
    _export_operation(
        "export_delivery",
        "/deliveries/{delivery_id}/export",
        handler=export_delivery,
        query=ExportDelivery,
        summary="Export a delivery for a trainer",
        description=f"{_DESCRIPTION} The tasks are those of the delivery, as they were delivered.",
    ),
)
