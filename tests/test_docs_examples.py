"""The examples of the documents run, and answer what the documents show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import make_tasks
from tests.support.forked_process import ForkedProcess, forked_command
from tests.support.harness import clean_environment, free_port
from tests.support.running.forked_plaudit import ForkedPlaudit
from tests.test_docs import BIN, BLOCKS, DEFAULT_ADDRESS, Block


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running `plaudit demo`; its address and key, as the examples need them."""
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    process = forked_command(
        "demo", "--port", str(port), environ=clean_environment(), log=folder / "out"
    )
    try:
        yield {"url": f"http://127.0.0.1:{port}", "PLAUDIT_KEY": _key_of(folder / "out", process)}
    finally:
        process.terminate()
        process.wait(35)


def _key_of(out: Path, process: ForkedProcess) -> str:
    """The key that the demo prints, once it answers."""
    for _ in range(1200):
        text = out.read_text() if out.exists() else ""
        found = re.search(r"API key\s+(live_\w+)", text)
        url = re.search(r"http://127\.0\.0\.1:\d+", text)
        if found and url and _answers(url[0]):
            return found[1]
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(out.read_text())


def _answers(url: str) -> bool:
    command = ["curl", "-sf", f"{url}/readyz"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run(block: Block, environ: dict[str, str], folder: Path) -> str:
    """Run a block of shell or Python as it stands, save for the address; return what it prints.

    Programs are looked for in the folders of the environment's PATH, if it names some, first.
    """
    if shutil.which("curl") is None:
        pytest.skip("the examples use curl")
    text = block.text.replace(DEFAULT_ADDRESS, environ.get("url", DEFAULT_ADDRESS))
    command = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    folders = [environ.get("PATH"), str(BIN), os.environ["PATH"]]
    path = os.pathsep.join(one for one in folders if one)
    done = subprocess.run(
        [*command[block.marks[0]], text],
        env=clean_environment(**environ | {"PATH": path}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def differences(shown: Any, real: Any, at: str = "") -> list[str]:
    """Where a shortened answer says something that the real one does not; "…" is anything."""
    if shown == "…":
        return []
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [f"{at}/{key} is not there" for key in shown.keys() - real.keys()]
        return missing + [
            one for key in shown.keys() & real.keys()
            for one in differences(shown[key], real[key], f"{at}/{key}")
        ]  # fmt: skip
    if isinstance(shown, list) and isinstance(real, list) and len(shown) <= len(real):
        pairs = zip(shown, real[: len(shown)], strict=True)
        return [one for n, (s, r) in enumerate(pairs) for one in differences(s, r, f"{at}/{n}")]
    return [] if shown == real else [f"{at} is {real!r}, not {shown!r}"]


class Examples:
    """Blocks marked `run`, which may need what those before them in their document have made."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._printed: dict[Block, str | AssertionError] = {}

    def run(self, block: Block) -> str:
        """What a block prints, once those before it have run; each runs once."""
        for earlier in EXAMPLES:
            if earlier.document == block.document and earlier.number <= block.number:
                self._run_once(earlier)
        printed = self._printed[block]
        if isinstance(printed, AssertionError):
            raise printed
        return printed

    def _run_once(self, block: Block) -> None:
        if block not in self._printed:
            folder = self._folder / f"{len(self._printed)}"
            folder.mkdir()
            try:
                self._printed[block] = run(block, self._environ, folder)
            except AssertionError as failure:
                self._printed[block] = failure


EXAMPLES = [block for block in BLOCKS if block.marks[1:] == ("run",)]


@pytest.fixture(scope="module")
def examples(demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(demo, tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_answers_what_the_document_shows(block, examples):
    """A block marked `run` works against the demonstration; the answer after it is a part of it."""
    following = [b for b in BLOCKS if b[:2] == (block.document, block.number + 1)]

    printed = examples.run(block)

    assert printed
    if block.marks[0] == "sh":
        answer = json.loads(re.split(r"(?<=\})(?=\{)", printed)[-1])
        if following and following[0].marks == ("json", "answer"):
            assert differences(json.loads(following[0].text), answer) == []
        else:
            assert "status_code" not in answer


@pytest.mark.parametrize("name", sorted({b.document for b in BLOCKS if "operate" in b.marks}))
@pytest.mark.slow
def test_the_commands_for_operators_run_one_after_the_other(name, tmp_path):
    """Blocks marked `operate` work in their order, in a folder with a file of tasks.

    Those of the README run the command that was installed; the many of the others one that costs
    less to start.
    """
    rows = "\n".join(json.dumps(task) for task in make_tasks(3))
    (tmp_path / "tasks.jsonl").write_text(rows + "\n")

    with ForkedPlaudit() as programs:
        environ = {} if name == "README.md" else {"PATH": str(programs)}
        for block in BLOCKS:
            if block.document == name and "operate" in block.marks:
                run(block, environ, tmp_path)

    assert (tmp_path / "plaudit-data" / "plaudit.sqlite").exists()


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.marks[:1] == ("json",)], ids=str)
def test_json_in_the_documents_is_json(block):
    json.loads(block.text)
