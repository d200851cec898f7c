"""Rows of other shapes, which no format of trainers may take for its own."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.formats.registry import FORMATS
from tests.support.foreign_rows import rows_of
from tests.support.running.every_case import every_case

OURS = ("trl", "openai", "sharegpt", "messages", "ultrafeedback", "helpsteer")
USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello."}
OTHERS: tuple[dict[str, Any], ...] = (
    {"text": "Hi"},
    {"text": "Hi", "label": 1},
    {"question": "Q", "answer": "A"},
    {"question": "Q", "chosen": "A", "rejected": "B", "winner": "A"},
    {"system": "S", "question": "Q", "answer": "A"},
    {"prompt": "P", "response": "R"},
    {"prompt": "P", "response_a": "A", "response_b": "B", "winner": "model_a"},
    {"prompt": "P", "response_1": "A", "response_2": "B", "label": 1},
    {"prompt": "P", "completion": "C", "score": 3},
    {"prompt": "P", "completion": "C", "label": "good"},
    {"prompt": "P", "completions": ["a", "b"], "ranks": [1, 2]},
    {"prompt": "P", "completions": ["a", "b"], "labels": ["x", "y"]},
    {"prompt": "P", "type": "safe", "final_label": "1_full_compliance", "completion": "C"},
    {"prompt": "P", "chosen": "A", "rejected": "B", "annotator_vote": "A"},
    {"prompt": {"text": "P"}, "chosen": "A", "rejected": "B"},
    {"prompt": "P", "chosen": 1, "rejected": 0},
    {"chosen": "\n\nHuman: Hi\n\nAssistant: A", "rejected": "\n\nHuman: Hi\n\nAssistant: B"},
    {"instruction": "I", "input": "", "response1": "A", "response2": "B", "annotator1": 1},
    {"instruction": "I", "output": "O", "generator": "mala"},
    {"instruction": "I", "output_1": "A", "output_2": "B", "preference": 1},
    {"instruction": "I", "context": "C", "response": "R", "category": "open_qa"},
    {"instruction": "I", "reference_answer": "R", "score_rubric": {}},
    {"conversation_a": [USER, ANSWER], "conversation_b": [USER, ANSWER], "winner": "tie"},
    {"conversation": [USER, ANSWER]},
    {"conversations": [["Hi", "Hello."]]},
    {"conversations": [{"speaker": "a", "text": "Hi"}]},
    {"messages": ["Hi", "Hello."]},
    {"messages": [{"role": "agent_1", "content": "Hi"}]},
    {"messages": [USER, ANSWER], "rating": 4},
    {"messages": [USER, ANSWER], "human_score": 4},
    {"messages": [USER, ANSWER], "judgments": []},
    {"message_tree_id": "t", "prompt": {"text": "P", "replies": []}},
    {"data": {"prompt": "P"}, "annotations": [{"result": []}]},
    {"id": "1", "fields": {"prompt": "P"}, "responses": {}, "status": "completed"},
    {"context": [USER], "completions": [{"rank": 0, "completion": [ANSWER]}]},
    {"context": "C", "response": "R", "label": "fully attributable"},
    {"comparison": {"prompt_conversation": [USER]}, "label": "A"},
    {"dialogue": [USER], "knowledge": "K"},
    {"question": "Q", "model_answers": {"a": "A"}, "ground_truth": "G"},
    {"task_id": "t", "project": "P", "status": "completed", "threads": []},
    {"input": "I", "output": "O"},
    {"input": {"messages": [USER]}, "output": "O"},
    {"prompt": "P", "response": "R", "helpfulness": 3, "harmlessness": 2},
    {},
)


@every_case("row", OTHERS)
def test_a_row_of_another_shape_is_not_taken(row):
    taken = [name for name in OURS if (detect := FORMATS[name].detect) and detect(rows_of([row]))]

    assert taken == []


@pytest.mark.parametrize("values", [[], [None], ["Hi"], [[USER]], [7, {"prompt": "P"}]])
def test_rows_that_are_no_objects_are_not_taken(values):
    taken = [name for name in OURS if (detect := FORMATS[name].detect) and detect(rows_of(values))]

    assert taken == []


def test_one_row_of_another_shape_among_many_is_enough_to_ask():
    rows = [{"prompt": "P", "chosen": "A", "rejected": "B"}] * 40

    detect = FORMATS["trl"].detect

    assert detect is not None
    assert detect(rows_of(rows))
    assert not detect(rows_of([*rows, {"prompt": "P", "response": "R"}]))
