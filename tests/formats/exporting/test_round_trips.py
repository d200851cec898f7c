"""Formats that are read and written: a file that was exported comes back from an empty store."""

from __future__ import annotations

import pytest

from plaudit.formats.common.file_import import InputFile
from plaudit.formats.detection import detect
from plaudit.formats.exporting.pair_policies import PairPolicy
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.formats.exporting.rows import RowOptions
from tests.formats.reading import published_path
from tests.support.exports.judged_tasks import judged_tasks, steps_task
from tests.support.exports.projects import export_project, import_files
from tests.support.exports.round_trips import NOT_READ_BACK, READ_AS, come_back
from tests.support.harness import above_the_store, one_engine


def judged_and_steps():
    """Tasks that give each format some rows."""
    return [*judged_tasks(), *(steps_task(number) for number in range(3))]


@pytest.mark.parametrize("name", READ_AS)
@one_engine
def test_a_file_comes_back_byte_for_byte(world, tmp_path, name):
    tasks = [steps_task(number) for number in range(3)] if name == "trl-stepwise" else None
    assert world.load(tasks or judged_tasks())[1] == []

    come_back(world, name, tmp_path, project="project_123")


@one_engine
def test_each_format_that_is_read_and_written_is_asked_to_come_back(world, tmp_path):
    """A format that is new on either side fails here, until READ_AS or NOT_READ_BACK has it."""
    assert world.load(judged_and_steps())[1] == []
    detected = {}
    for name, one in EXPORT_FORMATS.items():
        container = next(
            kind for kind in ("jsonl", "json", "csv", "xlsx") if kind in one.containers
        )
        out = tmp_path / f"{name}.{container}"
        made = export_project(world, out, name, project="project_123")
        assert made.result.rows > 0, name
        found = detect([InputFile(out, out.name, out.stat().st_size)]).format
        detected[name] = None if found is None else found.name

    assert {*READ_AS, *NOT_READ_BACK} == set(EXPORT_FORMATS)
    assert not READ_AS.keys() & NOT_READ_BACK
    assert detected.pop("trl-prompt") == "trl"
    assert {name: found for name, found in detected.items() if found is not None} == READ_AS


@pytest.fixture(scope="module")
def pandalm(open_shared):
    """A store with a published set of pairs."""
    world = open_shared()
    import_files(world, "pandalm", published_path("pandalm-testset/testset-v1.json"))
    return world


@pytest.fixture(scope="module")
def oasst(open_shared):
    """A store with a published set of rankings."""
    world = open_shared()
    import_files(world, "oasst", published_path("oasst-en100/en_100_tree.jsonl"))
    return world


@pytest.mark.parametrize("name", ["hh", "helpsteer", "label-studio", "trl-kto"])
@above_the_store
def test_pairs_of_a_published_set_come_back_byte_for_byte(pandalm, tmp_path, name):
    come_back(pandalm, name, tmp_path, times=1)


@pytest.mark.parametrize("name", ["trl-preference", "trl-messages", "arena", "argilla"])
@above_the_store
def test_rankings_of_a_published_set_come_back_byte_for_byte(oasst, tmp_path, name):
    come_back(oasst, name, tmp_path, times=1, rows=RowOptions(pairs=PairPolicy.all))
