"""plaudit export: options, the report, exit codes, and places that files are written to."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_cli import at, run
from tests.support.builders import make_task
from tests.support.exports.judged_tasks import judged_tasks
from tests.support.harness import World, one_engine
from tests.support.running.every_case import every_case

__all__ = ["at", "run"]  # fixtures

pytestmark = one_engine


@pytest.fixture
def export(run, at, settings):
    """Run the command on a project with one task of each verdict."""
    world = World(settings)
    world.load([*judged_tasks(), make_task("open", "pending", batch="b1")])
    world.close()

    def export(*arguments, out="out.jsonl", name="trl-preference"):
        named = ("--project", "project_123", "--format", name)
        return run("export", *named, "--out", out, *arguments, *at)

    return export


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def manifest_of(path):
    return json.loads(path.with_name(f"{path.name}.manifest.json").read_text())


def test_the_report_says_what_was_written_and_what_was_left_out(export, tmp_path):
    done = export()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1 × skipped: all_bad",
        "1 × skipped: judges_disagree",
        "1 × skipped: not_completed",
        "8 × skipped: single_response",
        "1 × skipped: tie",
        "2 × exported with a remark: rating_conflict",
        "3 × exported with a remark: unacceptable",
        "Wrote 5 rows of 9 tasks to out.jsonl.",
    ]
    assert len(lines(tmp_path / "out.jsonl")) == 5


def test_an_export_without_a_row_ends_with_one_and_says_why(export, tmp_path):
    done = export("--status", "pending")

    assert done.returncode == 1
    assert "out.jsonl has no row" in done.stderr
    assert "1 × not_completed" in done.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    assert manifest_of(tmp_path / "out.jsonl")["rows"] == 0


def test_a_batch_is_named_and_stands_in_the_manifest(export, tmp_path):
    done = export("--batch", "b1", name="tasks")

    assert done.returncode == 0, done
    assert [row["task_id"] for row in lines(tmp_path / "out.jsonl")] == ["open"]
    assert manifest_of(tmp_path / "out.jsonl")["filters"] == {"batch": "b1"}


@every_case(
    "arguments, words",
    [
        (["--split", "train=0.5"], "the shares add up to 0.5"),
        (["--completed-after", "yesterday"], "--completed-after takes an ISO 8601 date"),
        (["--from-delivery", "x", "--batch", "b1"], "leave the filters out"),
        (["--from-delivery", "x", "--metadata", "a=b"], "leave the filters out"),
        (["--metadata", "alone"], "--metadata: a condition on metadata is KEY=VALUE"),
        (["--metadata", "a=b"] * 21, "--metadata: there are at most 20 conditions"),
        (["--out", "nowhere/out.jsonl"], "its folder does not exist"),
        (["--out", "ftp://host/out.jsonl"], "is no URL of a file that begins with s3://"),
        (["--out", "s3://"], "is no URL of a file"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(export, tmp_path, arguments, words):
    done = export(*arguments) if "--out" not in arguments else export(out=arguments[1])

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from-delivery", "January"], "no delivery 'January'"),
        (["--batch", "other"], "no batch 'other'"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(export, tmp_path, arguments, words):
    done = export(*arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert list(tmp_path.glob("out*")) == []


def test_parts_are_files_of_their_own_with_one_manifest(export, tmp_path):
    done = export("--split", "train=0.5,test=0.5")

    parts = [lines(tmp_path / f"out.{name}.jsonl") for name in ("train", "test")]
    assert done.stdout.splitlines()[-1].endswith("to out.train.jsonl, out.test.jsonl.")
    assert sum(map(len, parts)) == 5
    assert not (tmp_path / "out.jsonl").exists()
    files = manifest_of(tmp_path / "out.jsonl")["files"]
    assert [one["rows"] for one in files] == list(map(len, parts))


def test_a_file_beside_is_named_in_the_report(export, tmp_path):
    done = export(out="out.json", name="label-studio")

    assert done.stdout.splitlines()[-1].endswith("to out.json, out.json.config.xml.")
    assert (tmp_path / "out.json.config.xml").read_text().startswith("<View>")


def test_an_object_store_gets_every_file(export, tmp_path):
    (tmp_path / "store").mkdir()
    url = f"file://{tmp_path}/store"

    done = export(out=f"{url}/out.json", name="label-studio")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith(f"to {url}/out.json, {url}/out.json.config.xml.")
    here = export(out="out.json", name="label-studio")
    assert here.returncode == 0
    stored = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    assert stored == {path.name: path.read_bytes() for path in tmp_path.glob("out.json*")}


def test_a_store_that_is_not_there_is_refused_before_any_work(export, tmp_path):
    done = export(out=f"file://{tmp_path}/nowhere/out.jsonl")

    assert done.returncode == 1
    assert f"nothing can be written to file://{tmp_path}/nowhere" in done.stderr


def test_each_vote_can_be_a_row(export, tmp_path):
    export("--judges", "each")

    people = [one["contributor_ids"] for one in manifest_of(tmp_path / "out.jsonl")["origins"]]
    assert len(people) == len(lines(tmp_path / "out.jsonl")) > 5
    assert {len(one) for one in people} == {1}


def test_optional_columns_are_written_where_they_are_asked_for(export, tmp_path):
    """Battles name a judge where each of them is one; the pairs of these tasks have a strength."""
    found = {}
    for name, column in (("arena", "judge"), ("trl-preference", "margin")):
        for word in ("if-complete", "always", "never"):
            export("--optional-columns", word, name=name, out=f"{word}.jsonl")
            rows = lines(tmp_path / f"{word}.jsonl")
            found[name, word] = {type(row.get(column, "absent")) for row in rows}

    none, absent, number = type(None), str, float
    assert [found["arena", word] for word in ("if-complete", "always")] == [{absent}, {none}]
    assert [found["trl-preference", word] for word in ("if-complete", "always")] == [{number}] * 2
    assert found["arena", "never"] == found["trl-preference", "never"] == {absent}
