"""Samples of tasks in review, and what they say of the tasks that nobody looks at.

Who wants to accept many tasks looks at a random sample of them first. Each is decided on as any
other: accepted without a fix it was right, else wrong.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from plaudit.model.core import StoredTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances

CONFIDENCE = 0.95

RIGHT, WRONG = "right", "wrong"
"""Outcomes of the tasks of a sample."""

_STEPS = 60


def draw(seqs: Sequence[int], count: int, seed: int) -> list[int]:
    """Draw `count` tasks, each subset as likely as any other; the same ones for the same seed."""
    return random.Random(seed).sample(sorted(seqs), count)


def wrong_share_max(wrong: int, looked: int, looks: int = 1) -> float:
    """Share of wrong tasks that is exceeded with a probability of at most 1 - CONFIDENCE.

    The one-sided limit of Clopper and Pearson (1934), which is never too low: of a share beyond it,
    so few wrong ones in a sample have a smaller probability. It is 1 without a task looked at.

    Where the tasks were drawn in several samples, one after another, `looks` is their number. Each
    further one has half the probability of error of the one before it, so that all of them beyond
    the first have that of one sample together, whenever somebody stops.
    """
    if wrong >= looked:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(wrong, looked, middle) > (1 - CONFIDENCE) / 2 ** (looks - 1):
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, looked: int, share: float) -> float:
    """Probability of at most so many wrong ones among those looked at; the share is within 0 and 1.

    Its terms are added from their logarithms: powers of a small share have no float of their own.
    """
    odds, log_term = math.log(share) - math.log1p(-share), looked * math.log1p(-share)
    total = math.exp(log_term)
    for number in range(wrong):
        log_term += math.log((looked - number) / (number + 1)) + odds
        total += math.exp(log_term)
    return total


async def judge_in_samples(
    tx: Transaction, task: StoredTask, user_id: str, *, is_right: bool, revision: str
) -> None:
    """Write a reviewer's decision on a task to the samples of hers that it is part of.

    `revision` is the one that she decided on: a sample is of the answers that it was drawn with.
    """
    outcome = RIGHT if is_right else WRONG
    await acceptances.judge_in_samples(
        tx, task.project_key, task.seq, user_id, outcome, revision=revision
    )


async def correct_in_samples(tx: Transaction, task: StoredTask, user_id: str) -> None:
    """Note that a reviewer fixed a task after all that she had accepted as it was."""
    await acceptances.correct_in_samples(
        tx, task.project_key, task.seq, user_id, was=RIGHT, outcome=WRONG
    )
