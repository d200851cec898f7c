"""Sentences about a pull: what it has brought, and what v2 does not show."""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.core.transfer.import_summary import PLURALS
from plaudit.mirror.assembly import KINDS, Assembly
from plaudit.mirror.into_store import StoreImport
from plaudit.mirror.pull import Pull
from plaudit.mirror.unknown_members import KEPT_AS
from plaudit.model.core import TaskStatus


def describe_contents(assembly: Assembly) -> str:
    """Number of objects of each kind in an archive."""
    counted = [
        f"{assembly.counts[kind]:,} {_noun(kind, assembly.counts[kind])}"
        for kind in KINDS
        if assembly.counts[kind]
    ]
    return ", ".join(counted) or "nothing"


def describe_remarks(
    pull: Pull, assembly: Assembly, stored: StoreImport | None = None
) -> list[str]:
    """Sentences about what is not there and why; ask before the pull is finished."""
    return [*_of_server(pull, assembly), *_of_store(stored), _not_shown(assembly)]


def _of_server(pull: Pull, assembly: Assembly) -> Iterator[str]:
    run = pull.run
    if run.is_since_last:
        yield f"Since the last pull {run.task_count:,} tasks were received."
    for one in run.not_shown:
        yield f"The server does not show {one}."
    if pull.state.project_names:
        yield "Datasets were left out, because they belong to no project."
    if assembly.gone:
        yield f"{assembly.gone:,} tasks of the last pull are no longer on the server."
    if assembly.empty_deliveries:
        yield f"{assembly.empty_deliveries:,} deliveries were left out, because they are empty."
    for project_id in run.unordered:
        yield (
            f"Completions of project {project_id!r} did not come in the order of their time, so a "
            "pull with --since-last asks for them again."
        )


def _of_store(stored: StoreImport | None) -> Iterator[str]:
    if stored is None:
        return
    for kind, count in stored.unknown.items():
        if count:
            yield (
                f"{count:,} members of {_noun(kind, 2)} that v2 does not have were kept in their "
                f"metadata, as {KEPT_AS!r}."
            )
    if stored.lost:
        yield f"{stored.lost:,} such members were not kept: the metadata would be too long."


def _not_shown(assembly: Assembly) -> str:
    pending = assembly.statuses[TaskStatus.pending]
    content = f"the content of pending tasks ({pending:,}), " if pending else ""
    return (
        f"v2 does not show, so it is not there: {content}unique_ids and callbacks of tasks; forms, "
        "templates and guidelines of projects; people and what each of them did; the bytes of "
        "attachments."
    )


def _noun(kind: str, count: int) -> str:
    plural = kind if count == 1 else PLURALS.get(kind, f"{kind}s")
    return plural.replace("_", " ")
