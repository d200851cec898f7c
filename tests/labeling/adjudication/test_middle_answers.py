"""The median that a reviewer may take, whatever the rule of the question is."""

from __future__ import annotations

from plaudit.core.labeling.adjudication.middle_answers import middle_ballot
from plaudit.core.labeling.ballots import Ballot
from plaudit.core.tasks.forms import Consolidate, Field, Level, ScaleDirection
from tests.support.running.every_case import every_case

STARS = Field(key="s", level=Level.turn, type="integer", possible_values=[1, 2, 3, 5, 7])
NUMBER = Field(key="n", level=Level.turn, type="integer", consolidate=Consolidate.first)
SCALE = Field(key="p", level=Level.turn, type="integer", scale=ScaleDirection.low_is_first)
YES = Field(key="y", level=Level.turn, type="boolean")


@every_case(
    "field, values, middle",
    [
        (STARS, [1, 5, 2], 2),
        (STARS, [1, 3], 2),
        (STARS, [3, 5], None),  # four is no possible value
        (STARS, [1, 2], None),
        (NUMBER, [10, 20, 90, 0], 15),
        (SCALE, [2, 4], 3),
        (SCALE, [1, 7], 4),
        (STARS, [3], None),
        (YES, [True, False, True], None),
    ],
)
def test_the_middle_of_the_values_is_offered_where_it_is_a_possible_one(field, values, middle):
    found = middle_ballot(field, [Ballot(value) for value in values])

    assert (found and found.value) == middle


def test_answers_without_a_value_do_not_move_the_middle():
    given = [Ballot(cannot_assess=True), Ballot(2), Ballot(not_applicable=True), Ballot(2)]

    assert middle_ballot(STARS, given) == Ballot(2)
    assert middle_ballot(YES, given) is None
