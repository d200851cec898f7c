"""A file that is exported, imported into an empty store and exported again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.exports.projects import export_project, import_files
from tests.support.harness import World

READ_AS = {
    "v2": "v2",
    "trl-preference": "trl",
    "trl-preference-implicit": "trl",
    "trl-kto": "trl",
    "trl-prompt-completion": "trl",
    "trl-messages": "messages",
    "trl-stepwise": "trl",
    "helpsteer": "helpsteer",
    "hh": "hh",
    "arena": "arena",
    "argilla": "argilla",
    "label-studio": "label-studio",
    "openai-dpo": "openai",
    "openai-sft": "openai",
    "openrlhf": "trl",
    "llama-factory": "sharegpt",
    "llama-factory-kto": "sharegpt",
    "llama-factory-sft": "sharegpt",
    "axolotl": "messages",
    "ms-swift": "messages",
}
"""Format of an import by that of the export, for all that are read and written."""

NOT_READ_BACK = {
    "trl-prompt": "a prompt alone comes in as open work, which gives no row",
    "nemo-rl": "no import format",
    "tinker": "no import format",
    "verl": "no import format",
    **dict.fromkeys(("csv", "xlsx"), "for people; the import of tables takes a mapping"),
    **dict.fromkeys(
        ("tasks", "messages", "annotations", "comparisons", "votes"),
        "for analysis; the import of tables takes a mapping",
    ),
}
"""Formats that are written alone, and why."""


def come_back(world: World, name: str, folder: Path, *, times: int = 2, **options: Any) -> bytes:
    """Export, import into an empty store and export, `times`; return the bytes, always equal."""
    suffix = "json" if name in ("argilla", "label-studio") else "jsonl"
    project = options.pop("project", "Set")
    first = export_project(world, folder / f"0.{suffix}", name, project=project, **options)
    assert first.result.rows > 0
    last = first
    for number in range(1, times + 1):
        empty = world.tenant()
        if name == "v2":
            assert empty.load(last.path)[1] == []
        else:
            config = config_of(last.path)
            rejects = import_files(empty, READ_AS[name], last.path, project=project, config=config)
            assert rejects == []
        last = export_project(
            empty, folder / f"{number}.{suffix}", name, project=project, **options
        )
        assert last.content.split(b"\n") == first.content.split(b"\n")
    return first.content


def config_of(path: Path) -> str | None:
    """Text of the settings or the configuration beside a file."""
    beside = [path.with_name(path.name + end) for end in (".config.xml", ".settings.json")]
    return next((one.read_text() for one in beside if one.exists()), None)
