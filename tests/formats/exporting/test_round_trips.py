"""Formats that are read and written: a file that was exported comes back from an empty store."""

from __future__ import annotations

import pytest

from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.rows import RowOptions
from tests.formats.reading import published_path
from tests.support.exports.judged_tasks import judged_tasks
from tests.support.exports.projects import import_files
from tests.support.exports.round_trips import READ_AS, come_back
from tests.support.harness import one_engine


@pytest.mark.parametrize("name", READ_AS)
@one_engine
def test_a_file_comes_back_byte_for_byte(world, tmp_path, name):
    assert world.load(judged_tasks())[1] == []

    come_back(world, name, tmp_path, project="project_123")


@pytest.mark.parametrize("name", ["hh", "helpsteer", "label-studio", "trl-kto"])
@one_engine
def test_pairs_of_a_published_set_come_back_byte_for_byte(world, tmp_path, name):
    import_files(world, "pandalm", published_path("pandalm-testset/testset-v1.json"))

    come_back(world, name, tmp_path)


@pytest.mark.parametrize("name", ["trl-preference", "trl-messages", "arena", "argilla"])
@one_engine
def test_rankings_of_a_published_set_come_back_byte_for_byte(world, tmp_path, name):
    import_files(world, "oasst", published_path("oasst-en100/en_100_tree.jsonl"))

    come_back(world, name, tmp_path, rows=RowOptions(pairs=PairPolicy.all))
