"""Pace of a project: how long tasks usually take by their length, kept for the collector `fast`.

The figures are those of the last submissions, computed anew every few minutes by a worker, so that
a submission is judged by one row. They are the medians by which the flag of speeders goes
(core/quality/people/flag_tests.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from plaudit.core.quality.people.flag_tests import FAST_RATIO, LENGTH_CLASSES
from plaudit.core.tasks.quality_rules import stored_rules
from plaudit.model.quality_control import Collector
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.quality_control import paces
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import project_detail

REFRESHED_MS = 10 * 60 * 1000
TIMES_MAX = 2000
"""Submissions that the figures are of."""

TIMES_MIN = 50
"""Of fewer nobody is said to be fast."""


class Pace(Struct, frozen=True):
    """Median active time in ms of tasks of each length class, and the lengths that part them.

    A length is the bytes of a task's conversation.
    """

    edges: list[float]
    medians_ms: list[float]

    def is_fast(self, length: int, active_ms: int) -> bool:
        """True for less than FAST_RATIO of the median time of that length."""
        median = self.medians_ms[int(np.searchsorted(self.edges, length, side="left"))]
        return active_ms < FAST_RATIO * median


def pace_of(lengths: Sequence[int], active_ms: Sequence[int]) -> Pace | None:
    """Pace of these tasks, by deciles of their lengths; None for fewer than TIMES_MIN."""
    if len(lengths) < TIMES_MIN:
        return None
    edges = np.quantile(lengths, np.arange(1, LENGTH_CLASSES) / LENGTH_CLASSES)
    classes = np.searchsorted(edges, lengths, side="left")
    times = np.asarray(active_ms)
    medians = [
        float(np.median(times[classes == one])) if np.any(classes == one) else 0.0
        for one in range(LENGTH_CLASSES)
    ]
    return Pace([float(edge) for edge in edges], medians)


async def find_pace(tx: Transaction, project_key: int) -> Pace | None:
    """A project's pace; None before there is one, which is then computed soon."""
    figures = await paces.find_pace(tx, project_key)
    if figures is None:
        await paces.keep_pace(tx, project_key)
        return None
    return msgspec.json.decode(figures, type=Pace | None)


async def refresh(tx: Transaction, project_key: int) -> None:
    """Compute a project's pace anew; forget it where no rule asks for it any more."""
    project = await projects.get_project(tx, project_key)
    rules = stored_rules(project_detail(project))
    if all(rule.collector is not Collector.fast for rule in rules):
        await paces.drop_pace(tx, project_key)
        return
    times = await paces.list_times(tx, project_key, limit=TIMES_MAX)
    sizes = await statistics.list_content_sizes(tx, project_key, {seq for seq, _ in times})
    known = [(sizes[seq], active_ms) for seq, active_ms in times if seq in sizes]
    pace = pace_of([length for length, _ in known], [active_ms for _, active_ms in known])
    due_ms = await tx.now_ms() + REFRESHED_MS
    await paces.set_pace(tx, project_key, msgspec.json.encode(pace), due_ms=due_ms)
