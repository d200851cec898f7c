"""Sets of trainers in the store: what comes in is served, and a second import changes nothing."""

from __future__ import annotations

import json
from typing import Any

from tests.support.harness import one_engine, run_cli, store_arguments, walk

PAIR = {
    "conversations": [{"from": "human", "value": "Is 51 prime?"}],
    "chosen": {"from": "gpt", "value": "No, 51 = 3 × 17."},
    "rejected": {"from": "gpt", "value": "Yes."},
}
CALLED = {
    "messages": [
        {"role": "user", "content": "How high is the tower?"},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "height"}]},
        {"role": "tool", "content": "120"},
        {"role": "assistant", "content": "120 m.", "reasoning_content": "The tool says so."},
    ],
    "label": True,
}


@one_engine
def test_equal_rows_are_two_tasks_however_often_they_are_imported(world, client, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, [PAIR, PAIR, {**PAIR, "id": "p1"}])))
    command = ("import", str(path), "--project", "Pairs", *store_arguments(world.settings))

    first, second = run_cli(*command), run_cli(*command)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "tasks: 3 added" in first.stdout
    assert "tasks: 3 unchanged" in second.stdout
    tasks = walk(client, project_name="Pairs")
    assert len({task["task_id"] for task in tasks}) == 3
    for task in tasks:
        (turn,) = task["threads"][0]["turns"]
        texts = {one["source_id"]: one["content"]["text"] for one in turn["messages"]}
        (verdict,) = turn["annotations"]
        assert texts[verdict["value"]] == "No, 51 = 3 × 17."


@one_engine
def test_calls_of_tools_are_served_as_pieces_of_their_message(world, client, tmp_path):
    path = tmp_path / "called.jsonl"
    path.write_text(json.dumps(CALLED))

    done = run_cli(
        "import", str(path), "--format", "messages", "--project", "Called",
        *store_arguments(world.settings),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    (task,) = walk(client, project_name="Called")
    said: list[dict[str, Any]] = [
        one for turn in task["threads"][0]["turns"] for one in turn["messages"]
    ]
    assert [one["role"] for one in said] == ["user", "assistant", "function", "assistant"]
    assert said[1]["content"]["chunks"][0]["text"] == '{"name":"height"}'
    assert said[3]["content"]["reasoning"] == [{"content": "The tool says so."}]
    assert said[3]["annotations"][0]["value"] is True
    assert task["metadata"] == {"import_flags": ["non_text"]}
