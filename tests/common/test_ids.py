"""The ids that the server mints."""

from __future__ import annotations

import itertools
import re
import threading

from plaudit import ids


def test_ids_minted_one_after_the_other_sort_in_that_order():
    minted = [ids.mint("task") for _ in range(20_000)]

    assert minted == sorted(minted)
    assert all(re.fullmatch(r"task_[0-9a-f]{32}", one) for one in minted)


def test_threads_that_mint_at_once_never_get_the_same_id():
    minted: list[str] = []

    def work():
        minted.extend([ids.mint("task") for _ in range(5_000)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(minted)) == 20_000


def test_an_id_says_nothing_of_the_id_before_it():
    """Within a moment an id is a random step of 64 bits away from the last one."""
    minted = [int(ids.mint("task").removeprefix("task_"), 16) for _ in range(2_000)]

    steps = [after - before for before, after in itertools.pairwise(minted)]
    assert min(steps) > 2**32
