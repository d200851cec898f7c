"""Page on adaptive overlap: figures are those of the simulation, numbers those of the code."""

from __future__ import annotations

import re

from plaudit.core.quality_control import judge_rules
from tests.quality_control.simulated_judges import adaptive, crowd, fixed
from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "quality" / "overlap.md").read_text("utf-8")
CROWDS = {
    "careful: right in 9 of 10": crowd((1, 0.9)),
    "usual: right in 8 of 10": crowd((1, 0.8)),
    "half of them guess": crowd((0.5, 0.8), (0.5, 1 / 3)),
    "half of them guess, and 40 gold cases each tell who": crowd(
        (0.5, 0.8), (0.5, 1 / 3), gold_cases=40
    ),
    "everybody guesses": crowd((1, 1 / 3)),
}


def test_the_table_is_what_the_simulation_gives():
    rows = dict(re.findall(r"^\| ([^|]+?) \| (.*\d) \|$", PAGE, re.M))
    given = {}
    for people, of in CROWDS.items():
        asked = adaptive(of)
        shares = [fixed(of, 3).right, fixed(of, 5).right, asked.right]
        given[people] = " | ".join([f"{share:.1%}".replace("%", " %") for share in shares])
        given[people] += f" | {asked.judges:.2f}"

    assert rows == given


def test_the_numbers_of_the_text_are_those_of_the_rule():
    assert f"({judge_rules.PRIOR_RIGHT} + right) / ({judge_rules.PRIOR_CASES} + n)" in PAGE
    for agreeing, judges, words in ((2, 2, "two who agree"), (2, 3, "two of"), (3, 4, "three of")):
        said = [(0 if number < agreeing else 1, 0.8) for number in range(judges)]
        likely = max(judge_rules.posterior(said, 3))
        assert re.search(rf"{words}[^.]*{likely:.2f}".replace("0.", r"0\."), " ".join(PAGE.split()))
