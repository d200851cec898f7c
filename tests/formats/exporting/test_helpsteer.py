"""HelpSteer: preferences from -3 to 3, negative where the first response is better."""

from __future__ import annotations

from plaudit.formats.exporting.rows import RowOptions, TiePolicy
from tests.support.exports.judged_tasks import judged_task
from tests.support.exports.projects import export_judged
from tests.support.harness import one_engine

pytestmark = one_engine


TIES = RowOptions(ties=TiePolicy.both_desirable)


def preferences(world, tmp_path, **options):
    rows = export_judged(world, tmp_path, "helpsteer", **options).rows
    return [row["overall_preference"] for row in rows]


def test_helpsteer_shifts_the_scale_so_that_the_first_response_is_negative(world, tmp_path):
    world.load([judged_task(0, "alpha"), judged_task(1, "beta"), judged_task(2, "alpha")])

    assert preferences(world, tmp_path) == [-1, 2, -3]


def test_helpsteer_has_its_columns_in_order(world, tmp_path):
    world.load([judged_task(0, "alpha", metadata={"domain": "code", "language": "python"})])

    [row] = export_judged(world, tmp_path, "helpsteer").rows

    assert list(row) == [
        *("domain", "language", "context", "response1", "response2", "overall_preference"),
    ]
    assert (row["domain"], row["response1"]) == ("code", "alpha says 0.\u2028 ")
    assert [one["role"] for one in row["context"]] == ["user", "assistant", "user"]


def without_scale(task):
    annotations = task["threads"][0]["turns"][-1]["annotations"]
    annotations[:] = [one for one in annotations if one["key"] != "likert_value"]
    return task


def test_a_preference_without_a_strength_is_two_in_helpsteer(world, tmp_path):
    world.load([without_scale(judged_task(0, "alpha")), without_scale(judged_task(1, "beta"))])

    assert preferences(world, tmp_path) == [-2, 2]


def test_ties_are_left_out_of_helpsteer_unless_they_are_asked_for(world, tmp_path):
    world.load([judged_task(0, "tie"), judged_task(1, "all_bad"), judged_task(2, "beta")])

    done = export_judged(world, tmp_path, "helpsteer")

    assert (done.result.skipped["tie"], done.result.skipped["all_bad"]) == (1, 1)
    assert preferences(world, tmp_path, rows=TIES) == [0, 3]
