"""Collection of a run's tests: what each worker imports first, and the order of the tests."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
from contextlib import suppress

import pytest

GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Objects more than were freed, before Python looks for cycles among the youngest; usually 700."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker begin with other modules, so that each is compiled by one of them.

    In a fresh checkout all of them are compiled, for half of the time that collection takes.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    root = session.config.rootpath
    step = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for path in sorted(root.glob("tests/**/test_*.py"))[int(worker.removeprefix("gw")) :: step]:
        # One that cannot be imported, or skips itself, says so when it is collected.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let half of the workers begin with the slow tests and the others with those in a browser.

    So none of them is left for the end, and no more browsers are started than workers begin with
    them. Slow tests mostly wait, while browsers keep the machine busy. A worker is given a piece of
    the list, all of the same length, and steals when it is done. What a module has of either kind
    stays together, for what its tests share, and so do those that share a demonstration.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    weights = [0] * workers
    half = (workers + 1) // 2
    kinds = [_kind_of(one) for one in items]
    for kind, places in (("slow", range(half)), ("browser", range(half % workers, workers))):
        found = [one for one, its in zip(items, kinds, strict=True) if its == kind]
        found.sort(key=_shares_demonstration, reverse=True)
        for _, group in itertools.groupby(found, key=_shared_by):
            module = list(group)
            place = min(places, key=weights.__getitem__)
            shares[place] += module
            names = {getattr(one, "originalname", one.name) for one in module}
            weights[place] += len(names if kind == "slow" else module)
    others = [one for one, its in zip(items, kinds, strict=True) if its is None]
    length = len(items) // workers
    items.clear()
    for share in shares:
        count = max(0, length - len(share))
        items += share + others[:count]
        del others[:count]
    items += others


def _shares_demonstration(item: pytest.Item) -> bool:
    return "demo" in getattr(item, "fixturenames", ())


def _shared_by(item: pytest.Item) -> object:
    """What a test shares most with: the demonstration of the gallery, or else its module."""
    return "demo" if _shares_demonstration(item) else item.path


def _kind_of(item: pytest.Item) -> str | None:
    if "browser" in getattr(item, "fixturenames", ()):
        return "browser"
    return "slow" if item.get_closest_marker("slow") else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ten thousand tests stay to the end; looking at them again and again took a tenth of a run.

    What tests leave is looked at a hundredth as often as usual, which took another tenth.
    """
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()
