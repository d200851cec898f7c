"""Report on simulated votes, in a process of its own.

`python -m benchmarks.quality.statistics CASE N`: N is the number of tasks, with three votes each.
Prints what it took in CPU seconds, and the peak of memory in KiB, as JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clock import cpu_between
from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel, mirrored
from plaudit.core.quality.agreement.question_report import (
    QuestionVotes,
    question_reports,
)
from plaudit.core.quality.agreement.rankings import PAIR_CATEGORIES, RankArrays, response_pairs
from plaudit.core.quality.replicates import task_hashes
from plaudit.core.quality.vote_arrays import VoteArrays

JUDGES = 3
PEOPLE = 200
_SEED = 20


def _judges(tasks: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Three different people for each task."""
    first = rng.integers(0, PEOPLE, tasks)
    second = (first + rng.integers(1, PEOPLE // 2, tasks)) % PEOPLE
    third = (first + rng.integers(PEOPLE // 2, PEOPLE, tasks)) % PEOPLE
    return np.sort(np.stack([first, second, third], axis=1), axis=1).ravel().astype(np.int32)


def _votes(tasks: int, categories: int, rng: np.random.Generator) -> VoteArrays:
    """Votes of which two in three follow the task's own category."""
    own = np.repeat(rng.integers(0, categories, tasks), JUDGES)
    follows = rng.random(tasks * JUDGES) < 2 / 3
    values = np.where(follows, own, rng.integers(0, categories, tasks * JUDGES))
    return VoteArrays(
        units=np.repeat(np.arange(tasks, dtype=np.int32), JUDGES),
        people=_judges(tasks, rng),
        values=values.astype(np.int32),
        clusters=np.arange(tasks, dtype=np.int32),
        unit_count=tasks,
        person_count=PEOPLE,
        category_count=categories,
        task_count=tasks,
    )


def _rating(tasks: int, categories: int) -> QuestionVotes:
    rng = np.random.default_rng(_SEED)
    votes = _votes(tasks, categories, rng)
    return QuestionVotes(
        key="rating",
        about="message",
        type="integer",
        level=MeasurementLevel.ordinal,
        categories=range(1, categories + 1),
        scale=CategoryScale(categories, is_ordered=True, scores=tuple(range(1, categories + 1))),
        contributor_ids=[f"person-{number}" for number in range(PEOPLE)],
        votes=votes,
        final=rng.integers(0, categories, tasks).astype(np.int32),
    )


def _ranking(tasks: int) -> QuestionVotes:
    rng = np.random.default_rng(_SEED)
    responses = 4
    rows = tasks * JUDGES * responses
    ranks = RankArrays(
        units=np.repeat(np.arange(tasks, dtype=np.int32), JUDGES * responses),
        people=np.repeat(_judges(tasks, rng), responses),
        responses=np.tile(np.arange(responses, dtype=np.int32), tasks * JUDGES),
        ranks=rng.integers(0, responses, rows).astype(np.float64),
        clusters=np.arange(tasks, dtype=np.int32),
        unit_count=tasks,
        person_count=PEOPLE,
        task_count=tasks,
    )
    pairs = response_pairs(ranks)
    return QuestionVotes(
        key="ranking",
        about="turn",
        type="ranked_groups",
        level=MeasurementLevel.nominal,
        categories=PAIR_CATEGORIES,
        scale=CategoryScale(len(PAIR_CATEGORIES), is_ordered=True, orbits=mirrored(3)),
        orientation="free",
        contributor_ids=[f"person-{number}" for number in range(PEOPLE)],
        votes=pairs.votes,
        rankings=pairs,
    )


CASES: dict[str, Callable[[int], list[QuestionVotes]]] = {
    "one scale of 5": lambda tasks: [_rating(tasks, 5)],
    "one scale of 101": lambda tasks: [_rating(tasks, 101)],
    "five scales of 7": lambda tasks: [_rating(tasks, 7) for _ in range(5)],
    "a ranking of 4": lambda tasks: [_ranking(tasks)],
}


def _peak_kib() -> int:
    """Peak of this program; what `getrusage` says counts the one that started it, too."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split()[0])


def main(case: str, tasks: int) -> None:
    questions = CASES[case](tasks)
    before_kib, began = _peak_kib(), time.process_time()
    hashes = task_hashes(f"task-{number}" for number in range(tasks))
    question_reports(questions, hashes)
    seconds = cpu_between(began, time.process_time())
    print(json.dumps({"seconds": seconds, "before_kib": before_kib, "peak_kib": _peak_kib()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
