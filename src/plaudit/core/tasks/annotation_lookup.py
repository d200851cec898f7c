"""Look up one annotation by its id."""

from __future__ import annotations

import hashlib

import msgspec

from plaudit.model.core import Opts, StoredTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import annotation_locators, tasks
from plaudit.wire.v2 import render
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.parse import annotation_lists, task_id_of_annotation
from plaudit.wire.v2.task import Thread


class _Threads(msgspec.Struct):
    threads: list[Thread] = []


_decode = msgspec.json.Decoder(_Threads).decode


def hash_annotation_id(annotation_id: str) -> int:
    """The signed 64-bit number under which a foreign annotation id is indexed."""
    digest = hashlib.blake2b(annotation_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


async def find_annotation(
    tx: Transaction, environment_id: str, annotation_id: str
) -> Annotation | None:
    """An annotation of this environment with all its details; None if there is none.

    An id minted by this server contains its task's id. Any other is looked up by its hash, and the
    first task that holds the id wins.
    """
    task_id = task_id_of_annotation(annotation_id)
    if task_id is not None:
        task = await tasks.find_task(tx, environment_id, task_id)
        annotation = None if task is None else _annotation_of_task(task, annotation_id)
        if annotation is not None:
            return annotation
    for locator in await annotation_locators.list_annotation_locators(
        tx, environment_id, hash_annotation_id(annotation_id)
    ):
        task = await tasks.find_task_at(tx, *locator)
        annotation = None if task is None else _annotation_of_task(task, annotation_id)
        if annotation is not None:
            return annotation
    return None


def _annotation_of_task(task: StoredTask, annotation_id: str) -> Annotation | None:
    if task.body is None:
        return None
    for _, listed in annotation_lists(threads_of(task, Opts.annotation_details), {}):
        for annotation in listed:
            if annotation.id == annotation_id:
                return annotation
    return None


def threads_of(task: StoredTask, opts: int) -> list[Thread]:
    """Threads of a stored task as structs, rendered with these `opts`."""
    return _decode(render.threads_json(task, opts)).threads
