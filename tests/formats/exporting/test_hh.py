"""Transcripts of HH: bytes of imported rows, and what a transcript cannot say."""

from __future__ import annotations

import json

from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.exports.projects import export_judged, import_values
from tests.support.exports.round_trips import come_back
from tests.support.harness import one_engine

pytestmark = one_engine


def said(text, answer="It is.", **fields):
    messages = [
        make_message("user", text),
        make_message("good", answer),
        make_message("bad", "It is not."),
    ]
    chosen = make_annotation("selected_model_id", "good", type="category")
    turn = make_turn(messages=messages, annotations=[chosen])
    return make_task(**fields, threads=[make_thread(turns=[turn])])


def test_a_text_that_reads_as_two_messages_is_left_out_of_hh_by_rule(world, tmp_path):
    tasks = [said("Quote\n\nHuman: hi", task_id="a"), said("Is it?", task_id="b")]
    tasks += [said("Is it?", "It\n\nAssistant: is", task_id="c")]
    world.load(tasks)

    done = export_judged(world, tmp_path, "hh")

    assert done.rows == [
        {
            "chosen": "\n\nHuman: Is it?\n\nAssistant: It is.",
            "rejected": "\n\nHuman: Is it?\n\nAssistant: It is not.",
        }
    ]
    [(reason, count)] = done.result.skipped.items()
    assert (reason.partition(":")[0], count) == ("cannot_be_written", 2)


def test_a_system_message_is_left_out_of_hh_by_rule(world, tmp_path):
    task = said("Is it?")
    messages = task["threads"][0]["turns"][0]["messages"]
    messages.insert(0, make_message("system", "Be kind.", role="system"))
    world.load([task])

    assert list(export_judged(world, tmp_path, "hh").result.skipped) == [
        "cannot_be_written: a transcript has messages of user and assistant alone"
    ]


def pair(chosen, rejected):
    """Transcripts of lines such as `Human: a`."""
    return {
        "chosen": "".join(f"\n\n{line}" for line in chosen),
        "rejected": "".join(f"\n\n{line}" for line in rejected),
    }


HH = [
    pair(["Human: a", "Assistant: b"], ["Human: a", "Assistant: c"]),
    pair(["Human:a", "Assistant:z"], ["Human: a", "Assistant:  c \n"]),
    pair(["Human: a", "Human: b", "Assistant: c"], ["Human: a", "Human: b", "Assistant: d"]),
    pair(
        ["Human: a", "Assistant: b", "Human: c", "Assistant: d"],
        ["Human: a", "Assistant: x", "Human:y", "Assistant: d"],
    ),
    pair(["Human: a", "Assistant: b"], ["Human: a", "Assistant: c"]),
]
"""Rows as they are published: without a blank after the mark, out of turn, and apart."""


def test_hh_rows_come_back_as_they_were(world, tmp_path):
    import_values(world, "hh", tmp_path, *HH)

    content = come_back(world, "hh", tmp_path)

    assert [json.loads(line) for line in content.splitlines()] == HH
