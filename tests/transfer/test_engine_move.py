"""An organization moves from one engine to the other and back by its archive."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from plaudit.cli import main
from plaudit.settings import Settings
from tests.support.builders import make_tasks
from tests.support.harness import World, store_arguments
from tests.support.sample_tasks import archive_rows, mixed_tasks

SAMPLE = Path(__file__).parents[2] / "src" / "plaudit" / "demo" / "sample.jsonl"


@pytest.fixture
def done(monkeypatch, capfd):
    """Run a command, in this process, that must succeed and have nothing to complain about."""

    def done(*arguments):
        monkeypatch.setattr(sys, "argv", ["plaudit", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = None
        except SystemExit as ended:
            code = ended.code
        assert (code or 0, capfd.readouterr().err) == (0, "")

    return done


def test_an_organization_moves_between_engines_and_back_byte_for_byte(
    done, sqlite_settings, postgres_settings, tmp_path
):
    begin = World(sqlite_settings)
    begin.org()
    generated = make_tasks(300, "generated", project="p", metadata={"é": ["\u2028", 1e300]})
    rows = archive_rows([*mixed_tasks(), *generated])
    rows[0]["value"] = rows[0]["value"] | {"name": "Of every shape"}
    assert begin.load(SAMPLE, "archive")[1] == begin.load(rows, "archive")[1] == []
    begin.close()
    target = World(postgres_settings)
    target.org()
    target.close()
    back = Settings(data=tmp_path / "back")
    done("init", *store_arguments(back))

    archives = []
    for number, settings in enumerate((sqlite_settings, postgres_settings, back)):
        at, out = store_arguments(settings), tmp_path / f"{number}.jsonl"
        if number:
            done("import", tmp_path / f"{number - 1}.jsonl", "--format", "archive", *at)
        done("archive", "--out", out, *at)
        done("db", "check", *at)
        archives.append(out.read_bytes())

    kinds = [json.loads(line)["kind"] for line in archives[0].splitlines()]
    assert kinds.count("task") > 340
    assert archives[0] == archives[1] == archives[2]
