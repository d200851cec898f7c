"""Workers that are forked once tests are collected: each test is run once, and told of."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.harness import ROOT, clean_environment

MODULE = """
import os
from pathlib import Path

import pytest

NOTES = Path(__file__).parent

@pytest.fixture(scope="session", autouse=True)
def _shared(worker_id):
    yield
    (NOTES / f"ended {worker_id}").touch()

@pytest.mark.parametrize("number", range(40))
def test_is_run(number, tmp_path, worker_id):
    with (NOTES / f"ran {worker_id}").open("a") as file:
        file.write(f"{number} {tmp_path}\\n")

def test_fails():
    print("printed before")
    assert (NOTES / "absent").exists()

def test_ends_its_process(worker_id):
    (NOTES / "crashed").write_text(worker_id)
    os._exit(7)

@pytest.mark.skip(reason="is left out")
def test_is_skipped():
    pass
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_forked.py").write_text(MODULE)
    plugin = "tests.support.running.forked_workers"
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", plugin, "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", str(folder), str(folder), *options],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a run in three processes, and what the run said."""
    folder = tmp_path_factory.mktemp("forked")
    return folder, run(folder, "--forks", "3")


def test_each_test_is_run_once_in_a_folder_of_its_own(told):
    folder, _ = told
    lines = [line.split() for path in folder.glob("ran *") for line in path.read_text().split("\n")]
    counts = Counter(line[0] for line in lines if line)

    assert counts == dict.fromkeys(map(str, range(40)), 1)
    assert len({line[1] for line in lines if line}) == 40


def test_the_run_fails_and_tells_of_every_test(told):
    _, done = told

    assert done.returncode == 1
    assert re.search(r"2 failed, 40 passed, 1 skipped", done.stdout)
    assert "printed before" in done.stdout
    assert "is left out" in done.stdout


def test_a_process_that_ends_fails_the_test_that_it_ran_and_the_others_go_on(told):
    folder, done = told
    ended = {path.name.partition(" ")[2] for path in folder.glob("ended *")}
    ran = {path.name.partition(" ")[2] for path in folder.glob("ran *")}

    assert re.search(r"ended with 7 while it ran \S*test_ends_its_process", done.stdout)
    assert ran - ended <= {(folder / "crashed").read_text()}, "others end what tests share"


def test_a_run_that_ends_at_the_first_failure_begins_no_other_test(tmp_path):
    done = run(tmp_path, "--forks", "1", "-x", "-k", "not process")

    assert done.returncode == 1
    assert re.search(r"1 failed, 40 passed, 1 deselected", done.stdout)
    assert (tmp_path / "ended fork1").exists()
