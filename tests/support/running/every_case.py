"""Many small cases as one test, which names each case that fails.

A test costs four milliseconds before its first line: it is collected by every worker, reported
three times, and set up. Cases that cost less than that and share all they have are better off as
one test. All of them are run, as with `pytest.mark.parametrize`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def every_case(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Any]:
    """Run a test for each case, as a value of `names` or a tuple of them, and then fail once.

    What the test takes beside is made once for all of its cases.
    """
    parameters = names.replace(",", " ").split()
    rows = [case if len(parameters) > 1 else (case,) for case in cases]
    assert rows, "there is a case"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            faults = []
            for number, row in enumerate(rows):
                try:
                    test(**fixtures, **dict(zip(parameters, row, strict=True)))
                except (Exception, pytest.fail.Exception) as fault:
                    fault.add_note(f"case {number} of {test.__name__}: {row!r:.500}")
                    faults.append(fault)
            if faults:
                raise BaseExceptionGroup(f"{len(faults)} of {len(rows)} cases failed", faults)

        signature = inspect.signature(test)
        others = [one for name, one in signature.parameters.items() if name not in parameters]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
