"""Files that are written and read again: an export of what was exported has the same bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.formats.exporting.making import (
    TWO,
    answers,
    asked,
    chose,
    export_file,
    import_files,
    judged_turn,
    rated,
    said,
    scaled,
    stored,
)
from tests.support.exports.judged_tasks import steps_task
from tests.support.exports.round_trips import READ_AS
from tests.support.harness import one_engine

READERS = {
    name: reader
    for name, reader in READ_AS.items()
    if reader in ("trl", "messages", "openai", "sharegpt")
}

CONVERSATIONS = ("trl-messages", "openai-sft", "llama-factory-sft")


def tasks(name: str) -> list[Any]:
    """Tasks with a system message, a tie, outer white space, and other scripts.

    The second has an earlier turn: judged later on for pairs and labels, a talk that nobody judged
    for conversations. A data set of completions does not say what of its prompts was a completion.
    """
    if name == "trl-stepwise":
        return [steps_task(number, project="Set") for number in range(3)]
    good, bad = rated("a", "Ναί.", acceptable=True), rated("b", " No\u2028\n", acceptable=False)
    question = [said("system", "Be brief."), said("user", "Is it? ")]
    briefed = judged_turn([*question, good, bad], chose("a"), scaled(1))
    talk = [asked(answers(c="C 🙂"), number=1)]
    if name in CONVERSATIONS:
        talk.append(asked(answers(d="D"), number=2))
    elif name != "trl-prompt-completion":
        talk.append(asked(TWO, chose("b"), scaled(6), number=2))
    return [
        stored(briefed),
        stored(*talk, number=1),
        stored(asked(TWO, scaled(4), number=3), number=2),
        stored(asked(answers(a="Alone."), number=4), number=3),
    ]


def without_ids(path: Path) -> bytes:
    """Content of a file without the ids of tasks, which an import makes anew."""
    return re.sub(rb',"task_id":"[^"]*"', b"", path.read_bytes())


@one_engine
@pytest.mark.parametrize("name", READERS)
def test_what_is_read_again_is_written_the_same(world, tmp_path, name):
    world.load(tasks(name), "v2", project="Set")
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    written = export_file(world, name, first)
    assert written.rows > 0

    import_files(world, [first], READERS[name], org="other")
    result = export_file(world, name, again, org="other")

    assert result.rows == written.rows
    assert without_ids(again) == without_ids(first)
    if not name.startswith("trl-"):
        assert again.read_bytes() == first.read_bytes()
