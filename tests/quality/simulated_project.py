"""Simulated projects: honest people and one who is not, with all that the flags look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.people.flags import FlagKind, FlagTest
from plaudit.core.quality.people.project_flags import (
    AnsweredQuestion,
    ChosenSides,
    TaskTimes,
    WrittenTexts,
    project_flags,
)
from plaudit.core.quality.vote_arrays import VoteArrays

HONEST = 20
TASKS = 600
"""The tasks of each person."""
JUDGES = 3
DRIFT_FROM = 300
LEFT_SHARE = 0.6

FIRST_WINS, TIE = 0, 2
RATINGS = ["1", "2", "3", "4", "5"]


@dataclass(frozen=True)
class SimulatedProject:
    """Votes of 20 honest people on preferences and ratings, and of a 21st person, number 20.

    All arrays have a row for each vote. Preferences are coded by source (0, 1, a tie is 2); places
    are drawn for each person and task.
    """

    units: NDArray[np.int32]
    people: NDArray[np.int32]
    preferences: NDArray[np.int32]
    is_swapped: NDArray[np.bool_]
    ratings: NDArray[np.int32]
    active_ms: NDArray[np.int64]
    lengths: NDArray[np.int64]
    text_keys: NDArray[np.int64]

    @property
    def votes(self) -> VoteArrays:
        """The preferences as votes; each task is a unit."""
        count = int(self.units[-1]) + 1
        return VoteArrays(
            units=self.units,
            people=self.people,
            values=self.preferences,
            clusters=np.arange(count, dtype=np.int32),
            unit_count=count,
            person_count=HONEST + 1,
            category_count=3,
            task_count=count,
        )

    def flags(self) -> list[FlagTest]:
        """Flags of all kinds, as a report raises them; tasks were done in their order."""
        chose = self.preferences != TIE
        is_left = (self.preferences == FIRST_WINS) != self.is_swapped
        times = self.units.astype(np.int64)
        shown = np.where(chose, np.where(is_left, 0, 1), TIE).astype(np.int32)
        preference = AnsweredQuestion(
            "preference", self.votes, times, ["left", "right", "tie"], as_shown=shown
        )
        ratings = replace(self.votes, values=self.ratings, category_count=len(RATINGS))
        return project_flags(
            [preference, AnsweredQuestion("rating", ratings, times, RATINGS)],
            task_times=TaskTimes(self.people, self.active_ms, self.lengths),
            texts=WrittenTexts(self.people, self.text_keys, times),
            sides=[
                ChosenSides(
                    people=self.people[chose],
                    is_first=is_left[chose],
                    units=self.units[chose],
                    tasks=self.units[chose],
                    is_shown=True,
                )
            ],
        )


def simulate(
    seed: int, culprit: FlagKind | None = None, people: int = HONEST + 1
) -> SimulatedProject:
    """A project whose last person works as the flag says, or like the others."""
    rng = np.random.default_rng(seed)
    tasks = people * TASKS // JUDGES
    order = np.argsort(rng.random((tasks, people)), axis=1)[:, :JUDGES]
    crew = np.sort(order, axis=1).astype(np.int32).ravel()
    units = np.repeat(np.arange(tasks, dtype=np.int32), JUDGES)
    skill = rng.uniform(0.75, 0.95, people)
    truth = rng.choice(3, tasks, p=(0.42, 0.42, 0.16))[units]
    is_right = rng.random(len(units)) < skill[crew]
    preferences = np.where(is_right, truth, (truth + rng.integers(1, 3, len(units))) % 3)
    quality = rng.normal(3.4, 0.8, tasks)[units]
    ratings = np.clip(np.rint(quality + rng.normal(0, 0.6, len(units))), 1, 5).astype(int) - 1
    lengths = np.rint(rng.lognormal(5.5, 0.7, tasks))[units].astype(int)
    pace = rng.uniform(0.7, 1.4, people)[crew]
    active_ms = lengths * 240 * pace * rng.lognormal(0, 0.45, len(units))
    is_swapped = rng.random(len(units)) < 0.5
    text_keys = rng.integers(-(2**62), 2**62, len(units))
    own = np.flatnonzero(crew == people - 1)
    match culprit:
        case FlagKind.one_sided:
            is_left = rng.random(len(own)) < LEFT_SHARE
            chose = rng.random(len(own)) < 0.84
            preferences[own] = np.where(chose, is_left == is_swapped[own], TIE)
        case FlagKind.straight_liner:
            ratings[own[len(own) // 2 : len(own) // 2 + 40]] = 3
        case FlagKind.speeder:
            active_ms[own] *= np.where(rng.random(len(own)) < 0.4, 0.15, 1.0)
        case FlagKind.drift:
            late = own[DRIFT_FROM:]
            preferences[late] = rng.choice(3, len(late), p=(0.42, 0.42, 0.16))
            ratings[late] = rng.permutation(ratings)[: len(late)]
        case FlagKind.copier:
            text_keys[own[rng.random(len(own)) < 0.3]] = text_keys[own[0]]
    return SimulatedProject(
        units=units,
        people=crew,
        preferences=preferences.astype(np.int32),
        is_swapped=is_swapped,
        ratings=ratings.astype(np.int32),
        active_ms=active_ms.astype(np.int64),
        lengths=lengths,
        text_keys=text_keys,
    )
