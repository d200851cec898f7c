"""State of a push beside its file: rows that are done are not sent again after an interruption."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from plaudit.errors import Misconfigured
from plaudit.mirror.pull_state import replace_file

STATE_SUFFIX = ".push.json"


class PushCounts(Struct):
    """Number of rows by what became of them."""

    created: int = 0
    unchanged: int = 0
    rejected: int = 0
    passed_over: int = 0

    @property
    def total(self) -> int:
        """Number of rows."""
        return self.created + self.unchanged + self.rejected + self.passed_over


class PushState(Struct, kw_only=True):
    """Position in a file: the rows that are done, all of them before any other.

    `told_by` is what the push was asked for; a state of another one is not gone on from.
    """

    told_by: list[str]
    done: int = 0
    counts: PushCounts = msgspec.field(default_factory=PushCounts)


def state_path(file: Path) -> Path:
    """File beside the pushed one that has its state."""
    return file.with_name(file.name + STATE_SUFFIX)


def told_by(file: Path, *words: str | None) -> list[str]:
    """Words of a push, with size and time of its file: a file that was changed is another one."""
    stat = file.stat()
    return [str(stat.st_size), str(stat.st_mtime_ns), *(word or "" for word in words)]


def load_push_state(path: Path | None, told_by: list[str]) -> PushState:
    """State of this push, a new one if there is none; raises Misconfigured if it is damaged."""
    if path is None:
        return PushState(told_by=told_by)
    try:
        state = msgspec.json.decode(path.read_bytes(), type=PushState)
    except FileNotFoundError:
        return PushState(told_by=told_by)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Misconfigured(f"{path} is damaged; delete it to begin anew") from None
    return state if state.told_by == told_by else PushState(told_by=told_by)


def save_push_state(path: Path, state: PushState) -> None:
    """Replace the state; raises OSError."""
    replace_file(path, msgspec.json.encode(state))
