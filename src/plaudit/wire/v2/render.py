"""Render a task to stored JSON when it is written, so that reading it is a join of bytes.

A task is stored as two pieces of finished JSON. The *head* is `{"task_id":"...` up to the
threads, with a line feed where project and batch go (JSON never holds a raw one), because those
are written per request, as ids or expanded. The *body* runs from `"threads":` to the closing
brace, in the rendering of the default `opts`. A task without a body has a head that is complete.

What other `opts` change is kept beside the body as *patches*. Each says: when the requested
opts, masked, equal this value, replace these bytes of the body by those. Lists of annotations
are patched whole, which keeps patches few: a page is assembled from a handful of slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.model.core import ALL_OPTS, DEFAULT_OPTS, Opts, PageRow, StoredTask, TaskStatus
from plaudit.wire.v2 import size_limits
from plaudit.wire.v2.body_rendering import COUNT, PATCH, Body, BodyWriter
from plaudit.wire.v2.task import ArchivedTask

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FILES = int(Opts.attachment_details)
_DEFAULT = int(DEFAULT_OPTS)
_NO_THREADS = b',"threads":[]}'


class Rendered(Struct, frozen=True):
    """The stored form of a task's JSON."""

    head: bytes
    body: bytes | None
    patches: bytes | None


def render(
    task: ArchivedTask, created_ms: int, completed_ms: int | None, made: Body | None = None
) -> Rendered:
    """Render a task that `parse.read_task` has validated; times are in milliseconds.

    They are its own, or others where it has none. `made` is its body, if there is one already.
    Raises InvalidContent for threads that are too long to be stored.
    """
    body = patches = None
    if task.threads:
        if made is not None:
            body, patches = made.body, made.patches
        else:
            writer = BodyWriter()
            writer.threads(task.threads)
            body, patches = writer.finish()
        if len(body) + len(patches or b"") > size_limits.CONVERSATION_BYTES_MAX:
            size_limits.check_conversation(_length(body, patches, int(ALL_OPTS)), "/threads")
    head = render_head(
        HeadFields(
            task_id=task.task_id,
            status=task.status,
            created_at=_shown(task.created_at, created_ms),
            completed_at=None if completed_ms is None else _shown(task.completed_at, completed_ms),
            metadata=task.metadata,
            errors=task.errors,
            sensitive_content_reports=task.sensitive_content_reports or None,
        ),
        has_body=body is not None,
    )
    return Rendered(head, body, patches)


def _shown(text: str | None, ms: int) -> str:
    """A time as the server writes it, which is its own text in most cases."""
    return text if text is not None and clock.is_canonical(text) else clock.format_ms(ms)


class HeadFields(Struct, omit_defaults=True, kw_only=True):
    """The small fields of a task, in the order they are written."""

    task_id: str
    status: TaskStatus
    created_at: str
    completed_at: str | None = None
    metadata: dict[str, Any] | None = None
    errors: list[Any] | None = None
    sensitive_content_reports: list[Any] | None = None


_decode_head = msgspec.json.Decoder(HeadFields).decode


def render_head(fields: HeadFields, *, has_body: bool) -> bytes:
    """Render a head; with `has_body` it ends where a body with the threads follows."""
    rendered = _encode(fields)
    split = rendered.index(b',"status":')
    marked = b"".join((rendered[:split], b"\n", rendered[split:-1]))
    if has_body:
        return marked + b","
    if fields.sensitive_content_reports:
        return marked + b"}"
    return marked + _NO_THREADS


def read_head(head: bytes) -> HeadFields:
    """Decode a stored head, to render it again with changes."""
    text = head.replace(b"\n", b"", 1)
    return _decode_head(text[:-1] + b"}" if text.endswith(b",") else text)


def id_member(head: bytes) -> bytes:
    """Member `task_id` of a stored head."""
    return head[1 : head.index(b"\n")]


def head_refs(project: bytes, batch: bytes | None) -> bytes:
    """Members `project` and `batch` of a task, from their JSON, for the gap in its head."""
    if batch is None:
        return b',"project":' + project
    return b"".join((b',"project":', project, b',"batch":', batch))


def needs_patches(opts: int) -> bool:
    """True if these options are not the default, so that patches may apply."""
    return opts != _DEFAULT


def assemble(
    rows: Sequence[PageRow], refs: Mapping[str | None, bytes], opts: int, parts: list[bytes]
) -> None:
    """Append the JSON of each task to `parts`, separated by commas.

    `refs` maps a batch id (or None) to its `head_refs`. Nothing is parsed: the cost is that of
    slicing and one later join.
    """
    append = parts.append
    is_default = opts == _DEFAULT
    for _, _, batch_id, head, body, patches, _ in rows:
        append(head.replace(b"\n", refs[batch_id], 1))
        if body is not None:
            if is_default or patches is None:
                append(body)
            else:
                _apply(body, patches, opts, append)
        append(b",")
    if rows:
        parts.pop()


