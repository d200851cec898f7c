"""Votes of published sets, and the figures that they must come to; tables of votes as arrays."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plaudit.core.quality.agreement.coefficients import Agreement, AgreementPlan
from plaudit.core.quality.agreement.distances import CategoryScale
from plaudit.core.quality.patterns import patterns_of
from plaudit.core.quality.replicates import REPLICATES, replicate_sums, task_hashes
from plaudit.core.quality.vote_arrays import VoteArrays
from tests.support.harness import SHARED_DATA

MISSING = -1

XSTEST = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
RATINGS = ("Poor", "Not Good", "Passable", "Good", "Excellent")


def published(name: str) -> Path:
    """A file beside the checkout; skips the test where it is absent."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return path


def expected(name: str) -> Any:
    """What a published set must come to."""
    entries = json.loads(published("../quality-goldens.json").read_text())["entries"]
    return next(entry["expected"] for entry in entries if entry["id"] == name)


@cache
def pandalm() -> NDArray[np.int32]:
    """Votes by comparison and person: 0 for the first response, 1 for a tie, 2 for the second."""
    rows = json.loads(published("pandalm-testset/testset-v1.json").read_text())
    codes = {0: 1, 1: 0, 2: 2}
    return np.array([[codes[int(row[f"annotator{at}"])] for at in (1, 2, 3)] for row in rows])


@cache
def pandalm_of(first: str, second: str) -> NDArray[np.int32]:
    """The votes on the comparisons of two models alone."""
    rows = json.loads(published("pandalm-testset/testset-v1.json").read_text())
    kept = [{first, second} == set(row["cmp_key"].split("_")) for row in rows]
    return pandalm()[np.array(kept)]


@cache
def xstest() -> NDArray[np.int32]:
    """Votes of two people and the final label: compliance, partial refusal, refusal."""
    codes = {"1_full_compliance": 0, "3_partial_refusal": 1, "2_full_refusal": 2}
    found = []
    for model in XSTEST:
        path = published(f"xstest-completions/xstest_v2_completions_{model}.csv")
        with path.open(newline="", encoding="utf-8") as file:
            found += [
                [codes[row[name]] for name in ("annotation_1", "annotation_2", "final_label")]
                for row in csv.DictReader(file)
            ]
    return np.array(found)


@cache
def topical() -> NDArray[np.int32]:
    """Ratings of each conversation by its two people, 0 … 4."""
    path = published("topical-chat-valid-freq/valid_freq.json.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        chats = json.load(file).values()
    codes = {name: at for at, name in enumerate(RATINGS)} | {"": MISSING}
    return np.array(
        [[codes[chat["conversation_rating"][f"agent_{at}"]] for at in (1, 2)] for chat in chats]
    )


def arrays_of(table: NDArray[np.integer], categories: int) -> VoteArrays:
    """A table of votes by unit and person as arrays; each unit is a task."""
    units, people = np.nonzero(table != MISSING)
    return VoteArrays(
        units=units.astype(np.int32),
        people=people.astype(np.int32),
        values=table[units, people].astype(np.int32),
        clusters=np.arange(len(table), dtype=np.int32),
        unit_count=len(table),
        person_count=table.shape[1],
        category_count=categories,
        task_count=len(table),
    )


def agreement_of(
    votes: VoteArrays | NDArray[np.integer],
    scale: CategoryScale,
    *,
    names: Sequence[str] | None = None,
    replicates: int = REPLICATES,
) -> Agreement:
    """The coefficients of votes, of tasks whose ids are their numbers."""
    if not isinstance(votes, VoteArrays):
        votes = arrays_of(votes, scale.category_count)
    names = names or [str(at) for at in range(scale.category_count)]
    plan = AgreementPlan(patterns_of(votes), scale, names)
    hashes = task_hashes(str(at) for at in range(votes.task_count))
    (sums,) = replicate_sums(hashes, [plan.summands()], replicates)
    return plan.agreement(sums)


def value_of(found: Any) -> float:
    """The value of an estimate; NaN where undefined."""
    return getattr(found, "value", float("nan"))
