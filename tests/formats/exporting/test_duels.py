"""Turns with more than two responses in formats that compare two."""

from __future__ import annotations

import pytest

from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.rows import RowOptions
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.exports.projects import export_judged
from tests.support.harness import one_engine

pytestmark = one_engine


@pytest.mark.parametrize("name", ["helpsteer", "hh", "arena", "argilla", "label-studio"])
def test_a_ranking_gives_a_row_for_each_pair_of_the_policy(world, tmp_path, name):
    names = ("one", "two", "three")
    messages = [make_message("user", "?"), *(make_message(name, name) for name in names)]
    ranking = make_annotation("ranking", ["two", "one", "three"], type="ranked_choices")
    turn = make_turn(messages=messages, annotations=[ranking])
    world.load([make_task(threads=[make_thread(turns=[turn])])])

    done = [
        export_judged(world, tmp_path, name, rows=RowOptions(pairs=policy)).result.rows
        for policy in (PairPolicy.best_vs_rest, PairPolicy.all, PairPolicy.best_vs_worst)
    ]

    assert done == [2, 3, 1]
