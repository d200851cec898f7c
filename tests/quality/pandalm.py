"""The published test set of PandaLM as columns: three people each on 999 comparisons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.comparisons.bradley_terry import Duels
from plaudit.core.quality.vote_arrays import VoteArrays
from tests.quality.published_votes import published

TIE, FIRST, SECOND = 0, 1, 2


def golden(name: str) -> Any:
    """A published figure: `expected` and its `tolerance`."""
    entries = json.loads(published("../quality-goldens.json").read_text("utf-8"))["entries"]
    return next(entry for entry in entries if entry["id"] == name)


@dataclass(frozen=True)
class PandaLM:
    """Votes [comparisons, people] as TIE, FIRST or SECOND; the models and texts of the sides."""

    votes: NDArray[np.int32]
    models: list[str]
    sides: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @property
    def arrays(self) -> VoteArrays:
        """The votes; each comparison is a task."""
        count, people = self.votes.shape
        return VoteArrays(
            units=np.repeat(np.arange(count, dtype=np.int32), people),
            people=np.tile(np.arange(people, dtype=np.int32), count),
            values=self.votes.ravel(),
            clusters=np.arange(count, dtype=np.int32),
            unit_count=count,
            person_count=people,
            category_count=3,
            task_count=count,
        )

    @property
    def duels(self) -> Duels:
        """All votes as duels, with the relative difference in length as the one style."""
        arrays = self.arrays
        sides, lengths = self.sides[arrays.units], self.lengths[arrays.units]
        style = (lengths[:, 0] - lengths[:, 1]) / np.maximum(1, lengths.sum(axis=1))
        return Duels(
            first=sides[:, 0],
            second=sides[:, 1],
            score=np.array((0.5, 1.0, 0.0))[arrays.values],
            tasks=arrays.units,
            styles=style[:, None],
            model_count=len(self.models),
        )


@cache
def pandalm() -> PandaLM:
    """The set."""
    rows = json.loads(published("pandalm-testset/testset-v1.json").read_text("utf-8"))
    pairs = [row["cmp_key"].split("_") for row in rows]
    models = sorted({model for pair in pairs for model in pair})
    texts = [[row["response1"], row["response2"]] for row in rows]
    return PandaLM(
        votes=np.array([[row[f"annotator{n}"] for n in (1, 2, 3)] for row in rows], np.int32),
        models=models,
        sides=np.array([[models.index(model) for model in pair] for pair in pairs], np.int32),
        lengths=np.array([[len(str(text)) for text in pair] for pair in texts], np.int64),
    )
