"""Tests of many cases run all of them, and name those that fail."""

from __future__ import annotations

import inspect

import pytest

from tests.support.running.every_case import every_case


def test_every_case_is_run_and_each_that_fails_is_named():
    ran = []

    @every_case("number, word", [(1, "one"), (2, "two"), (3, "three"), (4, "four")])
    def odd(number, word, made):
        ran.append((number, made))
        assert number % 2, word

    with pytest.raises(ExceptionGroup, match="2 of 4 cases failed") as failed:
        odd(made="once")

    assert ran == [(1, "once"), (2, "once"), (3, "once"), (4, "once")]
    notes = [fault.__notes__ for fault in failed.value.exceptions]
    assert notes == [["case 1 of odd: (2, 'two')"], ["case 3 of odd: (4, 'four')"]]


def test_a_test_of_many_cases_asks_for_fixtures_alone():
    @every_case("word", ["one"])
    def takes(word, tmp_path, monkeypatch):
        """A promise."""

    assert list(inspect.signature(takes).parameters) == ["tmp_path", "monkeypatch"]


def test_there_is_no_test_without_a_case():
    with pytest.raises(AssertionError, match="there is a case"):
        every_case("word", [])
