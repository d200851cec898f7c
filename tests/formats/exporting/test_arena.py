"""Battles: winners, both conversations, and a row of each judge."""

from __future__ import annotations

import json

from plaudit.formats.exporting.judges import Judges, VerdictOptions
from tests.support.exports.judged_tasks import judged_task
from tests.support.exports.projects import export_judged, import_values
from tests.support.exports.round_trips import come_back
from tests.support.harness import one_engine

pytestmark = one_engine


BATTLES = [
    {"question_id": "q1", "model_a": "m1", "model_b": "m2", "winner": "tie (bothbad)",
     "conversation_a": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
     "conversation_b": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]},
    {"question_id": "q2", "model_a": "m1", "model_b": "m1", "winner": "model_b",
     "conversation_a": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                        {"role": "user", "content": "d"}, {"role": "assistant", "content": "e"}],
     "conversation_b": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"},
                        {"role": "user", "content": "d"}, {"role": "assistant", "content": "f"}]},
    {"question_id": "q3", "model_a": "m2", "model_b": "m1", "winner": "tie",
     "conversation_a": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
     "conversation_b": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]},
]  # fmt: skip


def test_battles_come_back_as_they_were_with_both_conversations(world, tmp_path):
    import_values(world, "arena", tmp_path, *BATTLES)

    content = come_back(world, "arena", tmp_path)

    assert [json.loads(line) for line in content.splitlines()] == BATTLES


def test_each_judge_of_a_battle_has_a_row(world, tmp_path):
    world.load([judged_task(0, "alpha", "beta", "alpha")])
    verdict = VerdictOptions(judges=Judges.each)

    rows = export_judged(world, tmp_path, "arena", verdict=verdict).rows

    assert [(row["question_id"], row["judge"], row["winner"]) for row in rows] == [
        *(("task_0", "anna", "model_a"), ("task_0", "ben", "model_b")),
        ("task_0", "cleo", "model_a"),
    ]
    come_back(world, "arena", tmp_path, project="project_123", verdict=verdict)