def record(head: bytes, body: bytes | None, refs: bytes) -> bytes:
    """JSON of a task with the default options, as `assemble` puts it behind another one."""
    return b"".join((b",", head.replace(b"\n", refs, 1), body or b""))


def assemble_lines(
    rows: Sequence[PageRow], refs: Mapping[str | None, bytes], opts: int, parts: list[bytes]
) -> None:
    """Append a line of JSON for each task to `parts`, as `assemble` does, but always with threads.

    A listing leaves them out where content was reported.
    """
    append = parts.append
    for _, _, batch_id, head, body, patches, _ in rows:
        append(head.replace(b"\n", refs[batch_id], 1))
        if body is None:
            if not head.endswith(_NO_THREADS):
                parts[-1] = parts[-1][:-1] + _NO_THREADS
        elif patches is None:
            append(body)
        else:
            _apply(body, patches, opts, append)
        append(b"\n")


def fixes(
    shown: bytes, body: bytes | None, patches: bytes | None
) -> Iterator[tuple[int, int, bytes]]:
    """Bytes of a record that differ in the task's line: place, bytes cut, bytes put there instead.

    As far as `assemble_lines` decides that.
    """
    if body is None:
        if not shown.endswith(_NO_THREADS):
            yield len(shown) - 1, 1, _NO_THREADS
    elif patches is not None:
        before = len(shown) - len(body)
        for start, cut, put in _applied(patches, ALL_OPTS):
            yield before + start, cut, put


def has_attachments(patches: bytes | None) -> bool:
    """True if other options than the default show attachments of a body."""
    if patches is None:
        return False
    end = COUNT.size + COUNT.unpack_from(patches)[0] * PATCH.size
    return any(patch[0] == _FILES for patch in PATCH.iter_unpack(patches[COUNT.size : end]))


def task_json(task: StoredTask, refs: bytes, opts: int) -> bytes:
    """JSON of one task; `refs` are its `head_refs`."""
    return b"".join(task_parts(task, refs, opts))


def task_parts(task: StoredTask, refs: bytes, opts: int) -> list[bytes]:
    """JSON of one task as pieces to be joined; `refs` are its `head_refs`."""
    parts: list[bytes] = []
    row = (task.seq, task.completed_ms, task.batch_id, task.head, task.body, task.patches, 0)
    assemble([row], {task.batch_id: refs}, opts, parts)
    return parts


def threads_json(task: StoredTask, opts: int) -> bytes:
    """Threads of a task as the object `{"threads": […]}`."""
    return body_json(task.body, task.patches, opts)


def body_json(body: bytes | None, patches: bytes | None, opts: int) -> bytes:
    """A stored body as the object `{"threads": […]}`, empty for None."""
    if body is None:
        return b'{"threads":[]}'
    parts: list[bytes] = [b"{"]
    if patches is None:
        parts.append(body)
    else:
        _apply(body, patches, opts, parts.append)
    return b"".join(parts)


def archived_json(task: StoredTask, refs: bytes) -> bytes:
    """A task's value in an archive: v2's shape with every option, and Plaudit's own members."""
    parts = [task_json(task, refs, int(ALL_OPTS))[:-1]]
    if task.content is not None:
        parts += (b',"content":', task.content)
    if task.unique_id is not None:
        parts += (b',"unique_id":', _encode(task.unique_id))
    if task.callback_url is not None:
        parts += (b',"callback_url":', _encode(task.callback_url))
    parts.append(b"}")
    return b"".join(parts)


def without_ids_and_types(page: bytes) -> bytes:
    """A page whose annotations have only `key` and `value`, as in Scale's example (docs/adr/0010).

    Slow: the page is parsed and rendered again.
    """
    value = _decode(page)
    _strip_annotations(value)
    return _encode(value)


def _strip_annotations(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _strip_annotations(item)
    elif isinstance(value, dict):
        for annotation in value.get("annotations") or ():
            if isinstance(annotation, dict):
                annotation.pop("id", None)
                annotation.pop("type", None)
        for key, item in value.items():
            if key != "metadata":
                _strip_annotations(item)


def _length(body: bytes, patches: bytes | None, opts: int) -> int:
    """Bytes of a body with these options."""
    if patches is None:
        return len(body)
    parts: list[bytes] = []
    _apply(body, patches, opts, parts.append)
    return sum(map(len, parts))


def _apply(body: bytes, patches: bytes, opts: int, append: Any) -> None:
    at = 0
    for start, cut, put in _applied(patches, opts):
        append(body[at:start])
        if put:
            append(put)
        at = start + cut
    append(body[at:])


def _applied(patches: bytes, opts: int) -> Iterator[tuple[int, int, bytes]]:
    """Patches that apply with these options: place in the body, bytes cut, bytes put there."""
    count = COUNT.unpack_from(patches)[0]
    payload = COUNT.size + count * PATCH.size
    opts = int(opts)  # flags are slow
    for mask, wanted, start, cut, length in PATCH.iter_unpack(patches[COUNT.size : payload]):
        if opts & mask == wanted:
            yield start, cut, patches[payload : payload + length]
        payload += length
