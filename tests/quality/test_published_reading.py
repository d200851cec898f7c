"""Published sets, imported and read as votes, come to the agreement that others find."""

from __future__ import annotations

import json

import krippendorff
import numpy as np
import pytest

from plaudit.core.quality import vote_reading
from tests.formats.exporting.making import import_files
from tests.support.exports.projects import project_named
from tests.support.harness import SHARED_DATA, one_engine

XSTEST = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")


def published(name):
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return path


def expected(name):
    entries = json.loads(published("../quality-goldens.json").read_text())["entries"]
    return next(entry["expected"] for entry in entries if entry["id"] == name)


def question(world, key):
    project = project_named(world, "Set")
    votes = world.run(vote_reading.read_votes(world.db, project))
    [found] = [one for one in votes.questions() if one.field.key == key]
    return found


def table_of(votes, values):
    """Values by person and unit, NaN for none."""
    table = np.full((votes.person_count, votes.unit_count), np.nan)
    table[votes.people, votes.units] = values
    return table


@one_engine
def test_pandalm_reads_as_three_votes_on_each_comparison_by_source(world):
    import_files(world, [published("pandalm-testset/testset-v1.json")], "pandalm")

    verdict = question(world, "selected_model_id")
    votes = verdict.votes()
    words = np.array(verdict.meanings, dtype=object)[votes.values]
    turns = [verdict.responses[turn] for turn in verdict.turns]
    sides = [
        2 if word == "tie" else turns[unit].index(word)
        for unit, word in zip(votes.units, words, strict=True)
    ]

    assert (votes.unit_count, len(votes.values), votes.person_count) == (999, 2997, 3)
    alpha = krippendorff.alpha(table_of(votes, sides), level_of_measurement="nominal")
    assert alpha == pytest.approx(expected("pandalm-alpha-nominal"), abs=1e-9)


@one_engine
def test_xstest_reads_as_the_votes_of_two_people(world):
    paths = [published(f"xstest-completions/xstest_v2_completions_{one}.csv") for one in XSTEST]
    import_files(world, paths, "xstest")

    votes = question(world, "refusal").votes()

    alpha = krippendorff.alpha(table_of(votes, votes.values), level_of_measurement="nominal")
    assert alpha == pytest.approx(expected("xstest-alpha-nominal"), abs=1e-9)


@one_engine
def test_topical_chat_reads_with_the_categories_that_its_form_declares(world):
    import_files(world, [published("topical-chat-valid-freq/valid_freq.json.gz")], "topical-chat")

    rating = question(world, "conversation_rating")
    votes = rating.votes()

    assert rating.categories == [1, 2, 3, 4, 5]
    assert votes.category_count == 5
    for level, alpha in zip(
        ("nominal", "ordinal", "interval"), expected("topical-alpha"), strict=False
    ):
        found = krippendorff.alpha(
            table_of(votes, votes.values), level_of_measurement=level, value_domain=range(5)
        )
        assert found == pytest.approx(alpha, abs=1e-9), level
