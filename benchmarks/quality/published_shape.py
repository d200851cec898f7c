"""File of judged comparisons, in a published set's shape, for the whole path of a report."""

import json
import random
from itertools import permutations
from pathlib import Path

JUDGES = 3
MODELS = ("heron", "tern", "gull", "wren", "swift", "crane")
_TEXT = "some words of an answer with a list and what follows from them at length"
_SEED = 20


def write_comparisons(path: Path, tasks: int, *, seed: int = _SEED) -> None:
    """Write comparisons of two responses of some 300 characters, with three people's verdicts.

    Two verdicts in three follow the strength of the models, which differ. Fewer tasks of another
    seed are others by the same numbers.
    """
    rng = random.Random(seed)
    pairs = list(permutations(range(len(MODELS)), 2))
    with path.open("w", encoding="utf-8") as file:
        for number in range(tasks):
            first, second = rng.choice(pairs)
            better = 1 if rng.random() < 0.5 + 0.05 * (second - first) else 2
            verdicts = {
                f"annotator{judge}": better if rng.random() < 2 / 3 else rng.randrange(3)
                for judge in range(1, JUDGES + 1)
            }
            row = {
                "idx": number,
                "cmp_key": f"{MODELS[first]}_{MODELS[second]}",
                "instruction": f"Question {number}",
                "input": "",
                "response1": _text(rng),
                "response2": _text(rng),
            }
            file.write(json.dumps(row | verdicts) + "\n")


def _text(rng: random.Random) -> str:
    start = rng.choice(("", "", "- ", "**Yes.** "))
    return start + " ".join(rng.choices(_TEXT.split(), k=rng.randrange(20, 90)))
