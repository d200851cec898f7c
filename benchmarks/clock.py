"""CPU clocks. Some machines read them in whole ticks, so that short work seems to cost nothing."""

import os
import resource

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_between(before: float, after: float) -> float:
    """Return the CPU seconds between two readings of one clock, at least half a tick.

    What began and ended within a tick was not free, and its cost stands under a fraction.
    """
    return max(after - before, 0.5 / TICKS_PER_SECOND)


def children_cpu_seconds() -> float:
    """Return the CPU seconds of all child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
