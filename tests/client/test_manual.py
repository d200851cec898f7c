"""The client's manual and notebook run, from their first line to their last."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import ROOT, Server, World, on_shared_sqlite
from tests.test_docs import DEFAULT_ADDRESS, text_of

MANUAL = "docs/client.md"
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

pytestmark = on_shared_sqlite


@pytest.fixture(scope="module")
def sample(shared_world: World) -> World:
    """The store of the demonstration."""
    with as_file(files("plaudit.demo") / "sample.jsonl") as path:
        _, rejects = shared_world.load(path, "archive")
    assert rejects == []
    return shared_world


@pytest.fixture
def run(
    sample: World, shared_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Run pieces of code one after the other in one namespace; return it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAUDIT_URL", shared_server.url)
    monkeypatch.setenv("PLAUDIT_KEY", sample.key())

    def run(pieces: list[str]) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for number, piece in enumerate(pieces):
            text = piece.replace(DEFAULT_ADDRESS, shared_server.url)
            exec(compile(text, f"piece {number}", "exec"), names)
        return names

    return run


def test_the_manual_runs(run, tmp_path):
    blocks = re.findall(r"```python client\n(.*?)```", text_of(MANUAL), re.S)

    names = run(blocks)

    assert len(blocks) >= 10
    assert len(names["pairs"]) > 0
    assert (tmp_path / "pairs.jsonl").stat().st_size > 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(run, path):
    notebook = json.loads(path.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]

    names = run(["".join(cell["source"]) for cell in cells])

    assert len(names["pairs"]) > 0
    assert names["train"].num_rows + names["test"].num_rows == len(names["pairs"])
    assert all(cell["outputs"] == [] for cell in cells)
    assert notebook["nbformat"] == 4
