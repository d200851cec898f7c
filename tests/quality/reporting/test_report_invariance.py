"""Order, duplicates, split files, and other names of people and models change no report."""

from __future__ import annotations

import json
import random
import shutil

import pytest

from plaudit.settings import Settings
from tests.support.harness import World, run_cli, store_arguments

MODELS = ("heron", "tern", "gull")


def comparisons(count=60):
    """Comparisons of three models by three people, of whom one follows no model."""
    rng = random.Random(5)
    rows = []
    for number in range(count):
        first, second = rng.sample(range(3), 2)
        better = 1 if first < second else 2
        rows.append(
            {
                "idx": number,
                "cmp_key": f"{MODELS[first]}_{MODELS[second]}",
                "instruction": f"Question {number}?",
                "input": "",
                "response1": "word " * rng.randrange(1, 9),
                "response2": "word " * rng.randrange(1, 9),
                "annotator1": better if rng.random() < 0.8 else rng.randrange(3),
                "annotator2": better if rng.random() < 0.7 else 0,
                "annotator3": rng.randrange(3),
            }
        )
    return rows


@pytest.fixture
def report_on(template, tmp_path):
    """Report on files of rows, imported one after the other into a store of their own."""

    def report_on(*files):
        folder = tmp_path / f"store-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(template, folder)
        settings = Settings(data=folder)
        world = World(settings)
        world.org()
        world.close()
        at = store_arguments(settings)
        for number, rows in enumerate(files):
            path = folder / f"rows-{number}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            done = run_cli("import", str(path), "--project", "P", *at)
            assert done.returncode == 0, done.stderr
        done = run_cli("report", "--project", "P", "--json", "--style", "length", *at)
        return json.loads(done.stdout)

    return report_on


def same(one, other):
    """True if two values of JSON are equal, numbers up to rounding."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return other == pytest.approx(one, abs=1e-9) if isinstance(one, float) else one == other


def test_order_duplicates_and_split_files_change_nothing(report_on):
    rows = comparisons()
    shuffled = random.Random(6).sample(rows, len(rows))

    plain = report_on(rows)
    other = report_on(shuffled[:25], shuffled[20:], rows)

    assert plain["votes"] == 180
    assert same(plain, other)


def test_other_names_of_people_and_models_change_nothing(report_on):
    rows = comparisons()
    renamed = []
    for row in rows:
        text = json.dumps(row)
        for name in MODELS:
            text = text.replace(name, f"zz{name[::-1]}")
        given = json.loads(text)
        votes = [given.pop(f"annotator{at}") for at in (1, 2, 3)]
        renamed.append(
            given | {f"annotator{at + 6}": votes[at - 1] for at in (3, 1, 2)} | {"annotator1": None}
        )

    plain, other = report_on(rows), report_on(renamed)

    one, two = plain["questions"][0], other["questions"][0]
    one["agreement"].pop("cohen"), two["agreement"].pop("cohen")
    assert same(one["agreement"], two["agreement"])
    scores = [
        [model["score"] for model in found["leaderboard"]["models"]] for found in (plain, other)
    ]
    assert scores[1] == pytest.approx(scores[0], abs=1e-9)
    assert same(plain["bias"], other["bias"])
