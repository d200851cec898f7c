"""Schedule of control tasks: after which of a person's ordinary tasks gold or a repeat is due.

A draw for each ordinary task, by a seed that nobody sees, decides; so that two processes agree on
it, and the number of control tasks to come is known beforehand: pages count them among the tasks
that wait. After one ordinary task there is one control task at most, so never two in a row.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

from plaudit.model.quality_control import ControlTurn

_DRAWS = 2**32


class ControlRates(Struct, frozen=True):
    """Shares of a person's tasks that are gold, and repeats of their own."""

    gold: float
    repeats: float


def draws(seed: int, ordinary_count: int) -> tuple[float, float]:
    """Two draws from 0 to 1, for gold and for repeats, after so many ordinary tasks."""
    digest = hashlib.blake2b(b"%d %d" % (seed, ordinary_count), digest_size=8).digest()
    first, second = int.from_bytes(digest[:4]), int.from_bytes(digest[4:])
    return first / _DRAWS, second / _DRAWS


def is_due(turn: ControlTurn, rates: ControlRates) -> tuple[bool, bool]:
    """True for gold, and for a repeat, if it is due now; both where either may be given."""
    if turn.control_after == turn.ordinary_count:
        return False, False
    return _is_drawn(turn.seed, turn.ordinary_count, rates)


def count_planned(
    turn: ControlTurn, rates: ControlRates, *, free: int, gold_left: int, repeats_left: int
) -> int:
    """Number of control tasks before the last of `free` ordinary ones is given out."""
    gold = repeats = 0
    for number in range(turn.ordinary_count, turn.ordinary_count + free):
        if number == turn.control_after:
            continue
        is_gold, is_repeat = _is_drawn(turn.seed, number, rates)
        gold += is_gold
        repeats += is_repeat and not is_gold
    return min(gold, gold_left) + min(repeats, repeats_left)


def _is_drawn(seed: int, number: int, rates: ControlRates) -> tuple[bool, bool]:
    first, second = draws(seed, number)
    return first < _odds(rates.gold), second < _odds(rates.repeats)


def _odds(rate: float) -> float:
    """Control tasks for each ordinary one, where they are this share of all, ½ at most."""
    return rate / (1 - rate)
