"""State of a pull, in a folder beside what it makes: a killed pull goes on from it.

The folder holds `state.json`, which is replaced as a whole; the received lines while a pull is
under way; and the ids of the tasks that were not completed when the last one ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from plaudit import private_files
from plaudit.errors import Misconfigured

STATE_FILE = "state.json"
LOCK_FILE = "lock"
OPEN_FILE = "open.jsonl"
STATE_VERSION = 1

StepKind = Literal[
    "project", "projects", "batches", "tasks", "open", "batch", "deliveries", "delivery",
    "schema_of", "schema", "datasets", "dataset_deliveries", "dataset_delivery",
]  # fmt: skip


class PullStep(Struct, frozen=True, omit_defaults=True):
    """One listing to walk, or one object to get, by the `id` of its project, delivery, ….

    `name` is for people; `count` is how many tasks the server says there are, 0 if it does not.
    """

    kind: StepKind
    id: str = ""
    status: str = ""
    name: str = ""
    project_id: str = ""
    count: int = 0


class PullPosition(Struct, frozen=True, omit_defaults=True):
    """Position of a pull: the steps to do, and how far the first of them has come.

    It is replaced as a whole, so that there is no moment at which its parts contradict.
    """

    steps: list[PullStep]
    token: str | None = None
    """Token of the first step's next page."""
    sizes: dict[str, int] = {}
    """Bytes of the received lines by kind."""
    start_sizes: dict[str, int] = {}
    """Those at the beginning of the first step, which may have to begin again."""


class PullRun(Struct, omit_defaults=True):
    """Pull that is under way."""

    is_since_last: bool
    position: PullPosition
    marks: dict[str, str] = {}
    """Greatest `completed_at` received so far, by project."""
    unordered: list[str] = []
    """Projects whose completions did not come in order: their marks are of no use."""
    unknown_batches: list[str] = []
    """Batches that tasks of the project under way name and no listing has shown."""
    task_count: int = 0
    """Tasks that were received, in all versions."""
    is_writing: bool = False
    """True once everything is received, and the file is being written that it goes into."""
    not_shown: list[str] = []
    """Words for listings and objects that the server does not show."""


class PullState(Struct, omit_defaults=True):
    """State of the pulls from one server into one place."""

    url: str
    project_names: list[str]
    opts: list[str]
    version: int = STATE_VERSION
    marks: dict[str, str] = {}
    """Greatest `completed_at` of the pulls that ended, by project."""
    delivered: list[str] = []
    """Ids of the deliveries, those of datasets too, that they have brought; they never change."""
    is_complete: bool = False
    """True once a pull has ended, which the next one can follow."""
    task_count: int = 0
    """Tasks that the last pull of everything received."""
    out_size: int = 0
    """Bytes of the file that the last pull has written."""
    run: PullRun | None = None


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Make a folder and keep it from other pulls until the block ends; raises Misconfigured."""
    try:
        private_files.make_folder(folder)
        private_files.create(folder / LOCK_FILE)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError as exc:
        raise Misconfigured(f"{folder} cannot be written: {exc.strerror}") from exc
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured(f"another pull is at work on {folder}") from None
        yield
    finally:
        os.close(lock)


def load_state(folder: Path) -> PullState | None:
    """State in a folder, None if there is none; raises Misconfigured if it cannot be read."""
    path = folder / STATE_FILE
    try:
        state = msgspec.json.decode(path.read_bytes(), type=PullState)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Misconfigured(f"{path} is damaged; delete {folder} to begin anew") from None
    if state.version != STATE_VERSION:
        raise Misconfigured(f"{path} is of another version; delete {folder} to begin anew")
    return state


def save_state(folder: Path, state: PullState) -> None:
    """Replace the state in a folder, on disk when this returns; raises OSError."""
    replace_file(folder / STATE_FILE, msgspec.json.encode(state))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that it has its old or its new content at any moment; raises OSError."""
    draft = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        draft.unlink()
    with private_files.open_new(draft) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    private_files.sync_folder(path.parent)
