"""How much memory an import takes, told by a process that does nothing else."""

from __future__ import annotations

from pathlib import Path

from plaudit.settings import Settings
from tests.support.harness import World


def _peak_mb() -> int:
    """Megabytes that this process has had at the most."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) // 1024


def tell_growth(settings: Settings, path: Path) -> None:
    """Import a file, and say what was made of it and by how many megabytes this process grew."""
    world = World(settings)
    world.load([], project="warm")
    before = _peak_mb()
    print(world.load(path)[0], _peak_mb() - before, sep="|", flush=True)
    world.close()
