"""Argilla records: answers of each person, and the settings that declare them."""

from __future__ import annotations

import json

from tests.support.exports.judged_tasks import judged_task, judged_tasks
from tests.support.exports.projects import export_judged
from tests.support.harness import one_engine

pytestmark = one_engine


def test_argilla_has_an_answer_of_each_person_also_where_they_disagree(world, tmp_path):
    world.load([judged_task(0, "alpha", "beta"), judged_task(1, "tie", "tie", "all_bad")])

    rows = export_judged(world, tmp_path, "argilla").rows

    assert [
        [(one["user_id"], one["value"], one["status"]) for one in row["responses"]["preference"]]
        for row in rows
    ] == [
        [("anna", "response_1", "submitted"), ("ben", "response_2", "submitted")],
        [("anna", "tie", "submitted"), ("ben", "tie", "submitted"),
         ("cleo", "both_bad", "submitted")],
    ]  # fmt: skip
    assert rows[0]["metadata"] == {"model_1": "alpha-7b", "model_2": "beta-7b"}


def test_the_settings_beside_argilla_records_declare_every_question(world, tmp_path):
    world.load(judged_tasks())
    done = export_judged(world, tmp_path, "argilla")
    settings = json.loads((tmp_path / "out.json.settings.json").read_text())

    declared = {question["name"]: question["settings"] for question in settings["questions"]}

    assert {name for row in done.rows for name in row["responses"]} <= set(declared)
    for row in done.rows:
        for name, answers in row["responses"].items():
            options = [one["value"] for one in declared[name].get("options", ())]
            assert all(one["value"] in options or not options for one in answers)
