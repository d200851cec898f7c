"""The received lines of a pull: what was committed is there, and nothing else."""

from __future__ import annotations

import pytest

from plaudit.errors import Misconfigured
from plaudit.mirror.spool import Spool


def test_what_was_not_committed_is_cut_off_even_in_the_middle_of_a_line(tmp_path):
    spool = Spool(tmp_path, {})
    spool.add("task", b"first")
    sizes = spool.sizes()
    spool.add("task", b"second, which was torn")
    spool.add("batch", b"not committed at all")
    spool.close()

    again = Spool(tmp_path, sizes)
    again.add("task", b"third")

    assert list(again.lines("task")) == [b"first", b"third"]
    assert list(again.lines("batch")) == []
    again.close()


def test_a_file_that_has_lost_what_was_committed_is_refused(tmp_path):
    spool = Spool(tmp_path, {})
    spool.add("task", b"first")
    spool.close()

    with pytest.raises(Misconfigured, match="is damaged; delete"):
        Spool(tmp_path, {"task": 100})
