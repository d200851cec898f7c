"""Find one annotation by its id."""

from __future__ import annotations

import hashlib

import msgspec

from plaudit.model.core import Opts, StoredTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import tasks
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
    """The annotation with all its details.

    An id of our making names its task; any other is looked up by its hash, which may lead to
    more than one task, of which the first that holds the id counts.
    """
    task_id = task_id_of_annotation(annotation_id)
    if task_id is not None:
        task = await tasks.find_task(tx, environment_id, task_id)
        found = None if task is None else _annotation_of_task(task, annotation_id)
        if found is not None:
            return found
    for place in await tasks.list_annotation_locators(
        tx, environment_id, hash_annotation_id(annotation_id)
    ):
        found = _annotation_of_task(await tasks.get_task(tx, *place), annotation_id)
        if found is not None:
            return found
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
    """A stored task's threads as structs, with these options."""
    return _decode(render.threads_json(task, opts)).threads
